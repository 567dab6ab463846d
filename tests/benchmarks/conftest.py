import os
from pathlib import Path

import numpy as np
import pytest
from benchmark_runs import FOLDER
from PIL import Image


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmarks find each other, as they do when run as scripts; the cache they set is set back."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("CAR_RECOG_CACHE", os.environ["CAR_RECOG_CACHE"])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty dark and twenty light photos."""
    rng = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "photos" / ("dark", "light")[number % 2] / f"{number}_0.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 60, (40, 48, 3)).astype(np.uint8) + np.uint8(180 * (number % 2))).save(path)
    return tmp_path / "photos"


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    """Three photos of each of 24 cars: two models in two colours, six cars of each."""
    rng = np.random.default_rng(0)
    for car in range(24):
        model, colour = car % 2, car // 2 % 2
        marks = 80 * colour + rng.integers(0, 60, (5, 5, 3)).repeat(8, axis=0).repeat(8, axis=1)
        for number in range(3):
            path = tmp_path / "cars" / f"model{model}" / f"colour{colour}" / f"car{car}_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((marks + rng.integers(0, 30, (40, 40, 3))).astype(np.uint8)).save(path)
    return tmp_path / "cars"
