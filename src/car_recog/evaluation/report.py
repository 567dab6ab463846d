"""What all reports share: how they are written, and what their pages tell beside the figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.evaluation.sheets import Tile
from car_recog.storage import write_text

ASIDE = {"in_json": False}
"""Metadata of the fields that are not part of the JSON."""


@attrs.frozen
class Report:
    """What all reports have in common: they can be written as JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON. Infinity, such as the threshold that rejects everything, is the text `inf`."""
        return attrs.asdict(self, filter=lambda field, _: field.metadata.get("in_json", True), value_serializer=_plain)

    def to_json(self, path: str | Path | None = None) -> str:
        """Give the report as JSON text, and write it to a file where one is named."""
        return write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False), path)


def _plain(_: object, __: object, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value) if value == np.inf else value


@attrs.frozen(kw_only=True)
class Background:
    """What a page tells beside the figures: what was judged and how it came to be.

    Args:
        title: What was judged, such as `PartClassifier: 12 classes`.
        date: ISO date of the judging.
        facts: Sentences by heading.
        class_counts: Training photos by class.
        history: Columns of the training by name, as `History.history` gives them; None where they are not known.
        photos: A few photos, each with its class.
        photos_from: Where they come from, such as `the training`.
    """

    title: str
    date: str
    facts: Mapping[str, Sequence[str]]
    class_counts: Mapping[str, int]
    history: Mapping[str, Sequence[Any]] | None
    photos: Sequence[Tile]
    photos_from: str
