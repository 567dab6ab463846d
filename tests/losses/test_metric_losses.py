"""The losses on embeddings, against plain loops."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from car_recog.errors import OptionError, UnknownNameError
from car_recog.losses.arcface import ArcFaceLoss
from car_recog.losses.multi_similarity import MultiSimilarityLoss
from car_recog.losses.named import metric_loss, pair_loss
from car_recog.losses.supervised_contrastive import SupervisedContrastiveLoss
from car_recog.losses.triplet import TripletLoss

LOSSES = (SupervisedContrastiveLoss(temperature=0.2), MultiSimilarityLoss(beta=40.0), TripletLoss(margin=0.4))


def unit(rng: np.random.Generator, n: int, dim: int = 6) -> np.ndarray:
    rows = rng.normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("float32")


def supervised_contrastive(labels, embeddings, *, temperature) -> float:
    costs = []
    for i, anchor in enumerate(embeddings):
        partners = [p for p in range(len(labels)) if p != i and labels[p] == labels[i]]
        others = [float(anchor @ embeddings[j]) / temperature for j in range(len(labels)) if j != i]
        if partners:
            log_sum = math.log(sum(math.exp(value) for value in others))
            costs.append(np.mean([log_sum - float(anchor @ embeddings[p]) / temperature for p in partners]))
    return float(np.mean(costs)) if costs else 0.0


def multi_similarity(labels, embeddings, *, alpha, beta, base, margin) -> float:
    costs = []
    for i, anchor in enumerate(embeddings):
        partners = [float(anchor @ embeddings[j]) for j in range(len(labels)) if j != i and labels[j] == labels[i]]
        strangers = [float(anchor @ embeddings[j]) for j in range(len(labels)) if labels[j] != labels[i]]
        pull = [s for s in partners if strangers and s < max(strangers) + margin]
        push = [s for s in strangers if partners and s > min(partners) - margin]
        costs.append(
            math.log1p(sum(math.exp(-alpha * (s - base)) for s in pull)) / alpha
            + math.log1p(sum(math.exp(beta * (s - base)) for s in push)) / beta
        )
    return float(np.mean(costs))


def triplet(labels, embeddings, *, margin) -> float:
    costs = []
    for i, anchor in enumerate(embeddings):
        partners = [math.dist(anchor, embeddings[j]) for j in range(len(labels)) if j != i and labels[j] == labels[i]]
        strangers = [math.dist(anchor, embeddings[j]) for j in range(len(labels)) if labels[j] != labels[i]]
        if partners and strangers:
            costs.append(max(0.0, margin + max(partners) - min(strangers)))
    return float(np.mean(costs)) if costs else 0.0


def arcface(labels, cosines, *, scale, margin) -> float:
    costs = []
    for label, row in zip(labels, cosines, strict=True):
        angle = math.acos(row[label]) + margin
        own = math.cos(angle) if angle < math.pi else row[label] - margin * math.sin(margin)
        logits = [scale * (own if place == label else cosine) for place, cosine in enumerate(row)]
        costs.append(math.log(sum(math.exp(logit) for logit in logits)) - logits[label])
    return float(np.mean(costs))


@pytest.mark.parametrize("seed", range(20))
def test_arcface_agrees_with_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    labels, cosines = rng.integers(0, 4, 9), rng.uniform(-0.999, 0.999, (9, 4)).astype("float32")

    assert float(ArcFaceLoss(scale=8.0, margin=0.6)(labels, cosines)) == pytest.approx(
        arcface(labels, cosines.astype(float), scale=8.0, margin=0.6), rel=1e-4
    )


def test_arcface_without_margin_is_cross_entropy():
    cosines = np.random.default_rng(0).uniform(-1, 1, (6, 3)).astype("float32")
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    labels = np.array([0, 1, 2, 0, 1, 2])

    assert float(ArcFaceLoss(scale=30.0, margin=0.0)(labels, cosines)) == pytest.approx(
        float(cross_entropy(labels, 30.0 * cosines)), rel=1e-5
    )


def test_arcface_has_finite_gradients_at_the_ends_and_survives_serialisation():
    import tensorflow as tf

    loss, cosines = ArcFaceLoss(), tf.Variable([[1.0, -1.0], [-1.0, 1.0]])

    with tf.GradientTape() as tape:
        value = loss([[0.0], [0.0]], cosines)

    assert float(value) > 0
    assert np.isfinite(tape.gradient(value, cosines).numpy()).all()
    assert keras.losses.deserialize(keras.losses.serialize(loss)).get_config() == loss.get_config()


@pytest.mark.parametrize("seed", range(20))
def test_the_losses_on_embeddings_agree_with_plain_loops(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, rng.integers(1, 6), rng.integers(2, 12))
    embeddings = unit(rng, len(labels))
    contrastive, similarity, hardest = LOSSES

    assert float(contrastive(labels, embeddings)) == pytest.approx(
        supervised_contrastive(labels, embeddings, temperature=0.2), rel=1e-5, abs=1e-6
    )
    assert float(similarity(labels, embeddings)) == pytest.approx(
        multi_similarity(labels, embeddings, alpha=2.0, beta=40.0, base=0.5, margin=0.1), rel=1e-5, abs=1e-6
    )
    assert float(hardest(labels, embeddings)) == pytest.approx(triplet(labels, embeddings, margin=0.4), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 2]], ids=["one identity", "all single", "two single"])
def test_gradients_are_finite_where_photos_are_equal_or_alone(loss, labels):
    import tensorflow as tf

    embeddings = tf.Variable([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])

    with tf.GradientTape() as tape:
        value = loss(labels, embeddings)

    assert np.isfinite(float(value))
    gradient = tape.gradient(value, embeddings)
    assert gradient is None or np.isfinite(gradient.numpy()).all()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_step_against_the_gradient_brings_partners_together(loss):
    import tensorflow as tf

    labels = [0, 0, 1, 1]
    embeddings = tf.Variable(unit(np.random.default_rng(3), 4))

    with tf.GradientTape() as tape:
        before = loss(labels, embeddings)
    embeddings.assign_sub(0.01 * tape.gradient(before, embeddings))

    assert float(loss(labels, embeddings)) < float(before)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_loss_survives_serialisation(loss):
    again = keras.losses.deserialize(keras.losses.serialize(loss))

    assert again.get_config() == loss.get_config()


def test_labels_may_come_as_a_column_of_floats():
    embeddings = unit(np.random.default_rng(0), 4)

    for loss in LOSSES:
        assert float(loss(ops.convert_to_tensor([[0.0], [0.0], [1.0], [1.0]]), embeddings)) == pytest.approx(
            float(loss([0, 0, 1, 1], embeddings))
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SupervisedContrastiveLoss(temperature=0.0), "temperature must be above 0; got 0.0"),
        (lambda: MultiSimilarityLoss(beta=-1.0), "alpha and beta must be above 0"),
        (lambda: MultiSimilarityLoss(base=2.0), r"base must lie in \[-1, 1\]"),
        (lambda: TripletLoss(margin=0.0), r"margin must lie in \(0, 2\]; got 0.0"),
        (lambda: ArcFaceLoss(scale=0.0), "scale must be above 0"),
        (lambda: ArcFaceLoss(margin=2.0), r"margin lie in \[0, pi / 2\]; got 64.0 and 2.0"),
        (lambda: metric_loss(3), "objective must be a name or a Keras loss object; got int"),
        (lambda: pair_loss(keras.losses.BinaryCrossentropy()), "must be made with from_logits=True"),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_an_unknown_objective_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'multi_similarity'"):
        metric_loss("multi_similarty")
