import numpy as np
import pytest

from car_recog.errors import DataError
from car_recog.evaluation.hierarchy import walk


def slow_walk(row: np.ndarray, levels: list[np.ndarray]) -> list[tuple[int, float]]:
    inside, path = list(range(len(row))), []
    for numbers in levels:
        sums: dict[int, float] = {}
        for i in inside:
            sums[int(numbers[i])] = sums.get(int(numbers[i]), 0.0) + float(row[i])
        best = max(sorted(sums), key=lambda node: round(sums[node], 12))
        inside = [i for i in inside if numbers[i] == best]
        path.append((best, sums[best]))
    return path


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(12, 0.3), 40)
    levels = [rng.integers(0, 3, 12), rng.integers(-1, 3, 12), np.arange(12)]  # the second numbers nodes of several parents alike

    choices, sure = walk(probabilities, levels)

    for row, chosen, shares in zip(probabilities, choices, sure, strict=True):
        expected = slow_walk(row, levels)
        assert chosen.tolist() == [node for node, _ in expected]
        np.testing.assert_allclose(shares, [share for _, share in expected])
    assert (np.diff(sure, axis=1) <= 0).all()


def test_a_model_of_another_make_is_never_answered() -> None:
    toyota, audi = 0, 1
    makes, models = np.array([toyota, toyota, audi]), np.array([0, 1, 2])

    choices, sure = walk(np.array([[0.3, 0.3, 0.4]]), [makes, models])

    assert choices.tolist() == [[toyota, 0]]
    np.testing.assert_allclose(sure, [[0.6, 0.3]])


def test_a_node_without_probability_is_left_for_none_outside() -> None:
    choices, sure = walk(np.array([[0.0, 0.0]]), [np.array([7, 8]), np.array([4, 3])])

    assert choices.tolist() == [[7, 4]]
    assert sure.tolist() == [[0.0, 0.0]]


def test_without_levels_nothing_is_chosen() -> None:
    choices, sure = walk(np.full((2, 3), 1 / 3), [])

    assert choices.shape == sure.shape == (2, 0)


def test_a_level_must_number_every_class() -> None:
    with pytest.raises(DataError, match=r"Level 1 must number each of 3 classes; got int64 of shape \(2,\)"):
        walk(np.full((1, 3), 1 / 3), [np.arange(3), np.arange(2)])
