"""How well photos are told apart by class."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from car_recog.errors import DataError
from car_recog.evaluation.calibration import ReliabilityBin, calibration_error
from car_recog.evaluation.classification_page import to_html, to_markdown
from car_recog.evaluation.intervals import Interval, bootstrap, number_groups, share_interval
from car_recog.evaluation.plots import draw_confusion, draw_coverage, draw_history, draw_reliability, draw_scores, save
from car_recog.evaluation.rejection import CoverageCurve, Kept, kept_figures
from car_recog.evaluation.report import ASIDE, Background, Report
from car_recog.evaluation.sheets import Tile, save_sheet, shrink
from car_recog.storage import write_text

TOP_K = (1, 3, 5)
N_WORST = 24


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
class Mistake:
    """A photo that was given a wrong class.

    Args:
        source: The file, or the place of the photo among those judged.
        true_class: What it shows.
        class_name: The answer.
        probability: Probability of the answer.
        true_probability: Probability of the true class.
        thumbnail: The photo as the network sees it, smaller: uint8 RGB, shape `(height, width, 3)`; None where it was not handed in.
    """

    source: str
    true_class: str
    class_name: str
    probability: float
    true_probability: float
    thumbnail: np.ndarray | None = attrs.field(default=None, eq=False, repr=False, metadata=ASIDE)

    def tile(self) -> Tile:
        """The mistake on a sheet."""
        answers = f"answer: {self.class_name}", f"is: {self.true_class}"
        return Tile(self.thumbnail, (*answers, f"{self.probability:.3f} against {self.true_probability:.3f}", Path(self.source).name))


@attrs.frozen(kw_only=True)
class ClassificationReport(Report):
    """What `evaluate` of a classifier returns. All shares are fractions in [0, 1].

    Args:
        n_photos: Photos that were judged.
        accuracy: Share of the photos whose most probable class is right.
        top_k: Share of the photos whose class is among the k most probable, by k.
        macro_f1: Mean F1 of the classes that have photos here.
        per_class: Scores by class name, in the order of the classes.
        confusion: Counts, true classes in rows, answers in columns.
        ece: Expected calibration error: how far probability and accuracy lie apart; see `calibration.calibration_error`.
        reliability: The bins of the calibration error.
        coverage_curve: What is left, and right, where answers below a probability are left out; not part of the JSON.
        kept_for: By accuracy wanted, 0.9, 0.95 and 0.99, what the lowest threshold keeps that reaches it with one
            mistake more than was seen; None where none does.
        accepted: Share of the photos that the classifier does not reject; None where it was not calibrated.
        accepted_accuracy: Share of their answers that are right; None where there are none.
        worst: The wrong answers, most certain first, 24 at most.
        intervals: 95 % intervals by name of the figure; `coverage_at_0.9` and `accuracy_at_0.9` are those of `kept_for`, its threshold
            taken as given.
        skipped: Message by file of photos that could not be decoded and were not judged.
        background: What was judged, for pages; not part of the JSON.
    """

    n_photos: int
    accuracy: float
    top_k: dict[int, float]
    macro_f1: float
    per_class: dict[str, ClassScore]
    confusion: np.ndarray = attrs.field(eq=attrs.cmp_using(eq=np.array_equal), repr=False)
    ece: float
    reliability: tuple[ReliabilityBin, ...]
    coverage_curve: CoverageCurve = attrs.field(repr=False, metadata=ASIDE)
    kept_for: dict[float, Kept | None]
    accepted: float | None = None
    accepted_accuracy: float | None = None
    worst: tuple[Mistake, ...]
    intervals: dict[str, Interval]
    skipped: Mapping[str, str] = attrs.field(factory=dict)
    background: Background | None = attrs.field(default=None, eq=False, repr=False, metadata=ASIDE)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in order."""
        return tuple(self.per_class)

    def confusions(self, limit: int = 10) -> list[tuple[str, str, int, float]]:
        """Give the most frequent confusions: true class, answer, photos, share of the true class."""
        wrong = self.confusion - np.diag(self.confusion.diagonal())
        places = np.argsort(-wrong, axis=None, kind="stable")[:limit]
        pairs = [(i, j, int(wrong[i, j])) for i, j in zip(*np.unravel_index(places, wrong.shape), strict=True) if wrong[i, j]]
        names = self.class_names
        return [(names[i], names[j], count, count / self.per_class[names[i]].support) for i, j, count in pairs]

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Give the report as Markdown text, and write it to a file where one is named."""
        return write_text(to_markdown(self), path)

    def to_html(self, path: str | Path | None = None) -> str:
        """Give the report as one page that holds all its pictures, and write it to a file where one is named. Needs the extra `plots`."""
        return write_text(to_html(self), path)

    def plot(self, folder: str | Path) -> list[Path]:
        """Draw the report into a folder. Needs the extra `plots`.

        `confusion.png`, `per_class.png`, `calibration.png`, `coverage.png`; `worst.png`, the worst mistakes, where there are any; and
        where the classifier handed them in, `history.png`, the curves of the training, and `photos.png`, photos with their classes.

        Returns:
            The files.
        """
        folder, background = Path(folder), self.background
        figures = {
            "confusion": draw_confusion(self.confusion, self.class_names),
            "per_class": draw_scores(self.per_class),
            "calibration": draw_reliability(self.reliability, self.ece),
            "coverage": draw_coverage(self.coverage_curve, self.kept_for),
        }
        if background and background.history:
            figures["history"] = draw_history(background.history)
        files = [save(figure, folder / f"{name}.png") for name, figure in figures.items()]
        sheets = {"worst": [mistake.tile() for mistake in self.worst], "photos": background.photos if background else ()}
        return files + [save_sheet(tiles, folder / f"{name}.png") for name, tiles in sheets.items() if tiles]

    def headline(self) -> list[tuple[str, str, float]]:
        """Give the figures that matter most: name for people, key in `intervals`, value."""
        top = [(f"top-{k} accuracy", f"top_{k}", value) for k, value in self.top_k.items() if k > 1]
        figures = [("accuracy", "accuracy", self.accuracy), *top, ("macro F1", "macro_f1", self.macro_f1)]
        figures.append(("calibration error", "ece", self.ece))
        kept = ("accepted", "accepted", self.accepted), ("accuracy of the accepted", "accepted_accuracy", self.accepted_accuracy)
        return figures + [(name, key, value) for name, key, value in kept if value is not None]


def classification_report(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    class_names: Sequence[str],
    groups: Sequence[object] | None = None,
    sources: Sequence[str] | None = None,
    read: Callable[[np.ndarray], np.ndarray] | None = None,
    skipped: Mapping[str, str] | None = None,
    background: Background | None = None,
    is_accepted: np.ndarray | None = None,
) -> ClassificationReport:
    """Judge the answers of a classifier.

    Classes without photos count in the confusion matrix, not in the macro F1.

    Args:
        probabilities: Shape `(n, n_classes)`.
        labels: True class ids, shape `(n,)`.
        class_names: Names of the classes.
        groups: Key of the photos that are not independent of each other, one per photo; None stands alone. The intervals then draw groups.
        sources: Name of each photo; None numbers them.
        read: From places, shape `(k,)`, to photos, uint8 `(k, height, width, 3)`, for the worst mistakes.
        skipped: Message by file of photos that are missing here.
        background: What pages tell beside the figures.
        is_accepted: Whether the classifier stands by each answer, bool of shape `(n,)`; None where it was not calibrated.

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
    support = confusion.sum(axis=1)
    precision, recall, f1 = _scores(confusion.diagonal(), confusion.sum(axis=0), support)
    scores = [ClassScore(float(p), float(r), float(f), int(s)) for p, r, f, s in zip(precision, recall, f1, support, strict=True)]
    units = number_groups(groups)
    is_right, sure = answers == labels, probabilities.max(axis=1)
    ece, ece_interval, bins = calibration_error(sure, is_right, units=units)
    kept, kept_spans = kept_figures(sure, is_right, is_accepted, units)
    return ClassificationReport(
        n_photos=len(labels),
        accuracy=float(is_right.mean()),
        top_k={k: float(np.mean(place < k)) for k in ks},
        macro_f1=float(f1[support > 0].mean()),
        per_class=dict(zip(class_names, scores, strict=True)),
        confusion=confusion,
        ece=ece,
        reliability=bins,
        worst=_worst(probabilities, labels, answers, class_names, sources, read),
        intervals=_intervals(labels, answers, place, ks, n_classes, units) | {"ece": ece_interval} | kept_spans,
        skipped=dict(skipped or {}),
        background=background,
        **kept,
    )


