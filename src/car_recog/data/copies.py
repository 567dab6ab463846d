"""Which photos are copies: the same bytes, under whatever name. Files are opened only where another one has their size."""

import os
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np

from car_recog.data.fingerprints import read_contents
from car_recog.data.samples import ImageDataset
from car_recog.storage import content_hash

_UNKNOWN, _MISSING = -1, -2


def content_keys(*datasets: ImageDataset) -> list[list[Hashable]]:
    """Give each photo a key; among all these datasets copies have the same one. What cannot be read is a copy of nothing but itself."""
    known = _file_keys([sample.path for data in datasets for sample in data.samples if sample.path is not None])
    return [
        [known[sample.path] for sample in data.samples if sample.path is not None] if data.images is None else _array_keys(data.images)
        for data in datasets
    ]


def _array_keys(images: np.ndarray) -> list[Hashable]:
    return [content_hash(np.ascontiguousarray(image).tobytes()) for image in images]


def _file_keys(paths: Sequence[Path]) -> dict[Path, Hashable]:
    sizes = {path: _size(path) for path in dict.fromkeys(paths)}
    n_of_size = Counter(sizes.values())
    alike = [path for path, size in sizes.items() if n_of_size[size] > 1 and size != _MISSING]
    return {path: path for path in sizes} | dict(zip(alike, read_contents(alike), strict=True))


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 -- pathlib takes twice as long
    except OSError:
        return _MISSING


class Copies:
    """Tells which pairs of photos of a dataset are copies, asking for each file once."""

    def __init__(self, images: ImageDataset) -> None:
        self._images = images
        self._sizes = np.full(len(images), _UNKNOWN)

    def among(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Tell the pairs that are copies: bool, shape `(n,)`. `first` and `second` are places of photos, shape `(n,)`."""
        if (arrays := self._images.images) is not None:
            equal = [np.array_equal(arrays[a], arrays[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
            return np.array(equal, bool)
        places = np.unique(np.concatenate([first, second]))
        for place in places[self._sizes[places] == _UNKNOWN].tolist():
            path = self._images[place].path
            self._sizes[place] = _MISSING if path is None else _size(path)
        is_copy: np.ndarray = (self._sizes[first] == self._sizes[second]) & (self._sizes[first] != _MISSING)
        alike = np.flatnonzero(is_copy)
        used = np.unique(np.concatenate([first[alike], second[alike]]))
        keys = dict(zip(used.tolist(), content_keys(self._images.subset(used))[0], strict=True))
        is_copy[alike] = [keys[a] == keys[b] for a, b in zip(first[alike].tolist(), second[alike].tolist(), strict=True)]
        return is_copy
