"""The paper's experiment on car parts: ResNet50 and InceptionV3, each with cross-entropy and with focal loss.

    python examples/paper/part_classification.py --root COMPCARS --out runs/paper
    python examples/paper/part_classification.py --folder photos --backbones tiny_cnn --image-size 64 64 --seeds 0 1 2
    python examples/paper/part_classification.py --synthetic --image-size 80 80 --epochs 3

Trains from scratch as section III.A says: Adam at 1e-4, gradient norm clipped to 1, batches of 16, 20 epochs, 224 x 224, photos in [0, 1].
Prints the paper's Tables 1 and 2 beside our figures with 95 % intervals and photos per second, and writes tables.md, results.json and
figure_1.png. A run that stands in results.json is not repeated.

--root: the official train lists, as the paper (its 11,059 photos), cut 70 / 30 by the seed; the test is the official test lists and a draw
of 53 of them. --synthetic: the same on a drawn tree. --folder: a fifth of the photos, the same for all seeds, is the test.
What is known of the paper's photos and what is not is printed first; docs/paper.md tells it in full.

Source: Sardrod and Omidvar, sections III.A and IV.A.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import keras
import numpy as np
from paper_runs import end_clearly, from_one, make_parser, parse, photos_named, run_missing
from paper_tables import ABOUT_THE_DATA, N_PHOTOS, N_TEST, Run, draw_figure, label, report

from car_recog import CompCarsDataset, FolderDataset, ImageDataset, PartClassifier, get_backbone, get_recipe
from car_recog.data.folders import group_by_name
from car_recog.data.synthetic import draw_compcars
from car_recog.evaluation.classification import ClassificationReport
from car_recog.evaluation.plots import new_figure
from car_recog.losses.named import classifier_loss
from car_recog.storage import write_text

N_TIMED = 256


class TrainingClock(keras.callbacks.Callback):
    """Times the training of each epoch without its validation."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._start = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._start = time.perf_counter()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self.seconds.append(time.perf_counter() - self._start)


@attrs.frozen
class Photos:
    """What is trained on and judged on; `rest` is cut into training and validation by the seed of a run."""

    rest: ImageDataset
    test: ImageDataset


def read_photos(args: argparse.Namespace, stack: ExitStack) -> Photos:
    """Read the photos that the flags name, and say what is known about them."""
    if args.folder:
        data: ImageDataset = FolderDataset(args.folder)
        if args.group_pattern is not None:
            data = group_by_name(data, args.group_pattern, root=args.folder)
        return Photos(*data.split(0.8, 0.2, seed=0))
    root = args.root
    if args.synthetic:
        folder = stack.enter_context(TemporaryDirectory())
        root = draw_compcars(Path(folder) / "CompCars", n_part_photos=args.photos, n_car_photos=80, n_pairs=4)
    cars = CompCarsDataset(root)
    photos = Photos(cars.parts("train"), cars.parts("test"))
    if args.root:
        verdict = "as in the paper" if len(photos.rest) == N_PHOTOS else f"the paper has {N_PHOTOS:,}"
        print(ABOUT_THE_DATA, end="")
        print(f"- Here: {len(photos.rest):,} photos in the train lists ({verdict}), {len(photos.test):,} in the test lists.\n")
    return photos


def build(backbone: str, loss: str, *, image_size: Sequence[int], weights: str | None) -> PartClassifier:
    """Give the paper's classifier, where asked for at another size or from other weights."""
    paper = PartClassifier.paper(backbone, loss)
    return PartClassifier(
        backbone, weights=weights, head=paper.config.head, loss=loss, image_size=tuple(image_size), normalization=paper.config.normalization
    )


