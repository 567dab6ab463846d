"""One phase of training: a network, batches and a phase -> rows of the history."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
import keras
import numpy as np

from car_recog.errors import OptionError, TrainingError
from car_recog.progress import progress_bar
from car_recog.training.batch_norm import trained_batch_norm
from car_recog.training.callbacks import AverageWeights, Record, ShowProgress, Watch
from car_recog.training.history import History
from car_recog.training.recipe import Phase, Recipe
from car_recog.training.schedules import PLATEAU_FACTOR, PLATEAU_PATIENCE, build_optimizer, is_kernel


class Augment(Protocol):
    """Changes a batch of photos by numbers that were drawn for it."""

    def apply(self, photos: Any, draws: Any) -> Any: ...


class EpochBatches(Protocol):
    """Batches of one epoch after the other; `epoch` says which."""

    epoch: int

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> tuple[Any, ...]: ...


class Endless(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of all epochs as one sequence.

    Keras would start a new reader for each epoch, and TensorFlow takes up to two seconds to end the old one.
    """

    num_batches = None

    def __init__(self, batches: EpochBatches, *, first_epoch: int = 0) -> None:
        super().__init__()
        self._batches, self._first_epoch = batches, first_epoch

    def __getitem__(self, place: int) -> tuple[Any, ...]:
        epoch, number = divmod(place, len(self._batches))
        self._batches.epoch = self._first_epoch + epoch
        return self._batches[number]


@attrs.frozen(kw_only=True)
class Task:
    """What is trained on what, over all phases.

    Args:
        loss: A Keras loss on what the network gives.
        metric: Makes the metric whose column is shown and watched.
        chance: The metric of a network that knows nothing, such as that of always answering the most frequent class.
        judges: Keras callbacks that add figures to the row of an epoch.
        monitor: The column that early stopping looks at; smaller is better.
        callbacks: Keras callbacks of the caller.
        has_progress: Whether progress is shown.
    """

    loss: keras.losses.Loss
    metric: Callable[[], keras.metrics.Metric]
    chance: float
    judges: Sequence[keras.callbacks.Callback] = ()
    monitor: str = "val_loss"
    callbacks: Sequence[keras.callbacks.Callback] = ()
    has_progress: bool = True


class TrainedNetwork(keras.Model):  # type: ignore[misc]
    """A network with what happens in training only: its photos are changed, its kernels cost. It is thrown away after the phase."""

    def __init__(self, network: keras.Model, augmentation: Augment | None, phase: Phase) -> None:
        super().__init__(name="training")
        self.network = network
        self._augmentation = augmentation
        self._penalty = keras.regularizers.L1L2(phase.l1, phase.l2) if phase.l1 or phase.l2 else None

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if isinstance(inputs, list | tuple):
            photos, draws = inputs
            inputs = self._augmentation.apply(photos, draws) if self._augmentation and training else photos
        if self._penalty and training:
            kernels = (self._penalty(v) for v in self.network.trainable_variables if is_kernel(v))
            self.add_loss(sum(kernels, start=keras.ops.zeros(())))
        return self.network(inputs, training=training)


def run_phase(
    network: keras.Model,
    phase: Phase,
    task: Task,
    history: History,
    *,
    recipe: Recipe,
    batches: EpochBatches,
    n_epochs: int,
    validation: keras.utils.PyDataset | None = None,
    n_watched: int,
    watched_from: int = 0,
    augmentation: Augment | None = None,
) -> None:
    """Train a network for one phase; rows are added to the history.

    Args:
        network: From photos, or features, to logits or embeddings. What is trainable has been set before.
        phase: How.
        task: Loss, callbacks and manners that all phases share.
        history: Receives a row per epoch.
        recipe: What holds over all phases: averaging and patience.
        batches: The training batches; photos come with draws where there is augmentation.
        n_epochs: Passes over the batches.
        validation: Validation batches without augmentation, or None.
        n_watched: Photos the watched metric is measured on.
        watched_from: The epoch, over all phases, from which on answers by chance are told of; half of this phase at least.
        augmentation: Applied to the photos inside the training step.

    Raises:
        TrainingError: Nothing is trainable, or the loss becomes infinite or no number.
        OptionError: Gradients are to be accumulated under a `tf.distribute` strategy.
    """
    variables = network.trainable_variables
    if not variables:
        raise TrainingError(f"Nothing is trainable in phase '{phase.name}'.")
    model, metric = TrainedNetwork(network, augmentation, phase), task.metric()
    phase = _fit_accumulation(phase, n_epochs * len(batches))
    optimizer = build_optimizer(phase, n_epochs * len(batches) // phase.accumulation, variables)
    model.compile(optimizer=optimizer, loss=task.loss, metrics=[metric])
    callbacks = [AverageWeights(recipe.averaging)] if recipe.averaging is not None else []
    callbacks += task.judges
    callbacks.append(Watch(metric.name, task.chance, n_watched, phase.name, first=max(n_epochs // 2, watched_from - len(history))))
    if recipe.patience:
        callbacks.append(keras.callbacks.EarlyStopping(task.monitor, patience=recipe.patience, mode="min", restore_best_weights=True))
    callbacks += [*task.callbacks, Record(history, phase.name)]
    if phase.schedule == "plateau":
        callbacks.append(keras.callbacks.ReduceLROnPlateau(task.monitor, factor=PLATEAU_FACTOR, patience=PLATEAU_PATIENCE, mode="min"))
    with trained_batch_norm(network), progress_bar(phase.name, n_epochs * len(batches), is_shown=task.has_progress) as advance:
        if task.has_progress:
            callbacks.append(ShowProgress(phase.name, advance))
        model.fit(
            Endless(batches, first_epoch=len(history)),
            steps_per_epoch=len(batches),
            validation_data=validation,
            epochs=n_epochs,
            verbose=0,
            shuffle=False,
            callbacks=callbacks,
        )


def _fit_accumulation(phase: Phase, n_batches: int) -> Phase:
    """Accumulate no more batches than the phase has, and refuse what Keras cannot."""
    if phase.accumulation > 1 and _is_distributed():  # github.com/keras-team/keras/issues/20582
        raise OptionError(
            f"Phase '{phase.name}' accumulates gradients, which Keras cannot do under a tf.distribute strategy. Raise batch_size instead."
        )
    return attrs.evolve(phase, accumulation=min(phase.accumulation, n_batches))


def _is_distributed() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.distribute.has_strategy())


def class_weights(labels: np.ndarray, n_classes: int, *, power: float) -> np.ndarray:
    """Weigh photos by the inverse frequency of their class to a power; the weights have mean 1.

    Args:
        labels: Class ids, shape `(n,)`.
        n_classes: Number of classes; those without photos weigh nothing.
        power: 0 weighs photos alike, 1 classes.

    Returns:
        One weight per photo, float32, shape `(n,)`.

    Example:
        >>> [round(float(weight), 3) for weight in class_weights(np.array([0, 0, 0, 1]), 2, power=1.0)]
        [0.667, 0.667, 0.667, 2.0]
    """
    counts = np.bincount(labels, minlength=n_classes)
    weights = counts[labels].astype(np.float64) ** -power
    return np.asarray(weights / weights.mean(), np.float32)
