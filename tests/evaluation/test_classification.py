import json

import attrs
import numpy as np
import pytest
from sklearn import metrics

from car_recog.errors import DataError
from car_recog.evaluation.classification import classification_report
from car_recog.evaluation.intervals import wilson
from car_recog.evaluation.rejection import Kept


def random_case(seed: int, n: int = 200, n_classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    logits = rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[labels]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_agree_with_scikit_learn(seed: int) -> None:
    probabilities, labels = random_case(seed)
    names = list("abcdef")
    answers = probabilities.argmax(axis=1)

    report = classification_report(probabilities, labels, class_names=names)

    precision, recall, f1, support = metrics.precision_recall_fscore_support(labels, answers, zero_division=0)
    assert report.accuracy == pytest.approx(metrics.accuracy_score(labels, answers))
    assert report.macro_f1 == pytest.approx(f1.mean())
    for k, value in report.top_k.items():
        assert value == pytest.approx(metrics.top_k_accuracy_score(labels, probabilities, k=k))
    np.testing.assert_array_equal(report.confusion, metrics.confusion_matrix(labels, answers))
    rows = [(s.precision, s.recall, s.f1, s.support) for s in report.per_class.values()]
    np.testing.assert_allclose(rows, np.stack([precision, recall, f1, support], axis=1))


def test_classes_without_photos_do_not_count_in_the_mean() -> None:
    report = classification_report(np.array([[0.8, 0.1, 0.1], [0.2, 0.1, 0.7]]), np.array([0, 0]), class_names=["a", "b", "c"])

    assert report.per_class["a"].f1 == pytest.approx(2 / 3)
    assert report.per_class["b"].support == report.per_class["c"].support == 0
    assert report.macro_f1 == pytest.approx(2 / 3)


def test_intervals_hold_the_figure_and_shrink_with_more_photos() -> None:
    few = classification_report(*random_case(0, n=60), class_names=list("abcdef"))
    many = classification_report(*random_case(0, n=2000), class_names=list("abcdef"))

    for report in (few, many):
        for name, value in (("accuracy", report.accuracy), ("macro_f1", report.macro_f1), ("top_3", report.top_k[3]), ("ece", report.ece)):
            low, high = report.intervals[name]
            assert low < value < high
    assert np.ptp(many.intervals["macro_f1"]) < np.ptp(few.intervals["macro_f1"]) / 3


def test_intervals_over_groups_are_wider_when_photos_repeat() -> None:
    probabilities, labels = random_case(1, n=50)
    repeated = np.repeat(probabilities, 10, axis=0), np.repeat(labels, 10)
    groups = [str(i // 10) for i in range(500)]

    alone = classification_report(*repeated, class_names=list("abcdef"))
    grouped = classification_report(*repeated, class_names=list("abcdef"), groups=groups)

    assert np.ptp(grouped.intervals["accuracy"]) > 2 * np.ptp(alone.intervals["accuracy"])
    assert grouped.accuracy == alone.accuracy


def test_a_perfect_score_has_an_interval_below_one() -> None:
    report = classification_report(np.eye(2)[[0, 1] * 26 + [0]], np.array([0, 1] * 26 + [0]), class_names=["a", "b"])

    low, high = report.intervals["accuracy"]

    assert report.accuracy == 1.0
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(53 / (53 + 1.959964**2))


def test_the_report_is_written_as_json(tmp_path) -> None:
    read = lambda places: np.zeros((len(places), 8, 8, 3), np.uint8)  # noqa: E731
    report = classification_report(*random_case(0), class_names=list("abcdef"), skipped={"x.jpg": "broken"}, read=read)

    report.to_json(tmp_path / "report.json")

    content = json.loads((tmp_path / "report.json").read_text())
    assert content["accuracy"] == report.accuracy
    assert content["confusion"] == report.confusion.tolist()
    assert content["per_class"]["a"]["support"] == report.per_class["a"].support
    assert (content["ece"], content["intervals"]["ece"]) == (report.ece, list(report.intervals["ece"]))
    assert len(content["reliability"]) == 15
    assert content["worst"][0].keys() == {"source", "true_class", "class_name", "probability", "true_probability"}
    assert "background" not in content


def test_the_calibration_error_is_that_of_the_answers() -> None:
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2]])

    report = classification_report(probabilities, np.array([0, 1, 1]), class_names=["a", "b"])

    assert report.ece == pytest.approx((0.9 + 0.7 + 0.8) / 3 - 2 / 3)


def test_what_is_kept_is_told_for_wanted_accuracies_and_for_the_own_verdict() -> None:
    sure = np.array([0.99] * 19 + [0.8, 0.7])
    labels = np.array([0] * 19 + [1, 0])

    report = classification_report(np.stack([sure, 1 - sure], axis=1), labels, class_names=["a", "b"], is_accepted=np.arange(21) >= 18)

    assert report.kept_for == {0.9: Kept(0.7, 1.0, 20 / 21), 0.95: Kept(0.99, 19 / 21, 1.0), 0.99: None}
    assert report.intervals["coverage_at_0.95"] == wilson(19, 21)
    assert report.intervals["accuracy_at_0.95"] == wilson(19, 19)
    assert (report.accepted, report.accepted_accuracy) == (3 / 21, 2 / 3)
    assert report.intervals["accepted_accuracy"] == wilson(2, 3)
    assert ("accepted", "accepted", 3 / 21) in report.headline()
    content = json.loads(report.to_json())
    assert content["kept_for"] == {"0.9": attrs.asdict(report.kept_for[0.9]), "0.95": attrs.asdict(report.kept_for[0.95]), "0.99": None}
    assert "coverage_curve" not in content
    text = report.to_markdown()
    assert "| 0.95 | 0.990 | 0.905 (0.711 to 0.973) | 1.000 (0.832 to 1.000) |" in text
    assert "| 0.99 | - | - | - |" in text


def test_mistakes_are_listed_most_certain_first() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9], [0.6, 0.2, 0.2]])
    photos = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)

    report = classification_report(
        probabilities, np.array([1, 1, 0, 2]), class_names=["a", "b", "c"], sources=list("wxyz"), read=lambda places: photos[places]
    )

    told = [(one.source, one.true_class, one.class_name, one.probability, one.true_probability) for one in report.worst]
    assert told == [("y", "a", "c", 0.9, 0.05), ("w", "b", "a", 0.6, 0.3), ("z", "c", "a", 0.6, 0.2)]
    assert [one.thumbnail[0, 0, 0] for one in report.worst] == [2, 0, 3]
    assert report.confusions() == [("a", "c", 1, 1.0), ("b", "a", 1, 0.5), ("c", "a", 1, 1.0)]


def test_no_more_than_24_mistakes_are_kept() -> None:
    assert len(classification_report(np.eye(2)[[0] * 30], np.ones(30, int), class_names=["a", "b"]).worst) == 24


def test_shapes_that_do_not_fit_raise() -> None:
    with pytest.raises(DataError, match=r"probabilities of shape \(2, 3\); got \(2, 2\)"):
        classification_report(np.zeros((2, 2)), np.array([0, 1]), class_names=["a", "b", "c"])
    with pytest.raises(DataError, match="Expected one label per photo"):
        classification_report(np.zeros((0, 2)), np.array([], int), class_names=["a", "b"])
