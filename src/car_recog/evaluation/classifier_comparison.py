"""Which of several classifiers is best, judged on the same photos."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.evaluation.classification import ClassificationReport
from car_recog.evaluation.comparison_page import to_html, to_markdown
from car_recog.evaluation.comparison_plots import draw_curves, draw_results
from car_recog.evaluation.intervals import Interval, mean_interval, number_groups
from car_recog.evaluation.mcnemar import count_alone, mcnemar
from car_recog.evaluation.plots import save
from car_recog.evaluation.sheets import Tile, save_sheet
from car_recog.storage import write_text

_LEAST_PROBABILITY = float(np.finfo(np.float32).eps)


@attrs.frozen(kw_only=True)
class Contender:
    """A classifier that was judged beside others.

    Args:
        name: What it is called.
        report: Its figures.
        is_right: Whether its answer is right, photo by photo, shape `(n,)`.
        log_loss: Mean over the photos of minus the logarithm of the true class's probability.
        val_accuracy: Accuracy on the validation photos; None without any.
        val_log_loss: Log loss on the validation photos.
        seconds: Wall time of its training.
        n_parameters: Numbers that its network holds.
        megabytes: Size of these numbers, in millions of bytes.
        photos_per_second: Speed of its answers, photos decoded before.
    """

    name: str
    report: ClassificationReport
    is_right: np.ndarray = attrs.field(eq=False, repr=False)
    log_loss: float
    val_accuracy: float | None = None
    val_log_loss: float | None = None
    seconds: float
    n_parameters: int
    megabytes: float
    photos_per_second: float

    @property
    def history(self) -> Mapping[str, Sequence[Any]]:
        """Columns of its training by name; none where they are not known."""
        return (self.report.background and self.report.background.history) or {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None where a column of the history has no number."""
        columns = {name: [value if value == value else None for value in column] for name, column in self.history.items()}
        own = attrs.asdict(self, filter=attrs.filters.exclude("report", "is_right"))
        report = self.report
        figures = {"accuracy": report.accuracy, "macro_f1": report.macro_f1, "ece": report.ece, "intervals": report.intervals}
        return {**own, **figures, "f1": {name: score.f1 for name, score in report.per_class.items()}, "history": columns}


@attrs.frozen(kw_only=True)
class Step:
    """What changes from one classifier to the next.

    Args:
        first: Name of the first.
        second: Name of the next.
        gain: Accuracy of the next less that of the first.
        interval: Its 95 % interval. Where it does not hold 0, they differ.
        n_only_first: Photos that only the first names rightly.
        n_only_second: Photos that only the next names rightly.
        p_value: McNemar's exact test of these two counts. It takes photos as independent; the interval draws groups as a whole.
    """

    first: str
    second: str
    gain: float
    interval: Interval
    n_only_first: int
    n_only_second: int
    p_value: float


@attrs.frozen(kw_only=True)
class ClassifierComparison:
    """Several classifiers on the same photos; printed, it is a table.

    Args:
        contenders: The classifiers, in the order they were given.
        steps: From each to the next.
        answers: Photos with the answers of the best.
    """

    contenders: tuple[Contender, ...]
    steps: tuple[Step, ...]
    answers: tuple[Tile, ...] = attrs.field(default=(), repr=False, eq=False)

    @property
    def is_validated(self) -> bool:
        """Whether the best is chosen on validation photos, so that choosing does not flatter its figures."""
        return all(one.val_accuracy is not None for one in self.contenders)

    @property
    def winner(self) -> Contender:
        """The one with the highest accuracy, then the lowest log loss: on the validation photos where there are any."""
        return best_of(self.contenders)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "n_photos": self.winner.report.n_photos,
            "best": self.winner.name,
            "is_validated": self.is_validated,
            "contenders": [one.to_dict() for one in self.contenders],
            "steps": [attrs.asdict(step) for step in self.steps],
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """Give the comparison as JSON text, and write it to a file where one is named."""
        return write_text(json.dumps(self.to_dict(), indent=1), path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Give the comparison as Markdown text, and write it to a file where one is named."""
        return write_text(to_markdown(self), path)

    def to_html(self, path: str | Path | None = None) -> str:
        """Give the comparison as one page that holds all its pictures, and write it to a file where one is named. Needs `plots`."""
        return write_text(to_html(self), path)

    def plot(self, folder: str | Path) -> list[Path]:
        """Draw `results.png`; `curves.png` where a training is known; `answers.png`, photos with the answers of the best. Needs `plots`.

        Returns:
            The files.
        """
        folder = Path(folder)
        figures = {"results": draw_results(self.contenders)}
        if any(one.history for one in self.contenders):
            figures["curves"] = draw_curves(self.contenders)
        files = [save(figure, folder / f"{name}.png") for name, figure in figures.items()]
        return files + ([save_sheet(self.answers, folder / "answers.png")] if self.answers else [])

    def __str__(self) -> str:
        return self.to_markdown()


def best_of(contenders: Sequence[Contender]) -> Contender:
    """Give the one with the highest accuracy, then the lowest log loss: on validation photos where all were judged on some."""

    def merit(one: Contender) -> tuple[float, float]:
        if is_validated and one.val_accuracy is not None and one.val_log_loss is not None:
            return one.val_accuracy, -one.val_log_loss
        return one.report.accuracy, -one.log_loss

    is_validated = all(one.val_accuracy is not None for one in contenders)
    return max(contenders, key=merit)


def compare_neighbours(contenders: Sequence[Contender], *, groups: Sequence[object] | None = None) -> tuple[Step, ...]:
    """Compare each classifier with the one before it, on the same photos in the same order; for `groups` see `number_groups`."""
    units = number_groups(groups)
    steps = []
    for first, second in pairwise(contenders):
        gains = second.is_right.astype(float) - first.is_right
        n_only_first, n_only_second = count_alone(first.is_right, second.is_right)
        step = Step(
            first=first.name,
            second=second.name,
            gain=float(gains.mean()),
            interval=mean_interval(gains, units=units),
            n_only_first=n_only_first,
            n_only_second=n_only_second,
            p_value=mcnemar(n_only_first, n_only_second),
        )
        steps.append(step)
    return tuple(steps)


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Give the mean of minus the logarithm of the true class's probability; 0 is best, and always guessing gives log(n_classes).

    Probabilities are of shape `(n, n_classes)`, labels are class ids `(n,)`.

    Example:
        >>> round(log_loss(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])), 4)
        0.4904
    """
    true = np.asarray(probabilities, float)[np.arange(len(labels)), labels]
    # A float32 softmax may give 0, whose loss would be infinite.
    return float(-np.log(np.maximum(true, _LEAST_PROBABILITY)).mean())
