"""The run folder of a training, and what a training came to."""

import argparse
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.cli.output import note, show_line, show_report
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "run_folder": str(self.folder),
            "bundle": str(self.folder / "bundle"),
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
        show_line("")
        show_line(f"Trained {self.n_epochs} epochs in {self.seconds:.0f} s. {self.folder} holds:")
        show_line(f"  {', '.join(path.name for path in sorted(self.folder.iterdir()))}")
        if self.report is not None:
            show_line(f"Look at {self.folder / 'report.html'}")
