import pytest
from scipy.stats import binomtest

from car_recog.evaluation.mcnemar import mcnemar


@pytest.mark.parametrize(("n_first", "n_second"), [(0, 1), (3, 3), (2, 9), (40, 17), (5200, 5000)])
def test_the_exact_test_agrees_with_scipy(n_first: int, n_second: int) -> None:
    expected = binomtest(n_first, n_first + n_second, 0.5).pvalue

    assert mcnemar(n_first, n_second) == pytest.approx(expected, rel=1e-6)
