"""Which answers to keep: those at or above a threshold of confidence; the fewer are kept, the more of them are right."""

from typing import Any

import attrs
import numpy as np

from car_recog.errors import DataError, OptionError
from car_recog.evaluation.intervals import Interval, share_interval
from car_recog.evaluation.temperature import check_finite

WANTED = (0.9, 0.95, 0.99)
_ALIKE = attrs.cmp_using(eq=np.array_equal)


@attrs.frozen
class Kept:
    """What a threshold keeps.

    Args:
        threshold: An answer is kept when its confidence is at or above it.
        coverage: Share of the photos that are kept.
        accuracy: Share of the answers kept that are right.
    """

    threshold: float
    coverage: float
    accuracy: float


@attrs.frozen
class CoverageCurve:
    """What each threshold keeps. Photos of one confidence are kept or left together.

    Args:
        thresholds: Each distinct confidence, the highest first.
        n_kept: Photos at or above it.
        n_right: Photos among them whose answer is right.
    """

    thresholds: np.ndarray = attrs.field(eq=_ALIKE, repr=False)
    n_kept: np.ndarray = attrs.field(eq=_ALIKE, repr=False)
    n_right: np.ndarray = attrs.field(eq=_ALIKE, repr=False)

    @property
    def coverage(self) -> np.ndarray:
        """Share of the photos that are kept."""
        return np.asarray(self.n_kept / self.n_kept[-1])

    @property
    def accuracy(self) -> np.ndarray:
        """Share of the answers kept that are right."""
        return np.asarray(self.n_right / self.n_kept)

    @property
    def cautious_accuracy(self) -> np.ndarray:
        """The accuracy with one mistake more than was seen, since whoever chooses a threshold here has seen the photos."""
        return np.asarray(self.n_right / (self.n_kept + 1))

    def kept_for(self, precision: float) -> Kept | None:
        """Tell what the lowest threshold keeps that reaches a precision with one mistake more than was seen; None where none does.

        Raises:
            OptionError: The precision does not lie between 0 and 1.
        """
        if not 0 < precision < 1:
            raise OptionError(f"precision must lie between 0 and 1, such as 0.9; got {precision!r}.")
        places = np.flatnonzero(self.cautious_accuracy >= precision)
        return Kept(*(float(of[places[-1]]) for of in (self.thresholds, self.coverage, self.accuracy))) if len(places) else None


def coverage_curve(confidence: np.ndarray, is_right: np.ndarray) -> CoverageCurve:
    """Count what each threshold keeps.

    Args:
        confidence: Of each answer, shape `(n,)`; higher means surer.
        is_right: Whether the answer is right, shape `(n,)`.

    Raises:
        DataError: No photos, shapes that differ, or a confidence that is not finite.

    Example:
        >>> curve = coverage_curve(np.array([0.9, 0.5, 0.5]), np.array([True, True, False]))
        >>> curve.thresholds.tolist(), curve.coverage.round(2).tolist(), curve.accuracy.round(2).tolist()
        ([0.9, 0.5], [0.33, 1.0], [1.0, 0.67])
    """
    confidence, is_right = np.asarray(confidence, np.float64), np.asarray(is_right, bool)
    if confidence.ndim != 1 or confidence.shape != is_right.shape:
        raise DataError(f"Expected one confidence and one truth per photo; got shapes {confidence.shape} and {is_right.shape}.")
    if not len(confidence):
        raise DataError("A threshold needs photos to be chosen on; none came.")
    check_finite(confidence, "confidences")
    order = np.argsort(-confidence, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    return CoverageCurve(confidence[order][ends], ends + 1, np.cumsum(is_right[order])[ends])


def threshold_for_precision(confidence: np.ndarray, is_right: np.ndarray, precision: float) -> float:
    """Find the lowest threshold that keeps answers of at least this precision.

    One mistake more than was seen is counted, since the threshold is chosen on these very photos: `(wrong + 1) / (kept + 1)` must not
    exceed `1 - precision`. So 0.9 takes nine right answers without a mistake, 0.99 takes 99. New photos then reach the precision in the
    mean over many such choices, not in each.

    Raises:
        OptionError: The precision does not lie between 0 and 1.
        DataError: No threshold reaches it on these photos, or see `coverage_curve`.

    Example:
        >>> threshold_for_precision(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]), 0.75)
        0.7
    """
    curve = coverage_curve(confidence, is_right)
    kept = curve.kept_for(precision)
    if kept is None:
        raise DataError(
            f"No threshold reaches a precision of {precision:g} on these {curve.n_kept[-1]:,} photos; "
            f"{curve.cautious_accuracy.max():.3f} is the most, one mistake more than was seen being counted. Ask for less, or bring more "
            f"photos: {precision:g} takes at least {int(np.ceil(precision / (1 - precision) - 1e-9)):,} right answers without a mistake."
        )
    return kept.threshold


def threshold_for_coverage(confidence: np.ndarray, coverage: float) -> float:
    """Find the highest threshold that keeps at least this share of the photos.

    Raises:
        OptionError: The share is not above 0 and at most 1.
        DataError: See `coverage_curve`.

    Example:
        >>> threshold_for_coverage(np.array([0.9, 0.8, 0.7, 0.6]), 0.5)
        0.8
    """
    if not 0 < coverage <= 1:
        raise OptionError(f"coverage must be a share above 0 and at most 1, such as 0.8; got {coverage!r}.")
    curve = coverage_curve(confidence, np.zeros(len(confidence), bool))
    return float(curve.thresholds[np.argmax(curve.coverage >= coverage)])


def kept_figures(
    sure: np.ndarray, is_right: np.ndarray, is_accepted: np.ndarray | None, units: np.ndarray | None
) -> tuple[dict[str, Any], dict[str, Interval]]:
    """Tell what is kept by the thresholds for the accuracies one mostly wants, and by the classifier's own verdict.

    Args:
        sure: Probability of each answer, shape `(n,)`.
        is_right: Shape `(n,)`.
        is_accepted: The verdict, bool of shape `(n,)`; None where there is none.
        units: See `intervals.bootstrap`.

    Returns:
        Fields of the report by name, and their 95 % intervals.
    """
    curve = coverage_curve(sure, is_right)
    kept_for = {wanted: curve.kept_for(wanted) for wanted in WANTED}
    masks = {(f"coverage_at_{wanted}", f"accuracy_at_{wanted}"): sure >= kept.threshold for wanted, kept in kept_for.items() if kept}
    fields: dict[str, Any] = {"coverage_curve": curve, "kept_for": kept_for}
    if is_accepted is not None:
        masks["accepted", "accepted_accuracy"] = is_accepted = np.asarray(is_accepted, bool)
        fields["accepted"] = float(is_accepted.mean())
        fields["accepted_accuracy"] = float(is_right[is_accepted].mean()) if is_accepted.any() else None
    spans: dict[str, Interval] = {}
    for (coverage, accuracy), is_kept in masks.items():
        spans[coverage] = share_interval(is_kept, units=units)
        if is_kept.any():
            spans[accuracy] = share_interval(is_right, among=is_kept, units=units)
    return fields, spans
