import keras
import pytest

from car_recog.errors import OptionError
from car_recog.training.freezing import freeze
from car_recog.training.recipe import Phase


@pytest.fixture
def stages() -> list[list[keras.layers.Layer]]:
    return [
        [keras.layers.Conv2D(2, 3, name="conv1"), keras.layers.BatchNormalization(name="norm1")],
        [keras.layers.Conv2D(2, 3, name="conv2"), keras.layers.BatchNormalization(name="norm2")],
        [keras.layers.Conv2D(2, 3, name="conv3")],
    ]


def trainable(stages: list[list[keras.layers.Layer]]) -> list[str]:
    return [layer.name for stage in stages for layer in stage if layer.trainable]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("all", ["conv1", "norm1", "conv2", "norm2", "conv3"]),
        ("head", []),
        (1, ["conv3"]),
        (2, ["conv2", "norm2", "conv3"]),
        (4, ["conv1", "norm1", "conv2", "norm2", "conv3"]),
        ("norm1", ["norm1", "conv2", "norm2", "conv3"]),
    ],
)
def test_what_trains(stages: list[list[keras.layers.Layer]], which: str | int, expected: list[str]) -> None:
    is_frozen = freeze(stages, Phase(epochs=1, trainable=which))

    assert trainable(stages) == expected
    assert is_frozen == (not expected)


def test_batch_norm_can_stay_frozen_where_the_rest_trains(stages: list[list[keras.layers.Layer]]) -> None:
    freeze(stages, Phase(epochs=1, batch_norm="frozen"))

    assert trainable(stages) == ["conv1", "conv2", "conv3"]


def test_a_later_phase_thaws_again(stages: list[list[keras.layers.Layer]]) -> None:
    freeze(stages, Phase(epochs=1, trainable="head"))
    freeze(stages, Phase(epochs=1))

    assert len(trainable(stages)) == 5


def test_an_unknown_layer_suggests_the_nearest(stages: list[list[keras.layers.Layer]]) -> None:
    with pytest.raises(OptionError, match=r"no layer 'conv22'\. Did you mean 'conv2'\?"):
        freeze(stages, Phase(epochs=1, trainable="conv22"))
