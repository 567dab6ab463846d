"""What every training shares: what was asked for, the photos, the phases, the facts and the run folder."""

import datetime
import json
import platform
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import keras
import numpy as np

from car_recog._version import __version__
from car_recog.card import TrainingFacts
from car_recog.data.augment import Augmentation, Changes
from car_recog.data.images import Photo
from car_recog.data.pipeline import LoadedPhotos, as_photos, load_photos, photo_chunks
from car_recog.data.samples import ImageDataset
from car_recog.embeddings import FeatureCache, namespace, weights_digest
from car_recog.errors import OptionError
from car_recog.evaluation.plots import draw_history, save
from car_recog.evaluation.sheets import Tile, choose_labelled, shrink
from car_recog.network import BackboneConfig
from car_recog.progress import progress_bar
from car_recog.storage import is_vacant, write_text
from car_recog.training.freezing import freeze
from car_recog.training.history import History
from car_recog.training.loop import EpochBatches, Task, run_phase
from car_recog.training.memory import keep_freed_memory
from car_recog.training.recipe import Phase, Recipe

FEATURE_BATCH = 64
_BACKBONE_FACTS = tuple(field.name for field in attrs.fields(BackboneConfig))


@attrs.frozen(kw_only=True)
class Fit:
    """What a call of `fit` asks for: see `CarClassifier` and `SiameseVerifier`."""

    config: BackboneConfig
    weights: str | None
    loss: str | keras.losses.Loss
    recipe: Recipe
    seed: int = 0
    run_folder: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    callbacks: Sequence[keras.callbacks.Callback] = ()
    on_error: str = "skip"
    verbose: bool = True

    def check(self, *, has_validation: bool) -> None:
        """Raise for whatever of recipe and folder would only show after the first epoch."""
        recipe = self.recipe
        if recipe.needs_validation and not has_validation:
            reason = f"stops early (patience={recipe.patience})" if recipe.patience else "lowers its rate on a plateau"
            raise OptionError(f"The recipe '{recipe.name}' {reason}: give validation data to fit.")
        for phase in recipe.phases:
            Augmentation(self.config.image_size, phase.augmentation)
        if self.run_folder is not None and not is_vacant(self.run_folder):
            raise OptionError(f"run_folder '{self.run_folder}' is not empty. Name a new folder.")

    def check_freezing(self, stages: Sequence[list[keras.layers.Layer]]) -> None:
        """Raise where a phase names a layer that the backbone lacks, before any photo is decoded."""
        for phase in self.recipe.phases:
            freeze(stages, phase)

    def load(self, data: ImageDataset) -> LoadedPhotos:
        """Decode the photos of a dataset."""
        return load_fitted(self.config, data, on_error=self.on_error, verbose=self.verbose)


def load_fitted(config: BackboneConfig, data: ImageDataset, *, on_error: str, verbose: bool) -> LoadedPhotos:
    """Decode the photos of a dataset as a network takes them, with progress where it is wanted."""
    with progress_bar("decoding", len(data), is_shown=verbose) as advance:
        return load_photos(data, image_size=config.image_size, resize=config.resize, on_error=on_error, on_photo=advance)


def fitted_chunks(
    config: BackboneConfig, photos: "Photo | Sequence[Photo] | ImageDataset", *, on_error: str = "raise", verbose: bool = False
) -> Iterator[np.ndarray]:
    """Give photos of whatever kind as a network takes them, in chunks; those of a dataset come by way of the cache."""
    if isinstance(photos, ImageDataset):
        return load_fitted(config, photos, on_error=on_error, verbose=verbose).chunks(FEATURE_BATCH)
    return photo_chunks(as_photos(photos), FEATURE_BATCH, image_size=config.image_size, resize=config.resize)


@attrs.frozen(kw_only=True)
class Trainee:
    """What is trained, in the two forms a phase may take; they share weights.

    Args:
        whole: From photos to what the loss takes.
        head: From pooled features to the same.
        features: From photos to pooled features.
        stages: The layers of the backbone, in stages.
    """

    whole: keras.Model
    head: keras.Model
    features: keras.Model
    stages: list[list[keras.layers.Layer]]


