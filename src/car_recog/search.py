"""The rows nearest to queries: exact in NumPy; with faiss exact, or by a graph that serves millions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from car_recog.errors import OptionError

Scorer = Callable[[np.ndarray, np.ndarray], np.ndarray]

_QUERIES, _ROWS = 64, 16_384
_LINKS, _EF_BUILD, _EF_SEARCH = 32, 100, 128


def inner_product(queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Score queries `(n_queries, dim)` against rows `(n, dim)` by their product, the cosine at unit length: `(n_queries, n)`."""
    return np.asarray(queries @ rows.T)


class ExactIndex:
    """Rows in memory, searched one and all, in blocks that fit the processor's cache.

    Args:
        dim: Numbers in a row.
        score: From queries `(n_queries, dim)` and rows `(n, dim)` to scores `(n_queries, n)`; higher is nearer.
    """

    def __init__(self, dim: int, score: Scorer = inner_product) -> None:
        self._buffer = np.empty((0, dim), np.float32)
        self._n = 0
        self.score = score

    def __len__(self) -> int:
        return self._n

    @property
    def rows(self) -> np.ndarray:
        """All rows in order, float32 `(n, dim)`."""
        return self._buffer[: self._n]

    def add(self, rows: np.ndarray) -> None:
        """Put rows `(n, dim)` at the end."""
        n = self._n + len(rows)
        if n > len(self._buffer):  # twice as many, so that adding one by one does not copy all each time
            grown = np.empty((max(n, 2 * self._n), self._buffer.shape[1]), np.float32)
            grown[: self._n] = self.rows
            self._buffer = grown
        self._buffer[self._n : n] = rows
        self._n = n

    def remove(self, is_gone: np.ndarray) -> None:
        """Take rows out, told by a bool for each; those behind them move up."""
        self._buffer = self.rows[~is_gone]
        self._n = len(self._buffer)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k rows of the highest scores; of equal ones the earlier.

        Args:
            queries: Shape `(n_queries, dim)`.
            k: How many; where there are fewer rows, all.

        Returns:
            Scores float32 and places int64, best first, both of shape `(n_queries, k)`.
        """
        k = min(k, self._n)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        places = np.full((len(queries), k), -1, np.int64)
        for first in range(0, len(queries) if k else 0, _QUERIES):
            for start in range(0, self._n, _ROWS):
                found = self.score(queries[first : first + _QUERIES], self.rows[start : start + _ROWS])
                for query, row in enumerate(found, start=first):
                    _keep_best(scores[query], places[query], row, start)
        return scores, places


def _keep_best(scores: np.ndarray, places: np.ndarray, found: np.ndarray, start: int) -> None:
    """Merge the scores of a block of rows, the first of them at place `start`, into the best so far."""
    k = len(scores)
    better = np.flatnonzero(found > scores[-1])
    if len(better) > k:
        edge = np.partition(found[better], -k)[-k]
        better = better[found[better] >= edge]
    if len(better):
        all_scores = np.concatenate([scores, found[better]])
        order = np.argsort(-all_scores, kind="stable")[:k]
        scores[:], places[:] = all_scores[order], np.concatenate([places, better + start])[order]


class FaissIndex:
    """Rows searched by their product with faiss, from the extra `search`.

    Args:
        dim: Numbers in a row.
        is_exact: Compares with every row; otherwise a graph (HNSW) is walked that may miss some of the nearest.

    Raises:
        OptionError: faiss is not installed.

    Source: Malkov and Yashunin, TPAMI 2018, arXiv:1603.09320 (HNSW); Douze et al. 2024, arXiv:2401.08281 (faiss).
    """

    def __init__(self, dim: int, *, is_exact: bool) -> None:
        self._faiss = load_faiss()
        self.is_exact = is_exact
        if is_exact:
            self._index = self._faiss.IndexFlatIP(dim)
        else:
            self._index = self._faiss.IndexHNSWFlat(dim, _LINKS, self._faiss.METRIC_INNER_PRODUCT)
            self._index.hnsw.efConstruction = _EF_BUILD
        # Of each row in the index its place now, -1 once removed: a graph cannot forget.
        self._places = np.empty(0, np.int64)
        self._left: Any = None
        self.n_removed = 0

    def __len__(self) -> int:
        return len(self._places) - self.n_removed

    def add(self, rows: np.ndarray) -> None:
        """Put rows `(n, dim)` at the end."""
        self._places = np.concatenate([self._places, np.arange(len(self), len(self) + len(rows))])
        self._index.add(np.ascontiguousarray(rows, np.float32))
        self._mark_left()

    def remove(self, is_gone: np.ndarray) -> None:
        """Take rows out, told by a bool for each; those behind them move up."""
        if self.is_exact:
            self._index.remove_ids(np.flatnonzero(is_gone))
            self._places = np.arange(int((~is_gone).sum()))
            return
        after = np.where(is_gone, -1, np.cumsum(~is_gone) - 1)
        live = self._places >= 0
        self._places[live] = after[self._places[live]]
        self.n_removed += int(is_gone.sum())
        self._mark_left()

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k rows of the highest scores: as `ExactIndex.search`, but where the graph finds fewer, places end with -1."""
        k = min(k, len(self))
        if not k:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        parameters = None
        if not self.is_exact:
            parameters = self._faiss.SearchParametersHNSW(efSearch=max(_EF_SEARCH, 2 * k), sel=self._left)
        scores, found = self._index.search(np.ascontiguousarray(queries, np.float32), k, params=parameters)
        return np.where(found < 0, -np.inf, scores), np.where(found < 0, -1, self._places[found])

    def _mark_left(self) -> None:
        """Say which rows of a graph may be found."""
        if self.n_removed:
            self._left = self._faiss.IDSelectorBitmap(np.packbits(self._places >= 0, bitorder="little"))


def load_faiss() -> Any:
    """Give the module faiss.

    Raises:
        OptionError: It is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise OptionError("Searching with faiss needs faiss: pip install 'car-recog[search]'.") from error
    return faiss
