"""Make and model from listing photos: what is no car is left out, backgrounds are cut away, a ResNet is fine-tuned by SGD.

    python examples/ecommerce.py --photos PHOTOS --out runs/listings                       # a folder per class
    python examples/ecommerce.py --photos PHOTOS --label-pattern make_model_year --filter SORTED --boxes boxes.csv
    python examples/ecommerce.py --synthetic                                               # small, on drawn photos

--filter names a folder with photos in `car` and in one or more other folders, such as `interior` or `paper`: a classifier learns to tell
them, and listing photos that it does not call a car are left out; left_out.png shows some. --boxes says where the car is: a cropper such
as plain_background, a CSV or COCO file of boxes, or none. What is left is split, trained by the recipe "ecommerce" - new dense layers
first, then the convolutional layers too, SGD with momentum 0.9, rotation, flip, scaling - and judged on the separate test side, accuracy
first. --out receives the calibrated bundle, photos.png with the crops as the network sees them, report.html, and random.png.
docs/ecommerce.md tells more.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from drawn_cars import draw_cars_and_others, draw_listings
from own_photos import (
    N_SHOWN,
    make_classifier,
    make_parser,
    read_external,
    read_photos,
    run_clearly,
    train_and_judge,
    use_drawn,
    without_rare,
)

from car_recog import FolderDataset, ImageDataset, get_recipe
from car_recog.classifying.selection import filter_photos
from car_recog.data.pipeline import load_photos
from car_recog.evaluation.sheets import Tile, save_sheet, shrink


def run(args: argparse.Namespace, scratch: Path) -> None:
    """Read, filter, crop, train, judge, show."""
    if args.synthetic:
        use_drawn(args, photos=draw_listings(scratch / "photos", n_photos=args.drawn), epochs=80)
        args.filter, args.boxes = draw_cars_and_others(scratch / "sorted", n_photos=args.drawn // 2), "plain_background"
    data, external, dropped = read_photos(args), read_external(args), None
    if args.filter:
        data, dropped = keep_cars(data, args)
    if args.boxes != "none":
        data = data.with_boxes(args.boxes, margin=args.margin)
        external = external.with_boxes(args.boxes, margin=args.margin) if len(external) else external
        print(f"cropped: {sum(sample.box is not None for sample in data.samples)} of {len(data)} photos")
    data = without_rare(data, args.least)
    train_and_judge(make_classifier(args), data, recipe="ecommerce", external=external, args=args)
    if dropped:
        show_dropped(dropped, args)


def keep_cars(data: ImageDataset, args: argparse.Namespace) -> tuple[ImageDataset, ImageDataset]:
    """Learn to tell cars from the rest, and keep the photos that are called a car."""
    judge = make_classifier(args)
    judge.fit(FolderDataset(args.filter), recipe=get_recipe("finetune", epochs=args.epochs), seed=args.seed, verbose=not args.quiet)
    kept, dropped = filter_photos(judge, data, class_name="car", threshold=args.least_car)
    print(f"{len(kept)} of {len(data)} photos show a car")
    return kept, dropped


def show_dropped(dropped: ImageDataset, args: argparse.Namespace) -> None:
    """Draw photos that were left out, chosen at random."""
    loaded = load_photos(dropped, image_size=tuple(args.image_size))
    chosen = np.random.default_rng(args.seed).permutation(len(loaded))[:N_SHOWN]
    names = [dropped[int(i)].path.name for i in loaded.kept[chosen]]
    tiles = [Tile(shrink(photo), (name,)) for photo, name in zip(loaded.read(chosen), names, strict=True)]
    print(f"{save_sheet(tiles, args.out / 'left_out.png')}: photos that were left out")


def read_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the flags."""
    parser = make_parser(__doc__, out="runs/ecommerce")
    parser.add_argument("--filter", type=Path, metavar="FOLDER", help="photos in `car` and in other folders, to learn what is no car")
    parser.add_argument("--least-car", type=float, default=0.5, metavar="P", help="least probability of being a car (0.5)")
    parser.add_argument("--boxes", default="plain_background", metavar="SOURCE", help="cropper, CSV, COCO file or none (plain_background)")
    parser.add_argument("--margin", type=float, default=0.05, help="what is kept around a box, a share of its sides (0.05)")
    parser.add_argument("--drawn", type=int, default=400, metavar="N", help="photos of --synthetic (400)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_clearly(run, read_arguments())
