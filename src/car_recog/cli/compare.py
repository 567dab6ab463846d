"""`car-recog compare`: saved classifiers, and the five of the ladder, judged on the same photos, on one page."""

import argparse
from shlex import quote
from typing import TYPE_CHECKING, Any

from car_recog.cli.evaluate import task_of
from car_recog.cli.options import add_data_flags, finish_command, option
from car_recog.cli.output import FINE, FOUND_PROBLEMS, show_json, show_lines, show_table, watched_warnings
from car_recog.cli.sides import SIDES, Sides, has_official_split, read_side, read_sides
from car_recog.cli.startup import load_keras
from car_recog.cli.trained import add_run_folder_flag, new_run_folder
from car_recog.errors import OptionError
from car_recog.evaluation.comparison_page import STEPS, results, steps

if TYPE_CHECKING:
    from car_recog.data.samples import ImageDataset

_DESCRIPTION = (
    "Judge several classifiers on the same photos: accuracy, loss, time, size and speed of each, all curves in one plot, and whether each "
    "differs from the one before it by more than chance. --bundles takes saved classifiers as they are; --ladder trains five, from a plain "
    "network to MobileNet. The run folder receives comparison.html, to look at, the trainings, and the best as `best`."
)


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("compare", help="judge several classifiers on the same photos", description=_DESCRIPTION)
    add_data_flags(parser)
    group = parser.add_argument_group("what is compared")
    group.add_argument("--bundles", nargs="+", default=[], metavar="BUNDLE", help="folders of saved classifiers")
    group.add_argument("--side", choices=SIDES, help="photos to judge bundles on (test where there are official lists, else all)")
    group.add_argument("--ladder", action="store_true", help="train the five models of the ladder, and judge on the test side")
    group.add_argument("--weights", default="imagenet", help="what MobileNet starts from: imagenet, none, or a file (imagenet)")
    group.add_argument(
        "--backbone-options", nargs="+", type=option, action="extend", default=[], metavar="NAME=VALUE", help="of MobileNet: alpha=0.25"
    )
    size = {"nargs": 2, "type": int, "default": (224, 224), "metavar": ("HEIGHT", "WIDTH")}
    group.add_argument("--image-size", **size, help="of the ladder, in pixels (224 224)")
    group.add_argument("--epochs", type=int, help="replaces the length of the ladder's trainings")
    add_run_folder_flag(parser, "compare")
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Train what is to be trained, judge, and print."""
    folder = new_run_folder(args, "compare")
    test, sides = _photos(args)
    load_keras()
    from car_recog.classifying.five_models import ladder
    from car_recog.comparison import compare

    weights = None if args.weights.lower() == "none" else args.weights
    size, options = tuple(args.image_size), dict(args.backbone_options)
    rungs = ladder(weights, size, backbone_options=options, epochs=args.epochs) if args.ladder else []
    with watched_warnings() as problems:
        train, val = (sides.train, sides.val) if sides else (None, None)
        comparison = compare([*args.bundles, *rungs], train, val, test=test, seed=args.seed, folder=folder)
    if args.json:
        show_json({"run_folder": str(folder), **comparison.to_dict(), "problems": problems})
    else:
        show_table(*results(comparison))
        show_lines("")
        show_table(STEPS, steps(comparison))
        show_lines("", f"The best is {comparison.winner.name}. Look at {folder / 'comparison.html'}")
        show_lines(f"Ask it: car-recog predict {quote(str(folder / 'best'))} PHOTO...")
    return FOUND_PROBLEMS if problems else FINE


def _photos(args: argparse.Namespace) -> "tuple[ImageDataset, Sides | None]":
    """Give the photos to judge on, and the sides to train on where something is trained.

    Raises:
        OptionError: Nothing is named to compare, or the ladder has nothing to validate or test on.
    """
    if not args.ladder:
        if len(args.bundles) < 2:
            raise OptionError("Name what is compared: --bundles with two folders or more, or --ladder.")
        load_keras()
        from car_recog.loading import load_classifier

        args.task = args.task or task_of(load_classifier(args.bundles[0]))
        return read_side(args, args.side or ("test" if has_official_split(args) else "all")), None
    sides = read_sides(args)
    if args.side or sides.val is None or sides.test is None:
        raise OptionError("--ladder chooses by the validation side and judges on the test side: leave both a share, and --side away.")
    return sides.test, sides
