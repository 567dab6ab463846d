"""From photos and a recipe to a trained network: everything is checked first, then the phases run."""

import datetime
import json
import platform
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import keras
import numpy as np

from car_recog._version import __version__
from car_recog.card import TrainingFacts
from car_recog.data.augment import Augmentation
from car_recog.data.pipeline import Batches, LoadedPhotos, load_photos
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError
from car_recog.evaluation.plots import draw_history, save
from car_recog.evaluation.sheets import Tile, choose_labelled, save_sheet, shrink
from car_recog.losses.named import classifier_loss, takes_one_hot
from car_recog.network import Network, NetworkConfig, build_network
from car_recog.progress import progress_bar
from car_recog.storage import atomic_file, is_vacant
from car_recog.training.freezing import freeze
from car_recog.training.history import History
from car_recog.training.linear import fit_logistic
from car_recog.training.loop import Task, class_weights, run_phase
from car_recog.training.memory import keep_freed_memory
from car_recog.training.presets import get_recipe
from car_recog.training.recipe import Phase, Recipe

_FEATURE_BATCH = 64


@attrs.frozen(kw_only=True)
class Fit:
    """What a call of `fit` asks for: see `CarClassifier`."""

    config: NetworkConfig
    weights: str | None
    loss: str | keras.losses.Loss
    recipe: Recipe = attrs.field(converter=get_recipe)
    seed: int
    run_folder: Path | None
    callbacks: Sequence[keras.callbacks.Callback]
    on_error: str
    verbose: bool


@attrs.frozen
class Fitted:
    """A network that was trained or loaded.

    Args:
        network: The network.
        facts: The facts of the training, for configuration and model card.
        history: The epochs; None where it was loaded.
        labelled: A few photos of the training with their classes; none where it was loaded.
    """

    network: Network
    facts: TrainingFacts
    history: History | None = None
    labelled: tuple[Tile, ...] = ()


def fit_network(fit: Fit, train: ImageDataset, val: ImageDataset | None) -> tuple[Fitted, History]:
    """Train a classifier's network. A sheet of labelled photos goes into the run folder before the first epoch."""
    loss = classifier_loss(fit.loss)
    val = check_fit(fit, train, val, is_one_hot=takes_one_hot(loss))
    start = time.perf_counter()
    keep_freed_memory()
    with _seeded(fit.seed):
        network = build_network(fit.config, n_classes=len(train.class_names), weights=fit.weights)
        for phase in fit.recipe.phases:
            freeze(network.stages, phase)  # an unknown layer shows before any photo is decoded
        photos, validation = _load(fit, train), None if val is None else _load(fit, val)
        labelled = label_photos(photos, train.class_names, seed=fit.seed)
        if fit.run_folder is not None:
            sheet = fit.run_folder / "photos.png"
            _draw(sheet, lambda: save_sheet(labelled, sheet))
        history = _Run(fit, network, loss, photos, validation, len(train.class_names)).run()
    seconds = time.perf_counter() - start
    facts = _facts(fit, train, photos, validation, history, seconds)
    return Fitted(network, facts, history, labelled), history


def check_fit(fit: Fit, train: ImageDataset, val: ImageDataset | None, *, is_one_hot: bool) -> ImageDataset | None:
    """Raise for whatever would only show after the first epoch. Returns the validation data with the classes of the training data."""
    if len(train.class_names) < 2:
        raise DataError(f"Training needs at least two classes; got {list(train.class_names)}.")
    if empty := [name for name, count in train.class_counts().items() if not count]:
        raise DataError(f"Classes without a training photo: {empty}. Leave them out of the class names or add photos.")
    recipe = fit.recipe
    if recipe.patience and val is None:
        raise OptionError(f"The recipe '{recipe.name}' stops early (patience={recipe.patience}): give validation data to fit.")
    for phase in recipe.phases:
        Augmentation(fit.config.image_size, phase.augmentation)
        if not is_one_hot and (recipe.label_smoothing or phase.augmentation.get("mixup")):
            raise OptionError("Label smoothing and mixup need a loss on one-hot labels: 'cross_entropy' or 'focal'.")
    if fit.run_folder is not None and not is_vacant(fit.run_folder):
        raise OptionError(f"run_folder '{fit.run_folder}' is not empty. Name a new folder.")
    return None if val is None else val.with_class_names(train.class_names)


