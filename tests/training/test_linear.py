import numpy as np
from sklearn.linear_model import LogisticRegression

from car_recog.training.linear import fit_logistic


def test_it_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    features = rng.normal(size=(300, 12)) * 3 + 5 + labels[:, None] * rng.normal(size=12)
    standard = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-3)
    oracle = LogisticRegression(C=1 / (0.01 * len(labels)), max_iter=2000, tol=1e-8).fit(standard, labels)

    kernel, bias = fit_logistic(features, labels, 4, l2=0.01)

    logits = features @ kernel + bias
    expected = standard @ oracle.coef_.T + oracle.intercept_
    np.testing.assert_allclose(logits - logits.mean(axis=1, keepdims=True), expected - expected.mean(axis=1, keepdims=True), atol=0.05)
    assert (logits.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.99


def test_constant_features_do_no_harm() -> None:
    features = np.ones((6, 3))

    kernel, bias = fit_logistic(features, np.array([0, 0, 0, 0, 1, 1]), 2, l2=0.1)

    probabilities = np.exp(features @ kernel + bias)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities[0], [4 / 6, 2 / 6], atol=0.01)
