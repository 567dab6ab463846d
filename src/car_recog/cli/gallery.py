"""`car-recog gallery`: enrol photos of cars by name, search them for the car of another photo, take names out, tell what is in."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from car_recog.cli.answers import Row, add_answer_flags, choose_form, finish_answers, write_answers
from car_recog.cli.options import finish_command
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, printable, show_json, show_lines, show_table, watched_warnings
from car_recog.cli.predict import decoded, find_named
from car_recog.cli.startup import load_keras
from car_recog.data.folders import FolderDataset
from car_recog.errors import OptionError
from car_recog.progress import progress_bar
from car_recog.storage import is_vacant

if TYPE_CHECKING:
    from car_recog.gallery import Gallery, SearchResult

COLUMNS = ("source", "is_known", "rank", "name", "score", "probability", "enrolled", "error")
_HEADINGS = ("photo", "known", "rank", "name", "score", "probability", "most alike")
_ADD = (
    "Enrol photos: all under one --name; or, without it, the photos of one folder, each under the name of its car: a folder per car, or "
    "what --label-pattern finds. Photos that are enrolled already are left out."
)
_SEARCH = "Find the cars whose enrolled photos are most alike. A car is known where the best score reaches the threshold of the verifier."


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command and what can be done with a gallery."""
    gallery = commands.add_parser("gallery", help="find one car among many")
    actions = gallery.add_subparsers(title="actions", metavar="ACTION", required=True)
    add = _action(actions, "add", "enrol photos of cars", run=run_add, description=_ADD)
    add.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders and patterns with --name; else one folder")
    add.add_argument("--name", help="the car that all these photos show")
    add.add_argument("--label-pattern", metavar="REGEX", help="the name is what the group (?P<label>...) matches, as in train verifier")
    add.add_argument("--on-error", default="skip", help="broken photos: skip leaves them out, raise stops (skip)")
    search = _action(actions, "search", "find the cars of photos", run=run_search, description=_SEARCH)
    search.add_argument("photos", metavar="PHOTO", nargs="+", help="files, folders with all below them, and patterns such as 'a/*.jpg'")
    search.add_argument("--k", type=int, default=5, help="how many names to tell for each photo (5)")
    add_answer_flags(search)
    remove = _action(actions, "remove", "take cars out", run=run_remove)
    remove.add_argument("names", metavar="NAME", nargs="+", help="names of cars")
    _action(actions, "info", "tell which cars are in", run=run_info)


def _action(
    actions: "argparse._SubParsersAction[Any]",
    name: str,
    purpose: str,
    *,
    run: Callable[[argparse.Namespace], int],
    description: str | None = None,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=purpose, description=description)
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder of a saved verifier")
    parser.add_argument("gallery", metavar="GALLERY", type=Path, help="the folder of the gallery; add makes it")
    finish_command(parser, run=run)
    return parser


def run_add(args: argparse.Namespace) -> int:
    """Enrol photos and save the gallery; broken ones are named."""
    if args.name is not None:
        photos: Any = find_named(args.photos)
    elif len(args.photos) == 1 and Path(args.photos[0]).is_dir():
        photos = FolderDataset(args.photos[0], args.label_pattern)
    else:
        raise OptionError("Give --name for these photos, or one folder with a folder of photos per car.")
    gallery = _load(args, is_new=is_vacant(args.gallery))
    with watched_warnings() as problems:
        n_new = gallery.add(photos, args.name, on_error=args.on_error)
    gallery.save(args.gallery)
    _tell(args, gallery, {"n_new": n_new, "problems": problems}, f"{n_new:,} new photos")
    return FOUND_PROBLEMS if problems else FINE


def run_remove(args: argparse.Namespace) -> int:
    """Take all photos of names out and save the gallery."""
    gallery = _load(args)
    n_removed = sum(gallery.remove(name) for name in dict.fromkeys(args.names))
    gallery.save(args.gallery)
    _tell(args, gallery, {"n_removed": n_removed}, f"{n_removed:,} photos taken out")
    return FINE


def run_search(args: argparse.Namespace) -> int:
    """Answer for every photo."""
    form = choose_form(args)
    paths = find_named(args.photos)
    gallery = _load(args)
    broken = 0

    def watched() -> Iterator[Row]:
        nonlocal broken
        with progress_bar("photos", len(paths), is_shown=form != "table") as advance:
            for row in answers(gallery, paths, k=args.k):
                if row["error"]:
                    broken += 1
                    note(f"warning: {printable(row['error'])}")
                yield row
                advance(1)

    if form == "table":
        show_table(_HEADINGS, [[_word(row.get(name)) for name in COLUMNS[:-1]] for row in _spread(watched())])
    else:
        write_answers(_spread(watched()) if form == "csv" else watched(), form, args.out, columns=COLUMNS)
    return finish_answers(args.out, f"{len(paths):,} photos", broken)


def answers(gallery: "Gallery", paths: Sequence[Path], *, k: int) -> Iterator[Row]:
    """Answer for photos in order, so many at a time; the next ones are decoded meanwhile.

    Args:
        gallery: What is searched.
        paths: The files.
        k: How many names to tell.
    """
    config = gallery.verifier.config
    for chunk in decoded(paths, image_size=config.image_size, resize=config.resize):
        good = [photo for _, photo in chunk if not isinstance(photo, str)]
        found = iter(gallery.search(good, k) if good else [])
        for path, photo in chunk:
            if isinstance(photo, str):
                yield {"source": str(path), "is_known": None, "matches": [], "error": photo}
            else:
                yield _to_row(str(path), next(found))


def _to_row(source: str, result: "SearchResult") -> Row:
    matches = [{"name": m.name, "score": m.score, "probability": m.probability, "enrolled": m.source} for m in result.matches]
    return {"source": source, "is_known": result.is_known, "matches": matches, "error": None}


def _spread(rows: Iterable[Row]) -> Iterator[Row]:
    """Give a row for each match, best first; a photo without any keeps one row."""
    for row in rows:
        for rank, match in enumerate(row["matches"] or [{}], 1):
            yield {**row, "rank": rank if match else None, **match}


def run_info(args: argparse.Namespace) -> int:
    """Tell which cars are in a gallery and on how many photos."""
    gallery = _load(args)
    counts = gallery.photo_counts()
    if args.json:
        show_json({"gallery": str(args.gallery), "n_photos": len(gallery), "names": counts})
    else:
        show_table(("name", "photos"), list(counts.items()))
        show_lines("", f"{len(gallery):,} photos of {len(counts):,} cars in {args.gallery}.")
    return FINE


def _load(args: argparse.Namespace, *, is_new: bool = False) -> "Gallery":
    load_keras()
    from car_recog.gallery import Gallery
    from car_recog.loading import load_verifier

    verifier = load_verifier(args.bundle)
    return Gallery(verifier) if is_new else Gallery.load(args.gallery, verifier)


def _tell(args: argparse.Namespace, gallery: "Gallery", facts: dict[str, Any], words: str) -> None:
    if args.json:
        show_json({"gallery": str(args.gallery), **facts, "n_photos": len(gallery), "n_names": len(gallery.names)})
    else:
        show_lines(f"{args.gallery}: {words}; now {len(gallery):,} photos of {len(gallery.names):,} cars.")


def _word(value: object) -> object:
    """Word a truth value for people."""
    return ("yes" if value else "no") if isinstance(value, bool) else value
