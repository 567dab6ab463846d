"""Classifiers are trained or taken, and judged on the same photos."""

import csv
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from two_colours import new, toy_data, toy_photos

from car_recog import CarClassifier, ImageDataset, Phase, Recipe
from car_recog.classifying.five_models import ladder
from car_recog.comparison import Candidate, Comparison, compare
from car_recog.errors import DataError, NotFittedError, OptionError, UnknownNameError, WeightsError
from car_recog.training.callbacks import CollapseWarning

pytestmark = pytest.mark.filterwarnings(f"ignore::{CollapseWarning.__module__}.CollapseWarning")


def recipe(epochs: int, **fields: object) -> Recipe:
    return Recipe(phases=[Phase(epochs=epochs, batch_size=8, learning_rate=3e-3)], **fields)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    """Two trainings, judged beside photos of which one is broken."""
    root = tmp_path_factory.mktemp("compared")
    photos, names = toy_photos(21, seed=2)
    for i, photo in enumerate(photos):
        Image.fromarray(photo).save(root / f"{i}.png")
    (root / "20.png").write_bytes(b"no photo")
    test = ImageDataset.from_files([root / f"{i}.png" for i in range(21)], names)
    candidates = [Candidate("Short / 1", new(backbone_options={"widths": [2]}), recipe(1)), Candidate("long", new(), recipe(8))]
    with pytest.warns(UserWarning, match="1 of 21 photos are broken"):
        return compare(candidates, toy_data(40), toy_data(12, 1), test=test, folder=root / "out", verbose=False), root / "out"


def test_the_figures_are_those_of_the_classifiers(compared) -> None:
    comparison, folder = compared
    long = comparison.contenders[1]

    probabilities = comparison.classifiers["long"].predict_proba(toy_photos(21, seed=2)[0][:20])

    assert comparison.best is comparison.classifiers["long"]
    assert (long.report.accuracy, long.val_accuracy, long.report.n_photos) == (1.0, 1.0, 20)
    assert long.log_loss == pytest.approx(-np.log(probabilities[np.arange(20), np.arange(20) % 2]).mean(), abs=1e-5)
    assert long.n_parameters == comparison.best.model.count_params()
    assert list(long.report.skipped) == [str(folder.parent / "20.png")]
    assert [tile.lines[1] for tile in comparison.answers] == ["right"] * 16  # eight of each class


def test_the_folder_holds_page_pictures_runs_and_the_best(compared) -> None:
    comparison, folder = compared

    pages = ["comparison.html", "comparison.json", "comparison.md", "answers.png", "curves.png", "results.png"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*pages, "1-short-1", "2-long", "best"])
    assert "20 photos" in (folder / "2-long" / "bundle" / "README.md").read_text()  # it was judged before it was saved
    photos = toy_photos(4, seed=5)[0]
    np.testing.assert_allclose(CarClassifier.load(folder / "best").predict_proba(photos), comparison.best.predict_proba(photos), atol=1e-6)


def test_saved_and_fitted_classifiers_are_taken_as_they_are(compared) -> None:
    first, folder = compared
    bundles = [folder / "1-short-1" / "bundle", folder / "2-long" / "bundle"]

    comparison = compare([*bundles, str(bundles[1]), first.best], test=toy_data(20, 2), verbose=False)

    assert [one.name for one in comparison.contenders] == ["1-short-1", "2-long", "2-long (2)", "CarClassifier tiny_cnn"]
    assert {one.log_loss for one in comparison.contenders[1:]} == {comparison.contenders[1].log_loss}
    assert [step.p_value for step in comparison.steps[1:]] == [1.0, 1.0]
    rows = list(csv.DictReader((folder / "2-long" / "history.csv").read_text().splitlines()))
    assert comparison.contenders[2].history["val_loss"] == [float(row["val_loss"]) for row in rows]
    assert comparison.contenders[3].history["val_loss"] == pytest.approx(comparison.contenders[2].history["val_loss"])


@pytest.mark.parametrize(
    ("second", "options", "error", "message"),
    [
        (Candidate("b", new(), "laddr"), {}, UnknownNameError, "Did you mean 'ladder'"),
        (Candidate("b", new(), recipe(1, patience=2)), {"val": None}, OptionError, "give validation data"),
        (Candidate("b", new(weights="gone.h5"), recipe(1)), {}, WeightsError, "no weights file 'gone.h5'"),
        (Candidate("b", new(), Recipe(phases=[Phase(epochs=1, trainable="conv")])), {}, OptionError, "no layer 'conv'"),
        (Candidate("b", new(), recipe(1)), {"train": None}, OptionError, "'a' is to be trained: give training photos"),
        (Candidate("b", new(), recipe(1)), {"test": ImageDataset.from_arrays(toy_photos(2, 0)[0], ["green"] * 2)}, DataError, "green"),
        (Candidate("b", new(), recipe(1)), {"folder": "."}, OptionError, "is not empty. Name a new folder"),
        (new(), {}, NotFittedError, "is not fitted"),
        (None, {}, OptionError, "two or more candidates, each with a classifier of its own; got \\['a', 'a'\\]"),
    ],
)
def test_what_cannot_be_shows_before_the_first_training(second, options, error, message, monkeypatch) -> None:
    monkeypatch.setattr(CarClassifier, "fit", lambda *_, **__: pytest.fail("trained"))
    first = Candidate("a", new(), recipe(1))
    sides = {"train": toy_data(8), "val": toy_data(8), "test": toy_data(8), **options}

    with pytest.raises(error, match=message):
        compare([first, second or first], **sides, verbose=False)


def test_the_ladder_adds_one_thing_at_a_time() -> None:
    rungs = ladder(None, (64, 64), backbone_options={"alpha": 0.25}, epochs=3, l2=1e-4)

    assert [rung.recipe.name for rung in rungs] == ["ladder", *["ladder_augmented"] * 3, "ladder_transfer"]
    assert [bool(rung.recipe.phases[0].augmentation) for rung in rungs] == [False, True, True, True, True]
    assert {(phase.epochs, phase.l2) for rung in rungs for phase in rung.recipe.phases} == {(3, 1e-4)}
    layers = [[type(layer) for layer in rung.classifier.config.build_backbone(None)[0].layers] for rung in rungs[:4]]
    assert [keras.layers.BatchNormalization in kinds for kinds in layers] == [False, False, True, False]
    assert [keras.layers.Dropout in kinds for kinds in layers] == [False, False, False, True]
    assert rungs[4].classifier.config.head == "ladder"
