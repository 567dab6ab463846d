"""Pictures of what it is worth to reject, and of probabilities before and after a calibration. Needs the extra `plots`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from car_recog.evaluation.calibration import ReliabilityBin
from car_recog.evaluation.intervals import wilson
from car_recog.evaluation.plots import fill_reliability, new_figure
from car_recog.evaluation.rejection import CoverageCurve, Kept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DARK, _LIGHT, _ORANGE = "#1b3a6b", "#9ecae1", "#d95f02"
_MOST_POINTS, _FEW_POINTS = 500, 50

Reliability = tuple[Sequence[ReliabilityBin], float]


def draw_coverage(curve: CoverageCurve, kept_for: Mapping[float, Kept | None]) -> "Figure":
    """Draw what is right of the answers that are kept, over how many are kept, with 95 % intervals; and both over the threshold.

    `kept_for` are points to mark, by the accuracy wanted.
    """
    figure = new_figure(10, 4.2)
    left, right = figure.subplots(1, 2)
    shown = np.unique(np.linspace(0, len(curve.thresholds) - 1, _MOST_POINTS).round().astype(int))
    bounds = np.array([wilson(int(curve.n_right[i]), int(curve.n_kept[i])) for i in shown])
    coverage, accuracy = curve.coverage[shown], curve.accuracy[shown]
    left.fill_between(coverage, bounds[:, 0], bounds[:, 1], color=_LIGHT, alpha=0.5, linewidth=0)
    left.plot(coverage, accuracy, color=_DARK, marker="." if len(shown) <= _FEW_POINTS else "")
    left.set(xlabel="share of the photos that are answered", ylabel="share of these answers that are right")
    thresholds = np.append(curve.thresholds[shown], 0.0)  # below the lowest confidence everything is kept
    for shares, colour, name in ((accuracy, _DARK, "of the answers: right"), (coverage, _ORANGE, "of the photos: answered")):
        right.step(thresholds, np.append(shares, shares[-1]), where="post", color=colour, label=name)
    right.set_xlabel("threshold of the probability")
    marked = [(wanted, kept) for wanted, kept in kept_for.items() if kept]
    for (wanted, kept), marker in zip(marked, "osD", strict=False):
        left.plot(kept.coverage, kept.accuracy, marker, color=_ORANGE, label=f"{wanted:g}: probability from {kept.threshold:.3f} on")
        right.axvline(kept.threshold, color="0.6", linestyle=":", linewidth=1)
    for axes in (left, right):
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.grid(alpha=0.3)
    if marked:
        left.legend(loc="lower left", title="accuracy wanted", fontsize=9)
    right.legend(loc="lower left", fontsize=9)
    return figure


def draw_before_and_after(before: Reliability, after: Reliability) -> "Figure":
    """Draw accuracy over probability side by side, as it was and with the temperature; each as bins and calibration error."""
    figure = new_figure(10.5, 5)
    for axes, name, (bins, error) in zip(figure.subplots(1, 2), ("before", "after"), (before, after), strict=True):
        fill_reliability(axes, bins, error, unit="photos")
        axes.set_title(f"{name}: {axes.get_title(loc='left')}", fontsize=9, loc="left")
    return figure
