import keras
import numpy as np
import pytest

from car_recog.errors import OptionError, TrainingError
from car_recog.training.callbacks import CollapseWarning
from car_recog.training.history import History
from car_recog.training.loop import Task, class_weights, run_phase
from car_recog.training.recipe import Phase, Recipe


class ArrayBatches(keras.utils.PyDataset):
    """Batches of arrays in order."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int = 16) -> None:
        super().__init__()
        self.x, self.y, self.batch_size, self.epoch, self.reads = x, y, batch_size, 0, []

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        self.reads.append((self.epoch, number))
        chosen = slice(number * self.batch_size, (number + 1) * self.batch_size)
        return self.x[chosen], self.y[chosen]


@pytest.fixture
def toy() -> tuple[np.ndarray, np.ndarray]:
    keras.utils.set_random_seed(0)
    labels = np.arange(64) % 2
    return (labels[:, None] * 2 - 1 + np.random.default_rng(0).normal(size=(64, 4)) * 0.1).astype("float32"), labels


def accuracy() -> keras.metrics.Metric:
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


def network() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])


def train(model: keras.Model, batches: ArrayBatches, *, n_epochs: int = 4, callbacks=(), recipe=None, validation=None, **phase) -> History:
    history = History()
    task = Task(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metric=accuracy,
        chance=0.5,
        callbacks=callbacks,
        has_progress=False,
    )
    phase = Phase(name="toy", epochs=n_epochs, **phase)
    recipe = recipe or Recipe(phases=[phase])
    run_phase(model, phase, task, history, recipe=recipe, batches=batches, n_epochs=n_epochs, validation=validation, n_watched=64)
    return history


def test_a_phase_learns_and_is_recorded(toy) -> None:
    batches = ArrayBatches(*toy)

    history = train(network(), batches, learning_rate=0.1, schedule="constant", validation=ArrayBatches(*toy))

    assert history.history["val_accuracy"][-1] == 1.0
    assert history.history["epoch"] == [1, 2, 3, 4]
    assert history.history["learning_rate"] == pytest.approx([0.1] * 4)
    assert history.phases == ["toy"]
    # Keras looks at two batches for their shapes first, and reads some beyond the last epoch.
    assert batches.reads[2:18] == [(epoch, number) for epoch in range(4) for number in range(4)]


def test_a_second_phase_counts_on(toy) -> None:
    history, batches = History(), {name: ArrayBatches(*toy) for name in ("first", "second")}
    task = Task(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metric=accuracy, chance=0.5, has_progress=False)
    phases = [Phase(name=name, epochs=n, learning_rate=0.1) for name, n in (("first", 2), ("second", 1))]

    model = network()
    for phase in phases:
        options = {"recipe": Recipe(phases=phases), "n_epochs": phase.epochs, "n_watched": 64}
        run_phase(model, phase, task, history, batches=batches[phase.name], **options)

    assert [(row["phase"], row["epoch"]) for row in history.rows] == [("first", 1), ("first", 2), ("second", 3)]
    assert batches["second"].reads[2:6] == [(2, number) for number in range(4)]


def test_each_validation_sees_every_photo_once(toy) -> None:
    x, y = toy
    seen = ArrayBatches(x[:25], np.arange(25) // 16)  # sixteen photos of class 0, then a smaller batch of nine of class 1
    model = network()
    model.layers[-1].set_weights([np.zeros((4, 2), "float32"), np.array([1.0, 0.0], "float32")])

    history = train(model, ArrayBatches(x, y), n_epochs=3, validation=seen, learning_rate=1e-12, schedule="constant")

    loss = np.log(1 + np.exp(-1.0))  # of a logit that is 1 above the other, and rightly so
    assert history.history["val_loss"] == pytest.approx([(16 * loss + 9 * (loss + 1)) / 25] * 3, abs=1e-6)
    assert history.history["val_accuracy"] == pytest.approx([16 / 25] * 3)


def test_a_loss_that_is_no_number_stops_at_once(toy) -> None:
    x, y = toy
    x[20] = np.nan

    with pytest.raises(TrainingError, match=r"The loss became nan in phase 'toy', batch 2\. Lower the learning rate"):
        train(network(), ArrayBatches(x, y))


def test_a_network_at_chance_is_reported(toy) -> None:
    x, y = toy

    with pytest.warns(CollapseWarning, match="Training has collapsed: after epoch 2 of phase 'toy' accuracy is 0.500"):
        train(network(), ArrayBatches(np.zeros_like(x), y))


def test_early_stopping_restores_the_best_weights(toy) -> None:
    x, y = toy
    wrong = ArrayBatches(x, 1 - y)
    model = network()
    start = [np.array(w) for w in model.get_weights()]
    recipe = Recipe(phases=[Phase(epochs=50)], patience=2)

    history = train(model, ArrayBatches(x, y), n_epochs=50, recipe=recipe, validation=wrong, learning_rate=0.05, schedule="constant")

    assert len(history) == 3
    assert np.abs(model.get_weights()[0] - start[0]).max() < 0.05 * 4 * 1.5


def test_averages_are_validated_and_kept(toy) -> None:
    plain, averaged = network(), network()
    averaged.set_weights(plain.get_weights())
    seen = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(np.array(averaged.get_weights()[0])))
    options = {"n_epochs": 2, "learning_rate": 0.1, "schedule": "constant"}

    train(plain, ArrayBatches(*toy), **options)
    train(averaged, ArrayBatches(*toy), recipe=Recipe(phases=[Phase(epochs=2)], averaging=0.5), callbacks=[watch], **options)

    expected = seen[0]
    for step, weights in enumerate(seen[1:], 2):
        keep = min(0.5, 1 - 1 / step)
        expected = keep * expected + (1 - keep) * weights
    np.testing.assert_allclose(seen[-1], plain.get_weights()[0], rtol=1e-5)
    np.testing.assert_allclose(averaged.get_weights()[0], expected, rtol=1e-5)


@pytest.mark.parametrize("averaging", [None, 0.5])
def test_four_batches_of_8_accumulated_equal_one_of_32(averaging: float | None) -> None:
    keras.utils.set_random_seed(0)
    x, y = np.random.default_rng(0).normal(size=(320, 4)).astype("float32"), np.arange(320) % 2
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(2)])
    start = model.get_weights()
    phase = {"n_epochs": 1, "optimizer": "sgd", "schedule": "one_cycle", "learning_rate": 0.5, "weight_decay": 0.1, "l2": 0.01}
    recipe = Recipe(phases=[Phase(epochs=1)], averaging=averaging)

    ends = []
    for batch_size, accumulation in ((32, 1), (8, 4), (8, 1)):
        model.set_weights(start)
        train(model, ArrayBatches(x, y, batch_size), recipe=recipe, accumulation=accumulation, **phase)
        ends.append(model.get_weights())

    whole, accumulated, small = (np.concatenate([weights.ravel() for weights in end]) for end in ends)
    np.testing.assert_allclose(accumulated, whole, rtol=0, atol=1e-5)
    assert np.abs(small - whole).max() > 0.01


def test_one_cycle_peaks_at_the_right_update_under_accumulation(toy) -> None:
    rates, model = [], network()
    watch = keras.callbacks.Callback()
    watch.on_train_batch_begin = lambda batch, logs=None: rates.append(float(watch.model.optimizer.learning_rate))

    train(model, ArrayBatches(*toy, 8), n_epochs=5, accumulation=4, schedule="one_cycle", learning_rate=1.0, callbacks=[watch])

    falling = [0.5 + 0.5 * np.cos(np.pi * n / 7) for n in range(7)]
    expected = [1 / 25, 1 / 25 + 0.32, 1 / 25 + 0.64, *falling]  # 10 updates, the peak at 30 percent
    np.testing.assert_allclose(rates, np.repeat(expected, 4), atol=1e-6)


def test_a_phase_of_fewer_batches_than_are_accumulated_makes_one_update(toy) -> None:
    model = network()
    start = model.get_weights()

    train(model, ArrayBatches(*toy), n_epochs=1, accumulation=9, schedule="constant")

    # The first step of Adam is as long as its rate; decay is 0.
    np.testing.assert_allclose(np.abs(model.get_weights()[0] - start[0]), np.full((4, 2), 1e-3), rtol=1e-3)


def test_accumulation_under_a_distribution_strategy_is_refused(toy) -> None:
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope(), pytest.raises(OptionError, match="under a tf.distribute strategy"):
        train(network(), ArrayBatches(*toy), accumulation=2)


def test_kernels_cost_in_the_training_loss_alone() -> None:
    model = network()
    model.set_weights([np.array([[1.0, -2.0]] * 4, "float32"), np.zeros(2, "float32")])
    silent = ArrayBatches(np.zeros((16, 4), "float32"), np.arange(16) % 2)  # no photo tells the kernel anything

    history = train(
        model, silent, n_epochs=1, validation=silent, optimizer="sgd", schedule="constant", learning_rate=0.1, l1=0.5, l2=0.25
    )

    np.testing.assert_allclose(model.get_weights()[0], [[1.0 - 0.1 * (0.5 + 0.5), -2.0 + 0.1 * (0.5 + 1.0)]] * 4, rtol=1e-6)
    assert history.history["loss"] == pytest.approx([np.log(2) + 0.5 * 12 + 0.25 * 20])
    assert history.history["val_loss"] == pytest.approx([np.log(2)])


def test_the_rate_falls_to_a_fifth_after_three_epochs_without_progress(toy) -> None:
    model = network()
    model.set_weights([np.array([[-1.0, 1.0]] * 4, "float32"), np.zeros(2, "float32")])  # right already

    history = train(model, ArrayBatches(*toy), n_epochs=6, validation=ArrayBatches(*toy), schedule="plateau", learning_rate=1e-9)

    assert history.history["learning_rate"] == pytest.approx([1e-9] * 4 + [2e-10] * 2)


def test_nothing_trainable_raises(toy) -> None:
    model = network()
    model.trainable = False

    with pytest.raises(TrainingError, match="Nothing is trainable in phase 'toy'"):
        train(model, ArrayBatches(*toy))


def test_class_weights_have_mean_one_and_balance_classes() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])

    weights = class_weights(labels, 4, power=1.0)

    assert weights.mean() == pytest.approx(1.0)
    assert [weights[labels == c].sum() for c in range(3)] == pytest.approx([10 / 3] * 3)
    assert class_weights(labels, 4, power=0.0).tolist() == [1.0] * 10


def test_batch_normalisation_trains_by_the_fused_kernel_and_is_what_it_was_afterwards() -> None:
    norm = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((4, 4, 3)), norm, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append("call" in vars(norm)))

    train(model, ArrayBatches(np.zeros((32, 4, 4, 3), "float32"), np.arange(32) % 2), n_epochs=1, callbacks=[callback])

    assert seen == [True]
    assert "call" not in vars(norm)
