"""Losses by name, and what kind of labels a loss takes."""

from collections.abc import Callable, Mapping

import keras

from car_recog.errors import OptionError, UnknownNameError, suggestion
from car_recog.losses.arcface import ArcFaceLoss
from car_recog.losses.focal import FocalLoss
from car_recog.losses.multi_similarity import MultiSimilarityLoss
from car_recog.losses.supervised_contrastive import SupervisedContrastiveLoss
from car_recog.losses.triplet import TripletLoss

_Makers = Mapping[str, Callable[[], keras.losses.Loss]]

CLASSIFIER_LOSSES = ("cross_entropy", "focal")
PAIR_LOSSES = ("binary_crossentropy", "focal")
OBJECTIVES: _Makers = {
    "supervised_contrastive": SupervisedContrastiveLoss,
    "multi_similarity": MultiSimilarityLoss,
    "triplet": TripletLoss,
    "arcface": ArcFaceLoss,
}
"""The losses of metric learning; the first is the default."""


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
    return _on_logits(loss, {"cross_entropy": lambda: keras.losses.CategoricalCrossentropy(from_logits=True), "focal": FocalLoss})


def pair_loss(loss: str | keras.losses.Loss) -> keras.losses.Loss:
    """Give the loss of a pair head on one logit: `"binary_crossentropy"`; all else is as in `classifier_loss`."""
    return _on_logits(loss, {"binary_crossentropy": lambda: keras.losses.BinaryCrossentropy(from_logits=True), "focal": FocalLoss})


def metric_loss(objective: str | keras.losses.Loss) -> keras.losses.Loss:
    """Give the loss of metric learning: on identities, and on embeddings of unit length, or for `"arcface"` on cosines to directions.

    Args:
        objective: A name of `OBJECTIVES`, or a Keras loss object.

    Raises:
        UnknownNameError: No objective of that name.
        OptionError: Neither a name nor a loss.
    """
    return _named(objective, OBJECTIVES, "objective")


def _named(loss: str | keras.losses.Loss, named: _Makers, word: str) -> keras.losses.Loss:
    if isinstance(loss, str):
        if loss not in named:
            known = f"{', '.join(named)}, or a Keras loss object"
            raise UnknownNameError(f"Unknown {word}: '{loss}'.{suggestion(loss, named)} Known are {known}.")
        return named[loss]()
    if not isinstance(loss, keras.losses.Loss):
        raise OptionError(f"{word} must be a name or a Keras loss object; got {type(loss).__name__}.")
    return loss


def _on_logits(loss: str | keras.losses.Loss, named: _Makers) -> keras.losses.Loss:
    found = _named(loss, named, "loss")
    if found.get_config().get("from_logits") is False:
        raise OptionError(f"{type(found).__name__} must be made with from_logits=True: the network gives logits.")
    return found


def loss_name(loss: str | keras.losses.Loss) -> str:
    """Name a loss that was given by name or as an object."""
    return loss if isinstance(loss, str) else type(loss).__name__


def takes_one_hot(loss: keras.losses.Loss) -> bool:
    """Tell whether a loss takes one-hot rows rather than class ids. What is not known takes class ids."""
    known = (FocalLoss, keras.losses.CategoricalCrossentropy, keras.losses.CategoricalFocalCrossentropy)
    return isinstance(loss, known)
