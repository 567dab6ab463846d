r"""The paper's experiment on car verification, and beside it what the paper lacks.

    python examples/paper/car_verification.py --root COMPCARS --out runs/paper_pairs
    python examples/paper/car_verification.py --folder cars --label-pattern PATTERN --hard model colour --backbones mobilenet \
        --options '{"alpha": 0.25}' --weights mobilenet_2_5_224_tf_no_top.h5
    python examples/paper/car_verification.py --synthetic --backbones tiny_cnn --weights none --image-size 64 64 --epochs 5

Trains the four verifiers of Table 3 as section III.B says: ImageNet weights, frozen; dense 128 with ReLU, unit length, a sigmoid unit on
the absolute differences; batches of 128 pairs, 20 epochs, 224 x 224, photos in [0, 1]; Adam 1e-3, which is our choice. The pairs are
cut 60 / 20 / 20. Each is also trained with the input that the backbone was made for, and on a cut whose sides share no car model.

Prints the paper's figures beside ours with 95 % intervals, then the figures on the test pairs and on the hard pairs, at 0.5 and at a
threshold chosen on the validation pairs, and writes tables.md, results.json and figure_2.png. A run that stands in results.json is not
repeated.

--root: the official easy, medium and hard pairs. --synthetic: the same on a drawn tree. --folder: pairs drawn from your own photos, an
identity for each folder or for what --label-pattern reads; hard ones are those whose impostors share the attributes of --hard.

Source: Sardrod and Omidvar, sections III.B and IV.B.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import numpy as np
from paper_runs import end_clearly, from_one, make_parser, parse, photos_named, run_missing
from paper_tables import Run, label
from verification_tables import ABOUT, FIRST, SECOND, draw_figure, report

from car_recog import CompCarsDataset, FolderDataset, PairDataset, SiameseVerifier, get_backbone, get_recipe, same_attributes
from car_recog.data.synthetic import draw_compcars
from car_recog.errors import DataError
from car_recog.evaluation.plots import new_figure
from car_recog.evaluation.verification import VerificationReport, verification_report
from car_recog.storage import write_text

N_TIMED = 128
DRAWN_MODELS = 24


@attrs.frozen
class Pairs:
    """What is trained on, by name, and the hard pairs that nothing is trained on, if there are any."""

    named: Mapping[str, PairDataset]
    hard: PairDataset | None


def read_pairs(args: argparse.Namespace, stack: ExitStack) -> Pairs:
    """Read or draw the pairs that the flags name."""
    if args.folder:
        data = FolderDataset(args.folder, args.label_pattern)
        hard = PairDataset.sample(data, impostors=same_attributes(*args.hard), seed=1) if args.hard else None
        return Pairs({"sampled": PairDataset.sample(data, n_pairs=args.pairs)}, hard)
    root = args.root
    if args.synthetic:
        folder, n_pairs = stack.enter_context(TemporaryDirectory()), args.pairs or 400
        root = Path(folder) / "CompCars"
        draw_compcars(root, n_models=DRAWN_MODELS, n_part_photos=32, n_car_photos=20 * DRAWN_MODELS, n_pairs=n_pairs)
    cars = CompCarsDataset(root)
    return Pairs({name: cars.pairs(name) for name in ("easy", "medium")}, cars.pairs("hard"))


def list_kinds(args: argparse.Namespace, names: Sequence[str]) -> Iterator[Run]:
    """List the runs: the rows of Table 3, each with every input and every cut, for every seed."""
    first, second = args.backbones[0], args.backbones[-1]
    rows = ((first, 0, "focal"), (first, 0, "binary_crossentropy"), (first, -1, "binary_crossentropy"), (second, 0, "binary_crossentropy"))
    for seed in args.seeds:
        for backbone, place, loss in dict.fromkeys((backbone, names[place], loss) for backbone, place, loss in rows):
            for cut in args.cuts:
                for given in args.inputs:
                    yield {"backbone": backbone, "pairs": place, "loss": loss, "input": given, "cut": cut, "seed": seed}


def build(kind: Run, args: argparse.Namespace) -> SiameseVerifier:
    """Give the paper's verifier, where asked for with another input, at another size or from other weights."""
    paper = SiameseVerifier.paper(kind["backbone"], kind["loss"])
    return SiameseVerifier(
        kind["backbone"],
        weights=args.weights,
        loss=kind["loss"],
        embedding_dim=paper.config.embedding_dim,
        distance=paper.config.distance,
        image_size=tuple(args.image_size),
        normalization=paper.config.normalization if kind["input"] == "unit" else "backbone",
        backbone_options=args.options,
    )