def _worst(
    probabilities: np.ndarray,
    labels: np.ndarray,
    answers: np.ndarray,
    class_names: Sequence[str],
    sources: Sequence[str] | None,
    read: Callable[[np.ndarray], np.ndarray] | None,
) -> tuple[Mistake, ...]:
    wrong = np.flatnonzero(answers != labels)
    wrong = wrong[np.argsort(-probabilities[wrong, answers[wrong]], kind="stable")[:N_WORST]]
    photos = [shrink(photo) for photo in read(wrong)] if read and len(wrong) else [None] * len(wrong)
    return tuple(
        Mistake(
            source=sources[i] if sources else f"photo {i}",
            true_class=class_names[labels[i]],
            class_name=class_names[answers[i]],
            probability=float(probabilities[i, answers[i]]),
            true_probability=float(probabilities[i, labels[i]]),
            thumbnail=photo,
        )
        for i, photo in zip(wrong.tolist(), photos, strict=True)
    )


def _scores(right: np.ndarray, called: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give precision, recall and F1 from counts; 0 where a count is."""

    def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return np.asarray(np.divide(part, whole, out=np.zeros(np.shape(whole), float), where=whole > 0))

    return share(right, called), share(right, true), share(2 * right, called + true)


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

    shares = {"accuracy": share_interval(answers == labels, units=units)}
    shares |= {f"top_{k}": share_interval(place < k, units=units) for k in ks if k > 1}
    return shares | {"macro_f1": bootstrap(counts, macro_f1, units=units)}
