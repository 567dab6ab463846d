"""Whether probabilities mean what they say."""

from collections.abc import Iterable

import attrs
import numpy as np

from car_recog.evaluation.intervals import Interval, bootstrap

MAX_BINS = 15
PHOTOS_PER_BIN = 10


@attrs.frozen
class ReliabilityBin:
    """Photos that were answered about equally surely.

    Args:
        confidence: Mean probability of their answers.
        accuracy: Share of the answers that are right.
        n_photos: Their number.
    """

    confidence: float
    accuracy: float
    n_photos: int


def calibration_error(
    confidences: np.ndarray,
    is_right: np.ndarray,
    *,
    n_bins: int | None = None,
    units: np.ndarray | None = None,
    weights: Iterable[np.ndarray] | None = None,
) -> tuple[float, Interval, tuple[ReliabilityBin, ...]]:
    """Measure the expected calibration error (ECE): how far probability and accuracy lie apart, in the mean over bins.

    Bins hold equally many photos, sorted by confidence; photos of one confidence lie in one bin, so that their order does not matter.
    The ECE of few photos is too large: chance alone drives probability and accuracy of a bin apart, and more so the more bins there
    are. The bootstrap repeats this bias, so the interval is the one that reflects its quantiles at the figure; it always holds the figure.

    Args:
        confidences: Probability of each answer, shape `(n,)`.
        is_right: Whether the answer is right, shape `(n,)`.
        n_bins: None takes 15, fewer where a bin would hold less than 10 photos, one at least.
        units: See `intervals.bootstrap`.
        weights: See there.

    Returns:
        The ECE, its 95 % interval, and the bins that hold photos, by confidence.

    Example:
        >>> error, _, bins = calibration_error(np.array([0.6, 0.8]), np.array([True, True]), n_bins=1)
        >>> round(error, 3), bins[0].accuracy
        (0.3, 1.0)

    Source: Guo et al., ICML 2017, equation 3, arXiv:1706.04599 (after Naeini et al., AAAI 2015), with the bins of equal mass of Nixon et
        al., CVPR Workshops 2019, arXiv:1904.01685. The bias: Roelofs et al., AISTATS 2022, arXiv:2012.08668. The interval: Davison and
        Hinkley 1997, chapter 5, the basic bootstrap.
    """
    n = len(confidences)
    bin_of = _bins(confidences, n_bins or min(MAX_BINS, max(n // PHOTOS_PER_BIN, 1)))
    gaps = np.zeros((n, bin_of.max() + 1))
    gaps[np.arange(n), bin_of] = is_right - confidences.astype(float)
    columns = np.concatenate([gaps, np.ones((n, 1))], axis=1)

    def error_of(sums: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1])

    error = float(error_of(columns.sum(axis=0, keepdims=True))[0])
    low, high = bootstrap(columns, error_of, units=units, weights=weights)
    interval = max(min(error, 2 * error - high), 0.0), max(error, 2 * error - low)
    members = [bin_of == number for number in np.unique(bin_of)]
    bins = [ReliabilityBin(float(confidences[of].mean()), float(is_right[of].mean()), int(of.sum())) for of in members]
    return error, interval, tuple(bins)


def _bins(confidences: np.ndarray, n_bins: int) -> np.ndarray:
    """Number the bin of each photo by the middle of the ranks of its confidence."""
    ordered = np.sort(confidences)
    middle_twice = np.searchsorted(ordered, confidences, "left") + np.searchsorted(ordered, confidences, "right")
    return np.asarray(middle_twice * n_bins // (2 * len(confidences)))