class _Run:
    """The phases of one training, over photos that are loaded."""

    def __init__(
        self, fit: Fit, network: Network, loss: keras.losses.Loss, photos: LoadedPhotos, validation: LoadedPhotos | None, n_classes: int
    ) -> None:
        self.fit, self.network, self.photos, self.validation, self.n_classes = fit, network, photos, validation, n_classes
        self.is_one_hot = takes_one_hot(loss)
        chance = float(np.bincount(photos.labels).max() / len(photos))
        self.task = Task(loss=loss, is_one_hot=self.is_one_hot, chance=chance, callbacks=fit.callbacks, has_progress=fit.verbose)
        self.history = History()

    def run(self) -> History:
        recipe = self.fit.recipe
        if recipe.head_start and self.fit.config.head == "lean":
            kernel, bias = fit_logistic(
                self._features(self.photos), self.photos.labels, self.n_classes, l2=recipe.head_start, seed=self.fit.seed
            )
            self.network.head.get_layer("logits").set_weights([kernel, bias])
        for phase in recipe.phases:
            is_frozen = freeze(self.network.stages, phase)
            # Nothing random before the frozen backbone: its features are the same in every epoch.
            if is_frozen and not phase.augmentation and phase.train_scale == 1.0:
                judged = self.validation and self._as_features(self.validation)
                self._run_phase(phase, self.network.head, self._as_features(self.photos), judged)
            else:
                size = phase.train_size(self.fit.config.image_size)
                # Photos that nothing changes are not resampled either.
                is_changing = bool(phase.augmentation) or size != self.fit.config.image_size
                augmentation = Augmentation(size, phase.augmentation) if is_changing else None
                self._run_phase(phase, self.network.model, self.photos, self.validation, augmentation)
        freeze(self.network.stages, Phase(epochs=1))
        return self.history

    def _run_phase(
        self,
        phase: Phase,
        model: keras.Model,
        photos: LoadedPhotos,
        validation: LoadedPhotos | None,
        augmentation: Augmentation | None = None,
    ) -> None:
        recipe = self.fit.recipe
        weights = None
        if recipe.class_balance:
            weights = class_weights(photos.labels, self.n_classes, power=recipe.class_balance)
        batches = Batches(
            photos,
            self._targets(photos.labels, smoothing=recipe.label_smoothing),
            weights=weights,
            batch_size=phase.batch_size,
            shuffle_seed=self.fit.seed,
            augmentation=augmentation,
        )
        judged = None
        if validation is not None:
            judged = Batches(validation, self._targets(validation.labels), batch_size=_FEATURE_BATCH)
        run_phase(
            model,
            phase,
            self.task,
            self.history,
            recipe=recipe,
            batches=batches,
            n_epochs=phase.count_epochs(len(photos)),
            validation=judged,
            n_watched=len(validation or photos),
            augmentation=augmentation,
        )

    def _targets(self, labels: np.ndarray, *, smoothing: float = 0.0) -> np.ndarray:
        if not self.is_one_hot:
            return labels
        one_hot = np.eye(self.n_classes, dtype=np.float32)[labels]
        return np.asarray(one_hot * (1 - smoothing) + smoothing / self.n_classes, np.float32)

    def _features(self, photos: LoadedPhotos) -> np.ndarray:
        """Pass every photo through the backbone once: shape `(n, n_features)`."""
        return np.concatenate([self.network.features.predict_on_batch(chunk) for chunk in photos.chunks(_FEATURE_BATCH)])

    def _as_features(self, photos: LoadedPhotos) -> LoadedPhotos:
        features = self._features(photos)
        return attrs.evolve(photos, read=lambda chosen: features[chosen])


def label_photos(photos: LoadedPhotos, class_names: Sequence[str], *, seed: int) -> tuple[Tile, ...]:
    """Choose a few photos of each class for a sheet, with the class under each."""
    places = choose_labelled(photos.labels, seed=seed)
    chosen = zip(photos.read(places), photos.labels[places], strict=True)
    return tuple(Tile(shrink(photo), (class_names[label],)) for photo, label in chosen)


def _load(fit: Fit, data: ImageDataset) -> LoadedPhotos:
    with progress_bar("decoding", len(data), is_shown=fit.verbose) as advance:
        return load_photos(data, image_size=fit.config.image_size, resize=fit.config.resize, on_error=fit.on_error, on_photo=advance)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Keras, whose first weights and dropout take the global seeds; Python's and NumPy's own states are put back."""
    states = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _facts(
    fit: Fit, train: ImageDataset, photos: LoadedPhotos, validation: LoadedPhotos | None, history: History, seconds: float
) -> TrainingFacts:
    backend = keras.backend.backend()
    return TrainingFacts(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        versions={
            "car-recog": __version__,
            "keras": keras.__version__,
            backend: sys.modules[backend].__version__,
            "python": platform.python_version(),
        },
        recipe=fit.recipe.to_dict(),
        seed=fit.seed,
        weights="None" if fit.weights is None else Path(fit.weights).name,
        class_counts=train.class_counts(),
        n_train=len(photos),
        n_validation=len(validation) if validation else 0,
        n_skipped=len(photos.skipped) + (len(validation.skipped) if validation else 0),
        n_epochs=len(history),
        seconds=round(seconds, 1),
    )


def fill_run_folder(folder: Path, config: NetworkConfig, facts: TrainingFacts, history: History) -> None:
    """Write history, configuration and curves of a training into its run folder."""
    history.to_csv(folder / "history.csv")
    with atomic_file(folder / "config.json") as part:
        part.write_text(json.dumps({"network": config.to_dict(), "training": attrs.asdict(facts)}, indent=1) + "\n", "utf-8")
    picture = folder / "history.png"
    _draw(picture, lambda: save(draw_history(history.history), picture))


def _draw(path: Path, draw: Callable[[], object]) -> None:
    try:
        draw()
    except OptionError as error:  # matplotlib is optional, the training is not
        warnings.warn(f"{path.name} was not drawn. {error}", stacklevel=4)
