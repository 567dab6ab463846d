"""From a folder and the data flags to the photos for training, validation and test."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs

from car_recog.cli.output import watched_warnings
from car_recog.data.compcars import CompCarsDataset
from car_recog.data.folders import FolderDataset, group_by_name
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError

SIDES = ("all", "train", "val", "test")
_PHOTOS = {"parts": ("part", "part"), "models": ("image", "classification"), "makes": ("image", "classification")}
"""Folder of the photos and of the lists in a CompCars tree, by task."""

_Side = TypeVar("_Side")


@attrs.frozen
class Sides:
    """The sides of a split; None where a side was not asked for."""

    train: ImageDataset
    val: ImageDataset | None
    test: ImageDataset | None

    def counts(self) -> dict[str, int]:
        """Count photos by side."""
        return {name: 0 if side is None else len(side) for name, side in attrs.asdict(self, recurse=False).items()}

    def worded(self) -> str:
        """Tell what there is."""
        classes, n_photos = len(self.train.class_names), self.counts()
        places = f"{n_photos['train']:,} to train, {n_photos['val']:,} to validate, {n_photos['test']:,} to test"
        return f"{classes} classes; photos: {places}"


def is_compcars(root: Path, task: str = "parts") -> bool:
    """Tell whether a folder is a CompCars tree with the photos of a task."""
    return (root / "data" / _PHOTOS[task][0]).is_dir()


def has_official_split(args: argparse.Namespace) -> bool:
    """Tell whether the official lists of CompCars are to be used.

    Raises:
        OptionError: They are asked for where there are none.
    """
    lists = f"data/train_test_split/{_PHOTOS[_task(args)][1]}"
    is_offered = _is_tree(args) and (Path(args.data) / lists).is_dir()
    if args.split == "official" and not is_offered:
        raise OptionError(f"--split official needs a CompCars tree with {lists}; '{args.data}' is none. Use --split random.")
    return bool(is_offered and args.split != "random")


def read_all(args: argparse.Namespace) -> ImageDataset:
    """Give all photos on disk, with groups and crops as the flags say."""
    return prepared(_of_tree(args, None), args) if _is_tree(args) else read_folder(args)


def _of_tree(args: argparse.Namespace, split: str | None) -> ImageDataset:
    cars = CompCarsDataset(args.data)
    read: dict[str, Callable[[str | None], ImageDataset]] = {"parts": cars.parts, "models": cars.models, "makes": cars.makes}
    return read[_task(args)](split)


def _task(args: argparse.Namespace) -> str:
    return args.task or "parts"


def read_folder(args: argparse.Namespace) -> ImageDataset:
    """Give the photos of a folder with the classes, groups and crops that the flags say."""
    with watched_warnings():
        return prepared(FolderDataset(args.data, args.label_pattern, label=args.label, unmatched=args.unmatched), args)


def _is_tree(args: argparse.Namespace) -> bool:
    return args.label_pattern is None and args.label is None and is_compcars(Path(args.data), _task(args))


def read_sides(args: argparse.Namespace) -> Sides:
    """Split the photos as the flags say; the same flags give the same sides. Classes without any photo are left out.

    Raises:
        DataError: No photos, patterns that do not match, or too few photos for the sides.
    """
    test: ImageDataset | None
    if has_official_split(args):
        test = prepared(_of_tree(args, "test"), args)
        train, val, _ = split_sides(prepared(_of_tree(args, "train"), args).split, args.val_fraction, 0.0, seed=args.seed)
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


def prepared(data: ImageDataset, args: argparse.Namespace) -> ImageDataset:
    """Give every sample the group that the pattern finds in its name, and the crop."""
    if args.group_pattern is not None:
        try:
            data = group_by_name(data, args.group_pattern, root=args.data)
        except DataError as error:
            raise DataError(f"--group-pattern {error}") from error
    if getattr(args, "crop", None) is None:  # not all commands cut photos
        return data
    with watched_warnings():
        return data.with_boxes(args.crop, margin=args.margin)
