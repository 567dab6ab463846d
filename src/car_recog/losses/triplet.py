"""Triplet loss: the least similar photo of a car is to be nearer than the most similar one of another."""

from typing import Any

import keras
from keras import ops

from car_recog.errors import OptionError
from car_recog.losses.similarities import SimilarityLoss, over_those

_FAR = 1e9


@keras.saving.register_keras_serializable("car_recog")
class TripletLoss(SimilarityLoss):
    """Of each photo only the hardest partner and the hardest stranger of the batch count (batch-hard), by the distance of embeddings.

    A photo without a partner, or without a stranger, costs nothing itself. The mean over the batch is that of the photos that have both.

    Args:
        margin: By how much the stranger is to be farther away than the partner, in (0, 2].
        reduction: As of every Keras loss.
        name: As of every Keras loss.

    Raises:
        OptionError: A margin out of range.

    Example:
        >>> loss = TripletLoss(margin=0.5)
        >>> float(loss([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))           # the stranger is 1.41 away, the partner 0
        0.0
        >>> round(float(loss([0, 1, 0], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), 4)   # sqrt(2) + 0.5 for the first, 0.5 for the third
        1.2071

    Source: Hermans et al. 2017, equation 5 (batch hard), arXiv:1703.07737.
    """

    arguments = ("margin",)

    def __init__(self, margin: float = 0.3, reduction: str = "sum_over_batch_size", name: str = "triplet_loss") -> None:
        super().__init__(name=name, reduction=reduction)
        if not 0.0 < margin <= 2.0:
            raise OptionError(f"margin must lie in (0, 2]; got {margin}.")
        self.margin = margin

    def costs(self, cosines: Any, partners: Any, others: Any) -> Any:
        # The root has no slope at 0: equal photos are taken as ever so little apart.
        distances = ops.sqrt(ops.maximum(2.0 - 2.0 * cosines, 1e-12))
        farthest = ops.max(ops.where(partners, distances, -_FAR), axis=1)
        nearest = ops.min(ops.where(others, distances, _FAR), axis=1)
        has_both = ops.logical_and(ops.any(partners, axis=1), ops.any(others, axis=1))
        costs = ops.where(has_both, ops.relu(self.margin + farthest - nearest), 0.0)
        return over_those(has_both, costs)
