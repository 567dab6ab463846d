"""A kit for authors of backbone plug-ins: one call that checks what the rest of the library relies on."""

import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from car_recog.backbones import BackboneSpec, get_backbone, list_backbones
from car_recog.errors import OptionError, WeightsError

Build = Callable[..., keras.Model]

TOLERANCE = 1e-4
"""Largest difference between features that must be equal, as a share of the largest feature."""


def check_backbone(name: str, *, weights: str | None = None, **backbone_options: Any) -> None:
    """Check that a backbone keeps its contract; call it in the tests of your plug-in.

    It must be listed and looked up, and build at its smallest and at its natural image size. From float32 photos in [0, 255] it must
    give a finite float32 feature map `(batch, h, w, channels)` whose number of channels is known beforehand. It must tell [0, 255] from
    [0, 1], answer alike in any batch and each time, serve other sizes if it says so, give the same features once its weights have been
    saved and read back, train all its trainable weights, and refuse an option that it does not know.

    The random seeds of Python, NumPy and Keras are set, so that a check that fails fails again.

    Args:
        name: The backbone. It must be registered, or offered by an installed package.
        weights: What to build it with: None, one of the names in its spec, or the path of a file.
        backbone_options: Options of the backbone; choose a small network.

    Raises:
        AssertionError: The contract is broken; the message says where.

    Example:
        >>> check_backbone("tiny_cnn", widths=[4, 8])
    """
    spec = _look_up(name)
    keras.utils.set_random_seed(0)

    def build(image_size: tuple[int, int], weights: str | None = weights, **more: Any) -> keras.Model:
        return spec.build_checked(weights=weights, image_size=image_size, backbone_options={**backbone_options, **more})

    model = _build(build, spec.min_image_size)
    _check_features(model, _photos(spec.min_image_size))
    _check_features(_build(build, spec.image_size), _photos(spec.image_size)[:1])
    # From here on every layer gets a map to work on; on single pixels rounding errors grow beyond bounds in deep networks.
    height, width = (side + 64 for side in spec.min_image_size)
    photos = _photos((height, width))
    if spec.is_size_flexible:
        _check_features(model, photos)
        _check_features(model, photos[:, 31:, :-1])  # odd and not square: skip connections break there first
    else:
        model = _build(build, (height, width))
    if weights is None:
        _settle_batch_norm(model, photos)
    _check_range(model, photos)
    _check_inference(model, photos)
    _check_round_trip(model, build, photos)
    _check_unknown_option(build, spec)
    _check_gradients(model, photos)


def _require(is_kept: object, broken: str) -> None:
    """Raise unless the contract is kept; an assert statement would be gone under `python -O`."""
    if not is_kept:
        raise AssertionError(broken)


def _look_up(name: str) -> BackboneSpec:
    _require(name in list_backbones(), f"'{name}' is not listed: is its package installed, with an entry point of this name?")
    spec = get_backbone(name)
    is_large_enough = all(natural >= least for natural, least in zip(spec.image_size, spec.min_image_size, strict=True))
    _require(is_large_enough, f"image_size {spec.image_size} is below min_image_size {spec.min_image_size}.")
    return spec


def _build(build: Build, image_size: tuple[int, int], **options: Any) -> keras.Model:
    try:
        model = build(image_size, **options)
    except Exception as error:
        raise AssertionError(f"It does not build for photos of {image_size} pixels: {type(error).__name__}: {error}") from error
    _require(isinstance(model, keras.Model), f"build returns a {type(model).__name__}, not a keras.Model.")
    return model


def _photos(image_size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (4, *image_size, 3)).astype("float32")


