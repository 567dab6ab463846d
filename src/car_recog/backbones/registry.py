"""The table of backbones: what one is, how to add one, how to look one up."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.errors import OptionError, PluginError, WeightsError
from car_recog.plugins import PluginTable

if TYPE_CHECKING:
    import keras

GROUP = "car_recog.backbones"


def _as_size(value: tuple[int, int]) -> tuple[int, int]:
    height, width = value
    return int(height), int(width)


@attrs.frozen(kw_only=True)
class BackboneSpec:
    """What the library must know of a backbone before it builds one.

    `build(*, weights, image_size, **backbone_options)` returns a `keras.Model` from photos, float32 in [0, 255] of shape
    `(batch, height, width, 3)`, to a feature map `(batch, h, w, channels)`. It normalises the photos inside its own graph.

    Args:
        name: What it is asked for by: lower case, digits and underscores.
        build: Builds the network. `weights` is None, one of the names in the field `weights`, or the path of a `.h5` or `.weights.h5` file;
            `image_size` is `(height, width)`. `normalization="unit"` arrives among the options where the field `normalizations` offers it.
        image_size: The natural `(height, width)` in pixels.
        min_image_size: The smallest `(height, width)` it accepts.
        is_size_flexible: Whether one built network takes photos of any size from the smallest on.
        normalization: What it does to [0, 255] first, in words for people.
        normalizations: The normalizations it can be built with: `"backbone"`, its own, always; `"unit"`, plain [0, 1], where it can.
        weights: Names of the pretrained weights it can fetch.
        freeze_points: Names of layers, in order, each the last one of a stage. Empty: a stage ends where the feature map shrinks.
        licence: Licence of the pretrained weights, or of the code where there are none.
        source: Paper with arXiv id, or web page.

    Example:
        >>> spec = BackboneSpec(name="my_net", build=lambda **options: None, image_size=(160, 160))
        >>> spec.min_image_size
        (32, 32)
    """

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z0-9_]+"))
    build: "Callable[..., keras.Model]" = attrs.field(validator=attrs.validators.is_callable(), repr=False)
    image_size: tuple[int, int] = attrs.field(default=(224, 224), converter=_as_size)
    min_image_size: tuple[int, int] = attrs.field(default=(32, 32), converter=_as_size)
    is_size_flexible: bool = True
    normalization: str = "inside its own graph"
    normalizations: tuple[str, ...] = attrs.field(default=("backbone",), converter=tuple[str, ...])
    weights: tuple[str, ...] = attrs.field(default=(), converter=tuple[str, ...])
    freeze_points: tuple[str, ...] = attrs.field(default=(), converter=tuple[str, ...])
    licence: str = "unknown"
    source: str = "unknown"

    def build_checked(
        self,
        *,
        weights: str | None,
        image_size: tuple[int, int],
        normalization: str = "backbone",
        backbone_options: dict[str, Any] | None = None,
    ) -> "keras.Model":
        """Build the network after checking that this backbone can do what is asked.

        Raises:
            OptionError: The photos are too small, the normalization is not offered, or the builder refuses an option.
            WeightsError: The weights are not offered, cannot be fetched or do not fit.
        """
        if any(side < least for side, least in zip(image_size, self.min_image_size, strict=True)):
            least = "x".join(map(str, self.min_image_size))
            raise OptionError(f"The backbone '{self.name}' needs photos of at least {least} pixels; image_size is {image_size}.")
        if normalization not in self.normalizations:
            raise OptionError(
                f"The backbone '{self.name}' offers the normalization {' or '.join(map(repr, self.normalizations))}, not {normalization!r}."
            )
        is_path = weights is not None and weights.endswith(".h5")
        if weights is not None and not is_path and weights not in self.weights:
            offered = ", ".join(map(repr, self.weights)) or "no pretrained weights by name"
            raise WeightsError(
                f"The backbone '{self.name}' offers {offered}; weights is {weights!r}. Give one of these, None, or the path of a .h5 file."
            )
        options = dict(backbone_options or {})
        if normalization != "backbone":
            options["normalization"] = normalization
        try:
            return self.build(weights=weights, image_size=image_size, **options)
        except TypeError as error:
            raise OptionError(f"The backbone '{self.name}' refuses its options {options}: {error}") from error


def _accept_plugin(name: str, loaded: object) -> BackboneSpec:
    """Take a spec, or a function that returns one, from a plug-in's entry point."""
    spec = loaded() if callable(loaded) and not isinstance(loaded, BackboneSpec) else loaded
    if not isinstance(spec, BackboneSpec):
        raise PluginError(f"expected a BackboneSpec or a function that returns one, got {type(spec).__name__}")
    if spec.name != name:
        raise PluginError(f"its BackboneSpec is named '{spec.name}'")
    return spec


_TABLE: PluginTable[BackboneSpec] = PluginTable(GROUP, noun="backbone", listing="`car-recog backbones`", accept=_accept_plugin)


def register_backbone(spec: BackboneSpec, *, owner: str = "this program") -> None:
    """Add a backbone to the table for the life of this process. Packages use the entry-point group instead.

    Args:
        spec: The backbone.
        owner: Who adds it, for the message when two claim one name.

    Raises:
        PluginError: The name is taken; the message names both sides.
    """
    _TABLE.register(spec.name, spec, owner=owner)


def get_backbone(name: str) -> BackboneSpec:
    """Look a backbone up by its name.

    Raises:
        UnknownNameError: Nobody offers it; the message suggests the nearest name.
        PluginError: The plug-in that offers it is broken, or two packages claim the name.

    Example:
        >>> get_backbone("resnet50").image_size
        (224, 224)
    """
    return _TABLE.get(name)


def list_backbones(pattern: str = "*") -> list[str]:
    """List the names of all backbones, built in or from plug-ins, without importing any plug-in.

    Args:
        pattern: Shell-style pattern that the names must match.

    Example:
        >>> list_backbones("mobilenet_v3*")
        ['mobilenet_v3_large', 'mobilenet_v3_small']
    """
    return [name for name in _TABLE.names() if fnmatchcase(name, pattern)]


def backbone_owner(name: str) -> str:
    """Tell who offers a backbone: `car-recog`, this program, or an installed package."""
    return _TABLE.owner(name)
