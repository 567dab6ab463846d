"""How far a figure can be trusted: 95 % intervals."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

Z95 = 1.959963984540054
N_RESAMPLES = 1000
_CHUNK = 50

Interval = tuple[float, float]


def wilson(n_right: int, n: int) -> Interval:
    """Give the 95 % interval of a share of independent photos.

    Source: Wilson 1927, Journal of the American Statistical Association 22.

    Example:
        >>> [round(bound, 3) for bound in wilson(53, 53)]
        [0.932, 1.0]
    """
    share = n_right / n
    middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def share_interval(is_counted: np.ndarray, *, among: np.ndarray | None = None, units: np.ndarray | None = None) -> Interval:
    """Give the 95 % interval of a share of photos: Wilson's, or that of draws where photos are not independent.

    `among` are the photos it is a share of, bool of shape `(n,)`; None takes all. For `units` see `bootstrap`.
    """
    among = np.ones(len(is_counted), bool) if among is None else among
    if units is None:
        return wilson(int((is_counted & among).sum()), int(among.sum()))
    columns = np.stack([is_counted & among, among], axis=1).astype(float)
    with np.errstate(invalid="ignore"):
        return bootstrap(columns, lambda sums: sums[:, 0] / sums[:, 1], units=units)


def bootstrap(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    units: np.ndarray | None = None,
    weights: Iterable[np.ndarray] | None = None,
) -> Interval:
    """Give the 95 % percentile interval of a statistic of column sums.

    Args:
        values: What is summed, one row per photo, shape `(n, k)`.
        statistic: From sums of shape `(resamples, k)` to values of shape `(resamples,)`; may be NaN where it is not defined.
        units: What is drawn as a whole, one integer per photo, for photos that are not independent. None draws photos.
        weights: Draws made elsewhere instead, such as `pair_bootstrap.pair_weights`: how often each row counts, in chunks of resamples.

    Source: Efron and Tibshirani 1993, chapter 13.

    Example:
        >>> low, high = bootstrap(np.array([[1.0], [0.0], [1.0], [1.0]]), lambda sums: sums[:, 0] / 4)
        >>> 0.0 <= low < 0.75 < high <= 1.0
        True
    """
    if units is not None:
        values = sum_units(values, units)
    chunks = draw_weights(len(values)) if weights is None else weights
    draws = [statistic(times[times.any(axis=1)] @ values) for times in chunks]  # pairs of cars may all have no weight
    return percentiles(np.concatenate(draws))


def mean_interval(values: np.ndarray, *, units: np.ndarray | None = None) -> Interval:
    """Give the 95 % percentile interval of the mean of values `(n,)`, such as gains photo by photo; for `units` see `bootstrap`."""
    columns = np.stack([values, np.ones(len(values))], axis=1)
    return bootstrap(columns, lambda sums: sums[:, 0] / sums[:, 1], units=units)


def sum_units(values: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Sum rows `(n, k)` that belong to one unit; gives `(n_units, k)`."""
    _, place = np.unique(units, return_inverse=True)
    summed = np.zeros((place.max() + 1, values.shape[1]))
    np.add.at(summed, place, values)
    return summed


def draw_weights(n: int, *, seed: int = 0) -> Iterator[np.ndarray]:
    """Draw `n` of `n` with replacement, a thousand times; gives how often each was drawn, `(50, n)` at a time."""
    rng = np.random.default_rng(seed)
    for _ in range(0, N_RESAMPLES, _CHUNK):
        yield rng.multinomial(n, np.full(n, 1 / n), size=_CHUNK)


def percentiles(values: np.ndarray) -> Interval:
    """Give the middle 95 % of the values of resamples, leaving out those where the figure is not defined (NaN)."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def number_groups(groups: Sequence[object] | None) -> np.ndarray | None:
    """Number groups for `bootstrap`, None standing alone; None where every photo stands alone.

    Example:
        >>> number_groups(["a", None, "a", None]).tolist()
        [0, 1, 0, 2]
    """
    if groups is None or all(group is None for group in groups):
        return None
    keys = [i if group is None else str(group) for i, group in enumerate(groups)]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys])
