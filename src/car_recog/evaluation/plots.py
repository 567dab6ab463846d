"""Pictures of results. Needs the extra `plots` (matplotlib), imported here alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from car_recog.errors import OptionError
from car_recog.storage import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_NUMBERED = 25
DPI = 150


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


def save(figure: "Figure", path: Path) -> Path:
    """Write a figure to a PNG file."""
    with atomic_file(path) as part:
        figure.savefig(part, dpi=DPI, format="png")
    return path


def plot_confusion(confusion: np.ndarray, class_names: Sequence[str], path: Path) -> Path:
    """Draw a confusion matrix: colour is the share of the true class, numbers are photos.

    Args:
        confusion: Counts, shape `(n_classes, n_classes)`, true classes in rows.
        class_names: Names of the classes.
        path: The PNG file.
    """
    n = len(class_names)
    side = min(4 + 0.42 * n, 24)
    figure = new_figure(side + 1.2, side)
    axes = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = float(np.clip(320 / n, 4, 10))
    axes.set_xticks(range(n), class_names, rotation=90, fontsize=size)
    axes.set_yticks(range(n), class_names, fontsize=size)
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    if n <= MAX_NUMBERED:
        for row, column in zip(*np.nonzero(confusion), strict=True):
            shade = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(confusion[row, column]), ha="center", va="center", color=shade, fontsize=size)
    figure.colorbar(picture, ax=axes, label="share of the true class", shrink=0.8)
    return save(figure, path)


def plot_history(columns: Mapping[str, Sequence[Any]], path: Path) -> Path:
    """Draw loss and accuracy over the epochs of all phases.

    Args:
        columns: Columns by name as `History.history` gives them.
        path: The PNG file.
    """
    figure = new_figure(10, 4)
    epochs = columns.get("epoch", [])
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for column, label in ((name, "training"), (f"val_{name}", "validation")):
            if column in columns:
                axes.plot(epochs, columns[column], marker=".", label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        if len(epochs):
            axes.legend()
        _mark_phases(axes, columns.get("phase", []), epochs)
    return save(figure, path)


def _mark_phases(axes: Any, phases: Sequence[str], epochs: Sequence[int]) -> None:
    """Draw a line where a new phase begins and name it."""
    starts = [i for i, phase in enumerate(phases) if i and phase != phases[i - 1]]
    for start in starts:
        axes.axvline(epochs[start] - 0.5, color="grey", linestyle=":")
        axes.annotate(phases[start], (epochs[start] - 0.4, 0.02), xycoords=("data", "axes fraction"), fontsize=8)
