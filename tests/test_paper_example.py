"""The paper's experiment on car parts, run small: tables, figure, results that are not made twice, and clear errors."""

import json
import re

import pytest
from PIL import Image

SMALL = ["--backbones", "tiny_cnn", "--image-size", "32", "32", "--epochs", "2", "--quiet"]

# Typed by hand from the paper: training accuracy and loss, validation accuracy and loss (Table 1), wrong of 53 (Table 2).
TABLES = {
    ("ResNet50", "cross-entropy"): ("0.9867", "0.2303", "0.9662", "0.2992", 2),
    ("ResNet50", "focal loss"): ("0.9609", "0.0910", "0.9781", "0.0666", 0),
    ("InceptionV3", "cross-entropy"): ("0.9835", "0.1209", "0.9894", "0.0921", 2),
    ("InceptionV3", "focal loss"): ("0.9674", "0.0444", "0.9882", "0.0276", 1),
}
# scipy.stats.binomtest(53 - wrong, 53).proportion_ci(method="wilson")
WILSON = {0: "0.932 to 1.000", 1: "0.901 to 0.997", 2: "0.872 to 0.990"}

pytestmark = [pytest.mark.filterwarnings("ignore:Training has collapsed")]


@pytest.fixture
def example(import_example):
    return import_example("paper/part_classification.py")


def rows_of(text: str, *, first: str) -> list[list[str]]:
    """Read the rows of the first table after a word."""
    lines = [line for line in text.partition(first)[2].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells[2:] if len(row) == len(cells[0])]


def fake_run(backbone: str, loss: str, seed: int, accuracy: float) -> dict:
    judged = {"n_photos": 90, "n_wrong": 9, "accuracy": accuracy, "interval": [0.8, 0.95]}
    history = {name: [0.5, value] for name, value in (("accuracy", 0.7), ("loss", 0.6), ("val_accuracy", accuracy), ("val_loss", 0.4))}
    return {
        "backbone": backbone,
        "loss": loss,
        "seed": seed,
        "history": history,
        "train": {"n_photos": 210},
        "val": judged,
        "test": judged,
        "drawn": {**judged, "n_photos": 53},
        "photos_per_second": {"training": 7.0, "prediction": 40.0 + seed},
    }


def test_the_papers_figures_stand_above_ours(example):
    runs = [fake_run(backbone, loss, 0, 0.9) for backbone in ("resnet50", "inception_v3") for loss in ("cross_entropy", "focal")]

    text = example.report(runs)

    for (backbone, loss), (accuracy, train_loss, val_accuracy, val_loss, n_wrong) in TABLES.items():
        mine = [row for row in rows_of(text, first="Table 1") if row[:2] == [backbone, loss]]
        assert mine[0] == [backbone, loss, "paper", accuracy, train_loss, val_accuracy, "", val_loss]
        assert mine[1] == [backbone, loss, "seed 0", "0.7000", "0.6000", "0.9000", "0.800 to 0.950", "0.4000"]
        mine = [row for row in rows_of(text, first="Table 2") if row[:2] == [backbone, loss]]
        assert mine[0] == [backbone, loss, "paper", "53", str(n_wrong), f"{1 - n_wrong / 53:.4f}", WILSON[n_wrong]]
        assert [row[2:4] for row in mine[1:]] == [["seed 0, all", "90"], ["seed 0, draw", "53"]]


def test_seeds_get_a_mean_and_a_spread(example):
    runs = [fake_run("resnet50", "focal", seed, accuracy) for seed, accuracy in ((2, 0.9), (0, 0.7), (1, 0.8))]

    text = example.report(runs)

    assert [row[2] for row in rows_of(text, first="Table 1")[:5]] == ["paper", "seed 0", "seed 1", "seed 2", "mean of 3 (sd)"]
    assert rows_of(text, first="Table 1")[4][5] == "0.8000 (0.1000)"
    assert ["ResNet50", "7.0", "41.0"] in rows_of(text, first="Speed")


