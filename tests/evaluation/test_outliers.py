import numpy as np
import pytest
from sklearn import metrics

from car_recog.errors import DataError
from car_recog.evaluation.outliers import auroc, outlier_scores


def test_each_score_is_what_its_name_says() -> None:
    logits = np.log(np.array([[1.0, 3.0, 4.0], [10.0, 10.0, 20.0]], np.float32))
    similarities = np.array([[0.1, 0.9, -1.0], [-0.2, -0.3, -0.4]])

    scores = outlier_scores(logits, similarities)

    np.testing.assert_allclose(scores["max_softmax"], [0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(scores["energy"], [np.log(8), np.log(40)], rtol=1e-6)
    np.testing.assert_allclose(scores["class_means"], [0.9, -0.2])


def test_the_energy_of_huge_logits_is_finite() -> None:
    assert outlier_scores(np.array([[1e4, 1e4]]), np.zeros((1, 2)))["energy"] == pytest.approx(1e4 + np.log(2))


def test_the_auroc_agrees_with_scikit_learn_on_ties() -> None:
    rng = np.random.default_rng(0)
    known, unknown = rng.integers(3, 9, 50) / 10, rng.integers(0, 7, 30) / 10

    expected = metrics.roc_auc_score([1] * 50 + [0] * 30, np.concatenate([known, unknown]))

    assert auroc(known, unknown) == pytest.approx(expected)


def test_one_kind_of_photo_is_not_enough() -> None:
    with pytest.raises(DataError, match="both are needed; got 2 and 0"):
        auroc(np.array([0.1, 0.2]), np.array([]))


def test_shapes_that_differ_raise() -> None:
    with pytest.raises(DataError, match=r"one shape \(n, n_classes\); got \(2, 3\) and \(2, 4\)"):
        outlier_scores(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(DataError, match="similarities of 1 of 2 photos are not finite"):
        outlier_scores(np.zeros((2, 3)), np.array([[0.0] * 3, [np.inf] * 3]))
