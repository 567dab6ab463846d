"""Benchmarks of speed run at toy size and give their rows; on JAX without TensorFlow where that is their point."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from benchmark_runs import FOLDER, run

from car_recog.data.images import decode


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
