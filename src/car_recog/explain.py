"""Which places of a photo speak for an answer: Grad-CAM on feature maps, and the picture of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
from keras import ops
from PIL import Image

from car_recog.errors import OptionError
from car_recog.storage import atomic_file

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_ROUNDING = 1e-6
_SEAM = 8
_STRENGTH = 0.7
_COLOURS = np.array([(40, 10, 150), (140, 10, 170), (215, 70, 110), (250, 150, 60), (250, 245, 40)], np.float32)


class EmptyHeatmapWarning(UserWarning):
    """No place of a photo speaks for the answer."""


@attrs.frozen
class Explanation:
    """Which places of a photo speak for an answer.

    Args:
        photo: The photo as it came: uint8 RGB, shape `(height, width, 3)`.
        heatmap: How much each place speaks for the answer: float32 `(height, width)` in [0, 1], 1 where most; zero everywhere where
            nothing does.
        label: The answer: the name of a class, or `"the same car"`.
        score: The probability of the class, or the score of the pair.
    """

    photo: np.ndarray = attrs.field(eq=False, repr=False)
    heatmap: np.ndarray = attrs.field(eq=False, repr=False)
    label: str
    score: float

    @property
    def is_empty(self) -> bool:
        """Whether the heatmap is zero everywhere: no place speaks for the answer."""
        return not self.heatmap.any()

    def overlay(self) -> np.ndarray:
        """Colour the grey photo from violet to yellow, where most speaks for the answer: uint8, shape `(height, width, 3)`."""
        stops = np.linspace(0, 1, len(_COLOURS))
        colours = np.stack([np.interp(self.heatmap, stops, channel) for channel in _COLOURS.T], axis=-1)
        grey = np.asarray(Image.fromarray(self.photo).convert("L"), np.float32)[..., None]
        cover = _STRENGTH * np.minimum(1.5 * self.heatmap, 1)[..., None]
        return np.asarray(np.round(grey * (1 - cover) + colours * cover), np.uint8)

    def save(self, path: str | Path) -> Path:
        """Write the overlay as a picture: PNG, JPEG or WebP by the ending of the name."""
        return save_abreast([self], Path(path))


def check_picture(path: Path) -> None:
    """Raise unless a picture can be written under this name.

    Raises:
        OptionError: Another ending than those of `PICTURES`.
    """
    if path.suffix.lower() not in PICTURES:
        raise OptionError(f"A picture is written to a file that ends with {', '.join(PICTURES)}; got '{path}'.")


def save_abreast(explanations: Sequence[Explanation], path: Path) -> Path:
    """Write the overlays of explanations side by side, all as high as the first, as one picture."""
    check_picture(path)
    overlays = [Image.fromarray(explanation.overlay()) for explanation in explanations]
    height = overlays[0].height
    fitted = [overlay.resize((max(round(overlay.width * height / overlay.height), 1), height)) for overlay in overlays]
    picture = Image.new("RGB", (sum(overlay.width + _SEAM for overlay in fitted) - _SEAM, height), "white")
    left = 0
    for overlay in fitted:
        picture.paste(overlay, (left, 0))
        left += overlay.width + _SEAM
    with atomic_file(path) as part:
        picture.save(part, quality=90)
    return path


def feature_maps(features: keras.Model, photos: np.ndarray) -> np.ndarray:
    """Give what is pooled: the output of the backbone, float32 `(n, rows, columns, channels)`.

    Args:
        features: A network from photos to pooled features, whose pooling layer is named `pool`. What lies before it may be nested.
        photos: Shape `(n, height, width, 3)`, in [0, 255].
    """
    backbone = keras.Model(features.input, features.get_layer("pool").input)
    return np.asarray(ops.convert_to_numpy(backbone(photos.astype(np.float32), training=False)), np.float32)


def grad_cam(maps: np.ndarray, score: Callable[[Any], Any]) -> np.ndarray:
    """Give how much each place of feature maps speaks for (above 0) or against (below 0) a score: float32 `(n, rows, columns)`.

    Each channel is weighed by the mean over its places of the gradient of the score. What is no larger than the rounding of the sum
    becomes zero.

    Args:
        maps: Shape `(n, rows, columns, channels)`.
        score: From a tensor of such maps to numbers, whose sum is explained; made of `keras.ops` and layers.

    Source: Selvaraju et al., ICCV 2017, equations 1 and 2 without the ReLU, arXiv:1610.02391.
    """
    terms = maps * gradient(maps, score).mean(axis=(1, 2), keepdims=True)
    cam = terms.sum(axis=-1)
    cam[np.abs(cam) <= _ROUNDING * np.abs(terms).sum(axis=-1).max()] = 0
    return np.asarray(cam, np.float32)


def gradient(values: np.ndarray, score: Callable[[Any], Any]) -> np.ndarray:
    """Give the gradient of the sum of a score with respect to values, on any Keras backend that has gradients; of the same shape."""
    backend = keras.backend.backend()
    x = ops.convert_to_tensor(values)
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(lambda x: ops.sum(score(x)))(x))
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            total = ops.sum(score(x))
        return np.asarray(tape.gradient(total, x, unconnected_gradients=tf.UnconnectedGradients.ZERO))
    if backend == "torch":
        x.requires_grad_(True)
        ops.sum(score(x)).backward()
        return np.asarray(ops.convert_to_numpy(x.grad))
    raise OptionError(f"Grad-CAM needs gradients: choose the Keras backend tensorflow, jax or torch; it is '{backend}'.")


def heatmap(cam: np.ndarray, *, size: tuple[int, int], covered: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Keep what speaks for the answer, scale it to 1 at most, and enlarge it to a photo: float32 `(height, width)` in [0, 1].

    Args:
        cam: Shape `(rows, columns)`, as `grad_cam` gives it.
        size: `(height, width)` of the photo.
        covered: Height and width of the photo as shares of what the network saw: below 1 where it was padded, above 1 where it was
            cut. What the network did not see is zero.
    """
    speaks_for = np.maximum(cam, 0)
    rows, columns = (_blend(n, cells, share) for n, cells, share in zip(size, cam.shape, covered, strict=True))
    return np.asarray(rows @ (speaks_for / max(float(speaks_for.max()), 1e-30)) @ columns.T, np.float32)


def _blend(n_pixels: int, n_cells: int, share: float) -> np.ndarray:
    """Give the share of each cell in each pixel along one side, linear between the middles of cells: `(n_pixels, n_cells)`."""
    place = 0.5 + ((np.arange(n_pixels) + 0.5) / n_pixels - 0.5) * share
    cell = np.clip(place * n_cells - 0.5, 0, n_cells - 1)
    weights = np.maximum(1 - np.abs(cell[:, None] - np.arange(n_cells)), 0)
    return np.asarray(weights * ((place >= 0) & (place <= 1))[:, None])
