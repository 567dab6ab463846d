"""`car-recog explain`: a picture of what speaks for an answer."""

import pytest
from PIL import Image

from car_recog.loading import load_classifier


def test_a_classifier_explains_one_photo(run, bundle, photos, tmp_path):
    photo = next(photos.rglob("door/*.png"))

    done = run("explain", bundle, photo, "--out", tmp_path / "why.png")

    prediction = load_classifier(bundle).predict(photo)[0]
    assert done.code == 0
    assert done.out.splitlines()[0] == f"{prediction.class_name}: probability {prediction.probability:.3f}"
    with Image.open(tmp_path / "why.png") as picture:
        assert picture.size == (30, 24)


def test_another_class_can_be_asked_about(run, bundle, photos, tmp_path):
    photo = next(photos.rglob("door/*.png"))

    told = run("explain", bundle, photo, "--class-name", "wheel", "--out", tmp_path / "why.jpg", "--json").json()

    assert told["label"] == "wheel"
    assert told["picture"] == str(tmp_path / "why.jpg")
    assert told["score"] < 0.5
    assert told["is_empty"] in ([True], [False])


def test_a_verifier_explains_two_photos_side_by_side(run, verifier, cars, tmp_path):
    first, second = sorted(cars.rglob("car00_*.png"))[:2]

    done = run("explain", verifier, first, second, "--out", tmp_path / "why.png")

    assert done.code == 0
    assert done.out.startswith("the same car: score 0.") or done.out.startswith("the same car: score 1.")
    with Image.open(tmp_path / "why.png") as picture:
        assert picture.size == (30 + 8 + 30, 24)


@pytest.mark.parametrize(
    ("kind", "argv", "message"),
    [
        ("bundle", ("a.png", "b.png"), "error: To explain the answer of a classifier give one photo; got 2.\n"),
        ("verifier", ("a.png",), "error: To explain the answer of a verifier give two photos; got 1.\n"),
        ("verifier", ("a.png", "b.png", "--class-name", "door"), "error: --class-name is for classifiers"),
        ("bundle", ("a.png", "--out", "why.txt"), "error: A picture is written to a file that ends with .png, .jpg, .jpeg, .webp;"),
        ("bundle", ("a.png",), "error: Cannot decode 'a.png': no such file.\n"),
    ],
)
def test_what_makes_no_sense_is_bad_use(run, request, kind, argv, message):
    done = run("explain", request.getfixturevalue(kind), *argv)

    assert done.code == 2
    assert done.err.startswith(message)
