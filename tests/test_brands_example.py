"""The example on brands, run small on drawn photos and read on a folder of one's own."""

import csv

import pytest
from PIL import Image

from car_recog import CarClassifier
from car_recog.data.folders import UnmatchedNamesWarning


@pytest.fixture
def example(import_example):
    return import_example("brands.py")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_a_small_run_trains_stage_by_stage_and_leaves_all_to_look_at(example, tmp_path, capsys):
    other = tmp_path / "other.png"
    Image.new("RGB", (40, 30), "red").save(other)
    out = tmp_path / "out"
    arguments = ["--synthetic", "--drawn", "120", "--epochs", "1", "--quiet", "--out", str(out), "--external", str(other)]

    with pytest.warns(UnmatchedNamesWarning, match=r"no label for 1 of 121 names:\s+IMG_0001\.jpg"):
        example.run_clearly(example.run, example.read_arguments(arguments))

    said = capsys.readouterr().out
    classifier = CarClassifier.load(out / "bundle")
    assert classifier.class_names == ("Aurelia", "Borea", "Corvo", "Delphin")
    assert classifier.calibration is not None
    with (out / "history.csv").open() as file:
        assert [row["phase"] for row in csv.DictReader(file)] == ["head", "last stage", "last two stages", "all stages"]
    (answer,) = classifier.predict([str(other)])
    assert f"{other}: {answer.class_name} {answer.probability:.3f}, " in said
    assert "confusion" in (out / "report.html").read_text("utf-8").lower()
    for name in ("confusion", "coverage", "random", "photos"):
        with Image.open(out / f"{name}.png") as picture:
            assert min(picture.size) > 200


def test_rare_brands_are_named_and_left_out(example, tmp_path, capsys):
    for name in ("Audi$$A4$$2012", "Audi$$A4$$2013", "Audi$$TT$$2012", "BMW$$X1$$2012", "BMW$$X5$$2012", "Kia$$Rio$$2014"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}$$red.png")
    args = ["--photos", str(tmp_path), "--label-pattern", "make$$model$$year", "--group-pattern", r"\w+\$\$\w+"]

    kept = example.without_rare(example.read_photos(example.read_arguments(args)), 2)

    assert kept.class_counts() == {"Audi": 3, "BMW": 2}
    assert [sample.group for sample in kept.samples] == ["Audi$$A4", "Audi$$A4", "Audi$$TT", "BMW$$X1", "BMW$$X5"]
    assert "left out, fewer than 2 photos: Kia (1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--photos", "{tmp}/none"], "No such folder"), (["--synthetic", "--drawn", "9"], "0 of 4 classes have 10 photos or more")],
)
def test_bad_use_ends_with_one_clear_line(arguments, message, example, tmp_path, recwarn):
    args = example.read_arguments([argument.format(tmp=tmp_path) for argument in arguments])

    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        example.run_clearly(example.run, args)
