from itertools import product

import keras
import numpy as np
import pytest

from car_recog.errors import DataError, OptionError
from car_recog.losses import FocalLoss

GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)


def loss_and_gradient(loss, labels, logits):
    """Each photo's loss and its gradient with respect to the logits, on the backend at hand."""
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(loss(labels, logits)), np.asarray(jax.grad(lambda inputs: loss(labels, inputs).sum())(logits))
    import tensorflow as tf

    inputs = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        values = loss(labels, inputs)
    return values.numpy(), tape.gradient(values, inputs).numpy()


def slow_terms(odds, gamma):
    """`-(1 - p) ** gamma * log(p)` and its derivative by the log-odds, both in float64."""
    log_p, log_not_p = -np.logaddexp(0.0, -odds), -np.logaddexp(0.0, odds)
    return -np.exp(gamma * log_not_p) * log_p, np.exp(gamma * log_not_p) * (gamma * np.exp(log_p) * log_p - np.exp(log_not_p))


def slow_multi_class(targets, logits, gamma, weights):
    """Loss and gradient by a plain loop over photos and classes in float64."""
    values, gradient = np.zeros(len(logits)), np.zeros(logits.shape)
    for i, k in product(*map(range, logits.shape)):
        others = np.delete(np.arange(logits.shape[1]), k)
        largest = float(logits[i, others].max())
        powers = np.exp(logits[i, others].astype("float64") - largest)
        value, slope = weights[k] * targets[i, k] * np.array(slow_terms(float(logits[i, k]) - largest - np.log(powers.sum()), gamma))
        values[i] += value
        gradient[i, k] += slope
        gradient[i, others] -= slope * powers / powers.sum()
    return values, gradient


