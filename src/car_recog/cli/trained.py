"""What every training does: its run folder, the way from photos to a judged and saved recogniser, and what it came to."""

import argparse
import datetime
import time
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.cli.cars import CarSides
from car_recog.cli.evaluate import judge, write_report
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, show_json, show_lines, show_report
from car_recog.cli.sides import Sides
from car_recog.cli.startup import check_plots
from car_recog.errors import OptionError
from car_recog.storage import is_vacant

if TYPE_CHECKING:
    from car_recog.evaluation.classification import ClassificationReport
    from car_recog.evaluation.verification import VerificationReport


def add_run_folder_flag(parser: argparse.ArgumentParser, kind: str) -> None:
    """Add the flag that says where a training of this kind is put."""
    parser.add_argument("--run-folder", type=Path, help=f"where everything is put; new or empty (runs/{kind}-DATE-TIME)")


def new_run_folder(args: argparse.Namespace, kind: str) -> Path:
    """Give the run folder, which is new or empty, before any photo is read.

    Raises:
        OptionError: It holds something, or its pictures could not be drawn.
    """
    folder: Path = args.run_folder or Path("runs") / f"{kind}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    if not is_vacant(folder):
        raise OptionError(f"--run-folder '{folder}' is not empty. Name a new folder.")
    check_plots()
    return folder


@attrs.frozen
class Trained:
    """What a training came to.

    Args:
        folder: The run folder.
        counts: Number of photos by side, and of whatever else was counted.
        n_epochs: Passes over the training side.
        seconds: Of the training, decoding included.
        report: The figures of the test side; None without one.
    """

    folder: Path
    counts: dict[str, int]
    n_epochs: int
    seconds: float
    report: "ClassificationReport | VerificationReport | None"

    @property
    def bundle(self) -> Path:
        """The folder of the saved recogniser."""
        return self.folder / "bundle"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "run_folder": str(self.folder),
            "bundle": str(self.bundle),
            **{f"n_{side}": count for side, count in self.counts.items()},
            "n_epochs": self.n_epochs,
            "seconds": round(self.seconds, 1),
            "report": self.report and self.report.to_dict(),
        }

    def tell(self) -> None:
        """Print the figures and where everything lies."""
        if self.report is not None:
            note("")
            show_report(self.report)
        names = ", ".join(path.name for path in sorted(self.folder.iterdir()))
        show_lines("", f"Trained {self.n_epochs} epochs in {self.seconds:.0f} s. {self.folder} holds:", f"  {names}")
        if self.report is not None:
            show_lines(f"Look at {self.folder / 'report.html'}")


def train_and_judge(
    recogniser: Any, sides: Sides | CarSides, *, calibrate: Callable[[Any], object] | None, folder: Path, **options: Any
) -> Trained:
    """Train, calibrate on the validation side and judge on the test side where there are such, and fill the run folder.

    Args:
        recogniser: A classifier or a verifier; it is fitted here.
        sides: What it is trained, calibrated and judged on.
        calibrate: Calibrates it on the validation side; None where `fit` has done all that is asked for.
        folder: The run folder, new or empty.
        **options: Of its `fit`.
    """
    note(sides.worded())
    start = time.perf_counter()
    history = recogniser.fit(sides.train, sides.val, run_folder=folder, **options)
    if calibrate is not None and sides.val is not None:
        calibrate(sides.val)
    seconds = time.perf_counter() - start
    report = None
    if sides.test is not None:
        report = judge(recogniser.evaluate, sides.test)
        write_report(report, folder)
    recogniser.save(folder / "bundle")  # once more: with the calibration, and the evaluation in its card
    return Trained(folder, sides.counts(), len(history), seconds, report)


def show_trained(trained: Trained, args: argparse.Namespace, problems: list[str], *, ask: str) -> int:
    """Print what a training came to and the command that asks it, `ask` with the bundle in its place. Returns the exit code."""
    if args.json:
        show_json({**trained.to_dict(), "problems": problems})
    else:
        trained.tell()
        show_lines(f"Ask it: {ask.format(quote(str(trained.bundle)))}")
    return FOUND_PROBLEMS if problems else FINE
