"""Copies of a picture are found, other pictures are not."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from car_recog.data import duplicates
from car_recog.data.duplicates import chain_equal, join, near_duplicates
from car_recog.data.fingerprints import LOOK_BYTES, fingerprint_array


def look(picture):
    return np.frombuffer(fingerprint_array(np.array(picture.convert("RGB"))).look, np.uint8)


def encoded(picture, quality):
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def paint_over(picture):
    picture.paste((20, 20, 20), (60, 40, 100, 80))
    return picture


COPIES = {
    "encoded anew": lambda picture: encoded(picture, 60),
    "half the size": lambda picture: picture.resize((80, 60)),
    "cropped by 2 % at one corner": lambda picture: picture.crop((3, 2, 160, 120)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.9),
}
OTHERS = {
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cropped by a fifth": lambda picture: picture.crop((32, 24, 160, 120)),
    "other colours": lambda picture: Image.merge("RGB", picture.split()[::-1]),
    "a part painted over": lambda picture: paint_over(picture.copy()),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_copies_are_found(draw, change):
    looks = np.stack([look(draw(i)) for i in range(20)] + [look(change(draw(i))) for i in range(20)])

    assert near_duplicates(looks).tolist() == [[i, i + 20] for i in range(20)]


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_other_pictures_are_not(draw, change):
    looks = np.stack([look(draw(i)) for i in range(20)] + [look(change(draw(i))) for i in range(20)])

    assert len(near_duplicates(looks)) == 0


def test_pictures_without_structure_are_like_nothing():
    looks = np.stack([look(Image.new("RGB", (40, 40), (level,) * 3)) for level in (0, 100, 101, 255)])

    assert len(near_duplicates(looks)) == 0


def test_blocks_do_not_change_what_is_found(draw, monkeypatch):
    rng = np.random.default_rng(0)
    looks = np.stack([look(draw(i)) for i in range(7)])[rng.integers(0, 7, 40)]
    looks[:, :729] += rng.integers(0, 2, (40, 729), np.uint8)
    expected = near_duplicates(looks).tolist()

    for name, value in (("_ROWS", 3), ("_COLUMNS", 5), ("_PAIRS", 2)):
        monkeypatch.setattr(duplicates, name, value)

    assert near_duplicates(looks).tolist() == expected
    assert near_duplicates(looks, n_first=11).tolist() == [pair for pair in expected if pair[0] < 11]
    assert len(expected) > 40


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_photos_have_no_pairs(n):
    assert near_duplicates(np.zeros((n, LOOK_BYTES), np.uint8)).shape == (0, 2)


def test_what_hangs_together_gets_the_number_of_its_first():
    assert join(7, [(5, 6), (2, 5), (0, 3)]) == [0, 1, 2, 0, 4, 2, 2]


def test_equal_keys_are_paired_and_none_equals_nothing():
    assert list(chain_equal([None, "a", ("b", 1), None, "a", ("b", 1), "a"])) == [(1, 4), (2, 5), (1, 6)]
