"""The default verifier on cars it never saw, against each kind of impostor; what its ingredients are worth; whether its FAR can be trusted.

    python benchmarks/verifier_recipe.py photos --label-pattern PATTERN --weights weights.h5 --seeds 0 1 2 --json verifier.jsonl
    python benchmarks/verifier_recipe.py photos --label-pattern PATTERN --weights weights.h5 --variants finetune no_hard_batches gem
    python benchmarks/verifier_recipe.py photos --label-pattern PATTERN --weights weights.h5 --far-coverage --seeds 0 1 2 3 4 5 6 7 8 9

Identities are dealt by a hash of their names: one in three is held out, so that it can stand for unseen cars once, by --final. Else a
quarter of the others is judged on, another quarter for each --folds. All genuine pairs and all impostor pairs are judged, up to a cap;
pairs of copies are left out. Impostors of a kind share the attributes `model`, `colour` or both, where the pattern has such groups.

Seconds are those of `fit`, decoding and compiling included; nothing is cached before. With --json rows that stand in the file are not made
again. --far-coverage deals the identities anew for each seed: 50 % train, 25 % choose the threshold of FAR 0.05, 25 % test it; does
the 95 % interval of the difference of both FAR, the cars of both sides drawn anew, hold 0?
"""

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from rounds import Row, add_recipe_flags, remembered, report

from car_recog import FolderDataset, ImageDataset, PairDataset, Recipe, SiameseVerifier, get_recipe, same_attributes
from car_recog.data.copies import content_keys
from car_recog.evaluation.intervals import percentiles
from car_recog.evaluation.operating_points import equal_error_rate
from car_recog.evaluation.pair_bootstrap import pair_weights

COLUMNS = {"any": "any car", "model": "same model", "colour": "same colour", "model colour": "same model and colour"}
FAR = 0.01
CHOSEN_FAR = 0.05


@attrs.frozen
class Variant:
    """What is trained: the default with something changed, or the paper's head on pairs.

    Args:
        changes: Fields of the phases of the recipe.
        network: Arguments of `SiameseVerifier`.
        objective: Of metric learning; None is the default.
        has_pairs: Whether the pair head of the paper is trained, on all genuine pairs and as many impostors.
    """

    changes: dict[str, Any] = attrs.field(factory=dict)
    network: dict[str, Any] = attrs.field(factory=dict)
    objective: str | None = None
    has_pairs: bool = False

    def recipe(self, photos_seen: int | None) -> Recipe:
        """Give the recipe, at another length where one is asked for."""
        recipe = get_recipe("paper" if self.has_pairs else "finetune", kind="pairs" if self.has_pairs else "identities")
        longer = {"photos_seen": photos_seen, "min_epochs": 1} if photos_seen and not self.has_pairs else {}
        return recipe.with_phases(**self.changes, **longer)


def augmented(**changes: float) -> dict[str, Any]:
    return {"augmentation": {**get_recipe("finetune", kind="identities").phases[0].augmentation, **changes}}


VARIANTS = {
    "finetune": Variant(),
    "no_local_scaling": Variant(network={"local_scaling": False}),
    "multi_similarity": Variant(objective="multi_similarity"),
    "triplet": Variant(objective="triplet"),
    "arcface": Variant(objective="arcface"),
    "gem": Variant(network={"pooling": "gem"}),
    "no_flip_average": Variant(network={"flip_average": False}),
    "no_hard_batches": Variant({"hard_batches": False}),
    "two_each": Variant({"per_identity": 2}),
    "four_each": Variant({"per_identity": 4}),
    "no_flip": Variant(augmented(flip=0.0)),
    "no_crop": Variant(augmented(crop_area=1.0)),
    "smaller_crops": Variant(augmented(crop_area=0.35)),
    "colours": Variant(augmented(brightness=0.3, contrast=0.3, saturation=0.3)),
    "erasing": Variant(augmented(erasing=0.25)),
    "frozen_norm": Variant({"batch_norm": "frozen"}),
    "frozen_backbone": Variant({"trainable": "head", "train_scale": 1.0, "augmentation": {}}),
    "constant_rate": Variant({"schedule": "constant", "learning_rate": 3e-4}),
    "no_decay": Variant({"weight_decay": 0.0}),
    "full_size": Variant({"train_scale": 1.0}),
    "small_size": Variant({"train_scale": 0.72}),
    "dim_256": Variant(network={"embedding_dim": 256}),
    "paper_head": Variant(network={"distance": "weighted_l1"}, has_pairs=True),
    "paper_head_unit": Variant(network={"distance": "weighted_l1", "normalization": "unit"}, has_pairs=True),
}


def deal(name: str, n: int, *, salt: str = "") -> int:
    """Give an identity one of `n` sides, always the same one."""
    return int(hashlib.md5(f"{salt}{name}".encode(), usedforsecurity=False).hexdigest(), 16) % n


