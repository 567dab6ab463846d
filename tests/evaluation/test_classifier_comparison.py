"""Several classifiers on the same photos: who is best, what each step gains, and the page that tells it."""

import json

import attrs
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import log_loss as sklearn_log_loss

from car_recog.evaluation.classification import classification_report
from car_recog.evaluation.classifier_comparison import ClassifierComparison, Contender, compare_neighbours, log_loss
from car_recog.evaluation.report import Background
from car_recog.evaluation.sheets import Tile

EVIL = '<script src="http://evil.example/x.js">alert(1)</script>|$x$'
LABELS = np.arange(12) % 3
HISTORY = {"epoch": [1, 2], "accuracy": [0.4, 0.8], "loss": [1.1, 0.6], "val_accuracy": [0.3, 0.5], "val_loss": [1.2, 0.9]}


def contender(name: str, n_wrong: int, *, history=None, val: tuple[float, float] = (None, None), sure: float = 0.8) -> Contender:
    """Answers twelve photos of three classes, the first ones wrongly."""
    answers = np.where(np.arange(12) < n_wrong, (LABELS + 1) % 3, LABELS)
    probabilities = np.full((12, 3), (1 - sure) / 2)
    probabilities[np.arange(12), answers] = sure
    facts = {"What it is": [f"Named {name}."], "How it was trained": ["On the same photos."]}
    background = Background(title="", date="2026-01-02", facts=facts, class_counts={}, history=history, photos=(), photos_from="")
    return Contender(
        name=name,
        report=classification_report(probabilities, LABELS, class_names=["a", EVIL, "c"], background=background),
        is_right=answers == LABELS,
        log_loss=log_loss(probabilities, LABELS),
        val_accuracy=val[0],
        val_log_loss=val[1],
        seconds=61.7,
        n_parameters=1234,
        megabytes=0.005,
        photos_per_second=99.6,
    )


def comparison_of(*contenders: Contender) -> ClassifierComparison:
    photo = np.full((20, 30, 3), 120, np.uint8)
    return ClassifierComparison(contenders=contenders, steps=compare_neighbours(contenders), answers=(Tile(photo, (EVIL, "right")),))


def test_a_step_counts_the_photos_that_one_alone_names_rightly() -> None:
    first, second = contender("first", 6), contender("second", 0)
    second = attrs.evolve(second, is_right=np.arange(12) != 11)

    (step,) = compare_neighbours([first, second])

    assert (step.first, step.second, step.n_only_first, step.n_only_second) == ("first", "second", 1, 6)
    assert step.gain == pytest.approx(5 / 12)
    assert step.p_value == pytest.approx(2 * (1 + 7) / 2**7)
    assert step.interval[0] < 5 / 12 < step.interval[1]


def test_photos_of_one_group_are_drawn_together() -> None:
    contenders = [contender("first", 6), contender("second", 0)]

    alone, together = (compare_neighbours(contenders, groups=groups)[0] for groups in (None, ["x"] * 6 + ["y"] * 6))

    assert together.interval == (0.0, 1.0)
    assert alone.interval[0] > 0.1 and alone.interval[1] < 0.9


def test_the_log_loss_agrees_with_scikit_learn_and_is_finite() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 12)

    assert log_loss(probabilities, LABELS) == pytest.approx(sklearn_log_loss(LABELS, probabilities))
    assert 15 < log_loss(np.array([[1.0, 0.0]], np.float32), np.array([1])) < 17


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [
        ({"n_wrong": 2}, {"n_wrong": 3}, "first"),
        ({"n_wrong": 2, "sure": 0.6}, {"n_wrong": 2}, "second"),
        ({"n_wrong": 2, "val": (0.5, 1.0)}, {"n_wrong": 3, "val": (0.6, 2.0)}, "second"),
        ({"n_wrong": 3, "val": (0.6, 1.0)}, {"n_wrong": 2, "val": (0.6, 2.0)}, "first"),
    ],
)
def test_the_best_is_chosen_by_accuracy_then_loss_on_validation_photos_if_there_are_any(first, second, best) -> None:
    comparison = comparison_of(contender("first", **first), contender("second", **second))

    assert comparison.winner.name == best
    assert comparison.is_validated == ("val" in first)
    assert f"The best is {best}. It was chosen on the v{'alidation' if 'val' in first else 'ery'}" in str(comparison)


def test_the_page_holds_every_figure_and_runs_nothing(tmp_path, read_page) -> None:
    html = comparison_of(contender(EVIL, 6, history=HISTORY), contender("better", 0)).to_html(tmp_path / "page.html")

    assert (tmp_path / "page.html").read_text("utf-8") == html
    for text in ("The best is better", "1,234", "<td>62</td>", "0.005", "Named better.", "better, and hardly by chance"):
        assert text in html
    assert html.count("On the same photos.") == 1  # what all share is said once
    page = read_page(html)
    page.check_inert()
    assert page.read_pictures() == 3  # results, curves, one answer


def test_curves_are_drawn_where_a_training_is_known(tmp_path) -> None:
    known, unknown = (comparison_of(contender("a", 6, history=columns), contender("b", 0)) for columns in (HISTORY, None))

    files = known.plot(tmp_path / "known")

    assert [path.name for path in files] == ["results.png", "curves.png", "answers.png"]
    for path in files:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 5, path.name
    assert [path.name for path in unknown.plot(tmp_path / "unknown")] == ["results.png", "answers.png"]
    assert "How they learned" not in unknown.to_html()


def test_the_json_holds_figures_and_curves() -> None:
    written = json.loads(comparison_of(contender("a", 6, history=HISTORY), contender("b", 0)).to_json())

    assert (written["best"], written["n_photos"]) == ("b", 12)
    assert written["contenders"][0]["accuracy"] == 0.5
    assert written["contenders"][0]["history"] == HISTORY
    assert written["steps"][0]["n_only_second"] == 6


def test_gaps_of_a_history_are_null_in_json():
    gaps = {"phase": ["head", "all"], "val_loss": [float("nan"), 0.5]}

    text = comparison_of(contender("a", 6, history=gaps), contender("b", 0)).to_json()

    assert "NaN" not in text
    assert json.loads(text)["contenders"][0]["history"] == {"phase": ["head", "all"], "val_loss": [None, 0.5]}
