from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from car_recog.evaluation.plots import sheet_font
from car_recog.evaluation.sheets import Tile, choose_labelled, fit_line, save_sheet, shrink, to_jpeg

GREEN = np.full((80, 40, 3), (0, 200, 0), np.uint8)


@pytest.mark.parametrize(("counts", "chosen"), [([100, 3, 0, 20], [8, 3, 0, 8]), ([9] * 12, [4] * 12), ([3] * 20, [2] * 20)])
def test_each_class_is_shown_as_often_as_48_photos_allow(counts: list[int], chosen: list[int]) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))

    places = choose_labelled(labels, seed=0)

    assert np.bincount(labels[places], minlength=len(counts)).tolist() == chosen
    assert len(set(places)) == len(places)
    assert (np.diff(labels[places]) >= 0).all()
    assert places.tolist() == choose_labelled(labels, seed=0).tolist() != choose_labelled(labels, seed=1).tolist()


def test_of_many_classes_48_are_shown() -> None:
    assert len(set(choose_labelled(np.arange(120), seed=0))) == 48


def test_a_photo_is_shrunk_to_a_tile_and_never_blown_up() -> None:
    assert shrink(np.zeros((300, 600, 3), np.uint8)).shape == (80, 160, 3)
    assert shrink(GREEN).shape == (80, 40, 3)


def test_a_jpeg_looks_like_the_photo() -> None:
    with Image.open(BytesIO(to_jpeg(GREEN))) as image:
        assert image.format == "JPEG"
        assert np.abs(np.asarray(image).astype(int) - GREEN).max() < 8


def test_long_names_are_cut_in_the_middle_and_stay_under_their_photo(tmp_path: Path) -> None:
    font = sheet_font(13)
    name = "Mercedes-Benz SLS AMG Roadster\n, the Škoda of all"

    short = fit_line(name, font, 160)

    assert font.getlength(short) <= 160
    assert short.startswith("Mercedes") and short.endswith("of all") and "…" in short
    assert fit_line("door", font, 160) == "door"
    pixels = np.asarray(Image.open(save_sheet([Tile(GREEN, (name,)), Tile(GREEN, (name,))], tmp_path / "sheet.png")))
    assert pixels.shape == (12 + 160 + 18 + 12, 12 + 172 * 2, 3)
    assert (pixels[:, 172:184] == 255).all()
    assert (pixels[172:, 12:172] < 100).any()
    assert (pixels[100, 12:92] == GREEN[0, 0]).all()
