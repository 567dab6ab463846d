"""Make, model and year: how deep the answers of the default classifier go, and whether those it calls sure are right.

    python benchmarks/hierarchy.py porsche --weights weights.h5 --seeds 0 --label-pattern \
        '(?P<make>[^$]+)[$]{2}(?P<model>[^$]+)[$]{2}(?P<year>[^$]+)[$]{2}(?P<group>[^$]+[$]{2}[^$]+[$]{2}[^$]+)[$]{2}'

A class is a make, a model and a year; those of fewer than four cars, the groups, are left out. Each seed deals out the cars anew: 60 %
train, 20 % calibrate each level for a precision of 0.9, 20 % judge; no car, and no picture, lies on two sides. A row per level: the
share of the answers that are right there, the share called sure, and how many of those are right, with an interval over cars. An answer
that no class has counts as impossible.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
from ingredients import VARIANTS, of_length
from model_recipe import classifier, of_classes
from rounds import Row, add_recipe_flags, remembered_runs, report

from car_recog import CarClassifier, FolderDataset, ImageDataset
from car_recog.data.patterns import LEVELS
from car_recog.evaluation.intervals import number_groups, share_interval

LEAST_CARS = 4
SHARES = (0.6, 0.2, 0.2)


def with_enough_cars(data: ImageDataset) -> ImageDataset:
    """Leave out classes of few cars: each side needs one."""
    cars = {name: {sample.group for sample in data.samples if sample.class_name == name} for name in data.class_names}
    return of_classes(data, [name for name in data.class_names if len(cars[name]) >= LEAST_CARS])


def measure(data: ImageDataset, args: argparse.Namespace, name: str, seed: int) -> Row:
    train, val, test = data.split(*SHARES, seed=seed, near_duplicates="together")
    clf = classifier(args)
    start = time.perf_counter()
    clf.fit(train, recipe=of_length(VARIANTS[name], args.photos_seen), seed=seed, verbose=args.verbose)
    row: Row = {"seconds": round(time.perf_counter() - start, 1), "n_classes": len(data.class_names)}
    row |= {"n_train": len(train), "n_calibration": len(val), "n_test": len(test)}
    clf.calibrate(val, coverage=0.9, verbose=False)  # the levels are calibrated for a precision of 0.9 all the same
    return row | judge(clf, test)


def judge(clf: CarClassifier, test: ImageDataset) -> Row:
    """Hold the answers against what the photos are, level by level."""
    answers = [answer.hierarchy for answer in clf.predict(test)]
    truth = [tuple(sample.attributes[level] for level in LEVELS) for sample in test.samples]
    told = [tuple(level.value for level in answer) for answer in answers]
    possible = {tuple(name.split("/")) for name in clf.class_names}
    cars = number_groups([sample.group for sample in test.samples])
    levels = {}
    for depth, level in enumerate(LEVELS):
        is_right = np.array([mine[: depth + 1] == theirs[: depth + 1] for mine, theirs in zip(told, truth, strict=True)])
        is_sure = np.array([bool(answer[depth].is_sure) for answer in answers])
        row = {"right": float(is_right.mean()), "sure": float(is_sure.mean()), "right_of_sure": None, "interval": None}
        if is_sure.any():
            row |= {"right_of_sure": float(is_right[is_sure].mean()), "interval": share_interval(is_right, among=is_sure, units=cars)}
        levels[level] = row
    return {"levels": levels, "n_impossible": sum(answer not in possible for answer in told)}


def table(rows: list[Row]) -> list[Row]:
    """Flatten the rows for people."""
    facts = ("variant", "seed", "n_train", "n_test", "n_impossible", "seconds")
    return [{**{name: row[name] for name in facts}, "level": level, **found} for row in rows for level, found in row["levels"].items()]


def run(args: argparse.Namespace) -> list[Row]:
    """Make the rows that are not in the file yet."""
    data = with_enough_cars(FolderDataset(args.data, args.label_pattern, label="year"))
    return remembered_runs(args, ("backbone", "image_size", "photos_seen"), partial(measure, data, args))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of photos")
    parser.add_argument("--label-pattern", required=True, help="with groups make, model, year, and group for the car")
    add_recipe_flags(parser, VARIANTS)
    args = parser.parse_args()
    report(table(run(args)), None, photos=args.data.name, length=args.photos_seen or "the recipe's own")


if __name__ == "__main__":
    main()
