"""The plain tf.data.Dataset for code of one's own."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from car_recog.data.pipeline import SkippedPhotosWarning
from car_recog.data.samples import ImageDataset
from car_recog.errors import ImageDecodeError, OptionError


def colored(n, size=(4, 6)):
    photos = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, *size, 3)).copy()
    return ImageDataset.from_arrays(photos, [i % 3 for i in range(n)])


def order(batches):
    return [int(place) for photos, _ in batches for place in photos[:, 0, 0, 0]]


def test_batches_hold_uint8_photos_and_int32_labels():
    batches = colored(10).to_tf(image_size=(4, 6), batch_size=4)

    assert isinstance(batches, tf.data.Dataset)
    assert batches.element_spec == (tf.TensorSpec((None, 4, 6, 3), tf.uint8), tf.TensorSpec((None,), tf.int32))
    assert int(batches.cardinality()) == 3
    assert [tuple(photos.shape) for photos, _ in batches] == [(4, 4, 6, 3), (4, 4, 6, 3), (2, 4, 6, 3)]


def test_labels_follow_their_photos_in_any_order():
    for photos, labels in colored(20).to_tf(image_size=(4, 6), batch_size=6):
        assert (photos[:, 0, 0, 0].numpy() % 3 == labels.numpy()).all()


def test_without_shuffling_photos_come_in_order_every_time():
    batches = colored(10).to_tf(image_size=(4, 6), batch_size=4, shuffle=False)

    assert order(batches) == order(batches) == list(range(10))


def test_every_pass_has_a_new_order_and_the_passes_are_the_same_for_a_seed():
    def passes(seed):
        batches = colored(30).to_tf(image_size=(4, 6), batch_size=4, seed=seed)
        return [order(batches) for _ in range(3)]

    first = passes(5)

    assert all(sorted(one) == list(range(30)) for one in first)
    assert len({tuple(one) for one in first}) == 3
    assert passes(5) == first
    assert passes(6)[0] != first[0]


def test_a_repeated_dataset_shuffles_anew():
    both = order(colored(30).to_tf(image_size=(4, 6), batch_size=10).repeat(2))

    assert sorted(both[:30]) == sorted(both[30:]) == list(range(30))
    assert both[:30] != both[30:]


def test_files_are_read_and_broken_ones_left_out(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for i, path in enumerate(paths):
        Image.new("RGB", (9, 7), (i, i, i)).save(path)
    paths[2].write_bytes(b"no photo")
    data = ImageDataset.from_files(paths, ["door", "wheel", "door", "wheel", "door"])

    with pytest.warns(SkippedPhotosWarning, match="1 of 5 photos"):
        batches = data.to_tf(image_size=(8, 8), batch_size=2, shuffle=False, resize="letterbox")

    assert int(batches.cardinality()) == 2
    assert [labels.numpy().tolist() for _, labels in batches] == [[0, 1], [1, 0]]
    assert [photos[:, 4, 4, 0].numpy().tolist() for photos, _ in batches] == [[0, 1], [3, 4]]
    with pytest.raises(ImageDecodeError, match="1 of 5 photos are broken"):
        data.to_tf(image_size=(8, 8), on_error="raise")


def test_unknown_options_are_refused_at_once():
    with pytest.raises(OptionError, match="resize must be one of"):
        colored(3).to_tf(image_size=(4, 6), resize="crop")
