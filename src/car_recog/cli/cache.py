"""`car-recog cache`: what is decoded and embedded already, decode ahead, clear."""

import argparse
from pathlib import Path
from typing import Any

from car_recog.cli.options import add_size_flags, finish_command
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, show_json, show_lines, show_table
from car_recog.cli.sides import is_compcars
from car_recog.data.cache import PhotoCache, clear_cache, list_cache
from car_recog.data.folders import find_photos
from car_recog.data.images import check_resize
from car_recog.embeddings import clear_embeddings, list_embeddings
from car_recog.errors import DataError, ImageDecodeError
from car_recog.progress import progress_bar
from car_recog.storage import CACHE_VARIABLE, cache_folder

_DESCRIPTION = f"Photos are decoded and embedded once. The cache lies in the folder that {CACHE_VARIABLE} names, or in the user's own."


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command and what can be done with the cache."""
    purpose = "list, fill or clear the cache of decoded photos and embeddings"
    parser = commands.add_parser("cache", help=purpose, description=_DESCRIPTION)
    finish_command(parser, run=run_list)
    actions = parser.add_subparsers(title="actions; without one, the cache is listed", metavar="ACTION")
    build = actions.add_parser("build", help="decode photos ahead")
    build.add_argument("data", metavar="DATA", type=Path, help="a CompCars tree (its part photos), or any folder with photos in it")
    add_size_flags(build)
    finish_command(build, run=run_build)
    clear = actions.add_parser("clear", help="remove all decoded photos and embeddings")
    finish_command(clear, run=run_clear)


def run_list(args: argparse.Namespace) -> int:
    """Show what the cache holds."""
    entries = list_cache() + list_embeddings()
    if args.json:
        held = [{"kind": entry.kind, "n_photos": entry.n_photos, "n_bytes": entry.n_bytes} for entry in entries]
        show_json({"folder": str(cache_folder()), "entries": held})
    elif entries:
        show_table(("kind", "photos", "size"), [(entry.kind, entry.n_photos, worded_size(entry.n_bytes)) for entry in entries])
        show_lines("", f"In {cache_folder()}; `car-recog cache clear` removes all.")
    else:
        show_lines(f"The cache in {cache_folder()} is empty.")
    return FINE


def run_build(args: argparse.Namespace) -> int:
    """Decode the photos of a folder into the cache."""
    check_resize(args.resize)
    root = args.data / "data" / "part" if is_compcars(args.data) else args.data
    paths = find_photos(root)
    if not paths:
        raise DataError(f"No photos below '{root}'.")
    size = (args.image_size[0], args.image_size[1])
    with progress_bar("decoding", len(paths)) as advance:
        places = PhotoCache(size, args.resize).place(paths, on_photo=advance)
    broken = [str(place) for place in places if isinstance(place, ImageDecodeError)]
    for error in broken:
        note(f"warning: {error}")
    if args.json:
        show_json({"folder": str(cache_folder()), "n_photos": len(paths) - len(broken), "broken": broken})
    else:
        left_out = f"; {len(broken):,} could not be decoded" if broken else ""
        show_lines(f"{len(paths) - len(broken):,} photos are in the cache at {size[0]} x {size[1]} pixels ({args.resize}){left_out}.")
    return FOUND_PROBLEMS if broken else FINE


def run_clear(args: argparse.Namespace) -> int:
    """Remove everything."""
    freed = clear_cache() + clear_embeddings()
    if args.json:
        show_json({"folder": str(cache_folder()), "n_bytes_freed": freed})
    else:
        show_lines(f"Removed {worded_size(freed)} from {cache_folder()}.")
    return FINE


def worded_size(n_bytes: int) -> str:
    """Word a size for people.

    Example:
        >>> worded_size(0), worded_size(5_250_000), worded_size(3 * 2**30)
        ('0.0 MiB', '5.0 MiB', '3072.0 MiB')
    """
    return f"{n_bytes / 2**20:.1f} MiB"
