"""What is shown of each epoch of a verifier, beside the loss."""

from typing import Any

import keras
from keras import ops


def pair_accuracy() -> keras.metrics.Metric:
    """Make the share of pairs whose logit has the right sign; labels are 1 and 0."""

    def is_right(y_true: Any, y_pred: Any) -> Any:
        return ops.cast(ops.reshape(y_true, (-1,)), "bool") == (ops.reshape(y_pred, (-1,)) > 0.0)

    return keras.metrics.MeanMetricWrapper(is_right, name="accuracy")


def identity_accuracy() -> keras.metrics.Metric:
    """Make the share of photos whose own identity has the highest cosine."""
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


def recall_at_1() -> keras.metrics.Metric:
    """Make the share of photos of a batch whose most similar other photo, by cosine, shows the same identity.

    Source: Jegou et al., TPAMI 2011, recall@R.
    """

    def finds_its_like(y_true: Any, y_pred: Any) -> Any:
        labels, n = ops.reshape(y_true, (-1,)), ops.shape(y_pred)[0]
        cosines = ops.matmul(y_pred, ops.transpose(y_pred)) - 3.0 * ops.eye(n, dtype=y_pred.dtype)
        return ops.take(labels, ops.argmax(cosines, axis=1), axis=0) == labels

    return keras.metrics.MeanMetricWrapper(finds_its_like, name="recall_at_1")