def assert_close(found, expected):
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("gamma", "alpha", "label", "probabilities", "expected"),
    [
        (2.0, 0.25, 0, [0.7, 0.2, 0.1], 0.0080251862),  # 0.25 * (1 - 0.7)^2 * -ln 0.7
        (1.0, [3.0, 0.5], 0, [0.5, 0.5], 1.0397207708),  # 3 * 0.5 * ln 2
        (1.0, [3.0, 0.5], 1, [0.5, 0.5], 0.1732867951),  # 0.5 * 0.5 * ln 2
        (2.0, 0.25, 1, [0.8], 0.0022314355),  # 0.25 * 0.2^2 * -ln 0.8
        (2.0, 0.25, 0, [0.8], 0.7725301979),  # (1 - 0.25) * 0.8^2 * -ln 0.2
    ],
)
@pytest.mark.parametrize("from_logits", [True, False])
def test_one_photo_costs_what_is_counted_by_hand(gamma, alpha, label, probabilities, expected, from_logits):
    p = np.array([probabilities])
    outputs = p if not from_logits else np.log(p / (1 - p) if p.size == 1 else p)

    value = FocalLoss(gamma, alpha, from_logits)([label], outputs.astype("float32"))

    assert float(value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gamma_zero_without_alpha_is_cross_entropy(smoothing):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(64, 9), scale=5).astype("float32")
    one_hot = np.eye(9)[rng.integers(0, 9, 64)]
    options = {"from_logits": True, "label_smoothing": smoothing, "reduction": "none"}

    values = FocalLoss(gamma=0.0, alpha=None, label_smoothing=smoothing, reduction="none")(one_hot, logits)
    binary = FocalLoss(gamma=0.0, alpha=None, label_smoothing=smoothing, reduction="none")(one_hot[:, :1], logits[:, :1])

    np.testing.assert_allclose(values, keras.losses.CategoricalCrossentropy(**options)(one_hot, logits), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(binary, keras.losses.BinaryCrossentropy(**options)(one_hot[:, :1], logits[:, :1]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("gamma", [1.0, 2.0, 3.5])
def test_it_agrees_with_keras_for_several_classes_at_moderate_logits(gamma, smoothing):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(64, 7), scale=2).astype("float32")
    one_hot = np.eye(7)[rng.integers(0, 7, 64)]
    options = {"gamma": gamma, "alpha": 0.25, "from_logits": True, "label_smoothing": smoothing, "reduction": "none"}
    theirs = keras.losses.CategoricalFocalCrossentropy(**options)

    values = FocalLoss(**options)(one_hot, logits)

    np.testing.assert_allclose(values, theirs(one_hot, logits), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("alpha", [None, 0.3])
def test_it_agrees_with_keras_for_hard_binary_labels_at_moderate_logits(alpha):
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(64, 1), scale=2).astype("float32")
    labels = rng.integers(0, 2, (64, 1))
    # Keras weighs binary classes only when asked to, and takes alpha as ours is.
    theirs = keras.losses.BinaryFocalCrossentropy(alpha is not None, alpha=alpha or 0.0, gamma=2.0, from_logits=True, reduction="none")

    values = FocalLoss(2.0, alpha, reduction="none")(labels, logits)

    np.testing.assert_allclose(values, theirs(labels, logits), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("n_classes", [2, 3, 40])
def test_values_and_gradients_are_those_of_a_float64_loop(n_classes, gamma):
    rng = np.random.default_rng(3)
    weights = rng.uniform(0, 3, n_classes)
    for scale, smoothing, is_soft in product([0.1, 1.0, 10.0, 100.0], [0.0, 0.1], [False, True]):
        logits = rng.normal(size=(6, n_classes), scale=scale).astype("float32")
        labels = rng.dirichlet(np.ones(n_classes), 6).astype("float32") if is_soft else rng.integers(0, n_classes, 6)
        targets = (labels if is_soft else np.eye(n_classes)[labels]) * (1 - smoothing) + smoothing / n_classes

        found = loss_and_gradient(FocalLoss(gamma, weights, label_smoothing=smoothing, reduction="none"), labels, logits)

        assert_close(found, slow_multi_class(targets, logits, gamma, weights))


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("logits", [[1000, -1000], [1000, 1000], [0, 100], [1000, -1000, 0], [0, 0, -1000], [30, 0, -30], [999, 1000, 0]])
def test_extreme_logits_have_finite_and_correct_gradients(logits, gamma):
    logits = np.tile(np.array(logits, "float32"), (len(logits), 1))
    for labels in (np.eye(len(logits)), np.eye(len(logits)) * 0.9 + 0.1 / len(logits)):
        found = loss_and_gradient(FocalLoss(gamma, None, reduction="none"), labels, logits)

        assert_close(found, slow_multi_class(labels, logits, gamma, np.ones(len(logits))))


@pytest.mark.parametrize("gamma", GAMMAS)
def test_extreme_binary_logits_have_finite_and_correct_gradients(gamma):
    logits = np.array([[-1000], [-100], [-20], [0], [20], [100], [1000]], "float32")
    for label in (0.0, 1.0, 0.3):
        values, gradient = loss_and_gradient(FocalLoss(gamma, 0.25, reduction="none"), np.full(7, label), logits)

        one, zero = (slow_terms(sign * logits[:, 0].astype("float64"), gamma) for sign in (1, -1))
        expected = [0.25 * label * one[i] + sign * 0.75 * (1 - label) * zero[i] for i, sign in ((0, 1), (1, -1))]
        assert_close((values, gradient[:, 0]), expected)


def test_probabilities_give_what_their_logits_give():
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(32, 5), scale=3).astype("float32")
    class_ids = rng.integers(0, 5, 32)
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    sigmoid = 1 / (1 + np.exp(-logits[:, :1]))

    many = FocalLoss(from_logits=False, reduction="none")(class_ids, softmax)
    binary = FocalLoss(from_logits=False, reduction="none")(class_ids % 2, sigmoid)

    np.testing.assert_allclose(many, FocalLoss(reduction="none")(class_ids, logits), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(binary, FocalLoss(reduction="none")(class_ids % 2, logits[:, :1]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_probabilities_of_exactly_zero_and_one_stay_finite(gamma):
    for labels, outputs in (([0, 1], [[1.0, 0.0, 0.0]] * 2), ([0, 1, 0, 1], [[0.0], [0.0], [1.0], [1.0]])):
        loss = FocalLoss(gamma, None, from_logits=False, reduction="none")

        values, gradient = loss_and_gradient(loss, labels, np.array(outputs, "float32"))

        assert np.isfinite(gradient).all()
        # -ln 1e-30 = 69.0776; the sure and right ones cost nothing
        assert sorted(values.round(3))[-1] == pytest.approx(69.078, abs=1e-3)
        assert min(values) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("labels", [(4, 6), (4, 6, 1), (4, 6, 3), (6,), (6, 1), (6, 3), (3,), (3, 1), (3, 3)])
def test_each_photo_gets_one_value_and_axes_before_the_classes_are_kept(labels):
    photos = labels if labels[-1] not in (1, 3) or len(labels) == 1 else labels[:-1]
    loss = FocalLoss(reduction="none")

    assert loss(np.zeros(labels), np.zeros((*photos, 3), "float32")).shape == photos
    assert loss(np.zeros((*photos, 1)), np.zeros((*photos, 1), "float32")).shape == photos
    assert loss(np.zeros(photos), np.zeros((*photos, 1), "float32")).shape == photos


def test_class_ids_and_one_hot_labels_cost_the_same():
    logits = np.random.default_rng(5).normal(size=(4, 4)).astype("float32")
    loss = FocalLoss(alpha=[1.0, 2.0, 3.0, 4.0], label_smoothing=0.1, reduction="none")

    by_id = loss([3, 0, 1, 1], logits)

    np.testing.assert_array_equal(by_id, loss([[3], [0], [1], [1]], logits))
    np.testing.assert_array_equal(by_id, loss(np.eye(4)[[3, 0, 1, 1]], logits))


def test_a_label_that_is_none_makes_the_loss_nan_instead_of_nothing():
    loss = FocalLoss(reduction="none")

    assert np.isnan(loss([3, 0, -1, 0.5], np.zeros((4, 3), "float32"))).tolist() == [True, False, True, True]
    assert np.isnan(loss([2, 1, -1, 0.5], np.zeros((4, 1), "float32"))).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("labels", "logits"),
    [((4, 2), (4, 3)), ((4, 2), (4, 1)), ((5,), (4, 3)), ((4,), (4,)), ((5, 3), (4, 3)), ((4, 3), (4, 6, 3)), ((), (4, 3))],
)
def test_shapes_that_fit_neither_reading_are_refused(labels, logits):
    with pytest.raises(DataError, match=r"Labels must have the same shape .* Got labels \(.*\) and logits \(.*\)"):
        FocalLoss()(np.zeros(labels), np.zeros(logits, "float32"))


@pytest.mark.parametrize("asked", [None, "{}", "mixed_{}"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_are_computed_in_float32(dtype, asked):
    logits = keras.ops.cast([[12.0, 0.0], [0.0, 12.0]], dtype)

    values = FocalLoss(reduction="none", dtype=asked and asked.format(dtype))([0, 0], logits)

    assert keras.backend.standardize_dtype(values.dtype) == "float32"
    np.testing.assert_array_equal(values, FocalLoss(reduction="none")([0, 0], [[12.0, 0.0], [0.0, 12.0]]))


def test_sample_weights_multiply_each_photos_loss():
    each = np.asarray(FocalLoss(reduction="none")([0, 0, 1], [[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]))

    mean = FocalLoss()([0, 0, 1], [[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], sample_weight=[1.0, 0.0, 2.0])

    assert float(mean) == pytest.approx((each[0] + 2 * each[2]) / 3, rel=1e-6)


def test_balanced_weights_are_those_counted_by_hand():
    loss = FocalLoss.balanced({"door": 1, "lamp": 2, "wheel": 3}.values(), beta=0.5, gamma=1.5, label_smoothing=0.1)

    # 1 / (1 - 0.5^n) = 2, 4/3, 8/7; their sum 94/21 becomes 3
    assert loss.alpha == pytest.approx((63 / 47, 42 / 47, 36 / 47))
    assert (loss.gamma, loss.label_smoothing) == (1.5, 0.1)
    assert FocalLoss.balanced([5, 50], beta=0.0).alpha == (1.0, 1.0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: FocalLoss(gamma=-1.0), "gamma must be a finite number, 0 or more; got -1.0"),
        (lambda: FocalLoss(gamma=float("nan")), "gamma must be a finite number"),
        (lambda: FocalLoss(alpha=1.5), r"a number in \[0, 1\], or one finite weight per class, 0 or more; got 1.5"),
        (lambda: FocalLoss(alpha=[1.0, -0.5]), r"got \[1.0, -0.5\]"),
        (lambda: FocalLoss(alpha=[1.0, float("inf")]), "one finite weight per class"),
        (lambda: FocalLoss(label_smoothing=1.0), r"label_smoothing must lie in \[0, 1\); got 1.0"),
        (lambda: FocalLoss(alpha=[1.0, 2.0])([0], [[0.0, 0.0, 0.0]]), "alpha has 2 weights, the model 3 classes"),
        (lambda: FocalLoss(alpha=[1.0, 2.0])([0], [[0.0]]), "With one logit, alpha is one number"),
        (lambda: FocalLoss.balanced([3, 0, 2]), "class 1 has the count 0"),
        (lambda: FocalLoss.balanced([]), r"counts must be one number per class; got shape \(0,\)"),
        (lambda: FocalLoss.balanced([3, 1], beta=1.0), r"beta must lie in \[0, 1\); got 1.0"),
    ],
)
def test_arguments_out_of_range_are_refused(call, text):
    with pytest.raises(OptionError, match=text):
        call()


@pytest.mark.parametrize("alpha", [None, 0.4, (0.5, 1.0, 2.0)])
def test_it_is_the_same_after_serialisation(alpha):
    loss = FocalLoss(1.5, alpha, from_logits=False, label_smoothing=0.05, reduction="none", name="mine", dtype="float64")

    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))

    assert isinstance(again, FocalLoss)
    assert again.get_config() == loss.get_config()
    # JAX computes in float32 unless told otherwise.
    dtype = keras.backend.result_type("float64", "float32")
    assert (again.alpha, again.gamma, again.from_logits) == (alpha, 1.5, False)
    assert (again.reduction, again.name, again.dtype) == ("none", "mine", dtype)


@pytest.mark.parametrize(("n_logits", "policy"), [(1, "float32"), (2, "mixed_bfloat16")])
def test_a_compiled_model_learns_a_toy_and_its_clone_has_the_same_loss(n_logits, policy):
    keras.utils.set_random_seed(0)
    points = np.random.default_rng(6).normal(size=(64, 2)).astype("float32")
    labels = (points[:, 0] > 0).astype("int32")
    model = keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(n_logits, dtype=policy)])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss=FocalLoss(alpha=0.5))

    model.fit(points, labels, sample_weight=np.ones(64), epochs=20, verbose=0)
    clone = keras.models.clone_model(model)
    clone.compile_from_config(model.get_compile_config())

    logits = model.predict(points, verbose=0)
    guesses = logits[:, 0] > 0 if n_logits == 1 else logits.argmax(1)
    assert (guesses == labels).mean() > 0.9
    assert clone.loss.get_config() == model.loss.get_config()


def test_a_model_with_the_wrong_number_of_classes_is_told_so_in_training():
    model = keras.Sequential([keras.Input((2,), name="point"), keras.layers.Dense(3)])
    model.compile(loss=FocalLoss(alpha=[1.0, 2.0]))

    with pytest.raises(OptionError, match="alpha has 2 weights, the model 3 classes"):
        model.fit(np.zeros((4, 2)), np.zeros(4), verbose=0)
