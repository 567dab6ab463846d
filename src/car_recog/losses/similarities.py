"""What the losses on embeddings share: which photos of a batch belong together, and how alike they are."""

from typing import Any, ClassVar

import keras
from keras import ops


class SimilarityLoss(keras.losses.Loss):  # type: ignore[misc]
    """A loss on the cosines between all photos of a batch: labels are class ids, answers are embeddings of unit length."""

    arguments: ClassVar[tuple[str, ...]]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of each photo.

        Args:
            y_true: Class ids, shape `(batch,)` or `(batch, 1)`, of any number type: Keras hands a loss its labels as floats.
            y_pred: Unit-length embeddings, shape `(batch, dim)`.

        Returns:
            Shape `(batch,)`, 0 or more.
        """
        embeddings, labels = ops.convert_to_tensor(y_pred, "float32"), ops.reshape(y_true, (-1,))
        is_same = ops.expand_dims(labels, 1) == ops.expand_dims(labels, 0)
        places = ops.arange(ops.shape(labels)[0])
        is_self = ops.expand_dims(places, 1) == ops.expand_dims(places, 0)
        partners, others = ops.logical_and(is_same, ops.logical_not(is_self)), ops.logical_not(is_same)
        return self.costs(ops.matmul(embeddings, ops.transpose(embeddings)), partners, others)

    def costs(self, cosines: Any, partners: Any, others: Any) -> Any:
        """Compute the loss of each photo from three matrices `(batch, batch)`.

        Args:
            cosines: Of all photos with each other.
            partners: Whether two photos are different ones of one class.
            others: Whether they are of two classes.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}


def over_those(counts: Any, costs: Any) -> Any:
    """Scale costs so that their mean over the batch is the mean over the photos that count; the others must cost nothing.

    Args:
        counts: Which photos count, bool, shape `(batch,)`.
        costs: Shape `(batch,)`.
    """
    return costs / ops.maximum(ops.mean(ops.cast(counts, "float32")), 1e-9)
