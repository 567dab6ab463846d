"""What each ingredient of the recipe "finetune" is worth: the recipe against itself with one thing changed, on the same splits.

    python benchmarks/ingredients.py photos --weights weights.h5 --group-pattern '.*(?=_)' --variants finetune no_colour --folds 0 1

Photos are split by group into five folds; fold 4 is never used, so that it can stand for unseen photos. Every run trains on three of
the others and is judged on the fourth. Prints a table, and with --json one line per run.
"""

import argparse
import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np

from car_recog import CarClassifier, FolderDataset, ImageDataset, PartClassifier, Recipe, get_recipe

N_FOLDS = 5
HELD_OUT = 4


def vary(**changes: object) -> Recipe:
    """Change fields of the recipe or of its phases."""
    recipe = get_recipe("finetune")
    own = {name: value for name, value in changes.items() if name in attrs.fields_dict(Recipe)}
    return attrs.evolve(recipe, **own).with_phases(**{name: value for name, value in changes.items() if name not in own})


def augmentation(**changes: float) -> dict[str, float]:
    return {**get_recipe("finetune").phases[0].augmentation, **changes}


VARIANTS = {
    "finetune": vary(),
    "no_head_start": vary(head_start=None),
    "no_smoothing": vary(label_smoothing=0.0),
    "no_colour": vary(augmentation=augmentation(brightness=0.0, contrast=0.0, saturation=0.0)),
    "no_crop": vary(augmentation=augmentation(crop_area=1.0)),
    "no_flip": vary(augmentation=augmentation(flip=0.0)),
    "erasing": vary(augmentation=augmentation(erasing=0.25)),
    "mixup": vary(augmentation=augmentation(mixup=0.2)),
    "erasing_mixup": vary(augmentation=augmentation(erasing=0.25, mixup=0.2)),
    "smaller_crops": vary(augmentation=augmentation(crop_area=0.25)),
    "strong": vary(augmentation=augmentation(crop_area=0.35, erasing=0.25, mixup=0.2)),
    "rate_1e-3": vary(learning_rate=1e-3),
    "rate_3e-4_constant": vary(learning_rate=3e-4, schedule="constant"),
    "no_decay": vary(weight_decay=0.0),
    "frozen_norm": vary(batch_norm="frozen", learning_rate=3e-4),
    "averaging": vary(averaging=0.995),
    "balanced": vary(class_balance=0.5),
    "full_size": vary(train_scale=1.0),
    "small_size": vary(train_scale=0.72),
    "half_length": vary(photos_seen=get_recipe("finetune").phases[0].photos_seen // 2),
}


def folds(data: ImageDataset, pattern: str) -> np.ndarray:
    """Give each photo a fold by a hash of its group."""
    groups = [re.search(pattern, sample.path.name)[0] for sample in data.samples]
    return np.array([int(hashlib.md5(f"v1{group}".encode(), usedforsecurity=False).hexdigest(), 16) % N_FOLDS for group in groups])


def run(args: argparse.Namespace) -> Iterator[dict[str, object]]:
    data = FolderDataset(args.data)
    fold = folds(data, args.group_pattern)
    for variant in args.variants:
        for number in args.folds:
            is_test = fold == number
            is_train = ~is_test if args.final else ~is_test & (fold != HELD_OUT)
            clf: CarClassifier = PartClassifier(args.backbone, weights=args.weights, backbone_options={"alpha": 0.25}, resize=args.resize)
            start = time.perf_counter()
            recipe = VARIANTS[variant]
            if args.photos_seen:
                recipe = recipe.with_phases(photos_seen=args.photos_seen)
            clf.fit(data.subset(np.flatnonzero(is_train)), recipe=recipe, seed=args.seed, verbose=args.verbose)
            seconds = time.perf_counter() - start
            report = clf.evaluate(data.subset(np.flatnonzero(is_test)))
            yield {
                "variant": variant,
                "fold": number,
                "seed": args.seed,
                "n_train": int(is_train.sum()),
                "n_test": report.n_photos,
                "accuracy": round(report.accuracy, 4),
                "macro_f1": round(report.macro_f1, 4),
                "seconds": round(seconds, 1),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--resize", default="stretch")
    parser.add_argument("--group-pattern", default=r".*(?=_)")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["finetune"])
    parser.add_argument("--folds", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos-seen", type=int, help="length of every variant")
    parser.add_argument("--final", action="store_true", help="train on all other folds, the held-out one included")
    parser.add_argument("--json", type=Path, help="append one line per run to this file")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    print(f"{'variant':20} fold  accuracy  macro F1  seconds")
    for row in run(args):
        print(f"{row['variant']:20} {row['fold']:4}  {row['accuracy']:8.4f}  {row['macro_f1']:8.4f}  {row['seconds']:7.0f}", flush=True)
        if args.json:
            with args.json.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
