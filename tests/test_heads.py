import keras
import numpy as np
import pytest

from car_recog.errors import OptionError
from car_recog.heads import DISTANCES, classification_head, embedding_head, identity_head, pair_head, pool


def layers(head: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in head.layers[1:]]


def test_an_identity_head_gives_cosines_whatever_the_length_of_its_directions() -> None:
    head = identity_head(2, embedding_dim=2)
    head.get_layer("directions").set_weights([np.array([[3.0, 1.0], [4.0, 0.0]], np.float32)])  # columns (3, 4) and (1, 0)

    cosines = head.predict_on_batch(np.array([[1, 0], [0.6, 0.8]], np.float32))

    assert cosines == pytest.approx(np.array([[0.6, 1.0], [1.0, 0.6]]), abs=1e-6)


def test_an_identity_head_survives_serialisation() -> None:
    head = identity_head(3, embedding_dim=4)

    again = keras.Model.from_config(head.get_config())

    assert again.get_layer("directions").get_config()["n_classes"] == 3
    assert again.output.shape == (None, 3)


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


def test_the_ladder_has_one_hidden_layer_and_its_lower_rungs_none() -> None:
    assert layers(classification_head("ladder", n_features=8, n_classes=4)) == ["Dense", "Dense"]
    assert layers(classification_head((), n_features=8, n_classes=4)) == ["Dense"]


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
        ((8,) * 9, "takes 8 integers at most"),
        ((10, 2**36), "takes 8 integers at most, from 1 to 16384"),
        ((0.5,), "takes 8 integers at most"),
    ],
)
def test_a_head_that_makes_no_sense_raises(head: str | tuple[int, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        classification_head(head, n_features=6, n_classes=3)


def test_gem_pools_between_average_and_maximum():
    features = np.random.default_rng(0).uniform(0.1, 2.0, (2, 3, 4, 5)).astype("float32")
    inputs = keras.Input((3, 4, 5))
    model = keras.Model(inputs, pool(inputs, "gem"))

    pooled = model.predict(features, verbose=0)

    assert pooled == pytest.approx((features**3).mean(axis=(1, 2)) ** (1 / 3), rel=1e-5)
    model.layers[-1].power.assign(1.0)
    assert model.predict(features, verbose=0) == pytest.approx(features.mean(axis=(1, 2)), rel=1e-5)


@pytest.mark.parametrize("head", ["relu", "metric"])
def test_embeddings_have_unit_length(head):
    model = embedding_head(head, n_features=7, embedding_dim=128)  # of so many random units never all are dead

    embeddings = model.predict(np.random.default_rng(0).normal(size=(9, 7)).astype("float32"), verbose=0)

    assert embeddings.shape == (9, 128)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(9), abs=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_pair_head_gives_the_same_for_both_orders_and_survives_serialisation(distance):
    rng = np.random.default_rng(0)
    pair = {name: rng.normal(size=(6, 4)).astype("float32") for name in ("first", "second")}
    model = pair_head(distance, embedding_dim=4)

    logits = model.predict(pair, verbose=0)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())

    assert np.array_equal(logits, model.predict({"first": pair["second"], "second": pair["first"]}, verbose=0))
    assert np.array_equal(logits, again.predict(pair, verbose=0))


@pytest.mark.parametrize("distance", ["l1", "cosine"])
def test_nothing_is_more_alike_than_two_equal_embeddings(distance):
    model = pair_head(distance, embedding_dim=4)
    unit = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)

    same = model.predict({"first": unit, "second": unit}, verbose=0)
    other = model.predict({"first": unit, "second": np.roll(unit, 1, axis=0)}, verbose=0)

    assert same.min() >= other.max()
