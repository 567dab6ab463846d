"""`car-recog evaluate`: how good a saved classifier is on photos whose classes are known."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from car_recog.cli.options import add_common_flags, add_data_flags
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, show_json, show_line, show_report, watched_warnings
from car_recog.cli.sides import SIDES, has_official_split, read_side
from car_recog.cli.startup import check_plots, load_keras
from car_recog.data.samples import ImageDataset

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier
    from car_recog.evaluation.classification import ClassificationReport

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
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="receives report.html, report.json, report.md and pictures")
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
        report = judge(classifier, data)
    if args.out is not None:
        written = write_report(report, args.out)
    if args.json:
        show_json({"bundle": str(args.bundle), "data": args.data, "side": side, "report": report.to_dict()})
    else:
        show_report(report)
        show_line("")
        show_line(f"{report.n_photos:,} photos of {args.data}, side: {side}.")
        if args.out is not None:
            show_line(f"{args.out} holds {', '.join(sorted(path.name for path in written))}.")
            show_line(f"Look at {args.out / 'report.html'}")
    return FOUND_PROBLEMS if problems else FINE


def judge(classifier: "CarClassifier", data: ImageDataset) -> "ClassificationReport":
    """Evaluate a classifier and say so."""
    note(f"judging {len(data):,} photos")
    return classifier.evaluate(data)


def write_report(report: "ClassificationReport", folder: Path) -> list[Path]:
    """Write `report.json`, `report.md`, `report.html` and the pictures. Returns the files."""
    files = [folder / f"report.{kind}" for kind in ("json", "md", "html")]
    for write, path in zip((report.to_json, report.to_markdown, report.to_html), files, strict=True):
        write(path)
    return files + report.plot(folder)
