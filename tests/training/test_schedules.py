import keras
import numpy as np
import pytest

from car_recog.training.recipe import Phase
from car_recog.training.schedules import build_optimizer, learning_rate


def test_cosine_rises_linearly_and_falls_to_zero() -> None:
    rate = learning_rate(Phase(epochs=1, learning_rate=2.0, warmup=0.2), 50)

    values = [float(rate(update)) for update in range(51)]

    rising = [2.0 * update / 10 for update in range(11)]
    falling = [1.0 + np.cos(np.pi * (update - 10) / 40) for update in range(11, 51)]
    np.testing.assert_allclose(values, rising + falling, atol=1e-6)


def test_one_cycle_starts_at_a_25th_and_peaks_at_30_percent() -> None:
    rate = learning_rate(Phase(epochs=1, learning_rate=1.0, schedule="one_cycle"), 100)

    values = [float(rate(update)) for update in range(101)]

    assert values[0] == pytest.approx(1 / 25)
    assert int(np.argmax(values)) == 30
    assert max(values) == pytest.approx(1.0)
    assert values[-1] == pytest.approx(0.0, abs=1e-6)


def test_a_constant_rate_is_a_plain_number_that_callbacks_can_set() -> None:
    optimizer = build_optimizer(Phase(epochs=1, learning_rate=0.5, schedule="constant"), 10, [])

    optimizer.learning_rate = 0.25

    assert float(optimizer.learning_rate) == 0.25


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_decay_shrinks_kernels_only(name: str) -> None:
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    layer.bias.assign(np.ones(2))
    before = [np.array(w) for w in layer.get_weights()]
    phase = Phase(epochs=1, optimizer=name, learning_rate=0.1, schedule="constant", weight_decay=0.5)
    optimizer = build_optimizer(phase, 10, layer.trainable_variables)

    optimizer.apply([np.zeros((3, 2), "float32"), np.zeros(2, "float32")], layer.trainable_variables)

    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(kernel, before[0] * (1 - 0.1 * 0.5), rtol=1e-5)
    np.testing.assert_array_equal(bias, before[1])


def test_clipping_reaches_the_optimizer() -> None:
    assert build_optimizer(Phase(epochs=1, clip_norm=1.5), 1, []).clipnorm == 1.5
    assert build_optimizer(Phase(epochs=1, global_clip_norm=2.5), 1, []).global_clipnorm == 2.5
    assert build_optimizer(Phase(epochs=1, optimizer="sgd", momentum=0.8), 1, []).momentum == 0.8