def run_phases(
    fit: Fit,
    trainee: Trainee,
    task: Task,
    photos: LoadedPhotos,
    validation: LoadedPhotos | None,
    *,
    batches: Callable[[Phase, LoadedPhotos, Changes | None], EpochBatches],
    judged: Callable[[LoadedPhotos], keras.utils.PyDataset | None],
    n_items: int,
    n_watched: int,
    adapt: Callable[[Changes], Changes] = lambda changes: changes,
) -> History:
    """Run all phases of a recipe, each on photos or, where the backbone is frozen and nothing random lies before it, on features.

    Args:
        fit: What was asked for.
        trainee: What is trained.
        task: How it is judged and shown.
        photos: What it is trained on.
        validation: What each epoch is measured on.
        batches: Makes the batches of a phase from photos, or from features in their place.
        judged: Makes the validation batches.
        n_items: Photos or pairs in an epoch.
        n_watched: Photos or pairs that the watched metric is measured on.
        adapt: Turns changes of photos into changes of what `batches` gives.
    """
    history = History()
    n_epochs = [phase.count_epochs(n_items) for phase in fit.recipe.phases]
    for phase, n_own in zip(fit.recipe.phases, n_epochs, strict=True):
        is_frozen = freeze(trainee.stages, phase)
        model, seen, checked = trainee.whole, photos, validation
        augmentation: Changes | None = None
        if is_frozen and not phase.augmentation and phase.train_scale == 1.0:
            model, seen = trainee.head, as_features(fit.config, trainee.features, photos)
            checked = None if validation is None else as_features(fit.config, trainee.features, validation)
        else:
            size = fit.config.fit_size(phase.train_size(fit.config.image_size))
            # Photos that nothing changes are not resampled either.
            is_changing = bool(phase.augmentation) or size != fit.config.image_size
            augmentation = adapt(Augmentation(size, phase.augmentation)) if is_changing else None
        run_phase(
            model,
            phase,
            task,
            history,
            recipe=fit.recipe,
            batches=batches(phase, seen, augmentation),
            n_epochs=n_own,
            validation=None if checked is None else judged(checked),
            n_watched=n_watched,
            watched_from=sum(n_epochs) // 2,
            augmentation=augmentation,
        )
    freeze(trainee.stages, Phase(epochs=1))
    return history


def kept_answers(config: BackboneConfig, model: keras.Model, photos: LoadedPhotos) -> np.ndarray:
    """Pass every distinct photo through a model of this configuration once, those of earlier runs not at all: shape `(n, dim)`."""
    policy = keras.config.dtype_policy().name
    facts = config.embedding_facts() | {"output": model.name, "weights": weights_digest(model), "dtype_policy": policy}
    cache = FeatureCache(namespace(**facts), int(model.output.shape[-1]), facts=facts)
    return cache.embed(photos.keys, lambda places: model.predict_on_batch(photos.read(places)))


def photo_features(config: BackboneConfig, features: keras.Model, photos: LoadedPhotos) -> np.ndarray:
    """Give the pooled features of photos; they do not depend on what stands on the backbone."""
    backbone = BackboneConfig(**{name: getattr(config, name) for name in _BACKBONE_FACTS})
    return kept_answers(backbone, features, photos)


def as_features(config: BackboneConfig, features: keras.Model, photos: LoadedPhotos) -> LoadedPhotos:
    """Put features in the place of photos."""
    values = photo_features(config, features, photos)
    return attrs.evolve(photos, read=lambda chosen: values[chosen])


def label_photos(photos: LoadedPhotos, class_names: Sequence[str], *, seed: int) -> tuple[Tile, ...]:
    """Choose a few photos of each class for a sheet, with the class under each."""
    places = choose_labelled(photos.labels, seed=seed)
    chosen = zip(photos.read(places), photos.labels[places], strict=True)
    return tuple(Tile(shrink(photo), (class_names[label],)) for photo, label in chosen)


@contextmanager
def start_training(seed: int) -> Iterator[float]:
    """Seed Keras, whose first weights and dropout take the global seeds; Python's and NumPy's own states are put back.

    Yields:
        When it began, by `time.perf_counter()`.
    """
    start = time.perf_counter()
    keep_freed_memory()
    states = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield start
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def training_facts(
    fit: Fit,
    photos: LoadedPhotos,
    validation: LoadedPhotos | None,
    history: History,
    *,
    start: float,
    class_counts: Mapping[str, int],
    counts: Mapping[str, int],
) -> TrainingFacts:
    """Gather the facts of a training for configuration and model card; `start` is that of `start_training`."""
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
        class_counts=class_counts,
        n_train=len(photos),
        n_validation=len(validation) if validation else 0,
        n_skipped=len(photos.skipped) + (len(validation.skipped) if validation else 0),
        n_epochs=len(history),
        seconds=round(time.perf_counter() - start, 1),
        counts=counts,
    )


def fill_run_folder(fit: Fit, save_bundle: Callable[[Path], object], facts: TrainingFacts, history: History) -> None:
    """Write bundle, history, configuration and curves of a training into its run folder, where it has one."""
    folder = fit.run_folder
    if folder is None:
        return
    save_bundle(folder / "bundle")
    history.to_csv(folder / "history.csv")
    write_text(json.dumps({"network": fit.config.to_dict(), "training": attrs.asdict(facts)}, indent=1) + "\n", folder / "config.json")
    picture = folder / "history.png"
    draw(lambda: save(draw_history(history.history), picture), picture)


def draw(work: Callable[[], object], path: Path) -> None:
    """Draw a picture of a run, if pictures can be drawn."""
    try:
        work()
    except OptionError as error:  # matplotlib is optional, the training is not
        warnings.warn(f"{path.name} was not drawn. {error}", stacklevel=4)
