"""From the score of a pair to the probability that it is genuine."""

import attrs
import numpy as np

from car_recog.evaluation.operating_points import check_pairs

_MAX_STEPS = 100


@attrs.frozen
class Platt:
    """A logistic curve over scores.

    Args:
        slope: How fast the probability grows with the score; never negative.
        intercept: Log-odds at score 0.
    """

    slope: float
    intercept: float

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Give the probability that each pair is genuine.

        It holds where genuine pairs are as frequent as among the pairs of the fit.

        Example:
            >>> Platt(2.0, -1.0).probability(np.array([0.5])).tolist()
            [0.5]
        """
        return _sigmoid(self.slope * np.asarray(scores, np.float64) + self.intercept)


def fit_platt(scores: np.ndarray, is_genuine: np.ndarray) -> Platt:
    """Fit the curve by maximum likelihood.

    The targets are smoothed, as one more pair of each kind would have it, so that pairs which are told apart without a mistake do not ask
    for an endless slope. A higher score never means less: where the fit would fall, the curve is flat.

    Args:
        scores: Similarity of each pair, shape `(n_pairs,)`. Higher means more alike.
        is_genuine: Shape `(n_pairs,)`. True where both photos show the same car.

    Raises:
        DataError: The shapes differ, one kind of pair is missing, or a score is not a finite number.

    Example:
        >>> curve = fit_platt(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
        >>> curve.probability(np.array([0.1, 0.5, 0.9])).round(2).tolist()
        [0.22, 0.5, 0.78]

    Source: Platt 1999, Advances in Large Margin Classifiers, section 2.2; by Newton's method after Lin, Lin and Weng 2007, Machine
        Learning 68.
    """
    scores, is_genuine = check_pairs(scores, is_genuine)
    n_genuine, n_impostor = int(is_genuine.sum()), int((~is_genuine).sum())
    targets = np.where(is_genuine, (n_genuine + 1) / (n_genuine + 2), 1 / (n_impostor + 2))
    middle, spread = scores.mean(), scores.std()
    flat = Platt(0.0, float(np.log(targets.mean() / (1 - targets.mean()))))
    if spread <= 1e-12 * max(1.0, abs(middle)):
        return flat
    columns = np.stack([(scores - middle) / spread, np.ones_like(scores)], axis=1)
    slope, intercept = _newton(columns, targets, np.array([0.0, flat.intercept]))
    return Platt(float(slope / spread), float(intercept - slope * middle / spread)) if slope > 0 else flat


def _newton(columns: np.ndarray, targets: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Minimise the cross-entropy, halving each step until it does not get worse."""

    def loss(of: np.ndarray) -> float:
        logits = columns @ of
        return float(np.sum(np.logaddexp(0, logits) - targets * logits))

    found, before = start, loss(start)
    for _ in range(_MAX_STEPS):
        probabilities = _sigmoid(columns @ found)
        gradient = columns.T @ (probabilities - targets)
        if np.abs(gradient).max() < 1e-10 * len(targets):
            break
        curvature = (columns * (probabilities * (1 - probabilities))[:, None]).T @ columns + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while (after := loss(found - step)) > before and np.abs(step).max() > 1e-12:
            step = step / 2
        found, before = found - step, after
    return found


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-np.logaddexp(0, -logits)))
