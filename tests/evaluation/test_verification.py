import json

import numpy as np
import pytest

from car_recog.errors import DataError
from car_recog.evaluation.pair_mistakes import PairMistake
from car_recog.evaluation.verification import VerificationReport, verification_report

# Two genuine pairs of car 0, one of car 1, and three impostor pairs.
CARS = np.array([[0, 0], [0, 0], [1, 1], [0, 1], [1, 2], [2, 0]])
IS_GENUINE = CARS[:, 0] == CARS[:, 1]
SCORES = np.array([0.9, 0.5, 0.3, 0.7, 0.4, 0.1])
KINDS = ["", "", "", "same model", "any", "same model"]


def judge(**changes) -> VerificationReport:
    told = {"identities": CARS, "threshold": 0.45, "kinds": KINDS}
    return verification_report(SCORES, IS_GENUINE, **told | changes)


def many(n: int, *, n_cars: int = 30) -> dict[str, np.ndarray]:
    """Half of the pairs genuine, of many cars, scores that overlap."""
    rng = np.random.default_rng(n)
    cars = rng.integers(0, n_cars, (n, 2))
    cars[::2, 1] = cars[::2, 0]
    cars[1::2, 1] = (cars[1::2, 0] + rng.integers(1, n_cars, n // 2)) % n_cars
    is_genuine = cars[:, 0] == cars[:, 1]
    return {"scores": rng.normal(size=n) + 2 * is_genuine, "is_genuine": is_genuine, "identities": cars}


def test_figures_counted_by_hand() -> None:
    report = judge(probabilities=np.array([0.9, 0.5, 0.3, 0.7, 0.4, 0.1]))

    assert (report.n_pairs, report.n_genuine, report.n_impostor, report.n_identities) == (6, 3, 3, 3)
    assert (report.accuracy, report.far, report.frr) == pytest.approx((4 / 6, 1 / 3, 1 / 3))
    assert report.auc == pytest.approx((3 + 2 + 1) / 9)
    assert (report.eer, report.eer_threshold) == (pytest.approx(1 / 3), 0.5)
    assert report.brier == pytest.approx((0.01 + 0.25 + 0.49 + 0.49 + 0.16 + 0.01) / 6)
    assert report.ece == pytest.approx(abs(0.5 - 2.9 / 6))  # so few pairs make one bin
    assert set(report.intervals) == {"accuracy", "far", "frr", "auc", "eer", "brier", "ece"}
    assert all(0 <= low <= high <= 1 for low, high in report.intervals.values())


def test_each_kind_of_impostor_is_set_against_all_genuine_pairs() -> None:
    by_kind = judge().by_kind

    assert list(by_kind) == ["same model", "any"]
    assert (by_kind["same model"].n_impostor, by_kind["any"].n_impostor) == (2, 1)
    assert (by_kind["same model"].auc, by_kind["any"].auc) == pytest.approx((4 / 6, 2 / 3))
    assert (by_kind["same model"].far, by_kind["any"].far) == (0.5, 0.0)
    assert set(by_kind["any"].intervals) == {"auc", "eer", "far"}


def test_without_a_threshold_there_are_no_verdicts_and_the_report_says_so() -> None:
    report = judge(threshold=None)

    assert (report.accuracy, report.far, report.frr, report.by_kind["any"].far, report.ece) == (None,) * 5
    assert set(report.intervals) == {"auc", "eer"}
    assert report.notes[0].startswith("No threshold is stored")
    assert [mistake.score for mistake in report.worst] == [0.7, 0.3]  # at the threshold of the EER, 0.5


def test_a_tar_is_told_only_of_ten_times_as_many_impostors_as_its_far_asks_for() -> None:
    enough, too_few = (verification_report(**many(n), threshold=None) for n in (2000, 1998))

    assert [tar is not None for tar in enough.tar_at_far.values()] == [True, True, False]
    assert [tar is not None for tar in too_few.tar_at_far.values()] == [True, False, False]
    assert "TAR at FAR 0.01 is not told: it takes at least 1,000 impostor pairs, and there are 999." in too_few.notes
    low, high = enough.intervals["tar_at_far_0.01"]
    assert low < enough.tar_at_far[0.01] < high


def test_a_rate_of_0_is_not_taken_for_certain() -> None:
    notes = judge(threshold=0.8).notes

    assert any(note.startswith("FAR is 0 on 3 pairs") and "up to 1," in note for note in notes)
    assert any(note.startswith("FAR against any is 0 on 1 pairs") for note in notes)
    assert not any(note.startswith("FRR") for note in notes)


def test_the_worst_mistakes_come_with_files_and_photos() -> None:
    shades = np.arange(6, dtype=np.uint8)[:, None, None, None] * 40 + np.zeros((20, 30, 3), np.uint8)
    asked: list[list[int]] = []

    def read(places):
        asked.append(places.tolist())
        return shades[places], shades[places] + 20

    report = judge(threshold=0.35, sources=[(f"a/{i}.jpg", f"b/{i}.jpg") for i in range(6)], read=read)

    assert asked == [[3, 4, 2]]
    assert [(one.first, one.second, one.is_genuine, one.kind, one.score) for one in report.worst] == [
        ("a/3.jpg", "b/3.jpg", False, "same model", 0.7),
        ("a/4.jpg", "b/4.jpg", False, "any", 0.4),
        ("a/2.jpg", "b/2.jpg", True, "", 0.3),
    ]
    thumbnail = report.worst[0].thumbnail
    assert thumbnail.shape == (20, 64, 3)
    assert (thumbnail[0, 0, 0], thumbnail[0, -1, 0]) == (120, 140)


def test_a_perfect_verifier_has_no_mistakes_and_reads_no_photos() -> None:
    report = verification_report(IS_GENUINE.astype(float), IS_GENUINE, identities=CARS, threshold=0.5, read=lambda places: 1 / 0)

    assert (report.accuracy, report.eer, report.auc, report.worst) == (1.0, 0.0, 1.0, ())
    assert report.intervals["accuracy"] == (1.0, 1.0)


def test_json_holds_every_figure_and_no_arrays(tmp_path) -> None:
    report = judge(probabilities=SCORES, skipped={"broken.jpg": "no image"})

    text = report.to_json(tmp_path / "report.json")

    assert (tmp_path / "report.json").read_text("utf-8") == text
    read_back = json.loads(text)
    assert read_back == json.loads(json.dumps(report.to_dict()))
    assert read_back["by_kind"]["any"]["intervals"]["far"] == list(report.by_kind["any"].intervals["far"])
    assert read_back["tar_at_far"] == {"0.1": None, "0.01": None, "0.001": None}
    assert [PairMistake(**mistake) for mistake in read_back["worst"]] == list(report.worst)
    assert {"scores", "is_genuine", "identities", "kinds", "background"}.isdisjoint(read_back)


def test_a_threshold_that_rejects_everything_is_still_json() -> None:
    report = verification_report(np.ones(6), IS_GENUINE, identities=CARS, threshold=None)

    assert (report.eer, report.eer_threshold) == (0.5, np.inf)
    assert float(json.loads(report.to_json())["eer_threshold"]) == np.inf


def test_the_same_pairs_give_the_same_report() -> None:
    assert judge() == judge()
    assert judge() != judge(threshold=0.8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"identities": CARS[:5]}, r"integers of shape \(6, 2\); got int64 \(5, 2\)"),
        ({"identities": CARS.astype(float)}, "got float64"),
        ({"kinds": KINDS[:5]}, "Expected kinds of 6 pairs, one for each score; got 5"),
        ({"sources": [("a", "b")]}, "Expected sources of 6 pairs"),
        ({"probabilities": np.ones(5)}, "Expected probabilities of 6 pairs"),
        ({"probabilities": 2 * SCORES}, "between 0 and 1"),
        ({"probabilities": np.full(6, np.nan)}, "between 0 and 1"),
        ({"threshold": np.nan}, "got NaN"),
    ],
)
def test_what_does_not_fit_the_pairs_is_refused(changes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        judge(**changes)
