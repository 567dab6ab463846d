"""`car-recog calibrate`: what the answers of a saved recogniser mean, and from where on they are relied on."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.cli.cars import read_pairs_of_side
from car_recog.cli.evaluate import choose_task
from car_recog.cli.options import add_car_flags, add_data_flags, finish_command
from car_recog.cli.output import FINE, FOUND_PROBLEMS, show_json, show_lines, show_table, span, watched_warnings
from car_recog.cli.predict import find_named
from car_recog.cli.sides import SIDES, read_side
from car_recog.cli.startup import load_keras
from car_recog.errors import OptionError

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier
    from car_recog.evaluation.class_calibration import ClassCalibration
    from car_recog.evaluation.pair_calibration import PairCalibration
    from car_recog.verifier import SiameseVerifier

_DESCRIPTION = (
    "Choose on photos that neither training nor test saw what the answers of a saved classifier or verifier are worth, and save it with "
    "the recogniser. With the data flags of its training, --side val takes the photos or pairs that the training validated on."
)
_WORDS = {
    "ece_before": "calibration error before",
    "ece_after": "calibration error after",
    "accepted": "share that is answered",
    "accepted_accuracy": "share of those that is right",
    "unknown_accepted": "share of unknown photos answered",
}


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    purpose = "make the answers of a saved classifier or verifier mean what they say"
    parser = commands.add_parser("calibrate", help=purpose, description=_DESCRIPTION)
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder of a saved classifier or verifier; it is written anew")
    add_data_flags(parser, is_needed=False)
    add_car_flags(parser)
    parser.add_argument("--side", choices=SIDES, default="val", help="which photos of DATA (val)")
    goal = parser.add_argument_group("goal").add_mutually_exclusive_group()
    goal.add_argument("--precision", type=float, metavar="F", help="share of a classifier's accepted answers that is to be right (0.9)")
    goal.add_argument("--coverage", type=float, metavar="F", help="or share of the photos that is to be answered")
    goal.add_argument("--far", type=float, metavar="F", help="false accept rate of a verifier")
    goal.add_argument("--target", choices=("eer", "accuracy"), help="or what its threshold is chosen for (eer)")
    unknown = "photos of what the classifier does not know, to choose the best way to tell them; files, folders and patterns"
    parser.add_argument("--unknown", nargs="+", default=[], metavar="PHOTO", help=unknown)
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Calibrate, save and print."""
    load_keras()
    from car_recog.loading import load_recogniser
    from car_recog.verifier import SiameseVerifier

    recogniser = load_recogniser(args.bundle)
    with watched_warnings() as problems:
        if isinstance(recogniser, SiameseVerifier):
            found: ClassCalibration | PairCalibration = _calibrate_verifier(recogniser, args)
        else:
            found = _calibrate_classifier(recogniser, args)
        recogniser.save(args.bundle)
    if args.json:
        show_json({"bundle": str(args.bundle), "calibration": attrs.asdict(found), "problems": problems})
    else:
        _tell(found)
        show_lines("", f"{args.bundle} is calibrated.")
    return FOUND_PROBLEMS if problems else FINE


def _calibrate_verifier(verifier: "SiameseVerifier", args: argparse.Namespace) -> "PairCalibration":
    if args.precision is not None or args.coverage is not None or args.unknown:
        raise OptionError("--precision, --coverage and --unknown are for classifiers; a verifier takes --far or --target.")
    goal = {"far": args.far} if args.far is not None else {"target": args.target or "eer"}
    return verifier.calibrate(read_pairs_of_side(args, args.side), **goal)


def _calibrate_classifier(classifier: "CarClassifier", args: argparse.Namespace) -> "ClassCalibration":
    if args.far is not None or args.target is not None:
        raise OptionError("--far and --target are for verifiers; a classifier takes --precision or --coverage.")
    choose_task(args, classifier)
    unknown = [str(path) for path in find_named(args.unknown)] if args.unknown else None
    return classifier.calibrate(read_side(args, args.side), precision=args.precision, coverage=args.coverage, unknown=unknown)


def _tell(found: "ClassCalibration | PairCalibration") -> None:
    values = attrs.asdict(found)
    is_classifier = "temperature" in values
    words = _WORDS if is_classifier else {"far": "false accept rate", "frr": "false reject rate"}
    figures = {key: (word, values[key]) for key, word in words.items()}
    figures |= {f"auroc_{name}": (f"AUROC of {name} on unknown photos", value) for name, value in values.get("auroc", {}).items()}
    intervals = values["intervals"]
    rows = [(*figure, span(intervals[key])) for key, figure in figures.items() if key in intervals]
    show_table(("figure", "value", "95 % interval"), rows)
    if is_classifier:
        show_lines("", f"Temperature {values['temperature']:.3f}; rejected below {values['score']} {values['threshold']:.4f}.")
    else:
        show_lines("", f"Accepted from {values['threshold']:.4f} on.")
