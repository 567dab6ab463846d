"""Lists of pairs as text: two photos a line, and a label behind them, as CompCars has them."""

import os
from pathlib import Path

import numpy as np

from car_recog.data.lists import MAX_LIST_BYTES
from car_recog.errors import DataError, listed


def read_pairs(path: Path, root: Path, *, form: str | None = None) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Read the pairs of a file: `path1 path2 label` a line, separated by single spaces, or by tabs where names hold spaces.

    Args:
        path: The file. The label is 1 for a genuine pair, else 0.
        root: The folder that the paths start from.
        form: How each path must look, such as `<make>/<model>/<year>/<name>.jpg`. None: anyhow.

    Returns:
        The photos in order of appearance, as paths below the root; places of first and second photos of the pairs among them, shape
        `(n_pairs,)`; and whether the pairs are genuine.

    Raises:
        DataError: No such file, or lines with faults; all are told at once, by line.
    """
    names, pairs, labels = _read(path, root, form, is_labelled=True)
    return names, pairs[:, 0], pairs[:, 1], np.array(labels) == "1"


def read_unlabelled_pairs(path: Path, root: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read pairs that are to be told apart: as `read_pairs`, but lines may lack the label, and a label that is there is not looked at."""
    names, pairs, _ = _read(path, root, None, is_labelled=False)
    return names, pairs[:, 0], pairs[:, 1]


def _read(path: Path, root: Path, form: str | None, *, is_labelled: bool) -> tuple[list[str], np.ndarray, list[str]]:
    if not path.is_file():
        raise DataError(f"No such list of pairs: '{path}'.")
    if path.stat().st_size > MAX_LIST_BYTES:
        raise DataError(f"'{path}' is larger than {MAX_LIST_BYTES // 2**20} MiB; this is no list of pairs.")
    photos = _Photos(root, form)
    place: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    labels: list[str] = []
    faults: list[str] = []
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        for number, line in enumerate(map(str.strip, stream), 1):
            fields = line.split("\t" if "\t" in line else " ")
            if line and (found := _faults_of(fields, photos, is_labelled=is_labelled)):
                faults += [f"line {number}: {fault}" for fault in found]
            elif line:
                first, second = (place.setdefault(photos.names[name], len(place)) for name in fields[:2])
                pairs.append((first, second))
                labels.append(fields[-1])
    if faults:
        count = f"{len(faults)} fault{'s' * (len(faults) > 1)}"
        raise DataError(f"'{path}' does not fit the photos below '{root}'. Name their folder as root. {count}:{listed(faults)}")
    if not pairs:
        raise DataError(f"'{path}' lists no pairs.")
    return list(place), np.array(pairs), labels


def _faults_of(fields: list[str], photos: "_Photos", *, is_labelled: bool) -> list[str]:
    if len(fields) not in ((3,) if is_labelled else (2, 3)) or not all(fields):
        return [f"expected 'path1 path2{' label' * is_labelled}', got {' '.join(fields)[:200]!r}"]
    first, second, label = *fields[:2], fields[-1]
    faults = [fault for name in dict.fromkeys((first, second)) if (fault := photos.fault_of(name))]
    if not is_labelled:
        return faults
    if not faults and photos.names[first] == photos.names[second]:
        faults.append(f"'{first}' is paired with itself")
    return faults if label in ("0", "1") else [*faults, f"the label must be 0 or 1, got '{label}'"]


class _Photos:
    """The photos below a folder. Each folder in it is listed once: asking for each file takes far longer.

    Args:
        root: The folder.
        form: How a path must look; None: anyhow.
    """

    def __init__(self, root: Path, form: str | None) -> None:
        self.root, self.form = root, form
        self.names: dict[str, str] = {}
        """How a name that was found is written shortest: `./a.jpg` is `a.jpg`."""
        self._files: dict[str, set[str]] = {}

    def fault_of(self, name: str) -> str | None:
        """Say what is wrong with a name, if anything."""
        if name in self.names:
            return None
        parts = [part for part in name.split("/") if part not in ("", ".")]  # pathlib takes several times as long
        if name.startswith("/") or ".." in parts:
            return f"'{name}' is not a path below the root"
        if self.form is not None and len(parts) != self.form.count("/") + 1:
            return f"expected {self.form}, got '{name}'"
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
                return {entry.name for entry in entries if entry.is_file()}
        except (OSError, ValueError):  # ValueError: a name that no folder can have
            return set()
