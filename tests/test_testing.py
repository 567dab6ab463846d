"""The contract kit: every backbone of this library passes it, and each way to break the contract is found out."""

import keras
import numpy as np
import pytest

from car_recog.backbones import BackboneSpec, list_backbones, register_backbone
from car_recog.backbones.registry import _TABLE
from car_recog.testing import check_backbone

QUICK = {"tiny_cnn": {}, "plain_cnn": {}, "mobilenet": {"alpha": 0.25}, "mobilenet_v3_small": {"alpha": 0.75}}
SLOW = [pytest.param(name, {}, marks=pytest.mark.slow) for name in list_backbones() if name not in QUICK]


@pytest.mark.parametrize(("name", "options"), [*QUICK.items(), *SLOW])
def test_every_backbone_keeps_the_contract(name, options):
    check_backbone(name, **options)


def network(*, scale=1 / 255, features=None, pooled=False, n_channels=4):
    """A small network whose parts can be made to break the contract."""
    photo = keras.Input((None, None, 3), name="photo")
    x = keras.layers.Rescaling(scale, offset=-0.5)(photo)
    if features is not None:
        x = features(x)
    x = keras.layers.Conv2D(n_channels, 3, strides=2, padding="same", name="conv")(x)
    return keras.Model(photo, keras.layers.GlobalAveragePooling2D()(x) if pooled else x)


def loaded(model, weights):
    if weights is not None:
        model.load_weights(weights)
    return model


def good(*, weights, image_size, n_channels=4):
    return loaded(network(n_channels=n_channels), weights)


class ByBatch(keras.layers.Layer):
    """Subtracts the mean over the batch."""

    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True)


class Guessing(keras.layers.Layer):
    """Takes what lies in [0, 255] down to [0, 1], and leaves what lies there already."""

    def call(self, x):
        return keras.ops.where(keras.ops.max(x) > 1.5, x / 255, x)


class Noisy(keras.layers.Layer):
    """Adds noise always."""

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x))


class Forgetful(keras.layers.Layer):
    """Keeps a number outside its weights."""

    def __init__(self):
        super().__init__()
        self.number = np.random.default_rng().uniform(1, 9)

    def call(self, x):
        return x * self.number


class Cut(keras.layers.Layer):
    """Stops the gradient."""

    def call(self, x):
        return keras.ops.stop_gradient(x)


def guessing(*, weights, image_size):
    photo = keras.Input((None, None, 3), name="photo")
    return loaded(keras.Model(photo, keras.layers.Conv2D(4, 3, strides=2)(Guessing()(photo))), weights)


def with_layer(layer):
    return lambda *, weights, image_size: loaded(network(features=lambda x: layer()(x)), weights)


def cut_off(x):
    return Cut()(keras.layers.Conv2D(3, 1, name="never_taught")(x))


def overflowing(*, weights, image_size):
    return network(scale=1e38)


def too_small(*, weights, image_size):
    photo = keras.Input((None, None, 3))
    return keras.Model(photo, keras.layers.Conv2D(4, 1)(photo)[:, 40:, 40:])


def one_size(*, weights, image_size):
    photo = keras.Input((*image_size, 3))
    return keras.Model(photo, keras.layers.Conv2D(4, 3, strides=2)(photo))


def half_precision(*, weights, image_size):
    photo = keras.Input((None, None, 3))
    return keras.Model(photo, keras.layers.Conv2D(4, 3, strides=2, dtype="float16")(photo))


def deaf_to_weights(*, weights, image_size):
    return network()


def eager_for_options(*, weights, image_size, **options):
    return good(weights=weights, image_size=image_size)


def impossible(*, weights, image_size):
    raise RuntimeError("out of order")


BROKEN = {
    "pooled": (lambda *, weights, image_size: network(pooled=True), r"must be a map \(batch, h, w, channels\); their shape is \(4, 4\)"),
    "not a model": (lambda *, weights, image_size: "model", "build returns a str, not a keras.Model"),
    "does not build": (impossible, "does not build for photos of .* RuntimeError: out of order"),
    "overflowing": (overflowing, "features that are not finite"),
    "empty map": (too_small, "feature map of photos of .* is empty"),
    "one size only": (one_size, "does not take float32 photos of"),
    "half precision": (half_precision, "must be float32, not float16"),
    "guesses the range": (guessing, r"in \[0, 1\] give the same features"),
    "noisy": (with_layer(Noisy), "Inference is random"),
    "augments": (with_layer(lambda: keras.layers.RandomFlip(seed=1)), "a layer trains by default"),
    "looks at the batch": (with_layer(ByBatch), "depend on the other photos of its batch"),
    "forgetful": (with_layer(Forgetful), "must not depend on `weights`, nor keep anything outside its weights"),
    "deaf to weights": (deaf_to_weights, "does it load the file"),
    "takes any option": (eager_for_options, "takes the option 'no_such_option' without a word"),
    "cut off": (with_layer(lambda: cut_off), "2 of 4 trainable weights unchanged: .*never_taught"),
}


@pytest.fixture
def register(monkeypatch):
    for field in ("_things", "_owners"):
        monkeypatch.setattr(_TABLE, field, dict(getattr(_TABLE, field)))
    return lambda build, **fields: register_backbone(BackboneSpec(name="candidate", build=build, image_size=(48, 48), **fields))


def test_a_sound_backbone_passes(register):
    register(good)

    check_backbone("candidate")
    check_backbone("candidate", n_channels=2)


@pytest.mark.parametrize(("build", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_contract_is_found_out_and_put_in_words(register, build, message):
    register(build)

    with pytest.raises(AssertionError, match=message):
        check_backbone("candidate")


def test_a_backbone_of_one_size_passes_when_it_says_so(register):
    register(
        lambda *, weights, image_size: loaded(one_size(weights=weights, image_size=image_size), weights), is_size_flexible=False
    )

    check_backbone("candidate")


def test_a_backbone_that_ignores_a_missing_file_is_found_out(register):
    register(lambda *, weights, image_size: loaded(network(), None if "missing" in str(weights) else weights))

    with pytest.raises(AssertionError, match=r"build\(weights='missing\.weights\.h5'\) raises nothing"):
        check_backbone("candidate")


def test_a_name_that_nobody_offers_is_found_out():
    with pytest.raises(AssertionError, match="'no_such_backbone' is not listed: is its package installed"):
        check_backbone("no_such_backbone")


def test_a_natural_size_below_the_smallest_is_found_out(register):
    register(good, min_image_size=(64, 64))

    with pytest.raises(AssertionError, match=r"image_size \(48, 48\) is below min_image_size \(64, 64\)"):
        check_backbone("candidate")


def test_the_momentum_of_batch_normalization_is_left_as_it_was():
    from car_recog.testing import _settle_batch_norm

    photos = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    photo = keras.Input((None, None, 3))
    model = keras.Model(photo, keras.layers.BatchNormalization(momentum=0.7, name="norm")(photo))

    _settle_batch_norm(model, photos)

    layer = model.get_layer("norm")
    assert layer.momentum == 0.7
    np.testing.assert_allclose(np.asarray(layer.moving_mean), photos.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(layer.moving_variance), photos.var(axis=(0, 1, 2)), rtol=1e-4)
