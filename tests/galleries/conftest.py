import pytest
from colour_cars import COLOURS, draw

from car_recog import ImageDataset


@pytest.fixture
def cars() -> ImageDataset:
    return draw(sorted(COLOURS) * 3)