def _settle_batch_norm(model: keras.Model, photos: np.ndarray) -> None:
    """Give batch normalization the statistics of the photos, as after training; with fresh ones all photos look alike."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(photos, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _features(model: keras.Model, photos: np.ndarray, **options: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(model(photos, **options)))


def _differ(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.abs(first - second).max() > TOLERANCE * np.abs(first).max())


def _check_features(model: keras.Model, photos: np.ndarray) -> None:
    size = photos.shape[1:3]
    try:
        features = _features(model, photos, training=False)
    except Exception as error:
        raise AssertionError(f"It does not take float32 photos of {size} pixels: {type(error).__name__}: {error}") from error
    promised = model.compute_output_shape((None, *photos.shape[1:]))
    is_map = features.ndim == 4
    _require(is_map, f"The features must be a map (batch, h, w, channels); their shape is {features.shape}. Leave the pooling out.")
    _require(min(features.shape) > 0, f"The feature map of photos of {size} pixels is empty: {features.shape}. Raise min_image_size.")
    _require(promised[-1] == features.shape[-1], f"The number of channels must be known beforehand: {promised} became {features.shape}.")
    _require(features.dtype == np.float32, f"The features must be float32, not {features.dtype}.")
    _require(np.isfinite(features).all(), f"Photos of {size} pixels give features that are not finite.")


def _check_range(model: keras.Model, photos: np.ndarray) -> None:
    features, shrunk = (_features(model, given, training=False) for given in (photos, photos / 255))
    _require(
        _differ(features, shrunk),
        "Photos in [0, 255] and the same photos in [0, 1] give the same features. The photos always come in [0, 255]: "
        "normalise them by fixed numbers inside the network, without looking at their range.",
    )


def _check_inference(model: keras.Model, photos: np.ndarray) -> None:
    features = _features(model, photos, training=False)
    _require(not _differ(features, _features(model, photos, training=False)), "Inference is random: the same photos give other features.")
    _require(
        not _differ(features, _features(model, photos)),
        "model(photos) differs from model(photos, training=False): a layer trains by default. Augmentation has no place in a backbone.",
    )
    alone = np.concatenate([_features(model, photo[None], training=False) for photo in photos])
    _require(not _differ(features, alone), "The features of a photo depend on the other photos of its batch.")


def _check_round_trip(model: keras.Model, build: Build, photos: np.ndarray) -> None:
    size = photos.shape[1:3]
    features = _features(model, photos, training=False)
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "backbone.weights.h5"))
        model.save_weights(path)
        second = _build(build, size, weights=None)
        second.load_weights(path)
        _require(
            not _differ(features, _features(second, photos, training=False)),
            "Weights that were saved and loaded into a second network, built with weights=None, give other features: "
            "the network must not depend on `weights`, nor keep anything outside its weights.",
        )
        third = _build(build, size, weights=path)
        _require(
            not _differ(features, _features(third, photos, training=False)),
            "build(weights='file.weights.h5') gives other features than the network that was saved: does it load the file?",
        )
        missing = str(Path(folder, "missing.weights.h5"))
        try:
            build(size, weights=missing)
        except (WeightsError, OSError, ValueError):
            return
    raise AssertionError("build(weights='missing.weights.h5') raises nothing though there is no such file.")


def _check_unknown_option(build: Build, spec: BackboneSpec) -> None:
    try:
        build(spec.min_image_size, no_such_option=1)
    except OptionError:  # what build_checked makes of a TypeError, too
        return
    raise AssertionError("It takes the option 'no_such_option' without a word. Name the options in the signature of build.")


def _check_gradients(model: keras.Model, photos: np.ndarray) -> None:
    # Lion moves a weight by the same step however small its gradient, and leaves it where the gradient is zero.
    model.compile(optimizer=keras.optimizers.Lion(1e-3), loss="mse", run_eagerly=True)
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in model.trainable_weights]
    shape = _features(model, photos, training=False).shape
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Gradients do not exist")  # said in our own words below
        model.train_on_batch(photos, np.random.default_rng(2).normal(size=shape).astype("float32"))
    after = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    still = [weight.path for weight, *both in zip(model.trainable_weights, before, after, strict=True) if np.array_equal(*both)]
    _require(before, "It has no trainable weights.")
    _require(not still, f"One training step leaves {len(still)} of {len(before)} trainable weights unchanged: {', '.join(still[:3])}.")
