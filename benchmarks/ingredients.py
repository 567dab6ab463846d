"""What each ingredient of the recipe "finetune" is worth: the recipe against itself with one thing changed, on the same splits.

    python benchmarks/ingredients.py photos --weights weights.h5 --group-pattern '.*(?=_)' --variants finetune no_colour --folds 0 1

Photos are split by group into five folds; fold 4 is for `--final --folds 4` alone, so that it can stand for unseen photos. Every other
run trains on three of the others and is judged on the fourth. Prints a table, and with --json one line per run.
"""

import argparse
import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog import CarClassifier, FolderDataset, ImageDataset, PartClassifier, Recipe, get_recipe

N_FOLDS = 5
HELD_OUT = 4


def vary(**changes: Any) -> Recipe:
    """Change fields of the recipe, or of all its phases; a function gets what the phase has."""
    own = {name: value for name, value in changes.items() if name in attrs.fields_dict(Recipe)}
    recipe = attrs.evolve(get_recipe("finetune"), **own)
    phases = []
    for phase in recipe.phases:
        new = {name: change(getattr(phase, name)) if callable(change) else change for name, change in changes.items() if name not in own}
        phases.append(attrs.evolve(phase, **new))
    return attrs.evolve(recipe, phases=phases)


def augmented(**values: float) -> Recipe:
    return vary(augmentation=lambda old: {**old, **values})


def one_phase() -> Recipe:
    """The last phase alone, as long as all."""
    phases = get_recipe("finetune").phases
    return vary(phases=[attrs.evolve(phases[-1], photos_seen=sum(phase.photos_seen for phase in phases))])


def of_length(recipe: Recipe, photos_seen: int | None) -> Recipe:
    """Make a recipe so long; its phases share the length as they do now. None leaves it."""
    if photos_seen is None:
        return recipe
    total = sum(phase.photos_seen for phase in recipe.phases)
    phases = [attrs.evolve(phase, photos_seen=round(phase.photos_seen * photos_seen / total), min_epochs=1) for phase in recipe.phases]
    return attrs.evolve(recipe, phases=phases)


VARIANTS = {
    "finetune": vary(),
    "one_phase": one_phase(),
    "rate_half": vary(learning_rate=lambda rate: rate / 2),
    "rate_double": vary(learning_rate=lambda rate: rate * 2),
    "rate_3e-4_constant": vary(learning_rate=3e-4, schedule="constant"),
    "frozen_norm": vary(batch_norm="frozen", learning_rate=3e-4),
    "no_head_start": vary(head_start=None),
    "no_smoothing": vary(label_smoothing=0.0),
    "no_decay": vary(weight_decay=0.0),
    "no_flip": augmented(flip=0.0),
    "no_colour": augmented(brightness=0.0, contrast=0.0, saturation=0.0),
    "no_crop": augmented(crop_area=1.0),
    "smaller_crops": augmented(crop_area=0.35),
    "erasing": augmented(erasing=0.25),
    "mixup": augmented(mixup=0.2),
    "strong": augmented(crop_area=0.35, erasing=0.25, mixup=0.2),
    "averaging": vary(averaging=0.995),
    "balanced": vary(class_balance=0.5),
    "half_length": vary(photos_seen=lambda length: length // 2),
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
            recipe = of_length(VARIANTS[variant], args.photos_seen)
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
