"""From labels to class ids and class names."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from car_recog.errors import DataError

MAX_CLASSES = 100_000


def number_labels(labels: list[Any], class_names: Sequence[str] | None) -> tuple[list[int], tuple[str, ...]]:
    """Turn names or integers into class ids and class names; see `ImageDataset.from_files`."""
    if all(isinstance(label, int | np.integer) and not isinstance(label, bool) for label in labels):
        top = max(labels, default=-1) + 1
        names = tuple(class_names) if class_names is not None else tuple(map(str, range(min(top, MAX_CLASSES))))
        if wrong := sorted({int(label) for label in labels if not 0 <= label < len(names)}):
            raise DataError(f"Labels must lie in 0 to {len(names) - 1}; got {wrong[:10]}.")
        return [int(label) for label in labels], names
    if not all(isinstance(label, str) for label in labels):
        raise DataError(f"Labels must be all class names or all integers; got {sorted({type(label).__name__ for label in labels})}.")
    names = tuple(class_names) if class_names is not None else tuple(sorted(set(labels)))
    place = {name: i for i, name in enumerate(names)}
    if strangers := sorted(set(labels) - place.keys()):
        raise DataError(f"Unknown classes: {strangers}. Known are: {list(names)}.")
    return [place[label] for label in labels], names
