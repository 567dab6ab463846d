"""A two-colour toy on disk, a classifier trained on it, and a way to run a command."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from car_recog.cli import main

TOY = ("--backbone", "tiny_cnn", "--weights", "none", "--image-size", "32", "32", "--epochs", "4")


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
    """Run a command: its exit code, what it printed, and that as JSON."""

    def call(*argv):
        try:
            code = main([str(piece) for piece in argv])
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err, json=lambda: json.loads(out))

    return call
