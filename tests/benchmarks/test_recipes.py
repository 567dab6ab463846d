"""Benchmarks of what recipes are worth run at toy size and give their rows."""

import numpy as np
import pytest
from benchmark_runs import PATTERN, run
from PIL import Image

from car_recog.data.images import decode


def test_every_pair_but_copies_is_judged_against_each_kind(cars):
    from verifier_recipe import all_pairs, of_kind

    from car_recog import FolderDataset

    (cars / "model0" / "colour0" / "car0_9.jpg").write_bytes((cars / "model0" / "colour0" / "car0_0.jpg").read_bytes())
    pairs = all_pairs(FolderDataset(cars, PATTERN), cap=10_000)

    assert (len(pairs), pairs.is_genuine.sum()) == (73 * 72 // 2 - 1, 23 * 3 + 5)
    kinds = {kind: of_kind(pairs, kind.split()) for kind in ("model", "colour", "model colour")}
    # 12 cars share a model, 6 model and colour; the first group of each holds the photo more.
    assert {kind: int((~chosen.is_genuine).sum()) for kind, chosen in kinds.items()} == {
        "model": 2 * 66 * 9 + 3 * 11,
        "colour": 2 * 66 * 9 + 3 * 11,
        "model colour": 4 * 15 * 9 + 3 * 5,
    }


@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_a_verifier_is_judged_on_cars_it_never_saw(cars, tmp_path, monkeypatch):
    small = ("--label-pattern", PATTERN, "--backbone", "tiny_cnn", "--image-size", 32, "--photos-seen", 60)
    row = run("verifier_recipe", cars, *small, monkeypatch=monkeypatch, folder=tmp_path)
    again = run("verifier_recipe", cars, *small, monkeypatch=monkeypatch, folder=tmp_path)

    assert row == again  # read from the file, which still has one line
    assert list(row["kinds"]) == ["any car", "same model", "same colour", "same model and colour"]
    assert row["train_photos"] + row["test_photos"] == 3 * (row["train_identities"] + row["test_identities"])
    assert {kind["n_genuine"] for kind in row["kinds"].values()} == {row["test_photos"]}


@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_the_far_on_new_cars_is_held_against_the_one_chosen(cars, tmp_path, monkeypatch):
    small = ("--label-pattern", PATTERN, "--backbone", "tiny_cnn", "--image-size", 32, "--variants", "paper_head")
    row = run("verifier_recipe", cars, *small, "--far-coverage", monkeypatch=monkeypatch, folder=tmp_path)

    assert row["n_validation"] == row["n_test"] == 18 * 17 // 2
    assert row["far_chosen"] <= 0.05
    assert row["low"] <= row["far_test"] - row["far_chosen"] <= row["high"]
    assert row["is_inside"] == (row["low"] <= 0 <= row["high"])


@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_a_classifier_is_judged_with_its_calibration_and_strangers(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for number in range(120):
        path = tmp_path / "photos" / ("dark", "grey", "light")[number % 3] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((rng.integers(0, 60, (40, 48, 3)) + 90 * (number % 3)).astype(np.uint8)).save(path)
    (tmp_path / "photos" / "odd").mkdir()
    for number in range(4):
        Image.fromarray(rng.integers(0, 255, (40, 48, 3)).astype(np.uint8)).save(tmp_path / "photos" / "odd" / f"{number}.jpg")
    (tmp_path / "photos" / "odd").rename(tmp_path / "odd")
    (tmp_path / "odd" / "broken.jpg").write_bytes(b"no photo")
    small = ("--backbone", "tiny_cnn", "--image-size", 32, "--photos-seen", 60, "--precision", 0.3, "--unknown-classes", 1, "--enroll", 3)

    row = run("model_recipe", tmp_path / "photos", *small, "--strange", tmp_path / "odd", monkeypatch=monkeypatch, folder=tmp_path)

    assert row["n_train"] + row["n_test"] == 80
    assert row["logistic"] == 1.0
    assert {what: found["n"] for what, found in row["strangers"].items()} == {"unknown classes": 20, "odd": 2}
    assert 0 <= row["strangers"]["odd"]["max_softmax"] <= 1
    enrolled = row["enrolled"]
    assert (enrolled["n_known"], enrolled["n_new"]) == (row["n_test"], 20)
    n_right = enrolled["known_after"] * enrolled["n_known"] + enrolled["new"] * enrolled["n_new"]
    assert enrolled["all"] == pytest.approx(n_right / (enrolled["n_known"] + enrolled["n_new"]))


@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_answers_are_judged_level_by_level(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(90):
        model, year, car = ("A4", "A4", "X5")[number % 3], ("2010", "2012", "2012")[number % 3], number // 9
        shade = 90 * (number % 3)
        photo = (rng.integers(0, 60, (40, 48, 3)) + shade).astype(np.uint8)
        Image.fromarray(photo).save(tmp_path / "photos" / f"{'BMW' if model == 'X5' else 'Audi'}_{model}_{year}_{car}-{number}.jpg")
    names = "(?P<make>[^_]+)_(?P<model>[^_]+)_(?P<year>[^_]+)_(?P<group>[^-]+)-"
    small = ("--backbone", "tiny_cnn", "--image-size", 32, "--photos-seen", 400, "--label-pattern", names)

    row = run("hierarchy", tmp_path / "photos", *small, monkeypatch=monkeypatch, folder=tmp_path)

    assert row["n_classes"] == 3
    assert row["n_train"] + row["n_calibration"] + row["n_test"] == 90
    assert row["n_impossible"] == 0
    right = [row["levels"][level]["right"] for level in ("make", "model", "year")]
    assert right == sorted(right, reverse=True)
    for told in row["levels"].values():
        if told["sure"]:
            low, high = told["interval"]
            assert low <= told["right_of_sure"] <= high


def test_mirror_images_make_up_for_photos_that_are_missing(cars, tmp_path):
    from verification import gather_photos

    from car_recog import FolderDataset

    photos = gather_photos(FolderDataset(cars, PATTERN), 80, tmp_path / "mirrored")

    assert len({sample.path for sample in photos.samples}) == 80
    assert photos[72].class_name == photos[0].class_name
    apart = [np.abs(decode(photos[i].path)[:, ::step] - decode(photos[72].path).astype(int)).mean() for i, step in ((0, -1), (0, 1))]
    assert apart[0] < 5 < apart[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_the_three_ways_to_train_on_pairs_are_timed_and_then_the_scoring(cars, tmp_path, monkeypatch):
    import keras

    weights = tmp_path / "mobilenet.weights.h5"
    keras.applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(weights)
    short = ("--image-size", 32, "--pairs", 60, "--epochs-plain", 2, "--score-pairs", 150, "--score-photos", 80)
    small = ("--label-pattern", PATTERN, "--weights", weights, "--rounds", 1, *short)
    done = run("verification", cars, *small, monkeypatch=monkeypatch, folder=tmp_path)

    rows = {row["side"]: row for row in done["rows"]}
    training, scoring = ["plain Keras", "each photo once", "car-recog", "car-recog, 2 epochs"], ["embedding each photo", "scoring"]
    assert list(rows) == [*training, *scoring, "scoring again", "scoring beyond embedding"]
    assert rows["plain Keras"]["seconds"] > rows["plain Keras"]["seconds run"]
    assert rows["scoring"]["what"].startswith("150 pairs of ")
    assert done["machine"]["plain Keras"] == "scaled from 2 epochs to 20"
