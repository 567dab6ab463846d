"""Where to put the threshold of a verifier, and what it costs there. A pair is accepted when its score is at or above the threshold."""

import attrs
import numpy as np

from car_recog.errors import DataError, OptionError


@attrs.frozen
class OperatingPoint:
    """A threshold and its two kinds of mistake.

    Args:
        threshold: A pair is accepted when its score is at or above it; infinity accepts nothing.
        far: False accept rate: share of the impostor pairs that are accepted.
        frr: False reject rate: share of the genuine pairs that are rejected.
    """

    threshold: float
    far: float
    frr: float

    @property
    def tar(self) -> float:
        """True accept rate: share of the genuine pairs that are accepted."""
        return 1.0 - self.frr

    @property
    def eer(self) -> float:
        """Mean of both rates, which is the equal error rate where they balance."""
        return (self.far + self.frr) / 2


@attrs.frozen
class Ranking:
    """Pairs sorted by score, once, so that the figures of many weightings are cumulative sums.

    Args:
        order: Places of the pairs, the highest score first.
        ends: Place in `order` of the last pair of each distinct score: pairs of one score are accepted together.
        thresholds: Infinity, then each distinct score.
        is_genuine: In that order.
    """

    order: np.ndarray
    ends: np.ndarray
    thresholds: np.ndarray
    is_genuine: np.ndarray

    def accepted(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum up what each threshold accepts.

        Args:
            weights: Whole numbers, of all pairs in their own order, shape `(weightings, n_pairs)`.

        Returns:
            Weight of the accepted genuine and impostor pairs, each of shape `(weightings, n_thresholds)`.
        """
        ranked = np.take(weights, self.order, axis=1)
        both = np.zeros((2, len(weights), len(self.thresholds)), weights.dtype)
        for sums, are_counted in zip(both, (self.is_genuine, ~self.is_genuine), strict=True):
            sums[:, 1:] = np.cumsum(ranked * are_counted, axis=1)[:, self.ends]
        return both[0], both[1]


def rank(scores: np.ndarray, is_genuine: np.ndarray) -> Ranking:
    """Sort pairs by score.

    Raises:
        DataError: The shapes differ, one kind of pair is missing, or a score is not a finite number.
    """
    scores, is_genuine = check_pairs(scores, is_genuine)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return Ranking(order, ends, np.append(np.inf, ranked[ends]), is_genuine[order])


def check_pairs(scores: np.ndarray, is_genuine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give scores as float64 and labels as bool.

    Raises:
        DataError: See `rank`.
    """
    scores, is_genuine = np.asarray(scores, np.float64), np.asarray(is_genuine)
    if scores.ndim != 1 or scores.shape != is_genuine.shape:
        raise DataError(f"Expected one score and one label per pair; got shapes {scores.shape} and {is_genuine.shape}.")
    if not np.isin(is_genuine, (0, 1)).all():
        raise DataError("Expected True or 1 for genuine pairs and False or 0 for impostor pairs; other labels came.")
    is_genuine = is_genuine.astype(bool)
    n_genuine = int(is_genuine.sum())
    if not 0 < n_genuine < len(scores):
        missing = [kind for kind, n in (("genuine", n_genuine), ("impostor", len(scores) - n_genuine)) if not n]
        raise DataError(f"Error rates need genuine and impostor pairs; of {len(scores)} pairs none is {' or '.join(missing)}. Add some.")
    if n_bad := int((~np.isfinite(scores)).sum()):
        first = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise DataError(f"{n_bad} of {len(scores)} scores are not finite numbers, the first one of pair {first}: {scores[first]}.")
    return scores, is_genuine


def roc(scores: np.ndarray, is_genuine: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the error rates of every threshold that tells the pairs apart differently.

    Args:
        scores: Similarity of each pair, shape `(n_pairs,)`. Higher means more alike.
        is_genuine: Shape `(n_pairs,)`. True where both photos show the same car.

    Returns:
        Thresholds from infinity, which rejects everything, down over every distinct score; and FAR and FRR there.

    Raises:
        DataError: The shapes differ, one kind of pair is missing, or a score is not a finite number.

    Example:
        >>> thresholds, far, frr = roc(np.array([0.9, 0.2]), np.array([True, False]))
        >>> thresholds.tolist(), far.tolist(), frr.tolist()
        ([inf, 0.9, 0.2], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    """
    ranking, genuine, impostors = _counts(scores, is_genuine)
    return ranking.thresholds, impostors / impostors[-1], (genuine[-1] - genuine) / genuine[-1]


def equal_error_rate(scores: np.ndarray, is_genuine: np.ndarray) -> OperatingPoint:
    """Find the threshold where false accepts and false rejects balance.

    Of two thresholds that balance equally well, the higher one counts, which accepts less.

    Args:
        scores: Similarity of each pair, shape `(n_pairs,)`. Higher means more alike.
        is_genuine: Shape `(n_pairs,)`. True where both photos show the same car.

    Returns:
        The operating point with the smallest `|far - frr|`; its `eer` is the mean of both.

    Raises:
        DataError: The shapes differ, one kind of pair is missing, or a score is not a finite number.

    Example:
        >>> point = equal_error_rate(np.array([0.9, 0.2]), np.array([True, False]))
        >>> point.threshold, point.far, point.frr, point.eer
        (0.9, 0.0, 0.0, 0.0)
    """
    ranking, genuine, impostors = _counts(scores, is_genuine)
    return _point(ranking, genuine, impostors, balance(genuine[None], impostors[None])[0])


def balance(genuine: np.ndarray, impostors: np.ndarray) -> np.ndarray:
    """Give the place of the smallest `|far - frr|` in each row of accepted weights, the first of several.

    The rates are compared as products: rounding a quotient would decide between two that are equal.
    """
    n_genuine, n_impostor = genuine[:, -1:], impostors[:, -1:]
    return np.asarray(np.abs(impostors * n_genuine + genuine * n_impostor - n_genuine * n_impostor).argmin(axis=1))


def point_at_far(scores: np.ndarray, is_genuine: np.ndarray, far: float) -> OperatingPoint:
    """Find the lowest threshold whose FAR on these pairs is at most the one asked for; infinity where no score keeps it.

    Raises:
        OptionError: The FAR is no share.
        DataError: See `equal_error_rate`.

    Example:
        >>> point_at_far(np.array([0.9, 0.7, 0.8, 0.2]), np.array([True, True, False, False]), 0.1)
        OperatingPoint(threshold=0.9, far=0.0, frr=0.5)
    """
    if not 0 <= far <= 1:
        raise OptionError(f"A false accept rate is a share between 0 and 1; got {far}.")
    ranking, genuine, impostors = _counts(scores, is_genuine)
    return _point(ranking, genuine, impostors, last_within(impostors[None], far)[0])


def last_within(impostors: np.ndarray, far: float) -> np.ndarray:
    """Give the last place with at most this FAR in each row of accepted impostor weights, which are whole numbers."""
    allowed = np.floor(impostors[:, -1:].astype(np.float64) * far + 1e-9)  # 100 * 0.29 rounds to 28.999999999999996
    return np.asarray((impostors <= allowed.astype(impostors.dtype)).sum(axis=1) - 1)


def most_accurate(scores: np.ndarray, is_genuine: np.ndarray) -> OperatingPoint:
    """Find the threshold where most pairs are judged rightly; of several, the highest.

    It depends on how many of the pairs are genuine: where impostors are frequent it moves up.

    Raises:
        DataError: See `equal_error_rate`.
    """
    ranking, genuine, impostors = _counts(scores, is_genuine)
    return _point(ranking, genuine, impostors, int(np.argmax(genuine - impostors)))


def point_at(scores: np.ndarray, is_genuine: np.ndarray, threshold: float) -> OperatingPoint:
    """Give the error rates of a threshold.

    Raises:
        DataError: See `equal_error_rate`.

    Example:
        >>> point_at(np.array([0.9, 0.7, 0.8, 0.2]), np.array([True, True, False, False]), 0.75)
        OperatingPoint(threshold=0.75, far=0.5, frr=0.5)
    """
    scores, is_genuine = check_pairs(scores, is_genuine)
    is_accepted = scores >= threshold
    return OperatingPoint(float(threshold), float(is_accepted[~is_genuine].mean()), float((~is_accepted[is_genuine]).mean()))


def roc_auc(scores: np.ndarray, is_genuine: np.ndarray) -> float:
    """Give the area under the ROC curve: how often a genuine pair scores higher than an impostor pair; a tie counts half.

    Raises:
        DataError: See `equal_error_rate`.

    Example:
        >>> roc_auc(np.array([0.9, 0.2, 0.2]), np.array([True, True, False]))
        0.75
    """
    _, genuine, impostors = _counts(scores, is_genuine)
    return float(area(genuine[None], impostors[None])[0])


def area(genuine: np.ndarray, impostors: np.ndarray) -> np.ndarray:
    """Give the area under the ROC curve of each row of accepted weights."""
    twice = np.einsum("ij,ij->i", np.diff(impostors, axis=1), genuine[:, 1:] + genuine[:, :-1])
    return np.asarray(twice / (2 * genuine[:, -1] * impostors[:, -1]))


def _counts(scores: np.ndarray, is_genuine: np.ndarray) -> tuple[Ranking, np.ndarray, np.ndarray]:
    ranking = rank(scores, is_genuine)
    genuine, impostors = ranking.accepted(np.ones((1, len(ranking.order))))
    return ranking, genuine[0], impostors[0]


def _point(ranking: Ranking, genuine: np.ndarray, impostors: np.ndarray, place: int) -> OperatingPoint:
    far, frr = impostors[place] / impostors[-1], (genuine[-1] - genuine[place]) / genuine[-1]
    return OperatingPoint(float(ranking.thresholds[place]), float(far), float(frr))
