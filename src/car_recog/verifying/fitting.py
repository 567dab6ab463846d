"""From pairs, or from photos of identities, to a trained verifier: everything is checked first, then the phases run."""

import attrs
import keras
import numpy as np

from car_recog.card import TrainingFacts
from car_recog.cohort import Cohort, gather_cohort
from car_recog.data.augment import Changes
from car_recog.data.identities import IdentityBatches, nearest_identities
from car_recog.data.pair_loading import LoadedPairs, PairAugmentation, load_pairs
from car_recog.data.pairs import PairDataset
from car_recog.data.pipeline import Batches, LoadedPhotos
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError
from car_recog.evaluation.operating_points import equal_error_rate
from car_recog.heads import identity_head
from car_recog.losses.arcface import ArcFaceLoss
from car_recog.losses.named import OBJECTIVES, loss_name, metric_loss, pair_loss
from car_recog.prediction import answer
from car_recog.runs import FEATURE_BATCH, Fit, Trainee, photo_features, run_phases, start_training, training_facts
from car_recog.training.history import History
from car_recog.training.loop import Task
from car_recog.training.metrics import identity_accuracy, pair_accuracy, recall_at_1
from car_recog.training.recipe import Phase
from car_recog.verifying.embedder import Embedder, EmbedderConfig, build_embedder

_NEIGHBOURS = 64


