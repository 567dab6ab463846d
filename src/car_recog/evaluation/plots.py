"""Pictures of results. Needs the extra `plots` (matplotlib), imported here alone."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ImageFont

from car_recog.errors import OptionError
from car_recog.evaluation.calibration import ReliabilityBin
from car_recog.evaluation.intervals import wilson
from car_recog.evaluation.rejection import CoverageCurve, Kept
from car_recog.storage import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from car_recog.evaluation.classification import ClassScore

MAX_IN_ORDER = 25
MAX_CLASSES = 120
DPI = 150
_MAX_LETTERS = 28
_DARK, _LIGHT, _ORANGE = "#1b3a6b", "#9ecae1", "#d95f02"
_MOST_POINTS, _FEW_POINTS = 500, 50
_RELIABILITY = {
    "photos": ("mean probability of the answers", "share of the answers that are right"),
    "pairs": ("mean probability of showing the same car", "share of the pairs that show the same car"),
}
_CURVES = {"loss": "loss", "accuracy": "accuracy", "recall_at_1": "recall@1 in the batch", "eer": "equal error rate"}

Reliability = tuple[Sequence[ReliabilityBin], float]


def new_figure(width: float, height: float) -> "Figure":
    """Make an empty figure, sizes in inches, without touching the state of pyplot.

    Raises:
        OptionError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OptionError("Plots need matplotlib: pip install 'car-recog[plots]'.") from error
    return Figure(figsize=(width, height), layout="constrained")


