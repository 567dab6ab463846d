"""What commands print: results on the standard output, notes, warnings and progress on the error output."""

import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from car_recog.evaluation.verification import VerificationReport

if TYPE_CHECKING:
    from car_recog.evaluation.classification import ClassificationReport

FINE = 0
FOUND_PROBLEMS = 1
BAD_USE = 2

_WIDE = 10_000


def show_lines(*lines: str) -> None:
    """Print lines of the result."""
    print(*lines, sep="\n")


def note(text: str) -> None:
    """Print a line about what is being done on the error output."""
    print(text, file=sys.stderr, flush=True)


def show_error(message: str) -> None:
    """Print the message of an error on the error output."""
    note(f"error: {message}")


def show_json(value: object) -> None:
    """Print a value as one JSON document."""
    show_lines(json.dumps(value, indent=1))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table.

    A terminal that is too narrow for all columns gets as many as fit, from the left, and a line that names the others. What is no
    terminal gets all of them, without line breaks.

    Args:
        columns: The headings, the most important first.
        rows: Numbers are put to the right, fractions with three digits; None leaves a cell empty.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    unlimited = console.options.update(max_width=_WIDE)
    n_shown = len(columns)
    while n_shown > 1 and console.measure(_table(columns[:n_shown], rows), options=unlimited).maximum > console.width:
        n_shown -= 1
    console.print(_table(columns[:n_shown], rows))
    if n_shown < len(columns):
        note(f"The terminal is too narrow for: {', '.join(columns[n_shown:])}. --json shows all.")


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, name in enumerate(columns):
        is_number = any(isinstance(row[place], int | float) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row[: len(columns)]))
    return table


def _cell(value: object) -> Text:
    if isinstance(value, float):
        return Text(f"{value:.3f}")
    if isinstance(value, int):
        return Text(f"{value:,}")
    return Text("" if value is None else printable(str(value)))


def printable(text: str) -> str:
    """Replace what would move the cursor or change the colours of a terminal.

    Example:
        >>> printable("a" + chr(27) + "[2J.jpg")
        'a?[2J.jpg'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def show_report(report: "ClassificationReport | VerificationReport") -> None:
    """Print the figures of a report, and those of its classes or of its kinds of impostors."""
    rows = [(name, value, span(report.intervals[key])) for name, key, value in report.headline()]
    show_table(("figure", "value", "95 % interval"), rows)
    if not isinstance(report, VerificationReport):
        show_lines("")
        scores = [(name, s.precision, s.recall, s.f1, s.support) for name, s in report.per_class.items()]
        show_table(("class", "precision", "recall", "F1", "photos"), scores)
        return
    if report.by_kind:
        show_lines("")
        kinds = [(kind, k.n_impostor, k.eer, span(k.intervals["eer"]), k.auc, k.far) for kind, k in report.by_kind.items()]
        show_table(("kind of impostor", "pairs", "EER", "95 % interval", "AUC", "FAR"), kinds)
    if report.notes:
        show_lines("", *report.notes)


def span(interval: Sequence[float]) -> str:
    """Word an interval."""
    return "{:.3f} to {:.3f}".format(*interval)


@contextmanager
def watched_warnings() -> Iterator[list[str]]:
    """Print warnings of this library as lines on the error output, and drop those of other packages.

    Yields:
        The messages so far.
    """
    messages: list[str] = []

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
    ) -> None:
        if category.__module__.startswith("car_recog."):
            messages.append(str(message))
            note(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield messages
