from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from car_recog.evaluation.calibration import ReliabilityBin
from car_recog.evaluation.classification import ClassScore
from car_recog.evaluation.plots import (
    draw_before_and_after,
    draw_confusion,
    draw_coverage,
    draw_history,
    draw_reliability,
    draw_scores,
    neighbours,
    save,
)
from car_recog.evaluation.rejection import coverage_curve

LONG = "Mercedes-Benz SLS AMG Roadster of the $year"


def names(n: int) -> list[str]:
    return [f"{LONG} {i}" for i in range(n)]


def confusion_of(n: int, mistakes: dict[tuple[int, int], int]) -> np.ndarray:
    confusion = 9 * np.eye(n, dtype=int)
    for place, count in mistakes.items():
        confusion[place] = count
    return confusion


@pytest.mark.parametrize("n_classes", [2, 120])
def test_the_names_of_a_confusion_matrix_do_not_overlap(n_classes: int) -> None:
    figure = draw_confusion(confusion_of(n_classes, {(0, 1): 1}), names(n_classes))
    figure.draw_without_rendering()

    (axes,) = figure.axes
    rows = sorted(label.get_window_extent().extents[[1, 3]].tolist() for label in axes.get_yticklabels())
    columns = sorted(label.get_window_extent().extents[[0, 2]].tolist() for label in axes.get_xticklabels())
    assert len(rows) == len(columns) == n_classes
    for spans in (rows, columns):
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert figure.bbox.containsx(axes.get_tightbbox().x0) and figure.bbox.containsy(axes.get_tightbbox().y0)


def test_of_few_classes_every_count_is_written_of_many_the_mistakes() -> None:
    few, many = (draw_confusion(confusion_of(n, {(3, 0): 2}), names(n)).axes[0] for n in (12, 26))

    assert sorted(text.get_text() for text in few.texts) == ["2"] + ["9"] * 12
    assert [text.get_text() for text in many.texts] == ["2"]


def test_right_is_blue_wrong_is_red_and_nothing_is_white() -> None:
    axes = draw_confusion(confusion_of(3, {(1, 2): 1}), names(3)).axes[0]

    colours = np.asarray(axes.collections[0].get_array())
    assert (colours[0, 1, :3] == 1).all()
    assert colours[0, 0, 2] > colours[0, 0, 0] + 0.3
    assert colours[1, 2, 0] > colours[1, 2, 2] + 0.2


def test_of_too_many_classes_those_with_mistakes_are_drawn() -> None:
    axes = draw_confusion(confusion_of(130, {(128, 2): 1}), [f"class {i}" for i in range(130)]).axes[0]

    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert len(shown) == 120
    assert abs(shown.index("class 128") - shown.index("class 2")) == 1
    assert axes.get_title(loc="left").startswith("the 120 of 130 classes with the most mistakes")


def test_classes_that_are_confused_become_neighbours() -> None:
    shares = np.eye(6)
    shares[0, 5], shares[5, 2], shares[3, 4] = 0.5, 0.3, 0.2

    order = neighbours(shares).tolist()

    assert sorted(order) == list(range(6))
    for a, b in ((0, 5), (5, 2), (3, 4)):
        assert abs(order.index(a) - order.index(b)) == 1


def test_scores_are_sorted_worst_first_and_classes_without_photos_are_left_out() -> None:
    good, bad = ClassScore(1.0, 0.9, 0.95, 9), ClassScore(0.5, 0.3, 0.375, 4)

    axes = draw_scores({"good": good, "none": ClassScore(0.0, 0.0, 0.0, 0), "bad": bad}).axes[0]

    assert [label.get_text() for label in axes.get_yticklabels()] == ["bad (4)", "good (9)"]
    assert [bar.get_width() for bar in axes.patches] == [0.375, 0.95]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0.5, 1.0], [0.3, 0.9]]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top


def test_the_reliability_shows_the_bins() -> None:
    axes = draw_reliability([ReliabilityBin(0.6, 0.5, 10), ReliabilityBin(0.9, 1.0, 11)], 0.1).axes[0]

    assert axes.lines[1].get_xydata().tolist() == [[0.6, 0.5], [0.9, 1.0]]
    assert axes.get_title(loc="left") == "calibration error 0.100; 10 to 11 photos a point"


def test_curves_of_all_phases_are_drawn_and_the_phases_named(tmp_path: Path) -> None:
    columns = {"phase": ["head", "all", "all"], "epoch": [1, 2, 3], "loss": [3, 2, 1], "accuracy": [0.1, 0.2, 0.3], "val_loss": [3, 3, 2]}

    figure = draw_history(columns)
    path = save(figure, tmp_path / "history.png")

    loss, accuracy = figure.axes
    assert [line.get_ydata().tolist() for line in loss.lines[:2]] == [[3, 2, 1], [3, 3, 2]]
    assert [text.get_text() for text in accuracy.texts] == ["head", "all"]
    with Image.open(path) as picture:
        assert picture.size == (1500, 600)
        assert np.asarray(picture).std() > 10
    assert [one.name for one in tmp_path.iterdir()] == ["history.png"]


def test_accuracy_is_drawn_over_coverage_and_both_over_the_threshold() -> None:
    curve = coverage_curve(np.array([0.9, 0.8, 0.8, 0.6]), np.array([True, True, True, False]))

    left, right = draw_coverage(curve, {0.7: curve.kept_for(0.7), 0.9: None}).axes

    assert left.lines[0].get_xydata().tolist() == [[0.25, 1.0], [0.75, 1.0], [1.0, 0.75]]
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["0.7: probability from 0.800 on"]
    assert left.lines[1].get_xydata().tolist() == [[0.75, 1.0]]
    coverage = right.lines[1].get_xydata().tolist()
    assert coverage == [[0.9, 0.25], [0.8, 0.75], [0.6, 1.0], [0.0, 1.0]]
    assert right.lines[1].get_drawstyle() == "steps-post"


def test_before_and_after_stand_side_by_side() -> None:
    before, after = (([ReliabilityBin(x, 0.5, 10)], error) for x, error in ((0.9, 0.4), (0.6, 0.1)))

    figure = draw_before_and_after(before, after)

    assert [axes.get_title(loc="left").split(";")[0] for axes in figure.axes] == [
        "before: calibration error 0.400",
        "after: calibration error 0.100",
    ]
    assert [axes.lines[1].get_xydata().tolist() for axes in figure.axes] == [[[0.9, 0.5]], [[0.6, 0.5]]]
