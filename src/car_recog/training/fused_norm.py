"""Batch normalisation in training by one kernel of TensorFlow, where Keras chains a dozen that each go over the whole batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras

_LEAST_EPSILON = 1.001e-5


@contextmanager
def fused_batch_norm(model: keras.Model) -> Iterator[None]:
    """Let the batch normalisation of images in a model train by the fused kernel; values and gradients stay what they are.

    On CPUs a step of training takes a half to three quarters of the time: see `benchmarks/overhead.py`. Layers that the kernel does not
    cover, frozen ones, inference and the other Keras backends go as before, and so does everything after the `with`.
    """
    layers = [layer for layer in model._flatten_layers() if _is_covered(layer)] if keras.backend.backend() == "tensorflow" else []
    for layer in layers:
        layer.call = partial(_normalize, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _is_covered(layer: keras.layers.Layer) -> bool:
    """Whether the kernel does what this layer does: images, channels last, and an epsilon that it takes."""
    is_plain = type(layer) is keras.layers.BatchNormalization and not (layer.synchronized or getattr(layer, "renorm", False))
    return is_plain and layer.input_spec.ndim == 4 and layer.axis in (-1, 3) and layer.epsilon >= _LEAST_EPSILON


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
