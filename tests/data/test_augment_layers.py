"""Colour, erasing and mixing against slow plain references, and all layers: chances, saving, types."""

import itertools

import keras
import numpy as np
import pytest

from car_recog.data.augment_layers import Mixup, RandomColor, RandomErasing, RandomView

GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
IN_PHASE, QUADRATURE = np.array([0.596, -0.274, -0.322]), np.array([0.211, -0.523, 0.312])  # NTSC

ALL = [
    RandomView((5, 6), flip=0.3, crop_area=0.4, crop_aspect=2.0, rotation=30.0, zoom=0.5, translation=0.2),
    RandomColor(brightness=0.2, contrast=0.3, saturation=0.4, hue=0.1),
    RandomErasing(0.7, area=(0.1, 0.2)),
    Mixup(0.4),
]


def noise(n=1, height=7, width=9, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


def color(photos, *, brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0):
    """Change colours; hue is a fraction of a full turn."""
    row = np.array([brightness, contrast, saturation, 2 * np.pi * hue], np.float32)
    return np.asarray(RandomColor()([photos.astype(np.float32), np.tile(row, (len(photos), 1))]))


# Colour


def test_colours_with_nothing_drawn_are_the_photo_itself():
    photos = noise(2)

    assert color(photos) == pytest.approx(photos.astype(float), abs=0.01)


@pytest.mark.parametrize(
    ("brightness", "contrast", "saturation"),
    [(0.7, 1, 1), (1.4, 1, 1), (1, 0.5, 1), (1, 1.6, 1), (1, 1, 0), (1, 1, 1.5), (0.8, 1.3, 0.6)],
)
def test_brightness_contrast_and_saturation_are_what_a_plain_loop_computes(brightness, contrast, saturation):
    photos = noise(2, 4, 5)

    seen = color(photos, brightness=brightness, contrast=contrast, saturation=saturation)

    for photo, mine in zip(photos.astype(float), seen, strict=True):
        mean = np.mean([pixel @ GREY for row in photo for pixel in row])
        for row, column in itertools.product(range(4), range(5)):
            own = photo[row, column] @ GREY
            saturated = own + saturation * (photo[row, column] - own)
            expected = brightness * (mean + contrast * (saturated - mean))
            assert mine[row, column] == pytest.approx(np.clip(expected, 0, 255), abs=0.05)


def test_without_saturation_a_photo_is_grey():
    seen = color(noise(1), saturation=0.0)

    assert np.ptp(seen, axis=-1).max() < 0.01


def test_a_full_turn_of_the_hue_changes_nothing_and_two_half_turns_neither():
    photos = 100 + noise(1) / 8  # far from the bounds, so that nothing is clipped

    assert color(photos, hue=1.0) == pytest.approx(photos, abs=0.01)
    assert color(color(photos, hue=0.5), hue=0.5) == pytest.approx(photos, abs=0.01)
    assert color(color(photos, hue=0.2), hue=-0.2) == pytest.approx(photos, abs=0.01)
    assert np.abs(color(photos, hue=0.5) - photos).max() > 10


def test_the_hue_turns_the_colour_plane_and_keeps_brightness_and_strength():
    photos = 100 + noise(1) / 8
    seen = color(photos, hue=0.1)

    before, after = ((photo @ IN_PHASE) + 1j * (photo @ QUADRATURE) for photo in (photos, seen))

    assert seen @ GREY == pytest.approx(photos @ GREY, abs=0.01)
    assert np.abs(after) == pytest.approx(np.abs(before), abs=0.05)
    is_colored = np.abs(before) > 2
    turns = np.angle(after / before)[is_colored] / (2 * np.pi)
    assert turns * np.sign(turns[0]) == pytest.approx(np.full(is_colored.sum(), 0.1), abs=0.005)


def test_a_third_of_a_turn_leads_from_each_pure_colour_to_the_next():
    pure = np.eye(3, dtype=np.uint8)[None, None] * 255

    forwards, backwards = (color(pure, hue=turn)[0, 0].argmax(axis=-1).tolist() for turn in (1 / 3, -1 / 3))

    assert sorted([forwards, backwards]) == [[1, 2, 0], [2, 0, 1]]


def test_grey_has_no_hue():
    grey = np.broadcast_to(np.arange(0, 250, 25, dtype=np.uint8)[None, :, None, None], (1, 10, 2, 3))

    assert color(grey, hue=0.3, saturation=1.7) == pytest.approx(grey.astype(float), abs=0.05)


def test_colours_stay_within_bounds():
    seen = color(noise(2), brightness=2.0, contrast=2.0, saturation=2.0, hue=0.2)

    assert seen.min() == 0 and seen.max() == 255


def test_colour_draws_keep_to_their_bounds():
    draws = RandomColor(brightness=0.2, contrast=0.3, saturation=0.4, hue=0.1).draw(np.random.default_rng(0), 20_000).astype(float)

    reach = np.array([0.2, 0.3, 0.4, 0.2 * np.pi])
    middle = np.array([1, 1, 1, 0])
    assert (np.abs(draws - middle).max(axis=0) <= reach + 1e-6).all()
    assert draws.mean(axis=0) == pytest.approx(middle, abs=0.02)
    assert draws.std(axis=0) == pytest.approx(reach / np.sqrt(3), rel=0.03)


# Erasing


def test_the_pixels_whose_middle_lies_in_the_box_take_its_colour():
    photos = noise(3, 6, 8).astype(np.float32)
    draws = np.array([[0.2, 0.3, 0.7, 0.8, 10, 20, 30], [0, 0, 0, 0, 1, 2, 3], [0, 0, 1, 1, 4, 5, 6]], np.float32)

    seen = np.asarray(RandomErasing()([photos, draws]))

    for photo, draw, mine in zip(photos, draws, seen, strict=True):
        top, left, bottom, right = draw[:4]
        for row, column in itertools.product(range(6), range(8)):
            is_covered = top <= (row + 0.5) / 6 < bottom and left <= (column + 0.5) / 8 < right
            assert mine[row, column].tolist() == (draw[4:] if is_covered else photo[row, column]).tolist()
    # By hand: rows 1 to 3 of 6 and columns 2 to 5 of 8 have their middle in the first box.
    assert (seen[0] == [10, 20, 30]).all(axis=-1).sum() == 3 * 4


def test_erasing_draws_keep_to_their_bounds():
    draws = RandomErasing(0.6, area=(0.05, 0.3)).draw(np.random.default_rng(0), 20_000).astype(float)

    top, left, bottom, right = draws[:, :4].T
    area = (bottom - top) * (right - left)
    is_covered = area > 0
    assert is_covered.mean() == pytest.approx(0.6, abs=0.015)
    assert area[is_covered].min() >= 0.05 - 1e-5 and area.max() <= 0.3 + 1e-5
    assert area[is_covered].mean() == pytest.approx(0.175, abs=0.005)
    aspect = (bottom - top)[is_covered] / (right - left)[is_covered]
    assert aspect.min() >= 1 / 3 - 1e-3 and aspect.max() <= 3 + 1e-3
    assert draws[:, :4].min() >= 0 and draws[:, :4].max() <= 1 + 1e-6
    assert draws[:, 4:].min() >= 0 and draws[:, 4:].max() <= 255 and draws[:, 4:].mean() == pytest.approx(127.5, abs=1.5)


# Mixing


def test_photos_and_labels_are_blended_alike():
    photos, labels = noise(3), np.eye(3, dtype=np.float32)
    draws = np.array([[0.75, 2], [1.0, 0], [0.5, 1]], np.float32)

    seen = np.asarray(Mixup()([photos, draws]))

    first, second, third = photos.astype(float)
    assert seen == pytest.approx(np.stack([0.75 * first + 0.25 * third, second, 0.5 * third + 0.5 * second]), abs=0.01)
    assert Mixup.mix_labels(labels, draws).tolist() == [[0.75, 0, 0.25], [0, 1, 0], [0, 0.5, 0.5]]
    assert Mixup.mix_labels(np.array([4.0, 1.0, 8.0]), draws).tolist() == [5.0, 1.0, 4.5]


def test_mixing_draws_keep_to_their_bounds():
    share, partner = Mixup(1.0).draw(np.random.default_rng(0), 20_000).T

    assert sorted(partner.tolist()) == list(range(20_000))
    assert share.min() >= 0.5 and share.max() <= 1
    assert share.mean() == pytest.approx(0.75, abs=0.005)  # the larger part of a stick broken anywhere
    assert (Mixup(0.0).draw(np.random.default_rng(0), 10)[:, 0] == 1).all()


# All of them


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_a_layer_survives_saving_and_draws_the_same(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    rebuilt = type(layer).from_config(layer.get_config())
    photos = noise(4)
    draws = layer.draw(np.random.default_rng(3), 4)

    for other in (again, rebuilt):
        assert type(other) is type(layer) and other.get_config() == layer.get_config()
        assert all(getattr(other, name) == getattr(layer, name) for name in layer.arguments)
        assert np.array_equal(other.draw(np.random.default_rng(3), 4), draws)
        assert np.array_equal(np.asarray(other([photos, draws])), np.asarray(layer([photos, draws])))


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_draws_are_float32_of_the_promised_width_and_follow_the_generator(layer):
    first, again, other = (layer.draw(np.random.default_rng(seed), 16) for seed in (1, 1, 2))

    assert first.shape == (16, layer.n_draws) and first.dtype == np.float32
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_photos_come_out_as_float32_within_the_bounds(layer):
    photos = noise(4)

    seen = layer([photos, layer.draw(np.random.default_rng(0), 4)])

    assert keras.backend.standardize_dtype(seen.dtype) == "float32"
    assert np.asarray(seen).min() >= 0 and np.asarray(seen).max() <= 255
