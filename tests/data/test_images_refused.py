"""Photos that the decoder refuses: each is named with the reason, and nothing too large is ever decoded."""

import struct
import threading
import warnings
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFile

from car_recog.data import images
from car_recog.data.images import decode
from car_recog.errors import ImageDecodeError


def encode(kind, side=200):
    buffer = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def png_header(width, height):
    """A PNG that claims a size and holds no pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(head) - 4) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.int64),
        np.zeros((4, 4), bool),
        np.zeros(4, np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0), np.uint8),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_other_arrays_are_refused_with_shape_and_type(array):
    with pytest.raises(ImageDecodeError) as error:
        decode(array)

    assert str(error.value).startswith("Expected an array of uint8 in [0, 255], shape (h, w), (h, w, 3) or (h, w, 4); got ")
    assert str(error.value).endswith(f"an array of shape {array.shape} and type {array.dtype}.")


@pytest.mark.parametrize("photo", [None, 7, ["a.jpg"], object()])
def test_what_is_no_photo_at_all_is_refused(photo):
    with pytest.raises(ImageDecodeError, match=f"a {type(photo).__name__}: expected a path, bytes, an array or a Pillow image"):
        decode(photo)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"no photo", "it is no readable JPEG, PNG, WEBP, BMP, GIF, TIFF.* file. Convert it to one of these"),
        (encode("JPEG")[:4000], "truncated.*fetch it again"),
        (encode("PNG")[:4000], "truncated.*fetch it again"),
        (encode("WEBP")[:4000], "fetch it again|no readable"),
        (encode("PPM"), "it is no readable"),
        (png_header(0, 8), "it is no readable|measures 0x8"),
    ],
    ids=["empty", "text", "JPEG", "PNG", "WebP", "PPM", "zero width"],
)
def test_a_broken_file_is_named_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)

    with pytest.raises(ImageDecodeError, match=reason) as error:
        decode(path)
    assert str(error.value).startswith(f"Cannot decode '{path}': ")
    with pytest.raises(ImageDecodeError, match=f"^Cannot decode a photo of {len(content)} bytes: "):
        decode(content)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ImageDecodeError, match=r"^Cannot decode '.*nowhere.jpg': no such file"):
        decode(tmp_path / "nowhere.jpg")
    with pytest.raises(ImageDecodeError, match=r"^Cannot decode '.*': it is a folder"):
        decode(str(tmp_path))


@pytest.fixture
def loads(monkeypatch):
    """List the sizes of files whose pixels are asked for; none are given."""
    calls = []

    def load(image):
        calls.append(image.size)
        raise OSError("pixels were asked for")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    return calls


@pytest.mark.parametrize("size", [(40_000, 40_000), (10_000, 10_001), (30_001, 1), (1, 30_001), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_by_its_header(tmp_path, loads, size):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))

    with pytest.raises(ImageDecodeError, match=r"Cannot decode '.*bomb.png': .*Shrink it first"):
        decode(path)
    assert loads == []


@pytest.mark.parametrize("size", [(10_000, 10_000), (30_000, 1), (1, 30_000)])
def test_the_largest_photos_are_taken(loads, size):
    with pytest.raises(ImageDecodeError, match="pixels were asked for"):
        decode(png_header(*size))

    assert loads == [size]


def test_a_pillow_image_that_is_too_large_is_refused_too(loads):
    bomb = Image.open(BytesIO(png_header(30_001, 1)))

    with pytest.raises(ImageDecodeError, match="measures 30001x1 pixels; at least 1x1, at most 30000 a side and 100 megapixels"):
        decode(bomb)
    assert loads == []


def test_a_file_of_too_many_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 2**20)
    path = tmp_path / "large.jpg"
    path.write_bytes(bytes(2**20 + 1))

    with pytest.raises(ImageDecodeError, match=r"large.jpg': it is larger than 1 MiB. Shrink it first"):
        decode(path)


class SlowImage(Image.Image):
    """An image whose pixels come when they are released."""

    def __init__(self):
        super().__init__()
        plain = Image.new("RGB", (4, 4))
        self.im, self._mode, self._size = plain.im, plain.mode, plain.size
        self.is_asked, self.is_released = threading.Event(), threading.Event()

    def load(self):
        self.is_asked.set()
        assert self.is_released.wait(10)
        return super().load()


def test_decoding_by_several_threads_does_not_silence_the_process():
    photos = [SlowImage(), SlowImage()]
    threads = [threading.Thread(target=decode, args=(photo,)) for photo in photos]
    for photo, thread in zip(photos, threads, strict=True):
        thread.start()
        assert photo.is_asked.wait(10)
    for photo, thread in zip(photos, threads, strict=True):  # the first to begin is the first to end
        photo.is_released.set()
        thread.join(10)

    with pytest.raises(UserWarning, match="still heard"):
        warnings.warn("still heard", UserWarning, stacklevel=1)
