"""Progress on the error output: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_CONSOLE = Console(stderr=True)


def say(line: str) -> None:
    """Print a line, above the bar where there is one."""
    _CONSOLE.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress_bar(label: str, total: int, *, is_shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Show how far a piece of work is while the block runs; nothing where the error output is no terminal.

    Yields:
        A function that takes how many more pieces are done.
    """
    if not (is_shown and _CONSOLE.is_terminal):
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=_CONSOLE, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda n: bar.advance(task, n)
