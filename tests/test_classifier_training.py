"""How a classifier is trained: phases, losses, seeds, the run folder, and what is refused before."""

import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from two_colours import TOY, new, toy_data, toy_photos

from car_recog import FocalLoss, ImageDataset, Phase, Recipe, get_recipe
from car_recog.errors import DataError, OptionError
from car_recog.network import build_network
from car_recog.training.callbacks import CollapseWarning


def test_the_same_seed_gives_the_same_network() -> None:
    short = get_recipe(TOY, epochs=1)
    data = toy_data(16)

    first, second, other = new(), new(), new()
    first.fit(data, recipe=short, seed=3, verbose=False)
    state = np.random.get_state()[1].copy()
    second.fit(data, recipe=short, seed=3, verbose=False)
    other.fit(data, recipe=short, seed=4, verbose=False)

    assert (np.random.get_state()[1] == state).all()
    np.testing.assert_array_equal(first.predict_proba(data), second.predict_proba(data))
    assert np.abs(first.predict_proba(data) - other.predict_proba(data)).max() > 1e-4


@pytest.mark.parametrize("loss", ["focal", FocalLoss.balanced([8, 8]), keras.losses.SparseCategoricalCrossentropy(from_logits=True)])
def test_losses_train(loss: str | keras.losses.Loss) -> None:
    clf = new(loss=loss)

    history = clf.fit(toy_data(16), recipe=Recipe(phases=[Phase(epochs=2, learning_rate=0.03, schedule="constant")]), verbose=False)

    assert history.history["loss"][1] < history.history["loss"][0]


def test_phases_that_freeze_leave_the_backbone_alone_and_embed_each_photo_once() -> None:
    data = toy_data(20)
    clf = new()
    recipe = Recipe(phases=[Phase(name="head", epochs=4, trainable="head", learning_rate=0.1)])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        history = clf.fit(data, data, recipe=recipe, seed=5, verbose=False)

    keras.utils.set_random_seed(5)
    untouched = build_network(clf.config, n_classes=2, weights=None)
    np.testing.assert_array_equal(clf._network.features.get_weights()[0], untouched.features.get_weights()[0])
    features = clf._network.features.predict_on_batch(data.images)
    logits = clf._network.head.predict_on_batch(features)
    assert history.rows[-1]["val_accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == data.labels))


def test_a_frozen_phase_passes_each_photo_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from car_recog import runs

    calls = []
    original = runs.as_features
    monkeypatch.setattr(runs, "as_features", lambda *arguments: calls.append(len(arguments[-1])) or original(*arguments))
    recipe = Recipe(phases=[Phase(epochs=3, trainable="head", learning_rate=0.1)])

    new().fit(toy_data(10), toy_data(6), recipe=recipe, verbose=False)

    assert sorted(calls) == [6, 10]


def test_several_phases_thaw_step_by_step() -> None:
    phases = [Phase(name="head", epochs=1, trainable="head"), Phase(name="last", epochs=1, trainable=1), Phase(name="all", epochs=1)]

    history = new().fit(toy_data(12), recipe=Recipe(phases=phases, class_balance=1.0), verbose=False)

    assert history.phases == ["head", "last", "all"]
    assert [row["epoch"] for row in history.rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": Recipe(phases=[Phase(epochs=1)], patience=2)}, "stops early .patience=2.: give validation data to fit"),
        ({"recipe": Recipe(phases=[Phase(epochs=1, augmentation={"flipp": 1})])}, "Unknown augmentation: 'flipp'. Did you mean 'flip'"),
        ({"recipe": Recipe(phases=[Phase(epochs=1, trainable="conv")])}, "The backbone has no layer 'conv'"),
        ({"on_error": "ignore"}, "on_error must be 'skip' or 'raise'"),
    ],
)
def test_what_cannot_be_is_refused_before_training(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        new().fit(toy_data(8), verbose=False, **options)


def test_a_training_is_kept_where_nothing_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    recipe = Recipe(phases=[Phase(epochs=2, learning_rate=0.03, schedule="constant")])

    with pytest.warns(UserWarning) as warned:
        new().fit(toy_data(16), recipe=recipe, run_folder=tmp_path / "run", verbose=False)

    needed = "was not drawn. Plots need matplotlib: pip install 'car-recog[plots]'."
    messages = [str(one.message) for one in warned if "was not drawn" in str(one.message)]
    assert messages == [f"photos.png {needed}", f"history.png {needed}"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["bundle", "config.json", "history.csv"]


def test_labelled_photos_can_be_looked_at_before_the_first_epoch(tmp_path: Path) -> None:
    seen = []
    look = keras.callbacks.LambdaCallback(on_train_begin=lambda _: seen.append([path.name for path in (tmp_path / "run").iterdir()]))

    new().fit(toy_data(16), recipe=get_recipe(TOY, epochs=1), run_folder=tmp_path / "run", callbacks=[look], verbose=False)

    assert seen == [["photos.png"]]


def test_a_used_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.csv").touch()

    with pytest.raises(OptionError, match="is not empty. Name a new folder"):
        new().fit(toy_data(8), run_folder=tmp_path, verbose=False)


def test_label_smoothing_needs_one_hot_labels() -> None:
    with pytest.raises(OptionError, match="Label smoothing and mixup need a loss on one-hot labels"):
        new(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)).fit(toy_data(8), recipe=TOY, verbose=False)


def test_data_that_cannot_be_learnt_is_refused() -> None:
    photos, names = toy_photos(6)

    with pytest.raises(DataError, match=r"at least two classes; got \['red'\]"):
        new().fit(ImageDataset.from_arrays(photos[1::2], names[1::2]))
    with pytest.raises(DataError, match=r"Classes without a training photo: \['green'\]"):
        new().fit(ImageDataset.from_arrays(photos, names, class_names=["blue", "green", "red"]))
    with pytest.raises(DataError, match=r"Unknown classes: \['green'\]"):
        new().fit(toy_data(6), ImageDataset.from_arrays(photos, ["green"] * 6))
