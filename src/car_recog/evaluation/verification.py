"""How well pairs of photos are told apart: the same car, or two."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.errors import DataError
from car_recog.evaluation import verification_page
from car_recog.evaluation.calibration import ReliabilityBin, calibration_error
from car_recog.evaluation.intervals import Interval, percentiles
from car_recog.evaluation.operating_points import check_pairs, equal_error_rate
from car_recog.evaluation.pair_bootstrap import Key, accepted_shares, pair_figures, pair_weights, tar_key
from car_recog.evaluation.pair_mistakes import PairMistake, PairReader, worst_pairs
from car_recog.evaluation.plots import draw_reliability, save
from car_recog.evaluation.report import ASIDE, Background, Report
from car_recog.evaluation.sheets import Tile, save_sheet
from car_recog.evaluation.verification_plots import draw_det, draw_pair_scores, draw_roc, draw_threshold
from car_recog.storage import write_text

_ARRAY: dict[str, Any] = {"eq": attrs.cmp_using(eq=np.array_equal), "repr": False, "metadata": ASIDE}


@attrs.frozen(kw_only=True)
class KindFigures:
    """How well genuine pairs are told from impostors of one kind. All shares are fractions in [0, 1].

    Args:
        n_impostor: Impostor pairs of this kind.
        auc: Area under the ROC curve.
        eer: Equal error rate, at a threshold of its own.
        tar_at_far: Share of the genuine pairs that are accepted where FAR is at most the key; None where the impostors are too few.
        far: Share of these impostors that the stored threshold accepts; None without one.
        intervals: 95 % intervals by name of the figure.
    """

    n_impostor: int
    auc: float
    eer: float
    tar_at_far: dict[float, float | None]
    far: float | None
    intervals: dict[str, Interval]


@attrs.frozen(kw_only=True)
class VerificationReport(Report):
    """What `evaluate` of a verifier returns. All shares are fractions in [0, 1].

    Args:
        n_pairs: Pairs that were judged.
        n_genuine: Those that show the same car.
        n_impostor: Those that show two.
        n_identities: Different cars in them.
        threshold: The one stored in the verifier: a pair is accepted when its score is at or above it. None where it has none yet.
        accuracy: Share of the pairs judged rightly at the stored threshold; None without one.
        far: False accept rate there: share of the impostor pairs that are accepted.
        frr: False reject rate there: share of the genuine pairs that are rejected.
        auc: Area under the ROC curve: how often a genuine pair scores higher than an impostor pair.
        eer: Equal error rate: FAR and FRR at the threshold of these pairs where they balance.
        eer_threshold: That threshold.
        tar_at_far: Share of the genuine pairs that are accepted where FAR is at most the key; None with less than 10 / FAR impostor pairs.
        ece: Expected calibration error of the probabilities; None without them. See `calibration.calibration_error`.
        brier: Mean squared distance of probability and truth.
        reliability: The bins of the calibration error: probability of being genuine, share of genuine pairs.
        intervals: 95 % intervals by name of the figure (`tar_at_far_0.01` ...), from a thousand draws of identities.
        by_kind: Figures against each kind of impostor alone.
        worst: The false accepts of the highest score and the false rejects of the lowest, 12 at most of each; at the stored threshold, or
            without one at that of the EER.
        notes: What to know before reading the figures, in sentences.
        skipped: Message by file of photos that could not be decoded; their pairs were not judged.
        scores: Of each pair; not part of the JSON, as what follows.
        is_genuine: Of each pair.
        identities: Of each pair's photos, shape `(n_pairs, 2)`.
        kinds: Of each pair, empty for genuine ones; None where they are not known.
        background: What was judged, for pages.
    """

    n_pairs: int
    n_genuine: int
    n_impostor: int
    n_identities: int
    threshold: float | None
    accuracy: float | None
    far: float | None
    frr: float | None
    auc: float
    eer: float
    eer_threshold: float
    tar_at_far: dict[float, float | None]
    ece: float | None
    brier: float | None
    reliability: tuple[ReliabilityBin, ...]
    intervals: dict[str, Interval]
    by_kind: dict[str, KindFigures]
    worst: tuple[PairMistake, ...]
    notes: tuple[str, ...]
    skipped: Mapping[str, str] = attrs.field(factory=dict)
    scores: np.ndarray = attrs.field(**_ARRAY)
    is_genuine: np.ndarray = attrs.field(**_ARRAY)
    identities: np.ndarray = attrs.field(**_ARRAY)
    kinds: np.ndarray | None = attrs.field(default=None, **_ARRAY)
    background: Background | None = attrs.field(default=None, eq=False, repr=False, metadata=ASIDE)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Give the report as Markdown text, and write it to a file where one is named."""
        return write_text(verification_page.to_markdown(self), path)

    def to_html(self, path: str | Path | None = None) -> str:
        """Give the report as one page that holds all its pictures, and write it to a file where one is named. Needs the extra `plots`."""
        return write_text(verification_page.to_html(self), path)

    def plot(self, folder: str | Path) -> list[Path]:
        """Draw the report into a folder. Needs the extra `plots`.

        `scores.png`, `roc.png`, `det.png`, `threshold.png`; `calibration.png` where the verifier gives probabilities; and
        `false_accepts.png` and `false_rejects.png`, the worst mistakes, where there are any.

        Returns:
            The files.
        """
        folder = Path(folder)
        figures = {"scores": draw_pair_scores(self), "roc": draw_roc(self), "det": draw_det(self), "threshold": draw_threshold(self)}
        if self.ece is not None:
            figures["calibration"] = draw_reliability(self.reliability, self.ece, unit="pairs")
        files = [save(figure, folder / f"{name}.png") for name, figure in figures.items()]
        for name, is_genuine in (("false_accepts", False), ("false_rejects", True)):
            if tiles := self.mistakes(is_genuine=is_genuine):
                files.append(save_sheet(tiles, folder / f"{name}.png", n_abreast=2))
        return files

    def mistakes(self, *, is_genuine: bool) -> list[Tile]:
        """Give the worst false rejects, which are genuine, or the worst false accepts, which are not, for a sheet."""
        return [mistake.tile() for mistake in self.worst if mistake.is_genuine == is_genuine]

    def headline(self) -> list[tuple[str, str, float]]:
        """Give the figures that matter most and are known: name for people, key in `intervals`, value."""
        figures = [
            ("accuracy", "accuracy", self.accuracy),
            ("FAR", "far", self.far),
            ("FRR", "frr", self.frr),
            ("equal error rate", "eer", self.eer),
            ("ROC AUC", "auc", self.auc),
            *((f"TAR at FAR {far}", tar_key(far), tar) for far, tar in self.tar_at_far.items()),
            ("calibration error", "ece", self.ece),
            ("Brier score", "brier", self.brier),
        ]
        return [(name, key, value) for name, key, value in figures if value is not None]


