"""From a model's answers to what a caller reads."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs
import keras
import numpy as np

from car_recog.data.images import Photo
from car_recog.data.pipeline import as_photos
from car_recog.data.samples import ImageDataset
from car_recog.evaluation.pair_calibration import PairCalibration

TOP = 5


@attrs.frozen
class Prediction:
    """The answer for one photo.

    Args:
        source: The file, or the place of the photo among those asked about.
        class_name: The most probable class.
        probability: Its probability, in [0, 1].
        top: The most probable classes with their probabilities, five at most, best first.
    """

    source: str
    class_name: str
    probability: float
    top: tuple[tuple[str, float], ...]


@attrs.frozen(kw_only=True)
class Verification:
    """The answer to whether two photos show the same car.

    Args:
        score: How much alike they are; higher is more.
        probability: How probable it is that they show the same car, where such pairs are as frequent as in the calibration; None
            without one.
        threshold: From which score on the answer is yes; None without a calibration.
        is_same: The answer; None without a calibration.
        is_uncertain: Whether the probability lies in the abstain band, so that a person should look.
    """

    score: float
    probability: float | None
    threshold: float | None
    is_same: bool | None
    is_uncertain: bool


def verdict(score: float, calibration: PairCalibration | None) -> Verification:
    """Say what the score of a pair means."""
    if calibration is None:
        return Verification(score=score, probability=None, threshold=None, is_same=None, is_uncertain=False)
    probability = float(calibration.probability(np.array([score]))[0])
    return Verification(
        score=score,
        probability=probability,
        threshold=calibration.threshold,
        is_same=score >= calibration.threshold,
        is_uncertain=calibration.is_uncertain(probability),
    )


def best_classes(source: str, probabilities: np.ndarray, class_names: Sequence[str]) -> Prediction:
    """Make the answer for one photo from its probabilities, shape `(n_classes,)`."""
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    top = tuple((class_names[i], float(probabilities[i])) for i in best)
    return Prediction(source, *top[0], top)


def answer(model: keras.Model, chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Run a model over chunks of photos."""
    answers = [model.predict_on_batch(chunk) for chunk in chunks]
    return np.concatenate(answers).astype(np.float32) if answers else np.zeros((0, int(model.output.shape[-1])), np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits into probabilities, both of shape `(n, n_classes)`."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def sources(photos: "Photo | Sequence[Photo] | ImageDataset") -> list[str]:
    """Name each photo: its file, or its place."""
    items = [sample.path for sample in photos.samples] if isinstance(photos, ImageDataset) else as_photos(photos)
    return [str(item) if isinstance(item, str | Path) else f"photo {i}" for i, item in enumerate(items)]
