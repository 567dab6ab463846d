"""Where the car is in a photo: croppers, by name, built in or from plug-ins; and one for plain backgrounds."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageFilter

from car_recog.data.duplicates import join
from car_recog.data.images import Box
from car_recog.errors import PluginError
from car_recog.plugins import PluginTable

Cropper: TypeAlias = Callable[[np.ndarray], Box | None]
"""From an upright photo, uint8 RGB of shape `(height, width, 3)`, to the box of the car; None where there is none to be told."""

GROUP = "car_recog.croppers"

_SIDE = 256
_LEAST_CONTRAST, _MOST_SPREAD = 18, 12
_PLAIN_SHARE = 0.7
_GAP = 0.02
_LEAST_PIECE, _LEAST_SHARE = 0.05, 0.02
_STRAIGHT, _NEARLY_ALL = 0.6, 0.98


class PlainBackground:
    """Finds what stands before a plain background: listing photos on white, cars cut out, simple studios.

    The photo is looked at with a longer side of at most 256 pixels. The median of its border is the colour of the background. Where
    fewer than 70 % of the border are close to it the background is not plain, and there is no answer. What differs from it more than the
    border does is foreground; of that the largest piece counts, and pieces of at least 5 % of it: the wheels of a white car on white hang
    together by nothing. Lettering and logos apart from the car are mostly smaller. Bars around a photo are a plain background, too, unless
    the photo within has their colour itself.
    """

    version = 1
    """Changes whenever the same photo would get another box; boxes are remembered by it."""

    def __call__(self, photo: np.ndarray) -> Box | None:
        """Find the box of the foreground: `(left, top, right, bottom)` in pixels; None where the background is not plain."""
        factor = math.ceil(max(photo.shape[:2]) / _SIDE)
        small = np.asarray(Image.fromarray(photo).reduce(factor)).astype(np.int16)
        border = np.concatenate([small[0], small[-1], small[1:-1, 0], small[1:-1, -1]])
        colour = np.median(border, axis=0)
        spread = np.quantile(np.abs(border - colour).max(axis=1), _PLAIN_SHARE)
        if spread > _MOST_SPREAD:
            return None
        pieces = _main_pieces(np.abs(small - colour).max(axis=2) > _LEAST_CONTRAST + 2 * spread)
        if pieces.mean() < _LEAST_SHARE:
            return None
        (top, bottom), (left, right) = ((int(hit[0]), int(hit[-1]) + 1) for hit in (np.flatnonzero(pieces.any(axis=i)) for i in (1, 0)))
        box = pieces[top:bottom, left:right]
        if _is_torn(box, pieces.shape[1]) or _is_torn(box.T, pieces.shape[0]):
            return None
        height, width = photo.shape[:2]
        return left * factor, top * factor, min(right * factor, width), min(bottom * factor, height)


def _is_torn(box: np.ndarray, width: int) -> bool:
    """Tell whether a photo within bars has lost pixels to them: it reaches from side to side, and one of the other edges is straight."""
    n_straight = int(np.count_nonzero(box[[0, -1]].mean(axis=1) > _STRAIGHT))
    return box.shape[1] >= _NEARLY_ALL * width and n_straight == 1


def _main_pieces(mask: np.ndarray) -> np.ndarray:
    """Keep the largest piece of a mask and those not much smaller; pieces with a small gap between them are one."""
    reach = 2 * round(_GAP * max(mask.shape) / 2) + 1
    grown = np.asarray(Image.fromarray(mask).convert("L").filter(ImageFilter.MaxFilter(reach))) > 0
    numbers = _number_pieces(grown) * mask
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    return np.isin(numbers, np.flatnonzero(sizes >= max(_LEAST_PIECE * sizes.max(), 1)))


def _number_pieces(mask: np.ndarray) -> np.ndarray:
    """Give the pixels of each connected piece a number from 1 on; 0 elsewhere."""
    width = mask.shape[1] + 2
    edges = np.flatnonzero(np.diff(np.pad(mask, ((0, 0), (1, 1))).ravel()))
    starts, ends = edges[::2], edges[1::2]  # of the runs in each row, all rows in one line
    # What a run touches in the next row: the runs that end behind its start and start before its end.
    first = np.searchsorted(ends, starts + width, side="right")
    last = np.searchsorted(starts, ends + width, side="left")
    touching = ((run, other) for run in range(len(starts)) for other in range(first[run], last[run]))
    marks = np.zeros(mask.size + 2 * len(mask), int)
    for number, start, end in zip(join(len(starts), touching), starts, ends, strict=True):
        marks[start + 1 : end + 1] = number + 1
    return marks.reshape(len(mask), width)[:, 1:-1]


def _accept_plugin(_: str, loaded: object) -> Cropper:
    if not callable(loaded):
        raise PluginError(f"expected a function of a photo, got {type(loaded).__name__}")
    return loaded


_TABLE: PluginTable[Cropper] = PluginTable(GROUP, noun="cropper", listing="`list_croppers()`", accept=_accept_plugin)


def register_cropper(name: str, cropper: Cropper, *, owner: str = "this program") -> None:
    """Add a cropper to the table for the life of this process. Packages use the entry-point group instead.

    Args:
        name: What it is asked for by.
        cropper: From a photo to a box; called by one thread at a time. One with an attribute `version` is asked once for each file: its
            boxes are remembered until name, version or file change.
        owner: Who adds it, for the message when two claim one name.

    Raises:
        PluginError: The name is taken; the message names both sides.
    """
    _TABLE.register(name, cropper, owner=owner)


def get_cropper(name: str) -> Cropper:
    """Look a cropper up by its name.

    Raises:
        UnknownNameError: Nobody offers it; the message suggests the nearest name.
        PluginError: The plug-in that offers it is broken, or two packages claim the name.

    Example:
        >>> photo = np.full((60, 80, 3), 255, np.uint8)
        >>> photo[20:50, 10:70] = 40
        >>> get_cropper("plain_background")(photo)
        (10, 20, 70, 50)
    """
    return _TABLE.get(name)


def list_croppers() -> list[str]:
    """List the names of all croppers, built in or from plug-ins, without importing any plug-in.

    Example:
        >>> "plain_background" in list_croppers()
        True
    """
    return _TABLE.names()


register_cropper("plain_background", PlainBackground(), owner="car-recog")
