"""`car-recog train`; `train parts` and `train models`: photos -> a trained, calibrated, judged and saved classifier."""

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from car_recog.cli.options import add_data_flags, add_network_flags, add_training_flags, finish_command, network_arguments
from car_recog.cli.output import note, watched_warnings
from car_recog.cli.sides import read_sides
from car_recog.cli.startup import load_keras
from car_recog.cli.train_verifier import add_parser as add_verifier
from car_recog.cli.trained import add_run_folder_flag, new_run_folder, show_trained, train_and_judge
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier

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
    calibrate = partial(calibrate_trained, classifier)
    with watched_warnings() as problems:
        trained = train_and_judge(
            classifier, sides, calibrate=calibrate, folder=folder, recipe=recipe, seed=args.seed, on_error=args.on_error
        )
    return show_trained(trained, args, problems, ask="car-recog predict {} PHOTO...")


def calibrate_trained(classifier: "CarClassifier", val: ImageDataset) -> None:
    """Calibrate on the validation side; where the answers are not good enough for any threshold, none is rejected."""
    try:
        classifier.calibrate(val)
    except DataError as error:
        note(f"note: no answer will be rejected. {error}")
        classifier.calibrate(val, coverage=1.0)
