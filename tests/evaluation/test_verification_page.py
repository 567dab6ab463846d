"""The pages and pictures of a report on pairs."""

import numpy as np
import pytest
from PIL import Image

from car_recog.evaluation.report import Background
from car_recog.evaluation.verification import VerificationReport, verification_report
from car_recog.evaluation.verification_plots import draw_det, draw_pair_scores, draw_roc, draw_threshold

EVIL = '<script src="http://evil.example/x.js">alert(1)</script>|"&amp;$x$'


def report_of(*, is_bare: bool = False, scores: np.ndarray | None = None) -> VerificationReport:
    """A hundred genuine pairs of 25 cars, and as many impostor pairs of two kinds, one of them named by an enemy."""
    rng = np.random.default_rng(0)
    cars = np.concatenate([np.arange(100).repeat(2).reshape(100, 2) % 25, np.stack([np.arange(100), np.arange(100) + 7], axis=1) % 25])
    is_genuine = cars[:, 0] == cars[:, 1]
    if scores is None:
        scores = rng.normal(size=200) / 4 + is_genuine / 2
    if is_bare:
        return verification_report(scores, is_genuine, identities=cars, threshold=None)
    photos = rng.integers(0, 255, (200, 20, 30, 3), np.uint8)
    background = Background(
        title=f"SiameseVerifier: {EVIL}",
        date="2026-01-02",
        facts={"What it is": [f"Backbone: {EVIL}."]},
        class_counts={},
        history={"phase": ["head", "head"], "epoch": [1, 2], "loss": [2.0, 1.0]},
        photos=(),
        photos_from="",
    )
    return verification_report(
        scores,
        is_genuine,
        identities=cars,
        threshold=0.25,
        probabilities=1 / (1 + np.exp(1 - 4 * scores)),
        kinds=np.where(is_genuine, "", np.where(np.arange(200) % 2, "same model", EVIL)).tolist(),
        sources=[(f"{EVIL}{i}.jpg", f"b{i}.jpg") for i in range(200)],
        read=lambda places: (photos[places], photos[-places]),
        skipped={"broken.jpg": EVIL},
        background=background,
    )


@pytest.fixture(scope="module")
def report() -> VerificationReport:
    return report_of()


@pytest.fixture(scope="module")
def page(report, read_page):
    return read_page(report.to_html())


def test_everything_stands_in_the_page_as_plain_text(report, page) -> None:
    for text in (
        f"SiameseVerifier: {EVIL}",
        "200 pairs of 25 cars, 100 of the same car and 100 of two, judged on 2026-01-02",
        f"Of 100 pairs of two cars about {100 * report.far:.0f} are taken for the same",
        f"Backbone: {EVIL}.",
        f"broken.jpg: {EVIL}",
        f"kind: {EVIL}",
        "answer: two cars",
        "TAR at FAR 0.01 is not told",
        "Where one pair of 100 is of the same car",
        "same model",
    ):
        assert text in page.text


def test_an_acceptance_is_worth_what_the_share_of_genuine_pairs_makes_it(report, page) -> None:
    rightly = 100 * 0.01 * (1 - report.frr) / (0.01 * (1 - report.frr) + 0.99 * report.far)
    assert f"Where one pair of 100 is of the same car, about {rightly:.0f} of 100 accepted pairs" in page.text


def test_nothing_is_fetched_and_nothing_runs(page) -> None:
    page.check_inert()


def test_every_picture_can_be_read_and_is_described(report, page) -> None:
    assert page.read_pictures() == 6 + len(report.worst)  # scores, threshold, ROC, DET, reliability, curves


def test_what_is_not_known_has_no_heading(read_page) -> None:
    page = read_page(report_of(is_bare=True).to_html())

    assert "Report on pairs of photos" in page.text
    assert "No threshold is stored yet. At the best balance" in page.text
    for heading in ("Against each kind of impostor", "How far its probabilities", "How it came to be", "could not be decoded"):
        assert heading not in page.text


def test_the_markdown_has_figures_thresholds_and_kinds(tmp_path, report) -> None:
    text = report.to_markdown(tmp_path / "report.md")

    assert (tmp_path / "report.md").read_text("utf-8") == text
    assert f"| FAR | {report.far:.3f} | " in text
    assert f"| stored | 0.250 | {report.far:.3f} | {report.frr:.3f} |" in text
    assert "| kind of impostor | pairs | EER | AUC | FAR |\n" in text
    low, high = report.by_kind["same model"].intervals["eer"]
    assert f"| same model | 50 | {report.by_kind['same model'].eer:.3f} ({low:.3f} to {high:.3f}) |" in text


@pytest.mark.parametrize("is_bare", [True, False])
def test_what_is_known_is_drawn(tmp_path, is_bare) -> None:
    files = report_of(is_bare=is_bare).plot(tmp_path)

    known = [] if is_bare else ["calibration.png"]
    assert sorted(path.name for path in files) == sorted(
        ["det.png", "false_accepts.png", "false_rejects.png", "roc.png", "scores.png", "threshold.png", *known]
    )
    for path in files:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 5, path.name


@pytest.mark.parametrize("scores", [np.ones(200), np.arange(200.0)[::-1], np.arange(200.0)], ids=["all equal", "perfect", "reversed"])
@pytest.mark.parametrize("draw", [draw_roc, draw_det, draw_pair_scores, draw_threshold])
def test_odd_scores_can_be_drawn(draw, scores) -> None:
    draw(report_of(is_bare=True, scores=scores)).draw_without_rendering()


def test_det_axes_are_normal_deviates(report) -> None:
    axes = draw_det(report).axes[0]

    places = {label.get_text(): place for label, place in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)}
    assert places["0.1"] == pytest.approx(-1.2815516)
    assert places["0.02"] == pytest.approx(-2.0537489)
    assert axes.get_xlim() == axes.get_ylim()
