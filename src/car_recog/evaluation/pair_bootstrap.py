"""Figures of pairs and how far they can be trusted: identities are drawn, not pairs, because one car stands in many pairs."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from car_recog.evaluation.intervals import draw_weights
from car_recog.evaluation.operating_points import Ranking, area, balance, last_within, rank

FARS = (0.1, 0.01, 0.001)
Key = tuple[str, str]


def pair_weights(identities: np.ndarray, *, seed: int = 0) -> Iterator[np.ndarray]:
    """Draw identities with replacement, a thousand times, and give the weight of each pair.

    A pair weighs the product of the draws of its different identities: a genuine pair has one, an impostor pair two.

    Args:
        identities: Identity of both photos of each pair, integers of shape `(n_pairs, 2)`.
        seed: Seed of the draws. The same seed and identities give the same draws.

    Yields:
        Weights of some resamples, float32 `(resamples, n_pairs)`.

    Source: Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1, arXiv:0712.1111.
    """
    names, places = np.unique(identities, return_inverse=True)
    first, second = places.reshape(-1, 2).T
    is_one = first == second
    for times in draw_weights(len(names), seed=seed):
        draws = times.astype(np.float32)
        yield np.take(draws, first, axis=1) * np.where(is_one, np.float32(1), np.take(draws, second, axis=1))


@attrs.frozen
class PairFigures:
    """The figures of pairs as functions of the pairs' weights.

    Args:
        rankings: Pairs by score, of all impostors (`""`) and of each kind of impostor.
        fars: By the same names, the FAR values whose TAR can be told.
        shares: By kind and name, columns whose weighted sums are divided: numerators and denominators.
    """

    rankings: Mapping[str, Ranking]
    fars: Mapping[str, tuple[float, ...]]
    shares: Mapping[Key, tuple[np.ndarray, np.ndarray]]

    def at(self, weights: np.ndarray) -> dict[Key, np.ndarray]:
        """Give each figure by kind of impostor and name, shape `(weightings,)`; NaN where one kind of pair has no weight.

        Weights are whole numbers, shape `(weightings, n_pairs)`.
        """
        figures: dict[Key, np.ndarray] = {}
        with np.errstate(invalid="ignore"):
            for kind, ranking in self.rankings.items():
                figures |= {(kind, name): values for name, values in _curve_figures(ranking, weights, self.fars[kind]).items()}
            if self.shares:
                columns = np.stack([column for pair in self.shares.values() for column in pair], axis=1).astype(weights.dtype)
                sums = weights @ columns
                figures |= {key: sums[:, 2 * i] / sums[:, 2 * i + 1] for i, key in enumerate(self.shares)}
        return figures

    def resample(self, identities: np.ndarray) -> dict[Key, np.ndarray]:
        """Give each figure of a thousand draws of identities."""
        chunks = [self.at(weights) for weights in pair_weights(identities)]
        return {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}


def _curve_figures(ranking: Ranking, weights: np.ndarray, fars: tuple[float, ...]) -> dict[str, np.ndarray]:
    genuine, impostors = ranking.accepted(weights)
    rows = np.arange(len(weights))
    place, n_genuine, n_impostor = balance(genuine, impostors), genuine[:, -1], impostors[:, -1]
    figures = {
        "auc": area(genuine, impostors),
        "eer": (impostors[rows, place] / n_impostor + (n_genuine - genuine[rows, place]) / n_genuine) / 2,
    }
    is_empty = np.minimum(n_genuine, n_impostor) == 0
    for far in fars:
        figures[tar_key(far)] = np.where(is_empty, np.nan, genuine[rows, last_within(impostors, far)] / n_genuine)
    return figures


def tar_key(far: float) -> str:
    """Name the figure of a FAR in `intervals`."""
    return f"tar_at_far_{far}"


def pair_figures(
    scores: np.ndarray,
    is_genuine: np.ndarray,
    *,
    threshold: float | None = None,
    probabilities: np.ndarray | None = None,
    kinds: np.ndarray | None = None,
) -> PairFigures:
    """Prepare the figures of pairs.

    Args:
        scores: Shape `(n_pairs,)`.
        is_genuine: Shape `(n_pairs,)`.
        threshold: Brings accuracy, FAR and FRR there.
        probabilities: Bring the Brier score.
        kinds: Kind of each impostor pair; an empty one counts in the totals alone.

    Raises:
        DataError: See `operating_points.rank`.
    """
    is_impostor = ~is_genuine
    named = {} if kinds is None else {str(kind): is_impostor & (kinds == kind) for kind in dict.fromkeys(kinds[is_impostor]) if kind}
    rankings, fars = {}, {}
    shares: dict[Key, tuple[np.ndarray, np.ndarray]] = {}
    for kind, are_of_kind in {"": is_impostor, **named}.items():
        places = np.flatnonzero(is_genuine | are_of_kind)
        ranking = rank(scores[places], is_genuine[places])
        rankings[kind] = attrs.evolve(ranking, order=places[ranking.order])
        fars[kind] = tuple(far for far in FARS if are_of_kind.sum() >= round(10 / far))
        if threshold is not None:
            shares[kind, "far"] = are_of_kind & (scores >= threshold), are_of_kind
    if threshold is not None:
        shares["", "frr"] = is_genuine & (scores < threshold), is_genuine
        shares["", "accuracy"] = (scores >= threshold) == is_genuine, np.ones(len(scores))
    if probabilities is not None:
        shares["", "brier"] = np.square(probabilities - is_genuine), np.ones(len(scores))
    return PairFigures(rankings, fars, shares)


def accepted_shares(figures: Mapping[Key, Any], kind: str) -> dict[float, float | None]:
    """Gather the TAR by FAR of a kind of impostor; None where it cannot be told."""
    return {far: figures.get((kind, tar_key(far))) for far in FARS}
