"""What the tests of data share: photos, trees, and caches of their own."""

import numpy as np
import pytest
from PIL import Image

from car_recog.data import cache, memo
from car_recog.data.images import decode
from car_recog.data.synthetic import draw_compcars


@pytest.fixture
def photos(tmp_path):
    """Seven files of different pixels."""
    rng = np.random.default_rng(4)
    paths = [tmp_path / "photos" / f"{i}.png" for i in range(7)]
    paths[0].parent.mkdir()
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (9, 16, 3), np.uint8)).save(path)
    return paths


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A drawn CompCars tree of six models."""
    folder = tmp_path_factory.mktemp("drawn") / "CompCars"
    return draw_compcars(folder, n_models=6, n_part_photos=64, n_car_photos=60, n_pairs=4, image_size=(48, 64), seed=2)


@pytest.fixture
def lay_files(tmp_path):
    """Lay files, each with its text or bytes, below the folder of the test."""

    def lay(files):
        for place, content in files.items():
            path = tmp_path / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return lay


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder of decoded photos in a cache that no other test fills."""
    monkeypatch.setenv("CAR_RECOG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "photos"


@pytest.fixture
def decoded(monkeypatch):
    """List the files that are decoded."""
    names = []

    def count(path, **options):
        names.append(path.name)
        return decode(path, **options)

    monkeypatch.setattr(cache, "decode", count)
    return names


@pytest.fixture
def draw():
    """Draw a picture with its own number: clouds of colour with smaller ones on them, as no other number gives them."""

    def picture(number, size=(160, 120)):
        rng = np.random.default_rng(number)
        coarse, fine = (Image.fromarray(rng.integers(0, 256, (n, n, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC) for n in (4, 9))
        return Image.blend(coarse, fine, 0.3)

    return picture


@pytest.fixture
def later(monkeypatch):
    """Let the clock be three seconds on, so that files just written count as settled."""
    now = memo.time.time_ns
    monkeypatch.setattr(memo.time, "time_ns", lambda: now() + 3 * 10**9)


@pytest.fixture
def own_memo(tmp_path, monkeypatch):
    """A folder of caches that no other test fills."""
    monkeypatch.setenv("CAR_RECOG_CACHE", str(tmp_path / "own"))
    return tmp_path / "own" / "files"
