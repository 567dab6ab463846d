"""Losses by name, and what kind of labels a loss takes."""

import keras

from car_recog.errors import OptionError, UnknownNameError, suggestion
from car_recog.losses.focal import FocalLoss

CLASSIFIER_LOSSES = ("cross_entropy", "focal")


def classifier_loss(loss: str | keras.losses.Loss) -> keras.losses.Loss:
    """Give the loss of a classifier on logits.

    Args:
        loss: `"cross_entropy"`, `"focal"` (gamma 2, alpha 0.25), or a Keras loss object, which must be made with `from_logits=True`.

    Raises:
        UnknownNameError: No loss of that name.
        OptionError: Neither a name nor a loss, or a loss on probabilities.

    Example:
        >>> classifier_loss("focal").gamma
        2.0
    """
    if isinstance(loss, str):
        if loss not in CLASSIFIER_LOSSES:
            known = f"{', '.join(CLASSIFIER_LOSSES)}, or a Keras loss object"
            raise UnknownNameError(f"Unknown loss: '{loss}'.{suggestion(loss, CLASSIFIER_LOSSES)} Losses are {known}.")
        return FocalLoss() if loss == "focal" else keras.losses.CategoricalCrossentropy(from_logits=True)
    if not isinstance(loss, keras.losses.Loss):
        raise OptionError(f"loss must be a name or a Keras loss object; got {type(loss).__name__}.")
    if loss.get_config().get("from_logits") is False:
        raise OptionError(f"{type(loss).__name__} must be made with from_logits=True: the network gives logits.")
    return loss


def takes_one_hot(loss: keras.losses.Loss) -> bool:
    """Tell whether a loss takes one-hot rows rather than class ids. What is not known takes class ids."""
    known = (FocalLoss, keras.losses.CategoricalCrossentropy, keras.losses.CategoricalFocalCrossentropy)
    return isinstance(loss, known)
