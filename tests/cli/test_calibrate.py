"""`car-recog calibrate`: thresholds for saved recognisers, and what they change in the answers of `predict`."""

import shutil

import attrs
import numpy as np
import pytest
from PIL import Image

from car_recog import PartClassifier, SiameseVerifier
from car_recog.data.synthetic import IDENTITY_PATTERN

FLAGS = ("--side", "all")


@pytest.fixture
def own_bundle(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "bundle")


@pytest.fixture
def strange(tmp_path):
    """Green photos; the toy classifier knows red doors and blue wheels."""
    folder = tmp_path / "strange"
    folder.mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).normal((30, 200, 30), 12, (24, 30, 3)).clip(0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def test_training_calibrates_on_its_validation_side(bundle):
    calibration = PartClassifier.load(bundle).calibration

    assert calibration.n_photos == 12
    assert calibration.precision == 0.9 or calibration.coverage == 1.0


def test_a_classifier_is_calibrated_in_place(run, own_bundle, photos):
    done = run("calibrate", own_bundle, photos, *FLAGS, "--coverage", "0.5", "--json")

    found = done.json()["calibration"]
    assert done.code == 0
    assert (found["coverage"], found["n_photos"]) == (0.5, 48)
    assert PartClassifier.load(own_bundle).calibration.threshold == found["threshold"]


def test_rejected_photos_are_named_no_class(run, own_bundle, photos, strange):
    assert run("calibrate", own_bundle, photos, *FLAGS, "--coverage", "0.9", "--unknown", strange).code == 0
    door = photos / "door" / "car0_a.png"

    plain = run("predict", own_bundle, door, strange, "--json").json()
    strict = run("predict", own_bundle, door, strange, "--json", "--reject").json()
    table = run("predict", own_bundle, strange, "--reject").out

    n_rejected = sum(answer["rejected"] for answer in plain)
    assert all(answer["class_name"] for answer in plain)
    assert [answer["class_name"] is None for answer in strict] == [answer["rejected"] for answer in plain]
    assert n_rejected > 0
    assert table.count("not sure") == n_rejected - plain[0]["rejected"]


def test_a_summary_counts_the_classes(run, bundle, photos, tmp_path):
    sheet = tmp_path / "sheet.png"

    done = run("predict", bundle, photos, "--summary", "--json", "--sheet", sheet)

    counted = done.json()
    assert counted["n_photos"] == 48
    assert sum(counted["counts"].values()) == 48
    assert set(counted["counts"]) <= {"door", "wheel"}
    with Image.open(sheet) as image:
        assert image.width > 1000
    assert "shows 48 of the photos" in done.err


def test_a_summary_is_a_table(run, bundle, photos):
    lines = run("predict", bundle, photos / "door", "--summary").out.splitlines()

    assert lines[0].split() == ["class", "photos", "share"]
    assert sum(int(line.split()[1]) for line in lines[2:]) == 24


def test_a_summary_is_not_written_to_a_file(run, bundle, photos, tmp_path):
    done = run("predict", bundle, photos, "--summary", "--out", tmp_path / "a.json")

    assert done.code == 2
    assert "leave --out" in done.err


def test_a_verifier_is_calibrated_again(run, verifier, cars, tmp_path):
    own = shutil.copytree(verifier, tmp_path / "verifier")

    done = run("calibrate", own, cars, "--label-pattern", IDENTITY_PATTERN, *FLAGS, "--target", "accuracy")

    assert done.code == 0
    assert SiameseVerifier.load(own).calibration.target == "accuracy"
    assert "false accept rate" in done.out


@pytest.mark.parametrize(
    ("kind", "flags", "message"),
    [
        ("bundle", ("--far", "0.1"), "--far and --target are for verifiers"),
        ("verifier", ("--precision", "0.9"), "are for classifiers"),
        ("bundle", ("--precision", "0.9", "--coverage", "0.5"), "not allowed with"),
    ],
)
def test_flags_of_the_other_kind_are_refused(run, request, photos, kind, flags, message):
    done = run("calibrate", request.getfixturevalue(kind), photos, *flags)

    assert done.code == 2
    assert message in done.err


def test_rejecting_needs_a_calibration(run, bundle, photos, tmp_path):
    clf = PartClassifier.load(bundle)
    clf._state = attrs.evolve(clf._state, calibrations=(None, None))
    clf.save(tmp_path / "plain")

    done = run("predict", tmp_path / "plain", photos / "door", "--reject")

    assert done.code == 2
    assert "is not calibrated. Calibrate it: car-recog calibrate" in done.err
