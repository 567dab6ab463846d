"""The network of a verifier, rebuilt from plain values: photos to embeddings, and two embeddings to a verdict."""

from typing import Any

import attrs
import keras
import numpy as np
from keras import ops

from car_recog.errors import OptionError, suggestion
from car_recog.heads import DISTANCES, EMBEDDING_HEADS, POOLINGS, embedding_head, pair_head, pool
from car_recog.network import BackboneConfig

MAX_DIM = 16_384
NOT_ASKED = ("decoder_version", "head", "flip_average", "local_scaling")
"""What of a configuration follows from the training: nothing that a saved verifier asks for when it is trained anew."""
_PAIRS = 4096


@attrs.frozen(kw_only=True)
class EmbedderConfig(BackboneConfig):
    """Everything that fixes the network of a verifier but its weights.

    Args:
        embedding_dim: Length of the embedding.
        distance: How two embeddings are compared: see `heads.pair_head`.
        pooling: `"average"` or `"gem"`: see `heads.pool`.
        flip_average: Whether an embedding is that of the photo and of its mirror image, averaged.
        local_scaling: Whether the score is the cosine scaled by the cars of the training nearest to both photos: see `Cohort`.
        head: `"relu"`, for pairs, or `"metric"`, for identities, which are compared by cosine without a pair head.
    """

    embedding_dim: int = 128
    distance: str = "l1"
    pooling: str = "average"
    flip_average: bool = False
    local_scaling: bool = False
    head: str = "relu"

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not isinstance(self.embedding_dim, int) or not 1 <= self.embedding_dim <= MAX_DIM:
            raise OptionError(f"embedding_dim must be an integer from 1 to {MAX_DIM}; got {self.embedding_dim!r}.")
        for name in ("flip_average", "local_scaling"):
            if not isinstance(getattr(self, name), bool):
                raise OptionError(f"{name} must be True or False; got {getattr(self, name)!r}.")
        if self.local_scaling and not self.is_metric:
            raise OptionError("local_scaling is for verifiers that are trained on photos of cars; a pair head learns its own scale.")
        for name, known in (("distance", DISTANCES), ("pooling", POOLINGS), ("head", EMBEDDING_HEADS)):
            value = getattr(self, name)
            if value not in known:
                raise OptionError(f"{name} must be one of {', '.join(known)}; got {value!r}.{suggestion(str(value), known)}")

    @property
    def is_metric(self) -> bool:
        """Whether photos are compared by cosine, without a pair head."""
        return self.head == "metric"

    def embedding_facts(self) -> dict[str, Any]:
        """Give all but what changes scores and no embedding."""
        return {name: value for name, value in self.to_dict().items() if name != "local_scaling"}

    def for_training(self, *, is_metric: bool, flip_average: bool | None, local_scaling: bool | None) -> "EmbedderConfig":
        """Give what is built for pairs, or for metric learning, which averages over mirror images and scales unless told otherwise."""
        if not is_metric:
            return attrs.evolve(self, flip_average=bool(flip_average), local_scaling=bool(local_scaling))
        return attrs.evolve(
            self, head="metric", distance="cosine", flip_average=flip_average is not False, local_scaling=local_scaling is not False
        )


def check_asked(**asked: bool | None) -> dict[str, bool | None]:
    """Give these flags back, each of them True, False or None, which leaves the choice to the training.

    Raises:
        OptionError: One of them is something else.
    """
    for name, value in asked.items():
        if value is not None and not isinstance(value, bool):
            raise OptionError(f"{name} must be True, False or None; got {value!r}.")
    return asked


@attrs.frozen
class Embedder:
    """A built network and its pieces, which share weights.

    Args:
        model: From photos in [0, 255], `(batch, height, width, 3)`, to embeddings of unit length `(batch, embedding_dim)`.
        plain: The same without averaging over mirror images: what training works on.
        features: From photos to pooled features `(batch, n_features)`.
        head: From pooled features to embeddings.
        comparison: From two embeddings, `first` and `second`, to a logit `(batch, 1)`; None where photos are compared by cosine.
        stages: The layers of the backbone, in stages.
    """

    model: keras.Model
    plain: keras.Model
    features: keras.Model
    head: keras.Model
    comparison: keras.Model | None
    stages: list[list[keras.layers.Layer]]

    @property
    def whole(self) -> keras.Model:
        """One model of all weights, for a bundle: from two photos to a logit, or from a photo to its embedding."""
        return self.plain if self.comparison is None else self.join(self.plain)

    def join(self, tower: keras.Model) -> keras.Model:
        """Put the pair head on two copies of a tower, which ends in embeddings: from `first` and `second` to a logit `(batch, 1)`."""
        inputs = {name: keras.Input(tower.input.shape[1:], name=name) for name in ("first", "second")}
        if self.comparison is None:
            raise OptionError("A verifier that was trained on identities has no pair head.")
        return keras.Model(inputs, self.comparison({name: tower(x) for name, x in inputs.items()}), name="pairs")

    def score(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Score pairs of embeddings, both `(n_pairs, embedding_dim)`: float32 `(n_pairs,)`, the same for both orders.

        The cosine, or the probability that the pair head gives.
        """
        scores = np.zeros(len(first), np.float32)
        for start in range(0, len(first), _PAIRS):
            chunk = slice(start, start + _PAIRS)
            if self.comparison is None:
                scores[chunk] = (first[chunk] * second[chunk]).sum(axis=1)
            else:
                logits = self.comparison.predict_on_batch({"first": first[chunk], "second": second[chunk]})
                scores[chunk] = 1 / (1 + np.exp(-np.asarray(logits, np.float64)[:, 0]))
        return scores


def build_embedder(config: EmbedderConfig, *, weights: str | None) -> Embedder:
    """Build a network from the registry; for weights and errors see `BackboneConfig.build_backbone`."""
    backbone, layers = config.build_backbone(weights)
    pooled = pool(backbone.output, config.pooling)
    head = embedding_head(config.head, n_features=int(pooled.shape[-1]), embedding_dim=config.embedding_dim)
    plain = keras.Model(backbone.input, head(pooled), name="embedder")
    return Embedder(
        model=_with_mirror_image(plain) if config.flip_average else plain,
        plain=plain,
        features=keras.Model(backbone.input, pooled, name="features"),
        head=head,
        comparison=None if config.is_metric else pair_head(config.distance, embedding_dim=config.embedding_dim),
        stages=layers,
    )


def _with_mirror_image(plain: keras.Model) -> keras.Model:
    photos: Any = keras.Input(plain.input.shape[1:], name="photos")
    both = plain(photos) + plain(ops.flip(photos, axis=2))
    return keras.Model(photos, keras.layers.UnitNormalization(dtype="float32")(both), name="flip_averaged")
