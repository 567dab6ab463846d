"""Focal loss against cross-entropy on real, imbalanced part photos: the same splits, seeds and recipe, photo by photo.

    python benchmarks/focal_loss.py photos --weights weights.h5 --rounds 4 --json focal.jsonl

Photos are split by group into five folds as in `ingredients.py`; fold 4 is never used. Round r trains on three of the other folds with
seed r and is judged on the fourth, fold r modulo 4, once for every loss. The losses of a round see the same photos in the same order, with
the same changes, from the same first weights. Without label smoothing, which the paper does not have. With --json rounds that stand in the
file already are not run again.

Prints each run, then every loss against cross-entropy over all judged photos: differences with 95 % intervals that draw whole groups.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from ingredients import HELD_OUT, folds, of_length, vary

from car_recog import FocalLoss, FolderDataset, ImageDataset, PartClassifier
from car_recog.evaluation.intervals import bootstrap

LOSSES: dict[str, Callable[[dict[str, int]], str | keras.losses.Loss]] = {
    "cross_entropy": lambda counts: "cross_entropy",
    "focal": lambda counts: "focal",
    "focal_balanced": lambda counts: FocalLoss.balanced(list(counts.values())),
}


def train_and_judge(data: ImageDataset, fold: np.ndarray, number: int, loss: str, args: argparse.Namespace) -> dict[str, object]:
    """Train with one loss in one round; gives the true class and the answer of every judged photo."""
    is_test = fold == number % HELD_OUT
    train = data.subset(np.flatnonzero(~is_test & (fold != HELD_OUT)))
    clf = PartClassifier(
        "mobilenet",
        weights=args.weights,
        backbone_options={"alpha": 0.25},
        loss=LOSSES[loss](train.class_counts()),
        image_size=(args.image_size, args.image_size),
    )
    start = time.perf_counter()
    clf.fit(train, recipe=of_length(vary(label_smoothing=0.0), args.photos_seen), seed=number, verbose=False)
    seconds = time.perf_counter() - start
    test = data.subset(np.flatnonzero(is_test))
    answers = clf.predict_proba(test).argmax(axis=1)
    return {
        "loss": loss,
        "round": number,
        "photos_seen": args.photos_seen,
        "seconds": round(seconds, 1),
        "photos": [str(sample.path.relative_to(args.data)) for sample in test.samples],
        "labels": test.labels.tolist(),
        "answers": answers.tolist(),
    }


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """From sums of (right, called, true) by class, shape `(resamples, 3 * n_classes)`."""
    right, called, true = np.split(counts, 3, axis=1)
    f1 = np.where(true > 0, 2 * right / np.maximum(called + true, 1), np.nan)
    return np.asarray(np.nanmean(f1, axis=1))


def indicators(labels: np.ndarray, answers: np.ndarray, n_classes: int) -> np.ndarray:
    is_true, is_called = np.eye(n_classes)[labels], np.eye(n_classes)[answers]
    return np.concatenate([is_true * is_called, is_called, is_true], axis=1)


def compare(runs: list[dict], n_classes: int) -> list[dict[str, object]]:
    """Judge every loss over the photos of all rounds, and against cross-entropy."""
    by_loss = {loss: sorted((run for run in runs if run["loss"] == loss), key=lambda run: run["round"]) for loss in LOSSES}
    rounds = set.intersection(*({run["round"] for run in chosen} for chosen in by_loss.values()))
    pooled = {}
    for loss, chosen in by_loss.items():
        kept = [run for run in chosen if run["round"] in rounds]
        pooled[loss] = np.concatenate([indicators(np.array(run["labels"]), np.array(run["answers"]), n_classes) for run in kept])
    photos = [photo for run in by_loss["focal"] if run["round"] in rounds for photo in run["photos"]]
    units = np.unique([Path(photo).name.rpartition("_")[0] for photo in photos], return_inverse=True)[1]
    base = pooled["cross_entropy"]
    rows = []
    for loss, mine in pooled.items():
        both = np.concatenate([mine, base], axis=1)
        right = np.stack([mine[:, :n_classes].sum(axis=1), base[:, :n_classes].sum(axis=1), np.ones(len(mine))], axis=1)
        rows.append(
            {
                "loss": loss,
                "rounds": len(rounds),
                "photos": len(mine),
                "accuracy": float(right[:, 0].mean()),
                "macro_f1": float(macro_f1(mine.sum(axis=0, keepdims=True))[0]),
                "accuracy_gain": bootstrap(right, lambda s: (s[:, 0] - s[:, 1]) / s[:, 2], units=units),
                "macro_f1_gain": bootstrap(
                    both, lambda s: macro_f1(s[:, : 3 * n_classes]) - macro_f1(s[:, 3 * n_classes :]), units=units
                ),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--photos-seen", type=int, default=20_000)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--group-pattern", default=r".*(?=_)")
    parser.add_argument("--json", type=Path, help="append one line per run to this file, and skip those that stand there")
    args = parser.parse_args()
    data = FolderDataset(args.data)
    fold = folds(data, args.group_pattern)
    runs = [json.loads(line) for line in args.json.read_text().splitlines()] if args.json and args.json.exists() else []
    print(f"{'loss':16} round  accuracy  macro F1  seconds")
    for number in range(args.rounds):
        for loss in LOSSES:
            if any(run["loss"] == loss and run["round"] == number for run in runs):
                continue
            run = train_and_judge(data, fold, number, loss, args)
            runs.append(run)
            counts = indicators(np.array(run["labels"]), np.array(run["answers"]), len(data.class_names))
            accuracy, f1 = np.mean(np.equal(run["labels"], run["answers"])), macro_f1(counts.sum(axis=0, keepdims=True))[0]
            print(f"{loss:16} {number:5}  {accuracy:8.4f}  {f1:8.4f}  {run['seconds']:7.0f}", flush=True)
            if args.json:
                with args.json.open("a") as file:
                    file.write(json.dumps(run) + "\n")
    print(f"\n{'loss':16} photos  accuracy  macro F1  accuracy against cross-entropy  macro F1 against cross-entropy")
    for row in compare(runs, len(data.class_names)):
        gains = ("{:+.4f} to {:+.4f}".format(*row[key]) for key in ("accuracy_gain", "macro_f1_gain"))
        print(f"{row['loss']:16} {row['photos']:6}  {row['accuracy']:8.4f}  {row['macro_f1']:8.4f}  {'  '.join(f'{g:>30}' for g in gains)}")


if __name__ == "__main__":
    main()
