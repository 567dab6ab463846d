"""From photos and a recipe to a trained classifier: everything is checked first, then the phases run."""

import attrs
import keras
import numpy as np

from car_recog.card import TrainingFacts
from car_recog.classifying.known_classes import KnownClasses, know, to_unit_length
from car_recog.data.augment import Changes
from car_recog.data.pipeline import Batches, LoadedPhotos
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError
from car_recog.evaluation.class_calibration import ClassCalibration
from car_recog.evaluation.sheets import Tile, save_sheet
from car_recog.losses.named import classifier_loss, takes_one_hot
from car_recog.network import Network, NetworkConfig, build_network
from car_recog.prediction import answer
from car_recog.runs import FEATURE_BATCH, Fit, Trainee, draw, label_photos, photo_features, run_phases, start_training, training_facts
from car_recog.training.history import History
from car_recog.training.linear import fit_logistic
from car_recog.training.loop import Task, class_weights
from car_recog.training.recipe import Phase

# Means of classes need no more photos than this of each, and of all together about that many.
MEAN_PHOTOS = 100
_LEAST_MEAN_PHOTOS = 5
_ALL_MEAN_PHOTOS = 5_000


@attrs.frozen
class Fitted:
    """A network that was trained or loaded.

    Args:
        network: The network.
        trained: The classes of its logits.
        known: The classes that it answers with now: others where some were enrolled or removed.
        facts: The facts of the training, for configuration and model card.
        history: The epochs; none where it was loaded.
        labelled: A few photos of the training with their classes; none where it was loaded.
        calibrations: Of the network's logits, and of the similarities to the means of classes; None before `calibrate`, or where the one
            that is not in use cannot reach what was asked for.
    """

    network: Network
    trained: KnownClasses
    known: KnownClasses
    facts: TrainingFacts
    history: History = attrs.field(factory=History)
    labelled: tuple[Tile, ...] = ()
    calibrations: tuple[ClassCalibration | None, ClassCalibration | None] = (None, None)

    @property
    def has_prototypes(self) -> bool:
        """Whether classes were enrolled or removed, so that all are scored by their means."""
        return self.known.names != self.trained.names

    @property
    def calibration_in_use(self) -> ClassCalibration | None:
        """The calibration of the way of answering in use."""
        return self.calibrations[self.has_prototypes]


def fit_network(fit: Fit, config: NetworkConfig, train: ImageDataset, val: ImageDataset | None) -> Fitted:
    """Train a classifier's network. A sheet of labelled photos goes into the run folder before the first epoch."""
    val = check_fit(fit, train, val)
    with start_training(fit.seed) as start:
        network = build_network(config, n_classes=len(train.class_names), weights=fit.weights)
        fit.check_freezing(network.stages)
        photos, validation = fit.load(train), None if val is None else fit.load(val)
        labelled = label_photos(photos, train.class_names, seed=fit.seed)
        if fit.run_folder is not None:
            sheet = fit.run_folder / "photos.png"
            draw(lambda: save_sheet(labelled, sheet), sheet)
        history = _train(fit, network, photos, validation)
    known = _known(network, train, photos, seed=fit.seed)
    n_cropped = sum(sample.crop is not None for sample in train.samples)
    counts = {"n_cropped": n_cropped} if n_cropped else {}
    facts = training_facts(fit, photos, validation, history, start=start, class_counts=train.class_counts(), counts=counts)
    return Fitted(network, known, known, facts, history, labelled)


def _known(network: Network, train: ImageDataset, photos: LoadedPhotos, *, seed: int) -> KnownClasses:
    """Place the classes in the embedding, by so many photos of each that the time is bounded."""
    most = min(MEAN_PHOTOS, max(_LEAST_MEAN_PHOTOS, _ALL_MEAN_PHOTOS // len(train.class_names)))
    order = np.random.default_rng(seed).permutation(len(photos))
    order = order[np.argsort(photos.labels[order], kind="stable")]
    labels = photos.labels[order]
    rank = np.arange(len(labels)) - np.searchsorted(labels, labels)
    places = np.sort(order[rank < most])
    features = answer(network.features, photos.chunks(FEATURE_BATCH, places))
    return know(train, to_unit_length(features), photos.labels[places])


def check_fit(fit: Fit, train: ImageDataset, val: ImageDataset | None) -> ImageDataset | None:
    """Raise for whatever would only show after the first epoch. Returns the validation data with the classes of the training data."""
    if len(train.class_names) < 2:
        raise DataError(f"Training needs at least two classes; got {list(train.class_names)}.")
    if empty := [name for name, count in train.class_counts().items() if not count]:
        raise DataError(f"Classes without a training photo: {empty}. Leave them out of the class names or add photos.")
    fit.check(has_validation=val is not None)
    if not takes_one_hot(classifier_loss(fit.loss)) and (fit.recipe.label_smoothing or fit.recipe.is_mixing):
        raise OptionError("Label smoothing and mixup need a loss on one-hot labels: 'cross_entropy' or 'focal'.")
    return None if val is None else val.with_class_names(train.class_names)


def _train(fit: Fit, network: Network, photos: LoadedPhotos, validation: LoadedPhotos | None) -> History:
    recipe, loss, n_classes = fit.recipe, classifier_loss(fit.loss), int(network.model.output.shape[-1])
    is_one_hot = takes_one_hot(loss)
    if recipe.head_start and network.has_lean_head:
        features = photo_features(fit.config, network.features, photos)
        start = fit_logistic(features, photos.labels, n_classes, l2=recipe.head_start, seed=fit.seed)
        network.head.get_layer("logits").set_weights(list(start))

    def targets(labels: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
        if not is_one_hot:
            return labels
        one_hot = np.eye(n_classes, dtype=np.float32)[labels]
        return np.asarray(one_hot * (1 - smoothing) + smoothing / n_classes, np.float32)

    def batches(phase: Phase, seen: LoadedPhotos, augmentation: Changes | None) -> Batches:
        weights = class_weights(seen.labels, n_classes, power=recipe.class_balance) if recipe.class_balance else None
        wanted = targets(seen.labels, recipe.label_smoothing)
        return Batches(seen, wanted, weights=weights, batch_size=phase.batch_size, shuffle_seed=fit.seed, augmentation=augmentation)

    accuracy = keras.metrics.CategoricalAccuracy if is_one_hot else keras.metrics.SparseCategoricalAccuracy
    task = Task(
        loss=loss,
        metric=lambda: accuracy(name="accuracy"),
        chance=float(np.bincount(photos.labels).max() / len(photos)),
        callbacks=fit.callbacks,
        has_progress=fit.verbose,
    )
    return run_phases(
        fit,
        Trainee(whole=network.model, head=network.head, features=network.features, stages=network.stages),
        task,
        photos,
        validation,
        batches=batches,
        judged=lambda checked: Batches(checked, targets(checked.labels), batch_size=FEATURE_BATCH),
        n_items=len(photos),
        n_watched=len(validation or photos),
    )
