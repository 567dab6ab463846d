"""A calibrated classifier rejects, goes as deep as it is sure, fuses photos of one car, and learns and forgets classes."""

import copy

import attrs
import numpy as np
import pytest

from car_recog import CarClassifier, ImageDataset, Phase, Recipe
from car_recog.errors import DataError, NotFittedError, OptionError

SIZE = (32, 32)
CARS = {"audi/a3": (200, 40, 40), "audi/a4": (160, 110, 40), "bmw/x1": (40, 40, 200), "bmw/x3": (40, 160, 160)}
GREY, GREEN = (128, 128, 128), (40, 200, 40)
TOY = Recipe(phases=[Phase(epochs=12, batch_size=16, learning_rate=3e-3)], head_start=0.01, label_smoothing=0.05)


def photos_of(colour: tuple[int, int, int], n: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-40, 40, (n, *SIZE, 3))
    return (np.array(colour) + noise).clip(0, 255).astype(np.uint8)


def cars(n_each: int, seed: int = 0) -> ImageDataset:
    photos = np.concatenate([photos_of(colour, n_each, seed) for colour in CARS.values()])
    data = ImageDataset.from_arrays(photos, [name for name in CARS for _ in range(n_each)])
    facts = {name: dict(zip(("make", "model"), name.split("/"), strict=True)) for name in CARS}
    samples = [attrs.evolve(sample, attributes=facts[sample.class_name]) for sample in data.samples]
    return ImageDataset(samples, data.class_names, images=photos)


@pytest.fixture(scope="module")
def trained():
    clf = CarClassifier("tiny_cnn", weights=None, image_size=SIZE)
    clf.fit(cars(16), recipe=TOY, verbose=False)
    return clf


@pytest.fixture(scope="module")
def trained_and_calibrated(trained):
    clf = copy.copy(trained)
    clf.calibrate(cars(12, seed=1), precision=0.8, unknown=photos_of(GREEN, 12))
    return clf


@pytest.fixture
def clf(trained):
    """A copy: what is fitted is never changed, only replaced."""
    return copy.copy(trained)


@pytest.fixture
def calibrated(trained_and_calibrated):
    return copy.copy(trained_and_calibrated)


def test_without_a_calibration_nothing_is_rejected_or_sure(clf):
    (said,) = clf.predict(photos_of(CARS["bmw/x1"], 1, seed=2))

    assert (said.class_name, said.rejected) == ("bmw/x1", None)
    assert [(level.name, level.value, level.is_sure) for level in said.hierarchy] == [("make", "bmw", None), ("model", "x1", None)]


def test_a_make_is_as_probable_as_its_models_together(clf):
    photos = photos_of(CARS["audi/a4"], 5, seed=2)

    shares = clf.predict_proba(photos)

    makes = [said.hierarchy[0] for said in clf.predict(photos)]
    expected = [row[:2].sum() if make.value == "audi" else row[2:].sum() for row, make in zip(shares, makes, strict=True)]
    np.testing.assert_allclose([make.probability for make in makes], expected, rtol=1e-5)


def test_means_that_are_not_good_enough_stop_enrolment_and_nothing_else(clf, tmp_path):
    swapped = attrs.evolve(clf._state.known, means=clf._state.known.means[::-1])
    clf._state = attrs.evolve(clf._state, known=swapped, trained=swapped)

    found = clf.calibrate(cars(12, seed=1), precision=0.8)

    assert found.accepted_accuracy >= 0.8
    with pytest.raises(NotFittedError, match="Calibrate for less: by their means it was not reached"):
        clf.enroll("green", photos_of(GREEN, 3))
    clf.save(tmp_path / "bundle")
    assert CarClassifier.load(tmp_path / "bundle").calibration == found


def test_calibration_divides_the_logits(clf):
    photos = photos_of(GREY, 4, seed=2)

    found = clf.calibrate(cars(12, seed=1), coverage=1.0)

    odds = np.exp(np.asarray(clf.model.predict_on_batch(photos), np.float64) / found.temperature)
    np.testing.assert_allclose(clf.predict_proba(photos), odds / odds.sum(axis=1, keepdims=True), rtol=1e-4)


