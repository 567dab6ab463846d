from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from car_recog.evaluation.plots import plot_confusion, plot_history


def brightness(path: Path) -> float:
    with Image.open(path) as picture:
        return float(np.asarray(picture).mean())


@pytest.mark.parametrize("n_classes", [2, 12, 120])
def test_a_confusion_matrix_is_drawn_with_a_dark_diagonal(n_classes: int, tmp_path: Path) -> None:
    perfect = plot_confusion(np.eye(n_classes, dtype=int) * 9, [f"class {i}" for i in range(n_classes)], tmp_path / "a.png")
    empty = plot_confusion(np.zeros((n_classes, n_classes), int), [f"class {i}" for i in range(n_classes)], tmp_path / "b.png")

    assert brightness(perfect) < brightness(empty)


def test_curves_of_several_phases_are_drawn(tmp_path: Path) -> None:
    columns = {"phase": ["head", "all", "all"], "epoch": [1, 2, 3], "loss": [3, 2, 1], "accuracy": [0.1, 0.2, 0.3], "val_loss": [3, 3, 2]}

    path = plot_history(columns, tmp_path / "history.png")

    with Image.open(path) as picture:
        assert picture.size == (1500, 600)
    assert not list(tmp_path.glob(".part-*"))
