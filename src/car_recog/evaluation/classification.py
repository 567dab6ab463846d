"""How well photos are told apart by class."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.errors import DataError
from car_recog.evaluation.intervals import Interval, bootstrap, wilson
from car_recog.storage import atomic_file

TOP_K = (1, 3, 5)


@attrs.frozen
class ClassScore:
    """How well one class is recognised.

    Args:
        precision: Share of the photos called this class that are of it; 0 where none is.
        recall: Share of the photos of this class that are called it; 0 where there are none.
        f1: Harmonic mean of both.
        support: Number of photos of this class.
    """

    precision: float
    recall: float
    f1: float
    support: int


@attrs.frozen(kw_only=True)
class ClassificationReport:
    """What `evaluate` of a classifier returns. All shares are fractions in [0, 1].

    Args:
        n_photos: Photos that were judged.
        accuracy: Share of the photos whose most probable class is right.
        top_k: Share of the photos whose class is among the k most probable, by k.
        macro_f1: Mean F1 of the classes that have photos here.
        per_class: Scores by class name, in the order of the classes.
        confusion: Counts, true classes in rows, answers in columns.
        intervals: 95 % intervals by name of the figure.
        skipped: Message by file of photos that could not be decoded and were not judged.
    """

    n_photos: int
    accuracy: float
    top_k: dict[int, float]
    macro_f1: float
    per_class: dict[str, ClassScore]
    confusion: np.ndarray = attrs.field(eq=attrs.cmp_using(eq=np.array_equal), repr=False)
    intervals: dict[str, Interval]
    skipped: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in order."""
        return tuple(self.per_class)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return attrs.asdict(self, value_serializer=lambda _, __, value: value.tolist() if isinstance(value, np.ndarray) else value)

    def to_json(self, path: str | Path | None = None) -> str:
        """Give the report as JSON text, and write it to a file where one is named."""
        return _write(json.dumps(self.to_dict(), indent=1), path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Give the report as Markdown text, and write it to a file where one is named."""
        lines = [
            "| figure | value | 95 % interval |",
            "| --- | --- | --- |",
            *(f"| {name} | {value:.3f} | {_worded(self.intervals.get(key))} |" for name, key, value in self.headline()),
            "",
            f"{self.n_photos} photos" + (f", {len(self.skipped)} more could not be decoded" if self.skipped else "") + ".",
            "",
            "| class | precision | recall | F1 | photos |",
            "| --- | --- | --- | --- | --- |",
            *(f"| {name} | {s.precision:.3f} | {s.recall:.3f} | {s.f1:.3f} | {s.support} |" for name, s in self.per_class.items()),
        ]
        return _write("\n".join(lines) + "\n", path)

    def plot(self, folder: str | Path) -> list[Path]:
        """Draw the confusion matrix as `confusion.png` into a folder. Needs the extra `plots`.

        Returns:
            The files.
        """
        from car_recog.evaluation.plots import plot_confusion

        return [plot_confusion(self.confusion, self.class_names, Path(folder) / "confusion.png")]

    def headline(self) -> list[tuple[str, str, float]]:
        """Give the figures that matter most: name for people, key in `intervals`, value."""
        top = [(f"top-{k} accuracy", f"top_{k}", value) for k, value in self.top_k.items() if k > 1]
        return [("accuracy", "accuracy", self.accuracy), *top, ("macro F1", "macro_f1", self.macro_f1)]


def _worded(interval: Interval | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""


def _write(text: str, path: str | Path | None) -> str:
    if path is not None:
        with atomic_file(Path(path)) as part:
            part.write_text(text, "utf-8")
    return text


def classification_report(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    class_names: Sequence[str],
    groups: Sequence[object] | None = None,
    skipped: Mapping[str, str] | None = None,
) -> ClassificationReport:
    """Judge the answers of a classifier.

    Classes without photos count in the confusion matrix, not in the macro F1.

    Args:
        probabilities: Shape `(n, n_classes)`.
        labels: True class ids, shape `(n,)`.
        class_names: Names of the classes.
        groups: Key of the photos that are not independent of each other, one per photo; None stands alone. The intervals then draw groups.
        skipped: Message by file of photos that are missing here.

    Raises:
        DataError: Shapes that do not fit, or no photos.

    Example:
        >>> report = classification_report(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), class_names=["door", "wheel"])
        >>> report.accuracy, report.per_class["door"].precision
        (0.5, 0.5)
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    n_classes = len(class_names)
    if not len(labels) or probabilities.shape != (len(labels), n_classes):
        raise DataError(f"Expected one label per photo and probabilities of shape ({len(labels)}, {n_classes}); got {probabilities.shape}.")
    order = np.argsort(-probabilities, axis=1, kind="stable")
    answers = order[:, 0]
    place = np.argmax(order == labels[:, None], axis=1)
    ks = [k for k in TOP_K if k < n_classes or k == 1]
    confusion = np.zeros((n_classes, n_classes), int)
    np.add.at(confusion, (labels, answers), 1)
    precision, recall, f1 = _scores(confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1))
    support = confusion.sum(axis=1)
    scores = [
        ClassScore(float(p), float(r), float(f), int(s)) for p, r, f, s in zip(precision, recall, f1, support, strict=True)
    ]
    return ClassificationReport(
        n_photos=len(labels),
        accuracy=float(np.mean(answers == labels)),
        top_k={k: float(np.mean(place < k)) for k in ks},
        macro_f1=float(f1[support > 0].mean()),
        per_class=dict(zip(class_names, scores, strict=True)),
        confusion=confusion,
        intervals=_intervals(labels, answers, place, ks, n_classes, _units(groups)),
        skipped=dict(skipped or {}),
    )


def _scores(right: np.ndarray, called: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give precision, recall and F1 from counts; 0 where a count is."""

    def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return np.asarray(np.divide(part, whole, out=np.zeros(np.shape(whole), float), where=whole > 0))

    return share(right, called), share(right, true), share(2 * right, called + true)


def _units(groups: Sequence[object] | None) -> np.ndarray | None:
    """Number the groups; None where every photo stands alone."""
    if groups is None or all(group is None for group in groups):
        return None
    keys = [("alone", str(i)) if group is None else ("group", str(group)) for i, group in enumerate(groups)]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys])


def _intervals(
    labels: np.ndarray, answers: np.ndarray, place: np.ndarray, ks: list[int], n_classes: int, units: np.ndarray | None
) -> dict[str, Interval]:
    classes = np.arange(n_classes)
    is_true, is_called = labels[:, None] == classes, answers[:, None] == classes
    counts = np.concatenate([is_true & is_called, is_called, is_true], axis=1).astype(np.float32)

    def macro_f1(sums: np.ndarray) -> np.ndarray:
        right, called, true = np.split(sums, 3, axis=1)
        f1 = np.where(true > 0, _scores(right, called, true)[2], np.nan)
        return np.asarray(np.nanmean(f1, axis=1))

    def share(is_right: np.ndarray) -> Interval:
        if units is None:
            return wilson(int(is_right.sum()), len(is_right))
        columns = np.stack([is_right, np.ones_like(is_right)], axis=1).astype(float)
        return bootstrap(columns, lambda sums: sums[:, 0] / sums[:, 1], units=units)

    shares = {"accuracy": share(answers == labels)} | {f"top_{k}": share(place < k) for k in ks if k > 1}
    return shares | {"macro_f1": bootstrap(counts, macro_f1, units=units)}