def train_and_judge(clf: PartClassifier, photos: Photos, *, seed: int, epochs: int, verbose: bool = True) -> Run:
    """Train once and keep what the tables and the figure need."""
    train, val = photos.rest.split(0.7, 0.3, seed=seed)
    recipe, clock = get_recipe("paper", epochs=epochs), TrainingClock()
    history = clf.fit(train, val, recipe=recipe, seed=seed, callbacks=[clock], verbose=verbose)
    drawn = np.random.default_rng(seed).choice(len(photos.test), min(N_TEST, len(photos.test)), replace=False)
    judged = clf.evaluate(photos.test)
    batch_size = min(recipe.phases[0].batch_size, len(train))
    return {
        "history": {name: history.history[name] for name in ("accuracy", "loss", "val_accuracy", "val_loss")},
        "train": {"n_photos": len(train)},
        "val": _figures(clf.evaluate(val)),
        "test": _figures(judged),
        "drawn": _figures(clf.evaluate(photos.test.subset(drawn))),
        "photos_per_second": {
            # The first epoch also compiles.
            "training": len(train) // batch_size * batch_size / float(np.median(clock.seconds[1:] or clock.seconds)),
            "prediction": _prediction_speed(clf, photos.test, judged),
        },
    }


def _figures(judged: ClassificationReport) -> dict[str, Any]:
    n_right = int(judged.confusion.trace())
    interval = judged.intervals["accuracy"]
    return {"n_photos": judged.n_photos, "n_wrong": judged.n_photos - n_right, "accuracy": judged.accuracy, "interval": list(interval)}


def _prediction_speed(clf: PartClassifier, test: ImageDataset, judged: ClassificationReport) -> float:
    """Photos per second of a network that is compiled, on photos that are decoded: `evaluate` has seen to both."""
    whole = [i for i, sample in enumerate(test.samples) if str(sample.path) not in judged.skipped]
    timed = test.subset((whole * N_TIMED)[:N_TIMED])
    start = time.perf_counter()
    clf.predict_proba(timed)
    return len(timed) / (time.perf_counter() - start)


def run_all(args: argparse.Namespace, stack: ExitStack) -> None:
    """Run what does not stand in the results yet, then print, write and draw."""
    # A missing matplotlib, unknown names, weights or sizes show before the first training.
    new_figure(1, 1)
    for backbone in args.backbones:
        paper = build(backbone, args.losses[0], image_size=args.image_size, weights=args.weights).config
        get_backbone(backbone).build_checked(weights=args.weights, image_size=paper.image_size, normalization=paper.normalization)
    for loss in args.losses:
        classifier_loss(loss)
    photos = read_photos(args, stack)
    settings = {name: getattr(args, name) for name in ("image_size", "epochs", "weights", "group_pattern")}
    settings["photos"] = photos_named(args)
    settings["n_photos"] = len(photos.rest) + len(photos.test)
    choices = product(args.seeds, args.backbones, args.losses)
    kinds = [{"backbone": backbone, "loss": loss, "seed": seed} for seed, backbone, loss in choices]

    def train(kind: Run) -> Run:
        clf = build(kind["backbone"], kind["loss"], image_size=args.image_size, weights=args.weights)
        return train_and_judge(clf, photos, seed=kind["seed"], epochs=args.epochs, verbose=not args.quiet)

    def name(kind: Run) -> str:
        return f"{label(kind['backbone'])}, {label(kind['loss'])}, seed {kind['seed']}"

    runs = run_missing(args.out / "results.json", settings, kinds, train, name)
    text = write_text(report(runs), args.out / "tables.md")
    print(f"\n{text}\n{draw_figure(runs, args.out / 'figure_1.png')}")


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the flags; what cannot be ends with usage and a message."""
    parser = make_parser(__doc__, out="paper_parts")
    parser.add_argument("--group-pattern", metavar="REGEX", help="photos of --folder whose names match alike stay on one side")
    parser.add_argument("--photos", type=from_one, default=800, help="photos of --synthetic (800)")
    parser.add_argument("--backbones", nargs="+", default=["resnet50", "inception_v3"])
    parser.add_argument("--losses", nargs="+", default=["cross_entropy", "focal"])
    parser.add_argument("--weights", help="imagenet or a file; the paper, and this by default, starts from random weights")
    args = parse(parser, argv)
    if args.group_pattern and not args.folder:
        parser.error("--group-pattern goes with --folder")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    end_clearly(run_all, read_arguments(argv))


if __name__ == "__main__":
    main()
