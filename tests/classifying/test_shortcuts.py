"""Photos whose class is the colour of the background; the car in their middle is grey, with a white plate on black."""

from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from PIL import Image

from car_recog import ImageDataset
from car_recog.classifying.shortcuts import blank_background, blur_plate, remove_colour, shortcut_test, turn_hue
from car_recog.data.images import decode

BOX = (8, 8, 32, 28)


def draw(colour: tuple[int, int, int]) -> np.ndarray:
    photo = np.full((36, 40, 3), colour, np.uint8)
    photo[8:28, 8:32] = 90
    photo[20:26, 16:24] = 0
    photo[22:24, 17:23] = 255
    return photo


@pytest.fixture
def clf():
    """Tells whether a photo is more blue or more red, the class `blue` where it is neither; it sees 18 x 20 pixels."""

    def predict_proba(photos: np.ndarray) -> np.ndarray:
        assert photos.shape[1:] == (18, 20, 3)
        means = photos.mean(axis=(1, 2))
        is_red = means[:, 0] > means[:, 2] + 1
        return np.stack([~is_red, is_red], axis=1).astype(np.float32)

    return SimpleNamespace(
        class_names=("blue", "red"), config=SimpleNamespace(image_size=(18, 20), resize="stretch"), predict_proba=predict_proba
    )


@pytest.fixture
def data():
    """Three photos of each class; the last blue one has no box."""
    photos = ImageDataset.from_arrays(np.stack([draw((200, 30, 30)), draw((30, 30, 200))] * 3), ["red", "blue"] * 3)
    samples = [attrs.evolve(sample, box=BOX) for sample in photos.samples[:-1]] + [photos[-1]]
    return ImageDataset(samples, photos.class_names, images=photos.images)


def test_what_only_the_background_tells_is_lost_with_it(clf, data) -> None:
    report = shortcut_test(clf, data, verbose=False)

    background = report.changes["background blanked"]
    assert report.accuracy == 1.0
    assert (background.n_photos, background.n_lost, background.changed) == (5, 3, 2 / 5)
    assert report.changes["plate blurred"].n_lost == 0
    assert report.changes["hue turned"].changed == 0.0
    assert report.changes["colour removed"].changed == 0.5


def test_only_the_crop_of_a_photo_is_judged(clf, data) -> None:
    cropped = ImageDataset([attrs.evolve(s, crop=BOX) for s in data.samples], data.class_names, images=data.images)

    report = shortcut_test(clf, cropped, verbose=False)

    assert report.accuracy == 0.5
    assert report.left_out == ("background blanked", "hue turned", "colour removed")


def test_own_changes_take_the_place_of_the_usual_ones(clf, data) -> None:
    seen = []

    def paint(photo: np.ndarray, box: tuple[int, int, int, int] | None) -> np.ndarray | None:
        seen.append((photo.shape, box))
        return None if box is None else np.full_like(photo, (255, 0, 0))

    report = shortcut_test(clf, data, changes={"painted red": paint}, verbose=False)

    assert [*report.changes] == ["painted red"]
    assert report.changes["painted red"].changed == 3 / 5
    assert sorted(seen, key=str) == [((36, 40, 3), BOX)] * 5 + [((36, 40, 3), None)]


def test_a_change_cannot_touch_the_photo_itself(clf, data) -> None:
    def spoil(photo: np.ndarray, box: object) -> np.ndarray:
        photo[:] = 0
        return photo

    with pytest.raises(ValueError, match="read-only"):
        shortcut_test(clf, data, changes={"spoilt": spoil}, verbose=False)


def test_broken_photos_are_left_out_and_named(clf, tmp_path) -> None:
    for name in ("a", "b"):
        Image.fromarray(draw((200, 30, 30))).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes(b"no photo")
    photos = ImageDataset.from_files([tmp_path / "a.png", tmp_path / "b.png"], ["red", "red"])

    report = shortcut_test(clf, photos, verbose=False)

    assert report.n_photos == 1
    assert [*report.skipped] == [str(tmp_path / "b.png")]
    assert report.left_out == ("background blanked",)


def test_a_sheet_shows_each_photo_above_its_changed_ones(clf, data, tmp_path) -> None:
    report = shortcut_test(clf, data, verbose=False)

    assert [tile.lines for tile in report.sheet[5::8]] == [
        ("as it is", "right: blue 1.00"),
        ("background blanked", "no change"),
        ("plate blurred", "right: blue 1.00"),
        ("hue turned", "WRONG: red 1.00"),
        ("colour removed", "right: blue 1.00"),
    ]
    assert decode(report.save_sheet(tmp_path / "sheet.png")).shape[1] > 8 * 160


def test_a_blanked_background_leaves_the_box() -> None:
    photo = draw((200, 30, 30))

    blank = blank_background(photo, BOX)

    assert (blank[8:28, 8:32] == photo[8:28, 8:32]).all()
    assert (blank[:8] == 128).all() and (blank[:, 32:] == 128).all()
    assert blank_background(photo, None) is None


@pytest.mark.parametrize("box", [BOX, None])
def test_a_blurred_plate_cannot_be_read_and_nothing_else_changes(box) -> None:
    photo = draw((200, 30, 30))

    blurred = blur_plate(photo, box)

    assert np.ptp(blurred[21:25, 17:23].astype(int)) < 100 < np.ptp(photo[21:25, 17:23].astype(int))
    assert (blurred[:12] == photo[:12]).all() and (blurred[-2:] == photo[-2:]).all()


def test_hues_are_turned_to_their_opposites_and_greys_stay() -> None:
    photo = np.array([[[255, 0, 0], [0, 0, 200], [77, 77, 77]]], np.uint8)

    assert np.abs(turn_hue(photo, None)[0].astype(int) - [[0, 255, 255], [200, 200, 0], [77, 77, 77]]).max() <= 6
    assert (np.ptp(remove_colour(photo, None), axis=-1) == 0).all()
