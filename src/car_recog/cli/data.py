"""`car-recog data`: check the photos, and write a split down as lists."""

import argparse
from pathlib import Path
from typing import Any

from car_recog.cli.options import add_group_flag, add_photo_flags, add_task_flag, finish_command
from car_recog.cli.output import FINE, FOUND_PROBLEMS, printable, show_json, show_lines, show_table
from car_recog.cli.sides import read_all
from car_recog.data.checks import check_data
from car_recog.data.folders import find_photos
from car_recog.data.lists import write_list
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError
from car_recog.progress import progress_bar
from car_recog.storage import atomic_folder, is_vacant

_CHECK = (
    "Find unreadable photos, exact and near-duplicates, contradictory classes, leaks into other folders, tiny and odd photos. Nothing is "
    "changed. The exit code is 1 where there are errors; warnings and notes leave it 0."
)
_SPLIT = "Split photos by a seed, class by class, and write train.csv, val.csv and test.csv: path below DATA, class_name, group."


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command and what can be done."""
    data = commands.add_parser("data", help="check photos, or split them into lists")
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="find broken, doubled, leaking and odd photos", description=_CHECK)
    add_task_flag(add_photo_flags(check))
    check.add_argument("--against", nargs="+", type=Path, default=[], metavar="FOLDER", help="folders that must hold none of these photos")
    check.add_argument("--out", type=Path, metavar="FILE", help="write all findings to a .json or .md file")
    finish_command(check, run=run_check, group_pattern=None)
    split = actions.add_parser("split", help="write a split as lists", description=_SPLIT)
    photos = add_photo_flags(split)
    add_group_flag(photos)
    add_task_flag(photos)
    split.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="receives the lists; new or empty")
    split.add_argument(
        "--fractions", nargs="+", type=float, default=[0.7, 0.15, 0.15], metavar="F", help="of train, val and test, or of train and test"
    )
    split.add_argument("--seed", type=int, default=0, help="another seed gives another split (0)")
    split.add_argument(
        "--near-duplicates", default="ignore", metavar="WHAT", help="together keeps near-duplicates on one side; ignore does not look"
    )
    finish_command(split, run=run_split)


def run_check(args: argparse.Namespace) -> int:
    """Check photos and show what was found."""
    if args.out is not None and (args.out.suffix.lower() not in (".json", ".md") or args.out.is_dir()):
        raise OptionError(f"--out takes a .json or .md file; got '{args.out}'.")
    data = read_all(args)
    against = [_read_any(folder) for folder in args.against]
    with progress_bar("reading", sum(map(len, (data, *against)))) as advance:
        report = check_data(data, against=against, on_photo=advance)
    if args.out is not None:
        (report.to_json if args.out.suffix.lower() == ".json" else report.to_markdown)(args.out)
    if args.json:
        show_json(report.to_dict())
    else:
        show_lines(*map(printable, str(report).splitlines()))
    return FOUND_PROBLEMS if report.n_errors else FINE


def run_split(args: argparse.Namespace) -> int:
    """Split photos and write the lists."""
    sides = {2: ("train", "test"), 3: ("train", "val", "test")}.get(len(args.fractions))
    if sides is None:
        raise OptionError(f"--fractions takes two or three; got {len(args.fractions)}.")
    if not is_vacant(args.out):
        raise OptionError(f"--out '{args.out}' is not empty. Name a new folder.")
    data = read_all(args)
    split = dict(zip(sides, data.split(*args.fractions, seed=args.seed, near_duplicates=args.near_duplicates), strict=True))
    with atomic_folder(args.out) as folder:
        for side, photos in split.items():
            write_list(folder / f"{side}.csv", photos.samples, Path(args.data))
    if args.json:
        show_json({"folder": str(args.out), **{f"n_{side}": len(photos) for side, photos in split.items()}})
    else:
        rows = [(f"{side}.csv", len(photos), sum(map(bool, photos.class_counts().values()))) for side, photos in split.items()]
        show_table(("list", "photos", "classes"), rows)
        show_lines("", f'In {args.out}. Read one: ImageDataset.from_list("{args.out / "train.csv"}", root="{args.data}")')
    return FINE


def _read_any(folder: Path) -> ImageDataset:
    """Give all photos below a folder; what they show does not matter."""
    photos = find_photos(folder)
    if not photos:
        raise DataError(f"No photos below '{folder}'.")
    return ImageDataset.from_files(photos, [""] * len(photos))
