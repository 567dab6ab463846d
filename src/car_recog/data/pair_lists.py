"""Lists of pairs as text: two photos a line, and a label behind them, as CompCars has them."""

from pathlib import Path

import numpy as np

from car_recog.data.lists import PhotosBelow, check_list, raise_faults
from car_recog.errors import DataError


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
    check_list(path, "list of pairs")
    photos = PhotosBelow(root, form)
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
    raise_faults(faults, f"'{path}'", f"The photos were looked for below '{root}'; name their folder as root.")
    if not pairs:
        raise DataError(f"'{path}' lists no pairs.")
    return list(place), np.array(pairs), labels


def _faults_of(fields: list[str], photos: PhotosBelow, *, is_labelled: bool) -> list[str]:
    if len(fields) not in ((3,) if is_labelled else (2, 3)) or not all(fields):
        return [f"expected 'path1 path2{' label' * is_labelled}', got {' '.join(fields)[:200]!r}"]
    first, second, label = *fields[:2], fields[-1]
    faults = [fault for name in dict.fromkeys((first, second)) if (fault := photos.fault_of(name))]
    if not is_labelled:
        return faults
    if not faults and photos.names[first] == photos.names[second]:
        faults.append(f"'{first}' is paired with itself")
    return faults if label in ("0", "1") else [*faults, f"the label must be 0 or 1, got '{label}'"]
