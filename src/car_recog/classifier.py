"""Which part, or which make and model, a photo shows."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import keras

from car_recog.card import EvaluationFacts, describe
from car_recog.classifying.answering import Answering
from car_recog.classifying.calibrating import calibrate_classifier
from car_recog.classifying.fitting import Fitted, fit_network
from car_recog.classifying.saved import SavedClassifier, load_classifier, save_classifier
from car_recog.data.images import Photo
from car_recog.data.pipeline import LoadedPhotos
from car_recog.data.samples import ImageDataset
from car_recog.errors import NotFittedError
from car_recog.evaluation.class_calibration import ClassCalibration
from car_recog.evaluation.classification import ClassificationReport, classification_report
from car_recog.evaluation.report import Background
from car_recog.evaluation.temperature import softmax
from car_recog.losses.named import classifier_loss, loss_name
from car_recog.network import NetworkConfig
from car_recog.prediction import accepted, sources
from car_recog.runs import FEATURE_BATCH, Fit, fill_run_folder, label_photos, load_fitted
from car_recog.training.history import History
from car_recog.training.presets import get_recipe
from car_recog.training.recipe import Recipe


class CarClassifier(Answering):
    """Tells classes of car photos apart: makes, models, parts. Trains on your own photos in one call.

    The constructor fixes the network; how it is trained is the recipe of `fit`.

    Args:
        backbone: A name of `list_backbones()`.
        weights: What the backbone starts from: `"imagenet"`, None for random, or the path of a `.h5` or `.weights.h5` file.
        head: `"lean"`, `"paper"`, `"brands"`, `"ladder"`, or widths of hidden layers.
        loss: `"cross_entropy"`, `"focal"`, or a Keras loss object on logits.
        image_size: `(height, width)` in pixels that photos are fitted to.
        normalization: `"backbone"`, what the backbone was trained with, or `"unit"`, plain [0, 1].
        resize: `"stretch"`, `"letterbox"` or `"center_crop"`.
        backbone_options: Handed to the builder of the backbone, such as `{"alpha": 0.25}`.

    Raises:
        UnknownNameError: No such backbone, head or loss; the nearest name is suggested.
        OptionError: A value out of range.

    Example:
        >>> import numpy as np
        >>> from car_recog import get_recipe
        >>> photos = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
        >>> clf = CarClassifier("tiny_cnn", weights=None, image_size=(32, 32))
        >>> data = ImageDataset.from_arrays(photos, ["audi", "bmw"] * 4)
        >>> history = clf.fit(data, recipe=get_recipe("finetune", epochs=1), verbose=False)
        >>> clf.predict(photos[0])[0].class_name in ("audi", "bmw")
        True
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        weights: str | None = "imagenet",
        head: str | Sequence[int] = "lean",
        loss: str | keras.losses.Loss = "cross_entropy",
        image_size: tuple[int, int] = (224, 224),
        normalization: str = "backbone",
        resize: str = "stretch",
        backbone_options: dict[str, Any] | None = None,
    ) -> None:
        self.config = NetworkConfig(
            backbone=backbone,
            backbone_options=backbone_options or {},
            head=head,
            image_size=image_size,
            normalization=normalization,
            resize=resize,
        )
        self.weights = None if weights is None else str(weights)
        self.loss = loss
        classifier_loss(loss)
        self._state: Fitted | None = None
        self._evaluation: EvaluationFacts | None = None

    def __repr__(self) -> str:
        state = f"{len(self.class_names)} classes" if self._state else "not fitted"
        return f"{type(self).__name__}({self.config.backbone!r}, {state})"

    def fit(
        self,
        train: ImageDataset,
        val: ImageDataset | None = None,
        *,
        recipe: str | Recipe = "finetune",
        seed: int = 0,
        run_folder: str | Path | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        on_error: str = "skip",
        verbose: bool = True,
    ) -> History:
        """Train on photos, from the weights of the constructor on; whatever was fitted before is forgotten.

        Args:
            train: The photos. Their class names become the classes.
            val: Photos to measure each epoch on; their classes are matched by name.
            recipe: `"finetune"`, `"paper"`, `"brands"`, `"ecommerce"`, a name of the family `"ladder"`, or a `Recipe`.
            seed: Seed of first weights, order and augmentation.
            run_folder: Receives `photos.png`, labelled photos, before the first epoch; then `history.csv`, `history.png`, `config.json` and
                the `bundle`. Must be new or empty.
            callbacks: Keras callbacks, used in every phase.
            on_error: `"skip"` leaves broken photos out with a warning, `"raise"` stops.
            verbose: Whether progress is shown on the error output.

        Returns:
            The epochs of all phases.

        Raises:
            DataError: Classes without photos, fewer than two classes, or classes in `val` that `train` does not have.
            OptionError: A recipe that asks for what cannot be, such as early stopping without `val`.
            TrainingError: The loss became infinite or no number.
        """
        fit = Fit(
            config=self.config,
            weights=self.weights,
            loss=self.loss,
            recipe=get_recipe(recipe),
            seed=seed,
            run_folder=run_folder,
            callbacks=callbacks,
            on_error=on_error,
            verbose=verbose,
        )
        fitted = fit_network(fit, self.config, train, val)
        self._state, self._evaluation = fitted, None
        fill_run_folder(fit, self.save, fitted.facts, fitted.history)
        return fitted.history

    def evaluate(self, test: ImageDataset, *, verbose: bool = True) -> ClassificationReport:
        """Judge the answers on photos whose classes are known. Broken photos are left out, counted and named.

        Classes are matched by name; `test` need not have all of them. Where samples have groups the intervals draw whole groups.

        Args:
            test: The photos.
            verbose: Whether a terminal shows how far decoding is.

        Raises:
            DataError: A class that this classifier does not know.
        """
        fitted = self._fitted()
        known = test.with_class_names(fitted.known.names)
        photos = load_fitted(self.config, known, on_error="skip", verbose=verbose)
        names = sources(known)
        logits, similarities = self._answers(photos.chunks(FEATURE_BATCH))
        report = classification_report(
            softmax(logits),
            photos.labels,
            class_names=self.class_names,
            groups=[known[int(i)].group for i in photos.kept],
            sources=[names[i] for i in photos.kept],
            read=photos.read,
            skipped={str(path): message for path, message in photos.skipped.items()},
            background=self._background(photos),
            is_accepted=accepted(logits, similarities, self.calibration),
        )
        self._evaluation = EvaluationFacts(
            n_photos=report.n_photos, accuracy=report.accuracy, macro_f1=report.macro_f1, intervals=report.intervals, ece=report.ece
        )
        return report

    def _background(self, judged: LoadedPhotos) -> Background:
        fitted = self._fitted()
        return Background(
            title=f"{type(self).__name__}: {len(self.class_names)} classes",
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            facts=describe(self.config.to_dict(), self.class_names, loss_name(self.loss), fitted.facts),
            class_counts=fitted.facts.class_counts,
            history=fitted.history.history or None,
            photos=fitted.labelled or label_photos(judged, self.class_names, seed=0),
            photos_from="the training" if fitted.labelled else "those judged",
        )

    def calibrate(
        self,
        val: ImageDataset,
        *,
        precision: float | None = None,
        coverage: float | None = None,
        unknown: "Photo | Sequence[Photo] | ImageDataset | None" = None,
        verbose: bool = True,
    ) -> ClassCalibration:
        """Make probabilities mean what they say, and choose from where on an answer is rejected.

        A temperature is fitted; then a threshold is chosen by which `Prediction.rejected` is told, and one for each level of the
        hierarchy. The classifier keeps them, and saves them with the evidence.

        Args:
            val: Photos that training never saw, with their classes. Broken ones are left out.
            precision: Share of the answers that are not rejected which are to be right; 0.9 where `coverage` is not given either.
            coverage: Share of photos like these that are to be answered, instead of `precision`.
            unknown: Photos of what the classifier does not know. Where given, the way to tell them that does best is chosen.
            verbose: Whether a terminal shows how far decoding is.

        Raises:
            DataError: A class that this classifier does not know, or a precision that no threshold reaches.
            OptionError: Both `precision` and `coverage`, or one that makes no sense.

        Source: temperature: Guo et al., ICML 2017, arXiv:1706.04599.
        """
        found, self._state = calibrate_classifier(
            self._fitted(), self.config, val, precision=precision, coverage=coverage, unknown=unknown, verbose=verbose
        )
        return found

    def enroll(
        self, name: str, photos: "Photo | Sequence[Photo] | ImageDataset", attributes: Mapping[str, str] | None = None
    ) -> None:
        """Learn a class from a few photos, without training. From then on all classes are scored by their means in the embedding.

        Args:
            name: Of the new class.
            photos: Of the new class; one will do, several are better.
            attributes: Its make, model and year, as far as all other classes have them.

        Raises:
            NotFittedError: `calibrate` did not run yet, or found the means not good enough: their scores would have no probabilities.
            OptionError: The name is taken, or an attribute is missing.
            ImageDecodeError: A photo cannot be decoded.
        """
        fitted = self._by_means()
        self._state = attrs.evolve(fitted, known=fitted.known.add(name, self.embed(photos), attributes))

    def remove(self, name: str) -> None:
        """Forget a class, enrolled or trained; what is left is scored by means, or by the network where that is all it was trained on.

        Raises:
            NotFittedError: As for `enroll`.
            OptionError: No such class, or only two are left.
        """
        fitted = self._by_means()
        self._state = attrs.evolve(fitted, known=fitted.known.without(name))

    def _by_means(self) -> Fitted:
        """Give what was fitted, if its classes can be scored by their means."""
        fitted = self._fitted()
        if fitted.calibrations[True] is None:
            advice = "Calibrate for less: by their means it was not reached" if fitted.calibrations[False] else "Call calibrate first"
            raise NotFittedError(f"{advice}. Where classes are enrolled or removed all are scored by their means, calibrated apart.")
        return fitted

    def save(self, folder: str | Path) -> None:
        """Save as a folder: configuration, weights, checksums and a model card for people.

        Raises:
            NotFittedError: Nothing was trained or loaded.
            BundleError: The folder exists and holds something else.
        """
        saved = SavedClassifier(self.config, self._fitted(), loss_name(self.loss), self._evaluation)
        save_classifier(Path(folder), type(self).__name__, saved)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load a saved classifier. No code of the folder is run: the network is built from the registry.

        Raises:
            BundleError: Damaged or mismatching files, an unknown version, another kind, or sizes that do not fit.
            UnknownNameError: The backbone is of a plug-in that is not installed.
        """
        saved = load_classifier(Path(folder), cls.__name__)
        classifier = cls(saved.config.backbone, weights=None, loss=saved.loss)
        classifier.config, classifier._state, classifier._evaluation = saved.config, saved.fitted, saved.evaluation
        return classifier


class PartClassifier(CarClassifier):
    """Tells which part of a car a photo shows. A `CarClassifier` in all but the paper's configuration."""

    @classmethod
    def paper(cls, backbone: str = "resnet50", loss: str = "focal") -> Self:
        """Give the configuration of the paper, to be trained with `recipe="paper"`.

        From scratch, photos of 224 x 224 in [0, 1], dropout 0.5, dense 512 with L2, batch normalisation. The paper gives no
        strength of L2; 1e-4 is our choice.

        Args:
            backbone: The paper has `"resnet50"` and `"inception_v3"`.
            loss: The paper has `"focal"` (alpha 0.25, gamma 2) and `"cross_entropy"`.

        Source: Sardrod and Omidvar, section III.A.
        """
        return cls(backbone, weights=None, head="paper", loss=loss, image_size=(224, 224), normalization="unit")
