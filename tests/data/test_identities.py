import numpy as np
import pytest

from car_recog.data.identities import IdentityBatches, nearest_identities
from car_recog.data.pipeline import LoadedPhotos


def photos(labels: list[int]) -> LoadedPhotos:
    numbers = np.arange(len(labels), dtype=np.uint8)
    pixels = np.broadcast_to(numbers[:, None, None, None], (len(labels), 2, 2, 3))
    return LoadedPhotos(np.arange(len(labels)), np.array(labels, np.int32), {}, lambda chosen: pixels[chosen], list)


def batches(labels: list[int], **options) -> IdentityBatches:
    return IdentityBatches(photos(labels), **{"batch_size": 6, "per_identity": 2, "seed": 0} | options)


def test_a_batch_holds_as_many_photos_of_each_identity_as_asked_for():
    made = batches([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])

    for number in range(len(made)):
        pixels, labels = made[number]
        assert sorted(np.unique(labels, return_counts=True)[1]) == [2, 2, 2]
        assert len(set(pixels[:, 0, 0, 0].tolist())) == 6


def test_identities_with_one_photo_take_part_and_the_size_stays():
    made = batches([0, 0, 1, 2, 3, 4, 5, 5], batch_size=5)
    made.epoch = 3

    seen = np.concatenate([made[number][1] for number in range(50)])

    assert set(seen.tolist()) == {0, 1, 2, 3, 4, 5}
    assert {len(made[number][1]) for number in range(50)} == {5}


def test_a_batch_depends_on_seed_epoch_and_number_alone():
    first, second, other = batches([0, 0, 1, 1, 2, 2] * 3), batches([0, 0, 1, 1, 2, 2] * 3), batches([0, 0, 1, 1, 2, 2] * 3, seed=1)
    for made in (first, second, other):
        made.epoch = 2
    second[1]

    assert np.array_equal(first[0][0], second[0][0])
    assert not all(np.array_equal(first[number][0], other[number][0]) for number in range(3))


def test_every_second_batch_gathers_neighbours():
    labels = np.repeat(np.arange(40), 3).tolist()
    group = np.arange(40) // 10
    neighbours = np.array([[j for j in range(40) if group[j] == group[i] and j != i] for i in range(40)])
    made = batches(labels, batch_size=12, per_identity=3, neighbours=neighbours)

    groups = [len(set(group[made[number][1]].tolist())) for number in range(10)]

    assert set(groups[1::2]) == {1}
    assert min(groups[::2]) > 1


def test_no_more_photos_are_asked_for_than_there_are():
    made = batches([0, 0, 1], batch_size=48)

    assert len(made) == 1
    assert sorted(made[0][1].tolist()) == [0, 0, 1]


@pytest.mark.parametrize("k", [2, 9])
def test_nearest_identities_are_those_of_the_most_alike_mean_features(k):
    features = np.array([[1, 0], [1, 0.1], [0.9, 0.4], [0, 1], [0, 1]], float)

    nearest = nearest_identities(features, np.array([0, 0, 1, 3, 3]), k=k)

    assert nearest[[0, 1, 3]].tolist() == [[1, 3], [0, 3], [1, 0]]
