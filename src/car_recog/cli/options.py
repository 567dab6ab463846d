"""Flags that several commands share; they carry the names of the Python arguments."""

import argparse
import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from car_recog.training.presets import list_recipes


def finish_command(parser: argparse.ArgumentParser, *, run: Callable[[argparse.Namespace], int], **defaults: Any) -> None:
    """Say what a command runs, and add the flags of every command, whose defaults the parser of the whole command line holds."""
    parser.set_defaults(run=run, **defaults)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document instead of text")
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show where in the code an error arose")


_PHOTOS = "a CompCars tree (it holds data/part or data/image), or a folder with a folder per class"


def add_photo_flags(parser: argparse.ArgumentParser, *, data: str = _PHOTOS, is_needed: bool = True) -> "argparse._ArgumentGroup":
    """Add the flags that say where the photos are and what they show; gives their group."""
    parser.add_argument("data", metavar="DATA", nargs=None if is_needed else "?", help=data)
    group = parser.add_argument_group("photos")
    group.add_argument(
        "--label-pattern",
        metavar="PATTERN",
        help="what file names tell: make_model_year, make$$model$$year or make/model/year, which tell just that; or a regular expression, "
        "whose group (?P<label>...) is the class; searched below DATA where it holds a '/'",
    )
    group.add_argument(
        "--label",
        type=label,
        metavar="NAME",
        help="which groups of the pattern make up the class: make, model (of its make), year (of both), or names joined by + (model)",
    )
    group.add_argument(
        "--unmatched", choices=("raise", "skip"), default="raise", help="names without a class: stop, or leave these photos out (raise)"
    )
    return group


def add_crop_flags(group: "argparse._ActionsContainer") -> None:
    """Add the flags that say what part of each photo is used."""
    group.add_argument(
        "--crop",
        metavar="SOURCE",
        help="use only where the car is: plain_background or another cropper, or a file of boxes, .csv or COCO .json; others stay whole",
    )
    group.add_argument("--margin", type=float, default=0.0, metavar="F", help="kept around a box, as a share of its sides (0)")


def add_group_flag(group: "argparse._ActionsContainer") -> None:
    """Add the flag that says which photos stay together in a split."""
    group.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="photos with the same match stay on one side of the split: what the group (?P<group>...) matches, or else the whole pattern; "
        "searched in the file name, or below DATA where the pattern holds a '/'",
    )


def add_task_flag(group: "argparse._ActionsContainer") -> None:
    """Add the flag that says which photos of a CompCars tree are meant."""
    tasks = ("parts", "models", "makes")
    group.add_argument("--task", choices=tasks, help="what the classes of a CompCars tree are (what the recogniser is for, else parts)")


def add_data_flags(parser: argparse.ArgumentParser, *, is_needed: bool = True) -> None:
    """Add the flags that say where the photos are, what they show, and how they are split."""
    group = add_photo_flags(parser, is_needed=is_needed)
    add_crop_flags(group)
    add_group_flag(group)
    add_task_flag(group)
    group.add_argument(
        "--split",
        choices=("official", "random"),
        help="the train and test lists of CompCars, or a seeded split of all photos; official where DATA has the lists",
    )
    add_share_flags(group)


def add_share_flags(group: "argparse._ActionsContainer") -> None:
    """Add the flags that say how much goes to which side."""
    group.add_argument("--val-fraction", type=float, default=0.15, metavar="F", help="share for validation; 0 for none (0.15)")
    group.add_argument("--test-fraction", type=float, default=0.15, metavar="F", help="share of a random split for the test (0.15)")
    group.add_argument("--seed", type=int, default=0, help="seed of the split and, in training, of everything random (0)")


def add_car_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which pairs of photos a verifier is trained or judged on."""
    group = parser.add_argument_group("pairs, for verifiers")
    group.add_argument(
        "--impostors",
        nargs="+",
        metavar="KIND",
        help="kinds of impostor pairs, told apart in the report: any, or attributes that both cars share, such as model or model+colour; "
        "attributes are the named groups of --label-pattern (any)",
    )
    n_pairs = "pairs to draw (every genuine one and as many impostors, 20,000 in all at most)"
    group.add_argument("--n-pairs", type=int, metavar="N", help=n_pairs)
    group.add_argument(
        "--near-duplicates", default="ignore", metavar="WHAT", help="together keeps cars with near-duplicates on one side (ignore)"
    )
    group.add_argument(
        "--pairs", type=Path, metavar="FILE", help="instead of DATA: a list with 'path1 path2 label' a line, the label 1 for the same car"
    )
    group.add_argument("--image-root", type=Path, metavar="DIR", help="the folder that the paths in FILE start from (that of FILE)")
    group.add_argument(
        "--disjoint",
        choices=("class", "image", "none"),
        default="class",
        help="what no two sides of FILE share: class is the car (class)",
    )


def add_network_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `CarClassifier`."""
    group = _add_backbone_flags(parser)
    heads = "lean, paper, brands, ladder, or widths of hidden layers such as 512,256 (lean)"
    group.add_argument("--head", type=head, default="lean", help=heads)
    group.add_argument("--loss", default="cross_entropy", help="cross_entropy or focal (cross_entropy)")


