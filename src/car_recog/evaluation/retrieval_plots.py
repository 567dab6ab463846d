"""Pictures of a search's results. Needs the extra `plots`."""

from typing import TYPE_CHECKING

import numpy as np

from car_recog.evaluation.plots import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from car_recog.evaluation.retrieval import RetrievalReport

_COLOUR = "#1b3a6b"


def draw_cmc(report: "RetrievalReport") -> "Figure":
    """Draw the share of the queries whose name is among the first so many, with its 95 % interval."""
    figure = new_figure(7, 4.6)
    axes = figure.subplots()
    names = np.arange(1, len(report.cmc) + 1)
    low, high = report.bands
    axes.fill_between(names, low, high, color=_COLOUR, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(names, report.cmc, "o-", color=_COLOUR, markersize=4, label=f"{report.n_queries:,} queries of enrolled cars")
    chance = names / report.n_names
    axes.plot(names, chance, ":", color="grey", label=f"chance among {report.n_names:,} names")
    for rank, share in report.rank.items():
        axes.annotate(f"{share:.3f}", (rank, share), xytext=(0, -14), textcoords="offset points", ha="left", fontsize=9)
    axes.set_ylim(-0.01, 1.02)
    axes.set_xlim(0.5, len(names) + 0.5)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("names that are looked at, best first")
    axes.set_ylabel("share of the queries whose name is among them")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    return figure
