"""From the probabilities of classes to those of what they have in common: the make, then the model, then the year."""

from collections.abc import Sequence

import numpy as np

from car_recog.errors import DataError


def walk(probabilities: np.ndarray, level_labels: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Answer level by level, from the top down.

    A node is as probable as its classes together. At each level the most probable node is chosen among those inside the node chosen
    before, so that no make is answered with the model of another. Down the levels the probability never grows.

    Args:
        probabilities: Of the classes, shape `(n, n_classes)`.
        level_labels: For each level, the number of each class's node, integers of shape `(n_classes,)`; the widest level first. Nodes in
            different nodes of the level above may share a number.

    Returns:
        Number and probability of the node chosen at each level, both of shape `(n, n_levels)`.

    Raises:
        DataError: A level does not number every class.

    Example:
        >>> choices, sure = walk(np.array([[0.4, 0.35, 0.25]]), [np.array([0, 1, 1]), np.array([0, 1, 2])])
        >>> choices.tolist(), sure.round(2).tolist()
        ([[1, 1]], [[0.6, 0.35]])
    """
    probabilities = np.asarray(probabilities, np.float64)
    n, n_classes = probabilities.shape
    levels = check_levels(level_labels, n_classes)
    choices, chosen = np.zeros((n, len(levels)), int), np.zeros((n, len(levels)))
    is_inside = np.ones((n, n_classes), bool)
    for level, numbers in enumerate(levels):
        nodes, node_of_class = np.unique(numbers, return_inverse=True)
        has_class = np.eye(len(nodes))[node_of_class]
        sums = np.where(is_inside @ has_class, (probabilities * is_inside) @ has_class, -1.0)
        best = sums.argmax(axis=1)
        choices[:, level], chosen[:, level] = nodes[best], sums[np.arange(n), best]
        is_inside &= node_of_class == best[:, None]
    return choices, np.minimum.accumulate(np.minimum(chosen, 1.0), axis=1)


def check_levels(level_labels: Sequence[np.ndarray], n_classes: int) -> list[np.ndarray]:
    """Give the levels as arrays.

    Raises:
        DataError: A level does not number every class.
    """
    levels = [np.asarray(numbers) for numbers in level_labels]
    for place, numbers in enumerate(levels):
        if numbers.shape != (n_classes,) or not np.issubdtype(numbers.dtype, np.integer):
            raise DataError(f"Level {place} must number each of {n_classes} classes; got {numbers.dtype} of shape {numbers.shape}.")
    return levels
