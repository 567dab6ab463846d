"""Whether two photos show the same car."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from car_recog.cohort import Cohort
from car_recog.data.images import Photo
from car_recog.data.pairs import PairDataset
from car_recog.data.samples import ImageDataset
from car_recog.embeddings import weights_digest
from car_recog.errors import NotFittedError
from car_recog.evaluation.pair_calibration import PairCalibration, calibrate_pairs
from car_recog.evaluation.verification import VerificationReport
from car_recog.explain import Explanation
from car_recog.explanations import explain_pair
from car_recog.losses.named import loss_name, pair_loss
from car_recog.prediction import Verification, verdict
from car_recog.runs import Fit, fill_run_folder
from car_recog.training.history import History
from car_recog.training.presets import get_recipe
from car_recog.training.recipe import Recipe
from car_recog.verifying.card import VerificationFacts
from car_recog.verifying.embedder import NOT_ASKED, EmbedderConfig, check_asked
from car_recog.verifying.fitting import FittedVerifier, fit_verifier
from car_recog.verifying.saved import SavedVerifier, load_verifier, save_verifier
from car_recog.verifying.scoring import calibrate_after_training, embed, report_pairs, score_pairs


class SiameseVerifier:
    """Tells whether two photos show the same car. Trains on photos of cars by identity, or on pairs.

    The constructor fixes the network; how it is trained is the recipe of `fit`, and on what decides how two photos are compared: photos
    of identities give embeddings, compared by cosine, pairs give a pair head.

    Args:
        backbone: A name of `list_backbones()`.
        weights: What the backbone starts from: `"imagenet"`, None for random, or the path of a `.h5` or `.weights.h5` file.
        loss: Of the pair head: `"binary_crossentropy"`, `"focal"`, or a Keras loss object on one logit.
        embedding_dim: Length of the embedding.
        distance: What the pair head compares by: `"l1"`, `"cosine"`, or `"weighted_l1"`, the paper's.
        image_size: `(height, width)` in pixels that photos are fitted to.
        normalization: `"backbone"`, what the backbone was trained with, or `"unit"`, plain [0, 1].
        resize: `"stretch"`, `"letterbox"` or `"center_crop"`.
        backbone_options: Handed to the builder of the backbone, such as `{"alpha": 0.25}`.
        pooling: `"average"` or `"gem"`, the generalised mean.
        flip_average: Whether a photo and its mirror image are embedded and averaged. None: where trained on identities.
        local_scaling: Whether the nearest cars of the training scale the cosine, by `Cohort`. None: where trained on identities.

    Raises:
        UnknownNameError: No such backbone or loss; the nearest name is suggested.
        OptionError: A value out of range.

    Example:
        >>> from car_recog import get_recipe
        >>> photos = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
        >>> cars = ImageDataset.from_arrays(photos, ["red audi", "blue bmw"] * 4)
        >>> ver = SiameseVerifier("tiny_cnn", weights=None, image_size=(32, 32))
        >>> history = ver.fit(cars, recipe=get_recipe("finetune", kind="identities", epochs=1), verbose=False)
        >>> round(ver.verify(photos[0], photos[0]).score, 3)
        1.0
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        weights: str | None = "imagenet",
        loss: str | keras.losses.Loss = "binary_crossentropy",
        embedding_dim: int = 128,
        distance: str = "l1",
        image_size: tuple[int, int] = (224, 224),
        normalization: str = "backbone",
        resize: str = "stretch",
        backbone_options: dict[str, Any] | None = None,
        pooling: str = "average",
        flip_average: bool | None = None,
        local_scaling: bool | None = None,
    ) -> None:
        self._config = EmbedderConfig(
            backbone=backbone,
            backbone_options=backbone_options or {},
            image_size=image_size,
            normalization=normalization,
            resize=resize,
            embedding_dim=embedding_dim,
            distance=distance,
            pooling=pooling,
        )
        self._asked = check_asked(flip_average=flip_average, local_scaling=local_scaling)
        self.weights = None if weights is None else str(weights)
        self.loss = loss
        pair_loss(loss)
        self.calibration: PairCalibration | None = None
        self._state: FittedVerifier | None = None
        self._evaluation: VerificationFacts | None = None

    @classmethod
    def paper(cls, backbone: str = "resnet50", loss: str | keras.losses.Loss = "binary_crossentropy") -> Self:
        """Give the configuration of the paper, to be trained on pairs with `recipe="paper"`.

        ImageNet weights, frozen; photos of 224 x 224 in [0, 1]; global average pooling; dense 128 with ReLU; unit length; a dense
        sigmoid unit on the absolute differences.

        Args:
            backbone: The paper has `"resnet50"` and `"mobilenet_v2"`.
            loss: The paper has `"binary_crossentropy"` and `"focal"`.

        Source: Sardrod and Omidvar, section III.B.
        """
        return cls(backbone, loss=loss, distance="weighted_l1", normalization="unit", flip_average=False)

    def __repr__(self) -> str:
        state = "not fitted" if self._state is None else "calibrated" if self.calibration else "not calibrated"
        return f"{type(self).__name__}({self.config.backbone!r}, {state})"

    @property
    def config(self) -> EmbedderConfig:
        """What fixes the network but its weights; trained on identities it compares by cosine, whatever the constructor said."""
        return self._state.config if self._state else self._config

    @property
    def model(self) -> keras.Model:
        """The Keras model from photos in [0, 255], `(batch, height, width, 3)`, to embeddings of unit length `(batch, embedding_dim)`."""
        return self._fitted().embedder.model

    @property
    def threshold(self) -> float | None:
        """From which score on two photos show the same car; None before `calibrate`."""
        return self.calibration.threshold if self.calibration else None

    @property
    def cohort(self) -> Cohort | None:
        """The cars of the training by which scores are scaled; None where they are not, and before `fit`."""
        return self._state.cohort if self._state else None

    @property
    def weights_digest(self) -> str:
        """Fingerprint of all weights: embeddings of two verifiers can be compared where it is equal."""
        return weights_digest(self._fitted().embedder.whole)

    def _fitted(self) -> FittedVerifier:
        if self._state is None:
            raise NotFittedError(f"This {type(self).__name__} is not fitted. Call fit first, or {type(self).__name__}.load(folder).")
        return self._state

    def fit(
        self,
        train: PairDataset | ImageDataset,
        val: PairDataset | ImageDataset | None = None,
        *,
        recipe: str | Recipe = "finetune",
        objective: str | keras.losses.Loss | None = None,
        seed: int = 0,
        run_folder: str | Path | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        on_error: str = "skip",
        verbose: bool = True,
    ) -> History:
        """Train, from the weights of the constructor on; whatever was fitted before is forgotten.

        Args:
            train: Photos whose classes are identities, for metric learning, which compares by cosine; identities with one photo serve as
                impostors. Or pairs, for the pair head.
            val: Pairs to measure each epoch on; or photos of identities, of which all genuine pairs are taken and as many impostors. The
                threshold of the equal error rate on them is kept.
            recipe: `"finetune"`, for pairs also `"paper"`, or a `Recipe`.
            objective: Of metric learning: `"supervised_contrastive"` (None), `"multi_similarity"`, `"triplet"`, `"arcface"`, or a loss.
            seed: Seed of first weights, order and augmentation.
            run_folder: Receives `history.csv`, `history.png`, `config.json` and the `bundle`. Must be new or empty.
            callbacks: Keras callbacks, used in every phase.
            on_error: `"skip"` leaves broken photos out with a warning, `"raise"` stops.
            verbose: Whether progress is shown on the error output.

        Returns:
            The epochs of all phases.

        Raises:
            DataError: Nothing to learn from: one kind of pair, or no identity with two photos.
            OptionError: A recipe that asks for what cannot be, or an objective for pairs.
            TrainingError: The loss became infinite or no number.
        """
        config = self._config.for_training(is_metric=isinstance(train, ImageDataset), **self._asked)
        fit = Fit(
            config=config,
            weights=self.weights,
            loss=self.loss,
            recipe=get_recipe(recipe, kind="identities" if config.is_metric else "pairs"),
            seed=seed,
            run_folder=run_folder,
            callbacks=callbacks,
            on_error=on_error,
            verbose=verbose,
        )
        judged = PairDataset.sample(val, seed=seed) if isinstance(val, ImageDataset) else val
        fitted = fit_verifier(fit, config, train, judged, objective)
        self._state, self._evaluation = fitted, None
        self.calibration = None if judged is None else calibrate_after_training(fitted, judged, verbose=verbose)
        fill_run_folder(fit, self.save, fitted.facts, fitted.history)
        return fitted.history

    def embed(self, photos: "Photo | Sequence[Photo] | ImageDataset") -> np.ndarray:
        """Embed photos: float32 of unit length, shape `(n_photos, embedding_dim)`.

        Embeddings of a dataset are kept on disk, so that no photo passes the same network twice.

        Raises:
            ImageDecodeError: A photo cannot be decoded.
            NotFittedError: Nothing was trained or loaded.
        """
        return embed(self._fitted(), photos)

    def score_embeddings(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Score pairs of embeddings, both `(n_pairs, embedding_dim)`: float32 `(n_pairs,)`, the same for both orders."""
        return self._fitted().score(first, second)

    def score(self, pairs: PairDataset) -> np.ndarray:
        """Score pairs, each distinct photo embedded once: float32, shape `(n_pairs,)`; for errors see `embed`."""
        embeddings = self.embed(pairs.images)
        return self.score_embeddings(embeddings[pairs.first], embeddings[pairs.second])

    def probability(self, scores: np.ndarray) -> np.ndarray | None:
        """Give the probability that pairs of these scores show the same car; None before `calibrate`."""
        return None if self.calibration is None else self.calibration.probability(scores)

    def verify(self, a: Photo, b: Photo) -> Verification:
        """Compare two photos: paths, bytes, uint8 arrays or Pillow images; for errors see `embed`."""
        first, second = self.embed([a, b])
        return verdict(float(self.score_embeddings(first[None], second[None])[0]), self.calibration)

    def explain(self, a: Photo, b: Photo) -> tuple[Explanation, Explanation]:
        """Show which places of two photos make them alike, by Grad-CAM on both; for errors see `embed`."""
        return explain_pair(self, a, b)

    def calibrate(
        self,
        pairs: PairDataset,
        far: float | None = None,
        *,
        target: str | None = None,
        abstain: tuple[float, float] | None = None,
        verbose: bool = True,
    ) -> PairCalibration:
        """Choose and keep the threshold, and what scores mean as probabilities, on pairs that neither training nor test has seen.

        Args:
            pairs: The pairs; broken photos are left out.
            far: The false accept rate to keep, such as 0.01: the lowest threshold that keeps it on these pairs.
            target: Instead of `far`: `"eer"`, where false accepts and rejects balance, or `"accuracy"`.
            abstain: Two probabilities; answers between them are marked as uncertain.
            verbose: Whether a terminal shows how far decoding is.

        Raises:
            OptionError: Not exactly one of `far` and `target`.
            DataError: One kind of pair is missing, or there are too few impostors for that FAR.
        """
        loaded, scores = score_pairs(self._fitted(), pairs, verbose=verbose)
        self.calibration = calibrate_pairs(scores, loaded.is_genuine, loaded.identities, far=far, target=target, abstain=abstain)
        return self.calibration

    def evaluate(self, pairs: PairDataset, *, verbose: bool = True) -> VerificationReport:
        """Judge the scores, and the verdicts at the stored threshold, on pairs. Pairs of broken photos are left out and counted.

        Args:
            pairs: The pairs, of cars that neither training nor calibration has seen; one kind missing is a DataError.
            verbose: Whether a terminal shows how far decoding is.
        """
        loaded, scores = score_pairs(self._fitted(), pairs, verbose=verbose)
        report = report_pairs(self._fitted(), pairs, loaded, scores, self.calibration, kind=type(self).__name__)
        self._evaluation = VerificationFacts.of(report)
        return report

    def save(self, folder: str | Path) -> None:
        """Save as a folder: configuration, threshold with its evidence, weights, checksums and a model card for people.

        Raises:
            NotFittedError: Nothing was trained or loaded.
            BundleError: The folder exists and holds something else.
        """
        saved = SavedVerifier(self._fitted(), loss_name(self.loss), self.calibration, self._evaluation)
        save_verifier(Path(folder), type(self).__name__, saved)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load a saved verifier. No code of the folder is run: the network is built from the registry.

        Raises:
            BundleError: Damaged or mismatching files, an unknown version, another kind, or sizes that do not fit.
            UnknownNameError: The backbone is of a plug-in that is not installed.
        """
        saved = load_verifier(Path(folder), cls.__name__)
        plain = saved.fitted.config.to_dict()
        verifier = cls(**{name: value for name, value in plain.items() if name not in NOT_ASKED}, weights=None)
        verifier.loss, verifier._state = saved.loss, saved.fitted
        verifier.calibration, verifier._evaluation = saved.calibration, saved.evaluation
        return verifier
