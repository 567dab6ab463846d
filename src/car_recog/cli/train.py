"""`car-recog train`; `train parts` and `train models`: photos -> a trained, calibrated, judged and saved classifier."""

import argparse
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from car_recog.cli.calibrate import calibrate_after_training
from car_recog.cli.evaluate import judge, write_report
from car_recog.cli.options import add_data_flags, add_network_flags, add_training_flags, finish_command, network_arguments
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, show_json, show_line, watched_warnings
from car_recog.cli.sides import Sides, read_sides
from car_recog.cli.startup import load_keras
from car_recog.cli.train_verifier import add_parser as add_verifier
from car_recog.cli.trained import Trained, add_run_folder_flag, new_run_folder

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier
    from car_recog.training.recipe import Recipe

_KINDS = {"parts": "which part of a car a photo shows", "models": "which make and model a car is"}
_DESCRIPTION = (
    "Train a classifier on photos, calibrate it on the validation side, judge it on the test side, and save it. The run folder receives "
    "the saved classifier (bundle), config.json, history.csv and, to look at, report.html; its figures (report.json, report.md) and "
    "pictures lie beside it."
)


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command and what can be trained."""
    train = commands.add_parser("train", help="train a recogniser on your photos")
    kinds = train.add_subparsers(title="what to train", metavar="KIND", required=True)
    for kind, purpose in _KINDS.items():
        parser = kinds.add_parser(kind, help=purpose, description=_DESCRIPTION)
        add_data_flags(parser)
        add_network_flags(parser)
        add_training_flags(parser, "classifier")
        add_run_folder_flag(parser, kind)
        finish_command(parser, run=run, kind=kind)
    add_verifier(kinds)


def run(args: argparse.Namespace) -> int:
    """Train, judge, save, and say how good it is and where it lies."""
    folder = new_run_folder(args, args.kind)
    args.task = args.task or args.kind
    sides = read_sides(args)
    load_keras()
    from car_recog.classifier import CarClassifier, PartClassifier
    from car_recog.training.presets import get_recipe

    recipe = get_recipe(args.recipe, epochs=args.epochs)
    classifier = (PartClassifier if args.kind == "parts" else CarClassifier)(**network_arguments(args, "head"))
    with watched_warnings() as problems:
        trained = train_and_judge(classifier, sides, recipe=recipe, seed=args.seed, folder=folder, on_error=args.on_error)
    if args.json:
        show_json({**trained.to_dict(), "problems": problems})
    else:
        trained.tell()
        show_line(f"Ask it: car-recog predict {quote(str(folder / 'bundle'))} PHOTO...")
    return FOUND_PROBLEMS if problems else FINE


def train_and_judge(
    classifier: "CarClassifier", sides: Sides, *, recipe: "Recipe", seed: int, folder: Path, on_error: str = "skip"
) -> Trained:
    """Train a classifier, calibrate it on the validation side, judge it on the test side where there is one, and fill the run folder.

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
    if sides.val is not None:
        calibrate_after_training(classifier, sides.val)
    seconds = time.perf_counter() - start
    report = None
    if sides.test is not None:
        report = judge(classifier, sides.test)
        write_report(report, folder)
    classifier.save(folder / "bundle")  # once more: with the calibration, and the evaluation in its card
    return Trained(folder, counts, len(history), seconds, report)
