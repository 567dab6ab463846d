"""Random changes to training photos, put together from plain values; never part of a saved model."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from car_recog.data.augment_layers import BatchLayer, Mixup, RandomColor, RandomErasing, RandomView
from car_recog.errors import OptionError, suggestion

_VIEW = ("flip", "crop_area", "crop_aspect", "rotation", "zoom", "translation")
_COLOR = ("brightness", "contrast", "saturation", "hue")
_UPPER = {"flip": 1.0, "crop_area": 1.0, "crop_aspect": 10.0, "rotation": 180.0, "zoom": 10.0, "translation": 1.0, "hue": 0.5}


class Changes(Protocol):
    """Random changes of a batch: numbers are drawn outside of the graph and applied inside."""

    def draw(self, rng: np.random.Generator, n_photos: int) -> np.ndarray: ...

    def apply(self, photos: Any, draws: Any) -> Any: ...

    def mix_labels(self, labels: np.ndarray, draws: np.ndarray) -> np.ndarray: ...


class Augmentation:
    """All random changes of a training phase, one after another, from plain values.

    Args:
        size: `(height, width)` of the photos that come out, in pixels.
        values: Arguments of `RandomView` (flip, crop_area, crop_aspect, rotation, zoom, translation) and `RandomColor` (brightness,
            contrast, saturation, hue) by name; `erasing`, the chance of `RandomErasing`; `mixup`, the alpha of `Mixup`.

    Raises:
        OptionError: An unknown name, or a value outside its range.

    Example:
        >>> augmentation = Augmentation((16, 16), {"flip": 0.5, "crop_area": 0.5})
        >>> draws = augmentation.draw(np.random.default_rng(0), 4)
        >>> tuple(augmentation.apply(np.zeros((4, 20, 30, 3), np.uint8), draws).shape)
        (4, 16, 16, 3)
    """

    def __init__(self, size: tuple[int, int], values: Mapping[str, float]) -> None:
        _check(values)
        view = {"flip": 0.0} | {name: values[name] for name in _VIEW if name in values}
        color = {name: values[name] for name in _COLOR if values.get(name)}
        layers: list[BatchLayer] = [RandomView(size, **view)]
        if color:
            layers.append(RandomColor(**color))
        if values.get("erasing"):
            layers.append(RandomErasing(values["erasing"]))
        if values.get("mixup"):
            layers.append(Mixup(values["mixup"]))
        self.layers = layers
        self.is_mixing = isinstance(layers[-1], Mixup)

    def draw(self, rng: np.random.Generator, n_photos: int) -> np.ndarray:
        """Draw the random numbers of one batch: float32, shape `(n_photos, k)`."""
        return np.concatenate([layer.draw(rng, n_photos) for layer in self.layers], axis=1)

    def apply(self, photos: Any, draws: Any) -> Any:
        """Change a batch of photos by its draws: float32 in [0, 255]."""
        start = 0
        for layer in self.layers:
            photos = layer([photos, draws[:, start : start + layer.n_draws]])
            start += layer.n_draws
        return photos

    def mix_labels(self, labels: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Blend labels or weights as `apply` blends the photos; without mixup they stay as they are."""
        return Mixup.mix_labels(labels, draws[:, -Mixup.n_draws :]) if self.is_mixing else labels


def _check(values: Mapping[str, float]) -> None:
    known = (*_VIEW, *_COLOR, "erasing", "mixup")
    for name, value in values.items():
        if name not in known:
            raise OptionError(f"Unknown augmentation: '{name}'.{suggestion(name, known)} Known are {', '.join(known)}.")
        least = {"crop_area": 1e-3, "crop_aspect": 1.0}.get(name, 0.0)
        if not least <= value <= _UPPER.get(name, 1.0):
            raise OptionError(f"The augmentation '{name}' must lie in [{least:g}, {_UPPER.get(name, 1.0):g}]; got {value}.")
