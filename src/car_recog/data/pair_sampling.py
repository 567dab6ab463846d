"""Draws genuine and impostor pairs of photos at random, none twice.

All pairs that may be drawn lie inside groups of photos: genuine pairs inside their identity, impostors of equal attributes inside the
photos that share these, any others inside the whole. So the pairs of all groups are numbered through and numbers are drawn.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

import attrs
import numpy as np

from car_recog.data.copies import Copies
from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError, OptionError, listed

Rule = str | Callable[[Sample, Sample], bool]
"""Which photos of different identities make an impostor pair: `"any"`, or a function of both that does not mind their order."""

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...] | None]
"""First and second photos of pairs, whether they are genuine, and the kinds of the impostors."""

MAX_PAIRS = 20_000
"""Most pairs that are drawn where no number is named."""

_ENUMERABLE, _TRIES = 2**22, 2**24
_LEAST, _MOST = 2**12, 2**20


@attrs.frozen
class SameAttributes:
    """Tells whether two photos share attributes; what has none shares none. See `same_attributes`."""

    names: tuple[str, ...]

    def __call__(self, a: Sample, b: Sample) -> bool:
        return (key := self.key(a)) is not None and key == self.key(b)

    def key(self, sample: Sample) -> Hashable | None:
        """Give what photos must have in common; None where an attribute is missing."""
        key = tuple(sample.attributes.get(name) for name in self.names)
        return None if None in key else key


def same_attributes(*names: str) -> SameAttributes:
    """Let only photos that share these attributes make an impostor pair, for `PairDataset.sample`.

    Raises:
        OptionError: No name is given.

    Example:
        >>> rule = same_attributes("model", "colour")
        >>> car = Sample(None, 0, "car1", attributes={"model": "A4", "colour": "red"})
        >>> rule(car, Sample(None, 1, "car2", attributes={"model": "A4", "colour": "red"}))
        True
        >>> rule(car, Sample(None, 2, "car3", attributes={"model": "A4"}))
        False
    """
    if not names:
        raise OptionError('same_attributes needs the name of an attribute, as in same_attributes("model").')
    return SameAttributes(names)


def draw_pairs(
    data: ImageDataset, *, n_pairs: int | None, genuine_fraction: float, seed: int, impostors: Rule | Mapping[str, Rule]
) -> Drawn:
    """Draw pairs in random order; see `PairDataset.sample`."""
    rules = _check(n_pairs, genuine_fraction, impostors)
    rng, drawer = np.random.default_rng(seed), _Drawer(data)

    def counts(n_pairs: int) -> list[int]:
        n_genuine = round(n_pairs * genuine_fraction)
        each, rest = divmod(n_pairs - n_genuine, len(rules))
        return [n_genuine, *(each + (i < rest) for i in range(len(rules)))]

    inside = _Pool.of(data.labels)
    if n_pairs is None and inside.total > MAX_PAIRS * genuine_fraction > 0:
        n_pairs = MAX_PAIRS
    if n_pairs is None:
        every = drawer.draw(inside, inside.total, rng)
        n_pairs = round(len(every) / genuine_fraction)
        if not n_pairs:
            raise DataError("There are no genuine pairs: no identity has two different photos.")
    else:
        every = drawer.draw(inside, counts(n_pairs)[0], rng)
    pools = [_Pool.of(_group(data.samples, rule)) for rule in rules.values()]
    drawn = [every, *[every[:0]] * len(rules)]
    # The narrow kinds first: what is left serves the wide ones, but not the other way round.
    for i, rule in sorted(enumerate(rules.values()), key=lambda kind: (pools[kind[0]].total, kind[1] == "any")):
        drawn[i + 1] = drawer.draw(pools[i], counts(n_pairs)[i + 1], rng, rule=rule)
    _check_enough(["genuine", *rules], counts, n_pairs=n_pairs, n_drawn=[len(codes) for codes in drawn])
    kinds = [name for name, codes in zip(["", *rules], drawn, strict=True) for _ in codes]
    order = rng.permutation(len(kinds))
    ends = np.stack(np.divmod(np.concatenate(drawn)[order], len(data)))
    first, second = rng.permuted(ends, axis=0)
    return first, second, order < len(every), tuple(kinds[i] for i in order) if isinstance(impostors, Mapping) else None


def _check(n_pairs: int | None, genuine_fraction: float, impostors: Rule | Mapping[str, Rule]) -> dict[str, Rule]:
    """Give the rules of the impostors by the name of their kind."""
    if not 0 <= genuine_fraction <= 1 or (n_pairs is None and not genuine_fraction):
        raise OptionError(f"genuine_fraction must lie in [0, 1], and above 0 without n_pairs; got {genuine_fraction}.")
    if n_pairs is not None and n_pairs < 1:
        raise OptionError(f"n_pairs must be 1 or more, or None for every genuine pair; got {n_pairs}.")
    rules = dict(impostors) if isinstance(impostors, Mapping) else {"impostor": impostors}
    if not rules or not all(name and (rule == "any" or callable(rule)) for name, rule in rules.items()):
        raise OptionError(f"impostors must be 'any', a function of two samples, or these by the name of their kind; got {impostors!r}.")
    return rules


def _check_enough(names: Sequence[str], counts: Callable[[int], list[int]], *, n_pairs: int, n_drawn: Sequence[int]) -> None:
    short = {i: n for i, (n, wanted) in enumerate(zip(n_drawn, counts(n_pairs), strict=True)) if n < wanted}
    if not short:
        return
    bound = min((n + len(names)) * n_pairs // counts(n_pairs)[i] for i, n in short.items())
    most = next(m for m in range(min(bound, n_pairs), -1, -1) if all(counts(m)[i] <= n for i, n in short.items()))
    told = [f"{names[i]}: {counts(n_pairs)[i]:,} asked for, {n:,} can be drawn" for i, n in short.items()]
    raise DataError(
        f"{n_pairs:,} pairs cannot be drawn from these photos:{listed(told)}\n"
        f"At most {most:,} pairs can be drawn with these options. Copies of a photo are never paired, and no pair is drawn twice."
    )


def _group(samples: Sequence[Sample], rule: Rule) -> np.ndarray:
    """Number the groups of photos inside which a rule allows impostors; -1 is in none."""
    if not isinstance(rule, SameAttributes):
        return np.zeros(len(samples), int)
    numbers: dict[Hashable, int] = {}
    keys: Iterable[Hashable | None] = map(rule.key, samples)
    return np.array([-1 if key is None else numbers.setdefault(key, len(numbers)) for key in keys], int)


@attrs.frozen
class _Pool:
    """All pairs inside groups of photos, numbered through.

    Args:
        order: Places of the photos, group by group.
        starts: Where in `order` each group starts.
        ends: How many pairs there are in a group and all before it.
    """

    order: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, groups: np.ndarray) -> "_Pool":
        order = np.argsort(groups, kind="stable")
        order = order[groups[order] >= 0]
        _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
        return cls(order, starts, np.cumsum(sizes * (sizes - 1) // 2))

    @property
    def total(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def pairs(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the places of both photos, the smaller ones first."""
        group = np.searchsorted(self.ends, numbers, side="right")
        rest = numbers - np.where(group > 0, self.ends[group - 1], 0)
        # Within a group pair (a, b), a < b, has the number b (b - 1) / 2 + a; the root may be off by one.
        b = ((1 + np.sqrt(1 + 8.0 * rest)) / 2).astype(np.int64)
        b -= b * (b - 1) // 2 > rest
        b += b * (b + 1) // 2 <= rest
        a = rest - b * (b - 1) // 2
        return self.order[self.starts[group] + a], self.order[self.starts[group] + b]


