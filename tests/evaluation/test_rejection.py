from fractions import Fraction

import numpy as np
import pytest

from car_recog.errors import DataError, OptionError
from car_recog.evaluation.rejection import coverage_curve, kept_figures, threshold_for_coverage, threshold_for_precision


def case(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Answers with many ties, the surer the more often right."""
    rng = np.random.default_rng(seed)
    confidence = rng.integers(1, 20, n) / 20
    return confidence, rng.random(n) < confidence**0.3


@pytest.mark.parametrize("seed", range(5))
def test_the_curve_agrees_with_a_plain_loop(seed: int) -> None:
    confidence, is_right = case(seed)

    curve = coverage_curve(confidence, is_right)

    assert curve.thresholds.tolist() == sorted(set(confidence.tolist()), reverse=True)
    for threshold, coverage, accuracy in zip(curve.thresholds, curve.coverage, curve.accuracy, strict=True):
        kept = [right for sure, right in zip(confidence, is_right, strict=True) if sure >= threshold]
        assert (coverage, accuracy) == (len(kept) / 60, sum(kept) / len(kept))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("precision", ["0.6", "0.8", "0.9"])
def test_the_lowest_threshold_is_found_that_bears_one_mistake_more(seed: int, precision: str) -> None:
    confidence, is_right = case(seed)
    fitting = []
    for threshold in set(confidence.tolist()):
        kept = is_right[confidence >= threshold]
        if Fraction(int((~kept).sum()) + 1, len(kept) + 1) <= 1 - Fraction(precision):
            fitting.append(threshold)

    if fitting:
        assert threshold_for_precision(confidence, is_right, float(precision)) == min(fitting)
    else:
        with pytest.raises(DataError, match="No threshold reaches a precision"):
            threshold_for_precision(confidence, is_right, float(precision))


@pytest.mark.parametrize(("precision", "n"), [(0.9, 9), (0.95, 19), (0.99, 99), (0.7, 3)])
def test_the_number_of_right_answers_it_takes_is_exact(precision: float, n: int) -> None:
    confidence = np.linspace(0.5, 1, n)

    assert threshold_for_precision(confidence, np.ones(n, bool), precision) == 0.5
    with pytest.raises(DataError, match=f"takes at least {n} right answers"):
        threshold_for_precision(confidence[1:], np.ones(n - 1, bool), precision)


def test_the_message_tells_what_can_be_had() -> None:
    with pytest.raises(DataError, match=r"precision of 0.9 on these 4 photos; 0.750 is the most"):
        threshold_for_precision(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]), 0.9)


def test_a_threshold_for_a_coverage_keeps_at_least_that_share() -> None:
    confidence = np.array([0.9, 0.8, 0.8, 0.8, 0.1])

    found = {coverage: threshold_for_coverage(confidence, coverage) for coverage in (0.01, 0.2, 0.21, 0.8, 0.81, 1.0)}

    assert found == {0.01: 0.9, 0.2: 0.9, 0.21: 0.8, 0.8: 0.8, 0.81: 0.1, 1.0: 0.1}
    assert threshold_for_coverage(np.arange(100) / 100, 0.29) == 0.71


def test_what_makes_no_sense_raises() -> None:
    one = np.array([0.5]), np.array([True])

    with pytest.raises(OptionError, match="precision must lie between 0 and 1, such as 0.9; got 90"):
        threshold_for_precision(*one, 90)
    with pytest.raises(OptionError, match="coverage must be a share above 0"):
        threshold_for_coverage(one[0], 0.0)
    with pytest.raises(DataError, match="needs photos to be chosen on; none came"):
        coverage_curve(np.array([]), np.array([]))
    with pytest.raises(DataError, match=r"got shapes \(1,\) and \(2,\)"):
        coverage_curve(one[0], np.array([True, False]))
    with pytest.raises(DataError, match="confidences of 1 of 1 photos are not finite"):
        threshold_for_coverage(np.array([np.nan]), 0.5)


def test_a_classifier_that_rejects_everything_has_no_accuracy() -> None:
    fields, spans = kept_figures(np.array([0.5, 0.6]), np.array([True, False]), np.zeros(2, bool), None)

    assert (fields["accepted"], fields["accepted_accuracy"]) == (0.0, None)
    assert fields["kept_for"] == {0.9: None, 0.95: None, 0.99: None}
    assert spans.keys() == {"accepted"}