def cut_pairs(pairs: PairDataset, kind: Run) -> list[PairDataset]:
    """Cut pairs into train, validation and test.

    Of impostors whose two models lie on different sides nothing is left, so genuine pairs are left out at random until both are as many.
    """
    if kind["cut"] == "pair":
        return pairs.split(0.6, 0.2, 0.2, seed=kind["seed"])
    sides = pairs.split(0.6, 0.2, 0.2, seed=kind["seed"], disjoint="class")
    return [_even(side, kind["seed"]) for side in sides]


def _even(pairs: PairDataset, seed: int) -> PairDataset:
    rng = np.random.default_rng(seed)
    genuine, impostors = (rng.permutation(np.flatnonzero(pairs.is_genuine == wanted)) for wanted in (True, False))
    n = min(len(genuine), len(impostors))
    if not n:
        kind = "genuine" if len(impostors) else "impostor"
        raise DataError(f"Cut by model, no {kind} pairs are left on some side. Give more cars and pairs, or --cuts pair.")
    return pairs.subset(np.sort(np.concatenate([genuine[:n], impostors[:n]])))


def hard_pairs(pairs: Pairs, test: PairDataset, kind: Run) -> PairDataset | None:
    """Give the hard pairs; where the sides share no model only those of test models. None where one kind of pair is missing."""
    hard = pairs.hard
    if hard is None:
        return None
    if kind["cut"] == "model":
        known = {sample.class_name for sample in test.images.samples}
        is_known = np.array([sample.class_name in known for sample in hard.images.samples])
        hard = hard.subset(np.flatnonzero(is_known[hard.first] & is_known[hard.second]))
    return hard if 0 < hard.is_genuine.sum() < len(hard) else None


def train_and_judge(kind: Run, pairs: Pairs, args: argparse.Namespace) -> Run:
    """Train once and keep what the tables and the figure need."""
    train, val, test = cut_pairs(pairs.named[kind["pairs"]], kind)
    hard = hard_pairs(pairs, test, kind)
    ver = build(kind, args)
    start = time.perf_counter()
    history = ver.fit(train, val, recipe=get_recipe("paper", kind="pairs", epochs=args.epochs), seed=kind["seed"], verbose=not args.quiet)
    seconds = time.perf_counter() - start
    judged = ver.evaluate(test, verbose=False)
    return {
        "history": {name: history.history[name] for name in ("accuracy", "loss", "val_accuracy", "val_loss")},
        "n_pairs": {"train": len(train), "val": len(val), "test": len(test)},
        "threshold": ver.threshold,
        "val": _figures(ver.evaluate(val, verbose=False)),
        "test": _figures(judged),
        "hard": None if hard is None else _figures(ver.evaluate(hard, verbose=False)),
        "shared": _shared(test, train),
        "same_photo": _above_itself(ver, judged),
        "seconds": seconds,
        "photos_per_second": _embedding_speed(ver, test),
    }


def _figures(judged: VerificationReport) -> dict[str, Any]:
    """Keep the figures at the chosen threshold and, as the paper has it, at 0.5."""
    half = verification_report(judged.scores, judged.is_genuine, identities=judged.identities, threshold=0.5)
    kept = {name: {"value": getattr(judged, name), "interval": list(judged.intervals[name])} for name in ("accuracy", "eer", "auc")}
    return {"n_pairs": judged.n_pairs, "at_half": {"value": half.accuracy, "interval": list(half.intervals["accuracy"])}, **kept}


def _shared(test: PairDataset, train: PairDataset) -> dict[str, float]:
    """Give the share of the test photos, and of the cars on them, that stand in training pairs too."""
    (shared,) = test.check(against=train).shared
    n_identities = len({sample.class_name for sample in test.images.samples})
    n_photos = len(shared.photos) + len(shared.copies)
    return {"photos": n_photos / len(test.images), "models": len(shared.identities) / n_identities}


