"""ArcFace: each car has a direction of its own, and its photos are to lie nearer to it than to any other by an angle."""

import math
from typing import Any

import keras
from keras import ops

from car_recog.errors import OptionError


@keras.saving.register_keras_serializable("car_recog")
class ArcFaceLoss(keras.losses.Loss):  # type: ignore[misc]
    """Softmax over the cosines between a photo and the directions of all cars, the angle to its own car made wider by a margin.

    The directions are trained with the network, by `heads.identity_head`, and thrown away after it.

    Args:
        scale: Multiplies the cosines, above 0.
        margin: Added to the angle, in radians, from 0 to pi / 2. Where the sum would pass pi, the cosine falls by `margin * sin(margin)`.
        reduction: As of every Keras loss.
        name: As of every Keras loss.

    Raises:
        OptionError: A value out of range.

    Example:
        >>> loss = ArcFaceLoss(scale=1.0, margin=0.0)
        >>> round(float(loss([0], [[1.0, 0.0]])), 4)      # log(1 + 1 / e)
        0.3133

    Source: Deng et al., CVPR 2019, equation 3, arXiv:1801.07698; scale and margin are theirs.
    """

    def __init__(
        self,
        scale: float = 64.0,
        margin: float = 0.5,
        reduction: str = "sum_over_batch_size",
        name: str = "arcface_loss",
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        if not 0.0 < scale < float("inf") or not 0.0 <= margin <= math.pi / 2:
            raise OptionError(f"scale must be above 0 and margin lie in [0, pi / 2]; got {scale} and {margin}.")
        self.scale, self.margin = scale, margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of each photo.

        Args:
            y_true: Class ids, shape `(batch,)` or `(batch, 1)`.
            y_pred: Cosines to the directions of all classes, shape `(batch, n_classes)`.

        Returns:
            Shape `(batch,)`, above 0.
        """
        cosines = ops.convert_to_tensor(y_pred, "float32")
        own = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), cosines.shape[-1])
        cosine = ops.sum(own * cosines, axis=-1, keepdims=True)
        sine = ops.sqrt(ops.maximum(1.0 - cosine * cosine, 1e-9))
        widened = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        widened = ops.where(cosine > -math.cos(self.margin), widened, cosine - self.margin * math.sin(self.margin))
        logits = self.scale * (cosines + own * (widened - cosine))
        return ops.logsumexp(logits, axis=-1) - ops.sum(own * logits, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {**super().get_config(), "scale": self.scale, "margin": self.margin}
