"""Which part, or which make and model, a photo shows."""

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import keras
import numpy as np

from car_recog.bundle import check_size, load_weights, read_config, write_bundle
from car_recog.card import EvaluationFacts, TrainingFacts, describe, model_card
from car_recog.data.images import Photo
from car_recog.data.pipeline import LoadedPhotos, as_photos, load_photos, photo_chunks
from car_recog.data.samples import ImageDataset
from car_recog.errors import BundleError, NotFittedError
from car_recog.evaluation.classification import ClassificationReport, classification_report
from car_recog.evaluation.report import Background
from car_recog.fitting import Fitted, fit_network
from car_recog.losses.named import CLASSIFIER_LOSSES, classifier_loss, loss_name
from car_recog.network import Network, NetworkConfig, build_network
from car_recog.prediction import Prediction, answer, best_classes, softmax, sources
from car_recog.runs import Fit, fill_run_folder, label_photos, load_fitted
from car_recog.training.history import History
from car_recog.training.presets import get_recipe
from car_recog.training.recipe import Recipe

BATCH = 64
MAX_CLASSES = 100_000


class CarClassifier:
    """Tells classes of car photos apart: makes, models, parts. Trains on your own photos in one call.

    The constructor fixes the network; how it is trained is the recipe of `fit`.

    Args:
        backbone: A name of `list_backbones()`.
        weights: What the backbone starts from: `"imagenet"`, None for random, or the path of a `.h5` or `.weights.h5` file.
        head: `"lean"`, `"paper"`, `"brands"`, or widths of hidden layers.
        loss: `"cross_entropy"`, `"focal"`, or a Keras loss object on logits.
        image_size: `(height, width)` in pixels that photos are fitted to.
        normalization: `"backbone"`, what the backbone was trained with, or `"unit"`, plain [0, 1].
        resize: `"stretch"`, `"letterbox"` or `"center_crop"`.
        backbone_options: Handed to the builder of the backbone, such as `{"alpha": 0.25}`.

    Raises:
        UnknownNameError: No such backbone, head or loss; the nearest name is suggested.
        OptionError: A value out of range.

    Example:
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
        self.class_names: tuple[str, ...] = ()
        self._state: Fitted | None = None
        self._evaluation: EvaluationFacts | None = None

    def __repr__(self) -> str:
        state = f"{len(self.class_names)} classes" if self._state else "not fitted"
        return f"{type(self).__name__}({self.config.backbone!r}, {state})"

    @property
    def model(self) -> keras.Model:
        """The Keras model, from photos in [0, 255] of shape `(batch, height, width, 3)` to logits `(batch, n_classes)`."""
        return self._network.model

    @property
    def _network(self) -> Network:
        return self._fitted().network

    def _fitted(self) -> Fitted:
        if self._state is None:
            raise NotFittedError(f"This {type(self).__name__} is not fitted. Call fit first, or {type(self).__name__}.load(folder).")
        return self._state

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
            recipe: `"finetune"`, `"paper"`, or a `Recipe`.
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
            run_folder=None if run_folder is None else Path(run_folder),
            callbacks=callbacks,
            on_error=on_error,
            verbose=verbose,
        )
        fitted, history = fit_network(fit, self.config, train, val)
        self._state, self.class_names, self._evaluation = fitted, train.class_names, None
        if fit.run_folder is not None:
            self.save(fit.run_folder / "bundle")
            fill_run_folder(fit.run_folder, self.config, fitted.facts, history)
        return history

    def predict(self, photos: "Photo | Sequence[Photo] | ImageDataset") -> list[Prediction]:
        """Name the class of each photo.

        Args:
            photos: Paths, bytes, uint8 arrays, Pillow images, one of them alone, or a dataset.

        Raises:
            ImageDecodeError: A photo cannot be decoded.
            NotFittedError: Nothing was trained or loaded.
        """
        probabilities = self.predict_proba(photos)
        return [best_classes(source, row, self.class_names) for source, row in zip(sources(photos), probabilities, strict=True)]

    def predict_proba(self, photos: "Photo | Sequence[Photo] | ImageDataset") -> np.ndarray:
        """Give the probability of every class: float32, shape `(n_photos, n_classes)`."""
        return softmax(answer(self.model, self._chunks(photos)))

    def embed(self, photos: "Photo | Sequence[Photo] | ImageDataset") -> np.ndarray:
        """Give the pooled features of each photo at unit length: float32, shape `(n_photos, dim)`."""
        features = answer(self._network.features, self._chunks(photos))
        return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12))

    def evaluate(self, test: ImageDataset, *, verbose: bool = True) -> ClassificationReport:
        """Judge the answers on photos whose classes are known. Broken photos are left out, counted and named.

        Classes are matched by name; `test` need not have all of them. Where samples have groups the intervals draw whole groups.

        Args:
            test: The photos.
            verbose: Whether a terminal shows how far decoding is.

        Raises:
            DataError: A class that this classifier does not know.
        """
        model = self.model
        known = test.with_class_names(self.class_names)
        photos = load_fitted(self.config, known, on_error="skip", verbose=verbose)
        names = sources(known)
        report = classification_report(
            softmax(answer(model, photos.chunks(BATCH))),
            photos.labels,
            class_names=self.class_names,
            groups=[known[int(i)].group for i in photos.kept],
            sources=[names[i] for i in photos.kept],
            read=photos.read,
            skipped={str(path): message for path, message in photos.skipped.items()},
            background=self._background(photos),
        )
        self._evaluation = EvaluationFacts(
            n_photos=report.n_photos, accuracy=report.accuracy, macro_f1=report.macro_f1, intervals=report.intervals, ece=report.ece
        )
        return report

    def _background(self, judged: LoadedPhotos) -> Background:
        fitted, kind = self._fitted(), type(self).__name__
        return Background(
            title=f"{kind}: {len(self.class_names)} classes",
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            facts=describe(kind, self.config.to_dict(), self.class_names, self._loss_name, fitted.facts),
            class_counts=fitted.facts.class_counts,
            history=fitted.history.history if fitted.history else None,
            photos=fitted.labelled or label_photos(judged, self.class_names, seed=0),
            photos_from="the training" if fitted.labelled else "those judged",
        )

    @property
    def _loss_name(self) -> str:
        return loss_name(self.loss)

    def save(self, folder: str | Path) -> None:
        """Save as a folder: configuration, weights, checksums and a model card for people.

        Raises:
            NotFittedError: Nothing was trained or loaded.
            BundleError: The folder exists and holds something else.
        """
        fitted, loss = self._fitted(), self._loss_name
        kind, plain = type(self).__name__, self.config.to_dict()
        config = {
            "kind": kind,
            "network": plain,
            "class_names": list(self.class_names),
            "loss": loss,
            "training": attrs.asdict(fitted.facts),
            "evaluation": self._evaluation and attrs.asdict(self._evaluation),
        }
        card = model_card(kind, plain, self.class_names, loss, fitted.facts, self._evaluation)
        write_bundle(Path(folder), config=config, model=fitted.network.model, card=card)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load a saved classifier. No code of the folder is run: the network is built from the registry.

        Raises:
            BundleError: Damaged or mismatching files, an unknown version, another kind, or sizes that do not fit.
            UnknownNameError: The backbone is of a plug-in that is not installed.
        """
        path = Path(folder)
        content = read_config(path, kind=cls.__name__)
        try:
            network, class_names = dict(content["network"]), tuple(content["class_names"])
            config = NetworkConfig(**network)
            if not 1 < len(class_names) <= MAX_CLASSES or not all(isinstance(name, str) for name in class_names):
                raise BundleError(f"expected 2 to {MAX_CLASSES} class names")
            arguments = {name: value for name, value in attrs.asdict(config).items() if name != "decoder_version"}
            classifier = cls(**arguments, weights=None, loss=content["loss"] if content["loss"] in CLASSIFIER_LOSSES else "cross_entropy")
            training = TrainingFacts(**content["training"])
            classifier._evaluation = EvaluationFacts(**content["evaluation"]) if content.get("evaluation") else None
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"'{path}' has a configuration that makes no sense: {error}") from error
        classifier.class_names = class_names
        check_size(path, lambda: build_network(config, n_classes=len(class_names), weights=None).model)
        built = build_network(config, n_classes=len(class_names), weights=None)
        load_weights(path, built.model)
        classifier._state = Fitted(built, training)
        return classifier

    def _chunks(self, photos: "Photo | Sequence[Photo] | ImageDataset") -> Iterator[np.ndarray]:
        size, resize = self.config.image_size, self.config.resize
        if isinstance(photos, ImageDataset):
            return load_photos(photos, image_size=size, resize=resize, on_error="raise").chunks(BATCH)
        return photo_chunks(as_photos(photos), BATCH, image_size=size, resize=resize)


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
