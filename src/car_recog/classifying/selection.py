"""Keeps the photos that show what is wanted, as a trained classifier sees it."""

from typing import TYPE_CHECKING

import numpy as np

from car_recog.data.samples import ImageDataset
from car_recog.errors import OptionError, UnknownNameError, suggestion

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier


def filter_photos(
    classifier: "CarClassifier", data: ImageDataset, *, class_name: str, threshold: float = 0.5
) -> tuple[ImageDataset, ImageDataset]:
    """Part photos into those that show what is wanted, such as whole cars, and the others: interiors, documents, logos.

    A photo is kept where `class_name` is the most probable class and its probability at or above the threshold. The classes of the
    photos stay what they are; they need not be those of the classifier.

    Args:
        classifier: A trained classifier, such as one of the classes `car` and `other`.
        data: The photos.
        class_name: The class of the photos to keep.
        threshold: In [0, 1].

    Returns:
        The photos kept and those dropped, both in their order and with all class names.

    Raises:
        ImageDecodeError: A photo cannot be decoded.
        NotFittedError: The classifier was not trained.
        OptionError: A threshold outside [0, 1].
        UnknownNameError: The classifier does not know the class.

    Example:
        >>> cars, others = filter_photos(CarClassifier.load("car_or_not"), listings, class_name="car")    # doctest: +SKIP
    """
    if not 0 <= threshold <= 1:
        raise OptionError(f"threshold must lie in [0, 1]; got {threshold!r}.")
    probabilities = classifier.predict_proba(data)
    names = list(classifier.class_names)
    if class_name not in names:
        raise UnknownNameError(f"Unknown class: '{class_name}'.{suggestion(class_name, names)} Known are: {names}.")
    wanted = names.index(class_name)
    is_kept = (probabilities.argmax(axis=1) == wanted) & (probabilities[:, wanted] >= threshold)
    return data.subset(np.flatnonzero(is_kept).tolist()), data.subset(np.flatnonzero(~is_kept).tolist())
