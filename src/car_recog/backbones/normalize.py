"""What a backbone does to photos in [0, 255] before its first convolution, as ordinary layers of its graph."""

from typing import Any, Final, Literal

Normalization = Literal["none", "unit", "signed", "imagenet", "bgr"]

MEAN: Final = (0.485, 0.456, 0.406)
"""Mean red, green and blue of the ImageNet photos, in [0, 1]."""
DEVIATION: Final = (0.229, 0.224, 0.225)
"""Standard deviation of red, green and blue of the ImageNet photos, in [0, 1]."""
_MEAN_255: Final = (123.68, 116.779, 103.939)  # the mean that the Caffe networks were trained with; not exactly 255 * MEAN

WORDS: Final[dict[str, str]] = {
    "none": "inside the network",
    "unit": "to [0, 1]",
    "signed": "to [-1, 1]",
    "imagenet": "to [0, 1], minus ImageNet's mean, over its standard deviation",
    "bgr": "minus ImageNet's mean, channels in the order blue, green, red",
}
"""What each normalization does, in words for people."""


def normalize(photo: Any, normalization: Normalization) -> Any:
    """Add the normalization to a graph.

    Args:
        photo: Keras tensor of shape `(batch, height, width, 3)`, red, green, blue in [0, 255].
        normalization: `"none"` leaves the photo; `WORDS` says what the others do.

    Returns:
        Keras tensor of the same shape.
    """
    import keras

    match normalization:
        case "none":
            return photo
        case "unit":
            return keras.layers.Rescaling(1 / 255, name="to_unit")(photo)
        case "signed":
            return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="to_signed")(photo)
        case "imagenet":
            scale = [1 / (255 * deviation) for deviation in DEVIATION]
            offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
            return keras.layers.Rescaling(scale, offset=offset, name="to_imagenet")(photo)
        case "bgr":
            centred = keras.layers.Rescaling(1.0, offset=[-mean for mean in _MEAN_255], name="minus_mean")(photo)
            return keras.ops.take(centred, [2, 1, 0], axis=-1)
