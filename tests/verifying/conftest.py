import pytest
from colour_cars import COLOURS
from toy_verifier import draw

from car_recog import ImageDataset
from car_recog.data.pairs import PairDataset


@pytest.fixture(scope="module")
def cars() -> ImageDataset:
    return draw(sorted(COLOURS) * 6)


@pytest.fixture(scope="module")
def pairs(cars) -> PairDataset:
    return PairDataset.sample(cars, n_pairs=100, seed=1)
