"""A classifier learns a toy in seconds, says so, and answers the same after a reload."""

import json
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from car_recog import CarClassifier, FocalLoss, ImageDataset, PartClassifier, Phase, Recipe, get_recipe
from car_recog.errors import DataError, ImageDecodeError, NotFittedError, OptionError, UnknownNameError
from car_recog.network import build_network
from car_recog.training.callbacks import CollapseWarning

SIZE = (32, 32)
TOY = Recipe(
    name="toy",
    phases=[Phase(epochs=12, batch_size=8, learning_rate=3e-3, augmentation={"flip": 0.5})],
    head_start=0.01,
    label_smoothing=0.05,
)


def toy_photos(n: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Reddish and bluish noise."""
    rng = np.random.default_rng(seed)
    photos = rng.integers(0, 120, (n, *SIZE, 3))
    names = [("blue", "red")[i % 2] for i in range(n)]
    for photo, name in zip(photos, names, strict=True):
        photo[..., 0 if name == "red" else 2] += 110
    return photos.astype(np.uint8), names


def toy_data(n: int, seed: int = 0) -> ImageDataset:
    return ImageDataset.from_arrays(*toy_photos(n, seed))


def new(**options: object) -> CarClassifier:
    return CarClassifier(**{"backbone": "tiny_cnn", "weights": None, "image_size": SIZE, **options})


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[CarClassifier, Path]:
    clf = new()
    folder = tmp_path_factory.mktemp("run") / "toy"
    clf.fit(toy_data(48), toy_data(16, seed=1), recipe=TOY, run_folder=folder, verbose=False)
    return clf, folder


def test_it_learns_two_colours(fitted) -> None:
    report = fitted[0].evaluate(toy_data(40, seed=2))

    assert report.accuracy == 1.0
    assert report.n_photos == 40
    assert list(report.per_class) == ["blue", "red"]


def test_the_run_folder_holds_everything(fitted) -> None:
    clf, folder = fitted

    assert sorted(path.name for path in folder.iterdir()) == ["bundle", "config.json", "history.csv", "history.png", "photos.png"]
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + 12
    config = json.loads((folder / "config.json").read_text())
    assert config["training"]["recipe"]["name"] == "toy"
    assert config["training"]["n_train"] == 48
    photos, _ = toy_photos(4)
    np.testing.assert_array_equal(CarClassifier.load(folder / "bundle").predict_proba(photos), clf.predict_proba(photos))


def test_all_kinds_of_photos_get_the_same_answer(fitted, tmp_path: Path) -> None:
    clf, _ = fitted
    photo = toy_photos(1)[0][0]
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)

    kinds = [photo, path, str(path), path.read_bytes(), Image.fromarray(photo)]

    expected = clf.predict_proba(photo[None])
    for kind in kinds:
        np.testing.assert_array_equal(clf.predict_proba(kind), expected)
        assert clf.predict([kind, kind])[1].class_name == "blue"
    assert clf.predict(path)[0].source == str(path)
    assert clf.predict(photo)[0].source == "photo 0"
    data = ImageDataset.from_files([path], ["blue"], class_names=["blue", "red"])
    np.testing.assert_array_equal(clf.predict_proba(data), expected)
    assert clf.predict(data)[0].source == str(path)


def test_probabilities_are_shares_and_top_is_sorted(fitted) -> None:
    photos, _ = toy_photos(5)

    probabilities = fitted[0].predict_proba(photos)
    prediction = fitted[0].predict(photos)[3]

    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    assert probabilities.dtype == np.float32
    assert prediction.top == tuple(sorted(prediction.top, key=lambda entry: -entry[1]))
    assert (prediction.class_name, prediction.probability) == prediction.top[0] == ("red", float(probabilities[3].max()))


def test_embeddings_have_unit_length_and_do_not_depend_on_the_batch(fitted) -> None:
    photos, _ = toy_photos(70)

    embeddings = fitted[0].embed(photos)

    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(fitted[0].embed(photos[:3]), embeddings[:3], atol=1e-5)


def test_no_photos_give_no_answers(fitted) -> None:
    assert fitted[0].predict([]) == []
    assert fitted[0].predict_proba([]).shape == (0, 2)


def test_a_broken_photo_is_named(fitted, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")

    with pytest.raises(ImageDecodeError, match=r"broken\.jpg"):
        fitted[0].predict([tmp_path / "broken.jpg"])


def test_evaluate_counts_broken_photos(fitted, tmp_path: Path) -> None:
    photos, names = toy_photos(3)
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path, photo in zip(paths, photos, strict=False):
        Image.fromarray(photo).save(path)
    paths[3].write_bytes(b"no photo")

    with pytest.warns(UserWarning, match="1 of 4 photos are broken"):
        report = fitted[0].evaluate(ImageDataset.from_files(paths, [*names, "red"]))

    assert report.n_photos == 3
    assert list(report.skipped) == [str(paths[3])]


def test_classes_are_matched_by_name(fitted) -> None:
    photos, names = toy_photos(6)

    only_red = fitted[0].evaluate(ImageDataset.from_arrays(photos[1::2], names[1::2]))

    assert only_red.accuracy == 1.0
    assert only_red.per_class["blue"].support == 0
    with pytest.raises(DataError, match=r"Unknown classes: \['green'\]. Known are: \['blue', 'red'\]"):
        fitted[0].evaluate(ImageDataset.from_arrays(photos, ["green"] * 6))


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


def test_a_report_knows_the_training_of_this_process_and_photos_of_a_loaded_one(fitted) -> None:
    clf, folder = fitted

    fresh = clf.evaluate(toy_data(8, seed=2)).background
    loaded = CarClassifier.load(folder / "bundle").evaluate(toy_data(8, seed=2)).background

    assert (fresh.title, fresh.class_counts) == ("CarClassifier: 2 classes", {"blue": 24, "red": 24})
    assert len(fresh.history["val_accuracy"]) == 12
    assert loaded.history is None
    assert (fresh.photos_from, loaded.photos_from) == ("the training", "those judged")
    assert [[tile.lines for tile in told.photos] for told in (fresh, loaded)] == [[("blue",)] * n + [("red",)] * n for n in (8, 4)]
    for told, data in ((fresh, toy_data(48)), (loaded, toy_data(8, seed=2))):
        assert all((tile.photo == data.images).all(axis=(1, 2, 3)).any() for tile in told.photos)


def test_wrong_answers_come_with_their_photos(fitted) -> None:
    photos, names = toy_photos(6)
    names[1] = "blue"

    (worst,) = fitted[0].evaluate(ImageDataset.from_arrays(photos, names)).worst

    assert (worst.source, worst.true_class, worst.class_name) == ("photo 1", "blue", "red")
    np.testing.assert_array_equal(worst.thumbnail, photos[1])


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


def test_nothing_is_answered_before_training() -> None:
    clf = new()

    for ask in (clf.predict, clf.predict_proba, clf.embed, clf.evaluate, clf.save):
        with pytest.raises(NotFittedError, match="This CarClassifier is not fitted. Call fit first, or CarClassifier.load"):
            ask([])


def test_constructor_arguments_are_checked() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown loss: 'fokal'\. Did you mean 'focal'\?"):
        new(loss="fokal")
    with pytest.raises(OptionError, match="must be made with from_logits=True"):
        new(loss=keras.losses.CategoricalCrossentropy())
    with pytest.raises(OptionError, match="loss must be a name or a Keras loss object; got int"):
        new(loss=3)


def test_the_papers_configuration() -> None:
    clf = PartClassifier.paper("inception_v3", loss="cross_entropy")

    assert (clf.config.backbone, clf.config.head, clf.config.normalization, clf.config.image_size) == (
        "inception_v3",
        "paper",
        "unit",
        (224, 224),
    )
    assert (clf.weights, clf.loss) == (None, "cross_entropy")
    assert PartClassifier.paper().loss == "focal"
