import json

import numpy as np
import pytest
from sklearn import metrics

from car_recog.errors import DataError
from car_recog.evaluation.classification import classification_report


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
        for name, value in (("accuracy", report.accuracy), ("macro_f1", report.macro_f1), ("top_3", report.top_k[3])):
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


def test_the_report_is_written_as_json_and_markdown(tmp_path) -> None:
    report = classification_report(*random_case(0), class_names=list("abcdef"), skipped={"x.jpg": "broken"})

    report.to_json(tmp_path / "report.json")
    report.to_markdown(tmp_path / "report.md")

    content = json.loads((tmp_path / "report.json").read_text())
    assert content["accuracy"] == report.accuracy
    assert content["confusion"] == report.confusion.tolist()
    assert content["per_class"]["a"]["support"] == report.per_class["a"].support
    text = (tmp_path / "report.md").read_text()
    assert f"| accuracy | {report.accuracy:.3f} |" in text
    assert "200 photos, 1 more could not be decoded." in text


def test_shapes_that_do_not_fit_raise() -> None:
    with pytest.raises(DataError, match=r"probabilities of shape \(2, 3\); got \(2, 2\)"):
        classification_report(np.zeros((2, 2)), np.array([0, 1]), class_names=["a", "b", "c"])
    with pytest.raises(DataError, match="Expected one label per photo"):
        classification_report(np.zeros((0, 2)), np.array([], int), class_names=["a", "b"])
