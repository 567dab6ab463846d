"""`car-recog predict`: what photos show, by a saved classifier; any number of photos, in constant memory."""

import argparse
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import attrs
import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from car_recog.cli.answers import Row, add_answer_flags, choose_form, finish_answers, write_answers
from car_recog.cli.options import add_crop_flags, finish_command
from car_recog.cli.output import note, printable, show_json, show_table, watched_warnings
from car_recog.cli.startup import check_plots, load_keras
from car_recog.data.folders import find_photos
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, ImageDecodeError, OptionError
from car_recog.progress import progress_bar

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier
    from car_recog.data.images import Box
    from car_recog.evaluation.sheets import Tile
    from car_recog.prediction import Prediction

CHUNK = 64
SHEET = 48
NOT_SURE, BROKEN = "not sure", "could not be decoded"
_LEAST_SOURCE = 16


@attrs.frozen
class Answer:
    """What is said about one photo: the prediction, or why it could not be decoded.

    Args:
        source: The file.
        top: Its most probable classes, best first; none where no class is given.
        prediction: Everything that was said.
        error: Why nothing was.
        tile: The photo for a sheet, where it was chosen for one.
    """

    source: str
    top: tuple[tuple[str, float], ...] = ()
    prediction: "Prediction | None" = None
    error: str | None = None
    tile: "Tile | None" = attrs.field(default=None, eq=False, repr=False)

    @property
    def word(self) -> str:
        """What is said in place of a class."""
        return self.top[0][0] if self.top else BROKEN if self.error else NOT_SURE

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        class_name, probability = self.top[0] if self.top else (None, None)
        top = [{"class_name": name, "probability": value} for name, value in self.top]
        said = self.prediction
        return {
            "source": self.source,
            "class_name": class_name,
            "probability": probability,
            "top": top,
            "rejected": said and said.rejected,
            "hierarchy": [attrs.asdict(level) for level in said.hierarchy] if said else [],
            "error": self.error,
        }


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = commands.add_parser("predict", help="say what photos show")
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder of a saved classifier")
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders with all below them, and patterns such as 'a/*.jpg'")
    parser.add_argument("--top", type=int, default=1, metavar="K", help="how many classes to name for each photo, 1 to 5 (1)")
    parser.add_argument("--reject", action="store_true", help="give no class where a calibrated classifier is not sure")
    parser.add_argument("--summary", action="store_true", help="count the photos of each class instead of listing them")
    sheet = f"draw up to {SHEET} of the photos, chosen at random, with their answers to a .png file"
    parser.add_argument("--sheet", type=Path, metavar="FILE", help=sheet)
    add_crop_flags(parser)
    add_answer_flags(parser)
    finish_command(parser, run=run)


def run(args: argparse.Namespace) -> int:
    """Answer for every photo; those that cannot be decoded are named and do not stop the others."""
    form = choose_form(args)
    if args.summary and (args.out is not None or form not in ("table", "json")):
        raise OptionError("--summary is printed as text or, with --json, as JSON; leave --out and other formats away.")
    if args.sheet is not None:
        check_plots()
    paths = find_named(args.photos)
    load_keras()
    from car_recog.loading import load_classifier
    from car_recog.prediction import TOP

    if not 1 <= args.top <= TOP:
        raise OptionError(f"--top must lie in 1 to {TOP}; got {args.top}.")
    classifier = load_classifier(args.bundle)
    if args.reject and classifier.calibration is None:
        raise OptionError(f"--reject: '{args.bundle}' is not calibrated. Calibrate it: car-recog calibrate {args.bundle} DATA")
    if args.crop is None and classifier.training_facts.counts.get("n_cropped"):
        note("warning: it was trained on photos that were cut to the car; these are not. Give the same --crop.")
    crops = None if args.crop is None else find_crops(paths, args)
    n_tiles = SHEET if args.sheet else 0
    counts: Counter[str] = Counter()
    tiles: list[Tile] = []

    def watched() -> Iterator[Answer]:
        has_bar = args.out is not None or not sys.stdout.isatty()
        with progress_bar("photos", len(paths), is_shown=has_bar) as advance:
            for answer in answers(classifier, paths, top=args.top, crops=crops, is_rejecting=args.reject, n_tiles=n_tiles):
                counts[answer.word] += 1
                tiles.extend([answer.tile] if answer.tile else [])
                if answer.error:
                    note(f"warning: {printable(answer.error)}")
                yield answer
                advance(1)

    if args.summary:
        deque(watched(), maxlen=0)
        _show_summary(counts, is_json=form == "json")
    elif form == "table":
        _write_table(watched(), sys.stdout, classifier=classifier, paths=paths, top=args.top)
    else:
        rows = (answer.to_dict() for answer in watched())
        ends = ["", *(f"_{k}" for k in range(2, args.top + 1))]
        columns = ["source", *(f"{name}{end}" for end in ends for name in ("class_name", "probability")), "rejected", "error"]
        write_answers(map(_flat, rows) if form == "csv" else rows, form, args.out, columns=columns)
    if args.sheet is not None:
        from car_recog.evaluation.sheets import save_sheet

        save_sheet(tiles, args.sheet)
        note(f"{args.sheet} shows {len(tiles)} of the photos.")
    return finish_answers(args.out, f"{len(paths):,} photos", counts[BROKEN])


