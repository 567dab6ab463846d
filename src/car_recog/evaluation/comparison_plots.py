"""Pictures of several classifiers side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from car_recog.evaluation.plots import new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from car_recog.evaluation.classifier_comparison import Contender


def draw_results(contenders: "Sequence[Contender]") -> "Figure":
    """Draw accuracy with its 95 % interval, and log loss, one classifier a line."""
    figure = new_figure(10, 1.3 + 0.4 * len(contenders))
    left, right = figure.subplots(1, 2, sharey=True)
    places = range(len(contenders))
    for place, one in enumerate(contenders):
        colour = _colour(place)
        left.hlines(place, *one.report.intervals["accuracy"], color=colour, linewidth=5, alpha=0.35)
        right.hlines(place, 0, one.log_loss, color=colour, linewidth=2)
        for axes, value in ((left, one.report.accuracy), (right, one.log_loss)):
            axes.plot(value, place, "o", color=colour)
            axes.annotate(f"{value:.3f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8)
    left.set_yticks(places, [shorten(one.name) for one in contenders])
    left.set(ylim=(len(contenders) - 0.4, -0.7), xlabel="accuracy, with its 95 % interval", axisbelow=True)
    right.set(xlim=(0, None), xlabel="log loss; lower is better", axisbelow=True)
    left.grid(axis="x", alpha=0.3)
    right.grid(axis="x", alpha=0.3)
    return figure


def draw_curves(contenders: "Sequence[Contender]") -> "Figure":
    """Draw accuracy and loss over the epochs of all whose training is known: solid on validation photos, dotted in training."""
    figure = new_figure(10, 4.8)
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    panels = figure.subplots(1, 2)
    for axes, name in zip(panels, ("accuracy", "loss"), strict=True):
        for place, one in enumerate(contenders):
            for column, style in ((f"val_{name}", ".-"), (name, ":")):
                if column in one.history:
                    axes.plot(one.history["epoch"], one.history[column], style, color=_colour(place), markersize=4)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    colours: list[Any] = [Line2D([], [], color=_colour(i), label=shorten(one.name)) for i, one in enumerate(contenders) if one.history]
    styles = [Line2D([], [], color="0.4", label="validation"), Line2D([], [], color="0.4", linestyle=":", label="training")]
    figure.legend(handles=colours + styles, loc="outside upper center", ncols=4, frameon=False, fontsize=9)
    return figure


def _colour(place: int) -> str:
    return f"C{place % 10}"
