"""From a folder of cars, or a list of pairs, and the flags to what a verifier is trained and judged on."""

import argparse
from collections.abc import Mapping

import attrs
import numpy as np

from car_recog.cli.sides import read_folder, split_sides
from car_recog.data.pair_sampling import Rule, same_attributes
from car_recog.data.pairs import PairDataset
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError, UnknownNameError, suggestion


@attrs.frozen
class CarSides:
    """The sides of a split, which share no car unless that was asked for; None where a side was not asked for.

    Args:
        train: Photos of cars, or pairs where a list was named.
        val: Pairs.
        test: Pairs.
    """

    train: ImageDataset | PairDataset
    val: PairDataset | None
    test: PairDataset | None

    def counts(self) -> dict[str, int]:
        """Count photos, cars and pairs by side."""
        counts = {}
        for name, side in attrs.asdict(self, recurse=False).items():
            photos = side.images if isinstance(side, PairDataset) else side
            counts[name] = 0 if photos is None else len(photos)
            counts[f"{name}_cars"] = 0 if photos is None else len(np.unique(photos.labels))
            if isinstance(side, PairDataset):
                counts[f"{name}_pairs"] = len(side)
        return counts

    def worded(self) -> str:
        """Tell what there is."""
        counts, purposes = self.counts(), {"train": "to train", "val": "to validate", "test": "to test"}
        return "photos: " + ", ".join(f"{counts[side]:,} of {counts[f'{side}_cars']:,} cars {what}" for side, what in purposes.items())


def read_car_sides(args: argparse.Namespace) -> CarSides:
    """Split cars as the flags say, and draw pairs of those to validate and to test on; the same flags give the same sides.

    Raises:
        DataError: No photos, patterns that do not match, or too few cars or pairs for the sides.
        OptionError: Flags that contradict each other.
    """
    shares = args.val_fraction, args.test_fraction
    if args.pairs is not None:
        disjoint = None if args.disjoint == "none" else args.disjoint
        return CarSides(*split_sides(_read_list(args).split, *shares, seed=args.seed, disjoint=disjoint))
    split = _read_cars(args).split
    train, *judged = split_sides(split, *shares, seed=args.seed, near_duplicates=args.near_duplicates, disjoint="class")
    val, test = (None if side is None else _draw(side, args, name) for side, name in zip(judged, ("val", "test"), strict=True))
    return CarSides(train, val, test)


def read_pairs_of_side(args: argparse.Namespace, side: str) -> PairDataset:
    """Give the pairs of one side by name, or of all cars.

    Raises:
        OptionError: The flags leave nothing on that side.
    """
    if side == "all":
        return _read_list(args) if args.pairs is not None else _draw(_read_cars(args), args, side)
    chosen = getattr(read_car_sides(args), side)
    if chosen is None:
        raise OptionError(f"--side {side} is empty: --{side}-fraction is 0.")
    return chosen if isinstance(chosen, PairDataset) else _draw(chosen, args, side)


def _read_list(args: argparse.Namespace) -> PairDataset:
    if args.data is not None:
        raise OptionError(f"Give either DATA or --pairs; got '{args.data}' and '{args.pairs}'. --image-root says where the photos are.")
    if args.impostors or args.n_pairs is not None:
        raise OptionError("--impostors and --n-pairs draw pairs; a list of --pairs brings its own.")
    if args.crop is not None or args.label is not None:
        raise OptionError("--crop and --label are for photos of DATA; a list of --pairs takes photos whole, and its classes as they are.")
    return PairDataset.from_file(args.pairs, args.image_root or args.pairs.parent, label_pattern=args.label_pattern)


def _read_cars(args: argparse.Namespace) -> ImageDataset:
    if args.data is None:
        raise OptionError("Name DATA, a folder with a folder of photos per car, or a list of pairs with --pairs FILE.")
    return read_folder(args)


def _draw(cars: ImageDataset, args: argparse.Namespace, side: str) -> PairDataset:
    try:
        return PairDataset.sample(cars, n_pairs=args.n_pairs, seed=args.seed, impostors=_rules(cars, args.impostors or ["any"]))
    except DataError as error:
        n_cars = len(np.unique(cars.labels))
        raise DataError(f"Side {side}, {n_cars} cars: {error}\n--n-pairs and --impostors say what is drawn.") from error


def _rules(cars: ImageDataset, kinds: list[str]) -> Rule | Mapping[str, Rule]:
    """Give the rules of the impostors by the name of their kind."""
    if kinds == ["any"]:
        return "any"
    known = sorted({name for sample in cars.samples for name in sample.attributes})
    rules: dict[str, Rule] = {}
    for kind in kinds:
        names = kind.split("+")
        if kind != "any" and (strangers := [name for name in names if name not in known]):
            offered = f"They have: {', '.join(known)}." if known else "They have none: give --label-pattern named groups."
            hint = suggestion(strangers[0], known)
            raise UnknownNameError(f"--impostors {kind}: the photos have no attribute '{strangers[0]}'.{hint} {offered}")
        rules["any" if kind == "any" else f"same {' and '.join(names)}"] = "any" if kind == "any" else same_attributes(*names)
    return rules
