"""The small networks that are built here."""

import keras
import numpy as np
import pytest

from car_recog.backbones import get_backbone
from car_recog.errors import OptionError, WeightsError

NAMES = ("plain_cnn", "tiny_cnn")


def build(name, weights=None, normalization="backbone", **options):
    return get_backbone(name).build_checked(weights=weights, image_size=(64, 64), normalization=normalization, backbone_options=options)


def make_photos(n_photos=2, side=64):
    return np.random.default_rng(0).uniform(0, 255, (n_photos, side, side, 3)).astype("float32")


def test_plain_cnn_is_three_blocks_that_each_halve_the_map():
    model = build("plain_cnn")

    widths = [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert widths == [32, 64, 128]
    assert tuple(model.compute_output_shape((1, 64, 64, 3))) == (1, 8, 8, 128)
    # 3x3 kernels with biases: 9 * 3 * 32 + 32, 9 * 32 * 64 + 64, 9 * 64 * 128 + 128.
    assert model.count_params() == 896 + 18_496 + 73_856


@pytest.mark.parametrize(
    ("normalization", "channel", "change"),
    [("backbone", 0, lambda red: np.maximum(red / 127.5 - 1, 0)), ("unit", 2, lambda blue: blue / 255)],
)
def test_plain_cnn_normalizes_and_computes_convolution_relu_and_pooling(normalization, channel, change):
    model = build("plain_cnn", widths=[1], normalization=normalization)
    kernel = np.zeros((3, 3, 3, 1), "float32")
    kernel[1, 1, channel, 0] = 1
    model.set_weights([kernel, np.zeros(1, "float32")])
    photos = make_photos()

    features = np.asarray(model(photos))

    # The kernel copies one colour, which lies in [-1, 1] or [0, 1]; ReLU cuts below 0; each 2x2 square leaves its largest.
    wanted = change(photos[..., channel]).reshape(2, 32, 2, 32, 2).max(axis=(2, 4))
    np.testing.assert_allclose(features[..., 0], wanted, atol=1e-5)


def test_batch_norm_and_dropout_are_added_to_each_block():
    model = build("plain_cnn", widths=(4, 8), batch_norm=True, dropout=0.3)

    kinds = [type(layer).__name__ for layer in model.layers[2:]]
    assert kinds == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D", "Dropout"] * 2
    assert model.layers[-1].rate == 0.3


def test_tiny_cnn_is_a_sixteenth_of_the_photo():
    assert tuple(build("tiny_cnn").compute_output_shape((1, 96, 64, 3))) == (1, 6, 4, 96)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("widths", [[], "32", [0], [8, -1], [8.5]])
def test_widths_that_are_no_whole_numbers_are_refused(name, widths):
    with pytest.raises(OptionError, match="widths must be a sequence of whole numbers from 1 on"):
        build(name, widths=widths)


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_a_dropout_that_is_no_share_is_refused(dropout):
    with pytest.raises(OptionError, match=r"dropout must be a share in \[0, 1\)"):
        build("plain_cnn", dropout=dropout)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_read_from_a_file(name, tmp_path):
    path = str(tmp_path / "small.weights.h5")
    source = build(name, widths=[4, 8])
    source.save_weights(path)

    again = build(name, weights=path, widths=[4, 8])

    np.testing.assert_array_equal(np.asarray(again(make_photos())), np.asarray(source(make_photos())))
    with pytest.raises(WeightsError, match=rf"do not fit the backbone '{name}' with the backbone_options .*'widths': \[4, 9\]"):
        build(name, weights=path, widths=[4, 9])


@pytest.mark.parametrize("name", NAMES)
def test_neither_offers_pretrained_weights(name):
    with pytest.raises(WeightsError, match=f"'{name}' offers no pretrained weights by name; weights is 'imagenet'"):
        build(name, weights="imagenet")


def test_tiny_cnn_learns_two_patterns_from_a_few_photos():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    stripes = np.tile(np.repeat([[0.0], [200.0]], 4, axis=0), (4, 32))  # 32 x 32 pixels, stripes of 4 pixels across
    photos = np.stack([stripes if label else stripes.T for label in labels])[..., None] + rng.uniform(0, 55, (40, 32, 32, 3))
    model = build("tiny_cnn")
    classifier = keras.Sequential([model, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(optimizer=keras.optimizers.Adam(3e-3), loss=loss)

    classifier.fit(photos[:20], labels[:20], epochs=15, batch_size=10, verbose=0)

    guesses = np.asarray(classifier(photos[20:])).argmax(axis=1)
    assert (guesses == labels[20:]).mean() >= 0.9
