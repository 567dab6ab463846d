"""`car-recog train verifier`: photos of cars, or pairs -> a trained, calibrated, judged and saved verifier."""

import argparse
from functools import partial
from typing import Any

from car_recog.cli.cars import CarSides, read_car_sides
from car_recog.cli.options import (
    add_car_flags,
    add_crop_flags,
    add_group_flag,
    add_photo_flags,
    add_share_flags,
    add_training_flags,
    add_verifier_flags,
    finish_command,
    network_arguments,
)
from car_recog.cli.output import watched_warnings
from car_recog.cli.startup import load_keras
from car_recog.cli.trained import add_run_folder_flag, new_run_folder, show_trained, train_and_judge
from car_recog.errors import OptionError

_DESCRIPTION = (
    "Train a verifier, which tells whether two photos show the same car, on photos of cars: a folder per car, or the car in the file name. "
    "The cars are split, so that no car of the training is validated or judged on; the threshold is chosen on the validation side. With "
    "--pairs a pair head is trained on a list of pairs. The run folder receives the saved verifier (bundle), config.json, history.csv and, "
    "to look at, report.html."
)
_DATA = "a folder with a folder of photos per car"


def add_parser(kinds: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = kinds.add_parser("verifier", help="whether two photos show the same car", description=_DESCRIPTION)
    photos = add_photo_flags(parser, data=_DATA, is_needed=False)
    add_crop_flags(photos)
    add_group_flag(photos)
    add_share_flags(photos)
    add_car_flags(parser)
    add_verifier_flags(parser)
    training = add_training_flags(parser, "identities", "pairs")
    training.add_argument("--objective", help="of cars: multi_similarity, triplet, arcface or supervised_contrastive, the default")
    calibration = parser.add_argument_group("calibration").add_mutually_exclusive_group()
    calibration.add_argument("--far", type=float, metavar="F", help="choose the threshold for this false accept rate in validation")
    calibration.add_argument(
        "--target", choices=("eer", "accuracy"), help="or for eer, where false accepts and rejects balance, or accuracy (eer)"
    )
    add_run_folder_flag(parser, "verifier")
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Train, calibrate, judge, save, and say how good it is and where it lies."""
    folder = new_run_folder(args, "verifier")
    sides = read_car_sides(args)
    goal = _goal(args, sides)
    load_keras()
    from car_recog.training.presets import get_recipe
    from car_recog.verifier import SiameseVerifier

    recipe = get_recipe(args.recipe, kind="identities" if args.pairs is None else "pairs", epochs=args.epochs)
    verifier = SiameseVerifier(**network_arguments(args, "embedding_dim", "pooling", "flip_average", "local_scaling", "distance"))
    calibrate = partial(verifier.calibrate, **goal) if goal else None
    options = {"recipe": recipe, "objective": args.objective, "seed": args.seed, "on_error": args.on_error}
    with watched_warnings() as problems:
        trained = train_and_judge(verifier, sides, calibrate=calibrate, folder=folder, **options)
    return show_trained(trained, args, problems, ask="car-recog verify {} PHOTO PHOTO")


def _goal(args: argparse.Namespace, sides: CarSides) -> dict[str, Any]:
    """Give what the threshold is chosen for, as arguments of `calibrate`; what cannot be met shows before the training.

    Nothing for the equal error rate: `fit` chooses its threshold.
    """
    if (args.far is not None or args.target is not None) and sides.val is None:
        raise OptionError("--far and --target choose the threshold on the validation side: give it a --val-fraction above 0.")
    if args.far is not None and sides.val is not None:
        n_impostor = int((~sides.val.is_genuine).sum())
        if not 1 / max(n_impostor, 1) <= args.far < 1:
            needs = "between 1 / 'impostor pairs to validate on' and 1"
            raise OptionError(f"--far must lie {needs}; got {args.far:g} with {n_impostor:,} such pairs. Raise it or --val-fraction.")
        return {"far": args.far}
    return {"target": args.target} if args.target == "accuracy" else {}
