"""The paper's experiment on car verification, run small: its table, what it lacks, the figure, results that are not made twice."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from car_recog import FolderDataset, PairDataset
from car_recog.errors import DataError

SMALL = ["--backbones", "tiny_cnn", "--weights", "none", "--image-size", "32", "32", "--epochs", "2", "--quiet"]
PATTERN = r"(?P<label>(?P<model>[^_]+)_[^_]+)_"

# Typed by hand from Table 3 of the paper; the interval is scipy.stats.binomtest(3070, 4000).proportion_ci(method="wilson") and so on.
TABLE_3 = {
    ("ResNet50", "easy", "focal loss"): ("0.9564", "0.0162", "0.7675", "0.754 to 0.780", "0.0431"),
    ("ResNet50", "easy", "binary cross-entropy"): ("0.8836", "0.4695", "0.7430", "0.729 to 0.756", "0.5651"),
    ("ResNet50", "medium", "binary cross-entropy"): ("0.9133", "0.4841", "0.7295", "0.716 to 0.743", "0.5828"),
    ("MobileNetV2", "easy", "binary cross-entropy"): ("0.7588", "0.5705", "0.6270", "0.612 to 0.642", "0.6421"),
}

pytestmark = [pytest.mark.filterwarnings("ignore:Training has collapsed")]


@pytest.fixture
def example(import_example):
    return import_example("paper/car_verification.py")


@pytest.fixture
def cars(tmp_path):
    """Six photos of each of ten cars, five of each of two models."""
    rng = np.random.default_rng(0)
    for car in range(10):
        marks = rng.integers(0, 220, (4, 4, 3)).repeat(8, axis=0).repeat(8, axis=1)
        for number in range(6):
            path = tmp_path / "cars" / f"model{car % 2}_car{car}_{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray((marks + rng.integers(0, 30, (32, 32, 3))).astype(np.uint8)).save(path)
    return tmp_path / "cars"


def rows_of(text: str, *, first: str) -> list[list[str]]:
    """Read the rows of the first table after a word."""
    table = re.search(r"(?:^\|.*\n)+", text.partition(first)[2], re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def fake_run(backbone: str, pairs: str, loss: str, **changes) -> dict:
    figures = {name: {"value": 0.8, "interval": [0.7, 0.9]} for name in ("at_half", "accuracy", "eer", "auc")}
    history = {name: [0.5, value] for name, value in (("accuracy", 0.9), ("loss", 0.3), ("val_accuracy", 0.8), ("val_loss", 0.4))}
    return {
        "backbone": backbone,
        "pairs": pairs,
        "loss": loss,
        "input": "unit",
        "cut": "pair",
        "seed": 0,
        "history": history,
        "n_pairs": {"train": 12_000, "val": 4_000, "test": 4_000},
        "threshold": 0.6,
        **{side: {"n_pairs": 4_000, **figures} for side in ("val", "test", "hard")},
        "shared": {"photos": 0.66, "models": 1.0},
        "same_photo": {"score": 0.7, "genuine": 0.2, "impostor": 0.1},
        "seconds": 5.0,
        "photos_per_second": 40.0,
        **changes,
    }


def test_the_papers_figures_stand_above_ours_and_are_called_by_their_names(example):
    names = [("resnet50", "easy", "focal"), *(("resnet50", pairs, "binary_crossentropy") for pairs in ("easy", "medium"))]
    runs = [fake_run(*name) for name in (*names, ("mobilenet_v2", "easy", "binary_crossentropy"))]
    runs.append(fake_run(*names[0], input="backbone", cut="model", hard=None))

    text = example.report(runs)

    rows = rows_of(text, first="Table 3")
    assert len(rows) == 8
    for name, figures in TABLE_3.items():
        mine = [row[3:] for row in rows if row[:3] == list(name)]
        assert mine == [["paper", *figures], ["seed 0", "0.9000", "0.3000", "0.8000", "0.700 to 0.900", "0.4000"]]
    assert "95.64 % is TRAINING accuracy" in text
    judged = ["0.8000", "0.700 to 0.900"]
    last = rows_of(text, first="the test pairs")[-1]
    assert last == ["ResNet50", "easy", "focal loss", "own", "model", "0", "4000", *judged, "0.600", *judged, *judged]
    assert len(rows_of(text, first="the hard pairs")) == 4


def test_a_small_run_writes_all_and_is_not_repeated(example, cars, tmp_path, capsys):
    out = tmp_path / "out"
    flags = ["--folder", str(cars), "--label-pattern", PATTERN, "--hard", "model", "--cuts", "pair", "--inputs", "backbone"]
    arguments = [*flags, *SMALL, "--out", str(out)]
    example.main(arguments)
    runs = json.loads((out / "results.json").read_text())["runs"]
    assert [(run["pairs"], run["loss"]) for run in runs] == [("sampled", "focal"), ("sampled", "binary_crossentropy")]
    # 10 cars with 15 genuine pairs each, and as many impostors of the same model.
    assert {(sum(run["n_pairs"].values()), run["hard"]["n_pairs"]) for run in runs} == {(300, 300)}
    assert "none on hard pairs" in capsys.readouterr().out

    example.main(arguments)

    said = capsys.readouterr().out
    assert said.count(f"stands in {out}") == 2
    assert "seed 0: training" not in said
    assert (out / "tables.md").read_text() in said
    with Image.open(out / "figure_2.png") as figure:
        assert figure.size[1] > 500
    with pytest.raises(SystemExit, match=r"holds runs with another epochs\. Name another folder"):
        example.main([*arguments, "--epochs", "3"])


@pytest.mark.slow
def test_a_drawn_tree_runs_with_every_cut_and_input(example, tmp_path):
    example.main(["--synthetic", *SMALL, "--out", str(tmp_path / "out")])

    runs = json.loads((tmp_path / "out" / "results.json").read_text())["runs"]
    rows = [("easy", "focal"), ("easy", "binary_crossentropy"), ("medium", "binary_crossentropy")]
    kinds = [(*row, cut, given) for row in rows for cut in ("pair", "model") for given in ("unit", "backbone")]
    assert [(run["pairs"], run["loss"], run["cut"], run["input"]) for run in runs] == kinds
    assert {run["shared"]["models"] for run in runs if run["cut"] == "model"} == {0.0}
    assert {run["hard"]["n_pairs"] for run in runs if run["cut"] == "pair"} == {400}


def test_a_cut_by_model_shares_nothing_and_is_as_often_genuine_as_not(example, cars):
    kind = {"cut": "model", "seed": 0}
    hard = PairDataset.sample(FolderDataset(cars, PATTERN), seed=1)

    train, val, test = example.cut_pairs(PairDataset.sample(FolderDataset(cars, PATTERN), genuine_fraction=0.2), kind)
    kept = example.hard_pairs(example.Pairs({}, hard), test, kind)

    names = [{sample.class_name for sample in side.images.samples} for side in (train, val, test, kept)]
    assert not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]
    assert names[3] <= names[2]
    assert all(2 * side.is_genuine.sum() == len(side) > 0 for side in (train, val, test))


def test_sides_without_impostors_are_named_in_an_error(example, cars):
    pairs = PairDataset.sample(FolderDataset(cars, PATTERN), n_pairs=100, genuine_fraction=0.99)

    with pytest.raises(DataError, match=r"no impostor pairs are left on some side.*--cuts pair"):
        example.cut_pairs(pairs, {"cut": "model", "seed": 0})


def test_pairs_above_a_photo_against_itself_are_counted(example):
    class Fitted:
        config = type("Config", (), {"embedding_dim": 3})

        def score_embeddings(self, first, second):
            return np.full(len(first), 0.6, np.float32)

    judged = type("Judged", (), {"scores": np.array([0.7, 0.5, 0.9, 0.6]), "is_genuine": np.array([True, True, False, False])})

    assert example._above_itself(Fitted(), judged) == {"score": pytest.approx(0.6), "genuine": 0.5, "impostor": 0.5}


@pytest.mark.parametrize(
    "arguments", ["--synthetic --hard model", "--root a --label-pattern x", "--synthetic --backbones a b c", "--synthetic --cuts photo"]
)
def test_flags_that_do_not_go_together_show_the_usage(arguments, example, capsys):
    with pytest.raises(SystemExit, match="2"):
        example.main(arguments.split())

    assert "usage:" in capsys.readouterr().err
