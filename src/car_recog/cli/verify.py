"""`car-recog verify`: whether two photos show the same car, or each two of a list, by a saved verifier."""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from car_recog.cli.answers import Row, add_answer_flags, choose_form, finish_answers, write_answers
from car_recog.cli.options import finish_command
from car_recog.cli.output import BAD_USE, FINE, note, printable, show_error, show_json, show_lines, show_table
from car_recog.cli.startup import load_keras
from car_recog.data.pair_lists import read_unlabelled_pairs
from car_recog.data.samples import ImageDataset
from car_recog.errors import OptionError
from car_recog.progress import progress_bar

if TYPE_CHECKING:
    from car_recog.prediction import Verification
    from car_recog.verifier import SiameseVerifier

DIFFERENT = 1
COLUMNS = (
    "first", "second", "score", "probability", "threshold", "is_same", "is_uncertain", "impostors_above", "genuine_below", "error",
)
_DESCRIPTION = (
    "Tell whether two photos show the same car. The exit code is 0 where they do, 1 where they show two cars, and 2 where no answer can be "
    "given. With --pairs every pair of a list is answered: 'path1 path2' a line; what stands behind is not looked at. Then 1 says that "
    "photos could not be decoded."
)


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("verify", help="tell whether two photos show the same car", description=_DESCRIPTION)
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder of a saved verifier")
    parser.add_argument("photos", metavar="PHOTO", nargs="*", help="two photos")
    parser.add_argument("--pairs", type=Path, metavar="FILE", help="instead of PHOTO PHOTO: a list of pairs")
    parser.add_argument("--image-root", type=Path, metavar="DIR", help="the folder that the paths in FILE start from (that of FILE)")
    add_answer_flags(parser)
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Answer for two photos, or for a list."""
    if (args.pairs is None) != (len(args.photos) == 2) or (args.pairs is not None and args.photos):
        raise OptionError(f"Give two photos, or a list of pairs with --pairs FILE; got {len(args.photos)} photos.")
    return run_one(args) if args.pairs is None else run_list(args)


def run_one(args: argparse.Namespace) -> int:
    """Answer for two photos."""
    if args.out is not None or args.format is not None:
        raise OptionError("--out and --format are for lists of pairs; --json tells the answer for two photos.")
    load_keras()
    from car_recog.loading import load_verifier

    first, second = args.photos
    answer = load_verifier(args.bundle).verify(first, second)
    if args.json:
        show_json({"first": first, "second": second, **attrs.asdict(answer)})
    else:
        show_lines(worded(answer))
    if answer.is_same is None:
        show_error("the verifier has no threshold, so it gives no verdict. Train it with validation data, or calibrate it.")
        return BAD_USE
    return FINE if answer.is_same else DIFFERENT


def worded(answer: "Verification") -> str:
    """Word an answer for people."""
    score = f"score {answer.score:.3f}"
    if answer.threshold is None:
        return score
    verdict, where = ("the same car", "at or above") if answer.is_same else ("two cars", "below")
    doubt = "; uncertain: a person should look" if answer.is_uncertain else ""
    return f"{verdict}: {score}, {where} the threshold {answer.threshold:.3f}; probability {answer.probability:.3f}{doubt}"


def run_list(args: argparse.Namespace) -> int:
    """Answer for the pairs of a list; photos that cannot be decoded are named and do not stop the others."""
    form = choose_form(args)
    root = args.image_root or args.pairs.parent
    names, *ends = read_unlabelled_pairs(args.pairs, root)
    load_keras()
    from car_recog.loading import load_verifier

    verifier = load_verifier(args.bundle)
    rows, broken = answers(verifier, [root / name for name in names], *ends)
    for message in broken:
        note(f"warning: {printable(message)}")
    if form == "table":
        columns = ("first photo", "second photo", "answer", "score", "probability")
        show_table(columns, [(row["first"], row["second"], _verdict(row), row["score"], row["probability"]) for row in rows])
    else:
        write_answers(rows, form, args.out, columns=COLUMNS)
    return finish_answers(args.out, f"{len(ends[0]):,} pairs of {len(names):,} photos", len(broken))


def answers(
    verifier: "SiameseVerifier", paths: list[Path], first: np.ndarray, second: np.ndarray
) -> tuple[Iterator[Row], list[str]]:
    """Answer for pairs of photos, each photo embedded once.

    Args:
        verifier: Who answers.
        paths: The photos.
        first: Place of the first photo of each pair among them, shape `(n_pairs,)`.
        second: Place of the second.

    Returns:
        A row for each pair, and the messages of the photos that cannot be decoded.
    """
    from car_recog.data.pipeline import SkippedPhotosWarning, load_photos
    from car_recog.prediction import verdict

    photos = ImageDataset.from_files(paths, [""] * len(paths))
    size, resize = verifier.config.image_size, verifier.config.resize
    with warnings.catch_warnings(), progress_bar("decoding", len(paths)) as advance:
        warnings.simplefilter("ignore", SkippedPhotosWarning)  # they are named one by one
        loaded = load_photos(photos, image_size=size, resize=resize, on_photo=advance)
    place = np.full(len(paths), -1)
    place[loaded.kept] = np.arange(len(loaded))
    is_good = (place[first] >= 0) & (place[second] >= 0)
    embeddings = verifier.embed(photos.subset(loaded.kept))
    scores = iter(verifier.score_embeddings(embeddings[place[first[is_good]]], embeddings[place[second[is_good]]]).tolist())

    def rows() -> Iterator[Row]:
        for a, b, good in zip(first.tolist(), second.tolist(), is_good.tolist(), strict=True):
            errors = [loaded.skipped[paths[i]] for i in dict.fromkeys((a, b)) if paths[i] in loaded.skipped]
            answer = attrs.asdict(verdict(next(scores), verifier.calibration)) if good else {}
            facts = {"first": str(paths[a]), "second": str(paths[b]), **answer, "error": " ".join(errors) or None}
            yield {name: facts.get(name) for name in COLUMNS}

    return rows(), list(loaded.skipped.values())


def _verdict(row: Row) -> str:
    if row["error"]:
        return "could not be decoded"
    if row["is_same"] is None:
        return ""
    return f"{'the same car' if row['is_same'] else 'two cars'}{', uncertain' if row['is_uncertain'] else ''}"
