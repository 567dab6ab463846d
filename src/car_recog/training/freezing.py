"""Which layers of a backbone train in a phase."""

from collections.abc import Sequence

import keras

from car_recog.errors import OptionError, suggestion
from car_recog.training.recipe import Phase


def freeze(stages: Sequence[Sequence[keras.layers.Layer]], phase: Phase) -> bool:
    """Set what trains in a backbone whose layers are given in stages.

    A frozen batch normalisation runs on its stored statistics. Call before the optimizer of the phase is made.

    Returns:
        Whether the whole backbone is frozen.

    Raises:
        OptionError: An unknown layer.
    """
    layers = [layer for stage in stages for layer in stage]
    first = _first_trainable(stages, phase.trainable)
    for place, layer in enumerate(layers):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = place >= first and not (is_norm and phase.batch_norm == "frozen")
    return first >= len(layers)


def _first_trainable(stages: Sequence[Sequence[keras.layers.Layer]], trainable: str | int) -> int:
    """Place of the first layer that trains; the number of layers where none does."""
    n_layers = sum(map(len, stages))
    if trainable == "all":
        return 0
    if trainable == "head":
        return n_layers
    if isinstance(trainable, int):
        return n_layers - sum(map(len, stages[-trainable:]))
    names = [layer.name for stage in stages for layer in stage]
    if trainable not in names:
        hint = suggestion(trainable, names)
        raise OptionError(f"The backbone has no layer '{trainable}'.{hint} Other values are 'all', 'head' or a number.")
    return names.index(trainable)
