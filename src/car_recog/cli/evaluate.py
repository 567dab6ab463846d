"""`car-recog evaluate`: how good a saved classifier is on photos whose classes are known, or a saved verifier on pairs."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from car_recog.cli.cars import read_pairs_of_side
from car_recog.cli.options import add_car_flags, add_data_flags, finish_command
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, show_json, show_lines, show_report, watched_warnings
from car_recog.cli.sides import SIDES, has_official_split, read_side
from car_recog.cli.startup import check_plots, load_keras
from car_recog.data.pairs import PairDataset
from car_recog.data.samples import ImageDataset
from car_recog.errors import OptionError

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier
    from car_recog.evaluation.classification import ClassificationReport
    from car_recog.evaluation.verification import VerificationReport

D = TypeVar("D", bound=ImageDataset | PairDataset)
R = TypeVar("R")
_DESCRIPTION = (
    "Judge a saved classifier on photos, or a saved verifier on pairs that are drawn of the photos of cars, or listed. With the data flags "
    "of its training, --side test judges exactly the photos or pairs that the training left out."
)


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("evaluate", help="judge a saved classifier or verifier on your photos", description=_DESCRIPTION)
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder of a saved classifier or verifier")
    add_data_flags(parser, is_needed=False)
    add_car_flags(parser)
    parser.add_argument(
        "--side", choices=SIDES, help="which photos of DATA (test where the official lists of CompCars are used, else all)"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="receives report.html, report.json, report.md and pictures")
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Judge and print."""
    if args.out is not None:
        check_plots()
    load_keras()
    from car_recog.loading import load_recogniser
    from car_recog.verifier import SiameseVerifier

    recogniser = load_recogniser(args.bundle)
    report: ClassificationReport | VerificationReport
    with watched_warnings() as problems:
        if isinstance(recogniser, SiameseVerifier):
            side, source = args.side or "all", args.data or str(args.pairs)
            report = judge(recogniser.evaluate, read_pairs_of_side(args, side))
            judged = f"{report.n_pairs:,} pairs of {report.n_identities:,} cars"
        else:
            choose_task(args, recogniser)
            side, source = args.side or ("test" if has_official_split(args) else "all"), args.data
            report = judge(recogniser.evaluate, read_side(args, side))
            judged = f"{report.n_photos:,} photos"
    written = [] if args.out is None else write_report(report, args.out)
    if args.json:
        show_json({"bundle": str(args.bundle), "data": source, "side": side, "report": report.to_dict()})
    else:
        show_report(report)
        show_lines("", f"{judged} of {source}, side: {side}.")
        if args.out is not None:
            names = ", ".join(sorted(path.name for path in written))
            show_lines(f"{args.out} holds {names}.", f"Look at {args.out / 'report.html'}")
    return FOUND_PROBLEMS if problems else FINE


def choose_task(args: argparse.Namespace, classifier: "CarClassifier") -> None:
    """Take the photos of a CompCars tree that a classifier is for, where the flags do not say.

    Raises:
        OptionError: Pairs are named, or nothing at all.
    """
    if args.data is None or args.pairs is not None:
        raise OptionError("A classifier is judged on photos, not on pairs: name DATA, a folder with a folder per class.")
    args.task = args.task or task_of(classifier)


def task_of(classifier: "CarClassifier") -> str:
    """Name the photos of a CompCars tree that a classifier is for."""
    from car_recog.classifier import PartClassifier

    return "parts" if isinstance(classifier, PartClassifier) else "models"


def judge(evaluate: Callable[[D], R], data: D) -> R:
    """Evaluate a recogniser on photos or pairs, and say so."""
    note(f"judging {len(data):,} {'pairs' if isinstance(data, PairDataset) else 'photos'}")
    return evaluate(data)


def write_report(report: "ClassificationReport | VerificationReport", folder: Path) -> list[Path]:
    """Write `report.json`, `report.md`, `report.html` and the pictures. Returns the files."""
    files = [folder / f"report.{kind}" for kind in ("json", "md", "html")]
    for write, path in zip((report.to_json, report.to_markdown, report.to_html), files, strict=True):
        write(path)
    return files + report.plot(folder)