def test_a_small_run_writes_all_and_is_not_repeated(example, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--synthetic", "--photos", "96", *SMALL, "--out", str(out)]
    example.main([*arguments, "--losses", "cross_entropy"])
    before = json.loads((out / "results.json").read_text())["runs"]
    capsys.readouterr()

    example.main(arguments)

    said = capsys.readouterr().out
    after = json.loads((out / "results.json").read_text())["runs"]
    assert "tiny_cnn, cross-entropy, seed 0: stands in" in said
    assert "tiny_cnn, focal loss, seed 0: training" in said
    assert after[:1] == before
    assert [run["loss"] for run in after] == ["cross_entropy", "focal"]
    assert all(len(run["history"]["val_loss"]) == 2 for run in after)
    assert {len(rows_of(said, first=table)) > 1 for table in ("Table 1", "Table 2")} == {True}
    assert (out / "tables.md").read_text() in said
    with Image.open(out / "figure_1.png") as figure:
        assert figure.size[0] > figure.size[1] > 500
    with pytest.raises(SystemExit, match=r"holds runs with another epochs\. Name another folder"):
        example.main([*arguments, "--epochs", "3"])


def test_folders_keep_photos_of_one_source_together(example, tmp_path):
    for i in range(40):
        for j, colour in enumerate(("red", "blue")):
            path = tmp_path / "photos" / colour / f"car{i}_{j}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), colour).save(path)
    args = example.read_arguments(["--folder", str(tmp_path / "photos"), "--group-pattern", "^car[0-9]+"])

    photos = example.read_photos(args, None)

    cars = [{re.match("car[0-9]+", sample.path.name)[0] for sample in side.samples} for side in (photos.rest, photos.test)]
    assert len(photos.rest) + len(photos.test) == 80
    assert len(cars[0]) + len(cars[1]) == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--root", "{tmp}"], "holds neither data/"),
        (["--folder", "{tmp}/none"], "No such folder"),
        (["--synthetic", "--backbones", "resnet5O"], "Did you mean 'resnet50'"),
        (["--synthetic", "--losses", "focl"], "Did you mean 'focal'"),
        (["--synthetic", "--backbones", "inception_v3", "--image-size", "64", "64"], "at least 75x75 pixels"),
        (["--synthetic", "--backbones", "tiny_cnn", "--weights", "imagenet"], "no pretrained weights by name"),
    ],
)
def test_bad_use_ends_with_one_clear_line(arguments, message, example, tmp_path):
    full = [argument.format(tmp=tmp_path) for argument in arguments]
    if "--backbones" not in full:
        full += ["--backbones", "tiny_cnn"]

    with pytest.raises(SystemExit, match=re.escape(message)):
        example.main([*full, "--out", str(tmp_path / "out")])


@pytest.mark.parametrize("arguments", ["", "--root a --synthetic", "--synthetic --group-pattern x", "--synthetic --epochs 0"])
def test_flags_that_do_not_go_together_show_the_usage(arguments, example, capsys):
    with pytest.raises(SystemExit, match="2"):
        example.main(arguments.split())

    assert "usage:" in capsys.readouterr().err


def test_the_data_of_the_paper_are_spoken_of_before_training(example, tmp_path, capsys):
    from car_recog.data.synthetic import draw_compcars

    root = draw_compcars(tmp_path / "tree", n_part_photos=48, n_car_photos=80, n_pairs=4, image_size=(24, 32))
    args = example.read_arguments(["--root", str(root)])

    photos = example.read_photos(args, None)

    said = capsys.readouterr().out
    assert len(photos.rest) + len(photos.test) == 48
    assert "11,059" in said
    assert f"Here: {len(photos.rest)} photos in the train lists (the paper has 11,059), {len(photos.test)} in the test lists." in said


@pytest.mark.slow
def test_both_real_backbones_run(example, tmp_path):
    arguments = ["--synthetic", "--photos", "64", "--image-size", "75", "75", "--epochs", "1", "--quiet", "--out", str(tmp_path / "out")]

    example.main(arguments)

    runs = json.loads((tmp_path / "out" / "results.json").read_text())["runs"]
    assert [(run["backbone"], run["loss"]) for run in runs] == [
        ("resnet50", "cross_entropy"),
        ("resnet50", "focal"),
        ("inception_v3", "cross_entropy"),
        ("inception_v3", "focal"),
    ]
    text = (tmp_path / "out" / "tables.md").read_text()
    assert [row[2] for row in rows_of(text, first="Table 1")[:8]] == ["paper", "seed 0"] * 4
