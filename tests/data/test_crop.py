"""Where the car is before a plain background; and the table of croppers."""

import numpy as np
import pytest
from importlib_metadata import EntryPoint
from scipy import ndimage

from car_recog.data import crop
from car_recog.data.crop import get_cropper, list_croppers, register_cropper
from car_recog.data.folders import find_photos
from car_recog.data.images import decode
from car_recog.errors import PluginError, UnknownNameError


@pytest.fixture
def find():
    return get_cropper("plain_background")


@pytest.fixture
def table(monkeypatch):
    """A table of croppers of the test's own, with a plug-in."""
    offers = [EntryPoint(name=name, value=value, group=crop.GROUP) for name, value in (("sized", "builtins:len"), ("odd", "math:pi"))]
    monkeypatch.setattr("car_recog.plugins.entry_points", lambda group: offers if group == "car_recog.croppers" else [])
    monkeypatch.setattr(crop, "_TABLE", crop.PluginTable(crop.GROUP, noun="cropper", listing="-", accept=crop._accept_plugin))


def paint(size, *boxes, ground=255, noise=3):
    """Paint dark boxes on a noisy ground."""
    photo = np.full((*size, 3), ground, np.int64)
    for left, top, right, bottom in boxes:
        photo[top:bottom, left:right] = 60
    return np.clip(photo + np.random.default_rng(0).integers(-noise, noise + 1, photo.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("ground", [255, 200, 0])
def test_what_stands_before_a_plain_ground_is_found_to_the_pixel(find, ground):
    assert find(paint((120, 200), (30, 20, 170, 95), ground=ground)) == (30, 20, 170, 95)


def test_a_large_photo_is_looked_at_in_small(find):
    left, top, right, bottom = find(paint((1501, 1003), (101, 303, 1003, 1201)))

    assert 101 - 6 < left <= 101 and 303 - 6 < top <= 303
    assert right == 1003 and 1201 <= bottom < 1201 + 6


def test_parts_of_a_car_count_and_lettering_apart_does_not(find):
    body, wheels, lettering = (40, 30, 160, 60), [(50, 80, 70, 100), (130, 80, 150, 100)], (5, 5, 17, 9)

    assert find(paint((120, 200), body, *wheels, lettering)) == (40, 30, 160, 100)


def test_a_car_may_be_cut_off_by_the_edge(find):
    assert find(paint((120, 200), (0, 30, 110, 90))) == (0, 30, 110, 90)


def test_where_no_background_is_plain_there_is_no_answer(find):
    street = np.random.default_rng(1).integers(0, 256, (100, 150, 3), np.uint8)
    half = paint((100, 150), (40, 40, 110, 80))
    half[50:] //= 2  # a floor of another colour

    assert find(street) is None
    assert find(half) is None
    assert find(paint((100, 150))) is None  # nothing is there
    assert find(paint((100, 150), (3, 3, 9, 9))) is None  # a logo


def test_bars_are_cut_off_unless_the_photo_within_has_their_colour(find):
    barred = paint((200, 200), (0, 70, 200, 130))
    fading = barred.copy()
    fading[110:130, :150] = 255

    assert find(barred) == (0, 70, 200, 130)
    assert find(fading) is None


def test_one_pixel_and_one_line_are_photos_too(find):
    assert find(np.zeros((1, 1, 3), np.uint8)) is None
    assert find(np.zeros((1, 3000, 3), np.uint8)) is None


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_pieces_are_those_that_scipy_finds(share):
    mask = np.random.default_rng(2).random((60, 90)) < share

    numbers = crop._number_pieces(mask)

    expected, n_pieces = ndimage.label(mask)
    pairs = set(zip(numbers.ravel().tolist(), expected.ravel().tolist(), strict=True))
    assert len(pairs) == n_pieces + 1 and (0, 0) in pairs  # each piece has one number, and each number one piece


def test_croppers_are_registered_listed_and_offered_by_plugins(table):
    register_cropper("all", lambda photo: (0, 0, *photo.shape[1::-1]))

    assert list_croppers() == ["all", "odd", "sized"]
    assert get_cropper("all")(np.zeros((2, 3, 3), np.uint8)) == (0, 0, 3, 2)
    assert get_cropper("sized") is len
    with pytest.raises(PluginError, match="'odd'.*expected a function of a photo, got float"):
        get_cropper("odd")
    with pytest.raises(UnknownNameError, match="Unknown cropper: 'al'. Did you mean 'all'"):
        get_cropper("al")


def tightness(photo, box):
    """Give the share of the foreground kept and the widest margin, as a share of the longer side; foreground is what is not white."""
    left, top, right, bottom = box
    seen = photo.min(axis=2) < 235
    columns, rows = (np.flatnonzero(np.count_nonzero(seen, axis=axis) >= 3) for axis in (0, 1))
    margin = max(columns[0] - left, rows[0] - top, right - 1 - columns[-1], bottom - 1 - rows[-1])
    return seen[top:bottom, left:right].sum() / seen.sum(), margin / max(photo.shape)


@pytest.mark.photos
def test_boxes_of_cars_on_white_are_tight(shared, find):
    chosen = np.random.default_rng(0).permutation(find_photos(shared / "data" / "porsche"))[:40]

    judged = [tightness(photo, find(photo)) for photo in map(decode, chosen)]

    assert np.mean([kept >= 0.99 and margin <= 0.02 for kept, margin in judged]) >= 0.95


@pytest.mark.photos
def test_photos_from_the_street_stay_whole(shared, find):
    chosen = np.random.default_rng(0).permutation(find_photos(shared / "data" / "models"))[:100]

    boxes = [find(decode(path)) for path in chosen]

    assert np.mean([box is None for box in boxes]) > 0.85  # the others stand before white, or within bars
