"""What the losses on embeddings share: which photos of a batch belong together."""

from typing import Any

from keras import ops


def masks(class_ids: Any) -> tuple[Any, Any]:
    """Tell the other photos of the same class from those of other classes.

    Args:
        class_ids: Shape `(batch,)` or `(batch, 1)`, of any number type: Keras hands a loss its labels as floats.

    Returns:
        Two boolean matrices `(batch, batch)`, a photo's own place False in both.
    """
    labels = ops.reshape(class_ids, (-1,))
    is_same = ops.expand_dims(labels, 1) == ops.expand_dims(labels, 0)
    places = ops.arange(ops.shape(labels)[0])
    is_self = ops.expand_dims(places, 1) == ops.expand_dims(places, 0)
    return ops.logical_and(is_same, ops.logical_not(is_self)), ops.logical_not(is_same)


def over_those(counts: Any, costs: Any) -> Any:
    """Scale costs so that their mean over the batch is the mean over the photos that count; the others must cost nothing.

    Args:
        counts: Which photos count, bool, shape `(batch,)`.
        costs: Shape `(batch,)`.
    """
    return costs / ops.maximum(ops.mean(ops.cast(counts, "float32")), 1e-9)
