import numpy as np
import pytest
from scipy.optimize import minimize

from car_recog.errors import DataError
from car_recog.evaluation.platt import fit_platt


def pairs(n: int, *, gap: float, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    is_genuine = rng.random(n) < 0.4
    return scale * (rng.normal(size=n) + gap * is_genuine) + 7 * scale, is_genuine


def slow_fit(scores: np.ndarray, is_genuine: np.ndarray) -> tuple[float, float]:
    """Minimise the cross-entropy of smoothed targets, pair by pair, without derivatives."""
    n_genuine, n_impostor = sum(is_genuine), sum(~is_genuine)

    def loss(parameters):
        total = 0.0
        for score, genuine in zip(scores, is_genuine, strict=True):
            target = (n_genuine + 1) / (n_genuine + 2) if genuine else 1 / (n_impostor + 2)
            logit = parameters[0] * score + parameters[1]
            total += np.log1p(np.exp(-abs(logit))) + max(logit, 0) - target * logit
        return total

    return tuple(minimize(loss, [1.0, -7.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 2000}).x)


@pytest.mark.parametrize(("n", "gap"), [(12, 9.0), (60, 1.5), (60, 0.5)])
def test_it_agrees_with_a_search_without_derivatives(n: int, gap: float) -> None:
    scores, is_genuine = pairs(n, gap=gap)

    curve = fit_platt(scores, is_genuine)

    assert (curve.slope, curve.intercept) == pytest.approx(slow_fit(scores, is_genuine), rel=1e-3)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_unit_of_the_scores_does_not_matter(scale: float) -> None:
    plain, scaled = (pairs(500, gap=2.0, scale=one) for one in (1.0, scale))

    expected = fit_platt(*plain).probability(plain[0])
    assert fit_platt(*scaled).probability(scaled[0]) == pytest.approx(expected, abs=1e-6)


def test_a_higher_score_never_means_less() -> None:
    scores, is_genuine = np.array([0.9, 0.8, 0.2, 0.1]), np.array([False, False, True, True])

    curve = fit_platt(scores, is_genuine)

    assert curve.slope == 0
    assert curve.probability(scores) == pytest.approx(0.5)


def test_equal_scores_give_the_share_of_genuine_pairs() -> None:
    curve = fit_platt(np.full(1000, 0.3), np.arange(1000) < 200)

    assert curve.slope == 0
    assert curve.probability(np.array([0.3]))[0] == pytest.approx(0.2, abs=0.002)


def test_extreme_scores_give_probabilities() -> None:
    scores, is_genuine = pairs(200, gap=50.0)

    probabilities = fit_platt(scores, is_genuine).probability(np.array([-1e9, 1e9]))

    assert probabilities.tolist() == [0.0, 1.0]


def test_one_kind_of_pair_is_refused() -> None:
    with pytest.raises(DataError, match="none is impostor"):
        fit_platt(np.array([0.1, 0.2]), np.array([True, True]))
