"""What happens between the steps of a training: the record, the watch, the average, the progress line."""

import math
import time
import warnings
from collections.abc import Callable

import keras
import numpy as np

from car_recog.errors import TrainingError
from car_recog.progress import say
from car_recog.training.history import History

Logs = dict[str, float]


class CollapseWarning(UserWarning):
    """The network answers the same whatever the photo."""


class Record(keras.callbacks.Callback):  # type: ignore[misc]
    """Appends a row per epoch to a history."""

    def __init__(self, history: History, phase: str) -> None:
        super().__init__()
        self._history, self._phase = history, phase
        self._before = len(history)
        self._start = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        rate = float(keras.ops.convert_to_tensor(self.model.optimizer.learning_rate))
        row: dict[str, float | int | str] = {"phase": self._phase, "epoch": self._before + epoch + 1}
        row["seconds"] = round(time.perf_counter() - self._start, 3)
        row["learning_rate"] = rate
        self._history.rows.append(row | {name: float(value) for name, value in (logs or {}).items() if name != "learning_rate"})


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops at a loss that is no number, and warns when a network that knew something answers by chance.

    Args:
        metric: Name of the metric that is watched, such as `accuracy`.
        chance: The metric of a network that knows nothing.
        n_photos: Photos the metric is measured on.
        phase: Name of the phase, for messages.
        first: The epoch of the phase from which on it ought to know something.
    """

    def __init__(self, metric: str, chance: float, n_photos: int, phase: str, *, first: int) -> None:
        super().__init__()
        self._metric = metric
        # Three standard errors, but few photos must not make a good figure look like chance.
        self._limit = chance + min(3 * math.sqrt(chance * (1 - chance) / n_photos), 0.1 * (1 - chance))
        self._phase, self._first = phase, max(2, first)
        self._has_warned = False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if logs and not math.isfinite(logs["loss"]):
            raise TrainingError(
                f"The loss became {logs['loss']} in phase '{self._phase}', batch {batch + 1}. "
                "Lower the learning rate, clip the gradient (global_clip_norm), or look at the loss function."
            )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        figure = (logs or {}).get(f"val_{self._metric}", (logs or {}).get(self._metric, 1.0))
        if epoch + 1 >= self._first and figure <= self._limit and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"Training has collapsed: after epoch {epoch + 1} of phase '{self._phase}' {self._metric} is {figure:.3f}, no better than "
                "chance. Lower the learning rate, let batch normalisation train, or train longer.",
                CollapseWarning,
                stacklevel=2,
            )


class AverageWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps an exponential average of all weights, moving statistics included, for validation and as the result.

    Source: Izmailov et al. 2018, arXiv:1803.05407, with an exponential average.
    """

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self._momentum = momentum
        self._averages: list[np.ndarray] = []
        self._own: list[np.ndarray] = []
        self._n = 0

    @property
    def _variables(self) -> list[keras.Variable]:
        return [v for v in self.model.variables if "float" in str(v.dtype)]

    def _values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._variables]

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        n_updates = int(self.model.optimizer.iterations)
        if n_updates == self._n:
            return  # gradients are being accumulated
        self._n, values = n_updates, self._values()
        # The first steps count fully, so that the start is forgotten as fast as the momentum allows.
        keep = min(self._momentum, 1 - 1 / self._n)
        old = self._averages or values
        self._averages = [keep * a + (1 - keep) * v for a, v in zip(old, values, strict=True)]

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if self._averages:
            self._own = self._values()
            self._assign(self._averages)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if self._own:
            self._assign(self._own)
            self._own = []

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._assign(self._averages)

    def _assign(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)


class ShowProgress(keras.callbacks.Callback):  # type: ignore[misc]
    """A line per epoch, and on a terminal a bar that says how long the phase still takes: `advance` is told of every batch."""

    def __init__(self, phase: str, advance: Callable[[int], None]) -> None:
        super().__init__()
        self._phase, self._advance = phase, advance

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._advance(1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate")
        say(f"{self._phase}  epoch {epoch + 1}/{self.params['epochs']}  {values}")
