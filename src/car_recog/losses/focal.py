"""Focal loss: cross-entropy that spends less on photos the network already gets right."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from car_recog.errors import DataError, OptionError

_LEAST_PROBABILITY = 1e-30
"""Stands in for a probability of 0. Its inverse, the steepest gradient, leaves float32 eight decades for class and sample weights."""


@keras.saving.register_keras_serializable("car_recog")
class FocalLoss(keras.losses.Loss):  # type: ignore[misc]
    """Focal loss for one logit (binary) or several (multi-class), exact and with a correct gradient at logits of any size.

    The labels are told apart by shape, since Keras casts them to float before a loss sees them. One logit is always binary: labels in
    [0, 1] of shape `(batch,)` or `(batch, 1)`. With more, labels of the logits' shape are one-hot or soft, and labels of shape
    `(batch,)` or `(batch, 1)` are class ids. So labels of one axis are class ids even where the batch is as long as there are classes,
    and several ones in a row are shares of one photo, not independent labels. Both may have more axes between batch and classes.

    Multi-class, a photo costs the sum over classes of `-alpha * y * (1 - p) ** gamma * log(p)`; binary, it costs
    `-alpha * y * (1 - p) ** gamma * log(p) - (1 - alpha) * (1 - y) * p ** gamma * log(1 - p)`. A class id outside the classes, or a
    binary label outside [0, 1], makes the loss NaN: a compiled training step cannot raise.

    Args:
        gamma: How fast the loss of well classified photos fades, 0 or more; 0 is cross-entropy.
        alpha: Binary: the weight of label 1 in [0, 1]; label 0 weighs `1 - alpha`. Multi-class: a number in [0, 1] weighs every class
            alike, a sequence gives each class its own weight, 0 or more. None weighs nothing.
        from_logits: Whether the model ends in logits. False takes sigmoid or softmax outputs, which have lost what logits know: a
            probability below 1e-30 counts as 1e-30, so that it costs about 69 at most before weights, and its logarithm gives no
            gradient any more. Rows of several classes are divided by their sum.
        label_smoothing: Share of the label that is spread evenly over the classes, in [0, 1).
        reduction: As in every Keras loss; `"none"` gives one value a photo, shape `(batch,)`.
        name: Name of the loss.
        dtype: What to compute in; float16 and bfloat16 are raised to float32. None is Keras's floatx, raised alike.

    Raises:
        OptionError: An argument is out of its range; when called, alpha does not fit the number of classes.
        DataError: When called: the shapes of labels and logits fit neither reading.

    Example:
        >>> loss = FocalLoss(gamma=2.0, alpha=None)
        >>> round(float(loss([0, 1], [[2.0, 0.0], [2.0, 0.0]])), 3)
        0.826

    Source: Lin et al., ICCV 2017, equation 5, arXiv:1708.02002.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | Sequence[float] | None = 0.25,
        from_logits: bool = True,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "focal_loss",
        dtype: Any = None,
    ) -> None:
        asked = keras.dtype_policies.get(dtype or keras.backend.floatx()).compute_dtype
        super().__init__(name=name, reduction=reduction, dtype=keras.backend.result_type(asked, "float32"))
        if not 0.0 <= gamma < np.inf:
            raise OptionError(f"gamma must be a finite number, 0 or more; got {gamma}. 0 is cross-entropy, 2 is usual.")
        if not 0.0 <= label_smoothing < 1.0:
            raise OptionError(f"label_smoothing must lie in [0, 1); got {label_smoothing}. 0 smooths nothing, 0.1 is usual.")
        self.gamma = float(gamma)
        self.alpha = _check_alpha(alpha)
        self.from_logits = bool(from_logits)
        self.label_smoothing = float(label_smoothing)

    @classmethod
    def balanced(cls, counts: Iterable[float], *, beta: float = 0.999, gamma: float = 2.0, **options: Any) -> "FocalLoss":
        """Weigh each class by how few photos it has, for multi-class models.

        A class of `n` photos weighs in proportion to `(1 - beta) / (1 - beta ** n)`, and the weights sum to the number of classes.
        `beta=0` weighs all classes alike; towards 1 the weights approach `1 / n`.

        Args:
            counts: Training photos of each class, in the order of the class ids: `data.class_counts().values()`.
            beta: In [0, 1). The default is the one the authors' own training script takes for iNaturalist 2018.
            gamma: As in `FocalLoss`.
            **options: Further arguments of `FocalLoss`, all but alpha.

        Raises:
            OptionError: A class without photos, which is named, or beta out of its range.

        Example:
            >>> [round(weight, 2) for weight in FocalLoss.balanced([1, 2], beta=0.5).alpha]
            [1.2, 0.8]

        Source: Cui et al., CVPR 2019, equation 4, arXiv:1901.05555.
        """
        if not 0.0 <= beta < 1.0:
            raise OptionError(f"beta must lie in [0, 1); got {beta}. 0.9, 0.99, 0.999 and 0.9999 are usual.")
        photos = np.asarray(list(counts), "float64")
        if photos.ndim != 1 or not photos.size:
            raise OptionError(f"counts must be one number per class; got shape {photos.shape}.")
        for class_id in np.flatnonzero(~((photos > 0) & np.isfinite(photos)))[:1]:
            raise OptionError(
                f"Every class needs photos; class {class_id} has the count {photos[class_id]:g}. Leave that class out, or add photos."
            )
        weights = 1.0 / (1.0 - beta**photos)
        return cls(gamma=gamma, alpha=(weights * len(weights) / weights.sum()).tolist(), **options)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of each photo.

        Args:
            y_true: Labels, shape `(batch, n_classes)`, `(batch, 1)` or `(batch,)`.
            y_pred: Logits or probabilities, shape `(batch, n_classes)` or `(batch, 1)`.

        Returns:
            Shape `(batch,)`, 0 or more.
        """
        labels, outputs = ops.convert_to_tensor(y_true, self.dtype), ops.convert_to_tensor(y_pred, self.dtype)
        are_class_ids = _are_class_ids(tuple(labels.shape), tuple(outputs.shape))
        n_classes = outputs.shape[-1]
        if are_class_ids and len(labels.shape) == len(outputs.shape):
            labels = ops.squeeze(labels, axis=-1)
        if n_classes == 1:
            return self._binary(labels, ops.squeeze(outputs, axis=-1))
        return self._multi_class(_one_hot(labels, n_classes) if are_class_ids else labels, outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        alpha = list(self.alpha) if isinstance(self.alpha, tuple) else self.alpha
        own = {"gamma": self.gamma, "alpha": alpha, "from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own, "dtype": self.dtype}

    def _binary(self, labels: Any, outputs: Any) -> Any:
        if isinstance(self.alpha, tuple):
            raise OptionError(
                f"With one logit, alpha is one number, the weight of label 1; got {len(self.alpha)} weights. Give one, or build two logits."
            )
        if self.from_logits:
            log_p, log_not_p = ops.log_sigmoid(outputs), ops.log_sigmoid(-outputs)
        else:
            log_p, log_not_p = _log(outputs), _log(1.0 - outputs)
        labels = ops.where(ops.logical_and(labels >= 0.0, labels <= 1.0), labels, np.nan)
        labels = labels * (1.0 - self.label_smoothing) + self.label_smoothing / 2.0
        one, zero = (1.0, 1.0) if self.alpha is None else (self.alpha, 1.0 - self.alpha)
        return one * labels * self._cost(log_p, log_not_p) + zero * (1.0 - labels) * self._cost(log_not_p, log_p)

    def _multi_class(self, labels: Any, outputs: Any) -> Any:
        n_classes = outputs.shape[-1]
        if isinstance(self.alpha, tuple) and len(self.alpha) != n_classes:
            raise OptionError(f"alpha has {len(self.alpha)} weights, the model {n_classes} classes. Give one per class, or one number.")
        labels = labels * (1.0 - self.label_smoothing) + self.label_smoothing / n_classes
        if self.alpha is not None:
            labels = labels * ops.convert_to_tensor(self.alpha, self.dtype)
        log_odds = _log_odds(outputs if self.from_logits else _log(outputs))
        return ops.sum(labels * self._cost(ops.log_sigmoid(log_odds), ops.log_sigmoid(-log_odds)), axis=-1)

    def _cost(self, log_p: Any, log_not_p: Any) -> Any:
        """Compute `-(1 - p) ** gamma * log(p)`; as a power of e it has a finite gradient for every gamma, `1 - p` = 0 included."""
        return -ops.exp(self.gamma * log_not_p) * log_p


def _check_alpha(alpha: float | Sequence[float] | None) -> float | tuple[float, ...] | None:
    if alpha is None:
        return None
    weights = np.asarray(alpha, "float64")
    if weights.ndim > 1 or not np.isfinite(weights).all() or (weights < 0.0).any() or (weights.ndim == 0 and weights > 1.0):
        raise OptionError(f"alpha must be None, a number in [0, 1], or one finite weight per class, 0 or more; got {alpha}.")
    return tuple(weights.tolist()) if weights.ndim else float(weights)


def _are_class_ids(labels: tuple[int | None, ...], logits: tuple[int | None, ...]) -> bool:
    """Tell by shape whether each photo has one number (True) or one per class (False). Sizes that are not known yet fit any."""
    *leading, n_classes = logits if len(logits) > 1 else (None, None)
    same_rank = len(labels) == len(logits)
    sizes = labels[:-1] if same_rank else labels
    is_known = n_classes is not None and len(sizes) == len(leading)
    if is_known and all(size == lead or None in (size, lead) for size, lead in zip(sizes, leading, strict=True)):
        if not same_rank or labels[-1] == 1:
            return True
        if labels[-1] == n_classes:
            return False
    raise DataError(
        "Logits must have the shape (batch, n_classes), or (batch, 1) for binary. Labels must have the same shape (one-hot, soft), or that "
        f"shape without its last axis, or with 1 there (class ids; binary: 0 or 1). Got labels {labels} and logits {logits}."
    )


def _one_hot(class_ids: Any, n_classes: int) -> Any:
    """Turn class ids held as floats into one-hot rows; what is no class id becomes a row of NaN instead of a row that costs nothing."""
    one_hot = ops.cast(ops.expand_dims(class_ids, -1) == ops.arange(n_classes, dtype=class_ids.dtype), class_ids.dtype)
    return ops.where(ops.any(one_hot > 0.0, axis=-1, keepdims=True), one_hot, np.nan)


def _log(probabilities: Any) -> Any:
    return ops.log(ops.maximum(probabilities, _LEAST_PROBABILITY))


def _log_odds(logits: Any) -> Any:
    """Compute `log(p / (1 - p))` of each class: its logit against the log-sum-exp of all others, in one pass.

    The sum without a class is the full sum minus its own term. That cancels only for the largest logit of a row, whose others are
    therefore summed apart. From the odds both `log(p)` and `log(1 - p)` follow without loss.
    """
    shifted = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    is_largest = ops.expand_dims(ops.argmax(shifted, axis=-1), -1) == ops.arange(logits.shape[-1])
    others_of_largest = ops.logsumexp(ops.where(is_largest, -np.inf, shifted), axis=-1, keepdims=True)
    powers = ops.exp(shifted)
    # 1 where the difference may be 0: log(0) would be masked below, but its gradient, 0 * inf, would not.
    others = ops.where(is_largest, 1.0, ops.sum(powers, axis=-1, keepdims=True) - powers)
    return shifted - ops.where(is_largest, others_of_largest, ops.log(others))
