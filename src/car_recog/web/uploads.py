"""Forms with photos: what may be sent, checked before anything is decoded. Nothing is written to disk; names of files are never used."""

import logging
from io import BytesIO
from typing import TypeVar

import attrs
from PIL import Image
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from car_recog.data.images import FORMATS, MAX_SIDE

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it warns of what clients send; they are told

_FORM = TypeVar("_FORM", bound=BaseModel)
_ENVELOPE = 64 * 2**10  # bytes of a form besides its photos
_MAX_FIELDS = 16
READABLE = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
BROKEN = "This photo is broken, or cut off before its end. Send it again, or save it anew as JPEG or PNG."
_SHRINK = "Shrink it first, or take a smaller one."
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ON_AN_IPHONE = "On an iPhone choose Settings, Camera, Formats, Most Compatible, or share the photo as JPEG."


@attrs.frozen(kw_only=True)
class Limits:
    """What a client may ask for.

    Args:
        max_file: Bytes of a photo.
        max_pixels: Pixels of a photo.
        max_queue: Photos that are accepted and not answered yet.
        max_held: Bytes of all uploads together that are held at a time.
        body_seconds: Time in which a request must arrive.
        answer_seconds: Time in which it must be answered from then on.
    """

    max_file: int = 20 * 2**20
    max_pixels: int = 50_000_000
    max_queue: int = 128
    max_held: int = 512 * 2**20
    body_seconds: float = 60.0
    answer_seconds: float = 30.0

    def max_body(self, n_photos: int) -> int:
        """Give the bytes that a form with so many photos may have."""
        return n_photos * self.max_file + _ENVELOPE


class _InMemory(MultiPartParser):
    """A parser that never writes to disk; the size of a body is bounded before it comes here."""

    spool_max_size = 2**40


async def read_form(request: Request, form: type[_FORM], *, photos: tuple[str, ...], limits: Limits) -> tuple[_FORM, list[bytes]]:
    """Read a form to its end and check what does not need a look into the photos.

    Args:
        request: The request; its body is not read yet.
        form: The fields besides the photos.
        photos: The names of the fields that hold the photos; each must be there once.
        limits: What may be sent.

    Returns:
        The fields, and the photos in the order of their names.

    Raises:
        HTTPException: 400 for what is no form, 413 for a photo that is too large, 415 for another type of content, 422 for fields that
            are missing or make no sense.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise HTTPException(415, "Send the photo in a form: multipart/form-data, as `curl -F photo=@car.jpg` does.")
    parser = _InMemory(request.headers, request.stream(), max_files=len(photos), max_fields=_MAX_FIELDS, max_part_size=1024)
    try:
        sent = await parser.parse()
    except MultiPartException as error:
        many = "" if "Too many files" not in error.message else f" It takes {len(photos)} photo{'s' * (len(photos) > 1)} at a time."
        raise HTTPException(400, f"The form cannot be read: {error.message}{many}") from error
    try:
        found = [await _read_photo(sent.getlist(name), name, limits) for name in photos]
        fields = {name: value for name, value in sent.items() if isinstance(value, str)}
        return form.model_validate(fields), found
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_url=False))
        raise HTTPException(422, f"A field of the form makes no sense. {faults}.") from error
    finally:
        await sent.close()


async def _read_photo(sent: "list[UploadFile | str]", name: str, limits: Limits) -> bytes:
    if len(sent) != 1 or not isinstance(sent[0], UploadFile) or not sent[0].size:
        raise HTTPException(422, f"Send one photo as the file '{name}' of the form.")
    if sent[0].size > limits.max_file:
        has, most = sent[0].size / 2**20, limits.max_file / 2**20
        raise HTTPException(413, f"This photo has {has:.0f} MiB; at most {most:.0f} are taken. {_SHRINK}")
    return await sent[0].read()


def check_photo(raw: bytes, limits: Limits) -> int:
    """Check type and size of a photo by its first bytes and its header; nothing is decoded. Gives its number of pixels.

    Raises:
        HTTPException: 415 for what is no photo that can be read, 413 for too many pixels.
    """
    try:
        with Image.open(BytesIO(raw), formats=FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError:
        raise HTTPException(413, f"This photo has far more than {limits.max_pixels / 1e6:.0f} megapixels. {_SHRINK}") from None
    except Exception as error:  # Pillow's readers meet a broken file with errors of almost any kind
        raise HTTPException(415, told_type(raw)) from error
    if width * height > limits.max_pixels or max(width, height) > MAX_SIDE:
        most = f"{limits.max_pixels / 1e6:.0f} megapixels and {MAX_SIDE:,} pixels a side"
        raise HTTPException(413, f"This photo measures {width:,} x {height:,} pixels; at most {most} are taken. {_SHRINK}")
    return width * height


def told_type(raw: bytes) -> str:
    """Say what to do about a file that is no readable photo, by its first bytes."""
    brand = raw[8:12] if raw[4:8] == b"ftyp" else b""
    if brand in _HEIC:
        return f"HEIC cannot be read here. {_ON_AN_IPHONE}"
    if raw.startswith(b"%PDF"):
        return "This is a PDF, not a photo. Take a picture of the car, or save the page as JPEG or PNG."
    is_riff = raw.startswith(b"RIFF")
    if (brand and brand not in (b"avif", b"avis")) or raw.startswith(b"\x1aE\xdf\xa3") or (is_riff and raw[8:12] == b"AVI "):
        return "This is a video. Send a single picture of it as JPEG or PNG."
    if raw.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")) or is_riff or brand:
        return BROKEN
    return f"This is no photo that can be read here. Send {READABLE}."
