"""From a folder and the data flags to the photos for training, validation and test."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs

from car_recog.data.compcars import CompCarsDataset
from car_recog.data.folders import FolderDataset, group_by_name
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError

SIDES = ("all", "train", "val", "test")

_Side = TypeVar("_Side")


@attrs.frozen
class Sides:
    """The sides of a split; None where a side was not asked for."""

    train: ImageDataset
    val: ImageDataset | None
    test: ImageDataset | None


def is_compcars(root: Path) -> bool:
    """Tell whether a folder is a CompCars tree with part photos."""
    return (root / "data" / "part").is_dir()


def has_official_split(args: argparse.Namespace) -> bool:
    """Tell whether the official lists of CompCars are to be used.

    Raises:
        OptionError: They are asked for where there are none.
    """
    root = Path(args.data)
    is_offered = args.label_pattern is None and is_compcars(root) and (root / "data" / "train_test_split" / "part").is_dir()
    if args.split == "official" and not is_offered:
        raise OptionError(f"--split official needs a CompCars tree with data/train_test_split/part; '{root}' is none. Use --split random.")
    return bool(is_offered and args.split != "random")


def read_all(args: argparse.Namespace) -> ImageDataset:
    """Give all photos on disk, with the groups of the group pattern."""
    root = Path(args.data)
    is_tree = args.label_pattern is None and is_compcars(root)
    return grouped(CompCarsDataset(root).parts() if is_tree else FolderDataset(root, args.label_pattern), args)


def read_sides(args: argparse.Namespace) -> Sides:
    """Split the photos as the flags say; the same flags give the same sides. Classes without any photo are left out.

    Raises:
        DataError: No photos, patterns that do not match, or too few photos for the sides.
    """
    test: ImageDataset | None
    if has_official_split(args):
        cars = CompCarsDataset(args.data)
        test = grouped(cars.parts("test"), args)
        train, val, _ = split_sides(grouped(cars.parts("train"), args).split, args.val_fraction, 0.0, seed=args.seed)
    else:
        train, val, test = split_sides(read_all(args).split, args.val_fraction, args.test_fraction, seed=args.seed)
    class_names = [name for name, count in train.class_counts().items() if count]
    val, test = (None if side is None else side.with_class_names(class_names) for side in (val, test))
    return Sides(train.with_class_names(class_names), val, test)


def read_side(args: argparse.Namespace, side: str) -> ImageDataset:
    """Give one side by name, or all photos.

    Raises:
        OptionError: The flags leave nothing on that side.
    """
    if side == "all":
        return read_all(args)
    chosen: ImageDataset | None = getattr(read_sides(args), side)
    if chosen is None:
        raise OptionError(f"--side {side} is empty: --{side}-fraction is 0.")
    return chosen


def split_sides(
    split: Callable[..., list[_Side]], val_fraction: float, test_fraction: float, **options: Any
) -> tuple[_Side, _Side | None, _Side | None]:
    """Split into train, val and test by the `split` of a dataset and its options; a fraction of 0 leaves None."""
    kept = [fraction for fraction in (val_fraction, test_fraction) if fraction]
    train, *others = split(1 - sum(kept), *kept, **options)
    sides = iter(others)
    return train, next(sides) if val_fraction else None, next(sides) if test_fraction else None


def grouped(data: ImageDataset, args: argparse.Namespace) -> ImageDataset:
    """Give every sample the group that the pattern finds in its name."""
    if args.group_pattern is None:
        return data
    try:
        return group_by_name(data, args.group_pattern, root=args.data)
    except DataError as error:
        raise DataError(f"--group-pattern {error}") from error
