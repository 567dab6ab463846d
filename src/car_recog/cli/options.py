"""Flags that several commands share; they carry the names of the Python arguments."""

import argparse
import ast
import json
from typing import Any


def add_common_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every command; the parser of the whole command line holds their defaults."""
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document instead of text")
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show where in the code an error arose")


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where the photos are, what they show, and how they are split."""
    parser.add_argument("data", metavar="DATA", help="a CompCars tree (it holds data/part), or a folder with a folder per class")
    group = parser.add_argument_group("photos")
    group.add_argument(
        "--label-pattern",
        metavar="REGEX",
        help="the class is what the group (?P<label>...) matches in the file name, or below DATA where the pattern holds a '/'",
    )
    group.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="photos with the same match stay on one side of the split: what the group (?P<group>...) matches, or else the whole pattern; "
        "searched in the file name, or below DATA where the pattern holds a '/'",
    )
    group.add_argument(
        "--split",
        choices=("official", "random"),
        help="the train and test lists of CompCars, or a seeded split of all photos; official where DATA has the lists",
    )
    group.add_argument("--val-fraction", type=float, default=0.15, metavar="F", help="share for validation; 0 for none (0.15)")
    group.add_argument("--test-fraction", type=float, default=0.15, metavar="F", help="share of a random split for the test (0.15)")
    group.add_argument("--seed", type=int, default=0, help="seed of the split and, in training, of everything random (0)")


def add_network_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `CarClassifier`."""
    group = parser.add_argument_group("network")
    group.add_argument("--backbone", default="resnet50", help="a name that `car-recog backbones` lists (resnet50)")
    group.add_argument(
        "--backbone-options", nargs="+", type=option, action="extend", default=[], metavar="NAME=VALUE", help="such as alpha=0.25"
    )
    group.add_argument(
        "--weights", default="imagenet", help="what the backbone starts from: imagenet, none, or a .h5 or .weights.h5 file (imagenet)"
    )
    group.add_argument("--head", type=head, default="lean", help="lean, paper, brands, or widths of hidden layers such as 512,256 (lean)")
    group.add_argument("--loss", default="cross_entropy", help="cross_entropy or focal (cross_entropy)")
    group.add_argument("--normalization", default="backbone", help="backbone or unit (backbone)")
    add_size_flags(group)


def add_size_flags(group: "argparse._ActionsContainer") -> None:
    """Add the flags that say how photos are fitted."""
    group.add_argument(
        "--image-size", nargs=2, type=int, default=(224, 224), metavar=("HEIGHT", "WIDTH"), help="in pixels (224 224)"
    )
    group.add_argument("--resize", default="stretch", help="stretch, letterbox or center_crop (stretch)")


def add_training_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fit`."""
    group = parser.add_argument_group("training")
    group.add_argument("--recipe", default="finetune", help="finetune or paper (finetune)")
    group.add_argument("--epochs", type=int, help="replaces the length of every phase of the recipe")
    group.add_argument("--on-error", default="skip", help="broken photos: skip leaves them out, raise stops (skip)")


def network_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Give the flags of `add_network_flags` as the arguments of `CarClassifier`."""
    return {
        "backbone": args.backbone,
        "weights": None if args.weights.lower() == "none" else args.weights,
        "head": args.head,
        "loss": args.loss,
        "image_size": tuple(args.image_size),
        "normalization": args.normalization,
        "resize": args.resize,
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


def head(text: str) -> str | tuple[int, ...]:
    """Read the name of a head, or widths with commas between.

    Example:
        >>> head("lean"), head("512,256")
        ('lean', (512, 256))
    """
    pieces = text.split(",")
    return tuple(map(int, pieces)) if all(piece.strip().isdigit() for piece in pieces) else text
