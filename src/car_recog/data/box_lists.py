"""Lists of boxes: a CSV file with the columns path, left, top, right, bottom, or COCO JSON."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from car_recog.data.images import MAX_SIDE, Box
from car_recog.data.lists import check_list, raise_faults, read_rows
from car_recog.errors import DataError

COLUMNS = ("path", "left", "top", "right", "bottom")

_Entry: TypeAlias = tuple[str, str, Any]
"""Where it stands in the list, the photo, and what is said of its box."""


def read_boxes(path: Path, photos: Sequence[Path]) -> list[Box | None]:
    """Find the box of each photo in a list; of several the largest.

    A photo is the one whose path ends with the path in the list. Photos that are listed only are ignored.

    Raises:
        DataError: No such list, no list of boxes, or entries with faults; all are told at once.
    """
    check_list(path, "list of boxes")
    read, edges_of = (_read_csv, _edges_of_row) if path.suffix.lower() == ".csv" else (_read_coco, _edges_of_note)
    found: list[Box | None] = [None] * len(photos)
    places, faults = _Places(photos), []
    for where, name, said in read(path):
        try:
            box = to_box(edges_of(said))
            for place in places.of(name):
                found[place] = max(found[place] or box, box, key=_area)
        except ValueError as error:
            faults.append(f"{where}: {error}")
    raise_faults(faults, f"the boxes of '{path}'", "Correct them, or leave them out: photos without a box stay whole.")
    return found


def to_box(edges: Sequence[Any]) -> Box:
    """Make a box of whole pixels of four numbers, grown to whole ones.

    Raises:
        ValueError: Not four numbers, no finite ones, too large ones, or nothing between them.
    """
    if len(edges) != 4:
        raise ValueError(f"expected four numbers, got {len(edges)}")
    left, top, right, bottom = edges
    if not all(-MAX_SIDE <= edge <= MAX_SIDE for edge in edges):  # no number at all is not either
        raise ValueError(f"edges must lie within {MAX_SIDE} pixels, got {str(list(edges))[:80]}")
    if not (left < right and top < bottom):
        raise ValueError(f"the box is empty: left {left}, top {top}, right {right}, bottom {bottom}")
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


class _Places:
    """The places of photos by how their paths end."""

    def __init__(self, photos: Sequence[Path]) -> None:
        self._parts = [photo.absolute().parts for photo in photos]
        self._deepest = max(map(len, self._parts), default=0)
        self._by_end: dict[int, dict[tuple[str, ...], list[int]]] = {}

    def of(self, name: str) -> list[int]:
        """Find a photo, once for each time that the dataset holds it."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not 0 < (depth := len(parts)) <= self._deepest:
            return []
        if depth not in self._by_end:
            self._by_end[depth] = defaultdict(list)
            for place, whole in enumerate(self._parts):
                self._by_end[depth][whole[-depth:]].append(place)
        places = self._by_end[depth].get(parts, [])
        if len({self._parts[place] for place in places}) > 1:
            raise ValueError(f"'{name}' may be any of {len(places)} photos; write more of its path")
        return places


def _read_csv(path: Path) -> Iterator[_Entry]:
    for where, (name, *edges) in read_rows(path, COLUMNS, "list of boxes"):
        yield where, name, edges


def _read_coco(path: Path) -> Iterator[_Entry]:
    try:
        content = json.loads(path.read_bytes())
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        boxes = [(names[note["image_id"]], note["bbox"]) for note in content["annotations"]]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise DataError(
            f"'{path}' is no COCO file: expected 'images' with id and file_name, and 'annotations' with image_id and bbox; "
            f"{type(error).__name__}: {error}."
        ) from error
    for number, (name, box) in enumerate(boxes):
        yield f"annotation {number}", name, box


def _edges_of_row(row: list[str]) -> Sequence[float]:
    return [float(edge) for edge in row]


def _edges_of_note(box: Any) -> Sequence[float]:
    """Turn left, top, width and height into edges."""
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(value, int | float) for value in box):
        raise ValueError(f"bbox must hold left, top, width and height, got {str(box)[:80]}")
    left, top, width, height = box
    return left, top, left + width, top + height
