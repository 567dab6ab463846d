"""Seeded splits: every class in its share on every side, or whole classes shared out; groups never torn apart."""

from collections.abc import Hashable, Sequence

import numpy as np

from car_recog.data.duplicates import chain_equal, join
from car_recog.errors import DataError, listed

_DEALS = 20


def split_indices(
    labels: np.ndarray,
    fractions: Sequence[float],
    *,
    class_names: Sequence[str],
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> list[np.ndarray]:
    """Split the places of a list of labels.

    Groups go, the rarest classes first, to the side that still lacks most of their classes; without groups each class is cut exactly.

    Args:
        labels: Class ids, shape `(n,)`.
        fractions: Share of each side, in (0, 1]; 1 in sum at most.
        class_names: Names of the classes, for messages.
        groups: One key per label; equal keys stay on one side, None stands alone.
        seed: Seed of the order in which ties are broken.

    Returns:
        One sorted array of places per fraction.

    Raises:
        DataError: Fractions outside (0, 1] or above 1 in sum; no photos; a class with fewer photos, or groups, than sides.

    Example:
        >>> [side.tolist() for side in split_indices(np.array([0, 0, 0, 0]), [0.75, 0.25], class_names=["door"], seed=3)]
        [[1, 2, 3], [0]]
    """
    if not fractions or any(not 0 < share <= 1 for share in fractions) or sum(fractions) > 1 + 1e-9:
        raise DataError(f"Fractions must lie in (0, 1] with a sum of at most 1; got {tuple(fractions)}.")
    labels = np.asarray(labels)
    if not len(labels):
        raise DataError("There are no photos to split.")
    keys = [None] * len(labels) if groups is None else list(groups)
    rng = np.random.default_rng(seed)
    group_of = np.unique(join(len(labels), chain_equal(keys)), return_inverse=True)[1]
    if all(key is None for key in keys):
        side_of = _cut_classes(labels, fractions, rng)
    else:
        # Where classes share groups a deal may leave a class out although another order would not.
        for _ in range(_DEALS):
            side_of = _deal_groups(labels, group_of, fractions, rng, class_names)
            if not len(_lacking(labels, side_of, len(fractions))):
                break
    _check_every_class(labels, group_of, side_of, len(fractions), class_names)
    return [np.flatnonzero(side_of == side) for side in range(len(fractions))]


def split_classes(labels: np.ndarray, fractions: Sequence[float], *, groups: Sequence[Hashable], seed: int = 0) -> list[np.ndarray]:
    """Split as `split_indices`, but so that no two sides share a class: fractions are of classes, and those that share a key stay together.

    Raises:
        DataError: Fractions as there, or fewer classes than sides.

    Example:
        >>> sides = split_classes(np.array([0, 0, 1, 2, 2]), [0.6, 0.4], groups=[None, None, "street", "street", None])
        >>> [side.tolist() for side in sides]
        [[0, 1], [2, 3, 4]]
    """
    unit_of = np.array(join(len(labels), [*chain_equal(labels.tolist()), *chain_equal(groups)]), int)
    units = np.unique(unit_of)
    if len(units) < len(fractions):
        n_classes = len(np.unique(labels))
        raise DataError(f"Too few classes to share none between {len(fractions)} sides: {n_classes}, in {len(units)} groups.")
    sides = split_indices(np.zeros(len(units), int), fractions, class_names=["classes"], seed=seed)
    return [np.flatnonzero(np.isin(unit_of, units[side])) for side in sides]


def _cut_classes(labels: np.ndarray, fractions: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Give each photo a side, class by class; `len(fractions)` stands for left out."""
    side_of = np.full(len(labels), len(fractions))
    for class_id in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == class_id))
        sizes = _apportion(len(places), fractions, rng)
        side_of[places[: sizes.sum()]] = np.repeat(np.arange(len(sizes)), sizes)
    return side_of


def _apportion(n: int, fractions: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Share n photos out by largest remainder, ties by lot lest one side win them in every class; every side gets one if it can."""
    shares = np.array(fractions) * n
    sizes = np.floor(shares + 1e-9).astype(int)
    wanted = round(float(shares.sum()))
    by_remainder = np.lexsort((rng.random(len(sizes)), np.round(sizes - shares, 9)))
    sizes[by_remainder[: max(wanted - sizes.sum(), 0)]] += 1
    for side in np.flatnonzero(sizes == 0):
        if sizes.sum() < n:
            sizes[side] = 1
        elif sizes.max() > 1:
            sizes[np.argmax(sizes)] -= 1
            sizes[side] = 1
    return sizes


def _deal_groups(
    labels: np.ndarray, group_of: np.ndarray, fractions: Sequence[float], rng: np.random.Generator, class_names: Sequence[str]
) -> np.ndarray:
    """Give the photos of each group the side whose share of the group's classes is least filled."""
    shares = np.append(fractions, max(1 - sum(fractions), 0.0))
    totals = np.bincount(labels, minlength=len(class_names)).astype(float)
    size = np.bincount(group_of)
    members = np.split(labels[np.argsort(group_of, kind="stable")], np.cumsum(size)[:-1])
    inside = [np.unique(group, return_counts=True) for group in members]
    n_groups = np.bincount(np.concatenate([classes for classes, _ in inside]), minlength=len(class_names))
    rarity = np.array([n_groups[classes].min() for classes, _ in inside])
    order = np.lexsort((rng.permutation(len(size)), -size, rarity))
    have = np.zeros((len(shares), len(class_names)))
    side_of = np.full(len(size), len(fractions))
    open_sides = np.flatnonzero(shares > 1e-9)
    for g in order:
        classes, counts = inside[g]
        target = shares[open_sides, None] * totals[classes]
        lack = ((target - have[open_sides][:, classes]) / target * counts / totals[classes]).sum(axis=1)
        side_of[g] = open_sides[np.argmax(lack)]
        have[side_of[g], classes] += counts
    return np.asarray(side_of[group_of])


def _lacking(labels: np.ndarray, side_of: np.ndarray, n_sides: int) -> np.ndarray:
    """Find the classes that are not on every side."""
    present = np.zeros((n_sides + 1, labels.max() + 1), bool)
    present[side_of, labels] = True
    return np.flatnonzero(present.any(axis=0) & ~present[:n_sides].all(axis=0))


def _check_every_class(
    labels: np.ndarray, group_of: np.ndarray, side_of: np.ndarray, n_sides: int, class_names: Sequence[str]
) -> None:
    lacking = _lacking(labels, side_of, n_sides)
    if not len(lacking):
        return
    rows = []
    for c in lacking[:20]:
        is_own = labels == c
        counts = np.bincount(side_of[is_own], minlength=n_sides)[:n_sides].tolist()
        n_groups = len(np.unique(group_of[is_own]))
        rows.append(f"{class_names[c]}: {is_own.sum()} photos in {n_groups} groups, sides would get {counts}")
    raise DataError(
        f"Too few photos of {len(lacking)} classes to put one on each of {n_sides} sides:{listed(rows)}\n"
        "Add photos of these classes, leave the classes out, or split into fewer sides."
    )