@attrs.frozen
class FittedVerifier:
    """A verifier's network that was trained or loaded.

    Args:
        config: What was built.
        embedder: The network.
        goal: What training made small: the name of a loss.
        facts: The facts of the training, for configuration and model card.
        history: The epochs; none where it was loaded.
        cohort: What scales the cosines; None where nothing does.
    """

    config: EmbedderConfig
    embedder: Embedder
    goal: str
    facts: TrainingFacts
    history: History = attrs.field(factory=History)
    cohort: Cohort | None = None

    def score(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Score pairs of embeddings, both `(n_pairs, embedding_dim)`: float32 `(n_pairs,)`, the same for both orders."""
        return self.embedder.score(first, second) if self.cohort is None else self.cohort.score(first, second)


def fit_verifier(
    fit: Fit, config: EmbedderConfig, train: PairDataset | ImageDataset, val: PairDataset | None, objective: str | keras.losses.Loss | None
) -> FittedVerifier:
    """Train on photos of identities, or on pairs; for arguments and errors see `SiameseVerifier.fit`."""
    if isinstance(train, ImageDataset):
        return fit_identities(fit, config, train, val, next(iter(OBJECTIVES)) if objective is None else objective)
    if objective is not None:
        raise OptionError("An objective is for photos of identities; pairs train the pair head by the loss of the constructor.")
    return fit_pairs(fit, config, train, val)


def fit_pairs(fit: Fit, config: EmbedderConfig, train: PairDataset, val: PairDataset | None) -> FittedVerifier:
    """Train the pair head, and the backbone in phases that do not freeze it; for errors see `SiameseVerifier.fit`."""
    loss = pair_loss(fit.loss)
    if len(set(train.is_genuine.tolist())) < 2:
        raise DataError("Training on pairs needs genuine and impostor pairs; all of these are of one kind.")
    fit.check(has_validation=val is not None)
    if fit.recipe.is_mixing:
        raise OptionError("Pairs cannot be mixed: leave mixup out of the augmentation.")
    with start_training(fit.seed) as start:
        embedder = build_embedder(config, weights=fit.weights)
        fit.check_freezing(embedder.stages)
        pairs, judged = load_pairs(train, fit.load), None if val is None else load_pairs(val, fit.load)
        history = _run_pairs(fit, embedder, loss, pairs, judged)
    facts = _facts(fit, pairs.photos, judged, history, start, n_pairs=len(pairs), n_genuine=int(pairs.is_genuine.sum()))
    return FittedVerifier(config, embedder, loss_name(fit.loss), facts, history)


def fit_identities(
    fit: Fit, config: EmbedderConfig, train: ImageDataset, val: PairDataset | None, objective: str | keras.losses.Loss
) -> FittedVerifier:
    """Train embeddings by metric learning: photos of one identity near each other, those of others apart."""
    loss = metric_loss(objective)
    counts = np.bincount(train.labels, minlength=1)
    if (counts > 0).sum() < 2 or counts.max() < 2:
        raise DataError(
            "Metric learning needs two identities or more, one of them with two photos or more; got "
            f"{len(train)} photos of {(counts > 0).sum()} identities, {counts.max()} of one at most."
        )
    fit.check(has_validation=val is not None)
    if fit.recipe.is_mixing:
        raise OptionError("Metric learning cannot mix photos of different cars: leave mixup out of the augmentation.")
    with start_training(fit.seed) as start:
        embedder = build_embedder(config, weights=fit.weights)
        fit.check_freezing(embedder.stages)
        photos, judged = fit.load(train), None if val is None else load_pairs(val, fit.load)
        history = _run_identities(fit, embedder, loss, photos, judged)

    def embed(places: np.ndarray) -> np.ndarray:
        return answer(embedder.model, photos.chunks(FEATURE_BATCH, places))

    cohort = gather_cohort(photos.labels, embed, seed=fit.seed) if config.local_scaling else None
    facts = _facts(fit, photos, judged, history, start, n_identities=len(np.unique(photos.labels)))
    return FittedVerifier(config, embedder, loss_name(objective), facts, history, cohort)


def _run_pairs(fit: Fit, embedder: Embedder, loss: keras.losses.Loss, pairs: LoadedPairs, judged: LoadedPairs | None) -> History:
    share = float(pairs.is_genuine.mean())
    task = Task(loss=loss, metric=pair_accuracy, chance=max(share, 1 - share), callbacks=fit.callbacks, has_progress=fit.verbose)
    watched = judged or pairs

    def batches(phase: Phase, seen: LoadedPhotos, augmentation: Changes | None) -> Batches:
        items = pairs.pair_up(seen)
        return Batches(items, items.labels, batch_size=phase.batch_size, shuffle_seed=fit.seed, augmentation=augmentation)

    def checked(seen: LoadedPhotos) -> Batches:
        items = watched.pair_up(seen)
        return Batches(items, items.labels, batch_size=FEATURE_BATCH)

    trainee = Trainee(
        whole=embedder.join(embedder.plain), head=embedder.join(embedder.head), features=embedder.features, stages=embedder.stages
    )
    return run_phases(
        fit,
        trainee,
        task,
        pairs.photos,
        judged.photos if judged else None,
        batches=batches,
        judged=checked,
        n_items=len(pairs),
        n_watched=len(watched),
        adapt=PairAugmentation,
    )


def _run_identities(fit: Fit, embedder: Embedder, loss: keras.losses.Loss, photos: LoadedPhotos, judged: LoadedPairs | None) -> History:
    # Counted anew: identities without photos would be learned from nothing.
    present, labels = np.unique(photos.labels, return_inverse=True)
    photos = attrs.evolve(photos, labels=labels.astype(np.int32))
    features = photo_features(fit.config, embedder.features, photos)
    spread = features.std(axis=0) + 1e-3
    neighbours = nearest_identities((features - features.mean(axis=0)) / spread, photos.labels, k=_NEIGHBOURS)

    def batches(phase: Phase, seen: LoadedPhotos, augmentation: Changes | None) -> IdentityBatches:
        return IdentityBatches(
            seen,
            batch_size=phase.batch_size,
            per_identity=phase.per_identity,
            seed=fit.seed,
            neighbours=neighbours if phase.hard_batches else None,
            augmentation=augmentation,
        )

    per_identity = min(phase.per_identity for phase in fit.recipe.phases)
    batch_size = min(min(phase.batch_size for phase in fit.recipe.phases), len(photos))
    n_watched, metric, chance = batch_size, recall_at_1, (per_identity - 1) / max(batch_size - 1, 1)
    towers = [embedder.plain, embedder.head]
    if isinstance(loss, ArcFaceLoss):
        n_watched, metric, chance = len(photos), identity_accuracy, 1 / len(present)
        towers = _with_directions(towers, n_identities=len(present))
    task = Task(
        loss=loss,
        metric=metric,
        chance=chance,
        judges=[] if judged is None else [JudgePairs(embedder, judged)],
        monitor="val_eer",
        callbacks=fit.callbacks,
        has_progress=fit.verbose,
    )
    trainee = Trainee(whole=towers[0], head=towers[1], features=embedder.features, stages=embedder.stages)
    return run_phases(fit, trainee, task, photos, None, batches=batches, judged=lambda _: None, n_items=len(photos), n_watched=n_watched)


def _with_directions(towers: list[keras.Model], *, n_identities: int) -> list[keras.Model]:
    """Lead towers that end in an embedding on to its cosines with the directions of all identities, which they share."""
    directions = identity_head(n_identities, embedding_dim=int(towers[0].output.shape[-1]))
    return [keras.Model(tower.input, directions(tower.output), name=tower.name) for tower in towers]


class JudgePairs(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds the equal error rate on validation pairs to the row of each epoch, as `val_eer`; cosines are not scaled yet."""

    def __init__(self, embedder: Embedder, pairs: LoadedPairs) -> None:
        super().__init__()
        self._embedder, self._pairs = embedder, pairs

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        pairs = self._pairs
        embeddings = answer(self._embedder.plain, pairs.photos.chunks(FEATURE_BATCH))
        if logs is not None and np.isfinite(embeddings).all():
            scores = self._embedder.score(embeddings[pairs.first], embeddings[pairs.second])
            logs["val_eer"] = equal_error_rate(scores, pairs.is_genuine).eer


def _facts(fit: Fit, photos: LoadedPhotos, judged: LoadedPairs | None, history: History, start: float, **counts: int) -> TrainingFacts:
    return training_facts(fit, photos, judged.photos if judged else None, history, start=start, class_counts={}, counts=counts)
