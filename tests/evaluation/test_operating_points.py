import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from car_recog.errors import DataError, OptionError
from car_recog.evaluation.operating_points import equal_error_rate, most_accurate, point_at, point_at_far, roc, roc_auc

SCORES = np.array([0.9, 0.8, 0.8, 0.6, 0.4, 0.3, 0.1])
IS_GENUINE = np.array([True, True, False, True, False, False, False])


def cases(n: int):
    """Small sets of pairs, half of them with few distinct scores, some with one only."""
    rng = np.random.default_rng(0)
    for number in range(n):
        n_pairs = int(rng.integers(2, 40))
        is_genuine = rng.random(n_pairs) < rng.random()
        is_genuine[:2] = True, False
        scores = rng.normal(size=n_pairs) + is_genuine
        yield scores.round(number % 3) * (number % 50 > 0), is_genuine


def test_thousands_of_random_cases_agree_with_scikit_learn() -> None:
    for number, (scores, is_genuine) in enumerate(cases(2000)):
        far, tar, thresholds = roc_curve(is_genuine, scores, drop_intermediate=False)
        frr = (is_genuine.sum() - (tar * is_genuine.sum()).round()) / is_genuine.sum()
        gaps = np.abs(far - frr)
        balanced = np.flatnonzero(gaps < gaps.min() + 1e-9)[0]

        ours = roc(scores, is_genuine)
        for one, expected in zip(ours, (thresholds, far, frr), strict=True):
            np.testing.assert_allclose(one, expected, atol=1e-12)
        point = equal_error_rate(scores, is_genuine)
        assert (point.threshold, point.eer) == pytest.approx((thresholds[balanced], (far[balanced] + frr[balanced]) / 2), abs=1e-12)
        area = np.trapezoid(tar, far) if number % 20 else roc_auc_score(is_genuine, scores)  # which is the same, and slower
        assert roc_auc(scores, is_genuine) == pytest.approx(area, abs=1e-12)
        within = np.flatnonzero(far <= 0.2)[-1]
        assert point_at_far(scores, is_genuine, 0.2).threshold == thresholds[within]
        right = tar * is_genuine.sum() + (1 - far) * (~is_genuine).sum()
        assert most_accurate(scores, is_genuine).threshold == thresholds[np.flatnonzero(right > right.max() - 0.5)[0]]


def test_rates_counted_by_hand() -> None:
    thresholds, far, frr = roc(SCORES, IS_GENUINE)

    assert thresholds.tolist() == [np.inf, 0.9, 0.8, 0.6, 0.4, 0.3, 0.1]
    assert far.tolist() == [0, 0, 0.25, 0.25, 0.5, 0.75, 1]
    assert frr.tolist() == pytest.approx([1, 2 / 3, 1 / 3, 0, 0, 0, 0])
    assert equal_error_rate(SCORES, IS_GENUINE).threshold == 0.8
    assert equal_error_rate(SCORES, IS_GENUINE).eer == pytest.approx((1 / 4 + 1 / 3) / 2)
    assert most_accurate(SCORES, IS_GENUINE).threshold == 0.6
    assert roc_auc(SCORES, IS_GENUINE) == pytest.approx((4 + 3.5 + 3) / 12)
    assert point_at_far(SCORES, IS_GENUINE, 0.25).threshold == 0.6
    assert point_at(SCORES, IS_GENUINE, 0.8).tar == pytest.approx(2 / 3)


def test_of_two_thresholds_that_balance_equally_well_the_higher_counts() -> None:
    point = equal_error_rate(np.array([0.9, 0.5, 0.1]), np.array([True, False, True]))

    assert (point.threshold, point.far, point.frr) == (0.9, 0.0, 0.5)  # at 0.5 they are 1 and 0.5


def test_of_equal_scores_to_reject_everything_is_an_operating_point() -> None:
    scores, is_genuine = np.full(4, 0.5, np.float32), np.array([1, 0, 0, 0])

    assert equal_error_rate(scores, is_genuine).threshold == np.inf
    assert equal_error_rate(scores, is_genuine).eer == 0.5
    assert most_accurate(scores, is_genuine).threshold == np.inf
    assert point_at_far(scores, is_genuine, 0.99).frr == 1.0
    assert point_at_far(scores, is_genuine, 1.0).threshold == 0.5
    assert roc_auc(scores, is_genuine) == 0.5


@pytest.mark.parametrize("n_within", [7, 29, 57, 58])
def test_a_far_that_is_met_exactly_is_met(n_within: int) -> None:
    scores, is_genuine = np.arange(101.0), np.arange(101) == 0

    point = point_at_far(scores, is_genuine, n_within / 100)

    assert point.far == n_within / 100
    assert point.threshold == 101 - n_within


@pytest.mark.parametrize(
    ("scores", "is_genuine", "message"),
    [
        ([0.1, 0.2], [True, True], "of 2 pairs none is impostor"),
        ([0.1, 0.2], [False, False], "of 2 pairs none is genuine"),
        ([], [], "of 0 pairs none is genuine or impostor"),
        ([0.1, np.nan, 0.3], [True, False, True], "1 of 3 scores are not finite numbers, the first one of pair 1: nan"),
        ([0.1, 0.2], [True], r"got shapes \(2,\) and \(1,\)"),
        ([0.1, 0.2], [2, 0], "True or 1 for genuine pairs"),
    ],
)
def test_pairs_that_have_no_rates_are_refused(scores, is_genuine, message: str) -> None:
    pairs = np.array(scores, float), np.array(is_genuine)

    for figure in (roc, equal_error_rate, most_accurate, roc_auc):
        with pytest.raises(DataError, match=message):
            figure(*pairs)
    for figure in (point_at, point_at_far):
        with pytest.raises(DataError, match=message):
            figure(*pairs, 0.5)


def test_a_far_beyond_1_is_refused() -> None:
    with pytest.raises(OptionError, match="between 0 and 1; got 5"):
        point_at_far(SCORES, IS_GENUINE, 5)