def keep(data: ImageDataset, is_kept: Callable[[str], bool]) -> ImageDataset:
    return data.subset(i for i, sample in enumerate(data.samples) if is_kept(sample.class_name))


def sides(data: ImageDataset, fold: int | None, one_in: int) -> tuple[ImageDataset, ImageDataset]:
    """Give the photos to train on and to judge on; fold None judges on what is held out."""

    def is_held_out(name: str) -> bool:
        return deal(name, one_in) == one_in - 1

    if fold is None:
        return keep(data, lambda name: not is_held_out(name)), keep(data, is_held_out)

    def is_judged(name: str) -> bool:
        return deal(name, 4, salt=f"v{fold}") == 0

    rest = keep(data, lambda name: not is_held_out(name))
    return keep(rest, lambda name: not is_judged(name)), keep(rest, is_judged)


def all_pairs(data: ImageDataset, *, cap: int) -> PairDataset:
    """Give every genuine pair and every impostor pair, or so many of them drawn at random; no pair of copies."""
    (contents,) = content_keys(data)
    content = np.unique([str(key) for key in contents], return_inverse=True)[1]
    first, second = np.triu_indices(len(data), 1)
    labels = data.labels
    is_genuine, is_kept = labels[first] == labels[second], content[first] != content[second]
    impostors = np.flatnonzero(is_kept & ~is_genuine)
    if len(impostors) > cap:
        impostors = np.random.default_rng(0).choice(impostors, cap, replace=False)
    places = np.sort(np.concatenate([np.flatnonzero(is_kept & is_genuine), impostors]))
    return PairDataset(data, first[places], second[places], is_genuine[places])


def of_kind(pairs: PairDataset, attributes: Sequence[str]) -> PairDataset | None:
    """Keep the impostors that share attributes, and every genuine pair; None where no impostor does."""
    rule = same_attributes(*attributes)
    keys = [rule.key(sample) for sample in pairs.images.samples]
    is_alike = np.array([keys[a] is not None and keys[a] == keys[b] for a, b in zip(pairs.first, pairs.second, strict=True)])
    places = np.flatnonzero(pairs.is_genuine | is_alike)
    return None if pairs.is_genuine[places].all() else pairs.subset(places)


def train(data: ImageDataset, variant: Variant, seed: int, args: argparse.Namespace) -> tuple[SiameseVerifier, float]:
    """Train a verifier; gives it with the seconds of the training."""
    options = {"alpha": 0.25} if args.backbone == "mobilenet" else None
    size = (args.image_size, args.image_size)
    ver = SiameseVerifier(args.backbone, args.weights, image_size=size, backbone_options=options, **variant.network)
    start = time.perf_counter()
    photos = PairDataset.sample(data, seed=seed) if variant.has_pairs else data
    ver.fit(photos, recipe=variant.recipe(args.photos_seen), objective=variant.objective, seed=seed, verbose=args.verbose)
    return ver, time.perf_counter() - start


def judge(ver: SiameseVerifier, test: ImageDataset, *, cap: int) -> dict[str, Row]:
    """Judge a verifier against each kind of impostor: figures by kind."""
    pairs = all_pairs(test, cap=cap)
    figures = {}
    for attributes, kind in COLUMNS.items():
        chosen = pairs if attributes == "any" else of_kind(pairs, attributes.split())
        if chosen is None:
            continue
        judged = ver.evaluate(chosen, verbose=False)
        counts = {"n_genuine": judged.n_genuine, "n_impostor": judged.n_impostor}
        rates = {"eer": judged.eer, f"tar_at_far_{FAR}": judged.tar_at_far[FAR], "auc": judged.auc}
        if ver.cohort is not None:
            embeddings = ver.embed(chosen.images)
            cosines = (embeddings[chosen.first] * embeddings[chosen.second]).sum(axis=1)
            rates["eer_cosine"] = equal_error_rate(cosines, chosen.is_genuine).eer
        figures[kind] = {**counts, **rates, "intervals": {name: judged.intervals[name] for name in rates if name in judged.intervals}}
    return figures


def measure(data: ImageDataset, name: str, fold: int | None, seed: int, args: argparse.Namespace) -> Row:
    trained, judged = sides(data, fold, args.one_in)
    ver, seconds = train(trained, VARIANTS[name], seed, args)
    counts = {f"{side}_{what}": n for side, photos in (("train", trained), ("test", judged)) for what, n in count(photos).items()}
    return {**counts, "seconds": round(seconds, 1), "kinds": judge(ver, judged, cap=args.cap)}


def count(photos: ImageDataset) -> dict[str, int]:
    return {"photos": len(photos), "identities": len(set(photos.labels.tolist()))}


