"""Every benchmark runs at toy size and gives its rows; on JAX without TensorFlow where that is its point."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from car_recog.data.images import decode

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmarks find each other, as they do when run as scripts; the cache they set is set back."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("CAR_RECOG_CACHE", os.environ["CAR_RECOG_CACHE"])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty dark and twenty light photos."""
    rng = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "photos" / ("dark", "light")[number % 2] / f"{number}_0.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 60, (40, 48, 3)).astype(np.uint8) + np.uint8(180 * (number % 2))).save(path)
    return tmp_path / "photos"


def run(name: str, *arguments: object, monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict:
    path = folder / f"{name}.json"
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments), "--json", str(path)])
    __import__(name).main()
    return json.loads(path.read_text())


def test_a_ratio_is_taken_within_a_round():
    from rounds import compare

    seconds = {"slow": [2.0, 8.0, 4.0], "fast": [1.0, 2.0, 4.0]}
    slow, fast = compare(seconds, n_photos=8, against=["slow"], batch=32)

    assert slow["times slow"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert fast["times slow"] == {"median": 2.0, "min": 1.0, "max": 4.0}
    assert (fast["side"], fast["batch"], fast["photos/s"], fast["ms"]) == ("fast", 32, 4.0, 2000.0)


def test_a_variant_changes_each_phase_by_what_it_has_and_phases_share_a_length():
    from ingredients import VARIANTS, of_length

    plain, double, one = VARIANTS["finetune"], VARIANTS["rate_double"], VARIANTS["one_phase"]

    assert [phase.learning_rate / old.learning_rate for phase, old in zip(double.phases, plain.phases, strict=True)] == [2.0, 2.0]
    assert sum(phase.photos_seen for phase in one.phases) == sum(phase.photos_seen for phase in plain.phases)
    short = of_length(plain, 4_700).phases
    assert sum(phase.photos_seen for phase in short) == 4_700
    shares = [phase.photos_seen / old.photos_seen for phase, old in zip(short, plain.phases, strict=True)]
    assert shares == pytest.approx([shares[0]] * 2, rel=1e-3)
    assert of_length(plain, None) is plain


def test_sides_take_turns_and_the_first_round_does_not_count():
    from rounds import time_rounds

    calls = []
    seconds = time_rounds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2, prepare=lambda: calls.append("-"))

    assert "".join(calls) == "-ab-ab-ab"
    assert [len(values) for values in seconds.values()] == [2, 2]


def test_a_table_shows_median_and_range(capsys):
    from rounds import report

    report([{"side": "a", "times b": {"median": 1.0, "min": 0.5, "max": 2.0}, "each round": [1]}, {"side": "b"}], None, photos=3)

    machine, table = capsys.readouterr().out.split("\n\n")
    assert machine.endswith("photos 3")
    assert table.splitlines() == ["side  times b", "a     1 (0.5 to 2)", "b"]


def test_decoding_is_measured_on_small_and_on_large_photos(photos, tmp_path, monkeypatch):
    done = run("decoding", photos, "--rounds", 1, "--image-size", 32, "--large-photos", 4, monkeypatch=monkeypatch, folder=tmp_path)

    assert done["machine"]["decoder needs TensorFlow"] is False
    assert [(row["photos"], row["n"], row["side"]) for row in done["rows"]] == [
        (kind, n, side) for kind, n in (("as they are", 40), ("1000 x 667", 4)) for side in ("car-recog", "tf.data", "tf.data antialias")
    ]


def test_enlarged_photos_have_the_size_they_are_named_for(photos, tmp_path):
    from decoding import enlarge, largest

    made = enlarge(largest(sorted(photos.rglob("*.jpg")), 3), tmp_path / "large")

    assert [decode(path).shape for path in made] == [(667, 1000, 3)] * 3
    assert {path.parent.name for path in made} <= {"dark", "light"}


def test_epochs_are_read_from_the_cache_and_by_keras(photos, tmp_path, monkeypatch):
    sizes = ("--image-size", 32, "--batch-size", 8, "--photos", 36, "--large-photos", 8)
    done = run("epochs", photos, "--rounds", 1, *sizes, monkeypatch=monkeypatch, folder=tmp_path)

    sides = ["decoding", "cache", "later run", "Keras first", "Keras second", "Keras second, shuffled"]
    assert [row["side"] for row in done["rows"]] == 2 * sides
    assert [row["n"] for row in done["rows"]] == [32] * 6 + [8] * 6


