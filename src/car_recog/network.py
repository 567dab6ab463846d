"""The network of a classifier, rebuilt from plain values: a backbone of the registry, pooling and a head."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import keras

from car_recog.backbones import get_backbone
from car_recog.backbones.stages import stages
from car_recog.data.images import DECODER_VERSION, check_resize
from car_recog.errors import OptionError
from car_recog.heads import check_head, classification_head, pool

MAX_SIDE = 4096
_MAX_OPTIONS = 32


def _size(value: Sequence[int]) -> tuple[int, int]:
    try:
        height, width = value
    except (TypeError, ValueError):
        raise OptionError(f"image_size must be (height, width); got {value!r}.") from None
    if not all(isinstance(side, int) and 1 <= side <= MAX_SIDE for side in (height, width)):
        raise OptionError(f"image_size must be two integers from 1 to {MAX_SIDE}; got {value!r}.")
    return height, width


def _head(value: str | Sequence[int]) -> str | tuple[int, ...]:
    check_head(value)
    return value if isinstance(value, str) else tuple(value)


@attrs.frozen(kw_only=True)
class BackboneConfig:
    """What fixes the backbone of a network, and how photos are fitted to it.

    Args:
        backbone: Name in the registry.
        backbone_options: Handed to its builder.
        image_size: `(height, width)` that photos are fitted to, in pixels.
        normalization: `"backbone"` or `"unit"`.
        resize: How photos are fitted: see `images.decode`.
        decoder_version: Version of the decoder that the photos of training went through.
    """

    backbone: str
    backbone_options: dict[str, Any] = attrs.field(factory=dict)
    image_size: tuple[int, int] = attrs.field(default=(224, 224), converter=_size)
    normalization: str = "backbone"
    resize: str = "stretch"
    decoder_version: int = DECODER_VERSION

    def __attrs_post_init__(self) -> None:
        check_resize(self.resize)
        options = self.backbone_options
        if not isinstance(options, Mapping) or len(options) > _MAX_OPTIONS or not all(isinstance(key, str) for key in options):
            raise OptionError(f"backbone_options must map names to values; got {options!r}.")
        if not isinstance(self.backbone, str):
            raise OptionError(f"backbone must be a name; got {self.backbone!r}. Register your own with register_backbone.")
        get_backbone(self.backbone)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `config.json`."""
        return attrs.asdict(self)

    def embedding_facts(self) -> dict[str, Any]:
        """What embeddings and features depend on, weights apart, as plain values."""
        return self.to_dict()

    def fit_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give the size of photos nearest to this one that the backbone takes once it is built for `image_size`."""
        spec = get_backbone(self.backbone)
        if not spec.is_size_flexible:
            return self.image_size
        height, width = (max(side, least) for side, least in zip(size, spec.min_image_size, strict=True))
        return height, width

    def build_backbone(self, weights: str | None) -> tuple[keras.Model, list[list[keras.layers.Layer]]]:
        """Build the backbone, and give its layers in stages.

        Args:
            weights: None, a name it offers, or the path of a `.h5` or `.weights.h5` file.

        Raises:
            UnknownNameError: No such backbone.
            OptionError: The backbone refuses its options or the size.
            WeightsError: The weights cannot be had or do not fit.
        """
        spec = get_backbone(self.backbone)
        backbone = spec.build_checked(
            weights=weights, image_size=self.image_size, normalization=self.normalization, backbone_options=self.backbone_options
        )
        return backbone, stages(backbone, spec)


@attrs.frozen(kw_only=True)
class NetworkConfig(BackboneConfig):
    """Everything that fixes the network of a classifier but its weights and classes: `BackboneConfig` and a head.

    Args:
        head: See `heads.classification_head`.
    """

    head: str | tuple[int, ...] = attrs.field(default="lean", converter=_head)


@attrs.frozen
class Network:
    """A built network and its pieces, which share weights.

    Args:
        model: From photos in [0, 255], `(batch, height, width, 3)`, to logits `(batch, n_classes)`.
        features: From photos to pooled features `(batch, n_features)`.
        both: From photos to logits and pooled features.
        head: From pooled features to logits.
        stages: The layers of the backbone, in stages.
        has_lean_head: Whether the logits follow from the features by one dense layer.
    """

    model: keras.Model
    features: keras.Model
    both: keras.Model
    head: keras.Model
    stages: list[list[keras.layers.Layer]]
    has_lean_head: bool


def build_network(config: NetworkConfig, *, n_classes: int, weights: str | None) -> Network:
    """Build a network from the registry; for weights and errors see `BackboneConfig.build_backbone`."""
    backbone, layers = config.build_backbone(weights)
    pooled = pool(backbone.output)
    head = classification_head(config.head, n_features=int(pooled.shape[-1]), n_classes=n_classes)
    logits = head(pooled)
    return Network(
        model=keras.Model(backbone.input, logits, name="classifier"),
        features=keras.Model(backbone.input, pooled, name="features"),
        both=keras.Model(backbone.input, [logits, pooled], name="answers"),
        head=head,
        stages=layers,
        has_lean_head=config.head == "lean",
    )
