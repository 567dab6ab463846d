"""How well the default classifier tells models apart, what its ingredients are worth, and how far its answers can be relied on.

    python benchmarks/model_recipe.py photos --weights weights.h5 --seeds 0 1 2 --json models.jsonl
    python benchmarks/model_recipe.py photos --weights weights.h5 --variants finetune no_crop mixup rate_half
    python benchmarks/model_recipe.py photos --weights weights.h5 --unknown-classes 5 --strange other_photos parts

Each seed splits anew: 80 % train, 20 % judge, stratified, near-duplicates on one side. Accuracy and macro F1 are of the 20 %; half of
those, 10 %, calibrate, and what the calibration is worth is judged on the other half. Seconds are those of `fit`, decoding and compiling
included; nothing is cached before. Beside the network stands logistic regression on the features of the backbone as it came.

With --unknown-classes so many classes, chosen by the seed, are left out of training; half of their photos, and half of those in the
folders of --strange, choose the way to tell what is unknown, the other half is judged. With --enroll the classes left out are enrolled at
last, from so many of their photos each, and all classes are judged: what enrolling costs the old ones, and how well the new ones are known
by their photos that were not enrolled. With --json rows that stand in the file are not made again.
"""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from ingredients import VARIANTS, of_length
from rounds import Row, add_recipe_flags, remembered_runs, report

from car_recog import CarClassifier, FolderDataset, ImageDataset
from car_recog.data.folders import find_photos
from car_recog.data.images import decode
from car_recog.errors import ImageDecodeError
from car_recog.evaluation.outliers import auroc
from car_recog.network import build_network
from car_recog.runs import load_fitted, photo_features
from car_recog.training.linear import fit_logistic

SHARES = (0.8, 0.1, 0.1)


def classifier(args: argparse.Namespace) -> CarClassifier:
    options = {"alpha": 0.25} if args.backbone == "mobilenet" else None
    return CarClassifier(args.backbone, args.weights, image_size=(args.image_size,) * 2, backbone_options=options)


def of_classes(data: ImageDataset, names: Sequence[str]) -> ImageDataset:
    """Leave out all other classes."""
    return data.subset(i for i, sample in enumerate(data.samples) if sample.class_name in names).with_class_names(names)


def baseline(clf: CarClassifier, train: ImageDataset, test: ImageDataset) -> float:
    """Accuracy of logistic regression on frozen features, with the best of four strengths, chosen on the test photos in its favour."""
    network = build_network(clf.config, n_classes=len(train.class_names), weights=clf.weights)
    sides = [load_fitted(clf.config, data, on_error="skip", verbose=False) for data in (train, test)]
    features = [photo_features(clf.config, network.features, side) for side in sides]
    scores = []
    for l2 in (1e-3, 1e-2, 1e-1, 1.0):
        kernel, bias = fit_logistic(features[0], sides[0].labels, len(train.class_names), l2=l2, seed=0)
        scores.append(float(((features[1] @ kernel + bias).argmax(axis=1) == sides[1].labels).mean()))
    return max(scores)


def readable(folder: Path) -> list[str]:
    """Give the photos of a folder that can be decoded."""
    paths = []
    for path in find_photos(folder):
        try:
            decode(str(path), image_size=(8, 8))
        except ImageDecodeError:
            continue
        paths.append(str(path))
    return paths


def half(items: list[str], seed: int) -> tuple[list[str], list[str]]:
    order = np.random.default_rng(seed).permutation(len(items))
    chosen = [items[i] for i in order]
    return chosen[::2], chosen[1::2]


def measure(data: ImageDataset, args: argparse.Namespace, name: str, seed: int) -> Row:
    names = np.random.default_rng(seed).permutation(data.class_names)
    unknown, known = set(names[: args.unknown_classes]), [name for name in data.class_names if name not in names[: args.unknown_classes]]
    strangers = {"unknown classes": [str(sample.path) for sample in data.samples if sample.class_name in unknown]} if unknown else {}
    strangers |= {folder.name: readable(folder) for folder in args.strange}
    kept = of_classes(data, known)
    train, val, test = kept.split(*SHARES, seed=seed, near_duplicates="together")
    held_out = ImageDataset([*val.samples, *test.samples], known)
    clf = classifier(args)
    recipe = of_length(VARIANTS[name], args.photos_seen)
    start = time.perf_counter()
    clf.fit(train, recipe=recipe, seed=seed, verbose=args.verbose)
    seconds = time.perf_counter() - start
    judged = clf.evaluate(held_out, verbose=False)
    row: Row = {"n_train": len(train), "n_test": len(held_out), "seconds": round(seconds, 1), "logistic": baseline(clf, train, held_out)}
    row |= {"accuracy": judged.accuracy, "macro_f1": judged.macro_f1, "accuracy_interval": judged.intervals["accuracy"]}
    sides = {what: half(paths, seed) for what, paths in strangers.items()}
    chosen = [path for first, _ in sides.values() for path in first]
    found = clf.calibrate(val, precision=args.precision, unknown=chosen or None, verbose=False)
    judged = clf.evaluate(test, verbose=False)
    row |= {figure: getattr(judged, figure) for figure in ("ece", "accepted", "accepted_accuracy")}
    row |= {"ece_before": found.ece_before, "temperature": found.temperature, "score": found.score, "intervals": judged.intervals}
    row |= {"strangers": {what: tell(clf, test, second) for what, (_, second) in sides.items()}}
    if args.enroll:
        left_out = of_classes(data, sorted(unknown))
        clf.calibrate(val, coverage=0.9, verbose=False)  # a precision may be out of reach for the class means that answer from now on
        row["enrolled"] = enrolment(clf, held_out, left_out, args.enroll, seed)
    return row


