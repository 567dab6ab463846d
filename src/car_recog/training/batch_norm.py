"""Batch normalisation in training: quick statistics, and one kernel of TensorFlow where Keras chains a dozen over the whole batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras

MOMENTUM = 0.9
_LEAST_EPSILON = 1.001e-5


@contextmanager
def trained_batch_norm(model: keras.Model) -> Iterator[None]:
    """Let the batch normalisation of a model train well; afterwards its layers are what they were.

    The moving statistics of images, by which the network is judged and used, keep at most `MOMENTUM` of what they were at each update. The
    0.99 of Keras lags a hundred updates behind: in a short phase, or one whose photos have another size than those before, the network
    would be judged by the statistics of another. Vectors have too few values in a batch for that.

    With TensorFlow on CPUs, images are normalised by the fused kernel. Values and gradients stay what they are; a step of training takes
    0.6 to 0.7 of the time: see `benchmarks/overhead.py`. Layers that the kernel does not cover, frozen ones, inference, GPUs and the
    other Keras backends go as before. What a callback saves of the network itself meanwhile has the momentum of the phase.
    """
    layers = [layer for layer in model._flatten_layers() if _takes_images(layer)]
    momenta = [layer.momentum for layer in layers]
    fused = list(filter(_is_covered, layers)) if _has_kernel() else []
    for layer in layers:
        layer.momentum = min(layer.momentum, MOMENTUM)
    for layer in fused:
        layer.call = partial(_normalize, layer)
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for layer in fused:
            vars(layer).pop("call", None)


def _takes_images(layer: keras.layers.Layer) -> bool:
    spec = layer.input_spec if isinstance(layer, keras.layers.BatchNormalization) else None
    return spec is not None and spec.ndim == 4


def _has_kernel() -> bool:
    """Whether TensorFlow runs its own kernel: on a GPU Keras compiles by XLA, whose form of it loses digits where means are large."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def _is_covered(layer: keras.layers.BatchNormalization) -> bool:
    """Whether the kernel does what this layer does: channels last, and an epsilon that it takes."""
    is_plain = type(layer) is keras.layers.BatchNormalization and not (layer.synchronized or getattr(layer, "renorm", False))
    return is_plain and layer.axis in (-1, 3) and layer.epsilon >= _LEAST_EPSILON


def _normalize(layer: keras.layers.BatchNormalization, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
    if not training or not layer.trainable or mask is not None or inputs.dtype != "float32":
        return type(layer).call(layer, inputs, training=training, mask=mask)
    import tensorflow as tf

    n_channels = inputs.shape[-1]
    outputs, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(
        inputs,
        layer.gamma if layer.scale else tf.ones(n_channels),
        layer.beta if layer.center else tf.zeros(n_channels),
        epsilon=layer.epsilon,
        is_training=True,
    )
    n_values = tf.cast(tf.size(inputs) // n_channels, "float32")
    variance *= (n_values - 1) / n_values  # the kernel gives the estimate for the population, Keras keeps that of the batch
    for kept, new in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        kept.assign(kept * layer.momentum + new * (1 - layer.momentum))
    return outputs
