"""The embeddings of a gallery, and which names are nearest to a new one."""

import numpy as np

from car_recog.cohort import Cohort, log_scores
from car_recog.errors import OptionError, suggestion
from car_recog.search import ExactIndex, FaissIndex, inner_product, load_faiss
from car_recog.verifier import SiameseVerifier

INDEXES = ("exact", "faiss", "hnsw")
_QUERIES = 256
_LEAST_PHOTOS = 64
_MORE = 8


class PlainRows:
    """Rows are embeddings as they are, compared by cosine or, where there is one, by a pair head, which no product can stand for."""

    def __init__(self, verifier: SiameseVerifier) -> None:
        self._score_embeddings = verifier.score_embeddings
        self._is_metric = verifier.config.is_metric

    def rows(self, embeddings: np.ndarray) -> np.ndarray:
        """Make rows of embeddings."""
        return embeddings

    def score(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Score all queries against all rows: `(n_queries, n)`."""
        if self._is_metric:
            return inner_product(queries, rows)
        return np.stack([self.score_one(query, rows) for query in queries])

    rank = score

    def score_one(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Score one query against rows to the last digit as the verifier does, whatever the number of rows: `(n,)`."""
        return self._score_embeddings(np.broadcast_to(query, rows.shape), rows)

    def products(self, rows: np.ndarray, *, as_queries: bool = False) -> np.ndarray:
        """Put rows where their product ranks them as the score does."""
        return rows


class ScaledRows:
    """Rows are embeddings, each with the inverse of its reach behind it: see `Cohort`."""

    def __init__(self, cohort: Cohort) -> None:
        self._cohort = cohort

    def rows(self, embeddings: np.ndarray) -> np.ndarray:
        """Make rows of embeddings."""
        return np.concatenate([embeddings, 1 / self._cohort.reach(embeddings)[:, None]], axis=1)

    def rank(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Give the logarithms of the scores of all queries against all rows, `(n_queries, n)`: the same order for less."""
        return log_scores(queries[:, :-1] @ rows[:, :-1].T, queries[:, -1:], rows[:, -1])

    def score(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Score all queries against all rows: `(n_queries, n)`."""
        return np.asarray(np.exp(self.rank(queries, rows)))

    def score_one(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Score one query against rows to the last digit as the verifier does, whatever the number of rows: `(n,)`."""
        return np.asarray(np.exp(log_scores((query[:-1] * rows[:, :-1]).sum(axis=1), query[-1:], rows[:, -1])))

    def products(self, rows: np.ndarray, *, as_queries: bool = False) -> np.ndarray:
        """Put rows where the product of a query and a row is the logarithm of the score: `(cosine - 1) / (reach_a reach_b)`."""
        scales = rows[:, -1:]
        return np.concatenate([rows[:, :-1] * scales, -scales if as_queries else scales], axis=1)


class NameIndex:
    """Embeddings, each with the number of its name.

    Args:
        verifier: Says how embeddings are compared.
        kind: See `Gallery`.

    Raises:
        OptionError: An unknown index, or one that does not fit the verifier or is not installed.
    """

    def __init__(self, verifier: SiameseVerifier, kind: str) -> None:
        if kind not in INDEXES:
            raise OptionError(f"index must be one of {', '.join(INDEXES)}; got {kind!r}.{suggestion(str(kind), INDEXES)}")
        if kind != "exact":
            if not verifier.config.is_metric:
                raise OptionError(
                    f"index={kind!r} searches by cosine, and this verifier compares by a pair head. Use index='exact', or a verifier "
                    "that was trained on photos of identities."
                )
            load_faiss()
        self.kind = kind
        self._dim, cohort = verifier.config.embedding_dim, verifier.cohort
        self._measure = PlainRows(verifier) if cohort is None else ScaledRows(cohort)
        self._exact = ExactIndex(self._dim + (cohort is not None), self._measure.rank)
        self._faiss: FaissIndex | None = None
        self._labels = np.empty(0, np.int64)
        self._distinct: set[int] = set()

    @property
    def embeddings(self) -> np.ndarray:
        """All embeddings in order, float32 `(n, embedding_dim)`."""
        return self._exact.rows[:, : self._dim]

    def add(self, embeddings: np.ndarray, labels: list[int]) -> None:
        """Put embeddings `(n, embedding_dim)` at the end, with the numbers of their names."""
        self._labels = np.concatenate([self._labels, np.array(labels, np.int64)])
        self._distinct.update(labels)
        rows = self._measure.rows(embeddings)
        self._exact.add(rows)
        if self._faiss is not None:
            self._faiss.add(self._for_faiss(rows))

    def remove(self, label: int) -> np.ndarray:
        """Take all embeddings of a name out; returns for each whether it went."""
        is_gone = np.asarray(self._labels == label)
        self._distinct.discard(label)
        self._labels = self._labels[~is_gone]
        self._exact.remove(is_gone)
        if self._faiss is not None:
            self._faiss.remove(is_gone)
            if self._faiss.n_removed > len(self._faiss):
                self._faiss = None
        return is_gone

    def score(self, queries: np.ndarray) -> np.ndarray:
        """Score queries `(n_queries, embedding_dim)` against all: `(n_queries, n)`."""
        return self._measure.score(self._measure.rows(queries), self._exact.rows)

    def find(self, queries: np.ndarray, k: int) -> list[list[tuple[int, float]]]:
        """Find the names that are nearest, each by its best photo.

        Args:
            queries: Embeddings `(n_queries, embedding_dim)`.
            k: How many names at most.

        Returns:
            For each query places of photos with their scores, best first; of equal scores the photo that was enrolled earlier.
        """
        asked = self._measure.rows(queries)
        chunks = [asked[start : start + _QUERIES] for start in range(0, len(asked), _QUERIES)]
        return [self._order(query, places)[:k] for chunk in chunks for query, places in zip(chunk, self._best(chunk, 2 * k), strict=True)]

    def nearest(self, queries: np.ndarray, n: int) -> list[np.ndarray]:
        """Find the places of the n photos nearest to each of the embeddings, best first; a graph may miss some."""
        return self._nearest(self._measure.rows(queries), n)

    def _nearest(self, asked: np.ndarray, n: int) -> list[np.ndarray]:
        index = self._choose()
        if isinstance(index, ExactIndex):
            return list(index.search(asked, n)[1])
        found = index.search(self._for_faiss(asked, as_queries=True), max(n, _LEAST_PHOTOS))[1]
        return [self._rank(query, places[places >= 0])[:n] for query, places in zip(asked, found, strict=True)]

    def _for_faiss(self, rows: np.ndarray, *, as_queries: bool = False) -> np.ndarray:
        """Put rows where their products rank them; a graph needs them where all are related alike, and is walked by cosine."""
        return self._measure.products(rows, as_queries=as_queries) if self.kind == "faiss" else rows[:, : self._dim]

    def _rank(self, query: np.ndarray, places: np.ndarray) -> np.ndarray:
        scores = self._measure.rank(query[None], self._exact.rows[places])[0]
        return np.asarray(places[np.lexsort((places, -scores))])

    def _best(self, asked: np.ndarray, k: int) -> list[np.ndarray]:
        """Find the best photo of each of k names, asking for more photos until there are so many names among them."""
        n, n_asked = len(self._labels), max(_LEAST_PHOTOS, 4 * k)
        wanted = min(k, len(self._distinct))
        best: list[np.ndarray] = [np.empty(0, np.int64)] * len(asked)
        pending = np.arange(len(asked)) if n else np.empty(0, int)
        while len(pending):
            for query, places in zip(pending, self._nearest(asked[pending], n_asked), strict=True):
                first = np.sort(np.unique(self._labels[places], return_index=True)[1])
                best[query] = places[first[:k]]
            pending = np.array([query for query in pending if len(best[query]) < wanted and n_asked < n], int)
            n_asked *= _MORE
        return best

    def _order(self, query: np.ndarray, places: np.ndarray) -> list[tuple[int, float]]:
        """Score as the verifier itself does: the last digits of a product depend on the size of its block."""
        scores = self._measure.score_one(query, self._exact.rows[places])
        order = np.lexsort((places, -scores))
        return [(int(places[i]), float(scores[i])) for i in order]

    def _choose(self) -> ExactIndex | FaissIndex:
        if self.kind == "exact":
            return self._exact
        if self._faiss is None:
            rows = self._for_faiss(self._exact.rows)
            built = FaissIndex(rows.shape[1], is_exact=self.kind == "faiss")
            built.add(rows)
            self._faiss = built  # only now: another thread may be searching
        return self._faiss
