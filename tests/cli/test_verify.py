"""`car-recog verify`: two photos, or a list of pairs; broken photos beside good ones."""

import csv

import attrs
import pytest

from car_recog import SiameseVerifier
from car_recog.errors import BundleError
from car_recog.loading import load_recogniser, load_verifier


@pytest.fixture
def photo(cars):
    return lambda car, number: next(cars.rglob(f"car{car:02}_{number}.png"))


@pytest.fixture
def listed(own_cars):
    """A list of three pairs, and a broken photo in the last of them."""
    folder = own_cars / "model0" / "warm"
    (folder / "broken.jpg").write_bytes(b"no photo")
    lines = ("car00_0.png car00_1.png 1", "car00_0.png car04_3.png", "broken.jpg car00_1.png 0")
    (folder / "pairs.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder / "pairs.txt"


def test_the_same_photo_shows_the_same_car(run, verifier, photo):
    done = run("verify", verifier, photo(0, 0), photo(0, 0))

    assert done.code == 0
    assert done.out.startswith("the same car: score 1.000, at or above the threshold ")
    assert done.err == ""


def test_opposite_hues_are_two_cars_and_the_exit_code_is_1(run, verifier, photo):
    done = run("verify", verifier, photo(0, 0), photo(6, 0))

    assert done.code == 1
    assert done.out.startswith("two cars: score ")
    assert ", below the threshold " in done.out


def test_json_tells_what_the_verifier_says(run, verifier, photo):
    expected = SiameseVerifier.load(verifier).verify(photo(0, 0), photo(1, 2))

    answer = run("verify", verifier, photo(0, 0), photo(1, 2), "--json").json()

    assert (answer["first"], answer["second"]) == (str(photo(0, 0)), str(photo(1, 2)))
    assert answer["score"] == pytest.approx(expected.score, abs=1e-5)
    assert answer["probability"] == pytest.approx(expected.probability, abs=1e-5)
    assert (answer["threshold"], answer["is_same"], answer["is_uncertain"]) == (expected.threshold, expected.is_same, False)


def test_answers_in_the_abstain_band_are_marked(run, verifier, photo, tmp_path):
    ver = SiameseVerifier.load(verifier)
    ver.calibration = attrs.evolve(ver.calibration, abstain=(0, 1))
    ver.save(tmp_path / "unsure")

    done = run("verify", tmp_path / "unsure", photo(0, 0), photo(0, 1))

    assert done.out.endswith("; uncertain: a person should look\n")


def test_without_a_threshold_there_is_a_score_but_no_verdict(run, verifier, photo, tmp_path):
    ver = SiameseVerifier.load(verifier)
    ver.calibration = None
    ver.save(tmp_path / "raw")

    done = run("verify", tmp_path / "raw", photo(0, 0), photo(0, 0))

    assert done.code == 2
    assert done.out == "score 1.000\n"
    assert done.err.startswith("error: the verifier has no threshold, so it gives no verdict.")


def test_pairs_of_a_list_are_answered_with_labels_or_without(run, verifier, listed):
    done = run("verify", verifier, "--pairs", listed, "--format", "csv")

    first, second, third = done.rows()
    assert done.code == 1
    assert (first["first"], first["second"]) == (str(listed.parent / "car00_0.png"), str(listed.parent / "car00_1.png"))
    assert (first["is_same"], second["is_same"]) == ("1", "0")
    assert float(first["score"]) > float(second["score"])
    assert (third["score"], third["probability"], third["is_same"]) == ("", "", "")
    assert third["error"].startswith(f"Cannot decode '{listed.parent / 'broken.jpg'}'")
    assert done.err.count("warning: Cannot decode") == 1


def test_a_list_is_answered_as_its_pairs_one_by_one(run, verifier, listed, own_cars):
    (listed.parent / "pairs.txt").write_text("warm/car00_0.png warm/car02_1.png\nwarm/car02_1.png warm/car00_0.png\n")

    one, other = run("verify", verifier, "--pairs", listed, "--image-root", own_cars / "model0", "--json").json()

    alone = run("verify", verifier, one["first"], one["second"], "--json").json()
    assert one["score"] == other["score"]
    assert one["score"] == pytest.approx(alone["score"], abs=1e-5)


def test_a_table_and_a_file_say_the_same(run, verifier, listed, tmp_path):
    shown = run("verify", verifier, "--pairs", listed)
    written = run("verify", verifier, "--pairs", listed, "--out", tmp_path / "answers.csv")

    rows = [line.split() for line in shown.out.splitlines()]
    same, different, broken = csv.DictReader((tmp_path / "answers.csv").read_text().splitlines())
    assert rows[2][2:6] == ["the", "same", "car", f"{float(same['score']):.3f}"]
    assert rows[3][2:5] == ["two", "cars", f"{float(different['score']):.3f}"]
    assert rows[4][2:] == ["could", "not", "be", "decoded"]
    assert broken["error"]
    assert written.out == f"{tmp_path / 'answers.csv'}: 3 pairs of 4 photos; 1 of them could not be decoded.\n"


def test_a_photo_that_cannot_be_decoded_is_bad_use_where_there_are_only_two(run, verifier, listed, photo):
    done = run("verify", verifier, photo(0, 0), listed.parent / "broken.jpg")

    assert done.code == 2
    assert done.err.startswith("error: Cannot decode")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "Give two photos, or a list of pairs with --pairs FILE; got 0 photos."),
        (("a.jpg",), "got 1 photos."),
        (("a.jpg", "b.jpg", "--pairs", "pairs.txt"), "Give two photos, or a list"),
        (("a.jpg", "b.jpg", "--out", "a.csv"), "--out and --format are for lists of pairs"),
        (("--pairs", "gone.txt"), "No such list of pairs: 'gone.txt'."),
    ],
)
def test_what_makes_no_sense_is_one_error(run, verifier, argv, message):
    done = run("verify", verifier, *argv)

    assert done.code == 2
    assert message in done.err


def test_missing_photos_of_a_list_are_told_by_line(run, verifier, listed):
    listed.write_text("car00_0.png gone.png\ncar00_0.png\n")

    done = run("verify", verifier, "--pairs", listed)

    assert done.code == 2
    assert "line 1: no such photo: 'gone.png'" in done.err
    assert "line 2: expected 'path1 path2', got 'car00_0.png'" in done.err


def test_a_bundle_is_loaded_as_what_it_is(verifier, bundle):
    assert type(load_recogniser(verifier)) is type(load_verifier(verifier)) is SiameseVerifier
    assert type(load_recogniser(bundle)).__name__ == "PartClassifier"


def test_a_classifier_verifies_nothing(run, bundle, photo):
    done = run("verify", bundle, photo(0, 0), photo(0, 1))

    assert done.code == 2
    assert "holds a 'PartClassifier', no verifier. Verifiers are SiameseVerifier." in done.err


def test_an_unknown_kind_is_named(bundle, monkeypatch):
    monkeypatch.setattr("car_recog.loading.read_config", lambda folder, kind: {"kind": ["?"]})

    with pytest.raises(BundleError, match="no recogniser. Recognisers are CarClassifier, PartClassifier, SiameseVerifier."):
        load_recogniser(bundle)
