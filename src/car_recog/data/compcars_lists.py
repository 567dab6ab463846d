"""Reads the folders, lists and labels of CompCars; whatever is wrong in them is told in one error."""

import os
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from car_recog.data.folders import PHOTO_SUFFIXES
from car_recog.data.lists import PhotosBelow, check_list, raise_faults
from car_recog.errors import DataError
from car_recog.storage import is_a

VIEWPOINTS = {-1: "uncertain", 1: "front", 2: "rear", 3: "side", 4: "front-side", 5: "rear-side"}
"""Where a car is seen from, by CompCars' numbers."""

_LABEL_BYTES = 256  # a genuine label has less than 32

Label = tuple[str | None, tuple[int, int, int, int] | None]
"""Viewpoint and box of a photo, where known."""


def walk(root: Path, form: str, *, innermost: Container[str] | None = None) -> list[str]:
    """List the photos below a folder as `78/1/2013/x.jpg`, ordered by name. Links are followed, hidden files left out.

    Args:
        root: The folder.
        form: How a photo lies below it, such as `<make>/<model>/<year>/<name>.jpg`.
        innermost: What the folder of a photo may be called; others are left alone. None: anything.

    Raises:
        DataError: There are none.
    """
    folders = [""] if root.is_dir() else []
    for _ in range(form.count("/")):
        folders = [f"{folder}{name}/" for folder in folders for name in _names(root, folder, "folder")]
    folders = [folder for folder in folders if innermost is None or folder.split("/")[-2] in innermost]
    places = [f"{folder}{name}" for folder in folders for name in _names(root, folder, "file")]
    if photos := [place for place in places if place.lower().endswith(PHOTO_SUFFIXES)]:
        return photos
    raise DataError(f"No photos below '{root}'. Expected {form}.")


def _names(root: Path, folder: str, kind: str) -> list[str]:
    with os.scandir(f"{root}/{folder}") as entries:
        wanted = (entry.name for entry in entries if is_a(kind, entry))
        return sorted(name for name in wanted if not name.startswith("."))


def read_places(lists: Mapping[Path, int | None], root: Path, form: str) -> list[str]:
    """Read lists of photos below a folder.

    Args:
        lists: The files; of each the only part its photos may be of, or None.
        root: Where the photos lie.
        form: How a line looks: see `walk`.

    Raises:
        DataError: A list cannot be read, or lines are ill-formed, name missing photos or another part: with list file and line.
    """
    places: list[str] = []
    faults: list[str] = []
    photos = PhotosBelow(root, form)
    for list_file, part in lists.items():
        for number, line in read_lines(list_file):
            fault = photos.fault_of(line)
            if not fault and part is not None and (told := photos.names[line].split("/")[-2]) != str(part):
                fault = f"'{line}' is of part {told}, the list of part {part}"
            if fault:
                faults.append(f"{list_file.name}, line {number}: {fault}")
            else:
                places.append(photos.names[line])
    advice = "Restore them or correct the lists; split=None (`--split random`) takes what is on disk."
    raise_faults(faults, f"the lists for '{root}'", advice)
    return places


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Read the non-empty lines of a text file with their line numbers."""
    check_list(path, "list of the official CompCars download")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read the list '{path}': {error}. Restore it from the official CompCars download.") from error
    return [(i, line.strip()) for i, line in enumerate(text.splitlines(), 1) if line.strip()]


def read_labels(root: Path, places: Sequence[str]) -> list[Label]:
    """Read viewpoint and box of photos; both are None where there is no label file.

    A box on disk counts from 1 and includes its last row and column. The ten genuine ones that enclose nothing become None.

    Raises:
        DataError: Label files that hold something else; the files are named.
    """
    labels: list[Label] = []
    faults: list[str] = []
    for place in places:
        name, raw = f"{place.rpartition('.')[0]}.txt", b""
        try:
            raw = _read_start(f"{root}/{name}")
            labels.append(_parse_label(raw))
        except FileNotFoundError:
            labels.append((None, None))
        except OSError as error:
            faults.append(f"{name}: {error.strerror}")
        except (ValueError, KeyError):
            faults.append(f"{name}: {raw[:40]!r}")
    advice = "Expected three lines: viewpoint (-1 or 1 to 5), number of boxes (1), x1 y1 x2 y2. Restore the files or remove them."
    raise_faults(faults, f"the labels below '{root}'", advice)
    return labels


def _read_start(path: str) -> bytes:
    """Read a small file without Path, file object or decoding: with 136,726 of them each microsecond counts."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.read(handle, _LABEL_BYTES)
    finally:
        os.close(handle)


def _parse_label(raw: bytes) -> Label:
    viewpoint, n_boxes, x1, y1, x2, y2 = map(int, raw.split())
    if n_boxes != 1:
        raise ValueError(n_boxes)
    has_area = x2 > max(x1, 0) and y2 > max(y1, 0)
    return VIEWPOINTS[viewpoint], (max(x1 - 1, 0), max(y1 - 1, 0), x2, y2) if has_area else None
