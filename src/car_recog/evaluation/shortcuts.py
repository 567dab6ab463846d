"""What a classifier loses when something that it should not need is taken from the photos."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from car_recog.errors import DataError
from car_recog.evaluation.intervals import Interval, mean_interval, number_groups, wilson
from car_recog.evaluation.mcnemar import count_alone
from car_recog.evaluation.page import markdown_table
from car_recog.evaluation.report import ASIDE, Report
from car_recog.evaluation.sheets import Tile, save_sheet
from car_recog.storage import write_text

SHEET_PHOTOS = 8
"""Photos on a sheet, side by side; below each stand its changed ones."""


@attrs.frozen(kw_only=True)
class ChangeResult:
    """What one change of the photos does to the accuracy.

    Args:
        n_photos: Photos that it changes; all figures are of these.
        as_is: Accuracy on them before.
        changed: Accuracy after.
        difference: `changed` less `as_is`: below 0 where accuracy is lost.
        interval: Its 95 % interval: both accuracies are of the same photos.
        n_lost: Photos that were answered rightly before and wrongly after.
        n_gained: The other way round.
    """

    n_photos: int
    as_is: float
    changed: float
    difference: float
    interval: Interval
    n_lost: int
    n_gained: int


@attrs.frozen(kw_only=True)
class ShortcutReport(Report):
    """What `shortcut_test` returns. Fractions in [0, 1].

    Args:
        n_photos: Photos that were judged.
        accuracy: Accuracy on them as they are.
        changes: By change, what it does.
        left_out: Changes that change no photo.
        skipped: Message by file of photos that could not be decoded.
        sheet: Some of the photos, as they are and changed, with the answers.
    """

    n_photos: int
    accuracy: float
    changes: Mapping[str, ChangeResult]
    left_out: tuple[str, ...]
    skipped: Mapping[str, str]
    sheet: tuple[Tile, ...] = attrs.field(eq=False, repr=False, metadata=ASIDE)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Give the report as Markdown text, and write it to a file where one is named."""
        columns = ("change", "photos", "accuracy as is", "changed", "difference", "95 % interval", "lost", "gained")
        rows = [
            (name, c.n_photos, c.as_is, c.changed, f"{c.difference:+.3f}", "{:+.3f} to {:+.3f}".format(*c.interval), c.n_lost, c.n_gained)
            for name, c in self.changes.items()
        ]
        lines = [*markdown_table(columns, rows), "", f"{self.n_photos:,} photos; accuracy as they are {self.accuracy:.3f}."]
        if self.left_out:
            lines.append(f"No photo changed: {', '.join(self.left_out)}. A background needs samples with a box that are not cut to it.")
        if self.skipped:
            lines.append(f"Not decoded: {len(self.skipped):,}.")
        return write_text("\n".join(lines) + "\n", path)

    def save_sheet(self, path: str | Path) -> Path:
        """Draw some of the photos, a row as they are and a row for each change, to a PNG file. Needs the extra `plots`."""
        return save_sheet(self.sheet, Path(path))


def shortcut_report(
    is_right: np.ndarray,
    changed: Mapping[str, np.ndarray],
    *,
    groups: Sequence[object] | None = None,
    skipped: Mapping[str, str] | None = None,
    sheet: Sequence[Tile] = (),
) -> ShortcutReport:
    """Compare answers before and after each change of the photos.

    Args:
        is_right: Whether each photo is answered rightly as it is, shape `(n,)`.
        changed: By change: 1 where it is answered rightly after, 0 where not, NaN where it does not change; shape `(n,)`.
        groups: What the intervals draw as a whole, one per photo, None for those that stand alone.
        skipped: Message by file of photos that are missing here.
        sheet: Some photos to be looked at.

    Raises:
        DataError: No photos.

    Example:
        >>> report = shortcut_report(np.array([1, 1, 1, 0]), {"grey": np.array([1, 0, 0, np.nan])})
        >>> report.accuracy, round(report.changes["grey"].difference, 3), report.changes["grey"].n_lost
        (0.75, -0.667, 2)
    """
    if not len(is_right):
        raise DataError("No photo is left to be judged.")
    units = number_groups(groups)
    results = {}
    for name, after in changed.items():
        places = np.flatnonzero(~np.isnan(after))
        if len(places):
            results[name] = _compare(is_right[places], after[places], None if units is None else units[places])
    return ShortcutReport(
        n_photos=len(is_right),
        accuracy=float(np.mean(is_right)),
        changes=results,
        left_out=tuple(name for name in changed if name not in results),
        skipped=dict(skipped or {}),
        sheet=tuple(sheet),
    )


def _compare(before: np.ndarray, after: np.ndarray, units: np.ndarray | None) -> ChangeResult:
    difference = after - before.astype(float)
    if difference.any():
        interval = mean_interval(difference, units=units)
    else:  # every resample would repeat the 0, and say that of few photos as surely as of many
        bound = wilson(0, len(difference) if units is None else len(np.unique(units)))[1]
        interval = (-bound, bound)
    n_lost, n_gained = count_alone(before.astype(bool), after.astype(bool))
    return ChangeResult(
        n_photos=len(before),
        as_is=float(before.mean()),
        changed=float(after.mean()),
        difference=float(difference.mean()),
        interval=interval,
        n_lost=n_lost,
        n_gained=n_gained,
    )
