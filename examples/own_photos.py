"""What the examples on photos of your own share: flags, rare classes left out, and a training that is calibrated, judged and looked at."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from car_recog import CarClassifier, CarRecogError, FolderDataset, ImageDataset, get_recipe
from car_recog.data.folders import group_by_name
from car_recog.data.pipeline import load_photos
from car_recog.errors import DataError
from car_recog.evaluation.classification import ClassificationReport
from car_recog.evaluation.sheets import Tile, save_sheet, shrink

N_SHOWN = 32


def make_parser(doc: str | None, *, out: str) -> argparse.ArgumentParser:
    """Make a parser of the flags that all have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument("--photos", type=Path, metavar="FOLDER", help="photos of your own")
    photos.add_argument("--synthetic", action="store_true", help="draw some photos of invented cars, and train a tiny network on them")
    parser.add_argument("--label-pattern", metavar="P", help="make_model_year, make$$model$$year, make/model/year or a regular expression")
    parser.add_argument("--label", metavar="NAME", help="what of a name is the class: make, model (with its make), year (with both)")
    parser.add_argument("--group-pattern", metavar="REGEX", help="photos whose names match alike, such as of one car, stay on one side")
    parser.add_argument("--least", type=int, default=10, metavar="N", help="classes with fewer photos are left out (10)")
    parser.add_argument("--backbone", default="resnet50", help="(resnet50)")
    parser.add_argument("--options", type=json.loads, default={}, metavar="JSON", help='of the backbone, such as \'{"alpha": 0.25}\'')
    parser.add_argument("--weights", default="imagenet", help="imagenet, a file, or none for random (imagenet)")
    parser.add_argument("--image-size", nargs=2, type=int, default=[224, 224], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the photos in all, instead of the recipe's own length")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--external", nargs="+", default=[], metavar="PHOTO", help="other photos to ask about at the end")
    parser.add_argument("--out", type=Path, default=Path(out), metavar="FOLDER", help=f"new or empty, for everything that is made ({out})")
    parser.add_argument("--quiet", action="store_true", help="no progress of the epochs")
    return parser


def use_drawn(args: argparse.Namespace, *, photos: Path, epochs: int) -> None:
    """Put drawn photos and what suits them in the place of flags."""
    args.photos, args.label_pattern, args.label = photos, "make_model_year", args.label or "make"
    args.backbone, args.weights, args.options, args.image_size = "tiny_cnn", "none", {}, [64, 64]
    args.epochs = args.epochs or epochs


def run_clearly(work: Callable[[argparse.Namespace, Path], None], args: argparse.Namespace) -> None:
    """Work, with a folder for what is drawn; an error of the library ends with one line."""
    try:
        with TemporaryDirectory() as folder:
            work(args, Path(folder))
    except CarRecogError as error:
        sys.exit(f"error: {error}")


def read_photos(args: argparse.Namespace) -> ImageDataset:
    """Read the photos and their classes; names that tell none are listed and left out."""
    data = FolderDataset(args.photos, args.label_pattern, label=args.label, unmatched="skip")
    return group_by_name(data, args.group_pattern, root=args.photos) if args.group_pattern else data


def without_rare(data: ImageDataset, least: int) -> ImageDataset:
    """Leave out classes with few photos, which could not stand on every side of a split.

    Raises:
        DataError: Fewer than two classes are left.
    """
    counts = data.class_counts()
    names = [name for name, count in counts.items() if count >= least]
    if len(names) < 2:
        raise DataError(f"{len(names)} of {len(counts)} classes have {least} photos or more; training needs two. Lower --least.")
    if rare := [f"{name} ({count})" for name, count in counts.items() if count < least]:
        print(f"left out, fewer than {least} photos: {', '.join(rare)}")
    print(f"{len(names)} classes, {min(counts[n] for n in names)} to {max(counts[n] for n in names)} photos each")
    return data.subset(i for i, sample in enumerate(data.samples) if sample.class_name in names).with_class_names(names)


def make_classifier(args: argparse.Namespace, *, head: str | Sequence[int] = "lean") -> CarClassifier:
    """Make the network that the flags name."""
    weights = None if args.weights == "none" else args.weights
    return CarClassifier(args.backbone, weights, head, image_size=tuple(args.image_size), backbone_options=args.options)


def read_external(args: argparse.Namespace) -> ImageDataset:
    """Read the photos of `--external`; nobody says what they show."""
    return ImageDataset.from_files(args.external, ["?"] * len(args.external))


def train_and_judge(
    clf: CarClassifier, data: ImageDataset, *, recipe: str, external: ImageDataset, args: argparse.Namespace
) -> ClassificationReport:
    """Split, decode ahead, train, calibrate, judge, save, and show what was answered.

    `--out` receives `bundle`, the curves, `report.html` with its pictures beside it, and `random.png`.
    """
    train, val, test = data.split(0.7, 0.15, 0.15, seed=args.seed, near_duplicates="together")
    print(f"{len(train)} photos to train, {len(val)} to validate, {len(test)} to test", flush=True)
    load_photos(data, image_size=clf.config.image_size)  # into the cache; `car-recog cache build` does so in advance
    clf.fit(train, val, recipe=get_recipe(recipe, epochs=args.epochs), seed=args.seed, run_folder=args.out, verbose=not args.quiet)
    try:
        clf.calibrate(val, precision=0.9, verbose=not args.quiet)
    except DataError as error:
        print(f"nothing will be rejected: {error}")
        clf.calibrate(val, coverage=1.0, verbose=not args.quiet)
    report = clf.evaluate(test, verbose=not args.quiet)
    clf.save(args.out / "bundle")
    report.to_html(args.out / "report.html")
    report.plot(args.out)
    tell(report)
    print(f"{show_random(clf, test, args.out / 'random.png', seed=args.seed)}: photos of the test side, chosen at random")
    for answer in clf.predict(external) if len(external) else []:
        print(f"{answer.source}: {', '.join(f'{name} {probability:.3f}' for name, probability in answer.top[:3])}")
    print(f"Count the classes of a folder: car-recog predict {args.out / 'bundle'} FOLDER --summary")
    return report


def tell(report: ClassificationReport) -> None:
    """Print the figures, accuracy first, and what the thresholds keep."""
    for name, key, value in report.headline():
        low, high = report.intervals[key]
        print(f"{name:>28}  {value:.3f}  ({low:.3f} to {high:.3f})")
    for wanted, kept in report.kept_for.items():
        words = f"probability from {kept.threshold:.3f} on, {kept.coverage:.3f} of the photos" if kept else "not on these photos"
        print(f"{f'accuracy of {wanted:g}':>28}  {words}")


def show_random(clf: CarClassifier, test: ImageDataset, path: Path, *, seed: int) -> Path:
    """Draw photos of the test side, chosen at random, with answer, probability and truth."""
    chosen = test.subset(np.random.default_rng(seed).permutation(len(test))[:N_SHOWN])
    loaded = load_photos(chosen, image_size=clf.config.image_size)
    photos = loaded.read(np.arange(len(loaded)))
    tiles = []
    for photo, said, place in zip(photos, clf.predict(photos), loaded.kept, strict=True):
        sure = f"{said.probability:.3f}{', not sure' if said.rejected else ''}"
        tiles.append(Tile(shrink(photo), (said.class_name, sure, f"is: {chosen[int(place)].class_name}")))
    return save_sheet(tiles, path)
