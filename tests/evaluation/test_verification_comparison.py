import json

import numpy as np
import pytest

from car_recog.errors import DataError
from car_recog.evaluation.verification import verification_report
from car_recog.evaluation.verification_comparison import compare_verifiers

rng = np.random.default_rng(0)
CARS = np.concatenate([np.repeat(np.arange(30), 8).reshape(120, 2), rng.integers([0, 15], [15, 30], (120, 2))])
IS_GENUINE = CARS[:, 0] == CARS[:, 1]
HARDNESS = rng.normal(size=30)[CARS].sum(axis=1)
NOISE = rng.normal(size=240)


def report_of(gap: float, *, noise: float = 1.0, threshold: float | None = 1.0, places=slice(None)):
    scores = gap * IS_GENUINE + HARDNESS + noise * NOISE
    return verification_report(scores[places], IS_GENUINE[places], identities=CARS[places], threshold=threshold)


def test_differences_are_of_the_figures_and_their_intervals_of_shared_draws() -> None:
    better, worse = report_of(3.0), report_of(2.5)

    comparison = compare_verifiers(better, worse)

    assert set(comparison.differences) == {"auc", "eer", "tar_at_far_0.1", "far", "frr", "accuracy"}
    eer, auc = comparison.differences["eer"], comparison.differences["auc"]
    assert (eer.first, eer.second, eer.difference) == (better.eer, worse.eer, better.eer - worse.eer)
    assert auc.interval[0] > 0  # although the intervals of the two overlap
    assert worse.intervals["auc"][1] > better.intervals["auc"][0]
    turned = compare_verifiers(worse, better).differences["auc"].interval
    assert turned == pytest.approx((-auc.interval[1], -auc.interval[0]), abs=1e-6)


def test_a_verifier_does_not_differ_from_itself() -> None:
    comparison = compare_verifiers(report_of(2.0), report_of(2.0))

    assert all((one.difference, one.interval) == (0.0, (0.0, 0.0)) for one in comparison.differences.values())
    assert (comparison.n_only_first, comparison.n_only_second, comparison.p_value) == (0, 0, 1.0)


def test_pairs_that_one_alone_judges_rightly_are_counted() -> None:
    first, second = report_of(3.0), report_of(3.0, noise=0.2)

    comparison = compare_verifiers(first, second)

    is_right = [(report.scores >= 1.0) == IS_GENUINE for report in (first, second)]
    only_first = sum(a and not b for a, b in zip(*is_right, strict=True))
    only_second = sum(b and not a for a, b in zip(*is_right, strict=True))
    assert (comparison.n_only_first, comparison.n_only_second) == (only_first, only_second)
    assert comparison.differences["accuracy"].difference == pytest.approx((only_first - only_second) / len(IS_GENUINE))


def test_without_thresholds_no_verdicts_are_compared() -> None:
    comparison = compare_verifiers(report_of(2.0, threshold=None), report_of(2.0))

    assert "accuracy" not in comparison.differences
    assert comparison.p_value is None


def test_it_reads_as_a_table_and_as_json() -> None:
    comparison = compare_verifiers(report_of(3.0), report_of(2.0))

    lines = str(comparison).splitlines()
    assert lines[0].split() == ["first", "second", "difference", "95", "%", "interval", "(240", "pairs)"]
    assert lines[2].split()[:2] == ["eer", f"{report_of(3.0).eer:.3f}"]
    assert "only in the second: p = " in lines[-1]
    assert json.loads(json.dumps(comparison.to_dict()))["differences"]["eer"]["first"] == comparison.differences["eer"].first


def test_reports_on_other_pairs_are_refused() -> None:
    with pytest.raises(DataError, match="240 and 239 came, and their `is_genuine` differ"):
        compare_verifiers(report_of(2.0), report_of(2.0, places=slice(1, None)))
    with pytest.raises(DataError, match="`identities` differ"):
        compare_verifiers(report_of(2.0), report_of(2.0, places=np.r_[1:5, 0, 5:240]))
