"""Small convolutional networks to be trained from random weights: the first rung of a comparison, tests, the demo."""

from collections.abc import Callable, Sequence
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
    """Build blocks of 3x3 convolution, ReLU and max-pooling, for photos of every size.

    Args:
        weights: None, or the path of a file.
        image_size: Not needed.
        normalization: `"backbone"` for [-1, 1], `"unit"` for [0, 1].
        widths: Channels of each block.
        batch_norm: Whether batch normalization stands before each ReLU.
        dropout: Share of the values dropped behind each block in training, in [0, 1).
    """
    from keras import layers

    if not 0 <= dropout < 1:
        raise OptionError(f"dropout must be a share in [0, 1); it is {dropout!r}.")

    def block(features: Any, width: int, name: str) -> Any:
        features = layers.Conv2D(width, 3, padding="same", use_bias=not batch_norm, name=f"{name}_conv")(features)
        if batch_norm:
            features = layers.BatchNormalization(name=f"{name}_bn")(features)
        features = layers.ReLU(name=f"{name}_relu")(features)
        features = layers.MaxPooling2D(2, padding="same", name=f"{name}_pool")(features)
        return layers.Dropout(dropout, name=f"{name}_dropout")(features) if dropout else features

    options = {"widths": widths, "batch_norm": batch_norm, "dropout": dropout}
    return _chain("plain_cnn", block, weights=weights, normalization=normalization, options=options)


def _build_tiny(
    *,
    weights: str | None,
    image_size: tuple[int, int],
    normalization: Literal["backbone", "unit"] = "backbone",
    widths: Sequence[int] = (16, 32, 64, 96),
) -> "keras.Model":
    """Build blocks of 3x3 convolution with stride 2, batch normalization and ReLU; all else is as in `_build_plain`."""
    from keras import layers

    def block(features: Any, width: int, name: str) -> Any:
        features = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False, name=f"{name}_conv")(features)
        # The usual momentum of 0.99 needs hundreds of steps to forget its start; here a run may have thirty.
        features = layers.BatchNormalization(momentum=0.8, name=f"{name}_bn")(features)
        return layers.ReLU(name=f"{name}_relu")(features)

    return _chain("tiny_cnn", block, weights=weights, normalization=normalization, options={"widths": widths})


def _chain(
    name: str, block: Callable[[Any, int, str], Any], *, weights: str | None, normalization: str, options: dict[str, Any]
) -> "keras.Model":
    """Build one block for each of the widths, one behind the other."""
    import keras

    widths = options["widths"]
    if isinstance(widths, str) or not widths or any(not isinstance(width, int) or width < 1 for width in widths):
        raise OptionError(f"widths must be a sequence of whole numbers from 1 on, one for each block; it is {widths!r}.")
    photo = keras.Input((None, None, 3), name="photo")
    features = normalize(photo, "unit" if normalization == "unit" else "signed")
    for number, width in enumerate(widths, start=1):
        features = block(features, width, f"block{number}")
    model = keras.Model(photo, features, name=name)
    if weights is not None:
        load_weights(model, weights, backbone_options=options)
    return model


def _spec(name: str, build: "Callable[..., keras.Model]", *, side: int, least: int) -> BackboneSpec:
    return BackboneSpec(
        name=name,
        build=build,
        image_size=(side, side),
        min_image_size=(least, least),
        normalization=WORDS["signed"],
        normalizations=("backbone", "unit"),
        licence="MIT",
        source="car-recog",
    )


SPECS: Final = (_spec("plain_cnn", _build_plain, side=128, least=8), _spec("tiny_cnn", _build_tiny, side=96, least=16))
"""The networks that are built here; none comes with pretrained weights."""
