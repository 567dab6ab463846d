"""The worst mistakes of a verifier, with their photos."""

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import numpy as np

from car_recog.evaluation.report import ASIDE
from car_recog.evaluation.sheets import Tile, abreast, shrink

N_WORST = 12

PairReader = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@attrs.frozen(kw_only=True)
class PairMistake:
    """A pair that was judged wrongly.

    Args:
        first: The file of one photo, or the place of the pair among those judged.
        second: The same of the other.
        is_genuine: Whether both show the same car: then the pair was rejected, else accepted.
        kind: Kind of impostor; empty where it is not known.
        score: Its similarity.
        probability: Of being genuine; None where the verifier gives none.
        thumbnail: Both photos side by side, smaller: uint8 RGB; None where they were not handed in.
    """

    first: str
    second: str
    is_genuine: bool
    kind: str
    score: float
    probability: float | None
    thumbnail: np.ndarray | None = attrs.field(default=None, eq=False, repr=False, metadata=ASIDE)

    def tile(self) -> Tile:
        """The mistake on a sheet."""
        answer, truth = ("two cars", "the same car") if self.is_genuine else ("the same car", "two cars")
        kind = (f"kind: {self.kind}",) if self.kind else ()
        figures = f"score {self.score:.3f}" + (f", probability {self.probability:.3f}" if self.probability is not None else "")
        return Tile(self.thumbnail, (f"answer: {answer}", f"is: {truth}", *kind, figures, Path(self.first).name, Path(self.second).name))


def worst_pairs(
    scores: np.ndarray,
    is_genuine: np.ndarray,
    *,
    threshold: float,
    probabilities: np.ndarray | None,
    kinds: np.ndarray | None,
    sources: Sequence[tuple[str, str]] | None,
    read: PairReader | None,
) -> tuple[PairMistake, ...]:
    """Choose the false accepts of the highest and the false rejects of the lowest score, 12 at most of each; see `verification_report`."""
    accepts, rejects = np.flatnonzero(~is_genuine & (scores >= threshold)), np.flatnonzero(is_genuine & (scores < threshold))
    accepts, rejects = accepts[np.argsort(-scores[accepts], kind="stable")], rejects[np.argsort(scores[rejects], kind="stable")]
    places = np.concatenate([accepts[:N_WORST], rejects[:N_WORST]])
    photos: list[np.ndarray | None] = [None] * len(places)
    if read and len(places):
        photos = [abreast(shrink(first), shrink(second)) for first, second in zip(*read(places), strict=True)]
    return tuple(
        PairMistake(
            first=sources[i][0] if sources else f"pair {i}, first photo",
            second=sources[i][1] if sources else f"pair {i}, second photo",
            is_genuine=bool(is_genuine[i]),
            kind=str(kinds[i]) if kinds is not None else "",
            score=float(scores[i]),
            probability=None if probabilities is None else float(probabilities[i]),
            thumbnail=photo,
        )
        for i, photo in zip(places.tolist(), photos, strict=True)
    )
