"""Random changes to training photos: Keras layers applied to whole batches.

Chance and arithmetic are kept apart. `draw` takes every random number from a NumPy generator, so a batch is the same for a seed
on every Keras backend and for any number of threads; `call` is pure `keras.ops` and runs inside the compiled training step, on the
accelerator where there is one. None of these layers is ever part of a saved model.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

GREY = np.array([0.299, 0.587, 0.114], "float32")
"""Weights of red, green and blue in the brightness of a pixel. Source: ITU-R BT.601."""

_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], "float64")


class BatchLayer(keras.layers.Layer):  # type: ignore[misc]
    """A layer whose chances are drawn outside it: `layer([photos, draws])`."""

    n_draws: ClassVar[int]
    arguments: ClassVar[tuple[str, ...]]

    def __init__(self, **layer_options: Any) -> None:
        # Places and colours need all of float32, under whatever policy the network trains.
        super().__init__(**{"dtype": "float32"} | layer_options)

    def draw(self, rng: np.random.Generator, n_photos: int) -> np.ndarray:
        """Draw the random numbers of one batch, shape `(n_photos, n_draws)`, float32."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}


@keras.saving.register_keras_serializable("car_recog")
class RandomView(BatchLayer):
    """Flip, random resized crop, rotation, zoom and translation in one resampling.

    All of them are one affine map from the output to the photo, so each pixel is interpolated once. What lies outside the photo
    is mirrored.

    Args:
        size: `(height, width)` of the output in pixels. None keeps the size of the photos.
        flip: Chance of a left-right mirror, in [0, 1].
        crop_area: Smallest share of the photo's area that is kept, in (0, 1]. 1 crops nothing.
        crop_aspect: Largest stretch of the crop: its width to height is changed by a factor in `[1 / crop_aspect, crop_aspect]`.
        rotation: Largest rotation either way, in degrees.
        zoom: Largest zoom either way: 0.2 scales by a factor in `[1 / 1.2, 1.2]`.
        translation: Largest shift either way, a fraction of the side.

    Source: random resized crop: Szegedy et al., CVPR 2015, section 6, arXiv:1409.4842.
    """

    n_draws = 7
    arguments = ("size", "flip", "crop_area", "crop_aspect", "rotation", "zoom", "translation")

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        *,
        flip: float = 0.5,
        crop_area: float = 1.0,
        crop_aspect: float = 4 / 3,
        rotation: float = 0.0,
        zoom: float = 0.0,
        translation: float = 0.0,
        **layer_options: Any,
    ) -> None:
        super().__init__(**layer_options)
        self.size = None if size is None else (int(size[0]), int(size[1]))
        self.flip, self.crop_area, self.crop_aspect = flip, crop_area, crop_aspect
        self.rotation, self.zoom, self.translation = rotation, zoom, translation

    def draw(self, rng: np.random.Generator, n_photos: int) -> np.ndarray:
        def uniform(low: float, high: float) -> np.ndarray:
            return rng.uniform(low, high, n_photos)

        area = uniform(self.crop_area, 1.0)
        stretch = np.exp(uniform(-1.0, 1.0) * np.log(self.crop_aspect) * (self.crop_area < 1)) ** 0.5
        stretch = np.clip(stretch, np.sqrt(area), 1 / np.sqrt(area))  # or the crop would not fit and lose of its area
        width, height = np.sqrt(area) * stretch, np.sqrt(area) / stretch
        left = uniform(-0.5, 0.5) * (1 - width) + uniform(-1, 1) * self.translation
        top = uniform(-0.5, 0.5) * (1 - height) + uniform(-1, 1) * self.translation
        zoom = np.exp(uniform(-1.0, 1.0) * np.log1p(self.zoom))
        mirror = np.where(uniform(0, 1) < self.flip, -1.0, 1.0)
        angle = np.deg2rad(uniform(-1.0, 1.0) * self.rotation)
        columns = [width / zoom, height / zoom, left, top, mirror, np.cos(angle), np.sin(angle)]
        return np.stack(columns, axis=1).astype("float32")

    def call(self, inputs: Sequence[Any]) -> Any:
        photos, draws = inputs
        _, rows, columns, _ = ops.shape(photos)
        height, width = self.size or (rows, columns)
        crop_width, crop_height, left, top, mirror, cosine, sine = (draws[:, i, None, None] for i in range(self.n_draws))
        # Output pixel centres, as fractions of the crop around its middle.
        x = (ops.arange(width, dtype="float32")[None, None, :] + 0.5) / width - 0.5
        y = (ops.arange(height, dtype="float32")[None, :, None] + 0.5) / height - 0.5
        x, y = x * crop_width * columns * mirror, y * crop_height * rows
        middle_x, middle_y = (left + 0.5) * columns - 0.5, (top + 0.5) * rows - 0.5
        if not self.rotation:  # rows and columns stay what they are: less than half the time
            across, down = (x + middle_x)[:, 0], (y + middle_y)[:, :, 0]
            return _swap(_sample_rows(_swap(_sample_rows(photos, down)), across))
        return _sample_bilinear(photos, x * sine + y * cosine + middle_y, x * cosine - y * sine + middle_x)


