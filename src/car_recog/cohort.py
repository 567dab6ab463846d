"""How near other cars are to a photo: the measure by which the similarity of two photos is told."""

from collections.abc import Callable

import attrs
import numpy as np

MAX_CARS = 1024
_NEAREST = 5
_LEAST = 0.02  # squared distance, so that rounding stays below 1e-5 of a score, even where a network finds all cars alike
_ROWS = 4096


@attrs.frozen(eq=False)
class Cohort:
    """Cars that a verifier was trained on, and what the cosine of two photos means beside them.

    A cosine of 0.8 says much of two yellow cars and little of two black ones, of which there are more. So the distance of two photos is
    divided by how far each of them is from the cars nearest to it in the cohort. The score is `exp(-(1 - cosine) / (reach_a reach_b))`, a
    Gaussian of the distance whose width is the reach of the photos: 1 for equal embeddings, which nothing exceeds, and 0.61 where two
    photos are as far apart as either is from its nearest strangers.

    Args:
        means: The mean embedding of each car, of unit length, float32 `(n_cars, dim)`.

    Example:
        >>> cohort = Cohort(np.array([[1, 0, 0], [0, 1, 0]], np.float32))
        >>> photos = np.array([[0, 0, 1], [0, 0, -1]], np.float32)     # both cars are at a distance of sqrt(2), which is their reach
        >>> cohort.reach(photos).round(3), cohort.score(photos[:1], photos[1:]).round(3)     # exp(-2 / 2)
        (array([1.414, 1.414], dtype=float32), array([0.368], dtype=float32))

    Source: Zelnik-Manor and Perona, NIPS 2004, equation 2 (local scaling), the exponent halved as in a Gaussian, with the mean over a few
    neighbours of Jegou et al., CVPR 2007 (contextual dissimilarity), and with cars that were set aside beforehand, as score normalization
    in speaker verification has them, in the place of the photos that are compared: so a score depends on two photos alone.
    """

    means: np.ndarray

    def reach(self, embeddings: np.ndarray) -> np.ndarray:
        """Tell how far embeddings `(n, dim)` of unit length are from their nearest cars: the root of the mean squared distance, `(n,)`."""
        found = np.empty(len(embeddings), np.float32)
        k = min(_NEAREST, len(self.means))
        for start in range(0, len(embeddings), _ROWS):
            # In float64 and rounded once: in float32 the last digit would depend on the rows around.
            cosines = embeddings[start : start + _ROWS].astype(np.float64) @ self.means.T.astype(np.float64)
            nearest = np.partition(cosines, cosines.shape[1] - k, axis=1)[:, -k:]
            found[start : start + _ROWS] = np.sqrt(np.maximum(2 - 2 * nearest.mean(axis=1), _LEAST))
        return found

    def score(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Score pairs of embeddings, both `(n_pairs, dim)`: float32 `(n_pairs,)`, the same for both orders."""
        return np.asarray(np.exp(log_scores((first * second).sum(axis=1), 1 / self.reach(first), 1 / self.reach(second))))


def log_scores(cosines: np.ndarray, scales: np.ndarray, other_scales: np.ndarray) -> np.ndarray:
    """Give the logarithms of scores from cosines and the inverse reaches of both photos, never above 0."""
    return np.asarray(np.minimum(cosines - 1, 0) * (scales * other_scales))


def gather_cohort(labels: np.ndarray, embed: Callable[[np.ndarray], np.ndarray], *, seed: int) -> Cohort:
    """Take the cars of a training as cohort; of more than `MAX_CARS` as many drawn at random, and no photo of another is embedded.

    Args:
        labels: The identities of its photos, shape `(n_photos,)`.
        embed: From places among the photos, shape `(k,)`, to their embeddings `(k, dim)`.
        seed: Seed of the draw.
    """
    present = np.unique(labels)
    if len(present) > MAX_CARS:
        present = np.sort(np.random.default_rng(seed).choice(present, MAX_CARS, replace=False))
    places = np.flatnonzero(np.isin(labels, present))
    embeddings, labels = embed(places), labels[places]
    means = np.stack([embeddings[labels == identity].mean(axis=0) for identity in present])
    return Cohort((means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)).astype(np.float32))
