import numpy as np

from car_recog.evaluation.calibration import ReliabilityBin
from car_recog.evaluation.coverage_plots import draw_before_and_after, draw_coverage
from car_recog.evaluation.rejection import coverage_curve


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
