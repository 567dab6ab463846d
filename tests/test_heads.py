import keras
import numpy as np
import pytest

from car_recog.errors import OptionError
from car_recog.heads import classification_head, pool


def layers(head: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in head.layers[1:]]


def test_the_lean_head_is_dropout_and_one_dense_layer() -> None:
    head = classification_head("lean", n_features=6, n_classes=3)

    assert layers(head) == ["Dropout", "Dense"]
    assert head.layers[1].rate == 0.2
    assert head.count_params() == 6 * 3 + 3


def test_the_paper_head_is_the_one_of_the_paper() -> None:
    head = classification_head("paper", n_features=6, n_classes=8)

    dropout, hidden, norm, logits = head.layers[1:]
    assert layers(head) == ["Dropout", "Dense", "BatchNormalization", "Dense"]
    assert dropout.rate == 0.5
    assert (hidden.units, hidden.activation.__name__, float(hidden.kernel_regularizer.l2)) == (512, "relu", pytest.approx(1e-4))
    assert (logits.units, logits.activation.__name__) == (8, "linear")
    assert norm.trainable


@pytest.mark.parametrize(("head", "widths"), [("brands", [2048, 1024]), ((30, 20, 10), [30, 20, 10])])
def test_a_head_of_widths_repeats_dense_norm_relu_dropout(head: str | tuple[int, ...], widths: list[int]) -> None:
    built = classification_head(head, n_features=6, n_classes=4)

    assert layers(built) == ["Dense", "BatchNormalization", "ReLU", "Dropout"] * len(widths) + ["Dense"]
    assert [layer.units for layer in built.layers if isinstance(layer, keras.layers.Dense)] == [*widths, 4]
    assert {layer.rate for layer in built.layers if isinstance(layer, keras.layers.Dropout)} == {0.3}


def test_pooling_is_the_mean_over_places() -> None:
    feature_map = keras.Input((None, None, 5))
    model = keras.Model(feature_map, pool(feature_map))
    values = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")

    np.testing.assert_allclose(model.predict_on_batch(values), values.mean(axis=(1, 2)), atol=1e-6)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("leen", r"Unknown head: 'leen'\. Did you mean 'lean'\?"),
        ((), r"takes 1 to 8 integers from 1 to 16384; got \[\]"),
        ((10, 2**36), "takes 1 to 8 integers from 1 to 16384"),
        ((0.5,), "takes 1 to 8 integers"),
    ],
)
def test_a_head_that_makes_no_sense_raises(head: str | tuple[int, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        classification_head(head, n_features=6, n_classes=3)
