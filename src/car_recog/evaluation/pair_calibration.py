"""Where a verifier says yes, chosen on pairs, with the evidence for it."""

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from car_recog.errors import DataError, OptionError
from car_recog.evaluation.intervals import Interval, percentiles
from car_recog.evaluation.operating_points import equal_error_rate, most_accurate, point_at_far
from car_recog.evaluation.pair_bootstrap import pair_figures
from car_recog.evaluation.platt import Platt, fit_platt

TARGETS = ("eer", "accuracy")
N_KEPT = 1_000
"""How many scores of each kind of pair are kept as evidence; of more, as many evenly chosen ones of the sorted."""
_NOISE = 1e-5  # what the size of a batch may change of a score: a pair of the calibration, asked about again, still ties with itself


def _numbers(values: Sequence[float]) -> tuple[float, ...]:
    kept = tuple(float(value) for value in values)
    if len(kept) > N_KEPT or not np.isfinite(kept).all():
        raise OptionError(f"A calibration keeps at most {N_KEPT} scores of each kind, all finite; got {len(kept)}.")
    return kept


def _band(value: Sequence[float] | None) -> tuple[float, float] | None:
    if value is None:
        return None
    try:
        low, high = (float(bound) for bound in value)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if not 0.0 <= low <= high <= 1.0:
        raise OptionError(f"abstain must be two probabilities (low, high) in [0, 1]; got {value!r}.")
    return low, high


@attrs.frozen(kw_only=True)
class PairCalibration:
    """A threshold, the probabilities of scores, and what both rest on.

    Args:
        threshold: A pair is accepted when its score is at or above it.
        target: What it was chosen for: `far 0.01`, `eer` or `accuracy`.
        far: False accept rate on the pairs of the calibration.
        frr: False reject rate there.
        intervals: 95 % intervals of both, over identities.
        n_genuine: Genuine pairs of the calibration.
        n_impostor: Impostor pairs of the calibration.
        slope: Of the log-odds over the score.
        intercept: Log-odds at score 0.
        abstain: Pairs whose probability lies between these two, both included, are uncertain; None: no pair is.
        genuine_scores: What genuine pairs of the calibration scored, all or `N_KEPT` of them; empty where that was not kept.
        impostor_scores: What impostor pairs of the calibration scored, alike.
    """

    threshold: float
    target: str
    far: float
    frr: float
    intervals: Mapping[str, Interval]
    n_genuine: int
    n_impostor: int
    slope: float
    intercept: float
    abstain: tuple[float, float] | None = attrs.field(default=None, converter=_band)
    genuine_scores: tuple[float, ...] = attrs.field(default=(), converter=_numbers, repr=False)
    impostor_scores: tuple[float, ...] = attrs.field(default=(), converter=_numbers, repr=False)

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Give the probability that each pair is genuine, where such pairs are as frequent as in the calibration."""
        return Platt(self.slope, self.intercept).probability(scores)

    def is_uncertain(self, probability: float) -> bool:
        """Tell whether a probability lies in the abstain band."""
        return self.abstain is not None and self.abstain[0] <= probability <= self.abstain[1]

    def impostors_above(self, score: float) -> float | None:
        """Give the share of the impostor pairs of the calibration that scored at least this much; None where it was not kept."""
        return float(np.mean(np.array(self.impostor_scores) >= score - _NOISE)) if self.impostor_scores else None

    def genuine_below(self, score: float) -> float | None:
        """Give the share of the genuine pairs of the calibration that scored less than this; None where it was not kept."""
        return float(np.mean(np.array(self.genuine_scores) < score - _NOISE)) if self.genuine_scores else None

    def __attrs_post_init__(self) -> None:
        numbers = (self.threshold, self.far, self.frr, self.slope, self.intercept)
        if not all(isinstance(number, int | float) and np.isfinite(number) for number in numbers):
            raise OptionError(f"A calibration is made of finite numbers; got {numbers}.")


def calibrate_pairs(
    scores: np.ndarray,
    is_genuine: np.ndarray,
    identities: np.ndarray,
    *,
    far: float | None = None,
    target: str | None = None,
    abstain: Sequence[float] | None = None,
) -> PairCalibration:
    """Choose a threshold and fit the probabilities.

    Args:
        scores: Similarity of each pair, shape `(n_pairs,)`.
        is_genuine: Shape `(n_pairs,)`.
        identities: Identity of both photos of each pair, integers of shape `(n_pairs, 2)`.
        far: The lowest threshold whose false accept rate here is at most this.
        target: `"eer"`, where false accepts and rejects balance, or `"accuracy"`, where most pairs are judged rightly; instead of `far`.
        abstain: See `PairCalibration`.

    Raises:
        OptionError: Not exactly one of `far` and `target`, or one that makes no sense.
        DataError: One kind of pair is missing, or there are too few impostors for that FAR.
    """
    if (far is None) == (target is None):
        raise OptionError("Give either far, such as far=0.01, or target: 'eer' or 'accuracy'.")
    if target is not None and target not in TARGETS:
        raise OptionError(f"target must be 'eer' or 'accuracy'; got {target!r}.")
    if far is not None and not 0 < far < 1:
        raise OptionError(f"far must lie between 0 and 1; got {far!r}.")
    n_impostor = int((~is_genuine).sum())
    if far is not None:
        if far * n_impostor < 1:
            needed = int(np.ceil(1 / far))
            raise DataError(f"A FAR of {far:g} needs {needed:,} impostor pairs, better ten times as many; got {n_impostor:,}.")
        point = point_at_far(scores, is_genuine, far)
    else:
        point = (equal_error_rate if target == "eer" else most_accurate)(scores, is_genuine)
    if not np.isfinite(point.threshold):
        raise DataError("Only rejecting every pair meets the target: impostors score as high as genuine pairs. Train longer.")
    platt = fit_platt(scores, is_genuine)
    drawn = pair_figures(scores, is_genuine, threshold=point.threshold).resample(identities)
    return PairCalibration(
        threshold=point.threshold,
        target=target or f"far {far:g}",
        far=point.far,
        frr=point.frr,
        intervals={name: percentiles(drawn["", name]) for name in ("far", "frr")},
        n_genuine=int(is_genuine.sum()),
        n_impostor=n_impostor,
        slope=platt.slope,
        intercept=platt.intercept,
        abstain=abstain,
        genuine_scores=_spread(scores[is_genuine]),
        impostor_scores=_spread(scores[~is_genuine]),
    )


def _spread(scores: np.ndarray) -> tuple[float, ...]:
    """Give scores in order; of more than are kept, evenly chosen ones with the lowest and the highest."""
    places = np.round(np.linspace(0, len(scores) - 1, min(len(scores), N_KEPT))).astype(int)
    return tuple(np.sort(scores)[places].tolist())
