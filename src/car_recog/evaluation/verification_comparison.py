"""Which of two verifiers is better, judged on the same pairs."""

from typing import Any

import attrs
import numpy as np

from car_recog.errors import DataError
from car_recog.evaluation.intervals import Interval, percentiles
from car_recog.evaluation.mcnemar import count_alone, mcnemar
from car_recog.evaluation.pair_bootstrap import pair_figures
from car_recog.evaluation.verification import VerificationReport


@attrs.frozen
class Difference:
    """A figure of two verifiers.

    Args:
        first: Of the first verifier.
        second: Of the second.
        difference: First less second.
        interval: Its 95 % interval. Where it does not hold 0, the verifiers differ.
    """

    first: float
    second: float
    difference: float
    interval: Interval


@attrs.frozen(kw_only=True)
class VerifierComparison:
    """What `compare_verifiers` returns; printed, it is a table.

    Args:
        n_pairs: Pairs that both judged.
        differences: By figure: `eer`, `auc`, `tar_at_far_0.1` ..., and `accuracy`, `far`, `frr` where both have a threshold.
        n_only_first: Pairs that only the first verifier judged rightly; None without thresholds.
        n_only_second: Pairs that only the second judged rightly.
        p_value: McNemar's exact test of these two counts; None without thresholds. It takes pairs as independent, which they are not where
            they share cars, so it comes out too small; the interval of the difference in accuracy does not.
    """

    n_pairs: int
    differences: dict[str, Difference]
    n_only_first: int | None
    n_only_second: int | None
    p_value: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        lines = [f"{'':16}{'first':>8}{'second':>8}{'difference':>12}  95 % interval  ({self.n_pairs:,} pairs)"]
        for name, one in self.differences.items():
            low, high = one.interval
            lines.append(f"{name:16}{one.first:8.3f}{one.second:8.3f}{one.difference:+12.3f}  {low:+.3f} to {high:+.3f}")
        if self.p_value is not None:
            counts = f"{self.n_only_first:,} pairs right only in the first, {self.n_only_second:,} only in the second"
            lines.append(f"{counts}: p = {self.p_value:.2g} if pairs were independent")
        return "\n".join(lines)


def compare_verifiers(first: VerificationReport, second: VerificationReport) -> VerifierComparison:
    """Compare two verifiers on the pairs that both judged, in the same order.

    Both are drawn with the same cars, so what is hard or easy for both does not blur the difference.

    Raises:
        DataError: The reports are on different pairs.
    """
    for name in ("is_genuine", "identities", "kinds"):
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            counts = f"{first.n_pairs:,} and {second.n_pairs:,}"
            raise DataError(f"Expected reports on the same pairs in the same order; {counts} came, and their `{name}` differ.")
    has_verdicts = first.threshold is not None and second.threshold is not None
    values, draws = [], []
    for report in (first, second):
        figures = pair_figures(report.scores, report.is_genuine, threshold=report.threshold if has_verdicts else None)
        values.append({name: float(value[0]) for (_, name), value in figures.at(np.ones((1, report.n_pairs))).items()})
        draws.append({name: drawn for (_, name), drawn in figures.resample(report.identities).items()})
    differences = {
        name: Difference(value, values[1][name], value - values[1][name], percentiles(draws[0][name] - draws[1][name]))
        for name, value in values[0].items()
    }
    verdicts = [(one.scores >= one.threshold) == one.is_genuine for one in (first, second)] if has_verdicts else []
    counts_apart = count_alone(*verdicts) if verdicts else None
    return VerifierComparison(
        n_pairs=first.n_pairs,
        differences=differences,
        n_only_first=counts_apart[0] if counts_apart else None,
        n_only_second=counts_apart[1] if counts_apart else None,
        p_value=mcnemar(*counts_apart) if counts_apart else None,
    )
