"""Logistic regression on features: where a head can start from."""

from collections.abc import Callable

import numpy as np

MAX_PHOTOS = 20_000
_N_STEPS = 100
_MEMORY = 10
_TOLERANCE = 1e-4


def fit_logistic(
    features: np.ndarray, labels: np.ndarray, n_classes: int, *, l2: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Fit multinomial logistic regression on standardised features.

    At most 20,000 photos are used, drawn by `seed`.

    Args:
        features: Shape `(n, n_features)`.
        labels: Class ids, shape `(n,)`.
        n_classes: Number of classes.
        l2: Weight of half the squared coefficients beside the mean log loss.
        seed: Seed of the draw.

    Returns:
        Kernel `(n_features, n_classes)` and bias `(n_classes,)`, float32, for features as they came.

    Source: L-BFGS: Nocedal and Wright 2006, algorithm 7.4.

    Example:
        >>> kernel, bias = fit_logistic(np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1]), 2, l2=0.01)
        >>> (np.array([[1.0], [4.0]]) @ kernel + bias).argmax(axis=1).tolist()
        [0, 1]
    """
    chosen = np.random.default_rng(seed).permutation(len(labels))[:MAX_PHOTOS]
    mean, spread = features[chosen].mean(axis=0), features[chosen].std(axis=0) + 1e-3
    x = np.concatenate([(features[chosen] - mean) / spread, np.ones((len(chosen), 1))], axis=1).astype(np.float32)
    one_hot = np.eye(n_classes, dtype=np.float32)[labels[chosen]]
    decay = np.full((x.shape[1], 1), l2, np.float32)
    decay[-1] = 0.0

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(-1, n_classes)
        logits = x @ weights
        logits -= logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        loss = (log_sum[:, 0] - (one_hot * logits).sum(axis=1)).mean() + 0.5 * float((decay * weights**2).sum())
        gradient = x.T @ (np.exp(logits - log_sum) - one_hot) / len(x) + decay * weights
        return float(loss), gradient.ravel()

    weights = _minimise(loss_and_gradient, np.zeros(x.shape[1] * n_classes, np.float32)).reshape(-1, n_classes)
    kernel = weights[:-1] / spread[:, None]
    return kernel.astype(np.float32), (weights[-1] - mean @ kernel).astype(np.float32)


def _minimise(loss_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]], x: np.ndarray) -> np.ndarray:
    """Run L-BFGS with backtracking from x until the gradient is small."""
    loss, gradient = loss_and_gradient(x)
    steps: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(_N_STEPS):
        direction = -_inverse_hessian(gradient, steps)
        slope, length = float(gradient @ direction), 1.0 if steps else 1.0 / max(float(np.linalg.norm(gradient)), 1.0)
        while True:
            new_x = x + length * direction
            new_loss, new_gradient = loss_and_gradient(new_x)
            if new_loss <= loss + 1e-4 * length * slope or length < 1e-6:
                break
            length /= 2
        step = (new_x - x, new_gradient - gradient)
        if float(step[0] @ step[1]) > 1e-10:
            steps = [*steps[1 - _MEMORY :], step]
        is_flat = loss - new_loss < _TOLERANCE * 1e-2
        x, loss, gradient = new_x, new_loss, new_gradient
        if is_flat or float(np.abs(gradient).max()) < _TOLERANCE:
            break
    return x


def _inverse_hessian(gradient: np.ndarray, steps: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Multiply a gradient by the inverse Hessian that the last steps tell of."""
    result = gradient.copy()
    factors = []
    for step, change in reversed(steps):
        factor = float(step @ result) / float(step @ change)
        factors.append(factor)
        result -= factor * change
    if steps:
        step, change = steps[-1]
        result *= float(step @ change) / float(change @ change)
    for (step, change), factor in zip(steps, reversed(factors), strict=True):
        result += (factor - float(change @ result) / float(step @ change)) * step
    return result
