"""What both experiments of the paper share: flags, and runs that are not made twice."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
from paper_tables import Run

from car_recog import CarRecogError
from car_recog.errors import OptionError
from car_recog.storage import write_text


def make_parser(doc: str | None, *, out: str) -> argparse.ArgumentParser:
    """Make a parser of the flags that both have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--root", type=Path, metavar="COMPCARS", help="the folder that holds CompCars' data/")
    data.add_argument("--synthetic", action="store_true", help="draw a small tree of invented cars")
    data.add_argument("--folder", type=Path, metavar="PHOTOS", help="photos of your own, a folder per class")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=from_one, default=20)
    parser.add_argument("--image-size", nargs=2, type=from_one, default=[224, 224], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--out", type=Path, default=Path(out), metavar="FOLDER", help=f"of what is written ({out})")
    parser.add_argument("--quiet", action="store_true", help="no progress of the epochs")
    return parser


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the flags; what cannot be ends with usage and a message."""
    args = parser.parse_args(argv)
    if min(args.seeds) < 0:
        parser.error("seeds are integers from 0 on")
    return args


def from_one(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer from 1 on, got '{text}'")
    return int(text)


def photos_named(args: argparse.Namespace) -> str:
    """Name the photos that the flags ask for."""
    return "synthetic" if args.synthetic else str(args.root or args.folder)


def read_results(path: Path, settings: dict[str, Any]) -> list[Run]:
    """Give the runs of an earlier call.

    Raises:
        OptionError: They were made with other settings.
    """
    if not path.exists():
        return []
    try:
        kept = json.loads(path.read_text("utf-8"))
        differing = [name for name in settings if kept["settings"].get(name) != settings[name]]
        runs: list[Run] = kept["runs"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OptionError(f"'{path}' was not written by this example: {error}. Name another folder by --out.") from error
    if differing:
        raise OptionError(f"'{path}' holds runs with another {', '.join(differing)}. Name another folder by --out, or remove it.")
    return runs


def run_missing(
    path: Path, settings: dict[str, Any], kinds: Iterable[Run], train: Callable[[Run], Run], name: Callable[[Run], str]
) -> list[Run]:
    """Make the runs that do not stand in the results yet, and write each as it ends.

    Args:
        path: The file of the results.
        settings: What all runs of a file have in common.
        kinds: What tells the runs apart.
        train: Makes a run of a kind.
        name: Words a kind.
    """
    runs = read_results(path, settings)
    for kind in kinds:
        if any(kind.items() <= run.items() for run in runs):
            print(f"{name(kind)}: stands in {path}")
            continue
        print(f"{name(kind)}: training", flush=True)
        runs.append(kind | train(kind))
        keras.backend.clear_session()
        write_text(json.dumps({"settings": settings, "runs": runs}, indent=1) + "\n", path)
    return runs


def end_clearly(work: Callable[[argparse.Namespace, ExitStack], None], args: argparse.Namespace) -> None:
    """Work; an error of the library ends with one line."""
    try:
        with ExitStack() as stack:
            work(args, stack)
    except CarRecogError as error:
        sys.exit(f"error: {error}")
