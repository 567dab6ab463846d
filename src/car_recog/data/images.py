"""The one decoder of training, evaluation and serving: a photo of any kind -> upright uint8 RGB."""

import math
import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError, features

from car_recog.errors import ImageDecodeError, OptionError

Photo: TypeAlias = "str | Path | bytes | np.ndarray | Image.Image"
"""A file, its bytes, an array or a Pillow image."""

Box: TypeAlias = tuple[int, int, int, int]
"""`(left, top, right, bottom)` in pixels of the upright photo, right and bottom outside."""

_Part: TypeAlias = tuple[float, float, float, float]
"""Such a box whose edges may lie within pixels."""

DECODER_VERSION = 2
"""Part of every cache key and of every bundle: changes whenever the same file would give other pixels."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF") + (("AVIF",) if features.check("avif") else ())
RESIZE_MODES = ("stretch", "letterbox", "center_crop")
MAX_PIXELS = 100_000_000
MAX_SIDE = 30_000
MAX_FILE_BYTES = 256 * 2**20

_PILLOW_FILTER = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_GREY_BARS = (128, 128, 128)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED_OVER = tuple(_TURNS[orientation] for orientation in (5, 6, 7, 8))  # width becomes height
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def decode(
    photo: Photo, *, image_size: tuple[int, int] | None = None, resize: str = "stretch", crop: Box | None = None
) -> np.ndarray:
    """Decode a photo to upright RGB.

    The EXIF orientation is applied; grey, palette and CMYK become RGB, 16 bits are scaled to 8, transparent places are laid on
    white, and of an animation the first frame counts. The format is told by content, never by the file name. A Pillow image counts
    as it stands and is left as it is.

    Args:
        photo: Path, bytes, Pillow image, or array: uint8 of shape `(h, w)`, `(h, w, 1)`, `(h, w, 3)` or `(h, w, 4)`.
        image_size: `(height, width)` in pixels; None keeps the size of the photo. A JPEG at least twice as large is shrunk by its
            decoder first, so an array of its pixels gives slightly other ones.
        resize: `"stretch"` changes the aspect, `"letterbox"` pads with grey, `"center_crop"` cuts the longer side; antialiased.
        crop: The part that is used, cut out before all else. What lies outside the photo does not count; where nothing is left of
            it, the whole photo is used.

    Returns:
        uint8, shape `(height, width, 3)`.

    Raises:
        ImageDecodeError: Not a photo of a known format, broken, truncated, or too large; file and reason are named.
        OptionError: An unknown resize mode.

    Example:
        >>> decode(np.zeros((40, 60), np.uint8), image_size=(20, 20)).shape
        (20, 20, 3)
    """
    check_resize(resize)
    if isinstance(photo, np.ndarray) and photo.dtype == np.uint8 and image_size and photo.shape == (*image_size, 3) and crop is None:
        return photo.copy()
    _quieten_pillow()
    part = None
    try:
        image = _open(photo)
        if image_size is not None and image.format == "JPEG":
            part = _shrink_ahead(image, image_size, crop)
        image = _to_upright_rgb(image)
    except ImageDecodeError:
        raise
    except Exception as error:  # Pillow's readers meet a broken file with errors of almost any kind
        raise ImageDecodeError(f"Cannot decode {describe(photo)}: {_reason(error)}") from error
    left, top, right, bottom = part or _find_part(image.size, crop)
    whole = (math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
    if whole != (0, 0, *image.size):
        image = image.crop(whole)
    if image_size is not None:
        image = _resize(image, image_size, resize, box=(left - whole[0], top - whole[1], right - whole[0], bottom - whole[1]))
    return np.array(image)


def upright_size(photo: Photo) -> tuple[int, int]:
    """Read the `(width, height)` of a photo as `decode` gives it; no pixel is decoded.

    Raises:
        ImageDecodeError: Not a photo of a known format, broken, or too large.
    """
    _quieten_pillow()
    try:
        image = _open(photo)
    except ImageDecodeError:
        raise
    except Exception as error:  # as in `decode`
        raise ImageDecodeError(f"Cannot decode {describe(photo)}: {_reason(error)}") from error
    return image.size[::-1] if _find_turn(image) in _TURNED_OVER else image.size


def check_resize(resize: str) -> None:
    """Raise unless the resize mode is known."""
    if resize not in RESIZE_MODES:
        raise OptionError(f"resize must be one of {', '.join(map(repr, RESIZE_MODES))}; got {resize!r}.")


def check_image_size(image_size: tuple[int, int]) -> None:
    """Raise unless a size is two whole numbers from 1 on."""
    is_pair = isinstance(image_size, tuple | list) and len(image_size) == 2
    if not is_pair or not all(isinstance(side, int | np.integer) and 1 <= side <= MAX_SIDE for side in image_size):
        raise OptionError(f"image_size must be (height, width), two integers from 1 to {MAX_SIDE}; got {image_size!r}.")


def describe(photo: object) -> str:
    """Name a photo in a message."""
    if isinstance(photo, str | Path):
        return f"'{photo}'"
    if isinstance(photo, bytes):
        return f"a photo of {len(photo)} bytes"
    if isinstance(photo, np.ndarray):
        return f"an array of shape {photo.shape} and type {photo.dtype}"
    return f"a {type(photo).__name__}"


def _quieten_pillow() -> None:
    """Silence Pillow's warnings of odd metadata; what matters raises.

    `warnings.catch_warnings` is no way to do it: two threads that leave it in another order than they entered silence the process.
    """
    if _PILLOW_FILTER not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW_FILTER[3].pattern)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"it is no readable {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file. Convert it to one of these."
    if isinstance(error, Image.DecompressionBombError):
        return f"{error} Shrink it first."
    if isinstance(error, FileNotFoundError):
        return "no such file."
    return f"{error or type(error).__name__}. The file is broken or truncated; fetch it again."


def _open(photo: Photo) -> Image.Image:
    """Read the header and refuse what is too large before any pixel is decoded."""
    if isinstance(photo, np.ndarray):
        return _from_array(photo)
    if isinstance(photo, Image.Image):
        image = photo
    else:
        raw = read_file(Path(photo)) if isinstance(photo, str | Path) else photo
        if not isinstance(raw, bytes | bytearray | memoryview):
            raise ImageDecodeError(f"Cannot decode {describe(photo)}: expected a path, bytes, an array or a Pillow image.")
        if not len(raw):
            raise ImageDecodeError(f"Cannot decode {describe(photo)}: it is empty.")
        image = Image.open(BytesIO(raw), formats=FORMATS)
    width, height = image.size
    if min(width, height) < 1 or max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageDecodeError(
            f"Cannot decode {describe(photo)}: it measures {width}x{height} pixels; at least 1x1, at most {MAX_SIDE} a side and "
            f"{MAX_PIXELS // 10**6} megapixels are taken. Shrink it first."
        )
    return image.copy() if isinstance(photo, Image.Image) else image


def read_file(path: Path) -> bytes:
    """Read a file of at most 256 MiB."""
    if path.is_dir():
        raise ImageDecodeError(f"Cannot decode '{path}': it is a folder.")
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise ImageDecodeError(f"Cannot decode '{path}': it is larger than {MAX_FILE_BYTES // 2**20} MiB. Shrink it first.")
    return raw


def _from_array(array: np.ndarray) -> Image.Image:
    shape = array.shape[:-1] if array.ndim == 3 and array.shape[-1] == 1 else array.shape
    is_picture = len(shape) == 2 or (len(shape) == 3 and shape[-1] in (3, 4))
    if array.dtype != np.uint8 or not is_picture or 0 in shape:
        raise ImageDecodeError(f"Expected an array of uint8 in [0, 255], shape (h, w), (h, w, 3) or (h, w, 4); got {describe(array)}.")
    return Image.fromarray(np.ascontiguousarray(array.reshape(shape)))


def _shrink_ahead(image: Image.Image, image_size: tuple[int, int], crop: Box | None) -> _Part | None:
    """Let a JPEG be decoded at a half, a quarter or an eighth of its size; what is used keeps the wanted size in both directions.

    Returns:
        What is used, in pixels of the shrunk photo; None where it is not shrunk.
    """
    left, top, right, bottom = _find_part(image.size[::-1] if _find_turn(image) in _TURNED_OVER else image.size, crop)
    room = min((right - left) // image_size[1], (bottom - top) // image_size[0])
    factor = next((factor for factor in (8, 4, 2) if factor <= room), None)
    if factor is None or not image.draft(None, (image.width // factor, image.height // factor)):
        return None
    return left / factor, top / factor, right / factor, bottom / factor


def _find_part(size: tuple[int, int], crop: Box | None) -> Box:
    """Cut a box off at the edges of a photo; the whole photo where there is none, or nothing is left."""
    left, top, right, bottom = (0, 0, *size) if crop is None else crop
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
    return (left, top, right, bottom) if left < right and top < bottom else (0, 0, *size)


def _to_upright_rgb(image: Image.Image) -> Image.Image:
    image.seek(0)
    image.load()
    if (turn := _find_turn(image)) is not None:
        # `ImageOps.exif_transpose` also writes all other tags anew, which fails where one is odd and would leave the photo lying.
        image = image.transpose(turn)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in _SIXTEEN_BITS:
        # To [0, 255]; Pillow's own conversion would clip at 255.
        values = np.clip(np.asarray(image).astype(np.float64), 0, 65535)
        return Image.fromarray(np.round(values / 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ImageDecodeError("Cannot decode a photo with float pixels: their range is not known. Save it with 8 or 16 bits.")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _find_turn(image: Image.Image) -> Image.Transpose | None:
    """Tell how the EXIF orientation turns a photo; metadata that cannot be read turns nothing."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # whatever is wrong with the metadata of a stranger's file, its pixels are good
        return None


def _resize(image: Image.Image, image_size: tuple[int, int], resize: str, *, box: _Part) -> Image.Image:
    """Fit what lies in a box. Pillow's `ImageOps` fits whole pixels only: the last row of a shrunk photo may be half a row."""
    left, top, right, bottom = box
    width, height = inner = size = (image_size[1], image_size[0])
    scales = (right - left) / width, (bottom - top) / height
    if resize == "letterbox":
        inner = (max(round((right - left) / max(scales)), 1), max(round((bottom - top) / max(scales)), 1))
    elif resize == "center_crop":
        across, down = (right - left - min(scales) * width) / 2, (bottom - top - min(scales) * height) / 2
        box = (max(left + across, 0), max(top + down, 0), min(right - across, image.width), min(bottom - down, image.height))
    fitted = image.resize(inner, Image.Resampling.BILINEAR, box=box)
    if inner == size:
        return fitted
    framed = Image.new("RGB", size, _GREY_BARS)
    framed.paste(fitted, (round((width - inner[0]) / 2), round((height - inner[1]) / 2)))
    return framed
