"""`car-recog explain`: which places of a photo speak for the answer of a saved classifier, or of two photos for that of a verifier."""

import argparse
from pathlib import Path
from typing import Any

from car_recog.cli.options import finish_command
from car_recog.cli.output import FINE, printable, show_json, show_lines, watched_warnings
from car_recog.cli.startup import load_keras
from car_recog.errors import OptionError


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("explain", help="show which places of a photo speak for the answer")
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder of a saved classifier or verifier")
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="one photo for a classifier, two for a verifier")
    parser.add_argument("--class-name", metavar="NAME", help="the class that is asked about (the most probable one)")
    parser.add_argument("--out", type=Path, default=Path("explanation.png"), metavar="FILE", help="the picture (explanation.png)")
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Explain one answer and draw it; a verifier's two photos stand abreast."""
    load_keras()
    from car_recog.explain import check_picture, save_abreast
    from car_recog.loading import load_recogniser
    from car_recog.verifier import SiameseVerifier

    check_picture(args.out)
    recogniser = load_recogniser(args.bundle)
    is_verifier = isinstance(recogniser, SiameseVerifier)
    if len(args.photos) != 1 + is_verifier:
        needed = "verifier give two photos" if is_verifier else "classifier give one photo"
        raise OptionError(f"To explain the answer of a {needed}; got {len(args.photos)}.")
    if is_verifier and args.class_name is not None:
        raise OptionError("--class-name is for classifiers; a verifier tells whether two photos show the same car.")
    with watched_warnings():
        if isinstance(recogniser, SiameseVerifier):
            explanations = [*recogniser.explain(*args.photos)]
        else:
            explanations = [recogniser.explain(args.photos[0], args.class_name)]
    save_abreast(explanations, args.out)
    first = explanations[0]
    if args.json:
        are_empty = [explanation.is_empty for explanation in explanations]
        show_json({"photos": args.photos, "label": first.label, "score": first.score, "is_empty": are_empty, "picture": str(args.out)})
    else:
        show_lines(f"{printable(first.label)}: {'score' if is_verifier else 'probability'} {first.score:.3f}")
        show_lines(f"{args.out} shows what speaks for it, yellow most.")
    return FINE
