"""How a verifier is trained: on features or photos, by each objective, and what is refused before."""

import numpy as np
import pytest
from colour_cars import COLOURS
from toy_verifier import draw, short, verifier

from car_recog import ImageDataset, Phase, Recipe
from car_recog.data.pairs import PairDataset
from car_recog.errors import DataError, OptionError
from car_recog.losses.named import OBJECTIVES
from car_recog.training.callbacks import CollapseWarning
from car_recog.training.presets import get_recipe
from car_recog.verifier import SiameseVerifier


def test_training_on_features_is_training_both_towers(pairs):
    """Gradients of one step, and the accuracy at the end, are those of two networks over the photos of each pair."""
    import tensorflow as tf

    from car_recog.verifying.embedder import EmbedderConfig, build_embedder

    config = EmbedderConfig(backbone="tiny_cnn", image_size=(32, 32), embedding_dim=16, distance="weighted_l1")
    embedder = build_embedder(config, weights=None)
    photos = pairs.images.images.astype("float32")
    features = embedder.features.predict(photos, verbose=0)
    weights = [*embedder.head.trainable_variables, *embedder.comparison.trainable_variables]
    labels = pairs.is_genuine.astype("float32")[:, None]

    results = []
    for tower, items in ((embedder.plain, photos), (embedder.head, features)):
        model = embedder.join(tower)
        with tf.GradientTape() as tape:
            logits = model({"first": items[pairs.first], "second": items[pairs.second]}, training=False)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
        results.append((float(loss), [g.numpy() for g in tape.gradient(loss, [w.value for w in weights])]))

    assert results[0][0] == pytest.approx(results[1][0], abs=1e-5)
    for one, other in zip(results[0][1], results[1][1], strict=True):
        assert np.abs(one - other).max() < 1e-5


def test_the_photos_of_a_frozen_backbone_give_what_its_features_give(pairs):
    losses = []
    for augmentation in ({}, {"flip": 0.0}):  # a change that changes nothing keeps the phase on photos
        recipe = short("pairs", epochs=1, trainable="head", augmentation=augmentation)
        history = verifier(distance="weighted_l1").fit(pairs, recipe=recipe, verbose=False)
        losses.append(history.history["loss"])

    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_both_towers_train_on_changed_photos(pairs):
    ver = verifier(distance="cosine")

    history = ver.fit(pairs, recipe=short("pairs", epochs=10, augmentation={"flip": 0.5, "crop_area": 0.8}), verbose=False)

    assert history.history["accuracy"][-1] > 0.9
    assert ver.evaluate(pairs, verbose=False).eer < 0.1


def test_a_second_training_embeds_nothing(pairs, monkeypatch):
    from car_recog import runs

    computed = []
    embed = runs.FeatureCache.embed

    def spy(self, keys, compute, **options):
        return embed(self, keys, lambda places: computed.append(len(places)) or compute(places), **options)

    monkeypatch.setattr(runs.FeatureCache, "embed", spy)
    counts = []
    for _ in range(2):
        verifier(distance="weighted_l1").fit(pairs, recipe=short("pairs", epochs=1, trainable="head"), seed=7, verbose=False)
        counts.append(sum(computed))

    assert counts == [len(pairs.images), len(pairs.images)]


def test_gem_and_every_objective_train(cars):
    for objective in OBJECTIVES:
        ver = verifier(pooling="gem")

        history = ver.fit(cars, recipe=short("identities", epochs=8), objective=objective, verbose=False)

        assert history.history["accuracy" if objective == "arcface" else "recall_at_1"][-1] > 0.8
        assert ver.evaluate(PairDataset.sample(draw(sorted(COLOURS) * 4, seed=5)), verbose=False).eer < 0.1


def test_the_paper_configuration_is_the_papers():
    ver = SiameseVerifier.paper("mobilenet_v2", loss="focal")
    recipe = get_recipe("paper", kind="pairs")

    assert (ver.config.distance, ver.config.normalization, ver.config.embedding_dim) == ("weighted_l1", "unit", 128)
    assert [(p.epochs, p.batch_size, p.trainable, p.optimizer, p.learning_rate) for p in recipe.phases] == [(20, 128, "head", "adam", 1e-3)]


def test_what_cannot_be_trained_is_refused_before_any_photo_is_decoded(cars, pairs):
    one_kind = pairs.subset(np.flatnonzero(pairs.is_genuine))
    alone = draw(["red", "green", "blue"])

    with pytest.raises(OptionError, match="An objective is for photos of identities"):
        verifier().fit(pairs, objective="multi_similarity")
    for wrong in (0, "no", np.False_):
        with pytest.raises(OptionError, match="must be True, False or None; got"):
            verifier(flip_average=wrong)
        with pytest.raises(OptionError, match="must be True, False or None; got"):
            verifier(local_scaling=wrong)
    with pytest.raises(OptionError, match="local_scaling is for verifiers that are trained on photos of cars"):
        verifier(local_scaling=True).fit(pairs)
    with pytest.raises(DataError, match="needs genuine and impostor pairs"):
        verifier().fit(one_kind)
    with pytest.raises(DataError, match="one of them with two photos or more; got 3 photos of 3 identities, 1 of one at most"):
        verifier().fit(alone)
    with pytest.raises(OptionError, match="cannot mix photos of different cars"):
        verifier().fit(cars, recipe=short("identities", augmentation={"mixup": 0.2}))
    with pytest.raises(OptionError, match=r"stops early \(patience=2\)"):
        verifier().fit(cars, recipe=Recipe(phases=[Phase(epochs=1)], patience=2))


def test_a_training_that_learned_nothing_is_kept_without_a_threshold(cars, pairs):
    blind = ImageDataset.from_arrays(np.zeros_like(cars.images), [sample.class_name for sample in cars.samples])
    same = PairDataset(blind, pairs.first, pairs.second, pairs.is_genuine)
    ver = verifier()

    with pytest.warns(CollapseWarning, match="No threshold was stored"):
        ver.fit(cars, same, recipe=short("identities", epochs=1), verbose=False)

    assert ver.threshold is None
    assert ver.embed(blind).shape == (24, 16)
