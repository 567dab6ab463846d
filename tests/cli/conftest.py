"""Toys on disk, a classifier and a verifier trained on them, and a way to run a command."""

import colorsys
import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from car_recog.cli import main
from car_recog.data.synthetic import IDENTITY_PATTERN

TOY = ("--backbone", "tiny_cnn", "--weights", "none", "--image-size", "32", "32", "--epochs", "60")

CAR_TOY = ("--backbone", "tiny_cnn", "--weights", "none", "--image-size", "32", "32", "--embedding-dim", "16", "--epochs", "8")
CAR_FLAGS = ("--label-pattern", IDENTITY_PATTERN, "--val-fraction", "0.25", "--test-fraction", "0.25", "--impostors", "any", "model")


def paint(path, colour, rng):
    pixels = np.clip(rng.normal(colour, 12, (24, 30, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def paint_toy(root):
    """Paint 24 photos a class: three crops (a, b, c) of each of eight pictures; both classes have crops of the same pictures."""
    rng = np.random.default_rng(0)
    for name, colour in (("door", (200, 30, 30)), ("wheel", (30, 30, 200))):
        for picture in range(8):
            for crop in "abc":
                paint(root / name / f"car{picture}_{crop}.png", colour, rng)
    return root


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder per class; nobody writes into it."""
    return paint_toy(tmp_path_factory.mktemp("toy") / "photos")


def paint_cars(root):
    """Paint 12 cars on 6 photos each, each car in a hue of its own; every second one is of the same model."""
    rng = np.random.default_rng(1)
    for car in range(12):
        colour = [255 * value for value in colorsys.hsv_to_rgb(car / 12, 0.8, 0.9)]
        for number in range(6):
            paint(root / f"model{car % 2}" / ("warm" if car < 6 else "cold") / f"car{car:02}_{number}.png", colour, rng)
    return root


@pytest.fixture(scope="session")
def cars(tmp_path_factory):
    """Photos of cars as `<model>/<colour>/<car>_<number>.png`; nobody writes into it."""
    return paint_cars(tmp_path_factory.mktemp("toy") / "cars")


@pytest.fixture
def own_cars(tmp_path):
    """The same, to be changed by a test."""
    return paint_cars(tmp_path / "cars")


@pytest.fixture(scope="session")
def verifier_run(cars, tmp_path_factory):
    """What `train verifier` leaves behind."""
    folder = tmp_path_factory.mktemp("runs") / "cars"
    assert main(["train", "verifier", str(cars), *CAR_FLAGS, *CAR_TOY, "--run-folder", str(folder)]) == 0
    return folder


@pytest.fixture
def verifier(verifier_run):
    return str(verifier_run / "bundle")


@pytest.fixture
def own_photos(tmp_path):
    """The same, to be changed by a test."""
    return paint_toy(tmp_path / "photos")


@pytest.fixture(scope="session")
def run_folder(photos, tmp_path_factory):
    """What `train parts` leaves behind."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    assert main(["train", "parts", str(photos), *TOY, "--group-pattern", ".*(?=_)", "--run-folder", str(folder)]) == 0
    return folder


@pytest.fixture
def bundle(run_folder):
    return str(run_folder / "bundle")


@pytest.fixture
def run(capsys):
    """Run a command: its exit code, what it printed, and that as JSON, or as the rows of a CSV file."""

    def call(*argv):
        try:
            code = main([str(piece) for piece in argv])
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err, json=lambda: json.loads(out), rows=lambda: [*csv.DictReader(out.splitlines())])

    return call