def test_photos_are_rejected_where_their_score_is_below_the_threshold(calibrated):
    known = calibrated.predict(cars(12, seed=3))
    strange = calibrated.predict(photos_of(GREEN, 12, seed=3))

    assert sum(said.rejected for said in known) < 4
    assert sum(said.rejected for said in strange) > 8


def test_a_group_is_answered_by_the_mean_of_its_logits(calibrated):
    photos = np.concatenate([photos_of(CARS["bmw/x1"], 2, seed=4), photos_of(CARS["bmw/x3"], 1, seed=4)])
    logits = np.asarray(calibrated.model.predict_on_batch(photos), np.float64).mean(axis=0) / calibrated.calibration.temperature

    said = calibrated.predict_group(photos)

    assert said.source == "3 photos"
    assert said.class_name == calibrated.class_names[logits.argmax()]
    assert said.probability == pytest.approx(np.exp(logits.max()) / np.exp(logits).sum(), rel=1e-3)


def test_an_empty_group_is_refused(calibrated):
    with pytest.raises(DataError, match="at least one photo"):
        calibrated.predict_group([])


def test_a_class_is_learnt_from_a_few_photos_and_forgotten(calibrated):
    before = calibrated.predict_proba(cars(2, seed=5))

    calibrated.enroll("vw/golf", photos_of(GREEN, 4, seed=5), {"make": "vw", "model": "golf"})
    said = calibrated.predict(photos_of(GREEN, 6, seed=6))
    still = calibrated.predict_proba(cars(8, seed=6)).argmax(axis=1)
    calibrated.remove("vw/golf")

    assert [answer.class_name for answer in said] == ["vw/golf"] * 6
    assert said[0].hierarchy[0].value == "vw"
    assert (still == cars(8).labels).mean() > 0.8
    np.testing.assert_array_equal(calibrated.predict_proba(cars(2, seed=5)), before)


def test_a_trained_class_can_be_removed(calibrated):
    calibrated.remove("audi/a3")

    assert calibrated.class_names == ("audi/a4", "bmw/x1", "bmw/x3")
    assert calibrated.predict(photos_of(CARS["audi/a3"], 1))[0].class_name == "audi/a4"
    assert calibrated.predict_proba(photos_of(GREY, 2)).shape == (2, 3)


def test_enrolling_says_what_it_needs(clf, calibrated):
    with pytest.raises(OptionError, match="known already"):
        calibrated.enroll("bmw/x1", photos_of(GREEN, 1), {"make": "bmw", "model": "x1"})
    with pytest.raises(OptionError, match="model"):
        calibrated.enroll("vw/golf", photos_of(GREEN, 1), {"make": "vw"})
    with pytest.raises(DataError, match="at least one photo"):
        calibrated.enroll("vw/golf", [], {"make": "vw", "model": "golf"})
    with pytest.raises(OptionError, match="Did you mean 'bmw/x1'"):
        calibrated.remove("bmw/x11")


def test_enrolling_needs_a_calibration(clf):
    with pytest.raises(NotFittedError, match="calibrate"):
        clf.enroll("vw/golf", photos_of(GREEN, 1), {"make": "vw", "model": "golf"})


def test_a_saved_classifier_keeps_calibration_and_enrolled_classes(calibrated, tmp_path):
    calibrated.enroll("vw/golf", photos_of(GREEN, 4), {"make": "vw", "model": "golf"})
    calibrated.save(tmp_path / "bundle")

    loaded = CarClassifier.load(tmp_path / "bundle")

    photos = cars(3, seed=7)
    assert loaded.predict(photos) == calibrated.predict(photos)
    assert loaded.calibration == calibrated.calibration
    assert "Calibrated on 48 photos" in (tmp_path / "bundle" / "README.md").read_text()


def test_calibration_matches_classes_by_name(calibrated):
    photos = photos_of(GREEN, 6)
    with pytest.raises(DataError, match="golf"):
        calibrated.calibrate(ImageDataset.from_arrays(photos, ["golf"] * 6))
