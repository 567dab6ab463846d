"""`car-recog predict`: files, folders and patterns in; a table, CSV or JSON out; broken photos beside good ones."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from car_recog import CarClassifier, FolderDataset, PartClassifier, Phase, Recipe
from car_recog.cli import predict
from car_recog.data import pipeline
from car_recog.data.images import decode
from car_recog.errors import BundleError
from car_recog.loading import load_classifier


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no photo")
    return path


@pytest.fixture
def door(photos):
    return photos / "door" / "car0_a.png"


@pytest.fixture
def wheel(photos):
    return photos / "wheel" / "car0_a.png"


def test_photos_are_answered_in_a_table(run, bundle, door, wheel):
    done = run("predict", bundle, door, wheel)

    head, first, second = done.out.splitlines()
    assert done.code == 0
    assert head.split() == ["photo", "class", "share"]
    assert first.split()[:2] == [str(door), "door"]
    assert second.split()[:2] == [str(wheel), "wheel"]
    assert done.err == ""


def test_answers_are_those_of_the_classifier(run, bundle, door, wheel):
    expected = PartClassifier.load(bundle).predict([door, wheel])

    answers = run("predict", bundle, door, wheel, "--json").json()

    assert [answer["probability"] for answer in answers] == pytest.approx([answer.probability for answer in expected], abs=1e-5)


def test_json_is_one_document(run, bundle, door):
    (answer,) = run("predict", bundle, door, "--json", "--top", 2).json()

    assert answer["source"] == str(door)
    assert answer["class_name"] == "door"
    assert [entry["class_name"] for entry in answer["top"]] == ["door", "wheel"]
    assert sum(entry["probability"] for entry in answer["top"]) == pytest.approx(1.0)
    assert answer["error"] is None


def test_json_lines_are_one_document_a_photo(run, bundle, door, wheel):
    done = run("predict", bundle, door, wheel, "--format", "jsonl")

    assert [json.loads(line)["class_name"] for line in done.out.splitlines()] == ["door", "wheel"]


def test_csv_has_columns_for_as_many_classes_as_asked_for(run, bundle, door):
    done = run("predict", bundle, door, "--format", "csv", "--top", 2)

    (row,) = done.rows()
    assert list(row) == ["source", "class_name", "probability", "class_name_2", "probability_2", "rejected", "error"]
    assert (row["class_name"], row["class_name_2"], row["error"]) == ("door", "wheel", "")


def test_more_classes_than_there_are_leave_cells_empty(run, bundle, door, broken):
    done = run("predict", bundle, door, broken, "--format", "csv", "--top", 4)

    assert {len(row) for row in csv.reader(io.StringIO(done.out))} == {11}
    assert [row["class_name_4"] for row in done.rows()] == ["", ""]


@pytest.mark.parametrize("form", ["csv", "jsonl", "json", "table"])
def test_a_broken_photo_stands_between_good_ones(run, bundle, door, wheel, broken, form):
    done = run("predict", bundle, door, broken, wheel, "--format", form)

    assert done.code == 1
    places = [done.out.index(str(path)) for path in (door, broken, wheel)]
    assert places == sorted(places)
    assert done.err.startswith(f"warning: Cannot decode '{broken}': it is no readable JPEG")


def test_a_broken_photo_has_an_error_and_no_class(run, bundle, broken):
    (row,) = run("predict", bundle, broken, "--format", "csv").rows()
    (answer,) = run("predict", bundle, broken, "--json").json()

    assert (row["class_name"], row["probability"]) == ("", "")
    assert row["error"].startswith("Cannot decode")
    assert (answer["class_name"], answer["probability"], answer["top"]) == (None, None, [])


def test_folders_and_patterns_are_followed(run, bundle, photos, door):
    pattern = photos / "*" / "car1_[ab].png"

    sources = [answer["source"] for answer in run("predict", bundle, photos / "door", pattern, door, "--json").json()]

    assert len(sources) == 24 + 4 + 1
    assert sources[24:] == [str(photos / name / f"car1_{crop}.png") for name in ("door", "wheel") for crop in "ab"] + [str(door)]


def test_a_pattern_may_be_relative(run, bundle, photos, monkeypatch):
    monkeypatch.chdir(photos)

    answers = run("predict", bundle, "wheel/car0_*.png", "--json").json()

    assert [answer["source"] for answer in answers] == ["wheel/car0_a.png", "wheel/car0_b.png", "wheel/car0_c.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(run, bundle, door, tmp_path):
    shutil.copy(door, tmp_path / "a[1].png")

    (answer,) = run("predict", bundle, tmp_path / "a[1].png", "--json").json()

    assert answer["class_name"] == "door"


def test_whole_photos_are_warned_about_where_training_saw_cut_ones(run, photos, door, tmp_path):
    data = FolderDataset(photos).with_boxes(lambda photo: (4, 4, 20, 20))
    clf = CarClassifier("tiny_cnn", weights=None, image_size=(32, 32))
    clf.fit(data, recipe=Recipe(phases=[Phase(epochs=1)]), verbose=False)
    clf.save(tmp_path / "bundle")

    done = run("predict", tmp_path / "bundle", door)

    assert "it was trained on photos that were cut to the car" in done.err
    assert f"{len(data)} photos, {len(data)} of them cut to a box" in (tmp_path / "bundle" / "README.md").read_text("utf-8")
    assert "cut" not in run("predict", tmp_path / "bundle", door, "--crop", "plain_background").err


def test_more_photos_than_fit_into_one_chunk_keep_their_order(run, bundle, photos, broken, monkeypatch):
    monkeypatch.setattr(predict, "CHUNK", 7)

    done = run("predict", bundle, photos, broken, "--json")

    expected = [str(path) for path in sorted(photos.rglob("*.png"))] + [str(broken)]
    assert [answer["source"] for answer in done.json()] == expected
    assert [answer["class_name"] for answer in done.json()] == ["door"] * 24 + ["wheel"] * 24 + [None]


def test_photos_are_decoded_only_as_they_are_needed(bundle, door, monkeypatch):
    decoded = []

    def count(photo, **fit):
        if isinstance(photo, Path):  # not the arrays that the classifier is then asked about
            decoded.append(photo)
        return decode(photo, **fit)

    monkeypatch.setattr(predict, "CHUNK", 2)
    monkeypatch.setattr(pipeline, "decode", count)
    answers = predict.answers(PartClassifier.load(bundle), [door] * 100, top=1)
    next(answers)
    answers.close()

    assert len(decoded) <= 4


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
def test_a_file_says_the_same_as_the_output(run, bundle, photos, tmp_path, name):
    printed = run("predict", bundle, photos, "--format", name.partition(".")[2]).out

    done = run("predict", bundle, photos, "--out", tmp_path / "new" / name)

    assert (tmp_path / "new" / name).read_text() == printed
    assert done.out == f"{tmp_path / 'new' / name}: 48 photos.\n"
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_broken_photos_are_counted_where_a_file_is_written(run, bundle, door, broken, tmp_path):
    done = run("predict", bundle, door, broken, "--out", tmp_path / "a.csv")

    assert done.code == 1
    assert done.out == f"{tmp_path / 'a.csv'}: 2 photos; 1 of them could not be decoded.\n"


def test_an_interrupted_file_keeps_what_it_held(run, bundle, door, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    (tmp_path / "a.csv").write_text("old")
    monkeypatch.setattr(predict, "answers", interrupt)

    done = run("predict", bundle, door, "--out", tmp_path / "a.csv")

    assert done.code == 130
    assert (tmp_path / "a.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_narrow_terminal_cuts_the_beginning_of_a_path(bundle, door, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    path = "a" * 60 + "/photo.jpg"

    predict._write_table(
        iter([predict.Answer(path, (("door", 0.75),))]), stream, classifier=PartClassifier.load(bundle), paths=[path], top=1
    )

    head, row = stream.getvalue().splitlines()
    assert len(row) == 40
    assert head.split() == ["photo", "class", "share"]
    assert row.startswith("…a")
    assert row.endswith("/photo.jpg  door   0.750")


def test_a_path_with_letters_that_move_the_cursor_is_shown_without_them(run, bundle, door, tmp_path):
    shutil.copy(door, tmp_path / "a\x1b[2J.png")

    done = run("predict", bundle, tmp_path)

    assert "a?[2J.png" in done.out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--top", "0"), "error: --top must lie in 1 to 5; got 0.\n"),
        (("--top", "6"), "error: --top must lie in 1 to 5; got 6.\n"),
        (("--out", "a.txt"), "error: --out takes a .csv, .jsonl or .json file, or --format csv, jsonl or json; got 'a.txt'.\n"),
        (("--out", "a.csv", "--format", "table"), "error: --out takes a .csv"),
        (("--out", "."), "error: --out '.' is a folder; name a file.\n"),
        (("--json", "--format", "csv"), "error: --json and --format csv exclude each other.\n"),
        (("--json", "--out", "a.csv"), "error: --json and --out 'a.csv' exclude each other.\n"),
        (("--json", "--out", "."), "error: --out '.' is a folder; name a file.\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_bad_use(run, bundle, door, argv, message):
    done = run("predict", bundle, door, *argv)

    assert done.code == 2
    assert done.err.startswith(message)
    assert done.out == ""


def test_photos_that_are_not_there_stop_at_once(run, bundle, door, tmp_path):
    missing = run("predict", bundle, door, tmp_path / "gone.jpg")
    unmatched = run("predict", bundle, door, tmp_path / "*.jpg")

    assert missing.code == unmatched.code == 2
    assert missing.err == f"error: No such photo: '{tmp_path / 'gone.jpg'}'.\n"
    assert unmatched.err == f"error: No photos match '{tmp_path / '*.jpg'}'.\n"


def test_a_bundle_is_loaded_as_what_it_is(bundle, tmp_path):
    part = load_classifier(bundle)
    other = CarClassifier("tiny_cnn", weights=None, image_size=(32, 32))
    other._state = part._state
    other.save(tmp_path / "other")

    assert type(part) is PartClassifier
    assert type(load_classifier(tmp_path / "other")) is CarClassifier


def test_a_bundle_of_another_kind_is_named(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr("car_recog.loading.read_config", lambda folder, kind: {"kind": "SiameseVerifier"})

    with pytest.raises(BundleError, match="holds a 'SiameseVerifier', no classifier. Classifiers are CarClassifier, PartClassifier."):
        load_classifier(bundle)
