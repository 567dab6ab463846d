"""`car-recog gallery`: cars are enrolled, found, told and taken out."""

import json

import pytest

from car_recog import Gallery
from car_recog.data.synthetic import IDENTITY_PATTERN
from car_recog.loading import load_verifier


@pytest.fixture
def enrolled(run, verifier, cars, tmp_path):
    """A gallery of all cars of model 0: six cars on six photos each."""
    done = run("gallery", "add", verifier, tmp_path / "gallery", cars / "model0", "--label-pattern", "(?P<label>car[0-9]+)_")
    assert done.out == f"{tmp_path / 'gallery'}: 36 new photos; now 36 photos of 6 cars.\n"
    return tmp_path / "gallery"


def test_a_saved_gallery_is_that_of_the_library(enrolled, verifier):
    gallery = Gallery.load(enrolled, load_verifier(verifier))

    assert gallery.photo_counts() == {f"car{car:02}": 6 for car in range(0, 12, 2)}


def test_photos_come_in_under_a_name_and_only_once(run, enrolled, verifier, cars):
    photos = sorted((cars / "model1" / "cold").glob("car07_*.png"))

    first = run("gallery", "add", verifier, enrolled, *photos[:4], "--name", "the green one", "--json").json()
    again = run("gallery", "add", verifier, enrolled, *photos, "--name", "the green one", "--json").json()

    assert (first["n_new"], first["n_photos"], first["n_names"]) == (4, 40, 7)
    assert (again["n_new"], again["n_photos"]) == (2, 42)


def test_an_enrolled_photo_is_found_as_itself(run, enrolled, verifier, cars):
    photo = cars / "model0" / "warm" / "car02_0.png"

    (answer,) = run("gallery", "search", verifier, enrolled, photo, "--k", 3, "--json").json()

    assert answer["is_known"] is True
    best, *others = answer["matches"]
    assert (best["name"], best["enrolled"]) == ("car02", str(photo))
    assert best["score"] == pytest.approx(1.0, abs=1e-5)
    assert len(others) == 2


def test_rows_are_those_of_the_library_and_broken_photos_stand_between(run, enrolled, verifier, cars, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    photos = [cars / "model1" / "warm" / "car01_0.png", broken, cars / "model0" / "cold" / "car08_1.png"]
    gallery = Gallery.load(enrolled, load_verifier(verifier))

    done = run("gallery", "search", verifier, enrolled, *photos, "--k", 2, "--format", "csv")

    rows = done.rows()
    expected = [(str(path), match.name) for path in (photos[0], photos[2]) for match in gallery.search(path, 2).matches]
    assert done.code == 1
    assert [(row["source"], row["name"]) for row in rows if row["name"]] == expected
    assert [row["rank"] for row in rows] == ["1", "2", "", "1", "2"]
    assert rows[2]["error"].startswith("Cannot decode")
    assert done.err.startswith(f"warning: Cannot decode '{broken}'")


def test_answers_are_shown_as_a_table_and_written_to_a_file(run, enrolled, verifier, cars, tmp_path):
    photo = cars / "model0" / "warm" / "car04_3.png"

    shown = run("gallery", "search", verifier, enrolled, photo, "--k", 1)
    written = run("gallery", "search", verifier, enrolled, photo, "--k", 1, "--out", tmp_path / "found.jsonl")

    assert shown.out.splitlines()[2].split()[:4] == [str(photo), "yes", "1", "car04"]
    assert json.loads((tmp_path / "found.jsonl").read_text())["matches"][0]["name"] == "car04"
    assert written.out == f"{tmp_path / 'found.jsonl'}: 1 photos.\n"


def test_a_name_is_taken_out(run, enrolled, verifier):
    done = run("gallery", "remove", verifier, enrolled, "car04", "car08")

    info = run("gallery", "info", verifier, enrolled, "--json").json()
    assert done.out == f"{enrolled}: 12 photos taken out; now 24 photos of 4 cars.\n"
    assert info["names"] == {"car00": 6, "car02": 6, "car06": 6, "car10": 6}


def test_info_tells_the_cars(run, enrolled, verifier):
    done = run("gallery", "info", verifier, enrolled)

    assert ["car06", "6"] in [line.split() for line in done.out.splitlines()]
    assert done.out.endswith(f"36 photos of 6 cars in {enrolled}.\n")


def test_broken_photos_are_named_and_the_others_enrolled(run, verifier, own_cars, tmp_path):
    (own_cars / "model0" / "warm" / "car00_9.png").write_bytes(b"no photo")

    done = run("gallery", "add", verifier, tmp_path / "gallery", own_cars, "--label-pattern", IDENTITY_PATTERN)

    assert done.code == 1
    assert "car00_9.png" in done.err
    assert done.out == f"{tmp_path / 'gallery'}: 72 new photos; now 72 photos of 12 cars.\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("remove", "{verifier}", "{gallery}", "car4"), "Did you mean 'car04'?"),
        (("add", "{verifier}", "{gallery}", "{cars}/model0/warm/car00_0.png"), "Give --name for these photos, or one folder"),
        (("add", "{verifier}", "{gallery}", "{cars}/model0/warm/car00_0.png", "--name", "other"), "go under two names"),
        (("search", "{verifier}", "{gallery}", "gone.jpg"), "No such photo: 'gone.jpg'."),
        (("search", "{verifier}", "{gallery}", "{cars}", "--k", "0"), "k must be a positive integer; got 0."),
        (("info", "{verifier}", "{cars}"), "is no saved gallery"),
        (("info", "{bundle}", "{gallery}"), "holds a 'PartClassifier', no verifier."),
    ],
)
def test_what_makes_no_sense_is_one_error(run, enrolled, verifier, bundle, cars, argv, message):
    places = {"verifier": verifier, "gallery": enrolled, "cars": cars, "bundle": bundle}

    done = run("gallery", *(piece.format(**places) for piece in argv))

    assert done.code == 2
    assert message in done.err
