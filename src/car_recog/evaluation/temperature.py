"""One number that makes the probabilities of a classifier mean what they say."""

import numpy as np

from car_recog.errors import DataError

COLDEST, HOTTEST = 1e-3, 1e3
_N_HALVINGS = 50


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits into probabilities, both of shape `(n, n_classes)`."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find the number that logits are divided by so that the log loss is smallest, between 0.001 and 1,000.

    No class overtakes another by it. The answers are never surer in the mean than `(n + 1) / (n + 2)`: where all or nearly all of them
    are right the log loss asks for certainty that a few photos cannot prove.

    Args:
        logits: Shape `(n, n_classes)`, of photos that were not trained on.
        labels: True class ids, shape `(n,)`.

    Raises:
        DataError: No photos, fewer than two classes, shapes that do not fit, an unknown class id, or a logit that is no finite number.

    Example:
        >>> logits, labels = np.array([[4.0, 0.0]] * 4), np.array([0, 0, 0, 1])
        >>> temperature = fit_temperature(logits, labels)
        >>> softmax(logits / temperature).max(axis=1).round(4).tolist()
        [0.75, 0.75, 0.75, 0.75]

    Source: Guo et al., ICML 2017, section 4.2, arXiv:1706.04599. The bound: the rule of succession.
    """
    logits, labels = check_logits(logits, labels)
    n = len(labels)
    gaps = logits - logits[np.arange(n), labels][:, None]
    low, high = -np.log(HOTTEST), -np.log(COLDEST)  # of the logarithm of 1 / temperature, over which the loss has one valley
    for _ in range(_N_HALVINGS):
        middle = (low + high) / 2
        probabilities = softmax(logits * np.exp(middle))
        is_rising = np.sum(probabilities * gaps) > 0
        if is_rising or probabilities.max(axis=1).mean() > (n + 1) / (n + 2):
            high = middle
        else:
            low = middle
    return float(np.exp(-(low + high) / 2))


def check_logits(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give logits as float64 and labels as they are.

    Raises:
        DataError: See `fit_temperature`.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise DataError(f"Expected logits (n, n_classes) and one label per photo; got shapes {logits.shape} and {labels.shape}.")
    n_classes = logits.shape[1]
    if n_classes < 2:
        raise DataError(f"Probabilities need two classes to choose from; got {n_classes}.")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= n_classes:
        raise DataError(f"Labels are class ids from 0 to {n_classes - 1}; got {labels.dtype} from {labels.min()} to {labels.max()}.")
    check_finite(logits, "logits")
    return logits, labels


def check_finite(values: np.ndarray, name: str) -> None:
    """Refuse numbers that are infinite or not a number.

    Raises:
        DataError: There is one.
    """
    is_bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if is_bad.any():
        raise DataError(f"The {name} of {is_bad.sum()} of {len(values)} photos are not finite, the first of photo {is_bad.argmax()}.")
