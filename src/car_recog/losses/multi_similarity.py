"""Multi-similarity loss: the pairs of a batch that are hard to tell apart, weighted by how hard."""

from typing import Any

import keras
from keras import ops

from car_recog.errors import OptionError
from car_recog.losses.similarities import SimilarityLoss

_NONE = -1e9


@keras.saving.register_keras_serializable("car_recog")
class MultiSimilarityLoss(SimilarityLoss):
    """Photos of one class are drawn above a cosine, those of others pushed below it.

    Only hard pairs count: two photos of one class that are less alike than the most similar stranger, and strangers more alike than the
    least similar partner, each by a margin.

    Args:
        alpha: How sharply partners below `base` are weighted, above 0.
        beta: How sharply strangers above `base` are weighted, above 0.
        base: The cosine between the two.
        margin: How far a pair may be from hard and still count.
        reduction: As of every Keras loss.
        name: As of every Keras loss.

    Raises:
        OptionError: A value out of range.

    Example:
        >>> loss = MultiSimilarityLoss(alpha=2.0, beta=50.0, base=0.5)
        >>> same = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
        >>> float(loss([0, 0, 1, 1], same)), round(float(loss([0, 1, 0, 1], same)), 3)   # log(1 + e) / 2 + log(1 + e**25) / 50
        (0.0, 1.157)

    Source: Wang et al., CVPR 2019, equations 11, 12 and 16, arXiv:1904.06627, with the defaults of the authors' code.
    """

    arguments = ("alpha", "beta", "base", "margin")

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        margin: float = 0.1,
        reduction: str = "sum_over_batch_size",
        name: str = "multi_similarity_loss",
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        if not 0.0 < alpha < float("inf") or not 0.0 < beta < float("inf"):
            raise OptionError(f"alpha and beta must be above 0; got {alpha} and {beta}.")
        if not -1.0 <= base <= 1.0 or not 0.0 <= margin <= 2.0:
            raise OptionError(f"base must lie in [-1, 1] and margin in [0, 2]; got {base} and {margin}.")
        self.alpha, self.beta, self.base, self.margin = alpha, beta, base, margin

    def costs(self, cosines: Any, partners: Any, others: Any) -> Any:
        least_alike = ops.min(ops.where(partners, cosines, -_NONE), axis=1, keepdims=True)
        most_alike = ops.max(ops.where(others, cosines, _NONE), axis=1, keepdims=True)
        hard_partners = ops.logical_and(partners, cosines < most_alike + self.margin)
        hard_others = ops.logical_and(others, cosines > least_alike - self.margin)
        # log(1 + sum(exp(x))) is the softplus of the log-sum-exp; where no pair is hard it is 0.
        pull = ops.logsumexp(ops.where(hard_partners, -self.alpha * (cosines - self.base), _NONE), axis=1)
        push = ops.logsumexp(ops.where(hard_others, self.beta * (cosines - self.base), _NONE), axis=1)
        return ops.softplus(pull) / self.alpha + ops.softplus(push) / self.beta
