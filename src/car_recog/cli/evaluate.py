"""`car-recog evaluate`: how good a saved classifier is on photos whose classes are known."""

import argparse
from pathlib import Path
from typing import Any

from car_recog.cli.cache import decode_into_cache
from car_recog.cli.options import add_common_flags, add_data_flags
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, say, show_json, show_report, watched_warnings
from car_recog.cli.sides import SIDES, has_official_split, read_side
from car_recog.cli.startup import check_plots, load_keras
from car_recog.cli.train import write_report

_DESCRIPTION = (
    "Judge a saved classifier. With the data flags of its training, --side test judges exactly the photos that the training left out."
)


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("evaluate", help="judge a saved classifier on your photos", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder of a saved classifier")
    add_data_flags(parser)
    parser.add_argument(
        "--side", choices=SIDES, help="which photos of DATA (test where the official lists of CompCars are used, else all)"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="receives report.json, report.md and confusion.png")
    add_common_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge and print."""
    if args.out is not None:
        check_plots()
    side = args.side or ("test" if has_official_split(args) else "all")
    data = read_side(args, side)
    load_keras()
    from car_recog.loading import load_classifier

    classifier = load_classifier(args.bundle)
    with watched_warnings() as problems:
        decode_into_cache(data, classifier.config)
        note(f"judging {len(data):,} photos")
        report = classifier.evaluate(data)
    if args.out is not None:
        write_report(report, args.out)
    if args.json:
        show_json({"bundle": str(args.bundle), "data": args.data, "side": side, "report": report.to_dict()})
    else:
        show_report(report)
        say("")
        say(f"{report.n_photos:,} photos ({side}) of {args.data}.")
        if args.out is not None:
            say(f"In {args.out}: confusion.png, report.json, report.md")
    return FOUND_PROBLEMS if problems else FINE
