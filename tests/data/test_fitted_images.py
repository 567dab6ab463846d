"""How a decoded photo is cut and fitted to a size."""

import numpy as np
import pytest
from pictures import BLUE, GREEN, RED, UPRIGHT, distance, encode, noise, quarters, turned

from car_recog.data import images
from car_recog.data.images import decode
from car_recog.errors import OptionError


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
