import attrs
import numpy as np
import pytest

from car_recog.errors import OptionError
from car_recog.evaluation.pair_calibration import N_KEPT, PairCalibration, calibrate_pairs


def calibrate(n_genuine: int, n_impostor: int) -> tuple[PairCalibration, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    genuine, impostors = rng.normal(0.7, 0.2, n_genuine), rng.normal(0.3, 0.2, n_impostor)
    scores = np.concatenate([genuine, impostors])
    identities = rng.integers(0, 40, (len(scores), 2))
    return calibrate_pairs(scores, np.arange(len(scores)) < n_genuine, identities, target="eer"), genuine, impostors


def test_the_evidence_of_a_score_is_the_share_of_pairs_counted_one_by_one() -> None:
    found, genuine, impostors = calibrate(60, 90)

    for score in (-1.0, 0.3, float(impostors[5]), float(genuine[7]), found.threshold, 2.0):
        assert found.impostors_above(score) == sum(value >= score for value in impostors) / 90
        assert found.genuine_below(score) == sum(value < score for value in genuine) / 60


def test_a_pair_of_the_calibration_ties_with_itself_whatever_rounding_does() -> None:
    found, genuine, impostors = calibrate(60, 90)

    for nudge in (-1e-6, 0.0, 1e-6):
        assert found.impostors_above(impostors[5] + nudge) == sum(impostors >= impostors[5]) / 90
        assert found.genuine_below(genuine[7] + nudge) == sum(genuine < genuine[7]) / 60


def test_at_the_threshold_the_evidence_is_the_error_rates() -> None:
    found, _, _ = calibrate(60, 90)

    assert (found.impostors_above(found.threshold), found.genuine_below(found.threshold)) == (found.far, found.frr)


def test_of_many_pairs_evenly_chosen_scores_are_kept() -> None:
    found, genuine, impostors = calibrate(2_500, 30_000)

    assert (len(found.genuine_scores), len(found.impostor_scores)) == (N_KEPT, N_KEPT)
    assert (found.impostor_scores[0], found.impostor_scores[-1]) == (impostors.min(), impostors.max())
    for score in np.linspace(-0.2, 1.2, 50):
        assert found.impostors_above(score) == pytest.approx((impostors >= score).mean(), abs=2 / N_KEPT)
        assert found.genuine_below(score) == pytest.approx((genuine < score).mean(), abs=2 / N_KEPT)


def test_a_calibration_without_the_scores_says_nothing_of_them() -> None:
    found, _, _ = calibrate(60, 90)
    old = attrs.evolve(found, genuine_scores=(), impostor_scores=())

    assert old.impostors_above(0.5) is None
    assert old.genuine_below(0.5) is None


def test_more_scores_than_are_ever_kept_are_refused() -> None:
    found, _, _ = calibrate(60, 90)

    with pytest.raises(OptionError, match="at most 1000 scores of each kind, all finite; got 1001"):
        attrs.evolve(found, impostor_scores=[0.1] * (N_KEPT + 1))
