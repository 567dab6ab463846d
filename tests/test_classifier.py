"""A classifier learns a toy in seconds, says so, and answers the same after a reload."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from two_colours import TOY, new, toy_data, toy_photos

from car_recog import CarClassifier, ImageDataset, PartClassifier
from car_recog.errors import DataError, ImageDecodeError, NotFittedError, OptionError, UnknownNameError


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
