"""Lists of photos as CSV files: what `car-recog data split` writes and `ImageDataset.from_list` reads; and what all lists share."""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from car_recog.errors import DataError, listed
from car_recog.storage import atomic_file, is_a

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
    check_list(path, "list of photos")
    photos, faults, below = [], [], PhotosBelow(root)
    for where, row in read_rows(path, COLUMNS, "list of photos"):
        if fault := _fault_of(row, below):
            faults.append(f"{where}: {fault}")
        else:
            photos.append((root / row[0], row[1], row[2] or None))
    raise_faults(faults, f"'{path}'", f"The photos were looked for below '{root}'; name their folder as root.")
    if not photos:
        raise DataError(f"'{path}' lists no photos.")
    return photos


def check_list(path: Path, what: str) -> None:
    """Raise unless a file is there and of a size that lists have; `what` it ought to be is for the message."""
    if not path.is_file():
        raise DataError(f"No such {what}: '{path}'.")
    if path.stat().st_size > MAX_LIST_BYTES:
        raise DataError(f"'{path}' is larger than {MAX_LIST_BYTES // 2**20} MiB, too large for a {what}. Keep only what your photos need.")


def raise_faults(faults: Sequence[str], where: str, advice: str) -> None:
    """Report all faults of a list, if any, in one error."""
    if faults:
        raise DataError(f"{len(faults)} fault{'s' * (len(faults) > 1)} in {where}:{listed(faults)}\n{advice}")


def read_rows(path: Path, columns: Sequence[str], what: str) -> Iterator[tuple[str, list[str]]]:
    """Read the rows below the line of columns of a CSV file, each with the line where it ends; `what` it ought to be is for messages.

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


def _fault_of(row: list[str], photos: "PhotosBelow") -> str | None:
    if len(row) != len(COLUMNS):
        return f"expected {len(COLUMNS)} values, got {len(row)}"
    name, class_name, _ = row
    if not name or not class_name:
        return "path or class_name is empty"
    return photos.fault_of(name)


class PhotosBelow:
    """The photos that lists name below a folder. Each folder in it is listed once: asking for each file takes far longer.

    Args:
        root: The folder.
        form: How a path must look, such as `<make>/<model>/<year>/<name>.jpg`. None: anyhow.
    """

    def __init__(self, root: Path, form: str | None = None) -> None:
        self.root, self.form = root, form
        self.names: dict[str, str] = {}
        """How a name that was found is written shortest: `./a.jpg` is `a.jpg`."""
        self._files: dict[str, set[str]] = {}

    def fault_of(self, name: str) -> str | None:
        """Say what is wrong with a name, if anything."""
        if name in self.names:
            return None
        parts = [part for part in name.split("/") if part not in ("", ".")]  # pathlib takes several times as long
        if self.form is not None and len(parts) != self.form.count("/") + 1:
            return f"expected {self.form}, got '{name}'"
        if name.startswith("/") or ".." in parts:
            return f"'{name}' is not a path below the root"
        shortest = "/".join(parts)
        folder, _, file = shortest.rpartition("/")
        if folder not in self._files:
            self._files[folder] = self._list(folder)
        if file not in self._files[folder]:
            return f"no such photo: '{name}'"
        self.names[name] = shortest
        return None

    def _list(self, folder: str) -> set[str]:
        try:
            with os.scandir(f"{self.root}/{folder}") as entries:
                return {entry.name for entry in entries if is_a("file", entry)}
        except (OSError, ValueError):  # ValueError: a name that no folder can have
            return set()
