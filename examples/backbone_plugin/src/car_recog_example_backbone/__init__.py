"""StreetNet: a small backbone of depthwise-separable residual blocks, offered to car-recog as a plug-in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from car_recog import BackboneSpec

if TYPE_CHECKING:
    import keras


def build_street_net(
    *, weights: str | None, image_size: tuple[int, int], widths: Sequence[int] = (32, 64, 128, 192), dropout: float = 0.0
) -> "keras.Model":
    """Build the network from photos in [0, 255] to a feature map, a sixteenth of their size with four blocks.

    Args:
        weights: None for random weights, or the path of a file of `model.save_weights`.
        image_size: Not needed: the network serves photos of every size.
        widths: Channels of each block; each block halves the map.
        dropout: Share of the channels dropped behind each block in training, in [0, 1).
    """
    # Keras is imported here, not above: listing backbones must stay quick.
    import keras

    del image_size
    photo = keras.Input((None, None, 3), name="photo")
    features = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="to_signed")(photo)
    for number, width in enumerate(widths, start=1):
        features = _block(features, width, f"block{number}")
        if dropout:
            features = keras.layers.SpatialDropout2D(dropout, name=f"block{number}_dropout")(features)
    model = keras.Model(photo, features, name="street_net")
    if weights is not None:
        model.load_weights(weights)
    return model


def _block(features: Any, width: int, name: str) -> Any:
    """Halve the map by a strided convolution, then refine it by a depthwise-separable one with a short cut."""
    import keras

    def normalize(values: Any, layer: str) -> Any:
        return keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_{layer}")(values)

    down = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False, name=f"{name}_down")(features)
    down = keras.layers.ReLU(name=f"{name}_down_relu")(normalize(down, "down_bn"))
    refined = keras.layers.DepthwiseConv2D(5, padding="same", use_bias=False, name=f"{name}_depthwise")(down)
    refined = keras.layers.Conv2D(width, 1, use_bias=False, name=f"{name}_pointwise")(normalize(refined, "depthwise_bn"))
    refined = keras.layers.ReLU(name=f"{name}_pointwise_relu")(normalize(refined, "pointwise_bn"))
    return keras.layers.Add(name=f"{name}_out")([down, refined])


STREET_NET = BackboneSpec(
    name="street_net",
    build=build_street_net,
    image_size=(160, 160),
    min_image_size=(32, 32),
    normalization="to [-1, 1]",
    licence="MIT",
    source="an example of car-recog",
)
