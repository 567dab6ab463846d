"""All changes of a training phase, put together from plain values."""

import keras
import numpy as np
import pytest

from car_recog.data.augment import Augmentation
from car_recog.data.augment_layers import Mixup, RandomColor, RandomErasing, RandomView
from car_recog.errors import OptionError

EVERYTHING = {
    "flip": 0.5, "crop_area": 0.5, "crop_aspect": 1.2, "rotation": 10.0, "zoom": 0.1, "translation": 0.1,
    "brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.05, "erasing": 0.5, "mixup": 0.4,
}  # fmt: skip


def noise(n=4, height=20, width=30):
    return np.random.default_rng(0).integers(0, 256, (n, height, width, 3), np.uint8)


def kinds(augmentation):
    return [type(layer) for layer in augmentation.layers]


def test_no_values_only_fit_the_photos_to_the_size():
    augmentation = Augmentation((20, 30), {})
    draws = augmentation.draw(np.random.default_rng(0), 4)

    assert kinds(augmentation) == [RandomView]
    assert np.asarray(augmentation.apply(noise(), draws)) == pytest.approx(noise().astype(float), abs=1e-3)
    assert np.asarray(Augmentation((8, 8), {}).apply(noise(), draws)).shape == (4, 8, 8, 3)


def test_every_value_reaches_its_layer():
    augmentation = Augmentation((16, 24), EVERYTHING)

    assert kinds(augmentation) == [RandomView, RandomColor, RandomErasing, Mixup]
    view, color, erasing, mixup = augmentation.layers
    assert view.size == (16, 24)
    for layer, names in ((view, RandomView.arguments[1:]), (color, RandomColor.arguments)):
        assert {name: getattr(layer, name) for name in names} == {name: EVERYTHING[name] for name in names}
    assert erasing.chance == 0.5 and mixup.alpha == 0.4


def test_values_of_nought_add_no_layer():
    nought = dict.fromkeys(("flip", "rotation", "brightness", "hue", "erasing", "mixup"), 0.0)

    assert kinds(Augmentation((8, 8), nought)) == [RandomView]


def test_photos_are_not_flipped_unless_that_is_asked_for():
    draws = Augmentation((8, 8), {"crop_area": 0.5}).draw(np.random.default_rng(0), 200)

    assert (draws[:, 4] == 1).all()


def test_the_layers_are_applied_one_after_another_each_with_its_own_draws():
    augmentation = Augmentation((16, 24), EVERYTHING)
    rng = np.random.default_rng(5)
    parts = [layer.draw(rng, 4) for layer in augmentation.layers]
    photos = noise()
    for layer, part in zip(augmentation.layers, parts, strict=True):
        photos = layer([photos, part])

    draws = augmentation.draw(np.random.default_rng(5), 4)

    assert np.array_equal(draws, np.concatenate(parts, axis=1))
    assert np.array_equal(np.asarray(augmentation.apply(noise(), draws)), np.asarray(photos))


def test_the_same_generator_gives_the_same_photos_and_another_gives_others():
    augmentation = Augmentation((16, 24), EVERYTHING)

    first, again, other = (np.asarray(augmentation.apply(noise(), augmentation.draw(np.random.default_rng(seed), 4))) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_labels_are_blended_with_mixup_and_left_alone_without():
    labels = np.eye(4)
    mixing, plain = Augmentation((8, 8), EVERYTHING), Augmentation((8, 8), {"flip": 0.5})
    draws = mixing.draw(np.random.default_rng(1), 4)

    assert mixing.is_mixing and not plain.is_mixing
    assert np.array_equal(mixing.mix_labels(labels, draws), Mixup.mix_labels(labels, draws[:, -2:]))
    assert not np.array_equal(mixing.mix_labels(labels, draws), labels)
    assert plain.mix_labels(labels, plain.draw(np.random.default_rng(1), 4)) is labels


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_network_of_mixed_precision_does_not_make_places_and_colours_coarse(policy):
    draws = Augmentation((16, 24), EVERYTHING).draw(np.random.default_rng(1), 4)
    expected = np.asarray(Augmentation((16, 24), EVERYTHING).apply(noise(), draws))
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        seen = Augmentation((16, 24), EVERYTHING).apply(noise(), draws)
    finally:
        keras.config.set_dtype_policy(before)

    assert keras.backend.standardize_dtype(seen.dtype) == "float32"
    assert np.array_equal(np.asarray(seen), expected)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traces a TensorFlow function")
def test_it_runs_inside_a_compiled_step_whose_batch_size_is_open():
    import tensorflow as tf

    augmentation = Augmentation((16, 24), EVERYTHING)
    draws = augmentation.draw(np.random.default_rng(1), 4)
    signature = [tf.TensorSpec((None, 20, 30, 3), tf.uint8), tf.TensorSpec((None, draws.shape[1]), tf.float32)]

    compiled = tf.function(augmentation.apply, input_signature=signature)

    assert np.asarray(compiled(noise(), draws)) == pytest.approx(np.asarray(augmentation.apply(noise(), draws)), abs=0.01)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flipp": 0.5}, r"Unknown augmentation: 'flipp'. Did you mean 'flip'\? Known are flip, crop_area, .*, erasing, mixup"),
        ({"mirror": 0.5}, r"Unknown augmentation: 'mirror'. Known are"),
        ({"flip": 1.1}, r"The augmentation 'flip' must lie in \[0, 1\]; got 1.1"),
        ({"flip": -0.1}, r"'flip' must lie in \[0, 1\]; got -0.1"),
        ({"crop_area": 0.0}, r"'crop_area' must lie in \[0.001, 1\]; got 0.0"),
        ({"crop_area": 1.5}, r"'crop_area' must lie in \[0.001, 1\]; got 1.5"),
        ({"crop_aspect": 0.9}, r"'crop_aspect' must lie in \[1, 10\]; got 0.9"),
        ({"rotation": 181}, r"'rotation' must lie in \[0, 180\]; got 181"),
        ({"zoom": -1}, r"'zoom' must lie in \[0, 10\]; got -1"),
        ({"translation": 2}, r"'translation' must lie in \[0, 1\]; got 2"),
        ({"brightness": 1.01}, r"'brightness' must lie in \[0, 1\]; got 1.01"),
        ({"contrast": 1.01}, r"'contrast' must lie in \[0, 1\]; got 1.01"),
        ({"saturation": float("nan")}, r"'saturation' must lie in \[0, 1\]; got nan"),
        ({"hue": 0.6}, r"'hue' must lie in \[0, 0.5\]; got 0.6"),
        ({"erasing": 2}, r"'erasing' must lie in \[0, 1\]; got 2"),
        ({"mixup": -0.2}, r"'mixup' must lie in \[0, 1\]; got -0.2"),
    ],
)
def test_unknown_names_and_values_out_of_range_are_refused(values, message):
    with pytest.raises(OptionError, match=message):
        Augmentation((8, 8), values)
