"""Photos that show the same picture: copies that were encoded, resized, cropped or brightened anew.

Two photos are near-duplicates when three things hold:

1. Of 128 bits of their difference hashes at most 16 differ: whether each of 8 x 8 places is darker than its neighbour to the right, and
   than the one below.
2. Their colours, in 9 x 9 places, differ by at most 6 of 255 levels (root mean square, brightness aside).
3. Once they are aligned, at most 0.8 % of the energy of their edges differs, on 27 x 27 places. The alignment is the small shift,
   stretch and change of contrast that explains most of the difference, by least squares, as in one step of Lucas and Kanade. It tells
   a copy that was cropped by 2 % from another car of the same shape on the same white ground.

Photos without any structure are near-duplicates of nothing.

Source: the hash is that of N. Krawetz, "Kind of Like That", 2013; the alignment that of Lucas and Kanade, IJCAI 1981, taken at the mean
of both photos as in Benhimane and Malis, IROS 2004. The limits were measured: see `docs/trust.md`.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np

from car_recog.data.fingerprints import COLOUR_SIDE, GREY_SIDE

HASH_DISTANCE = 16
COLOUR_DISTANCE = 6.0
EDGE_DIFFERENCE = 0.008

_ALIGNABLE = 0.15
_LEAST_EDGES = 1.0
_ROWS, _COLUMNS, _PAIRS = 128, 4096, 2048


def near_duplicates(looks: np.ndarray, *, n_first: int | None = None) -> np.ndarray:
    """Find the pairs of near-duplicates.

    All pairs are compared by hash, block by block, so memory grows with the number of photos only.

    Args:
        looks: uint8, shape `(n, LOOK_BYTES)`; see `Fingerprint.look`.
        n_first: Only pairs with at least one of so many first photos. None: all pairs.

    Returns:
        Shape `(n_pairs, 2)`: places of the photos, the smaller one first, in order.
    """
    hashes = _difference_hashes(looks)
    n_rows = len(looks) if n_first is None else n_first

    def find(start: int) -> list[np.ndarray]:
        rows = np.arange(start, min(start + _ROWS, n_rows))
        pairs = (_confirmed(looks, pairs) for pairs in _alike(hashes, rows))
        return [found for found in pairs if len(found)]

    with ThreadPoolExecutor() as pool:
        found = list(chain.from_iterable(pool.map(find, range(0, n_rows, _ROWS))))
    pairs = np.concatenate([np.empty((0, 2), int), *found])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def join(n: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Number what hangs together: two things of the same group get the same number, the place of the first of them.

    Example:
        >>> join(5, [(0, 3), (3, 4)])
        [0, 1, 2, 0, 0]
    """
    parent = list(range(n))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return [root(place) for place in range(n)]


def chain_equal(keys: Sequence[Hashable | None]) -> Iterator[tuple[int, int]]:
    """Pair each place with the first one of the same key; None equals nothing.

    Example:
        >>> list(chain_equal(["a", None, "b", "a", None]))
        [(0, 3)]
    """
    first: dict[Hashable, int] = {}
    for place, key in enumerate(keys):
        if key is not None and first.setdefault(key, place) != place:
            yield first[key], place


def _greys(looks: np.ndarray) -> np.ndarray:
    return looks[:, : GREY_SIDE**2].reshape(-1, GREY_SIDE, GREY_SIDE).astype(np.float32)


def _difference_hashes(looks: np.ndarray) -> np.ndarray:
    """Hash what each photo looks like: uint64, shape `(n, 2)`."""
    cell = GREY_SIDE // COLOUR_SIDE
    hashes = np.empty((len(looks), 2), np.uint64)
    for start in range(0, len(looks), _COLUMNS):
        part = slice(start, start + _COLUMNS)
        cells = _greys(looks[part]).reshape(-1, COLOUR_SIDE, cell, COLOUR_SIDE, cell).mean(axis=(2, 4))
        here = cells[:, :-1, :-1]
        bits = np.stack([here < cells[:, :-1, 1:], here < cells[:, 1:, :-1]], axis=1)
        hashes[part] = np.packbits(bits.reshape(-1, 2, 64), axis=-1).view(np.uint64)[..., 0]
    return hashes


def _alike(hashes: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Give the pairs of these photos and later ones whose hashes are near, shape `(k, 2)`, a few at a time."""
    for start in range(rows[0], len(hashes), _COLUMNS):
        others = hashes[start : start + _COLUMNS]
        distance = np.bitwise_count(hashes[rows, None, 0] ^ others[:, 0])
        distance += np.bitwise_count(hashes[rows, None, 1] ^ others[:, 1])
        first, second = np.nonzero(distance <= HASH_DISTANCE)
        pairs = np.stack([rows[first], second + start], axis=1)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        for place in range(0, len(pairs), _PAIRS):
            yield pairs[place : place + _PAIRS]


def _confirmed(looks: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Keep the pairs whose colours and edges agree."""
    colours = looks[pairs, GREY_SIDE**2 :].astype(np.float32)
    square = ((colours[:, 0] - colours[:, 1]) ** 2).sum(axis=1) / COLOUR_SIDE**2
    pairs = pairs[square <= COLOUR_DISTANCE**2]
    a, b = (_smooth(_greys(looks[places])) for places in pairs.T)
    # What differs this much before it is aligned was never seen to agree afterwards.
    is_near = _share(_edges(b) - _edges(a), a, b) <= _ALIGNABLE
    pairs, a, b = pairs[is_near], a[is_near], b[is_near]
    return pairs[_share(_unexplained(a, b), a, b) <= EDGE_DIFFERENCE]


def _unexplained(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Give what is left of the difference between the edges of two photos when a small shift, stretch and contrast is allowed for."""
    mean = (a + b) / 2
    down, right = np.gradient(mean, axis=(1, 2))
    y, x = np.meshgrid(*[np.linspace(-1, 1, a.shape[-1], dtype=np.float32)] * 2, indexing="ij")
    causes = np.stack([_edges(cause) for cause in (mean, right, down, right * x, down * y)], axis=1)
    difference = (_edges(b) - _edges(a))[..., None]
    normal = causes @ causes.transpose(0, 2, 1) + 1e-3 * np.eye(causes.shape[1], dtype=np.float32)
    return np.asarray(difference - causes.transpose(0, 2, 1) @ np.linalg.solve(normal, causes @ difference))[..., 0]


def _share(difference: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Measure differences against the edges of both photos, from 0; infinite where a photo has none."""
    energy = np.sqrt((_edges(a) ** 2).mean(axis=1) * (_edges(b) ** 2).mean(axis=1))
    return np.where(energy < _LEAST_EDGES, np.inf, (difference**2).mean(axis=1) / 2 / np.maximum(energy, _LEAST_EDGES))


def _smooth(grey: np.ndarray) -> np.ndarray:
    """Weigh each place with its neighbours by 1, 2, 1 both ways, so that a shift by a part of a pixel is a small change."""
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return np.asarray((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4)


def _edges(grey: np.ndarray) -> np.ndarray:
    """Give the differences of neighbours, shape `(n, k)`; the rim is left out, where a crop brings in what nothing explains."""
    inner = grey[:, 1:-1, 1:-1]
    n, side = inner.shape[:2]
    return np.concatenate([np.diff(inner, axis=axis).reshape(n, side * (side - 1)) for axis in (1, 2)], axis=1)
