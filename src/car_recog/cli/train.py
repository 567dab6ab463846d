"""`car-recog train parts`: photos -> a trained, judged and saved part classifier."""

import argparse
import datetime
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.cli.evaluate import judge, write_report
from car_recog.cli.options import add_common_flags, add_data_flags, add_network_flags, add_training_flags, network_arguments
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, show_json, show_line, show_report, watched_warnings
from car_recog.cli.sides import Sides, read_sides
from car_recog.cli.startup import check_plots, load_keras
from car_recog.errors import OptionError
from car_recog.storage import is_vacant

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier
    from car_recog.evaluation.classification import ClassificationReport
    from car_recog.training.recipe import Recipe

_DESCRIPTION = (
    "Train a part classifier on photos, judge it on the test side, and save it. The run folder receives the saved classifier (bundle), "
    "config.json, history.csv and, to look at, report.html; its figures (report.json, report.md) and pictures lie beside it."
)


@attrs.frozen
class Trained:
    """What a training came to.

    Args:
        folder: The run folder.
        counts: Number of photos by side.
        n_epochs: Passes over the training side.
        seconds: Of the training, decoding included.
        report: The figures of the test side; None without one.
    """

    folder: Path
    counts: dict[str, int]
    n_epochs: int
    seconds: float
    report: "ClassificationReport | None"

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


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    train = commands.add_parser("train", help="train a recogniser on your photos", allow_abbrev=False)
    kinds = train.add_subparsers(title="what to train", metavar="KIND", required=True)
    parser = kinds.add_parser("parts", help="which part of a car a photo shows", description=_DESCRIPTION, allow_abbrev=False)
    add_data_flags(parser)
    add_network_flags(parser)
    add_training_flags(parser)
    parser.add_argument("--run-folder", type=Path, help="where everything is put; new or empty (runs/parts-DATE-TIME)")
    add_common_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, judge, save, and say how good it is and where it lies."""
    folder = args.run_folder or Path("runs") / f"parts-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    check_new(folder)
    check_plots()
    sides = read_sides(args)
    load_keras()
    from car_recog.classifier import PartClassifier
    from car_recog.training.presets import get_recipe

    recipe = get_recipe(args.recipe, epochs=args.epochs)
    classifier = PartClassifier(**network_arguments(args))
    with watched_warnings() as problems:
        trained = train_and_judge(classifier, sides, recipe=recipe, seed=args.seed, folder=folder, on_error=args.on_error)
    if args.json:
        show_json({**trained.to_dict(), "problems": problems})
    else:
        trained.tell()
        show_line(f"Ask it: car-recog predict {quote(str(folder / 'bundle'))} PHOTO...")
    return FOUND_PROBLEMS if problems else FINE


def check_new(folder: Path) -> None:
    """Raise unless a run folder is new or empty, before any photo is read.

    Raises:
        OptionError: It holds something.
    """
    if not is_vacant(folder):
        raise OptionError(f"--run-folder '{folder}' is not empty. Name a new folder.")


def train_and_judge(
    classifier: "CarClassifier", sides: Sides, *, recipe: "Recipe", seed: int, folder: Path, on_error: str = "skip"
) -> Trained:
    """Train a classifier, judge it on the test side where there is one, and fill the run folder.

    Args:
        classifier: It is fitted here.
        sides: The photos.
        recipe: How.
        seed: Of everything random.
        folder: The run folder, new or empty.
        on_error: What is done about broken photos: `"skip"` or `"raise"`.
    """
    named = {"train": sides.train, "val": sides.val, "test": sides.test}
    counts = {name: 0 if side is None else len(side) for name, side in named.items()}
    n_classes = len(sides.train.class_names)
    note(f"{n_classes} classes; photos: {counts['train']:,} to train, {counts['val']:,} to validate, {counts['test']:,} to test")
    start = time.perf_counter()
    history = classifier.fit(sides.train, sides.val, recipe=recipe, seed=seed, run_folder=folder, on_error=on_error)
    seconds = time.perf_counter() - start
    report = None
    if sides.test is not None:
        report = judge(classifier, sides.test)
        write_report(report, folder)
        classifier.save(folder / "bundle")  # once more: with the evaluation in its card
    return Trained(folder, counts, len(history), seconds, report)
