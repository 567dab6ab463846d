"""Splits: every class in its share on every side, groups never torn apart."""

from collections import Counter

import numpy as np
import pytest

from car_recog.data import splits
from car_recog.data.folders import FolderDataset
from car_recog.data.samples import ImageDataset
from car_recog.data.splits import split_classes, split_indices
from car_recog.errors import DataError, OptionError

FRACTIONS = [(0.7, 0.15, 0.15), (0.5, 0.5), (0.8, 0.2), (0.6, 0.2), (0.34, 0.33, 0.33), (0.1, 0.2, 0.3, 0.4), (1.0,), (0.25,)]


def names(n):
    return [f"class {i}" for i in range(n)]


def split(labels, fractions, **options):
    labels = np.asarray(labels)
    return split_indices(labels, fractions, class_names=names(labels.max() + 1), **options)


def random_labels(rng, least):
    """Labels of up to nine classes, each with so many photos at least."""
    counts = rng.integers(least, least + rng.choice([5, 30, 200]), rng.integers(1, 10))
    return rng.permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_without_groups_each_class_is_cut_within_one_photo_of_its_share(fractions):
    rng = np.random.default_rng(len(fractions))
    for seed in range(40):
        labels = random_labels(rng, len(fractions))

        sides = split(labels, fractions, seed=seed)

        places = np.concatenate(sides)
        assert len(np.unique(places)) == len(places), "a photo stands on two sides"
        for class_id, n in Counter(labels.tolist()).items():
            for side, share in zip(sides, fractions, strict=True):
                count = int((labels[side] == class_id).sum())
                # A side whose share is below one photo gets one, which others must give up.
                slack = 1 if min(fractions) * n >= 1 else len(fractions)
                assert count >= 1
                assert abs(count - share * n) <= slack + 1e-9
        if sum(fractions) == pytest.approx(1):
            assert len(places) == len(labels)


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_groups_stay_whole_and_every_class_is_on_every_side(fractions):
    rng = np.random.default_rng(10 + len(fractions))
    for seed in range(30):
        labels = random_labels(rng, 30)
        # Groups of one to three photos of any classes, some photos alone: a class then lies in ten groups or more.
        groups = rng.permutation(np.arange(len(labels)) // 3).tolist()
        groups = [None if alone else group for group, alone in zip(groups, rng.random(len(groups)) < 0.2, strict=True)]

        sides = split(labels, fractions, groups=groups, seed=seed)

        places = np.concatenate(sides)
        assert len(np.unique(places)) == len(places)
        side_of = {place: number for number, side in enumerate(sides) for place in side.tolist()}
        homes = {}
        for place, group in enumerate(groups):
            if group is not None:
                homes.setdefault(group, set()).add(side_of.get(place))
        assert all(len(home) == 1 for home in homes.values()), "a group is torn apart"
        for side, share in zip(sides, fractions, strict=True):
            assert (np.bincount(labels[side], minlength=labels.max() + 1) > 0).all()
            assert abs(len(side) - share * len(labels)) <= 0.05 * len(labels) + 3


def test_each_class_keeps_its_share_when_groups_are_small_beside_it():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    groups = np.where(labels == 0, 0, np.where(labels == 1, 1000, 2000)) + rng.integers(0, 60, len(labels))

    sides = split(labels, (0.7, 0.15, 0.15), groups=groups.tolist(), seed=0)

    for side, share in zip(sides, (0.7, 0.15, 0.15), strict=True):
        assert np.bincount(labels[side]) / [600, 300, 100] == pytest.approx([share] * 3, abs=0.03)


def test_a_seed_gives_the_same_split_and_another_seed_another():
    labels = np.arange(200) % 4
    for groups in (None, (np.arange(200) // 2).tolist()):
        first, again, other = (split(labels, (0.5, 0.5), groups=groups, seed=seed) for seed in (7, 7, 8))

        assert all((a == b).all() for a, b in zip(first, again, strict=True))
        assert not all(len(a) == len(b) and (a == b).all() for a, b in zip(first, other, strict=True))


def test_sides_are_sorted():
    sides = split(np.arange(60) % 3, (0.5, 0.5), seed=1)

    assert all((np.diff(side) > 0).all() for side in sides)


def test_a_remainder_is_left_out_class_by_class_and_group_by_group():
    labels = np.arange(400) % 4
    groups = np.arange(400) // 4

    for options in ({}, {"groups": groups.tolist()}):
        sides = split(labels, (0.5, 0.25), **options)

        assert [np.bincount(labels[side]).tolist() for side in sides] == [[50] * 4, [25] * 4]
    left_out = np.setdiff1d(np.arange(400), np.concatenate(sides))
    assert not set(groups[left_out]) & set(groups[np.concatenate(sides)])


def test_odd_photos_are_shared_by_lot_so_that_no_side_wins_them_in_every_class():
    labels = np.repeat(np.arange(200), 10)

    sides = split(labels, (0.7, 0.15, 0.15))

    # Each class leaves one photo to one of two sides: 200 tosses of a coin, four standard deviations are 28.
    assert len(sides[0]) == 1400
    assert abs(len(sides[1]) - 300) <= 28
    assert len(sides[1]) + len(sides[2]) == 600


def test_none_stands_alone_among_groups():
    sides = split([0] * 20, (0.5, 0.5), groups=[None] * 10 + ["car"] * 10)

    assert sorted(map(len, sides)) == [10, 10]
    assert any(set(range(10, 20)) <= set(side.tolist()) for side in sides)


@pytest.mark.parametrize("fractions", [(0.7, 0.4), (0.5, 0.0), (-0.1, 0.5), (1.5,), (float("nan"), 0.5), ()])
def test_fractions_that_make_no_sense_are_refused(fractions):
    with pytest.raises(DataError, match=r"Fractions must lie in \(0, 1\] with a sum of at most 1; got"):
        split([0] * 20, fractions)


def test_a_sum_above_one_by_rounding_alone_is_taken():
    fractions = (0.2, 0.4, 0.3, 0.1)
    assert sum(fractions) > 1

    assert [len(side) for side in split([0] * 10, fractions)] == [2, 4, 3, 1]


def test_too_few_photos_of_a_class_are_told_with_class_and_counts():
    labels = [0] * 20 + [1] * 2 + [2]

    with pytest.raises(DataError) as error:
        split(labels, (0.7, 0.15, 0.15))

    assert "Too few photos of 2 classes to put one on each of 3 sides" in str(error.value)
    assert "class 1: 2 photos in 2 groups, sides would get [1, 1, 0]" in str(error.value)
    assert "class 2: 1 photos in 1 groups, sides would get [1, 0, 0]" in str(error.value)
    assert "class 0" not in str(error.value)
    assert "leave the classes out" in str(error.value)


def test_too_few_groups_of_a_class_are_told_with_class_and_counts():
    labels = [0] * 20 + [1] * 9
    groups = [None] * 20 + ["one car"] * 5 + ["another car"] * 4

    with pytest.raises(DataError, match=r"class 1: 9 photos in 2 groups, sides would get \[5, 4, 0\]"):
        split(labels, (0.7, 0.15, 0.15), groups=groups)


def test_a_class_without_any_photo_is_no_fault():
    sides = split_indices(np.array([0, 0, 2, 2]), (0.5, 0.5), class_names=names(3))

    assert [len(side) for side in sides] == [2, 2]


def test_nothing_cannot_be_split():
    with pytest.raises(DataError, match="no photos to split"):
        split_indices(np.array([], int), (0.5, 0.5), class_names=["door"])


@pytest.mark.photos
def test_crops_of_one_street_photo_stay_on_one_side_and_the_shares_hold(shared):
    data = FolderDataset(shared / "data" / "parts", r"(?P<label>[^/]+)/(?P<group>.+)_[^_]+$")
    assert len(data) == 2431 and len(data.class_names) == 12
    assert all(sample.group == sample.path.stem.rpartition("_")[0] for sample in data)

    sides = data.split(0.7, 0.15, 0.15, seed=0)

    photos = [{sample.group for sample in side} for side in sides]
    assert not photos[0] & photos[1] and not photos[0] & photos[2] and not photos[1] & photos[2]
    assert sum(map(len, sides)) == 2431
    for side, share in zip(sides, (0.7, 0.15, 0.15), strict=True):
        counts = side.class_counts()
        for name, n in data.class_counts().items():
            assert counts[name] / n == pytest.approx(share, abs=0.05), name


def test_another_deal_is_tried_where_one_leaves_a_class_out(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, groups = np.array([0, 0, 1, 1]), ["a", "b", "a", "b"]
    deals = iter([np.zeros(4, int), np.array([1, 0, 1, 0])])
    monkeypatch.setattr(splits, "_deal_groups", lambda *_: next(deals))

    first, second = splits.split_indices(labels, (0.5, 0.5), class_names=["door", "wheel"], groups=groups)

    assert (first.tolist(), second.tolist()) == ([1, 3], [0, 2])


def test_whole_classes_are_dealt_out_in_their_share():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(40), 5))
    for seed in range(20):
        sides = split_classes(labels, [0.5, 0.25, 0.25], groups=[None] * 200, seed=seed)

        assert [len(set(labels[side])) for side in sides] == [20, 10, 10]
        assert sorted(np.concatenate(sides)) == list(range(200))


def test_classes_that_share_a_group_stay_on_one_side():
    labels, groups = np.repeat(np.arange(6), 2), [None, "a", "a", None, None, "b", None, "b", None, None, None, None]
    for seed in range(20):
        first, second = split_classes(labels, [0.5, 0.5], groups=groups, seed=seed)

        for together in ({0, 1}, {2, 3}):
            assert together <= set(labels[first]) or together <= set(labels[second])
        assert not set(labels[first]) & set(labels[second])


def test_fewer_classes_than_sides_are_an_error():
    with pytest.raises(DataError, match="Too few classes to share none between 2 sides: 2, in 1 groups."):
        split_classes(np.array([0, 1]), [0.5, 0.5], groups=["a", "a"])


def test_a_dataset_is_split_by_class_and_each_side_has_names_of_its_own():
    data = ImageDataset.from_files([f"{i}.jpg" for i in range(60)], [f"car{i % 20}" for i in range(60)])

    train, test = data.split(0.8, 0.2, seed=1, disjoint="class")

    assert (len(train), len(test)) == (48, 12)
    assert sorted(train.class_names + test.class_names) == sorted(data.class_names)
    assert {sample.path for sample in (*train.samples, *test.samples)} == {sample.path for sample in data.samples}
    assert all(side.class_names[sample.class_id] == sample.class_name for side in (train, test) for sample in side.samples)


def test_classes_that_share_a_picture_stay_together_where_that_is_asked_for():
    photos = np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), np.uint8)
    photos[7] = photos[0]
    data = ImageDataset.from_arrays(photos, [f"car{i // 2}" for i in range(8)])
    for seed in range(10):
        sides = data.split(0.5, 0.5, seed=seed, disjoint="class", near_duplicates="together")

        assert any({"car0", "car3"} <= set(side.class_names) for side in sides)


def test_another_word_for_disjoint_is_refused():
    with pytest.raises(OptionError, match="disjoint must be None or 'class'; got 'image'."):
        ImageDataset.from_files(["a.jpg"], ["car"]).split(0.5, disjoint="image")
