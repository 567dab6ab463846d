"""The layers of a built backbone, grouped into stages: what can be unfrozen step by step."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import log2
from typing import TYPE_CHECKING

from car_recog.backbones.registry import BackboneSpec
from car_recog.errors import PluginError

if TYPE_CHECKING:
    import keras


def stages(model: "keras.Model", spec: BackboneSpec) -> "list[list[keras.layers.Layer]]":
    """Group the layers of a backbone into stages, from the photo to the features.

    A stage ends at each of the spec's freeze points. Where the spec has none, it ends where the feature map halves for good, so that
    the short cuts of a residual block and the pooling inside squeeze-and-excitation end nothing. A model that is not a graph of layers
    is one stage.

    Returns:
        All of `model.layers`, in their order; each stage holds at least one layer with weights.

    Raises:
        PluginError: A freeze point names no layer of the model.
    """
    layers = list(model.layers)
    if spec.freeze_points:
        ends = _ends_by_name(layers, spec)
    elif getattr(model, "inputs", None):
        ends = _ends_by_size(model, spec.image_size)
    else:
        ends = []
    edges = [0, *sorted(end + 1 for end in ends), len(layers)]
    return _merge([layers[start:end] for start, end in pairwise(edges)])


def _ends_by_name(layers: "Sequence[keras.layers.Layer]", spec: BackboneSpec) -> list[int]:
    places = {layer.name: place for place, layer in enumerate(layers)}
    for name in spec.freeze_points:
        if name not in places:
            raise PluginError(f"The backbone '{spec.name}' names the freeze point '{name}', but it has no layer of that name.")
    return [places[name] for name in spec.freeze_points]


def _ends_by_size(model: "keras.Model", image_size: tuple[int, int]) -> list[int]:
    """Find the places of the last layers before the map halves for good."""
    halvings = _halvings(model, image_size)
    # What counts is the largest map still to come: later layers can only be deeper.
    to_come = list(accumulate(reversed(halvings), min))[::-1]
    return [place for place in range(len(to_come) - 1) if to_come[place] < to_come[place + 1]]


def _halvings(model: "keras.Model", image_size: tuple[int, int]) -> list[float]:
    """Count how often the photo's height was halved at each layer; infinity where a layer gives no feature map."""
    import keras

    maps = [(place, layer.output) for place, layer in enumerate(model.layers) if _gives_map(layer)]
    # A network that was built for one size keeps it; one that serves all is looked at in its natural size.
    height, width = (own or natural for own, natural in zip(model.inputs[0].shape[1:3], image_size, strict=True))
    photo = keras.KerasTensor((1, height, width, 3), dtype="float32")
    sized = keras.Function(model.inputs, [output for _, output in maps]).compute_output_spec([photo])
    halvings = [float("inf")] * len(model.layers)
    for (place, _), tensor in zip(maps, sized, strict=True):
        halvings[place] = round(log2(height / tensor.shape[1]))
    return halvings


def _gives_map(layer: "keras.layers.Layer") -> bool:
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # called more than once, or giving several outputs
        return False
    return len(shape) == 4


def _merge(groups: "list[list[keras.layers.Layer]]") -> "list[list[keras.layers.Layer]]":
    """Join each group without weights to the next one, or to the last stage at the end."""
    merged: list[list[keras.layers.Layer]] = []
    waiting: list[keras.layers.Layer] = []
    for group in groups:
        waiting += group
        if any(layer.weights for layer in group):
            merged.append(waiting)
            waiting = []
    if waiting and merged:
        merged[-1] += waiting
    return merged or [waiting]