class _Drawer:
    """Draws pairs of `n` photos, none twice and no copies; a pair's code is the place of its first photo times `n`, plus the second."""

    def __init__(self, data: ImageDataset) -> None:
        self._data, self._labels, self._copies = data, data.labels, Copies(data)
        self._taken = np.empty(0, np.int64)

    def draw(self, pool: _Pool, wanted: int, rng: np.random.Generator, *, rule: Rule | None = None) -> np.ndarray:
        """Draw impostors by a rule, or genuine pairs without one; fewer than wanted where there are no more."""
        found = np.empty(0, np.int64)
        for numbers in _in_random_order(pool.total, wanted, rng):
            first, second = self._allowed(*pool.pairs(numbers), rule)
            found = np.concatenate([found, first * len(self._data) + second])
            found = found[np.sort(np.unique(found, return_index=True)[1])]
            if len(found) >= wanted:
                break
        found = found[:wanted]
        self._taken = np.concatenate([self._taken, found])
        return found

    def _allowed(self, first: np.ndarray, second: np.ndarray, rule: Rule | None) -> tuple[np.ndarray, np.ndarray]:
        if rule is not None:
            first, second = _kept(first, second, self._labels[first] != self._labels[second])
            first, second = _kept(first, second, ~np.isin(first * len(self._data) + second, self._taken))
        if callable(rule) and not isinstance(rule, SameAttributes):
            samples = self._data.samples
            allowed = [bool(rule(samples[a], samples[b])) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
            first, second = _kept(first, second, np.array(allowed, bool))
        return _kept(first, second, ~self._copies.among(first, second))


def _kept(first: np.ndarray, second: np.ndarray, is_kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return first[is_kept], second[is_kept]


def _in_random_order(total: int, wanted: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Give the numbers below `total` in random order, some at a time: each once, or where they are too many so many tries at most."""
    size = min(wanted + _LEAST, _MOST)
    if not wanted:
        return
    if total <= max(_ENUMERABLE, 4 * wanted):
        order = rng.permutation(total)
        yield from (order[start : start + size] for start in range(0, total, size))
    else:
        yield from (rng.integers(total, size=size) for _ in range(0, _TRIES, size))