def _above_itself(ver: SiameseVerifier, judged: VerificationReport) -> dict[str, float]:
    """Give the score of a photo against itself, the same for all, and the shares of the pairs that score higher."""
    zeros = np.zeros((1, ver.config.embedding_dim), np.float32)
    itself = float(ver.score_embeddings(zeros, zeros)[0])
    is_above = judged.scores > itself
    return {"score": itself, "genuine": float(is_above[judged.is_genuine].mean()), "impostor": float(is_above[~judged.is_genuine].mean())}


def _embedding_speed(ver: SiameseVerifier, test: PairDataset) -> float:
    """Photos per second from file to embedding, of a network that is compiled."""
    whole = [sample.path for sample in test.images.samples]
    timed = (whole * N_TIMED)[:N_TIMED]
    ver.embed(timed)
    start = time.perf_counter()
    ver.embed(timed)
    return len(timed) / (time.perf_counter() - start)


def run_all(args: argparse.Namespace, stack: ExitStack) -> None:
    """Run what does not stand in the results yet, then print, write and draw."""
    # A missing matplotlib, unknown names, weights or sizes show before the first training.
    new_figure(1, 1)
    for backbone in args.backbones:
        size, options = tuple(args.image_size), args.options
        get_backbone(backbone).build_checked(weights=args.weights, image_size=size, normalization="unit", backbone_options=options)
    pairs = read_pairs(args, stack)
    print(ABOUT)
    settings = {name: getattr(args, name) for name in ("image_size", "epochs", "weights", "options", "label_pattern", "hard")}
    settings["photos"] = photos_named(args)
    settings["n_pairs"] = {name: len(named) for name, named in pairs.named.items()}

    def name(kind: Run) -> str:
        words = "" if kind["cut"] == "pair" else ", no model on two sides"
        given = "[0, 1]" if kind["input"] == "unit" else "own input"
        return f"{label(kind['backbone'])}, {kind['pairs']} pairs, {label(kind['loss'])}, {given}{words}, seed {kind['seed']}"

    kinds = list_kinds(args, list(pairs.named))
    runs = run_missing(args.out / "results.json", settings, kinds, lambda kind: train_and_judge(kind, pairs, args), name)
    text = write_text(report(runs), args.out / "tables.md")
    print(f"\n{text}\n{draw_figure(runs, args.out / 'figure_2.png')}")


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the flags; what cannot be ends with usage and a message."""
    parser = make_parser(__doc__, out="paper_pairs")
    parser.add_argument("--label-pattern", metavar="REGEX", help="reads the identity in the names below --folder: see FolderDataset")
    parser.add_argument("--hard", nargs="+", metavar="ATTRIBUTE", help="what the cars of hard impostor pairs of --folder share")
    parser.add_argument("--pairs", type=from_one, help="pairs of --synthetic (400) or --folder (every genuine one, as many impostors)")
    parser.add_argument("--backbones", nargs="+", default=[FIRST, SECOND], help="one or two, in the place of ResNet50 and MobileNetV2")
    parser.add_argument("--options", type=json.loads, metavar="JSON", help="of the backbones, such as '{\"alpha\": 0.25}'")
    parser.add_argument("--weights", default="imagenet", help="imagenet, a file, or none for random ones (imagenet)")
    parser.add_argument("--inputs", nargs="+", choices=("unit", "backbone"), default=["unit", "backbone"], help="[0, 1], or its own")
    parser.add_argument("--cuts", nargs="+", choices=("pair", "model"), default=["pair", "model"], help="what lies on one side only")
    args = parse(parser, argv)
    if (args.label_pattern or args.hard) and not args.folder:
        parser.error("--label-pattern and --hard go with --folder")
    if len(args.backbones) > 2:
        parser.error("--backbones takes one or two names")
    args.weights = None if args.weights == "none" else args.weights
    return args


def main(argv: Sequence[str] | None = None) -> None:
    end_clearly(run_all, read_arguments(argv))


if __name__ == "__main__":
    main()
