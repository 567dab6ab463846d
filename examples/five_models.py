"""Five models, from photos in a folder per class to the best of them: a plain network, what is added to it, and MobileNet.

    python examples/five_models.py --photos cars --out five_models
    python examples/five_models.py --photos cars --classes Creta Innova Nano --image-size 160 160 --l2 1e-4 --plateau
    python examples/five_models.py --photos cars --sweep 1e-3 3e-4 1e-4
    python examples/five_models.py --synthetic

Trains on one split a plain network; the same with augmentation; with augmentation and batch normalisation; with augmentation and dropout;
and MobileNet, its first 70 layers as they came. --sweep tries MobileNet at several learning rates first and takes the one that does best on
the validation photos. --out receives the folder `ladder`: comparison.html, to look at; answers.png, photos with the answers of the best;
the best as `best`; and of each training photos.png, labelled photos, before its first epoch, then its curves and bundle. Of a sweep the
same lies in `sweep`. Needs the extra `plots`. docs/five-models.md tells more.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from own_photos import run_clearly, without_rare

from car_recog import FolderDataset, ImageDataset
from car_recog.classifying.five_models import ladder
from car_recog.comparison import Candidate, Comparison, compare
from car_recog.data.synthetic import draw_identities
from car_recog.errors import OptionError


def read_photos(args: argparse.Namespace, drawn: Path) -> ImageDataset:
    """Read the photos that the flags name, of the classes that they name."""
    if args.synthetic:
        args.weights, args.image_size = "none", [48, 48]
        args.epochs = args.epochs or 4
        return FolderDataset(draw_identities(drawn / "cars", n_models=5, n_colours=3, n_cars=2, image_size=(48, 64)))
    data: ImageDataset = FolderDataset(args.photos)
    if args.classes:
        if strangers := sorted(set(args.classes) - set(data.class_names)):
            raise OptionError(f"No such classes: {strangers}. There are: {list(data.class_names)}.")
        places = [i for i, sample in enumerate(data.samples) if sample.class_name in args.classes]
        data = data.subset(places).with_class_names(sorted(set(args.classes)))
    return without_rare(data, args.least)


def run(args: argparse.Namespace, drawn: Path) -> None:
    """Split, sweep where that is asked for, climb the ladder, and say what was found."""
    train, val, test = read_photos(args, drawn).split(0.7, 0.15, 0.15, seed=args.seed, near_duplicates="together")
    print(f"{len(train)} photos to train, {len(val)} to validate, {len(test)} to test", flush=True)
    sides: dict[str, Any] = {"train": train, "val": val, "test": test, "seed": args.seed, "verbose": not args.quiet}
    changes = {"l1": args.l1, "l2": args.l2} | ({"schedule": "plateau"} if args.plateau else {})

    def rungs() -> list[Candidate]:
        weights, options = None if args.weights == "none" else args.weights, {"alpha": args.alpha}
        return ladder(weights, tuple(args.image_size), backbone_options=options, epochs=args.epochs, **changes)

    candidates = rungs()
    if args.sweep:
        tried = [(rate, rungs()[-1]) for rate in args.sweep]
        rates = [Candidate(f"learning rate {rate:g}", one.classifier, one.recipe.with_phases(learning_rate=rate)) for rate, one in tried]
        swept = compare(rates, **sides, folder=args.out / "sweep")
        tell(swept, args.out / "sweep")
        candidates[-1] = Candidate(f"MobileNet, {swept.winner.name}", swept.best, None)  # trained already
    tell(compare(candidates, **sides, folder=args.out / "ladder"), args.out / "ladder")


def tell(comparison: Comparison, folder: Path) -> None:
    """Print the tables and where everything lies."""
    print(f"\n{comparison}")
    print(f"Look at {folder / 'comparison.html'} and {folder / 'answers.png'}")
    print(f"Ask the best: car-recog predict {folder / 'best'} PHOTO...\n", flush=True)


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the flags; what cannot be ends with usage and a message."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument("--photos", type=Path, metavar="FOLDER", help="photos of your own, a folder per class")
    photos.add_argument("--synthetic", action="store_true", help="draw 150 photos of five invented models; small, from random weights")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="of all folders these alone")
    parser.add_argument("--least", type=int, default=10, metavar="N", help="classes with fewer photos are left out (10)")
    parser.add_argument("--weights", default="imagenet", help="what MobileNet starts from: imagenet, none, or a file (imagenet)")
    parser.add_argument("--alpha", type=float, default=1.0, help="width of MobileNet: 0.25, 0.5, 0.75 or 1 (1)")
    parser.add_argument("--image-size", nargs=2, type=int, default=[224, 224], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--epochs", type=int, metavar="N", help="of each training, instead of the length of its recipe")
    parser.add_argument("--l1", type=float, default=0.0, metavar="F", help="weight of the kernels' absolute values in the loss (0)")
    parser.add_argument("--l2", type=float, default=0.0, metavar="F", help="weight of their squares (0)")
    parser.add_argument("--plateau", action="store_true", help="lower the learning rate where the validation loss no longer falls")
    parser.add_argument("--sweep", nargs="+", type=float, metavar="RATE", help="learning rates to try MobileNet at, two or more")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("five_models"), metavar="FOLDER", help="new or empty (five_models)")
    parser.add_argument("--quiet", action="store_true", help="no progress of the epochs")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    run_clearly(run, read_arguments(argv))


if __name__ == "__main__":
    main()
