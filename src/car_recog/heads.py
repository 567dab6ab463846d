"""What stands on a backbone: pooling, and small networks from the pooled features to logits, to an embedding, to a verdict on a pair."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from car_recog.errors import OptionError, suggestion

HeadSpec: TypeAlias = "str | Sequence[int]"
"""`"lean"`, `"paper"`, `"brands"`, `"ladder"`, or the widths of hidden layers."""

HEADS = ("lean", "paper", "brands", "ladder")
MAX_WIDTH = 16_384
MAX_LAYERS = 8
POOLINGS = ("average", "gem")
DISTANCES = ("l1", "cosine", "weighted_l1")
EMBEDDING_HEADS = ("metric", "relu")
_LEAST_FEATURE = 1e-6


def check_head(head: HeadSpec) -> None:
    """Raise unless the head is known.

    Raises:
        OptionError: An unknown name, or widths out of range.
    """
    if isinstance(head, str):
        if head not in HEADS:
            raise OptionError(f"Unknown head: '{head}'.{suggestion(head, HEADS)} Heads are {', '.join(HEADS)}, or a sequence of widths.")
    elif len(head) > MAX_LAYERS or not all(isinstance(width, int) and 0 < width <= MAX_WIDTH for width in head):
        raise OptionError(f"A head of widths takes {MAX_LAYERS} integers at most, from 1 to {MAX_WIDTH}; got {list(head)}.")


def pool(feature_map: keras.KerasTensor, pooling: str = "average") -> keras.KerasTensor:
    """Pool a feature map `(batch, h, w, channels)` over its places: features `(batch, channels)`."""
    if pooling == "gem":
        return GeneralizedMean(name="pool", dtype="float32")(feature_map)
    return keras.layers.GlobalAveragePooling2D(name="pool", dtype="float32")(feature_map)


@keras.saving.register_keras_serializable("car_recog")
class GeneralizedMean(keras.layers.Layer):  # type: ignore[misc]
    """Pools a feature map by the generalised mean (GeM): between the average, power 1, and the maximum. The power is learned.

    Features below `_LEAST_FEATURE` count as that, for a power needs positive numbers.

    Source: Radenovic et al., TPAMI 2019, equation 3, arXiv:1711.02512.
    """

    def build(self, input_shape: Any) -> None:
        """Make the power, 3 at first."""
        start = keras.initializers.Constant(3.0)
        self.power = self.add_weight(name="power", shape=(), initializer=start, constraint=_at_least_one)

    def call(self, inputs: Any) -> Any:
        """Pool `(batch, h, w, channels)` to `(batch, channels)`."""
        powers = ops.power(ops.maximum(inputs, _LEAST_FEATURE), self.power)
        return ops.power(ops.mean(powers, axis=(1, 2)), 1.0 / self.power)


def _at_least_one(power: Any) -> Any:
    return ops.maximum(power, 1.0)


def classification_head(head: HeadSpec, *, n_features: int, n_classes: int) -> keras.Model:
    """Build the network from pooled features to logits.

    `"lean"` is dropout 0.2 and one dense layer. `"paper"` is dropout 0.5, dense 512 with ReLU and L2, batch normalisation and a
    dense layer; the paper gives no strength of L2, 1e-4 is our choice. `"brands"` is twice dense, batch normalisation, ReLU and
    dropout 0.3 with widths 2048 and 1024, and a dense layer; a sequence of widths is built alike, and an empty one is a dense layer
    alone. `"ladder"` is dense 512 with ReLU and a dense layer.

    Returns:
        A model named `head` from `(batch, n_features)` to float32 logits `(batch, n_classes)`.
    """
    check_head(head)
    features = keras.Input((n_features,), name="features")
    x = features
    if head == "lean":
        x = keras.layers.Dropout(0.2)(x)
    elif head == "paper":
        x = keras.layers.Dropout(0.5)(x)
        x = keras.layers.Dense(512, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4))(x)
        x = keras.layers.BatchNormalization()(x)
    elif head == "ladder":
        x = keras.layers.Dense(512, activation="relu")(x)
    else:
        for width in (2048, 1024) if head == "brands" else head:
            x = keras.layers.BatchNormalization()(keras.layers.Dense(int(width))(x))
            x = keras.layers.Dropout(0.3)(keras.layers.ReLU()(x))
    logits = keras.layers.Dense(n_classes, name="logits", dtype="float32")(x)
    return keras.Model(features, logits, name="head")


def embedding_head(head: str, *, n_features: int, embedding_dim: int) -> keras.Model:
    """Build the network from pooled features to an embedding of unit length.

    `"relu"` is a dense layer with ReLU, the paper's. `"metric"` standardises the features by batch normalisation without scale and
    offset before a dense layer without bias.

    Returns:
        A model named `head` from `(batch, n_features)` to float32 `(batch, embedding_dim)`.
    """
    features = keras.Input((n_features,), name="features")
    if head == "relu":
        x = keras.layers.Dense(embedding_dim, activation="relu", name="embedding", dtype="float32")(features)
    else:
        x = keras.layers.BatchNormalization(center=False, scale=False, name="standardize", dtype="float32")(features)
        x = keras.layers.Dense(embedding_dim, use_bias=False, name="embedding", dtype="float32")(x)
    return keras.Model(features, keras.layers.UnitNormalization(name="unit_length", dtype="float32")(x), name="head")


def identity_head(n_identities: int, *, embedding_dim: int) -> keras.Model:
    """Build the network from an embedding to its cosines with the directions of the training's identities, for ArcFace.

    Returns:
        A model named `identity_head` from `(batch, embedding_dim)` to float32 `(batch, n_identities)`.
    """
    embedding = keras.Input((embedding_dim,), name="embedding")
    return keras.Model(embedding, Directions(n_identities, name="directions", dtype="float32")(embedding), name="identity_head")


@keras.saving.register_keras_serializable("car_recog")
class Directions(keras.layers.Layer):  # type: ignore[misc]
    """Learned directions of so many classes: from unit-length embeddings `(batch, dim)` to cosines `(batch, n_classes)`."""

    def __init__(self, n_classes: int, **layer_options: Any) -> None:
        super().__init__(**layer_options)
        self.n_classes = n_classes

    def build(self, input_shape: Any) -> None:
        """Make the directions, which are used at unit length."""
        self.directions = self.add_weight(name="directions", shape=(input_shape[-1], self.n_classes), initializer="random_normal")

    def call(self, inputs: Any) -> Any:
        """Give the cosines."""
        return ops.matmul(inputs, ops.normalize(self.directions, axis=0))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {**super().get_config(), "n_classes": self.n_classes}


def pair_head(distance: str, *, embedding_dim: int) -> keras.Model:
    """Build the network from two embeddings to a logit: the larger, the more alike.

    `"l1"` sums the absolute differences, `"cosine"` takes the cosine; a slope, never below 0, and an offset make a logit of it. So
    nothing scores higher than two equal embeddings. `"weighted_l1"` is the paper's: a dense unit on the absolute differences, whose
    weights may have either sign.

    Returns:
        A model named `pair_head` from `first` and `second`, both `(batch, embedding_dim)`, to float32 `(batch, 1)`. It gives the same
        for both orders.
    """
    inputs = {name: keras.Input((embedding_dim,), name=name) for name in ("first", "second")}
    first, second = inputs["first"], inputs["second"]
    if distance == "cosine":
        logit = Rise(name="logit", dtype="float32")(ops.sum(first * second, axis=-1, keepdims=True))
    else:
        apart = ops.abs(first - second)
        if distance == "weighted_l1":
            logit = keras.layers.Dense(1, name="logit", dtype="float32")(apart)
        else:
            logit = Rise(name="logit", dtype="float32")(-ops.sum(apart, axis=-1, keepdims=True))
    return keras.Model(inputs, logit, name="pair_head")


@keras.saving.register_keras_serializable("car_recog")
class Rise(keras.layers.Layer):  # type: ignore[misc]
    """A learned straight line that never falls: from similarities `(batch, 1)` to logits `(batch, 1)`."""

    def build(self, input_shape: Any) -> None:
        """Make slope and offset."""
        self.slope = self.add_weight(name="slope", shape=(), initializer="ones", constraint="non_neg")
        self.offset = self.add_weight(name="offset", shape=(), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Give `slope * similarity + offset`."""
        return self.slope * inputs + self.offset
