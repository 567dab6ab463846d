"""Small convolutional networks to be trained from random weights: the first rung of a comparison, tests, the demo."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from car_recog.backbones.normalize import WORDS, normalize
from car_recog.backbones.registry import BackboneSpec
from car_recog.backbones.weights import load_weights
from car_recog.errors import OptionError

if TYPE_CHECKING:
    import keras


def _build_plain(
    *,
    weights: str | None,
    image_size: tuple[int, int],
    normalization: Literal["backbone", "unit"] = "backbone",
    widths: Sequence[int] = (32, 64, 128),
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> "keras.Model":
    """Build blocks of 3x3 convolution, ReLU and max-pooling.

    Args:
        weights: None, or the path of a file.
        image_size: Not needed: it serves every size.
        normalization: `"backbone"` for [-1, 1], `"unit"` for [0, 1].
        widths: Channels of each block.
        batch_norm: Whether batch normalization stands before each ReLU.
        dropout: Share of the values dropped behind each block in training, in [0, 1).
    """
    import keras

    del image_size
    options = {"widths": widths, "batch_norm": batch_norm, "dropout": dropout}
    _check(widths, dropout)
    photo = keras.Input((None, None, 3), name="photo")
    features = normalize(photo, "unit" if normalization == "unit" else "signed")
    for number, width in enumerate(widths, start=1):
        block = f"block{number}"
        features = keras.layers.Conv2D(width, 3, padding="same", use_bias=not batch_norm, name=f"{block}_conv")(features)
        if batch_norm:
            features = keras.layers.BatchNormalization(name=f"{block}_bn")(features)
        features = keras.layers.ReLU(name=f"{block}_relu")(features)
        features = keras.layers.MaxPooling2D(2, padding="same", name=f"{block}_pool")(features)
        if dropout:
            features = keras.layers.Dropout(dropout, name=f"{block}_dropout")(features)
    return _finish(photo, features, "plain_cnn", weights, options)


def _build_tiny(
    *,
    weights: str | None,
    image_size: tuple[int, int],
    normalization: Literal["backbone", "unit"] = "backbone",
    widths: Sequence[int] = (16, 32, 64, 96),
) -> "keras.Model":
    """Build blocks of 3x3 convolution with stride 2, batch normalization and ReLU.

    Args:
        weights: None, or the path of a file.
        image_size: Not needed: it serves every size.
        normalization: `"backbone"` for [-1, 1], `"unit"` for [0, 1].
        widths: Channels of each block.
    """
    import keras

    del image_size
    _check(widths, dropout=0.0)
    photo = keras.Input((None, None, 3), name="photo")
    features = normalize(photo, "unit" if normalization == "unit" else "signed")
    for number, width in enumerate(widths, start=1):
        block = f"block{number}"
        features = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False, name=f"{block}_conv")(features)
        # The usual momentum of 0.99 needs hundreds of steps to forget its start; here a run may have thirty.
        features = keras.layers.BatchNormalization(momentum=0.8, name=f"{block}_bn")(features)
        features = keras.layers.ReLU(name=f"{block}_relu")(features)
    return _finish(photo, features, "tiny_cnn", weights, {"widths": widths})


def _check(widths: Sequence[int], dropout: float) -> None:
    if isinstance(widths, str) or not widths or any(not isinstance(width, int) or width < 1 for width in widths):
        raise OptionError(f"widths must be a sequence of whole numbers from 1 on, one for each block; it is {widths!r}.")
    if not 0 <= dropout < 1:
        raise OptionError(f"dropout must be a share in [0, 1); it is {dropout!r}.")


def _finish(photo: Any, features: Any, name: str, weights: str | None, options: dict[str, Any]) -> "keras.Model":
    import keras

    model = keras.Model(photo, features, name=name)
    if weights is not None:
        load_weights(model, weights, backbone_options=options)
    return model


SPECS: Final[tuple[BackboneSpec, ...]] = (
    BackboneSpec(
        name="plain_cnn",
        build=_build_plain,
        image_size=(128, 128),
        min_image_size=(8, 8),
        normalization=WORDS["signed"],
        normalizations=("backbone", "unit"),
        licence="MIT",
        source="car-recog",
    ),
    BackboneSpec(
        name="tiny_cnn",
        build=_build_tiny,
        image_size=(96, 96),
        min_image_size=(16, 16),
        normalization=WORDS["signed"],
        normalizations=("backbone", "unit"),
        licence="MIT",
        source="car-recog",
    ),
)
"""The networks that are built here; none comes with pretrained weights."""