def verification_report(
    scores: np.ndarray,
    is_genuine: np.ndarray,
    *,
    identities: np.ndarray,
    threshold: float | None,
    probabilities: np.ndarray | None = None,
    kinds: Sequence[str] | None = None,
    sources: Sequence[tuple[str, str]] | None = None,
    read: PairReader | None = None,
    skipped: Mapping[str, str] | None = None,
    background: Background | None = None,
) -> VerificationReport:
    """Judge the scores of a verifier.

    Args:
        scores: Similarity of each pair, shape `(n_pairs,)`. Higher means more alike.
        is_genuine: Shape `(n_pairs,)`. True where both photos show the same car.
        identities: Which car each photo of a pair shows, integers of shape `(n_pairs, 2)`. The intervals draw cars.
        threshold: The stored one; a pair is accepted when its score is at or above it.
        probabilities: Of being genuine, shape `(n_pairs,)`.
        kinds: Kind of each impostor pair, such as `same model`; empty for genuine pairs.
        sources: Names of both photos of each pair; None numbers the pairs.
        read: From places, shape `(k,)`, to the first and the second photos of these pairs, each uint8 `(k, height, width, 3)`.
        skipped: Message by file of photos that are missing here.
        background: What pages tell beside the figures.

    Raises:
        DataError: Shapes that do not fit, one kind of pair is missing, or a score or probability is not a number.

    Example:
        >>> cars = np.array([[0, 0], [1, 1], [0, 1], [1, 0]])
        >>> report = verification_report(np.array([0.9, 0.4, 0.6, 0.1]), cars[:, 0] == cars[:, 1], identities=cars, threshold=0.5)
        >>> report.accuracy, report.far, report.frr, report.auc
        (0.5, 0.5, 0.5, 0.75)
    """
    scores, is_genuine = check_pairs(scores, is_genuine)
    identities, n = np.asarray(identities), len(scores)
    kind_of = None if kinds is None else np.asarray([kind or "" for kind in kinds], dtype=np.str_)
    probabilities = None if probabilities is None else np.asarray(probabilities, np.float64)
    _check(n, identities=identities, threshold=threshold, probabilities=probabilities, kinds=kinds, sources=sources)
    figures = pair_figures(scores, is_genuine, threshold=threshold, probabilities=probabilities, kinds=kind_of)
    values = {key: float(value[0]) for key, value in figures.at(np.ones((1, n))).items()}
    spans = {key: percentiles(resampled) for key, resampled in figures.resample(identities).items()}
    ece: float | None = None
    bins: tuple[ReliabilityBin, ...] = ()
    if probabilities is not None:
        ece, spans["", "ece"], bins = calibration_error(probabilities, is_genuine, weights=pair_weights(identities))
    eer_threshold = equal_error_rate(scores, is_genuine).threshold
    where = eer_threshold if threshold is None else threshold
    report = VerificationReport(
        n_pairs=n,
        n_genuine=int(is_genuine.sum()),
        n_impostor=int((~is_genuine).sum()),
        n_identities=len(np.unique(identities)),
        threshold=threshold,
        accuracy=values.get(("", "accuracy")),
        far=values.get(("", "far")),
        frr=values.get(("", "frr")),
        auc=values["", "auc"],
        eer=values["", "eer"],
        eer_threshold=eer_threshold,
        tar_at_far=accepted_shares(values, ""),
        ece=ece,
        brier=values.get(("", "brier")),
        reliability=bins,
        intervals=_of_kind(spans, ""),
        by_kind={kind: _against(kind, np.sum(kind_of == kind), values, spans) for kind in figures.rankings if kind},
        worst=worst_pairs(scores, is_genuine, threshold=where, probabilities=probabilities, kinds=kind_of, sources=sources, read=read),
        notes=(),
        skipped=dict(skipped or {}),
        scores=scores,
        is_genuine=is_genuine,
        identities=identities,
        kinds=kind_of,
        background=background,
    )
    return attrs.evolve(report, notes=verification_page.notes(report))


