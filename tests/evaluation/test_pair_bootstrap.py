from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from car_recog.evaluation.calibration import calibration_error
from car_recog.evaluation.intervals import draw_weights, percentiles, wilson
from car_recog.evaluation.operating_points import equal_error_rate, point_at, point_at_far
from car_recog.evaluation.pair_bootstrap import pair_figures, pair_weights


def all_pairs(n_identities: int) -> np.ndarray:
    """Two genuine pairs of each identity, and one impostor pair of every two."""
    genuine = np.repeat(np.arange(n_identities), 2)
    return np.concatenate([np.stack([genuine, genuine], axis=1), np.stack(np.triu_indices(n_identities, 1), axis=1)])


def test_a_pair_weighs_the_draws_of_its_different_identities() -> None:
    identities = np.array([[7, 7], [7, 3], [3, 9], [9, 9]])
    draws = np.concatenate(list(draw_weights(3, seed=4)))

    weights = np.concatenate(list(pair_weights(identities, seed=4)))

    assert weights.shape == (1000, 4)
    times = {3: 0, 7: 1, 9: 2}
    for drawn, found in zip(draws, weights, strict=True):
        slow = [np.prod([drawn[times[identity]] for identity in set(pair)]) for pair in identities.tolist()]
        assert found.tolist() == slow


@pytest.mark.parametrize("digits", [9, 0])
def test_weights_are_as_good_as_copies(digits: int) -> None:
    rng = np.random.default_rng(digits)
    identities = all_pairs(6)
    is_genuine = identities[:, 0] == identities[:, 1]
    scores = (rng.normal(size=len(identities)) + is_genuine).round(digits)
    kinds = np.where(is_genuine, "", np.where(rng.random(len(scores)) < 0.5, "same model", "any"))
    probabilities = rng.random(len(scores))
    weights = next(pair_weights(identities))
    figures = pair_figures(scores, is_genuine, threshold=0.5, probabilities=probabilities, kinds=kinds)

    found = figures.at(weights)

    n_judged = 0
    for row, times in enumerate(weights.astype(int)):
        for kind in ("", "same model", "any"):
            copies = np.repeat(np.arange(len(scores)), times * (is_genuine | (kinds == kind) | (kind == "")))
            s, g = scores[copies], is_genuine[copies]
            if len(set(g)) < 2:
                assert np.isnan(found[kind, "auc"][row])
                continue
            n_judged += 1
            assert found[kind, "auc"][row] == pytest.approx(roc_auc_score(g, s), abs=1e-5)
            assert found[kind, "eer"][row] == pytest.approx(equal_error_rate(s, g).eer, abs=1e-5)
            assert found[kind, "far"][row] == pytest.approx(point_at(s, g, 0.5).far, abs=1e-5)
            if not kind:
                assert found["", "accuracy"][row] == pytest.approx(np.mean((s >= 0.5) == g), abs=1e-5)
                assert found["", "brier"][row] == pytest.approx(np.mean((probabilities[copies] - g) ** 2), abs=1e-5)
    assert n_judged > 100


def test_the_tar_of_each_draw_has_the_threshold_of_that_draw() -> None:
    rng = np.random.default_rng(0)
    identities = all_pairs(16)
    is_genuine = identities[:, 0] == identities[:, 1]
    scores = rng.normal(size=len(identities)) + is_genuine
    weights = next(pair_weights(identities))

    found = pair_figures(scores, is_genuine).at(weights)

    assert set(found) == {("", "auc"), ("", "eer"), ("", "tar_at_far_0.1")}  # 120 impostor pairs
    for times, tar in zip(weights.astype(int), found["", "tar_at_far_0.1"], strict=True):
        copies = np.repeat(np.arange(len(scores)), times)
        assert tar == pytest.approx(point_at_far(scores[copies], is_genuine[copies], 0.1).tar, abs=1e-6)


def test_intervals_over_identities_hold_the_truth_and_intervals_over_pairs_do_not() -> None:
    spread, noise, gap, n_identities, n_rounds = 0.6, 0.4, 1.5, 40, 50
    identities = all_pairs(n_identities)
    is_genuine = identities[:, 0] == identities[:, 1]
    sigma = np.sqrt(2 * spread**2 + noise**2)  # of impostors; genuine pairs are given the same
    truth = 1 - NormalDist(0, sigma).cdf(gap / 2)
    hits = {"far": 0, "eer": 0, "far of pairs": 0}

    for seed in range(n_rounds):
        rng = np.random.default_rng(seed)
        impostor, genuine = rng.normal(size=n_identities) * spread, rng.normal(size=n_identities) * spread * np.sqrt(2)
        effect = np.where(is_genuine, gap + genuine[identities[:, 0]], impostor[identities].sum(axis=1))
        scores = effect + rng.normal(size=len(identities)) * noise
        figures = pair_figures(scores, is_genuine, threshold=gap / 2)
        drawn = figures.resample(identities)
        spans = {name: percentiles(drawn["", name]) for name in ("far", "eer")}
        spans["far of pairs"] = wilson(int((scores >= gap / 2)[~is_genuine].sum()), int((~is_genuine).sum()))
        for name, (low, high) in spans.items():
            hits[name] += low <= truth <= high

    assert hits["far"] >= 0.88 * n_rounds
    assert hits["eer"] >= 0.88 * n_rounds
    assert hits["far of pairs"] < 0.7 * n_rounds


def test_the_interval_of_the_calibration_error_draws_identities_too() -> None:
    rng = np.random.default_rng(0)
    identities = np.repeat(np.stack([np.arange(20), np.arange(20)], axis=1), 30, axis=0)
    probabilities = rng.uniform(0.4, 0.6, len(identities))
    is_genuine = np.repeat(rng.random(20) < 0.3, 30)

    error, interval, _ = calibration_error(probabilities, is_genuine, weights=pair_weights(identities))

    assert error == calibration_error(probabilities, is_genuine)[0]
    assert np.ptp(interval) > 2 * np.ptp(calibration_error(probabilities, is_genuine)[1])
