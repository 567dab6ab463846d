"""Lists of photos as CSV files: what `car-recog data split` writes and `ImageDataset.from_list` reads."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from car_recog.errors import DataError, listed
from car_recog.storage import atomic_file

if TYPE_CHECKING:
    from car_recog.data.samples import Sample

COLUMNS = ("path", "class_name", "group")
MAX_LIST_BYTES = 64 * 2**20


def write_list(path: Path, samples: Iterable["Sample"], root: Path) -> None:
    """Write paths below `root`, classes and groups of photos; the file is there once all of it is written."""
    with atomic_file(path) as part, part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for sample in samples:
            if sample.path is None:
                raise DataError("Only photos that are files can be listed; these are arrays.")
            writer.writerow([sample.path.relative_to(root).as_posix(), sample.class_name, sample.group or ""])


def read_list(path: Path, root: Path) -> list[tuple[Path, str, str | None]]:
    """Read file, class and group of every photo.

    Raises:
        DataError: No such file, none of these lists, or lines with faults; all are told at once, by line.
    """
    if not path.is_file():
        raise DataError(f"No such list: '{path}'.")
    if path.stat().st_size > MAX_LIST_BYTES:
        raise DataError(f"'{path}' is larger than {MAX_LIST_BYTES // 2**20} MiB; this is no list of photos.")
    photos, faults = [], []
    for where, row in read_rows(path, COLUMNS, "list of photos"):
        if fault := _fault_of(row, root):
            faults.append(f"{where}: {fault}")
        else:
            photos.append((root / row[0], row[1], row[2] or None))
    if faults:
        raise DataError(
            f"'{path}' does not fit the photos below '{root}'. Name their folder as root. {len(faults)} faults:{listed(faults)}"
        )
    if not photos:
        raise DataError(f"'{path}' lists no photos.")
    return photos


def read_rows(path: Path, columns: Sequence[str], what: str) -> Iterator[tuple[str, list[str]]]:
    """Read the rows of a CSV file, each with the line where it ends.

    Args:
        path: The file.
        columns: What its first line must hold.
        what: What it ought to be, for messages.

    Raises:
        DataError: Another first line, or a row that is no CSV.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            if tuple(next(reader, ())) != tuple(columns):
                raise DataError(f"'{path}' is no {what}: its first line must be '{','.join(columns)}'.")
            for row in filter(None, reader):
                yield f"line {reader.line_num}", row
        except csv.Error as error:
            raise DataError(f"'{path}', line {reader.line_num}: {error}.") from error


def _fault_of(row: list[str], root: Path) -> str | None:
    if len(row) != len(COLUMNS):
        return f"expected {len(COLUMNS)} values, got {len(row)}"
    name, class_name, _ = row
    if not name or not class_name:
        return "path or class_name is empty"
    if "\0" in name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        return f"'{name}' is not a path below the root"
    return None if (root / name).is_file() else f"no such photo: '{name}'"
