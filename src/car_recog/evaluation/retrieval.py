"""How well cars are found among many: ranks, mean average precision, and what becomes of cars that are not there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from car_recog.errors import DataError
from car_recog.evaluation.intervals import Interval, draw_weights, sum_units
from car_recog.evaluation.page import figures, markdown_table
from car_recog.evaluation.plots import new_figure, save
from car_recog.evaluation.report import ASIDE, Report
from car_recog.storage import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANKS = (1, 5, 10)
MAX_RANK = 50
_BLOCK = 2**24
_COLOUR = "#1b3a6b"
_ARRAY: dict[str, Any] = {"eq": False, "repr": False, "metadata": ASIDE}


@attrs.frozen(kw_only=True)
class RetrievalReport(Report):
    """Figures of searching a gallery, as fractions in [0, 1].

    Args:
        n_queries: Queries whose car is enrolled: those that ranks and mean average precision are of.
        n_strangers: Queries whose car is not, or only by the query itself.
        n_photos: Enrolled photos.
        n_names: Enrolled names.
        rank: Share of the queries whose name is among the first 1, 5 and 10 names of the search, as far as there are more names.
            A name of equal score counts as standing before the right one.
        mean_average_precision: Mean over the queries of the average precision of all enrolled photos of the car, in the order of scores.
        cmc: The same as `rank` for the first 1, 2, ... names, 50 at most: the cumulative match characteristic.
        threshold: The stored one; None without.
        found: Share of the queries whose name comes first and reaches the threshold; None without one.
        false_alarms: Share of the strangers for whom some name reaches the threshold; None without a threshold or strangers.
        intervals: 95 % intervals by name of the figure (`rank_1`, ...), from a thousand draws of identities.
        skipped: Message by file of queries that could not be decoded.
        bands: 95 % intervals of `cmc`, shape `(2, n_ranks)`; not part of the JSON, as what follows.
        ranks: Place of the right name for each query, from 1 on.
        average_precisions: Of each query.
    """

    n_queries: int
    n_strangers: int
    n_photos: int
    n_names: int
    rank: dict[int, float]
    mean_average_precision: float
    cmc: tuple[float, ...]
    threshold: float | None
    found: float | None
    false_alarms: float | None
    intervals: dict[str, Interval]
    skipped: Mapping[str, str] = attrs.field(factory=dict)
    bands: np.ndarray = attrs.field(**_ARRAY)
    ranks: np.ndarray = attrs.field(**_ARRAY)
    average_precisions: np.ndarray = attrs.field(**_ARRAY)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Give the report as Markdown text, and write it to a file where one is named."""
        rows = figures(self.headline(), self.intervals)
        counts = (
            f"{self.n_queries:,} queries of enrolled cars and {self.n_strangers:,} of others, "
            f"among {self.n_photos:,} photos of {self.n_names:,} names"
        )
        skipped = f"; not decoded: {len(self.skipped)}" if self.skipped else ""
        return write_text("\n".join([*markdown_table(("figure", "value", "95 % interval"), rows), "", f"{counts}{skipped}.\n"]), path)

    def plot(self, folder: str | Path) -> list[Path]:
        """Draw `cmc.png` into a folder; returns the files. Needs the extra `plots`."""
        return [save(self.draw_cmc(), Path(folder) / "cmc.png")]

    def draw_cmc(self) -> "Figure":
        """Draw the share of the queries whose name is among the first so many, with its 95 % interval. Needs the extra `plots`."""
        figure = new_figure(7, 4.6)
        axes = figure.subplots()
        names = np.arange(1, len(self.cmc) + 1)
        axes.fill_between(names, *self.bands, color=_COLOUR, alpha=0.18, linewidth=0, label="95 % interval")
        axes.plot(names, self.cmc, "o-", color=_COLOUR, markersize=4, label=f"{self.n_queries:,} queries of enrolled cars")
        axes.plot(names, names / self.n_names, ":", color="grey", label=f"chance among {self.n_names:,} names")
        for rank, share in self.rank.items():
            axes.annotate(f"{share:.3f}", (rank, share), xytext=(0, -14), textcoords="offset points", ha="left", fontsize=9)
        axes.set(xlim=(0.5, len(names) + 0.5), ylim=(-0.01, 1.02))
        axes.set(xlabel="names that are looked at, best first", ylabel="share of the queries whose name is among them")
        axes.locator_params(axis="x", integer=True)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", fontsize=9)
        return figure

    def headline(self) -> list[tuple[str, str, float]]:
        """Give the figures that are known: name for people, key in `intervals`, value."""
        known = [
            *((f"rank-{rank}", f"rank_{rank}", value) for rank, value in self.rank.items()),
            ("mean average precision", "mean_average_precision", self.mean_average_precision),
            ("found: first and above the threshold", "found", self.found),
            ("false alarms: strangers above the threshold", "false_alarms", self.false_alarms),
        ]
        return [(name, key, value) for name, key, value in known if value is not None]


