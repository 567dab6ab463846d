"""Pairs whose photos are decoded, ready to be trained on or judged."""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from car_recog.data.augment import Changes
from car_recog.data.pairs import PairDataset
from car_recog.data.pipeline import LoadedPhotos
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError


@attrs.frozen
class LoadedPairs:
    """The pairs of a dataset whose photos could both be decoded.

    Args:
        photos: The distinct photos.
        kept: Places in the dataset of the pairs that are here, shape `(n,)`.
        first: Place of the first photo of each pair among the photos, shape `(n,)`.
        second: Place of the second one.
        is_genuine: Whether both show the same car, shape `(n,)`.
        identities: Number of the identity of both photos, shape `(n, 2)`.
    """

    photos: LoadedPhotos
    kept: np.ndarray
    first: np.ndarray
    second: np.ndarray
    is_genuine: np.ndarray
    identities: np.ndarray

    def __len__(self) -> int:
        return len(self.kept)

    def pair_up(self, photos: LoadedPhotos) -> LoadedPhotos:
        """Put pairs in the place of photos, or of the features that stand for them: what is read is `{"first": ..., "second": ...}`."""

        def read(chosen: np.ndarray) -> Any:
            return {"first": photos.read(self.first[chosen]), "second": photos.read(self.second[chosen])}

        labels = self.is_genuine.astype(np.int32)
        return LoadedPhotos(np.arange(len(self)), labels, photos.skipped, read, list)


def load_pairs(pairs: PairDataset, load: Callable[[ImageDataset], LoadedPhotos]) -> LoadedPairs:
    """Decode the photos of pairs, each once, by a function like `pipeline.load_photos`.

    Raises:
        DataError: No pair is left.
    """
    photos = load(pairs.images)
    place = np.full(len(pairs.images), -1)
    place[photos.kept] = np.arange(len(photos))
    first, second = place[pairs.first], place[pairs.second]
    kept = np.flatnonzero((first >= 0) & (second >= 0))
    if not len(kept):
        raise DataError("No pair is left whose photos could both be decoded." if len(pairs) else "There are no pairs.")
    first, second = first[kept], second[kept]
    identities = np.stack([photos.labels[first], photos.labels[second]], axis=1)
    return LoadedPairs(photos, kept, first, second, pairs.is_genuine[kept], identities)


class PairAugmentation:
    """Changes both photos of each pair as single photos are changed, by numbers of their own."""

    def __init__(self, augmentation: Changes) -> None:
        self._one = augmentation

    def draw(self, rng: np.random.Generator, n_pairs: int) -> np.ndarray:
        """Draw the random numbers of one batch: float32, shape `(n_pairs, 2 k)`."""
        return np.concatenate([self._one.draw(rng, n_pairs), self._one.draw(rng, n_pairs)], axis=1)

    def apply(self, pairs: Any, draws: Any) -> dict[str, Any]:
        """Change a batch of pairs by its draws."""
        half = draws.shape[1] // 2
        first, second = draws[:, :half], draws[:, half:]
        return {"first": self._one.apply(pairs["first"], first), "second": self._one.apply(pairs["second"], second)}

    def mix_labels(self, labels: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Leave labels as they are: the photos of pairs are not mixed."""
        return labels
