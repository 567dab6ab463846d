"""`car-recog demo`: the whole way from photos to a saved part classifier and a saved verifier, on drawn photos, in about a minute."""

import argparse
import shutil
import time
from itertools import count
from pathlib import Path
from typing import Any

from car_recog.cli.demo_parts import Shown, run_parts
from car_recog.cli.demo_verifier import run_verifier
from car_recog.cli.options import finish_command
from car_recog.cli.output import FINE, FOUND_PROBLEMS, show_json, show_lines, watched_warnings
from car_recog.cli.startup import check_plots
from car_recog.storage import is_vacant

N_PHOTOS, N_EPOCHS = 1600, 30
N_COLOURS, N_CAR_EPOCHS = 9, 40
SEED = 0

_DESCRIPTION = (
    "Draw photos of eight car parts, and of cars, each on several photos. From random weights train a small network to name the part, and "
    "another to tell whether two photos show the same car. Judge them on photos and cars they have not seen, save them, load them again "
    "and ask them. Needs no data and no internet."
)


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("demo", help="see all of it work on drawn photos, in about a minute", description=_DESCRIPTION)
    where = "where everything is put; where it holds something, a number is added (demo-output)"
    parser.add_argument("--folder", type=Path, default=Path("demo-output"), help=where)
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo and say what was done."""
    check_plots()
    folder = free_folder(args.folder)
    start = time.perf_counter()
    with watched_warnings() as problems:
        parts, verifier = run_demo(folder)
    seconds = time.perf_counter() - start
    if args.json:
        show_json({**parts.to_dict(), "verifier": verifier.to_dict(), "seconds_in_all": round(seconds, 1), "problems": problems})
    else:
        parts.tell()
        verifier.tell()
        show_lines(f"{seconds:.0f} s in all. Try next:", *(f"  {command}" for command in parts.commands + verifier.commands))
    return FOUND_PROBLEMS if problems else FINE


def free_folder(folder: Path) -> Path:
    """Give the folder, or with a number behind its name where it holds something, such as an earlier demo."""
    names = (folder.with_name(f"{folder.name}-{number}") if number > 1 else folder for number in count(1))
    return next(name for name in names if is_vacant(name))


def run_demo(folder: Path) -> tuple[Shown, Shown]:
    """Show the part classifier, then the verifier, in a new or empty folder.

    Raises:
        TrainingError: One of them answers otherwise after it was saved and loaded.
    """
    try:
        parts = run_parts(folder, n_photos=N_PHOTOS, n_epochs=N_EPOCHS, seed=SEED)
        verifier = run_verifier(folder, n_colours=N_COLOURS, n_epochs=N_CAR_EPOCHS, seed=SEED)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # it was new or empty
        raise
    return parts, verifier
