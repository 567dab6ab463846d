"""From photos and pairs to embeddings, scores, and the report on them."""

import datetime
import warnings
from collections.abc import Sequence

import numpy as np

from car_recog.data.images import Photo
from car_recog.data.pair_loading import LoadedPairs, load_pairs
from car_recog.data.pairs import PairDataset
from car_recog.data.pipeline import LoadedPhotos
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError
from car_recog.evaluation.pair_calibration import PairCalibration, calibrate_pairs
from car_recog.evaluation.report import Background
from car_recog.evaluation.verification import VerificationReport, verification_report
from car_recog.prediction import answer, sources
from car_recog.runs import fitted_chunks, kept_answers, label_photos, load_fitted, photo_features
from car_recog.training.callbacks import CollapseWarning
from car_recog.verifying.card import describe_calibration, describe_verifier
from car_recog.verifying.fitting import FittedVerifier


def embed(fitted: FittedVerifier, photos: "Photo | Sequence[Photo] | ImageDataset") -> np.ndarray:
    """Embed photos; see `SiameseVerifier.embed`."""
    if isinstance(photos, ImageDataset):
        return _embed_loaded(fitted, load_fitted(fitted.config, photos, on_error="raise", verbose=False))
    return answer(fitted.embedder.model, fitted_chunks(fitted.config, photos))


def score_pairs(fitted: FittedVerifier, pairs: PairDataset, *, verbose: bool) -> tuple[LoadedPairs, np.ndarray]:
    """Score the pairs whose photos can both be decoded, each distinct photo embedded once."""
    loaded = load_pairs(pairs, lambda images: load_fitted(fitted.config, images, on_error="skip", verbose=verbose))
    embeddings = _embed_loaded(fitted, loaded.photos)
    return loaded, fitted.score(embeddings[loaded.first], embeddings[loaded.second])


def calibrate_after_training(fitted: FittedVerifier, pairs: PairDataset, *, verbose: bool) -> PairCalibration | None:
    """Choose the threshold of the equal error rate; None, with a warning, where scores tell nothing: the training is not lost with it."""
    loaded, scores = score_pairs(fitted, pairs, verbose=verbose)
    try:
        return calibrate_pairs(scores, loaded.is_genuine, loaded.identities, target="eer")
    except DataError as error:
        warnings.warn(f"No threshold was stored. {error}", CollapseWarning, stacklevel=3)
        return None


def _embed_loaded(fitted: FittedVerifier, photos: LoadedPhotos) -> np.ndarray:
    """Embed decoded photos by way of what is kept: the features of the backbone, which a new head leaves as they are, if they suffice."""
    if fitted.config.flip_average:
        return kept_answers(fitted.config, fitted.embedder.model, photos)
    return np.asarray(fitted.embedder.head.predict(photo_features(fitted.config, fitted.embedder.features, photos), verbose=0))


def report_pairs(
    fitted: FittedVerifier,
    pairs: PairDataset,
    loaded: LoadedPairs,
    scores: np.ndarray,
    calibration: PairCalibration | None,
    *,
    kind: str,
) -> VerificationReport:
    """Judge the scores of the pairs whose photos could be decoded; `kind` is the class of the verifier."""
    names = sources(pairs.images)
    places = loaded.photos.kept

    def read(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return loaded.photos.read(loaded.first[chosen]), loaded.photos.read(loaded.second[chosen])

    return verification_report(
        scores,
        loaded.is_genuine,
        identities=loaded.identities,
        threshold=calibration.threshold if calibration else None,
        probabilities=calibration.probability(scores) if calibration else None,
        kinds=None if pairs.kinds is None else [pairs.kinds[i] for i in loaded.kept],
        sources=[(names[places[a]], names[places[b]]) for a, b in zip(loaded.first, loaded.second, strict=True)],
        read=read,
        skipped={str(path): message for path, message in loaded.photos.skipped.items()},
        background=_background(fitted, loaded.photos, pairs.images.class_names, calibration, kind),
    )


def _background(
    fitted: FittedVerifier, photos: LoadedPhotos, class_names: Sequence[str], calibration: PairCalibration | None, kind: str
) -> Background:
    facts = describe_verifier(fitted.config, fitted.goal, fitted.facts)
    return Background(
        title=f"{kind}: same car or not",
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        facts=facts | {"Where it says yes": describe_calibration(calibration)},
        class_counts={},
        history=fitted.history.history or None,
        photos=label_photos(photos, class_names, seed=0),
        photos_from="those judged",
    )