def answers(
    classifier: "CarClassifier",
    paths: Sequence[Path],
    *,
    top: int,
    crops: "Sequence[Box | None] | None" = None,
    is_rejecting: bool = False,
    n_tiles: int = 0,
) -> Iterator[Answer]:
    """Answer for photos in order, so many at a time; the next ones are decoded meanwhile.

    Args:
        classifier: Who answers.
        paths: The files.
        top: How many classes to name.
        crops: What is used of each photo; None the whole.
        is_rejecting: Whether rejected answers name none.
        n_tiles: How many photos, chosen at random, come with a tile for a sheet.
    """
    from car_recog.evaluation.sheets import Tile, shrink

    shown = {paths[i] for i in np.random.default_rng(0).permutation(len(paths))[:n_tiles]}
    for chunk in decoded(paths, image_size=classifier.config.image_size, resize=classifier.config.resize, crops=crops):
        good = [photo for _, photo in chunk if not isinstance(photo, str)]
        named = iter(classifier.predict(np.stack(good)) if good else [])
        for path, photo in chunk:
            if isinstance(photo, str):
                yield Answer(str(path), error=photo)
                continue
            said = next(named)
            is_rejected = is_rejecting and bool(said.rejected)
            lines = (NOT_SURE if is_rejected else said.class_name, f"{said.probability:.3f}")
            tile = Tile(shrink(photo), lines) if path in shown else None
            yield Answer(str(path), () if is_rejected else said.top[:top], said, tile=tile)


def decoded(
    paths: Sequence[Path], *, image_size: tuple[int, int], resize: str, crops: "Sequence[Box | None] | None" = None
) -> Iterator[list[tuple[Path, np.ndarray | str]]]:
    """Give files with their photos, or with the message of why they cannot be decoded, so many at a time, in constant memory."""
    from car_recog.data.pipeline import decode_ahead

    left = iter(paths)
    for chunk in decode_ahead(paths, CHUNK, image_size=image_size, resize=resize, crops=crops):
        yield [(path, _photo_or_error(photo)) for path, photo in zip(islice(left, len(chunk)), chunk, strict=True)]


def _photo_or_error(photo: "Future[np.ndarray]") -> np.ndarray | str:
    try:
        return photo.result()
    except ImageDecodeError as error:
        return str(error)


def find_crops(paths: Sequence[Path], args: argparse.Namespace) -> "list[Box | None]":
    """Find what is used of each photo, as the flags say."""
    with watched_warnings():
        data = ImageDataset.from_files(paths, [0] * len(paths)).with_boxes(args.crop, margin=args.margin)
    return [sample.crop for sample in data.samples]


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


def _show_summary(counts: "Counter[str]", *, is_json: bool) -> None:
    total = sum(counts.values())
    if is_json:
        show_json({"n_photos": total, "counts": dict(counts.most_common())})
    else:
        show_table(("class", "photos", "share"), [(word, f"{n:,}", f"{n / total:.3f}") for word, n in counts.most_common()])


def _flat(row: Row) -> Row:
    """Give each class of an answer cells of its own: `class_name`, `probability`, `class_name_2`, `probability_2` and so on."""
    named = ((key if k == 1 else f"{key}_{k}", value) for k, one in enumerate(row["top"], 1) for key, value in one.items())
    return {**row, **dict(named)}


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
        stream.write(set_cell_size(source, source_width) + (said or f"  {answer.word}") + "\n")
