"""From photos that training never saw to the calibration of a classifier."""

from collections.abc import Sequence
from contextlib import suppress

import attrs
import numpy as np

from car_recog.classifying.answering import pass_through
from car_recog.classifying.fitting import Fitted
from car_recog.data.images import Photo
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError
from car_recog.evaluation.class_calibration import ClassCalibration, calibrate_classes
from car_recog.network import NetworkConfig
from car_recog.runs import FEATURE_BATCH, fitted_chunks, load_fitted


def calibrate_classifier(
    fitted: Fitted,
    config: NetworkConfig,
    val: ImageDataset,
    *,
    precision: float | None,
    coverage: float | None,
    unknown: "Photo | Sequence[Photo] | ImageDataset | None",
    verbose: bool,
) -> tuple[ClassCalibration, Fitted]:
    """Calibrate both ways of answering: by the network, and by the means of classes; see `CarClassifier.calibrate`.

    Returns:
        The calibration of the way in use, and the classifier with both; the other one is None where it fails what was asked for.
    """
    photos = load_fitted(config, val.with_class_names(fitted.known.names), on_error="skip", verbose=verbose)
    groups = [val[int(i)].group for i in photos.kept]
    seen = pass_through(fitted.network, photos.chunks(FEATURE_BATCH))
    strange = None
    if unknown is not None:
        strange = pass_through(fitted.network, fitted_chunks(config, unknown, on_error="skip", verbose=verbose))

    def calibrate(*, by_means: bool) -> ClassCalibration:
        """Calibrate one way of answering; photos of classes that are not among its own are left out."""
        known = fitted.known if by_means else fitted.trained
        numbers = {name: i for i, name in enumerate(known.names)}
        labels = np.array([numbers.get(fitted.known.names[label], -1) for label in photos.labels])
        places = np.flatnonzero(labels >= 0)
        if not len(places):
            raise DataError("None of these photos is of a class that the network was trained on.")

        def answers(logits: np.ndarray, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            similarities = known.similarities(embeddings)
            return (similarities if by_means else logits), similarities

        logits, similarities = answers(*seen)
        return calibrate_classes(
            logits[places],
            labels[places],
            similarities=similarities[places],
            precision=precision,
            coverage=coverage,
            unknown=None if strange is None else answers(*strange),
            level_labels=known.level_labels,
            groups=[groups[i] for i in places],
        )

    in_use, other = calibrate(by_means=fitted.has_prototypes), None
    with suppress(DataError):
        other = calibrate(by_means=not fitted.has_prototypes)
    return in_use, attrs.evolve(fitted, calibrations=(other, in_use) if fitted.has_prototypes else (in_use, other))
