"""Whether one judge is better than another, from the cases that only one of them judges rightly."""

from math import lgamma, log

import numpy as np


def mcnemar(n_only_first: int, n_only_second: int) -> float:
    """Give the probability that two equally good judges differ by so much or more, from the cases that one alone judges rightly.

    It is McNemar's exact test.

    Source: McNemar 1947, Psychometrika 12.

    Example:
        >>> round(mcnemar(1, 9), 4), mcnemar(0, 0)
        (0.0215, 1.0)
    """
    n, fewer = n_only_first + n_only_second, min(n_only_first, n_only_second)
    logs = [lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2) for k in range(fewer + 1)]
    return float(min(1.0, 2 * np.exp(np.logaddexp.reduce(logs))))


def count_alone(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """Count the cases that one judge alone judges rightly, from whether each is right, case by case, shape `(n,)`.

    Example:
        >>> count_alone(np.array([True, True, False]), np.array([True, False, False]))
        (1, 0)
    """
    return int((first & ~second).sum()), int((second & ~first).sum())
