"""The one decoder: any photo -> upright uint8 RGB, or an error that names the file."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, features

from car_recog.data import images
from car_recog.data.images import decode
from car_recog.errors import ImageDecodeError, OptionError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")

UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: np.rot90(stored, 2),
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def encode(image, kind="PNG", **options):
    buffer = BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def noise(height=12, width=20, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def quarters(side=64):
    """Four colours whose places tell every orientation apart, on a wide photo."""
    photo = np.zeros((side, 2 * side, 3), np.uint8)
    photo[: side // 2, :side], photo[: side // 2, side:], photo[side // 2 :, :side] = RED, GREEN, BLUE
    return photo


def distance(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def pixels(*rows):
    return Image.fromarray(np.array(rows, np.uint8))


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


# Fitting to a size


def test_stretching_keeps_every_part_of_the_photo_in_its_place():
    small = decode(quarters(100), image_size=(10, 40))

    assert small.shape == (10, 40, 3)
    assert [small[y, x].tolist() for y, x in ((0, 0), (0, 39), (9, 0), (9, 39))] == [list(RED), list(GREEN), list(BLUE), [0] * 3]
    assert small[2, 15].tolist() == list(RED) and small[2, 25].tolist() == list(GREEN)


def test_a_letterbox_keeps_the_aspect_and_pads_with_grey_on_both_sides():
    wide = np.broadcast_to(np.array(RED, np.uint8), (50, 100, 3))

    lying, standing = (decode(photo, image_size=(40, 40), resize="letterbox") for photo in (wide, wide.swapaxes(0, 1)))

    expected = np.full((40, 40, 3), 128)
    expected[10:30] = RED
    assert np.array_equal(lying, expected)
    assert np.array_equal(standing, expected.swapaxes(0, 1))


def test_a_centre_crop_cuts_the_longer_side_alike_on_both_ends():
    stripes = np.repeat(np.array([[RED, GREEN, GREEN, BLUE]], np.uint8), 25, axis=1).repeat(50, axis=0)

    lying = decode(stripes, image_size=(20, 20), resize="center_crop")
    standing = decode(stripes.swapaxes(0, 1), image_size=(20, 20), resize="center_crop")

    assert lying.shape == (20, 20, 3)
    assert (lying[:, 1:-1] == GREEN).all()  # the outermost pixels take a little from their neighbours that were cut off
    assert distance(lying[:, [0, -1]], np.array(GREEN)) < 30
    assert np.array_equal(standing, lying.swapaxes(0, 1))


@pytest.mark.parametrize("resize", images.RESIZE_MODES)
def test_shrinking_is_antialiased(resize):
    board = np.indices((300, 300)).sum(axis=0) % 2 * 255
    photo = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)

    small = decode(photo, image_size=(50, 50), resize=resize)

    assert small[1:-1, 1:-1] == pytest.approx(np.full((48, 48, 3), 127.5), abs=2)


@pytest.mark.parametrize("resize", images.RESIZE_MODES)
def test_a_photo_of_the_asked_size_is_not_touched(resize):
    photo = noise()

    assert np.array_equal(decode(photo, image_size=(12, 20), resize=resize), photo)


@pytest.mark.parametrize("resize", images.RESIZE_MODES)
def test_a_large_jpeg_shrinks_to_what_its_full_pixels_shrink_to(resize):
    waves = np.sin(np.indices((905, 1207)) / np.array([31.0, 47.0])[:, None, None]).sum(axis=0)
    photo = np.repeat((waves[..., None] + 2) * 63, 3, axis=2).astype(np.uint8)
    jpeg = encode(photo, "JPEG", quality=95)

    # An eighth has 113.125 rows: taken for 114, they would give a distance of 4 and more.
    assert distance(*(decode(kind, image_size=(112, 140), resize=resize) for kind in (jpeg, photo))) < 0.5


def test_an_unknown_way_to_resize_is_refused_even_where_no_size_is_asked():
    with pytest.raises(OptionError, match="resize must be one of 'stretch', 'letterbox', 'center_crop'; got 'crop'"):
        decode(noise(), resize="crop")


# Cutting


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_is_cut_from_the_upright_photo(orientation):
    photo = encode(noise(), exif=turned(orientation))

    assert np.array_equal(decode(photo, crop=(3, 2, 9, 11)), UPRIGHT[orientation](noise())[2:11, 3:9])


def test_a_part_ends_where_the_photo_ends():
    assert np.array_equal(decode(noise(), crop=(15, 7, 99, 99)), noise()[7:, 15:])
    assert np.array_equal(decode(noise(), crop=(-7, -1, 4, 3)), noise()[:3, :4])


@pytest.mark.parametrize("crop", [(5, 5, 5, 9), (5, 5, 9, 5), (9, 5, 5, 9), (20, 0, 30, 12), (-9, 0, 0, 12), (0, 0, 0, 0)])
def test_where_nothing_is_left_the_whole_photo_is_used(crop):
    assert np.array_equal(decode(noise(), crop=crop), noise())


@pytest.mark.parametrize("resize", images.RESIZE_MODES)
def test_a_part_is_fitted_as_if_it_were_the_photo(resize):
    part = decode(noise(60, 90), image_size=(16, 24), resize=resize, crop=(20, 10, 60, 50))

    assert np.array_equal(part, decode(noise(60, 90)[10:50, 20:60], image_size=(16, 24), resize=resize))


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize(
    ("crop", "factor"),
    [
        (None, 8),  # 904 pixels are 37 times the wanted width of 24
        ((101, 50, 293, 820), 8),  # 192 pixels are 8 times 24
        ((101, 50, 292, 820), 4),  # of 191 an eighth would leave less than 24
        ((100, 51, 610, 306), 4),  # and of 255 in height less than 32
        ((300, 200, 347, 800), 1),
        ((-500, -500, 100, 70), 2),  # 100 x 70 pixels lie inside
        ((2000, 0, 2100, 99), 8),
    ],
)
def test_a_jpeg_is_shrunk_ahead_only_as_far_as_the_part_allows(orientation, crop, factor, monkeypatch):
    waves = np.sin(np.indices((1000, 904)) / np.array([62.0, 94.0])[:, None, None]).sum(axis=0)
    upright = np.repeat((waves[..., None] + 2) * 63, 3, axis=2).astype(np.uint8)
    undo = {1: 1, 3: 3, 6: 8}[orientation]
    jpeg = encode(np.ascontiguousarray(UPRIGHT[undo](upright)), "JPEG", quality=95, exif=turned(orientation))
    loaded = []
    upright_rgb = images._to_upright_rgb
    monkeypatch.setattr(images, "_to_upright_rgb", lambda image: loaded.append(image.size) or upright_rgb(image))

    small = decode(jpeg, image_size=(32, 24), crop=crop)

    assert sorted(loaded[0]) == [904 // factor, 1000 // factor]
    # Edges that lie within shrunk pixels are met as well.
    assert distance(small, decode(upright, image_size=(32, 24), crop=crop)) < 1


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
