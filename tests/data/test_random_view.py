"""The random view against slices, a plain loop and Pillow, and its chances against their bounds."""

import itertools

import numpy as np
import pytest
from PIL import Image

from car_recog.data.augment_layers import RandomView


def noise(n=1, height=7, width=9, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


def view(photos, *, size=None, width=1.0, height=1.0, left=0.0, top=0.0, mirror=1.0, angle=0.0, is_turning=False):
    """Look at photos with the same draws for each, by a view that may turn them where `is_turning` or an angle says so."""
    row = [width, height, left, top, mirror, np.cos(angle), np.sin(angle)]
    layer = RandomView(size, rotation=90.0 if is_turning or angle else 0.0)
    return np.asarray(layer([photos, np.tile(np.array(row, np.float32), (len(photos), 1))]))


def test_a_view_with_nothing_drawn_is_the_photo_itself():
    photos = noise(3)

    assert view(photos) == pytest.approx(photos.astype(float), abs=1e-3)


def test_a_mirror_swaps_left_and_right():
    photos = noise(2)

    assert view(photos, mirror=-1.0) == pytest.approx(photos[:, :, ::-1].astype(float), abs=1e-3)


def test_each_photo_follows_its_own_draws():
    photos = noise(2)
    draws = np.array([[1, 1, 0, 0, -1, 1, 0], [1, 1, 0, 0, 1, 1, 0]], np.float32)

    seen = np.asarray(RandomView()([photos, draws]))

    assert seen == pytest.approx(np.stack([photos[0, :, ::-1], photos[1]]).astype(float), abs=1e-3)


def test_a_crop_of_whole_pixels_is_a_slice():
    photos = noise(1, 8, 12)

    corner = view(photos, size=(4, 6), width=0.5, height=0.5, left=-0.25, top=0.25)
    middle = view(photos, size=(4, 6), width=0.5, height=0.5)

    assert corner == pytest.approx(photos[:, 4:, :6].astype(float), abs=1e-3)
    assert middle == pytest.approx(photos[:, 2:6, 3:9].astype(float), abs=1e-3)


def test_what_lies_outside_is_mirrored():
    photos = noise(1, 6, 8)

    shifted = view(photos, left=3 / 8, top=-2 / 6)

    padded = np.pad(photos, ((0, 0), (2, 0), (0, 3), (0, 0)), mode="reflect")
    assert shifted == pytest.approx(padded[:, :6, 3:].astype(float), abs=1e-3)


def test_a_quarter_turn_of_a_square_is_rot90():
    photos = noise(1, 6, 6)

    assert view(photos, angle=np.pi / 2)[0] == pytest.approx(np.rot90(photos[0]).astype(float), abs=1e-3)


def plain_bilinear(photo, y, x):
    """Read one colour at a fractional place, mirrored at the middle of the outermost pixels."""
    last = np.array(photo.shape[:2]) - 1
    y, x = (min(max(end - abs(end - abs(place)), 0), end) for end, place in zip(last, (y, x), strict=True))
    result = np.zeros(3)
    for row, column in itertools.product((int(y), min(int(y) + 1, last[0])), (int(x), min(int(x) + 1, last[1]))):
        weight_y = 1 - abs(y - row) if last[0] > int(y) else 0.5
        weight_x = 1 - abs(x - column) if last[1] > int(x) else 0.5
        result += weight_y * weight_x * photo[row, column]
    return result


@pytest.mark.parametrize("is_turning", [False, True])
@pytest.mark.parametrize(
    "draw",
    [
        {"width": 0.6, "height": 0.8, "left": 0.1, "top": -0.07},
        {"left": 0.23, "top": -0.31},
        {"width": 1.3, "height": 1.3},
        {"angle": 0.4},
        {"width": 0.7, "height": 0.9, "left": -0.12, "top": 0.2, "mirror": -1.0, "angle": -0.3},
    ],
    ids=["crop", "translation", "zoom out", "rotation", "all"],
)
def test_a_view_is_what_a_plain_loop_reads(draw, is_turning):
    photo, (rows, columns) = noise(1, 7, 9)[0], (5, 6)
    seen = view(photo[None], size=(rows, columns), is_turning=is_turning, **draw)[0]

    whole = {"width": 1.0, "height": 1.0, "left": 0.0, "top": 0.0, "mirror": 1.0, "angle": 0.0} | draw
    for row, column in itertools.product(range(rows), range(columns)):
        # From the middle of the output, in pixels of the photo: cropped, mirrored, turned, shifted.
        right = ((column + 0.5) / columns - 0.5) * whole["width"] * 9 * whole["mirror"]
        down = ((row + 0.5) / rows - 0.5) * whole["height"] * 7
        x = 4.0 + whole["left"] * 9 + right * np.cos(whole["angle"]) - down * np.sin(whole["angle"])
        y = 3.0 + whole["top"] * 7 + right * np.sin(whole["angle"]) + down * np.cos(whole["angle"])
        assert seen[row, column] == pytest.approx(plain_bilinear(photo, y, x), abs=0.01), (row, column)


def test_a_view_is_what_pillow_reads():
    layer = RandomView((20, 24), flip=0.5, crop_area=0.3, rotation=25.0, zoom=0.2, translation=0.1)
    photos = noise(24, 30, 40)
    draws = layer.draw(np.random.default_rng(1), 24)

    seen = np.asarray(layer([photos, draws]))

    n_compared = 0
    for photo, draw, mine in zip(photos, draws.astype(float), seen, strict=True):
        width, height, left, top, mirror, cosine, sine = draw
        to_middle = np.array([[1 / 24, 0, -0.5], [0, 1 / 20, -0.5], [0, 0, 1]])
        to_pixels = np.diag([width * 40 * mirror, height * 30, 1])
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        shift = np.array([[1, 0, (left + 0.5) * 40], [0, 1, (top + 0.5) * 30], [0, 0, 1]])
        matrix = shift @ turn @ to_pixels @ to_middle
        y, x = np.indices((20, 24)) + 0.5
        source = matrix @ np.stack([x.ravel(), y.ravel(), np.ones(480)])
        is_inside = ((source[:2] > 1) & (source[:2] < np.array([[39], [29]]))).all(axis=0).reshape(20, 24)
        channels = [
            Image.fromarray(photo[..., i].astype(np.float32)).transform(
                (24, 20), Image.Transform.AFFINE, matrix[:2].ravel().tolist(), Image.Resampling.BILINEAR
            )
            for i in range(3)
        ]
        expected = np.stack([np.asarray(channel) for channel in channels], axis=-1)
        assert np.abs(mine - expected)[is_inside].max(initial=0) < 0.05
        n_compared += is_inside.sum()
    assert n_compared > 0.7 * 24 * 480


def test_view_draws_keep_to_their_bounds():
    layer = RandomView(flip=0.3, crop_area=0.4, crop_aspect=1.5, rotation=20.0)

    width, height, left, top, mirror, cosine, sine = layer.draw(np.random.default_rng(0), 20_000).T.astype(float)

    area, aspect = width * height, width / height
    assert area.min() >= 0.4 - 1e-6 and area.max() <= 1 + 1e-6
    assert area.mean() == pytest.approx(0.7, abs=0.01)
    assert aspect.min() >= 1 / 1.5 - 1e-6 and aspect.max() <= 1.5 + 1e-6 and np.log(aspect).mean() == pytest.approx(0, abs=0.02)
    assert (np.abs(left) + width / 2).max() <= 0.5 + 1e-6 and (np.abs(top) + height / 2).max() <= 0.5 + 1e-6
    assert left.mean() == pytest.approx(0, abs=0.01) and top.mean() == pytest.approx(0, abs=0.01)
    assert set(mirror) == {-1.0, 1.0} and (mirror < 0).mean() == pytest.approx(0.3, abs=0.015)
    angle = np.rad2deg(np.arctan2(sine, cosine))
    assert cosine**2 + sine**2 == pytest.approx(np.ones(20_000), abs=1e-6)
    assert np.abs(angle).max() <= 20.001 and np.abs(angle).mean() == pytest.approx(10, abs=0.3)


@pytest.mark.parametrize(("crop_area", "crop_aspect"), [(0.9, 4 / 3), (0.5, 10.0), (0.99, 2.0)])
def test_no_crop_keeps_less_than_the_smallest_share_however_stretched(crop_area, crop_aspect):
    draws = RandomView(crop_area=crop_area, crop_aspect=crop_aspect).draw(np.random.default_rng(0), 5000).astype(float)

    assert draws[:, :2].max() <= 1 + 1e-6
    assert (draws[:, 0] * draws[:, 1]).min() >= crop_area - 1e-6


def test_zoom_and_translation_draws_keep_to_their_bounds():
    width, height, left, top, *_ = RandomView(zoom=0.25, translation=0.2).draw(np.random.default_rng(0), 20_000).T.astype(float)

    assert np.array_equal(width, height)
    assert width.min() == pytest.approx(1 / 1.25, abs=0.001) and width.max() == pytest.approx(1.25, abs=0.001)
    assert (width > 1).mean() == pytest.approx(0.5, abs=0.015)
    for shift in (left, top):
        assert shift.min() == pytest.approx(-0.2, abs=0.001) and shift.max() == pytest.approx(0.2, abs=0.001)
    assert np.corrcoef(left, top)[0, 1] == pytest.approx(0, abs=0.03)


def test_a_view_that_may_only_flip_keeps_the_whole_photo():
    draws = RandomView(flip=1.0).draw(np.random.default_rng(0), 100)

    assert np.array_equal(draws, np.tile(np.array([1, 1, 0, 0, -1, 1, 0], np.float32), (100, 1)))
