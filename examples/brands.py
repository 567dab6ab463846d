"""Brands of cars from photos whose file names say what they show: the classifier of 120 brands, on your photos.

    python examples/brands.py --photos PHOTOS --out runs/brands                            # Make_Model_Year_....jpg
    python examples/brands.py --photos PHOTOS --label-pattern 'make$$model$$year' --external new.jpg
    python examples/brands.py --synthetic                                                  # small, on drawn photos

Names without a brand are listed and left out, and so are brands with few photos. Photos are split brand by brand, near-duplicates on one
side, and decoded ahead into the cache. ResNet50 gets the head 2048 - 1024, each with batch normalisation, ReLU and dropout 0.3, and is
trained by the recipe "brands": the head first, then the backbone stage by stage, classes weighted, one-cycle rates, gradients
accumulated, rotation, flips, colour shift and erasing.

--out receives the calibrated bundle, report.html with confusion matrix and coverage against accuracy (also as .png), and random.png:
photos of the test side with answer and probability. docs/brands.md tells more.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from drawn_cars import draw_brands
from own_photos import make_classifier, make_parser, read_external, read_photos, run_clearly, train_and_judge, use_drawn, without_rare


def run(args: argparse.Namespace, scratch: Path) -> None:
    """Read, train, judge, show."""
    if args.synthetic:
        use_drawn(args, photos=draw_brands(scratch / "photos", n_photos=args.drawn), epochs=60)
    data, external = without_rare(read_photos(args), args.least), read_external(args)
    train_and_judge(make_classifier(args, head="brands"), data, recipe="brands", external=external, args=args)


def read_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the flags."""
    parser = make_parser(__doc__, out="runs/brands")
    parser.add_argument("--drawn", type=int, default=400, metavar="N", help="photos of --synthetic (400)")
    parser.set_defaults(label_pattern="make_model_year", label="make")
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_clearly(run, read_arguments())
