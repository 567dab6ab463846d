"""Optimizers and learning rates from a phase. Schedules count optimizer updates."""

from collections.abc import Iterable
from typing import Any

import keras

from car_recog.training.recipe import Phase

ONE_CYCLE_START = 25.0
ONE_CYCLE_WARMUP = 0.3
PLATEAU_FACTOR = 0.2
PLATEAU_PATIENCE = 3


def learning_rate(phase: Phase, n_updates: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Give the learning rate of a phase of so many updates.

    A rate that is constant, or falls when validation says so, is a plain number that callbacks can set.

    Source: one-cycle: Smith and Topin 2017, arXiv:1708.07120; cosine: Loshchilov and Hutter, ICLR 2017, arXiv:1608.03983.

    Example:
        >>> rate = learning_rate(Phase(epochs=1, learning_rate=1.0, warmup=0.1), 100)
        >>> [round(float(rate(update)), 3) for update in (0, 5, 10, 55, 100)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    peak = phase.learning_rate
    if phase.schedule in ("constant", "plateau"):
        return peak
    is_cycle = phase.schedule == "one_cycle"
    n_rising = max(1, round(n_updates * (ONE_CYCLE_WARMUP if is_cycle else phase.warmup)))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / ONE_CYCLE_START if is_cycle else 0.0,
        decay_steps=max(1, n_updates - n_rising),
        warmup_target=peak,
        warmup_steps=n_rising,
    )
    return schedule if phase.accumulation == 1 else ByUpdate(schedule, phase.accumulation)


class ByUpdate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Asks a schedule by updates where Keras, as under gradient accumulation, counts batches: so many make an update."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, accumulation: int) -> None:
        self._schedule, self._accumulation = schedule, accumulation

    def __call__(self, step: Any) -> Any:
        return self._schedule(keras.ops.floor_divide(step, self._accumulation))


def is_kernel(variable: keras.Variable) -> bool:
    """Tell the kernel of a convolution or a dense layer from biases and normalisation."""
    return str(variable.path).endswith("kernel")


def build_optimizer(phase: Phase, n_updates: int, variables: Iterable[keras.Variable]) -> keras.Optimizer:
    """Build the optimizer of a phase of so many updates; weight decay leaves biases and normalisation alone."""
    common = {
        "learning_rate": learning_rate(phase, n_updates),
        "clipnorm": phase.clip_norm,
        "global_clipnorm": phase.global_clip_norm,
        "weight_decay": phase.weight_decay or None,
        "gradient_accumulation_steps": phase.accumulation if phase.accumulation > 1 else None,
    }
    if phase.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(momentum=phase.momentum, **common)
    elif phase.optimizer == "adam":
        optimizer = keras.optimizers.Adam(**common)
    else:
        optimizer = keras.optimizers.AdamW(**{**common, "weight_decay": phase.weight_decay})
    if phase.weight_decay:
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if not is_kernel(v)])
    return optimizer
