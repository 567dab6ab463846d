"""Photos kept or dropped by what a classifier sees."""

from types import SimpleNamespace

import numpy as np
import pytest

from car_recog.classifying.selection import filter_photos
from car_recog.data.samples import ImageDataset
from car_recog.errors import OptionError, UnknownNameError

SEEN = SimpleNamespace(
    class_names=("interior", "car", "logo"),
    predict_proba=lambda data: np.array([[0.1, 0.8, 0.1], [0.4, 0.35, 0.25], [0.3, 0.6, 0.1], [0.35, 0.4, 0.25]], np.float32)[: len(data)],
)


@pytest.fixture
def listings():
    return ImageDataset.from_files([f"{i}.jpg" for i in range(4)], ["a4", "a4", "x5", "x5"])


@pytest.mark.parametrize(("threshold", "kept"), [(0.0, "023"), (0.5, "02"), (0.7, "0"), (0.9, "")])
def test_photos_are_kept_that_are_surely_of_the_class(listings, threshold, kept):
    cars, others = filter_photos(SEEN, listings, class_name="car", threshold=threshold)

    assert "".join(sample.path.stem for sample in cars) == kept
    assert "".join(sample.path.stem for sample in others) == "".join(sorted(set("0123") - set(kept)))
    assert cars.class_names == others.class_names == ("a4", "x5")


def test_a_class_or_a_threshold_that_makes_no_sense_is_told(listings):
    with pytest.raises(UnknownNameError, match=r"Unknown class: 'cars'. Did you mean 'car'\? Known are"):
        filter_photos(SEEN, listings, class_name="cars")
    with pytest.raises(OptionError, match="threshold must lie in"):
        filter_photos(SEEN, listings, class_name="car", threshold=1.5)
