"""From a model's answers to what a caller reads."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs
import keras
import numpy as np

from car_recog.classifying.known_classes import KnownClasses
from car_recog.data.images import Photo
from car_recog.data.pipeline import as_photos
from car_recog.data.samples import ImageDataset
from car_recog.evaluation.class_calibration import ClassCalibration
from car_recog.evaluation.hierarchy import walk
from car_recog.evaluation.outliers import outlier_scores
from car_recog.evaluation.pair_calibration import PairCalibration
from car_recog.evaluation.temperature import softmax

TOP = 5
_ROUNDING = 1e-6  # of a sum of probabilities, which may come out below the 1 that it is


@attrs.frozen
class Level:
    """What is said of a photo at one level of a hierarchy, such as the make.

    Args:
        name: The level: make, model or year.
        value: What is answered there.
        probability: Its probability: that of all classes below it.
        is_sure: Whether that is enough for the precision that was calibrated for, here and at the levels above; None without a
            calibration.
    """

    name: str
    value: str
    probability: float
    is_sure: bool | None


@attrs.frozen
class Prediction:
    """The answer for one photo.

    Args:
        source: The file, or the place of the photo among those asked about.
        class_name: The most probable class.
        probability: Its probability, in [0, 1].
        top: The most probable classes with their probabilities, five at most, best first.
        rejected: Whether the photo is too strange, or the answer too unsure, to be relied on; None without a calibration.
        hierarchy: Make, model and year as far as the classes have them: at each level the most probable answer below the one before.
    """

    source: str
    class_name: str
    probability: float
    top: tuple[tuple[str, float], ...]
    rejected: bool | None = None
    hierarchy: tuple[Level, ...] = ()


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
        impostors_above: Share of the impostor pairs of the calibration that scored at least as much; None without a calibration, or with
            one that did not keep their scores.
        genuine_below: Share of its genuine pairs that scored less, alike.
    """

    score: float
    probability: float | None
    threshold: float | None
    is_same: bool | None
    is_uncertain: bool
    impostors_above: float | None = None
    genuine_below: float | None = None


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
        impostors_above=calibration.impostors_above(score),
        genuine_below=calibration.genuine_below(score),
    )


def abstain_scores(calibration: PairCalibration | None) -> list[float] | None:
    """Give the two scores between which a person should look: where Platt's curve crosses the band of probabilities."""
    if calibration is None or calibration.abstain is None or calibration.slope <= 0:
        return None
    inner = np.clip(calibration.abstain, 1e-9, 1 - 1e-9)
    scores: list[float] = ((np.log(inner / (1 - inner)) - calibration.intercept) / calibration.slope).tolist()
    return scores


def predictions(
    names: Sequence[str], logits: np.ndarray, similarities: np.ndarray, known: KnownClasses, calibration: ClassCalibration | None
) -> list[Prediction]:
    """Say what the answers for photos mean.

    Args:
        names: What each photo is called.
        logits: Calibrated, shape `(n, n_classes)`.
        similarities: Cosines to the means of the classes, of the same shape.
        known: The classes.
        calibration: What the logits were calibrated by.
    """
    probabilities = softmax(logits)
    is_accepted = accepted(logits, similarities, calibration)
    rejected: Sequence[bool | None] = [None] * len(names) if is_accepted is None else (~is_accepted).tolist()
    levels = _levels(probabilities, known, calibration)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    tops = [tuple((known.names[i], float(row[i])) for i in places) for row, places in zip(probabilities, best, strict=True)]
    return [Prediction(name, *top[0], top, no, level) for name, top, no, level in zip(names, tops, rejected, levels, strict=True)]


def accepted(logits: np.ndarray, similarities: np.ndarray, calibration: ClassCalibration | None) -> np.ndarray | None:
    """Tell which answers are not rejected: bool, shape `(n,)`; None without a calibration. For the arguments see `predictions`."""
    if calibration is None:
        return None
    return np.asarray(outlier_scores(logits, similarities)[calibration.score] >= calibration.threshold)


def _levels(probabilities: np.ndarray, known: KnownClasses, calibration: ClassCalibration | None) -> list[tuple[Level, ...]]:
    if not known.levels:
        return [()] * len(probabilities)
    choices, shares = walk(probabilities, known.level_labels)
    is_sure: np.ndarray | None = None
    if calibration is not None:
        reached = shares >= np.array(calibration.level_thresholds) - _ROUNDING
        is_sure = np.logical_and.accumulate(reached, axis=1)
    nodes = known.nodes
    return [
        tuple(
            Level(name, nodes[depth][choice[depth]][depth], float(share[depth]), None if is_sure is None else bool(is_sure[i, depth]))
            for depth, name in enumerate(known.levels)
        )
        for i, (choice, share) in enumerate(zip(choices, shares, strict=True))
    ]


def answer_all(model: keras.Model, chunks: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Run a model over chunks of photos: float32 `(n, dim)` for each of its outputs."""
    parts = [[np.zeros((0, int(output.shape[-1])), np.float32) for output in model.outputs]]
    parts += [keras.tree.flatten(model.predict_on_batch(chunk)) for chunk in chunks]
    return [np.concatenate(column).astype(np.float32) for column in zip(*parts, strict=True)]


def answer(model: keras.Model, chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Run a model of one output over chunks of photos."""
    return answer_all(model, chunks)[0]


def sources(photos: "Photo | Sequence[Photo] | ImageDataset") -> list[str]:
    """Name each photo: its file, or its place."""
    items = [sample.path for sample in photos.samples] if isinstance(photos, ImageDataset) else as_photos(photos)
    return [str(item) if isinstance(item, str | Path) else f"photo {i}" for i, item in enumerate(items)]