def add_verifier_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `SiameseVerifier`."""
    group = _add_backbone_flags(parser)
    group.add_argument("--embedding-dim", type=int, default=128, metavar="N", help="length of the embedding (128)")
    group.add_argument("--pooling", default="average", help="average or gem (average)")
    group.add_argument(
        "--flip-average",
        action=argparse.BooleanOptionalAction,
        help="average the embeddings of a photo and its mirror image (yes when trained on cars, no on pairs)",
    )
    group.add_argument(
        "--local-scaling",
        action=argparse.BooleanOptionalAction,
        help="scale scores by the nearest cars of the training (yes when trained on cars, never on pairs)",
    )
    group.add_argument("--distance", default="l1", help="what the pair head compares by: l1, cosine or weighted_l1 (l1)")
    group.add_argument("--loss", default="binary_crossentropy", help="of the pair head: binary_crossentropy or focal (binary_crossentropy)")


def _add_backbone_flags(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    group = parser.add_argument_group("network")
    group.add_argument("--backbone", default="resnet50", help="a name that `car-recog backbones` lists (resnet50)")
    group.add_argument(
        "--backbone-options", nargs="+", type=option, action="extend", default=[], metavar="NAME=VALUE", help="such as alpha=0.25"
    )
    group.add_argument(
        "--weights", default="imagenet", help="what the backbone starts from: imagenet, none, or a .h5 or .weights.h5 file (imagenet)"
    )
    group.add_argument("--normalization", default="backbone", help="backbone or unit (backbone)")
    add_size_flags(group)
    return group


def add_size_flags(group: "argparse._ActionsContainer") -> None:
    """Add the flags that say how photos are fitted."""
    group.add_argument(
        "--image-size", nargs=2, type=int, default=(224, 224), metavar=("HEIGHT", "WIDTH"), help="in pixels (224 224)"
    )
    group.add_argument("--resize", default="stretch", help="stretch, letterbox or center_crop (stretch)")


def add_training_flags(parser: argparse.ArgumentParser, *kinds: str) -> "argparse._ArgumentGroup":
    """Add the arguments of `fit` for these kinds of training; gives their group."""
    group = parser.add_argument_group("training")
    recipes = dict.fromkeys(name for kind in kinds for name in list_recipes(kind))
    group.add_argument("--recipe", default="finetune", help=f"{', '.join(recipes)} (finetune)")
    group.add_argument("--epochs", type=int, help="passes over the photos, which the phases of the recipe share, instead of its own length")
    group.add_argument("--on-error", default="skip", help="broken photos: skip leaves them out, raise stops (skip)")
    return group


def network_arguments(args: argparse.Namespace, *own: str) -> dict[str, Any]:
    """Give the flags of a network as the arguments of `CarClassifier` or `SiameseVerifier`; `own` are those that only one of them has."""
    return {
        **{name: getattr(args, name) for name in ("backbone", "loss", "normalization", "resize", *own)},
        "weights": None if args.weights.lower() == "none" else args.weights,
        "image_size": tuple(args.image_size),
        "backbone_options": dict(args.backbone_options),
    }


def option(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`; a value that is neither JSON nor a Python literal is text.

    Example:
        >>> option("alpha=0.25"), option("widths=[8, 16]"), option("batch_norm=true"), option("pooling=avg")
        (('alpha', 0.25), ('widths', [8, 16]), ('batch_norm', True), ('pooling', 'avg'))
    """
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE such as alpha=0.25, got '{text}'")
    for read in (json.loads, ast.literal_eval):
        try:
            return name, read(value)
        except (ValueError, SyntaxError):
            continue
    return name, value


def label(text: str) -> str | tuple[str, ...]:
    """Read one name, or names joined by `+`.

    Example:
        >>> label("model"), label("model+colour")
        ('model', ('model', 'colour'))
    """
    return tuple(text.split("+")) if "+" in text else text


def head(text: str) -> str | tuple[int, ...]:
    """Read the name of a head, or widths with commas between.

    Example:
        >>> head("lean"), head("512,256")
        ('lean', (512, 256))
    """
    pieces = text.split(",")
    return tuple(map(int, pieces)) if all(piece.strip().isdigit() for piece in pieces) else text