def tell(clf: CarClassifier, test: ImageDataset, paths: list[str]) -> Row:
    """Judge how well strangers are told from known photos, by the chosen score and by the others."""
    from car_recog.evaluation.outliers import outlier_scores
    from car_recog.runs import fitted_chunks

    scores = [outlier_scores(*clf._answers(fitted_chunks(clf.config, photos))) for photos in (test, paths)]
    areas = {name: auroc(scores[0][name], scores[1][name]) for name in scores[0]}
    return {"n": len(paths), **areas, "accepted": float(np.mean([not answer.rejected for answer in clf.predict(paths)]))}


def enrolment(clf: CarClassifier, known: ImageDataset, left_out: ImageDataset, n_photos: int, seed: int) -> Row:
    """Enrol classes that training never saw, and judge old and new ones together; copies of what was enrolled are not judged."""

    def share_right(photos: ImageDataset) -> float:
        found = [answer.class_name for answer in clf.predict(photos)]
        return float(np.mean([name == sample.class_name for name, sample in zip(found, photos.samples, strict=True)]))

    alone = share_right(known)
    enrolled, judged = left_out.split(0.5, 0.5, seed=seed, near_duplicates="together")
    for name in left_out.class_names:
        clf.enroll(name, [str(sample.path) for sample in enrolled.samples if sample.class_name == name][:n_photos])
    row = {"n_photos": n_photos, "n_known": len(known), "n_new": len(judged), "known_before": alone}
    row |= {"known_after": share_right(known), "new": share_right(judged)}
    return row | {"all": (row["known_after"] * len(known) + row["new"] * len(judged)) / (len(known) + len(judged))}


def table(rows: list[Row]) -> list[Row]:
    """Flatten the rows for people, and add the mean of each variant."""
    columns = ("logistic", "accuracy", "macro_f1", "ece_before", "ece", "accepted", "accepted_accuracy", "seconds")
    shown = [{name: row[name] for name in ("variant", "seed", *columns)} for row in rows]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        mine = [row for row in rows if row["variant"] == variant]
        if len(mine) > 1:
            shown.append({"variant": variant, "seed": "mean", **{name: float(np.mean([row[name] for row in mine])) for name in columns}})
    for row in rows:
        others = row["strangers"] | ({"enrolled": row["enrolled"]} if "enrolled" in row else {})
        shown += [{"variant": f"{row['variant']}, {what}", "seed": row["seed"], **found} for what, found in others.items()]
    return shown


def run(args: argparse.Namespace) -> list[Row]:
    """Make the rows that are not in the file yet."""
    data = FolderDataset(args.data, args.label_pattern)
    settings = ("backbone", "image_size", "photos_seen", "unknown_classes", "enroll", "precision")
    return remembered_runs(args, settings, partial(measure, data, args))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with a folder of photos per class")
    parser.add_argument("--label-pattern", help="as of FolderDataset")
    add_recipe_flags(parser, VARIANTS)
    parser.add_argument("--unknown-classes", type=int, default=0, metavar="N", help="classes left out of training (0)")
    parser.add_argument("--enroll", type=int, default=0, metavar="N", help="photos of each class left out that are enrolled at last (0)")
    parser.add_argument("--strange", nargs="+", type=Path, default=[], metavar="FOLDER", help="photos of none of the classes")
    parser.add_argument("--precision", type=float, default=0.9, help="that the accepted answers are calibrated for (0.9)")
    args = parser.parse_args()
    if args.enroll and not args.unknown_classes:
        parser.error("--enroll needs --unknown-classes")
    report(table(run(args)), None, photos=str(args.data.name), length=args.photos_seen or "the recipe's own")


if __name__ == "__main__":
    main()