def _sample_rows(photos: Any, y: Any) -> Any:
    """Read rows of photos at fractional places of shape (batch, height); places outside are mirrored back."""
    batch, rows, columns, channels = ops.shape(photos)
    y = _mirror(y, rows)
    top = ops.floor(y)
    down, top = (y - top)[..., None], ops.cast(top, "int32")
    first_row = (ops.arange(batch, dtype="int32") * rows)[:, None]
    lines = ops.reshape(photos, (-1, columns * channels))

    def read(row: Any) -> Any:
        return ops.cast(ops.take(lines, first_row + row, axis=0), "float32")

    sampled = read(top) * (1 - down) + read(ops.minimum(top + 1, rows - 1)) * down
    return ops.reshape(sampled, (-1, ops.shape(y)[1], columns, channels))


def _swap(photos: Any) -> Any:
    """Make rows of columns."""
    return ops.transpose(photos, (0, 2, 1, 3))


def _sample_bilinear(photos: Any, y: Any, x: Any) -> Any:
    """Read photos at fractional pixel places of shape (batch, height, width); places outside are mirrored back."""
    batch, rows, columns, channels = ops.shape(photos)
    y, x = _mirror(y, rows), _mirror(x, columns)
    top, left = ops.floor(y), ops.floor(x)
    down, right = (y - top)[..., None], (x - left)[..., None]
    top, left = ops.cast(top, "int32"), ops.cast(left, "int32")
    bottom, farther = ops.minimum(top + 1, rows - 1), ops.minimum(left + 1, columns - 1)
    first_row = (ops.arange(batch, dtype="int32") * rows)[:, None, None]
    pixels = ops.reshape(photos, (-1, channels))

    def read(row: Any, column: Any) -> Any:
        return ops.cast(ops.take(pixels, (first_row + row) * columns + column, axis=0), "float32")

    upper = read(top, left) * (1 - right) + read(top, farther) * right
    lower = read(bottom, left) * (1 - right) + read(bottom, farther) * right
    return upper * (1 - down) + lower * down


def _mirror(place: Any, side: Any) -> Any:
    """Fold a coordinate back into [0, side - 1]."""
    last = ops.cast(side - 1, "float32")
    return ops.clip(last - ops.abs(last - ops.abs(place)), 0.0, last)


@keras.saving.register_keras_serializable("car_recog")
class RandomColor(BatchLayer):
    """Brightness, contrast, saturation and hue as one linear map of the colours of each photo.

    Args:
        brightness: All colours are scaled by a factor in `[1 - brightness, 1 + brightness]`.
        contrast: The same around the photo's mean brightness.
        saturation: The same around each pixel's own brightness.
        hue: Largest turn of the colour circle either way, a fraction of a full turn.
    """

    n_draws = 4
    arguments = ("brightness", "contrast", "saturation", "hue")

    def __init__(
        self,
        *,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        **layer_options: Any,
    ) -> None:
        super().__init__(**layer_options)
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue

    def draw(self, rng: np.random.Generator, n_photos: int) -> np.ndarray:
        reach = np.array([self.brightness, self.contrast, self.saturation, 2 * np.pi * self.hue])
        middle = np.array([1.0, 1.0, 1.0, 0.0])
        return np.asarray(middle + rng.uniform(-1.0, 1.0, (n_photos, 4)) * reach, "float32")

    def call(self, inputs: Sequence[Any]) -> Any:
        photos, draws = inputs
        brightness, contrast, saturation = (draws[:, i, None, None] for i in range(3))
        matrix = saturation * _hue_rotation(draws[:, 3]) + (1 - saturation) * ops.convert_to_tensor(np.tile(GREY[None, :, None], 3))
        shape = ops.shape(photos)
        pixels = ops.reshape(photos, (shape[0], -1, 3))
        mean = ops.matmul(ops.mean(pixels, axis=1, keepdims=True), GREY[:, None])
        pixels = brightness * (contrast * ops.matmul(pixels, matrix) + (1 - contrast) * mean)
        return ops.reshape(ops.clip(pixels, 0.0, 255.0), shape)


