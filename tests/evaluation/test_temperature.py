import numpy as np
import pytest

from car_recog.errors import DataError
from car_recog.evaluation.temperature import fit_temperature, softmax


def log_loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    scaled = logits / temperature
    return float(np.mean([np.logaddexp.reduce(row) - row[label] for row, label in zip(scaled, labels, strict=True)]))


@pytest.mark.parametrize("seed", range(3))
def test_no_temperature_of_a_fine_grid_has_a_lower_log_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, 50)
    logits = 10.0 ** rng.uniform(-1, 1.5) * (rng.normal(size=(50, 5)) + 1.5 * np.eye(5)[labels])
    grid = np.geomspace(0.02, 200, 801)

    found = fit_temperature(logits, labels)

    losses = [log_loss(logits, labels, temperature) for temperature in grid]
    assert log_loss(logits, labels, found) <= min(losses)
    assert found == pytest.approx(grid[np.argmin(losses)], rel=0.012)


def test_answers_that_are_all_right_are_not_made_certain() -> None:
    logits = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, -1.0]])

    temperature = fit_temperature(logits, np.array([0, 1]))

    assert softmax(logits / temperature).max(axis=1).mean() == pytest.approx(3 / 4)


def test_a_mistake_by_a_hair_does_not_make_the_others_certain() -> None:
    logits = np.array([[1.0, 0.0]] * 9 + [[1e-6, 0.0]])

    temperature = fit_temperature(logits, np.array([0] * 9 + [1]))

    assert softmax(logits / temperature).max(axis=1).mean() == pytest.approx(11 / 12)


def test_answers_worse_than_chance_get_the_highest_temperature() -> None:
    assert fit_temperature(np.array([[5.0, 0.0], [0.0, 5.0]]), np.array([1, 0])) == pytest.approx(1000)


def test_huge_logits_are_fitted() -> None:
    logits = np.array([[1e5, 0.0]] * 3 + [[0.0, 1e5]])

    assert fit_temperature(logits, np.array([0, 0, 0, 0])) == pytest.approx(1000)
    assert fit_temperature(logits / 1e3, np.array([0, 0, 0, 0])) == pytest.approx(100 / np.log(3))


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), r"one label per photo; got shapes \(0, 3\)"),
        (np.zeros((2, 3)), np.zeros(3, int), r"got shapes \(2, 3\) and \(3,\)"),
        (np.zeros((2, 1)), np.zeros(2, int), "two classes to choose from; got 1"),
        (np.zeros((2, 3)), np.array([0, 3]), "from 0 to 2; got int64 from 0 to 3"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), "got float64"),
        (np.array([[0.0, 0.0], [0.0, np.nan]]), np.array([0, 1]), "logits of 1 of 2 photos are not finite, the first of photo 1"),
    ],
)
def test_what_cannot_be_fitted_raises(logits: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_temperature(logits, labels)
