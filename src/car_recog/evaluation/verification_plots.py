"""Pictures of a verifier's results. Needs the extra `plots`."""

from collections.abc import Callable
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from car_recog.evaluation.operating_points import point_at, roc
from car_recog.evaluation.plots import new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from car_recog.evaluation.verification import VerificationReport

_GENUINE = "#1b3a6b"
_KINDS = ("#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#66a61e", "#e6ab02", "#a6761d", "#666666")
_DET_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_MAX_POINTS = 20_000
_N_BINS = 50

Curve = tuple[str, dict[str, Any], np.ndarray, np.ndarray, np.ndarray]


def draw_roc(report: "VerificationReport") -> "Figure":
    """Draw TAR over FAR, against each kind of impostor, with the stored threshold as a ring."""
    figure, axes = _draw_rates(report, "auc", lambda far, frr: (far, 1 - frr))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), ylabel="TAR: share of the genuine pairs that are accepted")
    axes.legend(loc="lower right", fontsize=9)
    return figure


def draw_det(report: "VerificationReport") -> "Figure":
    """Draw FRR over FAR on axes of normal deviates, where normal scores give straight lines and small rates have room.

    Source: Martin et al. 1997, The DET curve in assessment of detection task performance, Eurospeech.
    """
    deviate = np.vectorize(NormalDist().inv_cdf, otypes=[float])
    low = 0.5 * min(_DET_TICKS[0], 1 / report.n_pairs)
    figure, axes = _draw_rates(report, "eer", lambda far, frr: deviate(np.clip([far, frr], low, 1 - low)))
    ticks = deviate(_DET_TICKS)
    bounds = deviate([max(0.7 * _DET_TICKS[0], 1.4 * low), 0.85])
    axes.plot(bounds, bounds, ":", color="grey", linewidth=1)
    names = [f"{tick:g}" for tick in _DET_TICKS]
    axes.set_xticks(ticks, names, rotation=90)
    axes.set_yticks(ticks, names)
    axes.set(xlim=bounds, ylim=bounds, ylabel="FRR: share of the genuine pairs that are rejected")
    axes.legend(loc="upper right", fontsize=9)
    return figure


def _draw_rates(report: "VerificationReport", name_of_figure: str, place: Callable[[Any, Any], Any]) -> tuple["Figure", Any]:
    """Draw what `place` makes of FAR and FRR, against each kind of impostor, with the stored threshold as a ring."""
    figure = new_figure(6, 5.6)
    axes = figure.subplots()
    for name, style, _, far, frr in _curves(report):
        value = getattr(report.by_kind.get(name, report), name_of_figure)
        axes.plot(*place(far, frr), label=f"{shorten(name)} ({name_of_figure.upper()} {value:.3f})", **style)
    if report.threshold is not None:
        point = point_at(report.scores, report.is_genuine, report.threshold)
        ring: dict[str, Any] = {"color": "black", "markersize": 9, "markerfacecolor": "none", "clip_on": False}
        axes.plot(*place(point.far, point.frr), "o", label="stored threshold", **ring)
    axes.set(aspect="equal", xlabel="FAR: share of the impostor pairs that are accepted")
    axes.grid(alpha=0.3)
    return figure, axes


def draw_pair_scores(report: "VerificationReport") -> "Figure":
    """Draw how the scores of genuine pairs and of each kind of impostor are spread, with the threshold."""
    groups = {"genuine": (report.is_genuine, _GENUINE)}
    for name, style, are_of_it in _groups(report):
        if name in report.by_kind or not report.by_kind:
            groups[name] = are_of_it & ~report.is_genuine, style["color"]
    figure = new_figure(8, 1.2 + 1.15 * len(groups))
    rows = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    bins = np.histogram_bin_edges(report.scores, _N_BINS)
    for axes, (name, (are_of_it, colour)) in zip(rows, groups.items(), strict=True):
        scores = report.scores[are_of_it]
        axes.hist(scores, bins, weights=np.full(len(scores), 1 / len(scores)), color=colour, alpha=0.85)
        axes.axvline(_shown_threshold(report), color="black", linestyle="--", linewidth=1)
        axes.set_title(f"{shorten(name)} ({len(scores):,} pairs)", fontsize=9, loc="left")
        axes.set_yticks([])
        axes.spines[["left", "top", "right"]].set_visible(False)
    rows[-1].set_xlabel(f"score; dashed: {_threshold_name(report)} {_shown_threshold(report):.3f}")
    figure.supylabel("share of the pairs", fontsize=9)
    return figure


def draw_threshold(report: "VerificationReport") -> "Figure":
    """Draw FAR, against each kind of impostor, and FRR over the threshold."""
    figure = new_figure(8, 4.6)
    axes = figure.subplots()
    for number, (name, style, thresholds, far, frr) in enumerate(_curves(report)):
        if not number:
            axes.plot(thresholds[1:], frr[1:], color=_GENUINE, linewidth=2.2, label="FRR: genuine pairs that are rejected")
        axes.plot(thresholds[1:], far[1:], label=f"FAR: {shorten(name)}", **style)
    axes.axvline(_shown_threshold(report), color="black", linestyle="--", linewidth=1, label=_threshold_name(report))
    axes.set(ylim=(-0.01, 1.01), xlabel="threshold", ylabel="share of the pairs")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3, fontsize=9, frameon=False)
    return figure


def _groups(report: "VerificationReport") -> list[tuple[str, dict[str, Any], np.ndarray]]:
    """Give name, style of line and pairs of all impostors and of each kind, genuine pairs included."""
    name, colour = ("all impostors", "black") if report.by_kind else ("impostors", _KINDS[0])
    groups: list[tuple[str, dict[str, Any], np.ndarray]] = [(name, {"color": colour, "linewidth": 2.2}, np.ones(report.n_pairs, bool))]
    for kind, colour in zip(report.by_kind, _KINDS, strict=False):  # as many kinds as there are colours
        groups.append((kind, {"color": colour, "linewidth": 1.4}, report.is_genuine | (report.kinds == kind)))
    return groups


def _curves(report: "VerificationReport") -> list[Curve]:
    curves = []
    for name, style, are_of_it in _groups(report):
        rates = roc(report.scores[are_of_it], report.is_genuine[are_of_it])
        n = len(rates[0])
        shown = np.unique(np.linspace(0, n - 1, min(n, _MAX_POINTS)).round().astype(int))
        curves.append((name, style, *(values[shown] for values in rates)))
    return curves


def _shown_threshold(report: "VerificationReport") -> float:
    """The stored threshold, or that of the EER; where it rejects everything, just above the highest score."""
    threshold = report.eer_threshold if report.threshold is None else report.threshold
    spread = float(np.ptp(report.scores)) or 1.0
    return float(min(threshold, report.scores.max() + 0.02 * spread))


def _threshold_name(report: "VerificationReport") -> str:
    return "threshold of the equal error rate" if report.threshold is None else "stored threshold"
