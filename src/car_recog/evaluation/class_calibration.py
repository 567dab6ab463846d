"""What a classifier's probabilities mean and which of its answers to reject, chosen on photos, with the evidence for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.errors import DataError, OptionError
from car_recog.evaluation.calibration import ReliabilityBin, calibration_error
from car_recog.evaluation.hierarchy import check_levels, walk
from car_recog.evaluation.intervals import Interval, draw_weights, number_groups, percentiles, share_interval
from car_recog.evaluation.operating_points import area, rank
from car_recog.evaluation.outliers import SCORES, auroc, known_first, outlier_scores
from car_recog.evaluation.plots import draw_before_and_after, save
from car_recog.evaluation.rejection import coverage_curve, threshold_for_coverage, threshold_for_precision
from car_recog.evaluation.temperature import check_logits, fit_temperature, softmax

PRECISION = 0.9
NEVER_SURE = 2.0
_PLAIN = ("temperature", "threshold", "accepted", "accepted_accuracy", "ece_before", "ece_after", "n_photos", "n_unknown")


def _bins(values: Sequence[Any]) -> tuple[ReliabilityBin, ...]:
    return tuple(one if isinstance(one, ReliabilityBin) else ReliabilityBin(**one) for one in values)


def _numbers(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _intervals(values: Mapping[str, Sequence[float]]) -> dict[str, Interval]:
    return {name: (float(low), float(high)) for name, (low, high) in values.items()}


@attrs.frozen(kw_only=True)
class ClassCalibration:
    """A temperature, a threshold, and what both rest on.

    Args:
        temperature: Logits are divided by it.
        score: What the threshold is of: `max_softmax`, `energy` or `class_means`; see `outliers.outlier_scores`.
        threshold: An answer is rejected when its score is below it.
        precision: Share of the accepted answers that was to be right; None where a coverage was asked for.
        coverage: Share of the photos that was to be accepted; None where a precision was asked for.
        n_photos: Photos of the calibration, all of known classes.
        accepted: Share of them that is accepted.
        accepted_accuracy: Share of the accepted answers that are right there.
        ece_before: Expected calibration error there without the temperature.
        ece_after: The same with it.
        reliability_before: The bins of the calibration error without the temperature.
        reliability_after: The same with it.
        level_thresholds: Probability from which on each level of the hierarchy is sure; 2 where none is high enough.
        auroc: How well each score tells known from unknown photos; empty without unknown ones.
        n_unknown: Unknown photos of the calibration.
        unknown_accepted: Share of them that is accepted all the same; None without any.
        intervals: 95 % intervals of `accepted`, `accepted_accuracy`, `ece_before`, `ece_after`, `unknown_accepted`, and `auroc_...` of
            each score.
    """

    temperature: float
    score: str = attrs.field(validator=attrs.validators.in_(SCORES))
    threshold: float
    precision: float | None
    coverage: float | None
    n_photos: int
    accepted: float
    accepted_accuracy: float
    ece_before: float
    ece_after: float
    reliability_before: tuple[ReliabilityBin, ...] = attrs.field(converter=_bins, repr=False)
    reliability_after: tuple[ReliabilityBin, ...] = attrs.field(converter=_bins, repr=False)
    level_thresholds: tuple[float, ...] = attrs.field(converter=_numbers)
    auroc: Mapping[str, float]
    n_unknown: int
    unknown_accepted: float | None
    intervals: Mapping[str, Interval] = attrs.field(converter=_intervals)

    def __attrs_post_init__(self) -> None:
        numbers = (*(getattr(self, name) for name in _PLAIN), *self.level_thresholds, *self.auroc.values())
        if not all(isinstance(number, int | float) and np.isfinite(number) for number in numbers) or self.temperature <= 0:
            raise OptionError(f"A calibration is made of finite numbers and a temperature above 0; got {numbers}.")

    def plot(self, folder: str | Path) -> list[Path]:
        """Draw `reliability.png` into a folder: probabilities before and after. Needs the extra `plots`.

        Returns:
            The files.
        """
        figure = draw_before_and_after((self.reliability_before, self.ece_before), (self.reliability_after, self.ece_after))
        return [save(figure, Path(folder) / "reliability.png")]


def calibrate_classes(
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    similarities: np.ndarray,
    precision: float | None = None,
    coverage: float | None = None,
    unknown: tuple[np.ndarray, np.ndarray] | None = None,
    level_labels: Sequence[np.ndarray] = (),
    groups: Sequence[object] | None = None,
) -> ClassCalibration:
    """Fit the temperature, and choose the score that rejects, its threshold, and those of the levels.

    Where unknown photos are given, the score with the highest AUROC rejects, of those by which the precision can be reached; where not, the
    probability of the answer does. The thresholds are chosen on known photos alone.

    Args:
        logits: Of photos that were not trained on, shape `(n, n_classes)`.
        labels: Their class ids, shape `(n,)`.
        similarities: Cosine of each photo's embedding to the mean of each class, shape `(n, n_classes)`.
        precision: Share of the accepted answers that shall be right; 0.9 where no coverage is given either. The levels aim at it too.
        coverage: Share of the photos that shall be accepted, instead.
        unknown: Logits and similarities of photos that show none of the classes.
        level_labels: See `hierarchy.walk`.
        groups: Key of the photos that are not independent of each other, one per photo; None stands alone. The intervals draw groups.

    Raises:
        OptionError: Both precision and coverage, or one that is no share.
        DataError: Arrays that do not fit or are empty, or a precision that no threshold reaches.
    """
    if precision is not None and coverage is not None:
        raise OptionError("Give either precision, such as precision=0.95, or coverage, such as coverage=0.8.")
    checked, labels = check_logits(logits, labels)
    levels = check_levels(level_labels, checked.shape[1])
    aim = PRECISION if precision is None else precision
    temperature = fit_temperature(checked, labels)
    scaled, units = _scale(logits, temperature), number_groups(groups)
    is_right = scaled.argmax(axis=1) == labels
    known = outlier_scores(scaled, similarities)
    strange = None if unknown is None else _scores_of_unknown(unknown, temperature, checked.shape[1])
    areas = {} if strange is None else {name: auroc(known[name], strange[name]) for name in SCORES}
    able = [name for name in areas if coverage is not None or coverage_curve(known[name], is_right).kept_for(aim)]
    score = max(able or areas, key=areas.__getitem__, default=SCORES[0])
    trust = known[score]
    threshold = threshold_for_precision(trust, is_right, aim) if coverage is None else threshold_for_coverage(trust, coverage)
    is_accepted = trust >= threshold
    is_let_in = np.zeros(0, bool) if strange is None else strange[score] >= threshold
    ece_before, before, bins_before = calibration_error(softmax(checked).max(axis=1), is_right, units=units)
    ece_after, after, bins_after = calibration_error(known["max_softmax"], is_right, units=units)
    intervals = {"ece_before": before, "ece_after": after}
    intervals["accepted"] = share_interval(is_accepted, units=units)
    intervals["accepted_accuracy"] = share_interval(is_right, among=is_accepted, units=units)
    if strange is not None:
        intervals["unknown_accepted"] = share_interval(is_let_in)
        intervals |= {f"auroc_{name}": _auroc_interval(known[name], strange[name], units) for name in SCORES}
    return ClassCalibration(
        temperature=temperature,
        score=score,
        threshold=threshold,
        precision=aim if coverage is None else None,
        coverage=coverage,
        n_photos=len(labels),
        accepted=float(is_accepted.mean()),
        accepted_accuracy=float(is_right[is_accepted].mean()),
        ece_before=ece_before,
        ece_after=ece_after,
        reliability_before=bins_before,
        reliability_after=bins_after,
        level_thresholds=_level_thresholds(softmax(scaled), labels, levels, aim),
        auroc=areas,
        n_unknown=len(is_let_in),
        unknown_accepted=float(is_let_in.mean()) if len(is_let_in) else None,
        intervals=intervals,
    )


def _scores_of_unknown(unknown: tuple[np.ndarray, np.ndarray], temperature: float, n_classes: int) -> dict[str, np.ndarray]:
    logits, similarities = unknown
    if np.ndim(logits) != 2 or np.shape(logits)[1] != n_classes:
        raise DataError(f"Logits of unknown photos have {n_classes} columns as those of the known; got shape {np.shape(logits)}.")
    return outlier_scores(_scale(logits, temperature), similarities)


def _scale(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Divide as the classifier does, in the numbers that came, so that a photo on the threshold stays there."""
    return np.asarray(np.asarray(logits) / np.float32(temperature))


def _level_thresholds(probabilities: np.ndarray, labels: np.ndarray, levels: list[np.ndarray], precision: float) -> tuple[float, ...]:
    if not levels:
        return ()
    choices, sure = walk(probabilities, levels)
    is_right = np.logical_and.accumulate(choices == np.array(levels, int)[:, labels].T, axis=1)
    kept = [coverage_curve(*level).kept_for(precision) for level in zip(sure.T, is_right.T, strict=True)]
    return tuple(one.threshold if one else NEVER_SURE for one in kept)


def _auroc_interval(known: np.ndarray, unknown: np.ndarray, units: np.ndarray | None) -> Interval:
    """Draw known photos, or their groups, and unknown ones."""
    ranking = rank(*known_first(known, unknown))
    place = np.arange(len(known)) if units is None else units
    draws = zip(draw_weights(int(place.max()) + 1, seed=0), draw_weights(len(unknown), seed=1), strict=True)
    weightings = (np.concatenate([of_known[:, place], of_unknown], axis=1) for of_known, of_unknown in draws)
    return percentiles(np.concatenate([area(*ranking.accepted(weights)) for weights in weightings]))
