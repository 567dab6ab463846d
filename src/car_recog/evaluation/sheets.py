"""Sheets of photos with a few lines under each."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from PIL import Image, ImageDraw, ImageOps

from car_recog.evaluation.plots import sheet_font
from car_recog.storage import atomic_file

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

N_LABELLED = 48
_MOST_OF_A_CLASS = 8
_SIDE = 160
_GAP = 12
_SEAM = 4
_FONT_SIZE = 13
_LINE = 18


@attrs.frozen
class Tile:
    """A photo on a sheet.

    Args:
        photo: uint8 RGB, shape `(height, width, 3)`; None leaves its place empty.
        lines: What stands under it.
    """

    photo: np.ndarray | None = attrs.field(eq=False, repr=False)
    lines: tuple[str, ...]


def choose_labelled(labels: np.ndarray, *, seed: int) -> np.ndarray:
    """Choose photos for a look at the labels: the same number of each class, 48 in all; of more than 48 classes one photo of 48.

    Gives places among the class ids `(n,)`, class by class.

    Example:
        >>> choose_labelled(np.array([1, 0, 1]), seed=0).tolist()
        [1, 0, 2]
    """
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    if len(classes) > N_LABELLED:
        classes = np.sort(rng.choice(classes, N_LABELLED, replace=False))
    n_each = min(N_LABELLED // len(classes), _MOST_OF_A_CLASS)
    chosen = [rng.permutation(np.flatnonzero(labels == class_id))[:n_each] for class_id in classes]
    return np.concatenate([np.sort(places) for places in chosen])


def shrink(photo: np.ndarray) -> np.ndarray:
    """Make a photo fit a tile; smaller ones stay as they are."""
    image = Image.fromarray(photo)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    return np.array(image)


def abreast(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Put two photos of one height side by side."""
    line = np.full((len(first), _SEAM, 3), 255, np.uint8)
    return np.concatenate([first, line, second], axis=1)


def to_jpeg(photo: np.ndarray) -> bytes:
    """Write a photo as the bytes of a JPEG file."""
    buffer = BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def save_sheet(tiles: Sequence[Tile], path: Path, *, n_abreast: int = 1) -> Path:
    """Draw photos in rows, each with its lines under it, to a PNG file. Lines that are too long for their photo are cut.

    In each tile `n_abreast` photos stand side by side; see `abreast`.

    Raises:
        OptionError: Matplotlib is not installed.
    """
    font = sheet_font(_FONT_SIZE)
    side = n_abreast * _SIDE
    n_columns = min(max(len(tiles), 1), 8 // n_abreast)
    n_rows = -(-len(tiles) // n_columns)
    n_lines = max((len(tile.lines) for tile in tiles), default=0)
    images = [None if tile.photo is None else ImageOps.contain(Image.fromarray(tile.photo), (side, side)) for tile in tiles]
    tallest = max((image.height for image in images if image), default=0)
    width, height = side + _GAP, tallest + n_lines * _LINE + _GAP
    sheet = Image.new("RGB", (n_columns * width + _GAP, n_rows * height + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (tile, image) in enumerate(zip(tiles, images, strict=True)):
        left, top = _GAP + number % n_columns * width, _GAP + number // n_columns * height
        if image:
            sheet.paste(image, (left, top + tallest - image.height))
        for row, line in enumerate(tile.lines):
            draw.text((left, top + tallest + 2 + row * _LINE), fit_line(line, font, side), fill="black", font=font)
    with atomic_file(path) as part:
        sheet.save(part, "PNG")
    return path


def fit_line(line: str, font: "FreeTypeFont", width: int) -> str:
    """Cut a line in its middle to a width in pixels; names often differ at their ends."""
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    shown, n_letters = line, len(line)
    while n_letters and font.getlength(shown) > width:
        n_letters -= 1
        shown = f"{line[: -(-n_letters // 2)]}…{line[len(line) - n_letters // 2 :]}"
    return shown
