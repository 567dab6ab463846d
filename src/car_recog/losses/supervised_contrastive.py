"""Supervised contrastive loss: photos of one car together, all others apart."""

from typing import Any

import keras
from keras import ops

from car_recog.errors import OptionError
from car_recog.losses.similarities import SimilarityLoss, over_those


@keras.saving.register_keras_serializable("car_recog")
class SupervisedContrastiveLoss(SimilarityLoss):
    """Each photo is to find the others of its class among all photos of the batch, by their embeddings.

    A photo whose class has no other photo in the batch costs nothing itself; it still stands against the others. The mean over the
    batch is that of the photos that have a partner.

    Args:
        temperature: Divides the cosines, above 0: the smaller, the more the nearest photos count.
        reduction: As of every Keras loss.
        name: As of every Keras loss.

    Raises:
        OptionError: A temperature out of range.

    Example:
        >>> loss = SupervisedContrastiveLoss(temperature=0.5)
        >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), 4)   # log(1 + e**-2)
        0.1269

    Source: Khosla et al., NeurIPS 2020, equation 2, arXiv:2004.11362.
    """

    arguments = ("temperature",)

    def __init__(self, temperature: float = 0.1, reduction: str = "sum_over_batch_size", name: str = "supervised_contrastive_loss") -> None:
        super().__init__(name=name, reduction=reduction)
        if not 0.0 < temperature < float("inf"):
            raise OptionError(f"temperature must be above 0; got {temperature}.")
        self.temperature = temperature

    def costs(self, cosines: Any, partners: Any, others: Any) -> Any:
        logits = cosines / self.temperature
        log_sum = ops.logsumexp(ops.where(ops.logical_or(partners, others), logits, -1e9), axis=1, keepdims=True)
        weights = ops.cast(partners, "float32")
        n_partners = ops.sum(weights, axis=1)
        costs = ops.sum(weights * (log_sum - logits), axis=1) / ops.maximum(n_partners, 1.0)
        return over_those(n_partners > 0, costs)