@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_fit_and_predict_are_held_against_the_bare_model(tmp_path, monkeypatch):
    sizes = ("--backbone", "tiny_cnn", "--options", '{"widths": [4]}', "--image-size", 32, "--batch-size", 8, "--photos", 20)
    done = run("overhead", "--rounds", 2, *sizes, monkeypatch=monkeypatch, folder=tmp_path)

    assert [(row["what"], row["side"], len(row["each round"])) for row in done["rows"]] == [
        ("first epoch, with compiling", "bare Keras", 1),
        ("first epoch, with compiling", "car-recog", 1),
        ("training", "bare Keras", 2),
        ("training", "car-recog", 2),
        ("predicting", "bare Keras", 2),
        ("predicting", "car-recog predict_proba, dataset", 2),
        ("predicting", "car-recog predict, dataset", 2),
        ("predicting", "car-recog predict, array", 2),
    ]


def test_the_accelerator_is_measured_on_jax_without_tensorflow(tmp_path):
    pytest.importorskip("jax")
    script = """
import runpy
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "matplotlib"):
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_module("accelerator", run_name="__main__")
"""
    sizes = ["--backbones", "tiny_cnn", "--options", '{"widths": [4]}', "--image-size", "32", "--batch-sizes", "4", "8", "--photos", "16"]
    command = [sys.executable, "-c", script, str(FOLDER), "accelerator", *sizes, "--rounds", "2", "--json", str(tmp_path / "rows.json")]

    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "jax"}, check=False)

    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "rows.json").read_text())
    assert found["machine"]["backend"] == "jax"
    assert found["machine"]["devices"]
    assert "jax" in found["machine"]
    assert "tensorflow" not in found["machine"]
    assert [(row["batch"], row["what"]) for row in found["rows"] if row["side"] == "bare Keras"] == [
        (batch, what) for batch in (4, 8) for what in ("first epoch, with compiling", "training", "predicting")
    ]


@pytest.mark.parametrize("flags", [(), ("--plain",)])
def test_galleries_are_searched_by_every_index(flags, tmp_path, monkeypatch):
    sizes = ("--photos", 50, 300, "--identities", 20, "--queries", 30, "--single-queries", 3)
    done = run("gallery_search", *sizes, *flags, "--rounds", 1, monkeypatch=monkeypatch, folder=tmp_path)

    sides = ["NumPy exact", "faiss exact", "HNSW"]
    assert [(row["photos"], row["side"]) for row in done["rows"]] == [(n, side) for n in (50, 300) for side in sides]
    assert [row["recall@10"] for row in done["rows"]] == [1.0] * 6


def test_drawn_photos_of_one_identity_have_the_cosine_that_the_docstring_tells():
    from gallery_search import draw_embeddings

    rows, queries, _ = draw_embeddings(200, 300, n_identities=1, latent=32)

    assert (rows @ queries.T).mean() == pytest.approx(0.74, abs=0.01)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(200), abs=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_the_parts_job_judges_both_ways_on_the_same_photos(photos, tmp_path, monkeypatch):
    import keras

    weights = tmp_path / "mobilenet.weights.h5"
    keras.applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(weights)
    short = ("--image-size", 32, "--photos-seen", 30, "--head-epochs", 1, "--epochs", 1)
    done = run("parts_job", photos, "--weights", weights, "--rounds", 1, *short, monkeypatch=monkeypatch, folder=tmp_path)

    rows = done["rows"]
    assert [(row["seed"], row["side"]) for row in rows] == [(seed, side) for seed in (0, "all") for side in ("plain Keras", "car-recog")]
    assert [(row["trained on"], row["judged on"]) for row in rows[:2]] == [(30, 10)] * 2
    assert rows[3]["accuracy"]["median"] == rows[1]["accuracy"]


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    """Three photos of each of 24 cars: two models in two colours, six cars of each."""
    rng = np.random.default_rng(0)
    for car in range(24):
        model, colour = car % 2, car // 2 % 2
        marks = 80 * colour + rng.integers(0, 60, (5, 5, 3)).repeat(8, axis=0).repeat(8, axis=1)
        for number in range(3):
            path = tmp_path / "cars" / f"model{model}" / f"colour{colour}" / f"car{car}_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((marks + rng.integers(0, 30, (40, 40, 3))).astype(np.uint8)).save(path)
    return tmp_path / "cars"


PATTERN = r"(?P<model>[^/]+)/(?P<colour>[^/]+)/(?P<label>[^/_]+)_"


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
