"""Batches for metric learning: some photos of each of some identities, those that look alike together."""

from typing import Any

import numpy as np

from car_recog.data.augment import Changes
from car_recog.data.pipeline import Batches, LoadedPhotos


class IdentityBatches(Batches):
    """Batches of a fixed size that hold up to `per_identity` photos of one identity after another.

    Batch `i` of epoch `e` depends on seed, `e` and `i` alone. Every second batch is hard: it gathers an identity and its neighbours.
    An identity with fewer photos gives those it has; with a single one it has no partner, but stands against the others.

    Args:
        photos: The photos; their labels are the identities.
        per_identity: Most photos of an identity in a batch.
        neighbours: Per identity the others, the most alike first, shape `(n_identities, k)`; None makes no batch hard.
        batch_size: As in `Batches`; so are `seed` and `augmentation`.
    """

    def __init__(
        self,
        photos: LoadedPhotos,
        *,
        batch_size: int,
        per_identity: int,
        seed: int,
        neighbours: np.ndarray | None = None,
        augmentation: Changes | None = None,
    ) -> None:
        super().__init__(photos, photos.labels, batch_size=batch_size, shuffle_seed=seed, augmentation=augmentation)
        self.per_identity, self.neighbours = per_identity, neighbours
        by_label = np.argsort(photos.labels, kind="stable")
        present, starts = np.unique(photos.labels[by_label], return_index=True)
        self._members: dict[int, np.ndarray] = dict(zip(present.tolist(), np.split(by_label, starts[1:]), strict=True))

    def _chosen(self, number: int) -> np.ndarray:
        rng = np.random.default_rng((self.shuffle_seed or 0, self.epoch, number, 1))
        identities = rng.permutation(list(self._members))
        if self.neighbours is not None and number % 2:
            near = self.neighbours[identities[0]]
            # Of the nearest only some, else an identity would meet the same few for ever.
            near = near[: 2 * self.batch_size // self.per_identity]
            near = near[rng.random(len(near)) < 0.7]
            identities = np.concatenate([identities[:1], near, identities[~np.isin(identities, near)][1:]])
        chosen: list[Any] = []
        for identity in identities.tolist():
            chosen.extend(rng.permutation(self._members[identity])[: self.per_identity])
            if len(chosen) >= self.batch_size:
                break
        return np.array(chosen[: self.batch_size])


def nearest_identities(features: np.ndarray, labels: np.ndarray, *, k: int) -> np.ndarray:
    """Find the identities whose mean features are most alike.

    Args:
        features: Shape `(n_photos, dim)`.
        labels: Identities, shape `(n_photos,)`.
        k: How many, fewer where there are not as many.

    Returns:
        Identities, the most alike first, shape `(n_identities, k)`; identities without photos are nobody's neighbours.
    """
    present = np.unique(labels)
    means = np.stack([features[labels == identity].mean(axis=0) for identity in present])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    cosines = means @ means.T
    np.fill_diagonal(cosines, -np.inf)
    k = min(k, len(present) - 1)
    rows = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    result = np.zeros((labels.max() + 1, k), int)
    result[present] = present[rows]
    return result