def sheet_font(size: int) -> ImageFont.FreeTypeFont:
    """Give the font of matplotlib to Pillow, whose own knows hardly more than ASCII.

    Raises:
        OptionError: Matplotlib is not installed.
    """
    new_figure(1, 1)
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def to_png(figure: "Figure") -> bytes:
    """Write a figure as the bytes of a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png")
    return buffer.getvalue()


def save(figure: "Figure", path: Path) -> Path:
    """Write a figure to a PNG file."""
    with atomic_file(path) as part:
        part.write_bytes(to_png(figure))
    return path


def draw_confusion(confusion: np.ndarray, class_names: Sequence[str]) -> "Figure":
    """Draw a confusion matrix: blue is right, red is wrong, darker a larger share of the true class; numbers are photos.

    More than 25 classes are put in an order in which those that are taken for each other are neighbours, and only mistakes bear
    numbers. Of more than 120 classes those with the most mistakes are drawn. `confusion` are counts, true classes in rows.
    """
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    shown = _shown_classes(confusion, shares)
    confusion, shares, n = confusion[np.ix_(shown, shown)], shares[np.ix_(shown, shown)], len(shown)
    side = min(3.5 + 0.42 * n, 24)
    figure = new_figure(side, side)
    axes = figure.subplots()
    axes.pcolormesh(_colours(shares), edgecolors="0.9", linewidth=0.3)
    axes.invert_yaxis()
    size = float(np.clip(0.6 * 72 * 0.8 * side / n, 5, 10))
    names = [shorten(class_names[i]) for i in shown]
    axes.set_xticks(np.arange(n) + 0.5, names, rotation=90, fontsize=size)
    axes.set_yticks(np.arange(n) + 0.5, names, fontsize=size)
    axes.set(xlabel="answer", ylabel="true class", aspect="equal")
    few = f"the {n} of {len(class_names)} classes with the most mistakes; " if n < len(class_names) else ""
    axes.set_title(f"{few}blue: right, red: wrong; numbers: photos", fontsize=9, loc="left")
    for row, column in zip(*np.nonzero(confusion), strict=True):
        if n <= MAX_IN_ORDER or row != column:
            is_dark = shares[row, column] > (0.6 if row == column else 0.35)
            style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "color": "white" if is_dark else "black", "fontsize": size}
            axes.text(column + 0.5, row + 0.5, str(confusion[row, column]), in_layout=False, **style)
    return figure


def _colours(shares: np.ndarray) -> np.ndarray:
    """Colour a matrix of shares. One photo in fifty must still be seen off the diagonal: there the root of the share counts."""
    import matplotlib

    blues, reds = matplotlib.colormaps["Blues"](0.9 * shares), matplotlib.colormaps["Reds"](0.9 * np.sqrt(shares))
    coloured = np.where(np.eye(len(shares), dtype=bool)[..., None], blues, reds)
    return np.where(shares[..., None] > 0, coloured, 1.0)


def _shown_classes(confusion: np.ndarray, shares: np.ndarray) -> np.ndarray:
    n = len(confusion)
    if n <= MAX_IN_ORDER:
        return np.arange(n)
    n_wrong = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * confusion.diagonal()
    shown = np.sort(np.argsort(-n_wrong, kind="stable")[:MAX_CLASSES])
    return np.asarray(shown[neighbours(shares[np.ix_(shown, shown)])])


def neighbours(shares: np.ndarray) -> np.ndarray:
    """Order classes so that those which are taken for each other stand side by side.

    Chains are joined at their ends, the most confused pair of ends first.

    Args:
        shares: Shape `(n_classes, n_classes)`: share of the true class in rows that was given the answer in columns.

    Example:
        >>> neighbours(np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])).tolist()
        [2, 0, 1]
    """
    both = shares + shares.T
    rows, columns = np.triu_indices(len(both), 1)
    by_weight = np.argsort(-both[rows, columns], kind="stable")
    chain_of = {i: [i] for i in range(len(both))}
    for a, b in zip(rows[by_weight].tolist(), columns[by_weight].tolist(), strict=True):
        first, second = chain_of[a], chain_of[b]
        if first is second or a not in (first[0], first[-1]) or b not in (second[0], second[-1]):
            continue
        joined = (first if first[-1] == a else first[::-1]) + (second if second[0] == b else second[::-1])
        chain_of.update(dict.fromkeys(joined, joined))
    return np.array(chain_of[0])


def draw_scores(per_class: "Mapping[str, ClassScore]") -> "Figure":
    """Draw F1 as bars, precision and recall as marks on them, the worst class on top.

    Classes without photos are left out; of more than 120 the worst are drawn.
    """
    worst = sorted((name for name, score in per_class.items() if score.support), key=lambda name: per_class[name].f1)[:MAX_CLASSES]
    rows = [per_class[name] for name in worst]
    figure = new_figure(8, 1.4 + 0.24 * len(rows))
    axes = figure.subplots()
    places = range(len(rows))
    axes.barh(places, [row.f1 for row in rows], color=_LIGHT, label="F1")
    axes.plot([row.precision for row in rows], places, "o", color=_ORANGE, markersize=9, markerfacecolor="none", label="precision")
    axes.plot([row.recall for row in rows], places, "o", color=_DARK, markersize=4, label="recall")
    axes.set_yticks(places, [f"{shorten(name)} ({per_class[name].support})" for name in worst], fontsize=9)
    axes.set(xlim=(0, 1.02), ylim=(len(rows) - 0.4, -0.6), ylabel="class (photos)", axisbelow=True)
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def draw_reliability(bins: Sequence[ReliabilityBin], error: float, *, unit: str = "photos") -> "Figure":
    """Draw accuracy over probability, with the 95 % interval of each bin; on the dashed line probabilities mean what they say.

    Bins and error are those of `calibration_error`; `unit` is what lies in the bins, `photos` or `pairs`.
    """
    figure = new_figure(5.5, 5)
    fill_reliability(figure.subplots(), bins, error, unit=unit)
    return figure


def fill_reliability(axes: Any, bins: Sequence[ReliabilityBin], error: float, *, unit: str) -> None:
    """Draw into axes what `draw_reliability` draws."""
    x, y = [one.confidence for one in bins], [one.accuracy for one in bins]
    bounds = [wilson(round(one.accuracy * one.n_photos), one.n_photos) for one in bins]
    axes.plot([0, 1], [0, 1], "--", color="grey")
    axes.vlines(x, [low for low, _ in bounds], [high for _, high in bounds], color=_LIGHT, linewidth=3)
    axes.plot(x, y, "o-", color=_DARK)
    probability, share = _RELIABILITY[unit]
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel=probability, ylabel=share)
    axes.grid(alpha=0.3)
    counts = sorted({one.n_photos for one in bins})
    each = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    axes.set_title(f"calibration error {error:.3f}; {each} {unit} a point", fontsize=9, loc="left")


def draw_before_and_after(before: Reliability, after: Reliability) -> "Figure":
    """Draw accuracy over probability side by side, as it was and with the temperature; each as bins and calibration error."""
    figure = new_figure(10.5, 5)
    for axes, name, (bins, error) in zip(figure.subplots(1, 2), ("before", "after"), (before, after), strict=True):
        fill_reliability(axes, bins, error, unit="photos")
        axes.set_title(f"{name}: {axes.get_title(loc='left')}", fontsize=9, loc="left")
    return figure


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


def draw_history(columns: Mapping[str, Sequence[Any]]) -> "Figure":
    """Draw what is known of loss, accuracy, recall and equal error rate, as `History.history` gives it, over the epochs of all phases."""
    figure = new_figure(10, 4)
    from matplotlib.ticker import MaxNLocator

    epochs = columns.get("epoch", [])
    names = [name for name in _CURVES if name in columns or f"val_{name}" in columns] or ["loss"]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for column, label in ((name, "training"), (f"val_{name}", "validation")):
            if column in columns:
                axes.plot(epochs, columns[column], marker=".", label=label)
        axes.set(xlabel="epoch", ylabel=_CURVES[name])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
        _mark_phases(axes, columns.get("phase", []), epochs)
    return figure


def _mark_phases(axes: Any, phases: Sequence[str], epochs: Sequence[int]) -> None:
    """Name each phase where it begins, where there are several, and draw a line between two."""
    starts = [i for i, phase in enumerate(phases) if not i or phase != phases[i - 1]]
    for start in starts if len(starts) > 1 else []:
        if start:
            axes.axvline(epochs[start] - 0.5, color="grey", linestyle=":")
        place = (epochs[start] - 0.4, 0.98)
        axes.annotate(shorten(phases[start]), place, xycoords=("data", "axes fraction"), fontsize=8, rotation=90, va="top", color="0.3")


def shorten(name: str) -> str:
    """Cut a long name in its middle, and keep matplotlib from reading dollar signs as formulas."""
    short = name if len(name) <= _MAX_LETTERS else f"{name[: _MAX_LETTERS // 2]}…{name[1 - _MAX_LETTERS // 2 :]}"
    return short.replace("$", r"\$")
