"""Batches: the same order and chances for a seed."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numbered_photos import SIZE, in_memory, places

from car_recog.data.augment import Augmentation
from car_recog.data.pipeline import Batches


def test_without_a_seed_all_photos_come_in_order_with_a_smaller_last_batch():
    batches = Batches(in_memory(10), np.arange(10), batch_size=4)

    assert len(batches) == 3
    assert [places(photos) for photos, _ in (batches[i] for i in range(3))] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [targets.tolist() for _, targets in (batches[i] for i in range(3))] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_without_targets_a_batch_is_photos_alone():
    (photos,) = Batches(in_memory(3), batch_size=4)[0]

    assert photos.shape == (3, *SIZE, 3) and photos.dtype == np.uint8


def test_with_a_seed_all_batches_are_full_and_no_photo_comes_twice():
    batches = Batches(in_memory(11), batch_size=4, shuffle_seed=3)

    assert len(batches) == 2
    seen = places(batches[0][0]) + places(batches[1][0])
    assert len(seen) == len(set(seen)) == 8
    assert seen != sorted(seen)


def test_a_batch_larger_than_the_dataset_holds_all_of_it():
    batches = Batches(in_memory(5), batch_size=64, shuffle_seed=0)

    assert len(batches) == 1
    assert sorted(places(batches[0][0])) == [0, 1, 2, 3, 4]


def test_targets_and_weights_follow_their_photos():
    targets, weights = np.eye(12)[:, ::-1], np.arange(12) / 7
    batches = Batches(in_memory(12), targets, weights=weights, batch_size=5, shuffle_seed=1)

    for number in range(len(batches)):
        photos, labels, shares = batches[number]

        assert np.array_equal(labels, targets[places(photos)])
        assert np.array_equal(shares, weights[places(photos)])


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a[0], b[0], strict=True)) and np.array_equal(a[1], b[1])


def test_a_batch_is_the_same_for_a_seed_whichever_thread_asks_for_it_and_when():
    def make():
        return Batches(
            in_memory(60), np.eye(60), batch_size=5, shuffle_seed=7, augmentation=Augmentation(SIZE, {"crop_area": 0.5, "mixup": 0.4})
        )

    alone = make()
    for epoch in (0, 1, 2):
        alone.epoch = epoch
        expected = [alone[i] for i in range(len(alone))]
        shared = make()
        shared.epoch = epoch
        numbers = list(range(len(alone))) * 8
        random.Random(epoch).shuffle(numbers)
        with ThreadPoolExecutor(8) as pool:
            assert all(same(batch, expected[number]) for number, batch in zip(numbers, pool.map(shared.__getitem__, numbers), strict=True))


def test_an_epoch_that_comes_again_is_the_same_again():
    batches = Batches(in_memory(20), batch_size=5, shuffle_seed=7)
    first = places(batches[2][0])
    batches.epoch = 5
    batches[2]
    batches.epoch = 0

    assert places(batches[2][0]) == first


def test_epochs_and_seeds_differ_in_order_and_draws():
    batches = Batches(in_memory(40), batch_size=40, shuffle_seed=7, augmentation=Augmentation(SIZE, {"flip": 0.5, "crop_area": 0.5}))
    other = Batches(in_memory(40), batch_size=40, shuffle_seed=8, augmentation=Augmentation(SIZE, {"flip": 0.5, "crop_area": 0.5}))
    (photos, draws), = batches[0]  # fmt: skip
    batches.epoch = 1
    (later_photos, later_draws), = batches[0]  # fmt: skip
    (other_photos, other_draws), = other[0]  # fmt: skip

    assert sorted(places(photos)) == sorted(places(later_photos)) == list(range(40))
    assert places(photos) != places(later_photos) and places(photos) != places(other_photos)
    assert not np.array_equal(draws, later_draws) and not np.array_equal(draws, other_draws)


def test_batches_of_one_epoch_have_draws_of_their_own():
    batches = Batches(in_memory(20), batch_size=10, shuffle_seed=7, augmentation=Augmentation(SIZE, {"crop_area": 0.5}))

    assert not np.array_equal(batches[0][0][1], batches[1][0][1])


def test_mixed_labels_and_weights_follow_the_mixed_photos():
    augmentation = Augmentation(SIZE, {"mixup": 1.0})
    batches = Batches(in_memory(16), np.eye(16), weights=np.arange(16.0), batch_size=8, shuffle_seed=2, augmentation=augmentation)

    (photos, draws), labels, weights = batches[1]

    blended = np.asarray(augmentation.apply(photos, draws))
    assert (labels.max(axis=1) < 0.999).any(), "something is mixed"
    assert labels.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-5)
    # A photo's colour is its place, so the blend of the colours is told by the blend of the labels.
    assert blended[:, 0, 0, 0] == pytest.approx(labels @ np.arange(16), abs=1e-3)
    assert weights == pytest.approx(labels @ np.arange(16), abs=1e-3)
