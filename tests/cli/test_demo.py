"""`car-recog demo`: everything at once, on drawn photos."""

import json
from pathlib import Path

import pytest

from car_recog.cli import demo
from car_recog.data.compcars import PART_NAMES

PICTURES = {"calibration.png", "confusion.png", "coverage.png", "history.png", "per_class.png", "photos.png", "worst.png"}
LEFT = PICTURES | {"cars", "verifier", "bundle", "config.json", "history.csv", "photos", "report.html", "report.json", "report.md"}


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(demo, "N_PHOTOS", 96)
    monkeypatch.setattr(demo, "N_EPOCHS", 1)
    monkeypatch.setattr(demo, "N_COLOURS", 1)
    monkeypatch.setattr(demo, "N_CAR_EPOCHS", 1)


def test_a_small_demo_leaves_everything_and_says_what_it_did(run, tmp_path, _small):
    done = run("demo", "--folder", tmp_path / "demo")

    folder = tmp_path / "demo"
    assert {path.name for path in folder.iterdir()} == LEFT
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert len(list((folder / "photos" / "data" / "part").rglob("*.jpg"))) == 96
    assert "Guessing would be right once in 8 times." in done.out
    assert f"car-recog evaluate {folder / 'bundle'} {folder / 'photos'}\n" in done.out
    assert len(list((folder / "cars").rglob("*.jpg"))) == 72
    assert {"bundle", "report.html", "roc.png"} <= {path.name for path in (folder / "verifier").iterdir()}
    assert "Guessing would have an equal error rate of 0.5." in done.out
    assert f"car-recog verify {folder / 'verifier' / 'bundle'} {folder / 'cars'}" in done.out
    assert "drawing 96 photos of car parts\n" in done.err
    assert "drawing photos of 18 cars, 4 of each\n" in done.err
    assert "epoch 1/1" in done.err


def test_its_numbers_are_those_of_the_report_it_leaves(run, tmp_path, _small):
    result = run("demo", "--folder", tmp_path / "demo", "--json").json()

    assert result["report"] == json.loads((tmp_path / "demo" / "report.json").read_text())
    assert list(result["report"]["per_class"]) == list(PART_NAMES)
    assert result["report"]["n_photos"] == result["n_test"] == 96 - result["n_train"] - result["n_val"]
    assert all(Path(mistake["source"]).is_file() for mistake in result["report"]["worst"])
    assert result["asked"]["true_class"] == "headlight"
    assert result["asked"]["class_name"] in PART_NAMES
    assert result["verifier"]["report"] == json.loads((tmp_path / "demo" / "verifier" / "report.json").read_text())
    assert [pair["is_genuine"] for pair in result["verifier"]["asked"]] == [True, False]
    assert all(pair["is_same"] == (pair["score"] >= pair["threshold"]) for pair in result["verifier"]["asked"])


def test_what_an_earlier_demo_left_is_not_touched(tmp_path):
    for name in ("demo", "demo-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.md").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()

    assert demo.free_folder(tmp_path / "new") == tmp_path / "new"
    assert demo.free_folder(tmp_path / "empty") == tmp_path / "empty"
    assert demo.free_folder(tmp_path / "demo") == tmp_path / "demo-3"
    assert demo.free_folder(tmp_path / "file") == tmp_path / "file-2"


def test_an_interrupted_demo_leaves_nothing(run, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "N_PHOTOS", 96)
    monkeypatch.setattr("car_recog.cli.demo_parts.train_and_judge", interrupt)

    done = run("demo", "--folder", tmp_path / "demo")

    assert done.code == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_demo_lands_far_above_chance(run, tmp_path):
    done = run("demo", "--folder", tmp_path / "demo", "--json")

    assert done.code == 0
    assert done.json()["report"]["accuracy"] > 0.85
    assert done.json()["verifier"]["report"]["intervals"]["eer"][1] < 0.4
