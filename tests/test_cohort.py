import numpy as np
import pytest

from car_recog import cohort as cohort_module
from car_recog.cohort import MAX_CARS, Cohort, gather_cohort


def unit(n: int, dim: int = 6, *, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def plain_score(a: np.ndarray, b: np.ndarray, means: np.ndarray) -> float:
    """Score one pair by the letter of the formula."""
    reaches = []
    for photo in (a, b):
        distances = sorted(1 - float(np.dot(photo.astype(float), mean.astype(float))) for mean in means)
        reaches.append((2 * sum(distances[:5]) / len(distances[:5])) ** 0.5)
    return float(np.exp(-(1 - np.dot(a.astype(float), b.astype(float))) / (reaches[0] * reaches[1])))


@pytest.mark.parametrize("n_cars", [1, 3, 5, 40])
def test_scores_are_those_of_a_plain_loop(n_cars, monkeypatch):
    monkeypatch.setattr(cohort_module, "_ROWS", 7)
    cohort, first, second = Cohort(unit(n_cars, seed=1)), unit(30, seed=2), unit(30, seed=3)

    scores = cohort.score(first, second)

    assert scores == pytest.approx([plain_score(a, b, cohort.means) for a, b in zip(first, second, strict=True)], abs=1e-5)
    assert scores.dtype == np.float32


def test_a_score_is_the_same_for_both_orders_and_highest_for_equal_photos():
    cohort, photos = Cohort(unit(20)), unit(50, seed=1)
    first, second = (places.ravel() for places in np.meshgrid(range(50), range(50)))

    scores = cohort.score(photos[first], photos[second])

    assert np.array_equal(scores, cohort.score(photos[second], photos[first]))
    assert scores[first == second] == pytest.approx(1, abs=1e-6)
    assert (scores <= 1).all()


def test_a_reach_does_not_depend_on_the_rows_around():
    cohort, photos = Cohort(unit(60, 128)), unit(500, 128, seed=1)

    together, alone = cohort.reach(photos), np.concatenate([cohort.reach(photo[None]) for photo in photos])

    assert np.array_equal(together, alone)


def test_the_same_cosine_says_less_where_other_cars_are_near():
    crowd = np.array([[1, 0.1, 0], [1, -0.1, 0], [1, 0, 0.1], [1, 0, -0.1], [1, 0, 0]], np.float32)
    cohort = Cohort(crowd / np.linalg.norm(crowd, axis=1, keepdims=True))
    near, far = np.array([[1, 0, 0], [0.8, 0.6, 0]], np.float32), np.array([[0, 0, -1], [0, 0.6, -0.8]], np.float32)

    crowded, lonely = (cohort.score(pair[:1], pair[1:])[0] for pair in (near, far))

    assert crowded < 0.55 < 0.85 < lonely


def test_photos_that_all_cars_resemble_have_a_least_reach():
    cohort = Cohort(np.repeat(unit(1), 5, axis=0))

    assert cohort.reach(unit(1)) == pytest.approx([0.02**0.5])


def test_a_cohort_holds_the_mean_of_each_car():
    embeddings, labels = unit(6), np.array([4, 2, 4, 2, 4, 9])

    means = gather_cohort(labels, embeddings.__getitem__, seed=0).means

    for mean, label in zip(means, (2, 4, 9), strict=True):
        expected = embeddings[labels == label].astype(float).mean(axis=0)
        assert mean == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_of_many_cars_some_are_drawn_by_the_seed():
    embeddings, labels = unit(MAX_CARS + 50), np.arange(MAX_CARS + 50)

    embedded = []

    def embed(places):
        embedded.append(len(places))
        return embeddings[places]

    first, again, other = (gather_cohort(labels, embed, seed=seed).means for seed in (0, 0, 1))

    assert len(first) == MAX_CARS
    assert embedded == [MAX_CARS] * 3
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(np.unique(first, axis=0)) == MAX_CARS
