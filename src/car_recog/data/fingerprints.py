"""What is known of one photo: its content, its kind, and how it looks in small. Files are read once and remembered."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path

import attrs
import numpy as np
from PIL import Image

from car_recog.data.images import DECODER_VERSION, FORMATS, decode, describe, read_file
from car_recog.data.memo import Memo, file_states
from car_recog.errors import ImageDecodeError
from car_recog.storage import content_hash

GREY_SIDE = 27
COLOUR_SIDE = 9
LOOK_BYTES = GREY_SIDE**2 + 2 * COLOUR_SIDE**2

MEMO = f"fingerprints-1-{DECODER_VERSION}"
_CONTENT_BYTES = 16
_CHUNK = 512
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_COLOURS = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


@attrs.frozen
class Fingerprint:
    """What is known of one photo.

    Args:
        content: Hash of the bytes; of an array, of its pixels. Empty where the file cannot be read.
        fault: Why it cannot be decoded; None where it can.
        format: Such as `"JPEG"`; empty for arrays and broken files.
        size: `(width, height)` in pixels, as stored.
        oddities: Any of `"16 bits"`, `"CMYK"`, `"transparent"`, `"animated"`.
        look: The photo in small, `LOOK_BYTES` long: grey in rows of `GREY_SIDE`, then two colour differences in rows of
            `COLOUR_SIDE`. Empty for broken files.
    """

    content: bytes
    fault: str | None = None
    format: str = ""
    size: tuple[int, int] = (0, 0)
    oddities: tuple[str, ...] = ()
    look: bytes = b""


def read_fingerprints(paths: Sequence[Path], *, on_photo: Callable[[int], object] | None = None) -> list[Fingerprint]:
    """Fingerprint files by several threads; that of a broken file says why.

    Args:
        paths: The files.
        on_photo: Called with the number of photos done after each piece of work.
    """
    return _recall(paths, _read, on_photo)


def read_contents(paths: Sequence[Path]) -> list[bytes | ImageDecodeError]:
    """Give the hash of the bytes of each file, or the error of one that cannot be read, by several threads."""
    return [
        found.content or ImageDecodeError(f"Cannot decode '{path}': {found.fault}")
        for path, found in zip(paths, _recall(paths, _read_content), strict=True)
    ]


def fingerprint_array(image: np.ndarray) -> Fingerprint:
    """Fingerprint a photo that is an array, uint8 of shape `(height, width, 3)`."""
    return Fingerprint(array_content(image), size=(image.shape[1], image.shape[0]), look=_look(image))


def array_content(image: np.ndarray) -> bytes:
    """Hash shape and pixels of an array."""
    return content_hash(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes())


def _recall(
    paths: Sequence[Path], read: Callable[[Path], Fingerprint], on_photo: Callable[[int], object] | None = None
) -> list[Fingerprint]:
    """Give what is remembered of each file; files of which too little is are read and remembered."""
    found: list[Fingerprint] = []
    with closing(Memo(MEMO)) as memo, ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), _CHUNK):
            chunk = paths[start : start + _CHUNK]
            states = list(file_states(chunk))
            known = [_unpack(packed) for packed in memo.find(states)]
            if read is _read:  # a hash alone is not enough
                known = [facts if facts and (facts.look or facts.fault) else None for facts in known]
            missing = [place for place, facts in enumerate(known) if facts is None]
            fresh = dict(zip(missing, pool.map(read, [chunk[place] for place in missing]), strict=True))
            memo.keep((state, _pack(fresh[place])) for place in missing if (state := states[place]) and fresh[place].content)
            found += [facts or fresh[place] for place, facts in enumerate(known)]
            if on_photo:
                on_photo(len(chunk))
    return found


def _read_content(path: Path) -> Fingerprint:
    return _hashed(path)[0]


def _read(path: Path) -> Fingerprint:
    known, raw = _hashed(path)
    if known.fault:
        return known
    try:
        look = _look(raw)
    except ImageDecodeError as error:
        return attrs.evolve(known, fault=_reason(error, raw))
    with Image.open(BytesIO(raw), formats=FORMATS) as image:
        return attrs.evolve(known, format=image.format or "", size=image.size, oddities=_oddities(image), look=look)


def _hashed(path: Path) -> tuple[Fingerprint, bytes]:
    try:
        raw = read_file(path)
    except ImageDecodeError as error:
        return Fingerprint(b"", fault=_reason(error, path)), b""
    except OSError as error:
        return Fingerprint(b"", fault=f"{error.strerror or error}."), b""
    return Fingerprint(content_hash(raw)), raw


def _reason(error: ImageDecodeError, photo: object) -> str:
    """Take the name of the photo out of a message, as the same facts may be told under another one."""
    return str(error).removeprefix(f"Cannot decode {describe(photo)}: ")


def _look(photo: bytes | np.ndarray) -> bytes:
    # In two steps, as a JPEG that its own decoder shrinks to the last pixel differs too much from a copy of another size.
    twice = decode(photo, image_size=(2 * GREY_SIDE, 2 * GREY_SIDE))
    pixels = decode(twice, image_size=(GREY_SIDE, GREY_SIDE)).astype(np.float32)
    cell = GREY_SIDE // COLOUR_SIDE
    cells = pixels.reshape(COLOUR_SIDE, cell, COLOUR_SIDE, cell, 3).mean(axis=(1, 3))
    grey, colours = pixels @ _GREY, 128 + np.moveaxis(cells @ _COLOURS.T, -1, 0)
    return b"".join(np.clip(np.rint(values), 0, 255).astype(np.uint8).tobytes() for values in (grey, colours))


def _oddities(image: Image.Image) -> tuple[str, ...]:
    is_animated = image.format in ("GIF", "PNG", "WEBP", "AVIF") and getattr(image, "is_animated", False)
    facts = {
        "16 bits": image.mode.startswith("I"),
        "CMYK": image.mode == "CMYK",
        "transparent": "A" in image.mode or "a" in image.mode or "transparency" in image.info,
        "animated": is_animated,
    }
    return tuple(name for name, is_so in facts.items() if is_so)


def _pack(facts: Fingerprint) -> bytes:
    header = json.dumps([facts.fault, facts.format, facts.size, facts.oddities])
    return header.encode() + b"\n" + facts.content + facts.look


def _unpack(packed: bytes | None) -> Fingerprint | None:
    header, _, rest = (packed or b"").partition(b"\n")
    if len(rest) not in (_CONTENT_BYTES, _CONTENT_BYTES + LOOK_BYTES):
        return None
    fault, kind, size, oddities = json.loads(header)
    return Fingerprint(rest[:_CONTENT_BYTES], fault, kind, tuple(size), tuple(oddities), rest[_CONTENT_BYTES:])