def retrieval_report(
    score: Callable[[np.ndarray], np.ndarray],
    *,
    queries: np.ndarray,
    gallery: np.ndarray,
    own: np.ndarray | None = None,
    threshold: float | None = None,
    skipped: Mapping[str, str] | None = None,
) -> RetrievalReport:
    """Judge how well the cars of queries are found among enrolled photos.

    Args:
        score: From places of queries, shape `(k,)`, to their scores against all enrolled photos, `(k, n_photos)`; higher is more alike.
        queries: Which car each query shows, integers of shape `(n_queries,)`. The intervals draw cars.
        gallery: Which car each enrolled photo shows, shape `(n_photos,)`.
        own: Place among the enrolled photos of each query itself, which does not count for it; -1 where it is not enrolled.
        threshold: From which score on two photos count as the same car.
        skipped: Message by file of photos that are missing here.

    Raises:
        DataError: No enrolled photos, none that shows the car of a query, or a score that is no number.

    Example:
        >>> scores = np.array([[0.9, 0.2, 0.4], [0.8, 0.1, 0.3]])
        >>> report = retrieval_report(lambda places: scores[places], queries=np.array([0, 1]), gallery=np.array([0, 1, 1]))
        >>> report.rank, report.cmc
        ({1: 0.5}, (0.5, 1.0))
        >>> round(report.mean_average_precision, 3)    # 1 for the first query, (1/2 + 2/3) / 2 for the second
        0.792
    """
    own = np.full(len(queries), -1) if own is None else own
    if not len(gallery):
        raise DataError("The gallery is empty: there is nothing to search.")
    ranks, precisions, right, best = _judge(score, queries, gallery, own)
    is_known, n_names = ranks > 0, len(np.unique(gallery))
    if not is_known.any():
        raise DataError("No query shows an enrolled car, so none could be found. Give queries whose classes are names of the gallery.")
    n_ranks = min(n_names, MAX_RANK)
    hits = ranks[is_known, None] <= np.arange(1, n_ranks + 1)
    columns = [hits, precisions[is_known, None]]
    if threshold is not None:
        columns.append(((ranks == 1) & (right >= threshold))[is_known, None])
    values, spans = _means(np.concatenate(columns, axis=1), queries[is_known])
    shown = [rank for rank in RANKS if rank == 1 or rank < n_names]
    intervals = {f"rank_{rank}": spans[rank - 1] for rank in shown} | {"mean_average_precision": spans[n_ranks]}
    alarms = None
    if threshold is not None:
        intervals["found"] = spans[n_ranks + 1]
        if not is_known.all():
            (alarms,), (intervals["false_alarms"],) = _means((best >= threshold)[~is_known, None], queries[~is_known])
    return RetrievalReport(
        n_queries=int(is_known.sum()),
        n_strangers=int((~is_known).sum()),
        n_photos=len(gallery),
        n_names=n_names,
        rank={rank: values[rank - 1] for rank in shown},
        mean_average_precision=values[n_ranks],
        cmc=tuple(values[:n_ranks]),
        threshold=threshold,
        found=None if threshold is None else values[n_ranks + 1],
        false_alarms=alarms,
        intervals=intervals,
        skipped=dict(skipped or {}),
        bands=np.array(spans[:n_ranks]).T,
        ranks=ranks[is_known],
        average_precisions=precisions[is_known],
    )


def _judge(
    score: Callable[[np.ndarray], np.ndarray], queries: np.ndarray, gallery: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Give for each query the rank of its name (0 for strangers), average precision, best score of its name, best score of any."""
    order = np.argsort(gallery, kind="stable")
    first = np.unique(gallery[order], return_index=True)[1]
    ranks, precisions = np.zeros(len(queries), int), np.zeros(len(queries))
    right, best = np.full(len(queries), -np.inf), np.full(len(queries), -np.inf)
    for places in np.array_split(np.arange(len(queries)), len(queries) * len(gallery) // _BLOCK + 1):
        scores = np.array(score(places), np.float64)
        if np.isnan(scores).any():
            raise DataError("Scores must be numbers; NaN came.")
        itself = np.flatnonzero(own[places] >= 0)
        scores[itself, own[places][itself]] = -np.inf
        by_name = np.maximum.reduceat(scores[:, order], first, axis=1)
        best[places] = by_name.max(axis=1)
        for row, query in enumerate(places):
            mates = scores[row, gallery == queries[query]]
            mates = mates[mates > -np.inf]
            if len(mates):
                right[query] = mates.max()
                ranks[query] = np.count_nonzero(by_name[row] >= right[query])
                precisions[query] = _average_precision(mates, np.sort(scores[row]))
    return ranks, precisions, right, best


def _average_precision(mates: np.ndarray, ascending: np.ndarray) -> float:
    """Give the mean, over the photos of the car, of the precision among all photos that score at least as high."""
    among_mates = len(mates) - np.searchsorted(np.sort(mates), mates, side="left")
    among_all = len(ascending) - np.searchsorted(ascending, mates, side="left")
    return float((among_mates / among_all).mean())


def _means(values: np.ndarray, units: np.ndarray) -> tuple[list[float], list[Interval]]:
    """Give the mean of each column, shape `(n, k)`, and its 95 % interval from draws of whole units."""
    summed = sum_units(np.concatenate([values, np.ones((len(values), 1))], axis=1), units)
    draws = np.concatenate([times @ summed for times in draw_weights(len(summed))])
    low, high = np.quantile(draws[:, :-1] / draws[:, -1:], [0.025, 0.975], axis=0).tolist()
    return values.mean(axis=0, dtype=np.float64).tolist(), list(zip(low, high, strict=True))
