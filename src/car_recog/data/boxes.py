"""Datasets whose photos are cut to where the car is: boxes from a list, or found by a cropper."""

import json
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import attrs
import numpy as np

from car_recog.data.box_lists import read_boxes, to_box
from car_recog.data.crop import Cropper, get_cropper
from car_recog.data.images import DECODER_VERSION, Box, decode, describe, upright_size
from car_recog.data.lists import raise_faults
from car_recog.data.memo import Memo, State, file_states
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, ImageDecodeError, OptionError, PluginError, listed
from car_recog.progress import progress_bar

_MEMO = f"boxes-1-{DECODER_VERSION}"
_CHUNK = 256


class MissingBoxesWarning(UserWarning):
    """Photos have no box and stay whole."""


def crop_to_boxes(dataset: ImageDataset, source: str | Path | Cropper, *, margin: float = 0.0) -> ImageDataset:
    """Give the photos box and crop; see `ImageDataset.with_boxes`."""
    if not 0 <= margin <= 1:
        raise OptionError(f"margin must lie in [0, 1]; got {margin!r}.")
    if isinstance(source, Path) or (isinstance(source, str) and source.lower().endswith((".csv", ".json"))):
        boxes = _listed_boxes(dataset, Path(source))
    else:
        boxes = _found_boxes(dataset, source)
    if missing := boxes.count(None):
        names = [str(sample.path or f"photo {i}") for i, (sample, box) in enumerate(zip(dataset.samples, boxes, strict=True)) if not box]
        shown = listed(names, limit=5)
        warnings.warn(f"{missing} of {len(boxes)} photos have no box and stay whole:{shown}", MissingBoxesWarning, stacklevel=3)
    samples = [
        attrs.evolve(sample, box=box, crop=box and _grown(box, margin)) for sample, box in zip(dataset.samples, boxes, strict=True)
    ]
    return ImageDataset(samples, dataset.class_names, images=dataset.images)


def _grown(box: Box, margin: float) -> Box:
    """Add a margin. The decoder cuts off what lies beyond the right and the lower edge of the photo."""
    left, top, right, bottom = box
    across, down = round(margin * (right - left)), round(margin * (bottom - top))
    return max(left - across, 0), max(top - down, 0), right + across, bottom + down


def _within(box: Box, size: tuple[int, int]) -> Box:
    """Cut off what lies outside of a photo of `(width, height)` pixels."""
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])
    if left >= right or top >= bottom:
        raise ValueError(f"the box {box} lies outside of a photo of {size[0]}x{size[1]} pixels")
    return left, top, right, bottom


def _listed_boxes(dataset: ImageDataset, path: Path) -> list[Box | None]:
    photos = [sample.path for sample in dataset.samples if sample.path is not None]
    if dataset.images is not None:
        raise DataError("Only photos that are files have names to find boxes by; these are arrays. Give a cropper.")

    def fit(photo: Path, box: Box | None) -> Box | str | None:
        try:
            return box and _within(box, upright_size(photo))
        except ImageDecodeError:  # whoever decodes it will tell
            return None
        except ValueError as error:
            return f"{photo}: {error}"

    boxes = read_boxes(path, photos)
    if not any(boxes):
        raise DataError(f"'{path}' holds no box of any of the {len(photos)} photos. Paths in it must end the paths of photos.")
    with ThreadPoolExecutor() as pool:
        fitted = list(pool.map(fit, photos, boxes))
    faults = [fault for fault in fitted if isinstance(fault, str)]
    raise_faults(faults, f"the boxes of '{path}'", "Give the boxes of these photos, in pixels of the upright photo.")
    return [box for box in fitted if not isinstance(box, str)]


def _found_boxes(dataset: ImageDataset, source: str | Cropper) -> list[Box | None]:
    """Ask a cropper about each photo. What a named cropper with a version found in a file is remembered."""
    cropper = get_cropper(source) if isinstance(source, str) else source
    if not callable(cropper):
        raise OptionError(f"Boxes come from a .csv or .json file, the name of a cropper or a function; got {source!r}.")
    ask = _asking(cropper, str(source) if isinstance(source, str) else getattr(cropper, "__name__", type(cropper).__name__))
    version = getattr(cropper, "version", None) if isinstance(source, str) and dataset.images is None else None
    photos = [sample.path for sample in dataset.samples if sample.path] if dataset.images is None else list(dataset.images)
    found: list[Box | None] = []
    with closing(Memo(_MEMO)) as memo, ThreadPoolExecutor() as pool, progress_bar("looking for cars", len(photos)) as advance:
        for start in range(0, len(photos), _CHUNK):
            chunk = photos[start : start + _CHUNK]
            states = [None] * len(chunk) if version is None else _states(chunk, str(source), version)
            known = memo.find(states)
            missing = [place for place, packed in enumerate(known) if packed is None]
            fresh = dict(zip(missing, pool.map(ask, [chunk[place] for place in missing]), strict=True))
            memo.keep((state, json.dumps(fresh[place]).encode()) for place in missing if (state := states[place]))
            found += [fresh[place] if packed is None else _unpacked(packed) for place, packed in enumerate(known)]
            advance(len(chunk))
    return found


def _asking(cropper: Cropper, name: str) -> "Callable[[Path | np.ndarray], Box | None]":
    """Give a function that asks a cropper about one photo: any threads decode, one at a time asks."""
    lock = threading.Lock()

    def ask(photo: Path | np.ndarray) -> Box | None:
        try:
            pixels = decode(photo)
        except ImageDecodeError:  # whoever decodes it will tell
            return None
        try:
            with lock:
                edges = cropper(pixels)
            return None if edges is None else _within(to_box(edges), (pixels.shape[1], pixels.shape[0]))
        except Exception as error:  # a plug-in is a stranger's code: whatever it raises becomes one named error
            raise PluginError(f"The cropper '{name}' fails on {describe(photo)}: {type(error).__name__}: {error}") from error

    return ask


def _states(photos: "Sequence[Path | np.ndarray]", name: str, version: object) -> list[State | None]:
    """Look at files; what is remembered of them holds for one version of a cropper."""
    states = file_states(photo for photo in photos if isinstance(photo, Path))
    return [
        state and attrs.evolve(state, key=f"{name}\0".encode() + state.key, stamp=f"{state.stamp} {version!r}") for state in states
    ]


def _unpacked(packed: bytes) -> Box | None:
    edges = json.loads(packed)
    return None if edges is None else to_box(edges)
