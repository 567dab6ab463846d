"""The example on listing photos, run small on drawn ones."""

import csv
import re

import pytest
from PIL import Image

from car_recog import CarClassifier, FolderDataset


@pytest.fixture
def example(import_example):
    return import_example("ecommerce.py")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training has collapsed", "ignore:.* photos have no box")
def test_a_small_run_filters_crops_and_trains_in_two_phases(example, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--synthetic", "--drawn", "160", "--epochs", "10", "--quiet", "--out", str(out)]

    example.run_clearly(example.run, example.read_arguments(arguments))

    said = capsys.readouterr().out
    n_cars = int(re.search(r"(\d+) of 160 photos show a car", said)[1])
    assert re.search(rf"cropped: \d+ of {n_cars} photos", said)
    with (out / "history.csv").open() as file:
        assert [row["phase"] for row in csv.DictReader(file)] == ["head"] * 10 + ["all"] * 10
    assert len(CarClassifier.load(out / "bundle").class_names) == 4
    for name in ("left_out", "photos", "random"):
        with Image.open(out / f"{name}.png") as picture:
            assert min(picture.size) > 150


def test_drawn_cars_stand_on_a_page_that_can_be_cut_away(example, tmp_path):
    data = FolderDataset(example.draw_cars_and_others(tmp_path / "drawn", n_photos=40))
    cars = data.subset(i for i, sample in enumerate(data.samples) if sample.class_name == "car")

    boxes = [sample.box for sample in cars.with_boxes("plain_background").samples]

    assert len(boxes) == 20
    # The photos are 96 x 72; JPEG blurs their edges by less than a block of 8.
    assert all(0 <= right - left - 96 < 8 and 0 <= bottom - top - 72 < 8 for left, top, right, bottom in boxes)


def test_listings_are_named_by_make_model_and_year(example, tmp_path):
    data = FolderDataset(example.draw_listings(tmp_path / "drawn", n_photos=40), "make_model_year", label="make")

    assert data.class_counts() == {"Aurelia": 10, "Borea": 10, "Corvo": 10, "Delphin": 10}
