"""A verifier scores pairs, keeps its threshold, and comes back as it was saved."""

import json
from pathlib import Path

import numpy as np
import pytest
from colour_cars import COLOURS
from toy_verifier import draw, short, verifier

from car_recog.data.pairs import PairDataset
from car_recog.errors import BundleError, DataError, NotFittedError, OptionError
from car_recog.storage import file_sha256
from car_recog.verifier import SiameseVerifier


def change_config(folder: Path, **changes: object) -> None:
    """Change the configuration as somebody would who also mends the checksums."""
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    mend_checksums(folder)


def mend_checksums(folder: Path) -> None:
    sums = {name: file_sha256(folder / name) for name in json.loads((folder / "checksums.json").read_text())}
    (folder / "checksums.json").write_text(json.dumps(sums))


@pytest.fixture(scope="module")
def metric(cars, pairs) -> SiameseVerifier:
    ver = verifier()
    ver.fit(cars, pairs, recipe=short("identities", augmentation={"flip": 0.5}), verbose=False)
    return ver


@pytest.fixture(scope="module")
def paired(pairs) -> SiameseVerifier:
    ver = verifier()
    ver.fit(pairs, recipe=short("pairs"), verbose=False)
    return ver


@pytest.mark.parametrize("kind", ["metric", "paired"])
def test_a_verifier_learns_a_toy(kind, request):
    ver = request.getfixturevalue(kind)
    unseen = PairDataset.sample(draw(sorted(COLOURS) * 4, seed=5))

    report = ver.evaluate(unseen, verbose=False)

    assert report.eer < 0.1
    assert report.n_pairs == 48


def test_validation_leaves_a_threshold_and_training_without_it_none(metric, paired, cars):
    photo = cars.images[0]

    assert metric.threshold is not None
    assert metric.verify(photo, photo).is_same
    assert paired.threshold is None
    assert paired.verify(photo, photo).is_same is None


@pytest.fixture(scope="module")
def unscaled(cars) -> SiameseVerifier:
    ver = verifier(local_scaling=False)
    ver.fit(cars, recipe=short("identities", augmentation={"flip": 0.5}), verbose=False)
    return ver


