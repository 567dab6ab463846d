import json

import numpy as np
import pytest

from car_recog.errors import DataError
from car_recog.evaluation.shortcuts import shortcut_report


def test_a_change_is_judged_on_the_photos_that_it_changes() -> None:
    report = shortcut_report(np.array([1, 1, 1, 1, 0, 0]), {"grey": np.array([1, 0, 0, 1, 1, np.nan]), "cut": np.full(6, np.nan)})

    grey = report.changes["grey"]
    assert report.accuracy == pytest.approx(4 / 6)
    assert (grey.n_photos, grey.as_is, grey.changed, grey.n_lost, grey.n_gained) == (5, 0.8, 0.6, 2, 1)
    assert grey.difference == pytest.approx(-0.2)
    assert report.left_out == ("cut",)


def test_the_interval_is_of_the_same_photos_before_and_after() -> None:
    before = np.random.default_rng(0).random(200) < 0.5
    after = before.astype(float)
    after[np.flatnonzero(before)[:20]] = 0

    low, high = shortcut_report(before, {"grey": after}).changes["grey"].interval

    # 20 of 200 photos lost: binomial, as -0.1 with 1.96 deviations of sqrt(0.1 * 0.9 / 200). Unpaired it would reach across 0.
    assert low == pytest.approx(-0.1 - 0.042, abs=0.01)
    assert high == pytest.approx(-0.1 + 0.042, abs=0.01)


def test_photos_of_one_group_count_as_one() -> None:
    before, after = np.ones(40), np.repeat([0.0, 1.0, 1.0, 1.0], 10)

    alone = shortcut_report(before, {"grey": after}).changes["grey"].interval
    grouped = shortcut_report(before, {"grey": after}, groups=np.repeat([*"abcd"], 10).tolist()).changes["grey"].interval

    assert grouped[0] < alone[0] - 0.2


def test_few_photos_without_a_change_prove_little() -> None:
    interval = shortcut_report(np.ones(10), {"grey": np.ones(10)}).changes["grey"].interval

    # Wilson: 1.96 ** 2 / (10 + 1.96 ** 2) of all photos may change their answer.
    assert interval == pytest.approx((-0.2775, 0.2775), abs=1e-3)


def test_it_is_told_as_json_and_as_a_table(tmp_path) -> None:
    report = shortcut_report(np.array([1, 0]), {"grey": np.array([0, 0]), "cut": np.full(2, np.nan)}, skipped={"a.jpg": "broken"})

    told = json.loads(report.to_json(tmp_path / "report.json"))
    table = report.to_markdown(tmp_path / "report.md").splitlines()

    assert json.loads((tmp_path / "report.json").read_text()) == told
    assert told["changes"]["grey"]["difference"] == -0.5
    assert told["skipped"] == {"a.jpg": "broken"}
    assert table[2].startswith("| grey | 2 | 0.500 | 0.000 | -0.500 | -1.000 to +0.000 | 1 | 0 |")
    assert "No photo changed: cut." in table[5]
    assert table[6] == "Not decoded: 1."


def test_nothing_to_judge_is_an_error() -> None:
    with pytest.raises(DataError, match="No photo is left to be judged"):
        shortcut_report(np.array([]), {})
