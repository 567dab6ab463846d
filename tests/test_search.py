import sys

import numpy as np
import pytest

from car_recog import search
from car_recog.errors import OptionError
from car_recog.search import ExactIndex, FaissIndex


def unit(n: int, *, seed: int = 0, dim: int = 16) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def plain_loop(rows: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Sort all rows by score; Python's sort keeps the order of equal ones."""
    return np.array([sorted(range(len(rows)), key=lambda i: -float(rows[i] @ query))[:k] for query in queries])


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(search, "_ROWS", 7)
    monkeypatch.setattr(search, "_QUERIES", 3)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("k", [1, 5, 40, 90])
def test_exact_search_finds_what_a_plain_loop_finds(k):
    rows, queries = unit(60), unit(10, seed=1)
    index = ExactIndex(16)
    for start in range(0, 60, 9):
        index.add(rows[start : start + 9])

    scores, places = index.search(queries, k)

    assert places.tolist() == plain_loop(rows, queries, k).tolist()
    assert scores == pytest.approx(np.sort(queries @ rows.T, axis=1)[:, ::-1][:, :k], abs=1e-6)


@pytest.mark.usefixtures("small_blocks")
def test_equal_scores_keep_the_order_of_the_rows():
    rows = np.zeros((50, 16), np.float32)
    rows[:, 0] = np.repeat([0.25, 0.5, 0.25, 0.5, 0.125], 10)
    index = ExactIndex(16)
    index.add(rows)

    places = index.search(np.eye(16, dtype=np.float32)[:1], 25)[1]

    assert places[0].tolist() == [*range(10, 20), *range(30, 40), *range(5)]


@pytest.mark.parametrize("is_exact", [True, False])
def test_faiss_gives_the_same_rows_in_the_same_order(is_exact):
    rows, queries = unit(2000), unit(50, seed=1)
    exact, other = ExactIndex(16), FaissIndex(16, is_exact=is_exact)
    for index in (exact, other):
        index.add(rows[:1500])
        index.add(rows[1500:])

    scores, places = exact.search(queries, 10)
    found_scores, found = other.search(queries, 10)

    # The random rows lie apart by more than rounding; the graph may miss a row.
    assert (found == places).mean() >= (1.0 if is_exact else 0.95)
    assert np.abs(found_scores - scores)[found == places].max() < 1e-5


@pytest.mark.parametrize("make", [lambda: ExactIndex(16), lambda: FaissIndex(16, is_exact=True), lambda: FaissIndex(16, is_exact=False)])
def test_rows_behind_removed_ones_move_up_and_removed_ones_are_not_found(make):
    rows, queries = unit(300), unit(20, seed=1)
    index = make()
    index.add(rows[:200])
    is_gone = np.arange(200) % 3 == 0

    index.remove(is_gone)
    index.add(rows[200:])

    left = np.concatenate([rows[:200][~is_gone], rows[200:]])
    assert len(index) == len(left)
    assert index.search(queries, 5)[1].tolist() == plain_loop(left, queries, 5).tolist()


@pytest.mark.parametrize("make", [lambda: ExactIndex(4), lambda: FaissIndex(4, is_exact=True)])
def test_an_empty_index_finds_nothing(make):
    scores, places = make().search(unit(3, dim=4), 5)

    assert scores.shape == places.shape == (3, 0)


def test_any_score_can_be_searched_by():
    rows, queries = unit(60), unit(4, seed=1)
    index = ExactIndex(16, lambda some, block: -np.abs(some[:, None] - block).sum(axis=2))
    index.add(rows)

    places = index.search(queries, 3)[1]

    assert places.tolist() == np.argsort(np.abs(queries[:, None] - rows).sum(axis=2), axis=1)[:, :3].tolist()


def test_without_faiss_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)

    with pytest.raises(OptionError, match=r"pip install 'car-recog\[search\]'"):
        FaissIndex(16, is_exact=True)
