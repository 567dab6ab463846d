import keras
import numpy as np
import pytest
import tensorflow as tf

from car_recog.training.batch_norm import trained_batch_norm


def network(**options: object) -> keras.Model:
    keras.utils.set_random_seed(0)
    photos = keras.Input((9, 7, 3))
    features = keras.layers.Conv2D(5, 3, use_bias=False)(photos)
    features = keras.layers.BatchNormalization(name="norm", **options)(features)
    model = keras.Model(photos, keras.layers.GlobalAveragePooling2D()(keras.ops.tanh(features)))
    rng = np.random.default_rng(1)
    model.set_weights([weight + rng.random(weight.shape).astype("float32") for weight in model.get_weights()])
    return model


def operations(model: keras.Model) -> set[str]:
    """The TensorFlow operations that a step of training runs."""
    step = tf.function(lambda photos: model(photos, training=True))
    return {node.type for node in step.get_concrete_function(tf.zeros((4, 9, 7, 3))).graph.get_operations()}


def step(model: keras.Model) -> list[np.ndarray]:
    """Answers, gradients and moving statistics of one step."""
    photos = np.random.default_rng(2).uniform(0, 3, (4, 9, 7, 3)).astype("float32")
    with tf.GradientTape() as tape:
        answers = model(photos, training=True)
        loss = tf.reduce_sum(answers * tf.constant([1.0, -2.0, 3.0, -4.0, 5.0]))
    gradients = tape.gradient(loss, model.trainable_variables)
    return [np.asarray(values) for values in (answers, *gradients, *model.non_trainable_variables)]


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}, {"momentum": 0.5, "epsilon": 0.1}])
def test_values_gradients_and_statistics_are_those_of_keras(options: dict[str, object]) -> None:
    expected = step(network(**{"momentum": 0.9} | options))

    model = network(**options)
    with trained_batch_norm(model):
        assert "FusedBatchNormV3" in operations(model)
        found = step(model)

    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


def test_nested_networks_are_reached() -> None:
    inner = network()
    outer = keras.Sequential([keras.Input((9, 7, 3)), inner, keras.layers.Dense(2)])

    with trained_batch_norm(outer):
        assert "FusedBatchNormV3" in operations(inner)


def test_statistics_follow_quickly_and_what_is_quicker_stays() -> None:
    slow, quick = network(), network(momentum=0.5)

    with trained_batch_norm(slow), trained_batch_norm(quick):
        assert [model.get_layer("norm").momentum for model in (slow, quick)] == [0.9, 0.5]
    assert [model.get_layer("norm").momentum for model in (slow, quick)] == [0.99, 0.5]


def test_afterwards_keras_is_what_it_was() -> None:
    model = network()
    with pytest.raises(KeyError), trained_batch_norm(model):
        raise KeyError

    assert "call" not in vars(model.get_layer("norm"))
    assert "FusedBatchNormV3" not in operations(model)


def test_inference_and_frozen_layers_go_as_before() -> None:
    photos = np.random.default_rng(2).uniform(0, 3, (4, 9, 7, 3)).astype("float32")
    model = network()
    expected = model.predict_on_batch(photos)
    model.get_layer("norm").trainable = False

    with trained_batch_norm(model):
        np.testing.assert_array_equal(model(photos, training=True), model(photos, training=False))
        np.testing.assert_allclose(model(photos, training=True), expected, rtol=1e-5)
        assert "FusedBatchNormV3" not in operations(model)


@pytest.mark.parametrize("options", [{"axis": 1}, {"epsilon": 1e-6}, {"synchronized": True}, {"dtype": "mixed_bfloat16"}])
def test_what_the_kernel_does_not_do_is_left_to_keras(options: dict[str, object]) -> None:
    model = network(**options)
    with trained_batch_norm(model):
        assert "FusedBatchNormV3" not in operations(model)


def test_vectors_are_left_to_keras() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(name="norm")])
    with trained_batch_norm(model):
        assert "call" not in vars(model.get_layer("norm"))
        assert model.get_layer("norm").momentum == 0.99


def test_on_a_gpu_where_keras_compiles_the_kernel_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    model = network()
    with trained_batch_norm(model):
        assert "FusedBatchNormV3" not in operations(model)
        assert model.get_layer("norm").momentum == 0.9


def test_a_layer_that_was_never_called_is_left_alone() -> None:
    class Spare(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.spare = network(), keras.layers.BatchNormalization()

        def call(self, photos: object) -> object:
            return self.inner(photos)

    model = Spare()
    with trained_batch_norm(model):
        assert "FusedBatchNormV3" in operations(model.inner)
        assert model.spare.momentum == 0.99
