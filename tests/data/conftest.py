"""What the tests of the cache share."""

import numpy as np
import pytest
from PIL import Image

from car_recog.data import cache
from car_recog.data.images import decode


@pytest.fixture
def photos(tmp_path):
    """Seven files of different pixels."""
    rng = np.random.default_rng(4)
    paths = [tmp_path / "photos" / f"{i}.png" for i in range(7)]
    paths[0].parent.mkdir()
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (9, 16, 3), np.uint8)).save(path)
    return paths


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """List the files that are decoded."""
    names = []

    def count(path, **options):
        names.append(path.name)
        return decode(path, **options)

    monkeypatch.setattr(cache, "decode", count)
    return names
