import numpy as np
import pytest
from scipy import stats

from car_recog.evaluation.intervals import bootstrap, wilson


@pytest.mark.parametrize(("n_right", "n"), [(0, 10), (3, 10), (96, 100), (53, 53)])
def test_wilson_agrees_with_scipy(n_right: int, n: int) -> None:
    expected = stats.binomtest(n_right, n).proportion_ci(0.95, method="wilson")

    assert wilson(n_right, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_bootstrap_of_a_mean_is_near_its_normal_interval() -> None:
    values = np.random.default_rng(0).normal(size=(400, 1))

    low, high = bootstrap(values, lambda sums: sums[:, 0] / 400)

    middle, half = values.mean(), 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=0.15 * half)


def test_units_are_drawn_whole() -> None:
    values = np.repeat([[0.0], [1.0]], 50, axis=0)
    units = np.repeat([0, 1], 50)

    low, high = bootstrap(values, lambda sums: sums[:, 0] / 100, units=units)

    assert (low, high) == (0.0, 1.0)
