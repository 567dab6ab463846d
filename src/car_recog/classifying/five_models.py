"""Five models from photos: a plain network, what is added to it step by step, and one that was trained before."""

from typing import Any

from car_recog.classifier import CarClassifier
from car_recog.comparison import Candidate
from car_recog.training.presets import get_recipe

_DROPOUT = 0.25


def ladder(
    weights: str | None = "imagenet",
    image_size: tuple[int, int] = (224, 224),
    *,
    backbone_options: dict[str, Any] | None = None,
    epochs: int | None = None,
    **changes: Any,
) -> list[Candidate]:
    """Give the five rungs, to be handed to `compare`: each is trained by its recipe of the family `"ladder"`.

    A plain network from random weights; the same with augmentation; with augmentation and batch normalisation; with augmentation and
    dropout; and MobileNet whose first 70 layers stay as they came, with a hidden layer of 512 and early stopping. The last needs
    validation photos.

    Args:
        weights: What MobileNet starts from: `"imagenet"`, or the path of a `.h5` or `.weights.h5` file.
        image_size: `(height, width)` in pixels that photos are fitted to.
        backbone_options: Of MobileNet, such as `{"alpha": 0.25}`.
        epochs: Replaces the length of every training.
        **changes: Fields of `Phase` for every training, such as `l2=1e-4` or `schedule="plateau"`.

    Example:
        >>> [rung.name for rung in ladder()]
        ['plain CNN', 'augmentation', 'augmentation + BatchNorm', 'augmentation + Dropout', 'MobileNet']
    """

    def rung(name: str, classifier: CarClassifier, recipe: str) -> Candidate:
        return Candidate(name, classifier, get_recipe(recipe, epochs=epochs).with_phases(**changes))

    def plain(**options: Any) -> CarClassifier:
        return CarClassifier("plain_cnn", weights=None, head=(), image_size=image_size, backbone_options=options)

    mobilenet = CarClassifier("mobilenet", weights=weights, head="ladder", image_size=image_size, backbone_options=backbone_options)
    return [
        rung("plain CNN", plain(), "ladder"),
        rung("augmentation", plain(), "ladder_augmented"),
        rung("augmentation + BatchNorm", plain(batch_norm=True), "ladder_augmented"),
        rung("augmentation + Dropout", plain(dropout=_DROPOUT), "ladder_augmented"),
        rung("MobileNet", mobilenet, "ladder_transfer"),
    ]
