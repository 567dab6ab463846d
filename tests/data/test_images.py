"""The one decoder: any photo -> upright uint8 RGB, or an error that names the file."""

import struct
from io import BytesIO

import numpy as np
import pytest
from pictures import BLUE, GREEN, RED, UPRIGHT, distance, encode, needs_avif, noise, pixels, quarters, turned
from PIL import Image

from car_recog.data.images import decode
from car_recog.errors import ImageDecodeError

# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_the_exif_orientation_is_applied_to_the_pixel(orientation, kind, options):
    stored = noise()

    photo = encode(stored, kind, exif=turned(orientation), **options)

    assert np.array_equal(decode(photo), UPRIGHT[orientation](stored))
    assert np.array_equal(decode(Image.open(BytesIO(photo))), UPRIGHT[orientation](stored))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", pytest.param("AVIF", marks=needs_avif)])
def test_the_exif_orientation_is_applied_to_lossy_photos(orientation, kind):
    photo = encode(quarters(), kind, exif=turned(orientation), quality=95)

    assert decode(photo).shape == UPRIGHT[orientation](quarters()).shape
    assert distance(decode(photo), UPRIGHT[orientation](quarters())) < 4


def test_an_odd_tag_beside_the_orientation_does_not_leave_the_photo_lying():
    orientation = struct.pack("<HHII", 0x0112, 3, 1, 6)
    white_point_as_text = struct.pack("<HHI4s", 0x013E, 2, 4, b"odd")  # two numbers are expected; Pillow cannot write it anew
    exif = b"Exif\x00\x00II*\x00" + struct.pack("<IH", 8, 2) + orientation + white_point_as_text + bytes(4)

    photo = encode(quarters(), "JPEG", exif=exif)

    assert distance(decode(photo), UPRIGHT[6](quarters())) < 4


def test_metadata_that_cannot_be_read_turns_nothing(monkeypatch):
    def fail(image):
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Image, "getexif", fail)

    assert np.array_equal(decode(noise()), noise())


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_orientation_is_applied_before_the_photo_is_fitted(orientation):
    photo = encode(quarters(400), "JPEG", exif=turned(orientation), quality=95)

    small = decode(photo, image_size=(32, 32), resize="center_crop")

    upright = UPRIGHT[orientation](quarters(400))
    height, width = upright.shape[:2]
    top, left = (height - 400) // 2, (width - 400) // 2
    expected = upright[top : top + 400, left : left + 400][6::13, 6::13][:31, :31]
    assert distance(small[:31, :31], expected) < 12


# Modes


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (pixels([0, 100, 255]), [[0] * 3, [100] * 3, [255] * 3]),
        (Image.fromarray(np.array([[True, False]])), [[255] * 3, [0] * 3]),
        (Image.fromarray(np.array([[0, 128, 129, 25700, 65535]], np.uint16)), [[0] * 3, [0] * 3, [1] * 3, [100] * 3, [255] * 3]),
        # Half of black laid on white: 255 - 128.
        (pixels([[0, 0, 0, 128], [9, 8, 7, 255], [1, 2, 3, 0]]), [[127] * 3, [9, 8, 7], [255] * 3]),
        (Image.merge("LA", [pixels([0, 50, 50]), pixels([128, 255, 0])]), [[127] * 3, [50] * 3, [255] * 3]),
    ],
    ids=["grey", "one bit", "16 bits", "alpha", "grey with alpha"],
)
def test_modes_become_rgb(image, expected):
    assert decode(encode(image)).tolist() == [expected]
    assert decode(image).tolist() == [expected]


def test_a_palette_becomes_its_colours_and_its_transparent_entry_white():
    palette = pixels([0, 1, 2, 1]).convert("P")
    palette.putpalette([*RED, *GREEN, *BLUE])

    assert decode(encode(palette)).tolist() == [[list(RED), list(GREEN), list(BLUE), list(GREEN)]]
    assert decode(encode(palette, transparency=1)).tolist() == [[list(RED), [255] * 3, list(BLUE), [255] * 3]]
    assert decode(encode(palette, "GIF", transparency=1)).tolist() == [[list(RED), [255] * 3, list(BLUE), [255] * 3]]


def test_the_transparent_colour_of_an_rgb_photo_becomes_white():
    photo = encode(pixels([RED, GREEN]), transparency=GREEN)

    assert decode(photo).tolist() == [[list(RED), [255] * 3]]


def test_cmyk_becomes_rgb():
    # No ink is white, full yellow and magenta are red, black ink is black.
    inks = [pixels(ink) for ink in ([0, 0, 0], [0, 255, 0], [0, 255, 0], [0, 0, 255])]
    cmyk = Image.merge("CMYK", inks).resize((48, 16), Image.Resampling.NEAREST)

    for photo in (encode(cmyk, "JPEG", quality=100), encode(cmyk, "TIFF")):
        assert distance(decode(photo)[8, [8, 24, 40]], np.array([[255] * 3, RED, [0] * 3])) < 3


def test_float_pixels_are_refused_because_their_range_is_not_known():
    photo = encode(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF")

    with pytest.raises(ImageDecodeError, match=r"float pixels: their range is not known. Save it with 8 or 16 bits"):
        decode(photo)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_of_several_frames_the_first_counts(kind):
    frames = [Image.new("RGB", (16, 16), color) for color in (RED, GREEN, BLUE)]

    photo = encode(frames[0], kind, save_all=True, append_images=frames[1:])

    assert Image.open(BytesIO(photo)).n_frames == 3
    assert distance(decode(photo), np.array(RED)) < 4


@pytest.mark.parametrize("kind", ["BMP", "GIF", "PNG", "TIFF", "WEBP", pytest.param("AVIF", marks=needs_avif)])
def test_the_format_is_told_by_content_not_by_name(tmp_path, kind):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(quarters(), kind))

    assert distance(decode(path), quarters()) < 4


# What a photo may be


def test_path_text_bytes_array_and_pillow_image_give_the_same_pixels(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encode(noise()))

    for photo in (path, str(path), path.read_bytes(), noise(), Image.open(path), Image.fromarray(noise())):
        assert np.array_equal(decode(photo), noise())


def test_arrays_are_grey_rgb_or_rgb_with_alpha_in_any_memory_order():
    grey = noise()[..., 0]

    assert np.array_equal(decode(grey), np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(decode(grey[..., None]), decode(grey))
    assert np.array_equal(decode(np.dstack([noise(), np.full((12, 20), 255, np.uint8)])), noise())
    assert np.array_equal(decode(noise()[::-1, ::-2]), noise()[::-1, ::-2])
    assert np.array_equal(decode(np.asfortranarray(noise())), noise())


def test_the_result_is_the_callers_own():
    photo = noise()

    result = decode(photo)
    result[:] = 0

    assert np.array_equal(photo, noise())


def test_a_pillow_image_is_left_as_it_is():
    frames = [Image.new("RGB", (16, 16), color) for color in (RED, GREEN, BLUE)]
    film = Image.open(BytesIO(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    film.seek(2)
    jpeg = Image.open(BytesIO(encode(quarters(400), "JPEG")))

    assert decode(film)[8, 8].tolist() == list(BLUE)
    decode(jpeg, image_size=(16, 16))

    assert film.tell() == 2
    assert jpeg.size == (800, 400)
