"""Each distinct photo is embedded once, whatever runs beside and whatever is killed."""

import errno
import json
import os

import numpy as np
import pytest
from toy_features import KEYS, Network, embed, features_of

from car_recog import embeddings
from car_recog.embeddings import FeatureCache, clear_embeddings, list_embeddings, namespace, weights_digest
from car_recog.errors import CacheFullError, TrainingError


def test_each_distinct_photo_passes_the_network_once_for_all_runs(tmp_path):
    keys = [KEYS[number] for number in (3, 1, 3, 0, 2, 1, 4)]

    features, chunks = embed(tmp_path, keys, chunk_size=2)
    again, none = embed(tmp_path, keys[::-1])

    assert features.dtype == np.float32 and np.array_equal(features, features_of(keys))
    assert chunks == [[0, 1], [3, 4], [6]]
    assert np.array_equal(again, features_of(keys[::-1])) and none == []


def test_only_what_is_missing_is_computed(tmp_path):
    embed(tmp_path, KEYS[3:6])

    features, chunks = embed(tmp_path, KEYS[:8])

    assert np.array_equal(features, features_of(KEYS[:8]))
    assert chunks == [[0, 1, 2, 6, 7]]


def test_no_photos_have_no_features(tmp_path):
    features, chunks = embed(tmp_path, [])

    assert features.shape == (0, 3) and chunks == []
    assert not list(tmp_path.iterdir())


def test_other_weights_and_other_facts_are_other_features(tmp_path):
    facts = {"backbone": "resnet50", "image_size": (64, 64), "weights": "a"}
    names = [namespace(**facts | change) for change in ({}, {"weights": "b"}, {"image_size": (64, 65)}, {"resize": "letterbox"})]

    passed = [len(embed(tmp_path, KEYS, name=name)[1]) for name in names]

    assert passed == [1] * 4 and len(set(names)) == 4
    assert namespace(**dict(reversed(facts.items()))) == names[0]


def test_weights_are_told_apart_by_numbers_shapes_types_and_order():
    class Model:
        def __init__(self, *weights):
            self.weights = weights

        def get_weights(self):
            return [np.array(values, np.float32) for values in self.weights]

    class Half(Model):
        def get_weights(self):
            return [np.array(values, np.float16) for values in self.weights]

    kernel, bias = [[1.0, 2.0], [3.0, 4.0]], [0.0, 5.0]
    models = [
        Model(kernel, bias),
        Model(bias, kernel),
        Model(np.transpose(kernel), bias),
        Model(np.ravel(kernel), bias),
        Model(kernel, [0.0, np.nextafter(np.float32(5), np.float32(6))]),
        Model(kernel),
        Half(kernel, bias),
    ]

    assert len({weights_digest(model) for model in models}) == 7
    assert weights_digest(Model(kernel, bias)) == weights_digest(models[0])


def test_the_weights_of_a_network_have_one_digest_wherever_they_are(tmp_path):
    import keras

    first, second = (keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization()]) for _ in "ab")
    first.save_weights(tmp_path / "net.weights.h5")
    before = weights_digest(second)
    second.load_weights(tmp_path / "net.weights.h5")

    assert before != weights_digest(first) == weights_digest(second)
    second.layers[-1].moving_mean.assign([0.0, 1e-3])
    assert weights_digest(second) != weights_digest(first)


# Errors


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused_and_what_was_finished_is_kept(tmp_path, value):
    with pytest.raises(TrainingError, match="1 of 4 photos got features that are no finite numbers. The weights"):
        embed(tmp_path, KEYS, Network(KEYS, at=9, fault=value), chunk_size=4)

    features, chunks = embed(tmp_path, KEYS)

    assert np.array_equal(features, features_of(KEYS))
    assert chunks == [list(range(8, 20))]


def test_features_of_another_shape_are_refused_and_not_repeated_for_all(tmp_path):
    with pytest.raises(TrainingError, match=r"features of 20 photos must be of shape \(20, 3\); got \(1, 3\)"):
        embed(tmp_path, KEYS, lambda _: np.ones((1, 3)))
    with pytest.raises(TrainingError, match=r"got \(20, 4\)"):
        embed(tmp_path, KEYS, lambda _: np.ones((20, 4)))


def test_what_ctrl_c_ends_goes_on_where_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        embed(tmp_path, KEYS, Network(KEYS, at=12, fault=KeyboardInterrupt()), chunk_size=5)

    features, chunks = embed(tmp_path, KEYS)

    assert np.array_equal(features, features_of(KEYS)) and chunks == [list(range(10, 20))]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="space cannot be reserved here")
def test_a_full_disk_is_told_at_the_first_pack(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(embeddings, "_PACK_SECONDS", -1)
    network = Network(KEYS)

    with monkeypatch.context() as patch, pytest.raises(CacheFullError, match="No space for 0 MiB of embeddings in"):
        patch.setattr(os, "posix_fallocate", full)
        embed(tmp_path, KEYS, network, chunk_size=5)

    assert len(network.chunks) == 1 and not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert np.array_equal(embed(tmp_path, KEYS)[0], features_of(KEYS))


@pytest.mark.parametrize("part", ["keys", "features"])
def test_a_damaged_pack_is_ignored_and_its_photos_are_embedded_anew(tmp_path, part):
    embed(tmp_path, KEYS)
    (keys,) = tmp_path.rglob("*.keys.npy")
    damaged = keys if part == "keys" else keys.with_name(keys.name.replace(".keys", ""))
    damaged.write_bytes(damaged.read_bytes()[:-1])

    features, chunks = embed(tmp_path, KEYS)

    assert np.array_equal(features, features_of(KEYS)) and chunks == [list(range(20))]
    assert embed(tmp_path, KEYS)[1] == []


# Looking after them


def test_embeddings_say_what_they_are_and_are_listed_and_cleared(tmp_path):
    facts = {"backbone": "mobilenet", "image_size": (64, 64)}
    FeatureCache("0123456789ab", 3, facts=facts, root=tmp_path).embed(KEYS, features_of_places)
    FeatureCache("ba9876543210", 3, root=tmp_path).embed(KEYS[:2], features_of_places)

    about = json.loads((tmp_path / "embeddings" / "0123456789ab" / "about.json").read_text("utf-8"))
    entries = list_embeddings(tmp_path)

    assert about["what"].startswith("Features of photos")
    assert about["backbone"] == "mobilenet" and about["image_size"] == [64, 64] and about["dim"] == 3
    assert [(entry.kind, entry.n_photos) for entry in entries] == [("embeddings-mobilenet-01234567", 20), ("embeddings-ba987654", 2)]
    assert clear_embeddings(tmp_path) == sum(entry.n_bytes for entry in entries)
    assert list_embeddings(tmp_path) == [] and not (tmp_path / "embeddings").exists()


def features_of_places(places):
    return features_of([KEYS[place] for place in places])


def test_embeddings_lie_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("CAR_RECOG_CACHE", str(tmp_path / "mine"))

    embed(None, KEYS[:1])

    assert list((tmp_path / "mine" / "embeddings" / "net").glob("*.keys.npy"))