def _hue_rotation(angle: Any) -> Any:
    """Matrices (batch, 3, 3) for row vectors: to YIQ, turn the colour plane, and back."""
    there, back = _YIQ.T, np.linalg.inv(_YIQ).T
    keep, cosine, sine = (
        ops.convert_to_tensor((there @ np.array(plane, "float64") @ back).astype("float32"))
        for plane in (
            [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
            [[0, 0, 0], [0, 1, 0], [0, 0, 1]],
            [[0, 0, 0], [0, 0, 1], [0, -1, 0]],
        )
    )
    angle = angle[:, None, None]
    return keep + ops.cos(angle) * cosine + ops.sin(angle) * sine


@keras.saving.register_keras_serializable("car_recog")
class RandomErasing(BatchLayer):
    """Cover a random rectangle of a photo with one random colour.

    Args:
        chance: Share of the photos that are covered, in [0, 1].
        area: Smallest and largest share of the photo's area that is covered.

    Source: Zhong et al., AAAI 2020, algorithm 1, arXiv:1708.04896.
    """

    n_draws = 7
    arguments = ("chance", "area")

    def __init__(self, chance: float = 0.25, *, area: tuple[float, float] = (0.02, 0.25), **layer_options: Any) -> None:
        super().__init__(**layer_options)
        self.chance, self.area = chance, (float(area[0]), float(area[1]))

    def draw(self, rng: np.random.Generator, n_photos: int) -> np.ndarray:
        area = rng.uniform(*self.area, n_photos) * (rng.uniform(size=n_photos) < self.chance)
        aspect = np.exp(rng.uniform(-1, 1, n_photos) * np.log(3.0))
        height, width = np.minimum(np.sqrt(area * aspect), 1), np.minimum(np.sqrt(area / aspect), 1)
        top, left = rng.uniform(size=n_photos) * (1 - height), rng.uniform(size=n_photos) * (1 - width)
        box = np.stack([top, left, top + height, left + width], axis=1)
        return np.concatenate([box, rng.uniform(0, 255, (n_photos, 3))], axis=1).astype("float32")

    def call(self, inputs: Sequence[Any]) -> Any:
        photos, draws = inputs
        _, rows, columns, _ = ops.shape(photos)
        top, left, bottom, right = (draws[:, i, None, None, None] for i in range(4))
        y = ((ops.arange(rows, dtype="float32") + 0.5) / rows)[None, :, None, None]
        x = ((ops.arange(columns, dtype="float32") + 0.5) / columns)[None, None, :, None]
        is_covered = (y >= top) & (y < bottom) & (x >= left) & (x < right)
        return ops.where(is_covered, draws[:, None, None, 4:], photos)


@keras.saving.register_keras_serializable("car_recog")
class Mixup(BatchLayer):
    """Blend each photo with another one of its batch. `mix_labels` blends the labels by the same draws.

    Args:
        alpha: Both parameters of the Beta distribution of the blend. 0 blends nothing; 1 blends evenly often.

    Source: Zhang et al., ICLR 2018, equation 1, arXiv:1710.09412.
    """

    n_draws = 2
    arguments = ("alpha",)

    def __init__(self, alpha: float = 0.2, **layer_options: Any) -> None:
        super().__init__(**layer_options)
        self.alpha = alpha

    def draw(self, rng: np.random.Generator, n_photos: int) -> np.ndarray:
        share = rng.beta(self.alpha, self.alpha, n_photos) if self.alpha else np.ones(n_photos)
        # The larger share stays with the photo itself, so that a blend is never counted twice.
        return np.stack([np.maximum(share, 1 - share), rng.permutation(n_photos)], axis=1).astype("float32")

    def call(self, inputs: Sequence[Any]) -> Any:
        photos, draws = ops.cast(inputs[0], "float32"), inputs[1]
        share, partner = draws[:, 0, None, None, None], ops.cast(draws[:, 1], "int32")
        return share * photos + (1 - share) * ops.take(photos, partner, axis=0)

    @staticmethod
    def mix_labels(labels: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Blend labels or weights of shape `(batch, ...)` as the photos were blended."""
        share = draws[:, 0].reshape(-1, *[1] * (labels.ndim - 1))
        return np.asarray(share * labels + (1 - share) * labels[draws[:, 1].astype(int)], "float32")

