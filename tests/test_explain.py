"""Grad-CAM against values counted by hand."""

import numpy as np
import pytest
from keras import ops

from car_recog.data.images import decode
from car_recog.errors import OptionError
from car_recog.explain import Explanation, grad_cam, gradient, heatmap, save_abreast


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


def explanation(heat: np.ndarray, colour: int = 100) -> Explanation:
    return Explanation(np.full((*heat.shape, 3), colour, np.uint8), heat.astype(np.float32), "wheel", 0.9)


def test_the_gradient_of_a_cube_is_three_squares(maps) -> None:
    assert gradient(maps, lambda x: x**3) == pytest.approx(3 * maps**2, rel=1e-5)


def test_what_a_score_does_not_depend_on_has_gradient_zero(maps) -> None:
    assert not gradient(maps, lambda x: ops.ones((2,))).any()


def test_with_average_pooling_and_one_dense_layer_it_is_cam(maps) -> None:
    weights = np.array([0.5, -1.0, 2.0, 0.0, 1.5], np.float32)

    cam = grad_cam(maps, lambda x: ops.mean(x, axis=(1, 2)) @ weights[:, None] + 7.0)

    # Zhou et al., CVPR 2016: each place by the weights of the class; the mean over 12 places makes a twelfth of them.
    assert cam == pytest.approx((maps * weights).sum(axis=-1) / 12, abs=1e-6)


def test_rounding_is_taken_for_nothing() -> None:
    maps = np.array([1.1, 2.2, -3.3], np.float32).reshape(1, 1, 1, 3)

    cam = grad_cam(maps, ops.sum)

    assert maps.sum() != 0
    assert not cam.any()


def test_a_heatmap_keeps_what_speaks_for_it_and_is_linear_between_cells() -> None:
    heat = heatmap(np.array([[-1.0, 2.0], [0.0, 1.0]]), size=(4, 4))

    along = np.array([0.0, 0.25, 0.75, 1.0])
    assert heat == pytest.approx(np.outer([1.0, 0.875, 0.625, 0.5], along))


def test_what_was_padded_is_cut_off_and_what_was_cut_off_is_zero() -> None:
    cam = np.array([[9.0, 9.0], [1.0, 2.0], [3.0, 6.0], [9.0, 9.0]])

    padded = heatmap(cam, size=(2, 2), covered=(0.5, 1.0))
    cut = heatmap(cam[:, :1], size=(8, 1), covered=(2.0, 1.0))

    assert padded == pytest.approx(np.array([[1, 2], [3, 6]]) / 9)
    assert cut[:, 0] == pytest.approx(np.array([0, 0, 9, 1, 3, 9, 0, 0]) / 9)


def test_where_nothing_speaks_for_an_answer_the_photo_has_no_colour() -> None:
    empty = explanation(heatmap(np.array([[-1.0, -2.0]]), size=(6, 6)))

    assert empty.is_empty
    assert (empty.overlay() == 100).all()


def test_an_overlay_is_coloured_where_the_heatmap_is_hot() -> None:
    hot = explanation(np.pad(np.ones((2, 2)), ((0, 4), (0, 4))))

    overlay = hot.overlay().astype(int)
    assert not hot.is_empty
    assert (overlay[2:, 2:] == 100).all()
    assert overlay[0, 0, 0] > 150 > 100 > overlay[0, 0, 2]


def test_overlays_are_saved_side_by_side_at_one_height(tmp_path) -> None:
    wide, tall = explanation(np.zeros((10, 40))), explanation(np.zeros((40, 10)))

    alone = decode(wide.save(tmp_path / "new" / "one.png"))
    both = decode(save_abreast([wide, tall], tmp_path / "both.jpg"))

    assert (alone == wide.photo).all()
    assert both.shape == (10, 40 + 8 + 2, 3)


def test_an_ending_that_is_no_picture_is_told(tmp_path) -> None:
    with pytest.raises(OptionError, match=r"ends with \.png, \.jpg, \.jpeg, \.webp; got '.*a\.txt'"):
        explanation(np.zeros((4, 4))).save(tmp_path / "a.txt")
