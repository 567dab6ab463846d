"""How strange a photo is to a classifier: the higher a score, the more the photo is like what the classifier knows."""

import numpy as np

from car_recog.errors import DataError
from car_recog.evaluation.operating_points import roc_auc
from car_recog.evaluation.temperature import check_finite, softmax

SCORES = ("max_softmax", "energy", "class_means")


def outlier_scores(logits: np.ndarray, similarities: np.ndarray) -> dict[str, np.ndarray]:
    """Score photos in three ways.

    `max_softmax` is the probability of the answer, `energy` the logarithm of the sum of all exponentials of logits, and `class_means` the
    cosine to the nearest mean of a class.

    Args:
        logits: Divided by the temperature, shape `(n, n_classes)`.
        similarities: Cosine of each photo's embedding to the mean of each class, shape `(n, n_classes)`.

    Returns:
        Scores by name, shape `(n,)`.

    Raises:
        DataError: The shapes differ, or a number is not finite.

    Example:
        >>> scores = outlier_scores(np.array([[0.0, 0.0]]), np.array([[0.3, 0.8]]))
        >>> {name: values.round(3).tolist() for name, values in scores.items()}
        {'max_softmax': [0.5], 'energy': [0.693], 'class_means': [0.8]}

    Source: Hendrycks and Gimpel, ICLR 2017, arXiv:1610.02136; Liu et al., NeurIPS 2020, equation 4, arXiv:2010.03759; the means: after
        Lee et al., NeurIPS 2018, arXiv:1807.03888, with the cosine for their distance.
    """
    logits, similarities = np.asarray(logits, np.float64), np.asarray(similarities, np.float64)
    if logits.ndim != 2 or not logits.shape[1] or logits.shape != similarities.shape:
        raise DataError(f"Expected logits and similarities of one shape (n, n_classes); got {logits.shape} and {similarities.shape}.")
    check_finite(logits, "logits")
    check_finite(similarities, "similarities")
    highest = logits.max(axis=1)
    energy = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return {"max_softmax": softmax(logits).max(axis=1), "energy": energy, "class_means": similarities.max(axis=1)}


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Tell how often a photo of what is known scores higher than one of what is not; a tie counts half, 0.5 is chance.

    Raises:
        DataError: One kind of photo is missing, or a score is not finite.

    Example:
        >>> auroc(np.array([0.9, 0.4]), np.array([0.4, 0.1]))
        0.875
    """
    return roc_auc(*known_first(known, unknown))


def known_first(known: np.ndarray, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give all scores, and which of them are of known photos.

    Raises:
        DataError: See `auroc`.
    """
    if not len(known) or not len(unknown):
        raise DataError(f"AUROC compares known with unknown photos, so both are needed; got {len(known)} and {len(unknown)}.")
    scores = np.concatenate([known, unknown])
    check_finite(scores, "scores")
    return scores, np.arange(len(scores)) < len(known)
