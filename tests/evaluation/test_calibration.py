import numpy as np
import pytest

from car_recog.evaluation.calibration import calibration_error


def answers(n: int, *, seed: int, overconfidence: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities in [0.5, 1], and whether the answer is right: so often as they say, less the overconfidence."""
    rng = np.random.default_rng(seed)
    confidences = rng.uniform(0.5, 1.0, n)
    return confidences, rng.random(n) < confidences - overconfidence


def slow_error(confidences: np.ndarray, is_right: np.ndarray, n_bins: int) -> float:
    """Sort, deal into bins one by one, a tie to the bin of its middle; sum up."""
    n = len(confidences)
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(n_bins)]
    for confidence, right in zip(confidences, is_right, strict=True):
        below, same = sum(confidences < confidence), sum(confidences == confidence)
        bins[int((below + same / 2) / n * n_bins)].append((confidence, right))
    error = 0.0
    for members in bins:
        if members:
            gap = sum(right for _, right in members) / len(members) - sum(confidence for confidence, _ in members) / len(members)
            error += len(members) / n * abs(gap)
    return error


@pytest.mark.parametrize(("n", "n_bins", "digits"), [(200, 15, 9), (60, 7, 1), (5, 15, 9), (40, 3, 0)])
def test_it_agrees_with_a_plain_loop_with_and_without_ties(n: int, n_bins: int, digits: int) -> None:
    confidences, is_right = answers(n, seed=n)
    confidences = confidences.round(digits)

    error, _, bins = calibration_error(confidences, is_right, n_bins=n_bins)

    assert error == pytest.approx(slow_error(confidences, is_right, n_bins), abs=1e-12)
    assert sum(one.n_photos for one in bins) == n


def test_the_order_of_photos_does_not_matter_even_among_ties() -> None:
    confidences, is_right = answers(90, seed=0)
    confidences = confidences.round(1)
    order = np.random.default_rng(1).permutation(90)

    shuffled = calibration_error(confidences[order], is_right[order])

    assert shuffled[0] == pytest.approx(calibration_error(confidences, is_right)[0], abs=1e-12)
    assert [one.n_photos for one in shuffled[2]] == [one.n_photos for one in calibration_error(confidences, is_right)[2]]


@pytest.mark.parametrize(("n", "sizes"), [(9, {9}), (53, {10, 11}), (150, {10}), (400, {26, 27})])
def test_bins_are_of_equal_size_and_fewer_where_photos_are_few(n: int, sizes: set[int]) -> None:
    bins = calibration_error(*answers(n, seed=0))[2]

    assert {one.n_photos for one in bins} == sizes
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)


def test_two_bins_counted_by_hand() -> None:
    error, _, bins = calibration_error(np.array([0.9, 0.6, 0.8, 0.5]), np.array([True, True, False, False]), n_bins=2)

    assert [(one.confidence, one.accuracy, one.n_photos) for one in bins] == [(0.55, 0.5, 2), (pytest.approx(0.85), 0.5, 2)]
    assert error == pytest.approx((0.05 + 0.35) / 2)


def test_the_interval_makes_up_for_the_bias() -> None:
    truth = 0.08
    found = [calibration_error(*answers(300, seed=seed, overconfidence=truth))[:2] for seed in range(40)]

    assert np.mean([error for error, _ in found]) > truth
    assert sum(low <= truth <= high for _, (low, high) in found) >= 32
    assert all(0 <= low <= error <= high for error, (low, high) in found)


def test_groups_are_drawn_whole() -> None:
    confidences, is_right = (np.repeat(values, 10) for values in answers(40, seed=0, overconfidence=0.2))

    alone, grouped = (np.ptp(calibration_error(confidences, is_right, units=units)[1]) for units in (None, np.repeat(np.arange(40), 10)))

    assert grouped > 2 * alone
