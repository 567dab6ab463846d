"""Samples, labels and the immutable dataset."""

import attrs
import numpy as np
import pytest

from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError


def photos(n, side=4):
    """Photos that tell by their colour where they stood."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, side, side, 3)).copy()


def test_names_become_ids_in_sorted_order():
    data = ImageDataset.from_files(["a.jpg", "b.jpg", "c.jpg"], ["wheel", "door", "wheel"])

    assert data.class_names == ("door", "wheel")
    assert data.labels.tolist() == [1, 0, 1] and data.labels.dtype == np.int32
    assert [str(sample.path) for sample in data] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [sample.class_name for sample in data] == ["wheel", "door", "wheel"]


def test_given_class_names_fix_the_order_and_may_be_without_photos():
    data = ImageDataset.from_files(["a.jpg"], ["door"], class_names=["wheel", "mirror", "door"])

    assert data.labels.tolist() == [2]
    assert data.class_counts() == {"wheel": 0, "mirror": 0, "door": 1}


def test_integers_are_ids_and_their_texts_the_names():
    data = ImageDataset.from_files(["a.jpg", "b.jpg"], np.array([3, 1]))

    assert data.class_names == ("0", "1", "2", "3")
    assert data.labels.tolist() == [3, 1]
    assert data[0].class_name == "3"


def test_integers_point_into_given_class_names():
    data = ImageDataset.from_arrays(photos(2), [1, 0], class_names=["door", "wheel"])

    assert [sample.class_name for sample in data] == ["wheel", "door"]
    assert [sample.path for sample in data] == [None, None]


@pytest.mark.parametrize(
    ("labels", "class_names", "message"),
    [
        ([0, 2], ["door", "wheel"], r"Labels must lie in 0 to 1; got \[2\]"),
        ([-1, 0], None, r"Labels must lie in 0 to 0; got \[-1\]"),
        ([0, 10**9], None, r"Labels must lie in 0 to 99999; got \[1000000000\]"),
        (["door", "hood"], ["door", "wheel"], r"Unknown classes: \['hood'\]. Known are: \['door', 'wheel'\]"),
        (["door", 1], None, r"all class names or all integers; got \['int', 'str'\]"),
        ([0.0, 1.0], None, r"all class names or all integers; got \['float'\]"),
        ([True, False], None, r"all class names or all integers; got \['bool'\]"),
        ([0], None, "one label per file; got 2 files and 1 labels"),
        ([0, 1], ["door", "door"], r"Class names must differ from each other; got \['door', 'door'\]"),
    ],
)
def test_labels_that_do_not_fit_are_told(labels, class_names, message):
    with pytest.raises(DataError, match=message):
        ImageDataset.from_files(["a.jpg", "b.jpg"], labels, class_names=class_names)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), "Expected photos as uint8 in .0, 255.; got float32"),
        (np.zeros((2, 4, 4), np.uint8), r"shape \(n, height, width, 3\); got \(2, 4, 4\)"),
        (np.zeros((2, 4, 4, 4), np.uint8), r"shape \(n, height, width, 3\); got \(2, 4, 4, 4\)"),
        (np.zeros((3, 4, 4, 3), np.uint8), "one label per photo; got 3 photos and 2 labels"),
    ],
)
def test_arrays_that_are_no_photos_are_refused(images, message):
    with pytest.raises(DataError, match=message):
        ImageDataset.from_arrays(images, [0, 1])


def test_a_sample_with_neither_file_nor_array_is_refused():
    samples = [Sample(None, 0, "door"), Sample("a.jpg", 0, "door")]

    with pytest.raises(DataError, match="1 of 2 have neither"):
        ImageDataset(samples, ["door"])


def test_a_dataset_and_its_samples_do_not_change():
    data = ImageDataset.from_files(["a.jpg"], ["door"])

    assert isinstance(data.samples, tuple) and isinstance(data.class_names, tuple)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        data[0].class_id = 3


def test_a_slice_is_a_dataset_and_keeps_photos_beside_their_labels():
    data = ImageDataset.from_arrays(photos(6), [0, 1, 2, 0, 1, 2])

    part = data[4:1:-2]

    assert isinstance(part, ImageDataset) and part.class_names == data.class_names
    assert part.labels.tolist() == [1, 2]
    assert part.images[:, 0, 0, 0].tolist() == [4, 2]
    assert len(data[:0]) == 0


def test_a_place_outside_is_an_index_error():
    data = ImageDataset.from_files(["a.jpg"], ["door"])

    with pytest.raises(IndexError):
        data[1]


def test_a_subset_follows_the_given_order():
    data = ImageDataset.from_files([f"{i}.jpg" for i in range(4)], ["a", "b", "c", "d"])

    assert [str(sample.path) for sample in data.subset([3, 0, 0])] == ["3.jpg", "0.jpg", "0.jpg"]


def test_photos_and_classes_are_told_in_one_word():
    assert repr(ImageDataset.from_files(["a.jpg", "b.jpg"], ["door", "wheel"])) == "ImageDataset(2 photos, 2 classes)"


def test_samples_are_numbered_anew_by_name():
    data = ImageDataset.from_arrays(photos(2), ["door", "wheel"])

    other = data.with_class_names(["wheel", "hood", "door"])

    assert other.labels.tolist() == [2, 0]
    assert other.images[:, 0, 0, 0].tolist() == [0, 1]
    assert data.labels.tolist() == [0, 1]


def test_a_class_with_photos_must_be_among_the_new_names_and_one_without_need_not():
    data = ImageDataset.from_files(["a.jpg"], ["door"], class_names=["door", "trunk"])

    assert data.with_class_names(["door"]).class_names == ("door",)
    with pytest.raises(DataError, match=r"Unknown classes: \['door'\]. Known are: \['trunk'\]"):
        data.with_class_names(["trunk"])


def test_a_split_keeps_photos_labels_and_class_names_together():
    data = ImageDataset.from_arrays(photos(40), [0, 1] * 20, class_names=["even", "odd"])

    sides = data.split(0.5, 0.25, 0.25, seed=1)

    assert [len(side) for side in sides] == [20, 10, 10]
    assert all(side.class_names == ("even", "odd") for side in sides)
    assert all((side.images[:, 0, 0, 0] % 2 == side.labels).all() for side in sides)
    assert sorted(np.concatenate([side.images[:, 0, 0, 0] for side in sides]).tolist()) == list(range(40))


def test_none_given_means_70_15_15():
    data = ImageDataset.from_files([f"{i}.jpg" for i in range(100)], ["door"] * 100)

    assert [len(side) for side in data.split()] == [70, 15, 15]


def test_the_samples_own_groups_stay_together_unless_others_are_given():
    data = ImageDataset([Sample(f"{i}.jpg", 0, "door", group=str(i // 4), attributes={"car": str(i % 10)}) for i in range(40)], ["door"])

    own, other = data.split(0.5, 0.5), data.split(0.5, 0.5, group=lambda sample: sample.attributes["car"])

    assert not {sample.group for sample in own[0]} & {sample.group for sample in own[1]}
    assert not {sample.attributes["car"] for sample in other[0]} & {sample.attributes["car"] for sample in other[1]}
    assert {sample.group for sample in other[0]} & {sample.group for sample in other[1]}
