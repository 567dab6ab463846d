"""What stands on a backbone: pooling, and a small network from the pooled features to logits."""

from collections.abc import Sequence
from typing import TypeAlias

import keras

from car_recog.errors import OptionError, suggestion

HeadSpec: TypeAlias = "str | Sequence[int]"
"""`"lean"`, `"paper"`, `"brands"`, or the widths of hidden layers."""

HEADS = ("lean", "paper", "brands")
LEAN_DROPOUT = 0.2
PAPER_L2 = 1e-4
MAX_WIDTH = 16_384
MAX_LAYERS = 8


def check_head(head: HeadSpec) -> None:
    """Raise unless the head is known.

    Raises:
        OptionError: An unknown name, or widths out of range.
    """
    if isinstance(head, str):
        if head not in HEADS:
            raise OptionError(f"Unknown head: '{head}'.{suggestion(head, HEADS)} Heads are {', '.join(HEADS)}, or a sequence of widths.")
    elif not 0 < len(head) <= MAX_LAYERS or not all(isinstance(width, int) and 0 < width <= MAX_WIDTH for width in head):
        raise OptionError(f"A head of widths takes 1 to {MAX_LAYERS} integers from 1 to {MAX_WIDTH}; got {list(head)}.")


def pool(feature_map: keras.KerasTensor) -> keras.KerasTensor:
    """Average a feature map `(batch, h, w, channels)` over its places: features `(batch, channels)`."""
    return keras.layers.GlobalAveragePooling2D(name="pool", dtype="float32")(feature_map)


def classification_head(head: HeadSpec, *, n_features: int, n_classes: int) -> keras.Model:
    """Build the network from pooled features to logits.

    `"lean"` is dropout 0.2 and one dense layer. `"paper"` is dropout 0.5, dense 512 with ReLU and L2, batch normalisation and a
    dense layer; the paper gives no strength of L2, 1e-4 is our choice. `"brands"` is twice dense, batch normalisation, ReLU and
    dropout 0.3 with widths 2048 and 1024, and a dense layer; a sequence of widths is built alike.

    Args:
        head: Which one.
        n_features: Length of the pooled features.
        n_classes: Number of logits.

    Returns:
        A model named `head` from `(batch, n_features)` to float32 logits `(batch, n_classes)`.
    """
    check_head(head)
    features = keras.Input((n_features,), name="features")
    x = features
    if head == "lean":
        x = keras.layers.Dropout(LEAN_DROPOUT)(x)
    elif head == "paper":
        x = keras.layers.Dropout(0.5)(x)
        x = keras.layers.Dense(512, activation="relu", kernel_regularizer=keras.regularizers.L2(PAPER_L2))(x)
        x = keras.layers.BatchNormalization()(x)
    else:
        for width in (2048, 1024) if head == "brands" else head:
            x = keras.layers.BatchNormalization()(keras.layers.Dense(int(width))(x))
            x = keras.layers.Dropout(0.3)(keras.layers.ReLU()(x))
    logits = keras.layers.Dense(n_classes, name="logits", dtype="float32")(x)
    return keras.Model(features, logits, name="head")