def _check(n: int, *, identities: np.ndarray, threshold: float | None, probabilities: np.ndarray | None, **named: Any) -> None:
    if identities.shape != (n, 2) or identities.dtype.kind not in "iu":
        raise DataError(f"Expected the identities of {n} pairs, integers of shape ({n}, 2); got {identities.dtype} {identities.shape}.")
    if threshold is not None and np.isnan(threshold):
        raise DataError("Expected a number or None as threshold; got NaN.")
    for name, values in {"probabilities": probabilities, **named}.items():
        if values is not None and len(values) != n:
            raise DataError(f"Expected {name} of {n} pairs, one for each score; got {len(values)}.")
    if probabilities is not None and not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise DataError("Expected probabilities between 0 and 1; others came. Pass scores as `scores`.")


def _against(kind: str, n_impostor: int, values: Mapping[Key, float], spans: Mapping[Key, Interval]) -> KindFigures:
    return KindFigures(
        n_impostor=int(n_impostor),
        auc=values[kind, "auc"],
        eer=values[kind, "eer"],
        tar_at_far=accepted_shares(values, kind),
        far=values.get((kind, "far")),
        intervals=_of_kind(spans, kind),
    )


def _of_kind(spans: Mapping[Key, Interval], kind: str) -> dict[str, Interval]:
    return {name: span for (of, name), span in spans.items() if of == kind}