def cover(data: ImageDataset, name: str, fold: int | None, seed: int, args: argparse.Namespace) -> Row:
    """Choose a threshold on some cars and hold its FAR against that on others."""
    present = np.random.default_rng(seed).permutation(np.unique(data.labels))
    half, quarter = len(present) // 2, 3 * len(present) // 4
    shares = (present[:half], present[half:quarter], present[quarter:])
    trained, chosen, judged = (data.subset(np.flatnonzero(np.isin(data.labels, identities))) for identities in shares)
    ver, seconds = train(trained, VARIANTS[name], seed, args)
    validation, test = all_pairs(chosen, cap=args.cap), all_pairs(judged, cap=args.cap)
    threshold = ver.calibrate(validation, far=CHOSEN_FAR, verbose=False).threshold
    far, draws = [], []
    for number, pairs in enumerate((validation, test)):
        impostors = pairs.subset(np.flatnonzero(~pairs.is_genuine))
        is_accepted = ver.score(impostors) >= threshold
        far.append(float(is_accepted.mean()))
        draws.append(resampled_share(is_accepted, impostors.identities, seed=number))
    low, high = percentiles(draws[1] - draws[0])
    found = {"far_chosen": far[0], "far_test": far[1], "low": low, "high": high, "is_inside": low <= 0 <= high}
    return {"n_validation": len(validation), "n_test": len(test), "seconds": round(seconds, 1), **found}


def resampled_share(values: np.ndarray, identities: np.ndarray, *, seed: int) -> np.ndarray:
    """Give the weighted share of true values in a thousand draws of identities; each seed draws apart."""
    columns = np.stack([values, np.ones(len(values))], axis=1).astype(np.float32)
    sums = np.concatenate([weights @ columns for weights in pair_weights(identities, seed=seed)])
    with np.errstate(invalid="ignore"):  # no impostor pair may have weight
        return np.asarray(sums[:, 0] / sums[:, 1])


def table(rows: Sequence[Row]) -> list[Row]:
    """Flatten the rows for people, and add the mean of each variant."""
    shown = []
    for row in rows:
        key = {name: row[name] for name in ("variant", "fold", "seed")}
        if "kinds" not in row:
            shown.append({**key, **{name: value for name, value in row.items() if name not in ("settings", *key)}})
            continue
        values: Row = {f"EER {kind}": found["eer"] for kind, found in row["kinds"].items()}
        values |= {f"EER {kind}, cosine": found["eer_cosine"] for kind, found in row["kinds"].items() if "eer_cosine" in found}
        values |= {f"TAR {kind}": found[f"tar_at_far_{FAR}"] for kind, found in row["kinds"].items()}
        shown.append({**key, **values, "seconds": row["seconds"]})
    for variant in dict.fromkeys(row["variant"] for row in shown):
        mine = [row for row in shown if row["variant"] == variant]
        if len(mine) < 2:
            continue
        if "is_inside" in mine[0]:
            shown.append({"variant": variant, "seed": "all", "is_inside": f"{sum(row['is_inside'] for row in mine)} of {len(mine)}"})
        else:
            known = [name for name in mine[0] if name not in ("variant", "fold", "seed") and all(row.get(name) is not None for row in mine)]
            shown.append({"variant": variant, "seed": "mean (sd)", **{name: mean([row[name] for row in mine]) for name in known}})
    return shown


def mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4f} ({np.std(values, ddof=1):.4f})"


def run(args: argparse.Namespace) -> list[Row]:
    """Make the rows that are not in the file yet."""
    data = FolderDataset(args.data, args.label_pattern)
    work = cover if args.far_coverage else measure
    settings = {name: getattr(args, name) for name in ("backbone", "image_size", "photos_seen", "one_in", "cap", "far_coverage")}
    folds = [None] if args.final or args.far_coverage else args.folds
    runs = [(name, fold, seed) for name in args.variants for fold in folds for seed in args.seeds]
    return [
        remembered(
            args.json,
            {"variant": name, "fold": "final" if fold is None else fold, "seed": seed, "settings": settings},
            partial(work, data, name, fold, seed, args),
        )
        for name, fold, seed in runs
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of photos; an identity is a folder, or what the pattern reads")
    parser.add_argument("--label-pattern", help="as of FolderDataset: groups label or label_..., and model and colour as attributes")
    add_recipe_flags(parser, VARIANTS)
    parser.add_argument("--folds", nargs="+", type=int, default=[0])
    parser.add_argument("--final", action="store_true", help="train on all that is not held out, and judge on what is")
    parser.add_argument("--far-coverage", action="store_true")
    parser.add_argument("--one-in", type=int, default=3, help="one identity in so many is held out (3)")
    parser.add_argument("--cap", type=int, default=100_000, help="most impostor pairs that are judged (100,000)")
    args = parser.parse_args()
    report(table(run(args)), None, photos=str(args.data.name), length=args.photos_seen or "the recipe's own")


if __name__ == "__main__":
    main()
