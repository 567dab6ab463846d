"""`car-recog predict`: what photos show, by a saved classifier; any number of photos, in constant memory."""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import attrs
import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from car_recog.cli.answers import add_answer_flags, choose_form, opened, write_json, write_jsonl
from car_recog.cli.options import add_common_flags
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, printable, show_line
from car_recog.cli.startup import load_keras
from car_recog.data.folders import find_photos
from car_recog.errors import DataError, ImageDecodeError, OptionError
from car_recog.progress import progress_bar

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier

CHUNK = 64
_LEAST_SOURCE = 16


@attrs.frozen
class Answer:
    """What is said about one photo: its most probable classes, best first, or why it could not be decoded."""

    source: str
    top: tuple[tuple[str, float], ...] = ()
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        class_name, probability = self.top[0] if self.top else (None, None)
        top = [{"class_name": name, "probability": value} for name, value in self.top]
        return {"source": self.source, "class_name": class_name, "probability": probability, "top": top, "error": self.error}


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("predict", help="say what photos show", allow_abbrev=False)
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder of a saved classifier")
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders with all below them, and patterns such as 'a/*.jpg'")
    parser.add_argument("--top", type=int, default=1, metavar="K", help="how many classes to name for each photo, 1 to 5 (1)")
    add_answer_flags(parser)
    add_common_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer for every photo; those that cannot be decoded are named and do not stop the others."""
    form = choose_form(args)
    paths = find_named(args.photos)
    load_keras()
    from car_recog.loading import load_classifier
    from car_recog.prediction import TOP

    if not 1 <= args.top <= TOP:
        raise OptionError(f"--top must lie in 1 to {TOP}; got {args.top}.")
    classifier = load_classifier(args.bundle)
    broken = 0

    def watched() -> Iterator[Answer]:
        nonlocal broken
        has_bar = args.out is not None or not sys.stdout.isatty()
        with progress_bar("photos", len(paths), is_shown=has_bar) as advance:
            for answer in answers(classifier, paths, top=args.top):
                if answer.error:
                    broken += 1
                    note(f"warning: {printable(answer.error)}")
                yield answer
                advance(1)

    with opened(args.out) as stream:
        if form == "table":
            _write_table(watched(), stream, classifier=classifier, paths=paths, top=args.top)
        elif form == "csv":
            _write_csv(watched(), stream, top=args.top)
        else:
            (write_json if form == "json" else write_jsonl)((answer.to_dict() for answer in watched()), stream)
    if args.out is not None:
        left_out = f"; {broken:,} of them could not be decoded" if broken else ""
        show_line(f"{args.out}: {len(paths):,} photos{left_out}.")
    return FOUND_PROBLEMS if broken else FINE


def answers(classifier: "CarClassifier", paths: Sequence[Path], *, top: int) -> Iterator[Answer]:
    """Answer for photos in order, so many at a time; the next ones are decoded meanwhile.

    Args:
        classifier: Who answers.
        paths: The files.
        top: How many classes to name.
    """
    for chunk in decoded(paths, image_size=classifier.config.image_size, resize=classifier.config.resize):
        good = [photo for _, photo in chunk if not isinstance(photo, str)]
        named = iter(classifier.predict(np.stack(good)) if good else [])
        for path, photo in chunk:
            yield Answer(str(path), error=photo) if isinstance(photo, str) else Answer(str(path), next(named).top[:top])


def decoded(paths: Sequence[Path], *, image_size: tuple[int, int], resize: str) -> Iterator[list[tuple[Path, np.ndarray | str]]]:
    """Give files with their photos, or with the message of why they cannot be decoded, so many at a time, in constant memory."""
    from car_recog.data.pipeline import decode_ahead

    left = iter(paths)
    for chunk in decode_ahead(paths, CHUNK, image_size=image_size, resize=resize):
        yield [(path, _photo_or_error(photo)) for path, photo in zip(islice(left, len(chunk)), chunk, strict=True)]


def _photo_or_error(photo: "Future[np.ndarray]") -> np.ndarray | str:
    try:
        return photo.result()
    except ImageDecodeError as error:
        return str(error)


def find_named(names: Sequence[str]) -> list[Path]:
    """Turn files, folders and patterns into files; a name that leads nowhere stops before anything slow.

    Raises:
        DataError: Such a name.
    """
    paths: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = find_photos(path)
        elif path.exists() or not any(letter in name for letter in "*?["):
            found = [path]
        else:
            found = sorted(match for match in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if match.is_file())
        if not found:
            raise DataError(f"No photos match '{name}'.")
        if not found[0].exists():
            raise DataError(f"No such photo: '{name}'.")
        paths += found
    return paths


def _write_csv(rows: Iterator[Answer], stream: TextIO, *, top: int) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    numbers = [f"_{k}" if k > 1 else "" for k in range(1, top + 1)]
    writer.writerow(["source", *(f"{name}{k}" for k in numbers for name in ("class_name", "probability")), "error"])
    for answer in rows:
        cells = [cell for name, value in answer.top for cell in (name, f"{value:.6f}")]
        writer.writerow([answer.source, *cells, *[""] * (2 * top - len(cells)), answer.error or ""])


def _write_table(rows: Iterator[Answer], stream: TextIO, *, classifier: "CarClassifier", paths: Sequence[Path], top: int) -> None:
    """Write rows as they come, in columns whose widths are known beforehand; a long path loses its beginning on a terminal."""
    name_width = max(cell_len(name) for name in (*classifier.class_names, "class"))
    source_width = max(cell_len(printable(str(path))) for path in paths)
    if stream.isatty():
        left = Console().width - top * (name_width + 9)
        source_width = min(source_width, max(left, _LEAST_SOURCE))
    stream.write(set_cell_size("photo", source_width) + f"  {'class':{name_width}}  share" * top + "\n")
    for answer in rows:
        source = printable(answer.source)
        if cell_len(source) > source_width:
            source = "…" + source[1 - source_width :]
        said = "".join(f"  {set_cell_size(name, name_width)}  {value:.3f}" for name, value in answer.top)
        stream.write(set_cell_size(source, source_width) + (said or "  could not be decoded") + "\n")
