"""What a fitted classifier says about photos."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from car_recog.card import TrainingFacts
from car_recog.classifying.fitting import Fitted
from car_recog.classifying.known_classes import to_unit_length
from car_recog.data.images import Photo
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, NotFittedError
from car_recog.evaluation.class_calibration import ClassCalibration
from car_recog.evaluation.temperature import softmax
from car_recog.explain import Explanation
from car_recog.explanations import explain_class
from car_recog.network import Network, NetworkConfig
from car_recog.prediction import Prediction, answer_all, predictions, sources
from car_recog.runs import fitted_chunks


def pass_through(network: Network, chunks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Give the logits `(n, n_classes)` and the unit-length embeddings `(n, dim)` of photos."""
    logits, features = answer_all(network.both, chunks)
    return logits, to_unit_length(features)


class Answering:
    """The part of a classifier that answers; `CarClassifier` adds how it is trained, judged, calibrated and saved."""

    config: NetworkConfig
    _state: Fitted | None

    @property
    def model(self) -> keras.Model:
        """The Keras model, from photos in [0, 255] of shape `(batch, height, width, 3)` to logits `(batch, n_classes)`."""
        return self._network.model

    @property
    def class_names(self) -> tuple[str, ...]:
        """What it tells apart, in the order of the columns of `predict_proba`; empty before `fit`."""
        return self._state.known.names if self._state else ()

    @property
    def training_facts(self) -> TrainingFacts:
        """How it came to be: date, recipe, photos by class, `counts["n_cropped"]` where photos were cut to a box.

        Raises:
            NotFittedError: Nothing was trained or loaded.
        """
        return self._fitted().facts

    @property
    def calibration(self) -> ClassCalibration | None:
        """What `calibrate` chose, for the way of answering in use; None before."""
        return self._state.calibration_in_use if self._state else None

    @property
    def _network(self) -> Network:
        return self._fitted().network

    def _fitted(self) -> Fitted:
        if self._state is None:
            raise NotFittedError(f"This {type(self).__name__} is not fitted. Call fit first, or {type(self).__name__}.load(folder).")
        return self._state

    def predict(self, photos: "Photo | Sequence[Photo] | ImageDataset") -> list[Prediction]:
        """Name the class of each photo.

        Args:
            photos: Paths, bytes, uint8 arrays, Pillow images, one of them alone, or a dataset.

        Raises:
            ImageDecodeError: A photo cannot be decoded.
            NotFittedError: Nothing was trained or loaded.
        """
        return self._predictions(sources(photos), *self._answers(fitted_chunks(self.config, photos)))

    def predict_group(self, photos: "Sequence[Photo] | ImageDataset") -> Prediction:
        """Name the class of one car from several photos of it: the mean of their calibrated logits decides.

        Raises:
            DataError: No photos.
        """
        logits, similarities = self._answers(fitted_chunks(self.config, photos))
        if not len(logits):
            raise DataError("predict_group needs at least one photo of the car.")
        fused = (values.mean(axis=0, keepdims=True) for values in (logits, similarities))
        return self._predictions([f"{len(logits)} photos"], *fused)[0]

    def predict_proba(self, photos: "Photo | Sequence[Photo] | ImageDataset") -> np.ndarray:
        """Give the probability of every class: float32, shape `(n_photos, n_classes)`; calibrated once `calibrate` has run."""
        return softmax(self._answers(fitted_chunks(self.config, photos))[0])

    def embed(self, photos: "Photo | Sequence[Photo] | ImageDataset") -> np.ndarray:
        """Give the pooled features of each photo at unit length: float32, shape `(n_photos, dim)`."""
        return pass_through(self._network, fitted_chunks(self.config, photos))[1]

    def explain(self, photo: Photo, class_name: str | None = None) -> Explanation:
        """Show which places of a photo speak for a class, by Grad-CAM.

        Args:
            photo: One photo.
            class_name: The class that is asked about; the most probable one where not given.

        Raises:
            OptionError: The network has no such class.
        """
        return explain_class(self, photo, class_name)

    def _answers(self, chunks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Give calibrated logits of photos, and cosines to the means of the classes, both `(n, n_classes)`."""
        fitted = self._fitted()
        logits, embeddings = pass_through(fitted.network, chunks)
        similarities = fitted.known.similarities(embeddings)
        temperature = self.calibration.temperature if self.calibration else 1.0
        return (similarities if fitted.has_prototypes else logits) / np.float32(temperature), similarities

    def _predictions(self, names: Sequence[str], logits: np.ndarray, similarities: np.ndarray) -> list[Prediction]:
        return predictions(names, logits, similarities, self._fitted().known, self.calibration)