def test_the_score_is_the_cosine_scaled_by_the_cars_of_the_training(metric, cars, pairs):
    embeddings, labels = metric.embed(cars), cars.labels
    means = np.stack([embeddings[labels == label].mean(axis=0) for label in range(4)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    reach = np.sqrt(np.maximum(2 - 2 * (embeddings @ means.T).mean(axis=1), 0.02))  # four cars: all are among the nearest

    cosines = (embeddings[pairs.first] * embeddings[pairs.second]).sum(axis=1)

    assert metric.cohort.means == pytest.approx(means, abs=1e-5)
    assert metric.score(pairs) == pytest.approx(np.exp((cosines - 1) / (reach[pairs.first] * reach[pairs.second])), abs=1e-4)


def test_without_local_scaling_the_score_is_the_cosine(unscaled, pairs):
    embeddings = unscaled.embed(pairs.images)

    assert unscaled.cohort is None
    assert unscaled.score(pairs) == pytest.approx((embeddings[pairs.first] * embeddings[pairs.second]).sum(axis=1), abs=1e-6)


@pytest.mark.parametrize("kind", ["metric", "unscaled", "paired"])
def test_the_order_of_two_photos_does_not_matter(kind, request, pairs):
    ver = request.getfixturevalue(kind)
    turned = PairDataset(pairs.images, pairs.second, pairs.first, pairs.is_genuine)

    assert np.array_equal(ver.score(pairs), ver.score(turned))


@pytest.mark.parametrize("kind", ["metric", "paired"])
def test_scores_do_not_depend_on_how_many_are_asked_for(kind, request, pairs):
    ver = request.getfixturevalue(kind)
    embeddings = ver.embed(list(pairs.images.images))

    one_by_one = np.concatenate([ver.embed(photo) for photo in pairs.images.images])

    assert np.abs(ver.score(pairs) - ver.score_embeddings(embeddings[pairs.first], embeddings[pairs.second])).max() < 1e-5
    assert np.abs(one_by_one - embeddings).max() < 1e-5


@pytest.mark.parametrize("kind", ["metric", "paired"])
def test_nothing_is_more_alike_than_a_photo_to_itself(kind, request, pairs):
    ver = request.getfixturevalue(kind)
    embeddings = ver.embed(pairs.images)

    scores = ver.score(pairs)

    assert (ver.score_embeddings(embeddings, embeddings)[pairs.first] >= scores - 1e-6).all()


def test_a_saved_verifier_answers_the_same(metric, unscaled, paired, pairs, tmp_path):
    for ver in (metric, unscaled, paired):
        ver.save(tmp_path / "bundle")
        again = SiameseVerifier.load(tmp_path / "bundle")

        assert np.array_equal(again.score(pairs), ver.score(pairs))
        assert again.threshold == ver.threshold
        assert again.verify(*pairs.images.images[:2]) == ver.verify(*pairs.images.images[:2])
        assert again.weights_digest == ver.weights_digest


def test_a_loaded_verifier_may_be_trained_on_the_other_kind(metric, paired, cars, pairs, tmp_path):
    metric.save(tmp_path / "metric")
    paired.save(tmp_path / "paired")
    on_pairs, on_cars = SiameseVerifier.load(tmp_path / "metric"), SiameseVerifier.load(tmp_path / "paired")

    on_pairs.fit(pairs, recipe=short("pairs", epochs=1), verbose=False)
    on_cars.fit(cars, recipe=short("identities", epochs=1), verbose=False)

    assert on_pairs.cohort is None
    assert on_cars.cohort is not None
    assert on_cars.config.flip_average


def test_a_cohort_of_no_numbers_is_refused(metric, tmp_path):
    metric.save(tmp_path)
    np.save(tmp_path / "cohort.npy", np.full((4, 16), np.nan, np.float32))
    mend_checksums(tmp_path)

    with pytest.raises(BundleError, match="holds numbers that are not finite. Train the verifier again"):
        SiameseVerifier.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_cohort": 5}, r"holds float32 of shape \(4, 16\); the configuration needs float32 of \(5, 16\)"),
        ({"n_cohort": 0}, "n_cohort must be an integer from 1 to 1024 with local scaling, and 0 without; got 0"),
        ({"n_cohort": 10**9}, "n_cohort must be an integer .* got 1000000000"),
        ({"n_cohort": "4"}, "n_cohort must be an integer .* got '4'"),
        ({"n_cohort": True}, "n_cohort must be an integer .* got True"),
    ],
)
def test_a_cohort_that_does_not_fit_is_refused(metric, tmp_path, changes, message):
    metric.save(tmp_path)
    change_config(tmp_path, **changes)

    with pytest.raises(BundleError, match=message):
        SiameseVerifier.load(tmp_path)


def test_a_bundle_from_before_there_were_cohorts_scores_by_cosine(unscaled, pairs, tmp_path):
    unscaled.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["n_cohort"], config["network"]["local_scaling"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    change_config(tmp_path)

    assert np.array_equal(SiameseVerifier.load(tmp_path).score(pairs), unscaled.score(pairs))


def test_the_card_says_where_the_verifier_says_yes(metric, paired, tmp_path):
    metric.save(tmp_path / "metric")
    paired.save(tmp_path / "paired")

    assert "chosen for eer" in (tmp_path / "metric" / "README.md").read_text()
    assert "supervised_contrastive was made small" in (tmp_path / "metric" / "README.md").read_text()
    assert "It has no threshold" in (tmp_path / "paired" / "README.md").read_text()


def test_calibration_keeps_the_far_and_the_abstain_band(paired, pairs):
    found = paired.calibrate(pairs, far=0.1, abstain=(0.0, 1.0), verbose=False)
    scores = paired.score(pairs)

    assert found.far == (scores[~pairs.is_genuine] >= found.threshold).mean() <= 0.1
    assert found.frr == (scores[pairs.is_genuine] < found.threshold).mean()
    assert paired.verify(*pairs.images.images[:2]).is_uncertain
    paired.calibration = None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, OptionError, "Give either far"),
        ({"far": 0.1, "target": "eer"}, OptionError, "Give either far"),
        ({"target": "best"}, OptionError, "target must be 'eer' or 'accuracy'; got 'best'"),
        ({"far": 1.5}, OptionError, "far must lie between 0 and 1"),
        ({"far": 0.001}, DataError, "needs 1,000 impostor pairs, better ten times as many; got 50"),
        ({"far": 0.1, "abstain": (0.8, 0.2)}, OptionError, "abstain must be two probabilities"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused(paired, pairs, options, error, message):
    with pytest.raises(error, match=message):
        paired.calibrate(pairs, **options, verbose=False)


def test_nothing_is_answered_before_training():
    with pytest.raises(NotFittedError, match="This SiameseVerifier is not fitted. Call fit first"):
        verifier().verify("a.jpg", "b.jpg")
