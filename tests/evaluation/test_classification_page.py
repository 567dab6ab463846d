"""The pages of a report: what stands in them, and that nothing in them is fetched or run."""

import numpy as np
import pytest
from PIL import Image

from car_recog.evaluation.classification import ClassificationReport, classification_report
from car_recog.evaluation.report import Background
from car_recog.evaluation.sheets import Tile

EVIL = '<script src="http://evil.example/x.js">alert(1)</script>|"&amp;'
HISTORY = {"phase": ["head", "all"], "epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.5, 0.8]}


def report_of(labels: list[int], *, has_background: bool = True) -> ClassificationReport:
    """Three photos of two classes, answered as class 0, 1 and 1."""
    photos = np.stack([np.full((20, 30, 3), shade, np.uint8) for shade in (40, 120, 200)])
    background = Background(
        title=f"CarClassifier: {EVIL}",
        date="2026-01-02",
        facts={"What it is": [f"Classes: {EVIL}."]},
        class_counts={"door": 1234},
        history=HISTORY,
        photos=[Tile(photos[0], (EVIL,))],
        photos_from="the training",
    )
    return classification_report(
        np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]),
        np.array(labels),
        class_names=["door", EVIL],
        sources=["a.jpg", "b.jpg", f"photos/{EVIL}.jpg"],
        read=lambda places: photos[places],
        skipped={"broken.jpg": EVIL},
        background=background if has_background else None,
    )


def test_everything_stands_in_the_page_as_plain_text(read_page) -> None:
    page = read_page(report_of([0, 1, 0]).to_html())

    for text in (
        "Of 100 photos about 67 are named rightly; with 95 % confidence between 21 and 94.",
        "3 photos, judged on 2026-01-02",
        f"CarClassifier: {EVIL}",
        f"Classes: {EVIL}.",
        f"broken.jpg: {EVIL}",
        f"answer: {EVIL}",
        "0.600 against 0.400",
        "1,234",
        "the probability 0.767, and 0.667 of them are right: it is too sure of itself, by 0.100",
        "From the training, as the network sees them.",
        "A dash: these photos are too few, or too many answers are wrong; 0.667 is the most they reach.",
    ):
        assert text in page.text


def test_nothing_is_fetched_and_nothing_runs(read_page) -> None:
    read_page(report_of([0, 1, 0]).to_html()).check_inert()


def test_every_picture_can_be_read_and_is_described(read_page) -> None:
    page = read_page(report_of([0, 1, 0]).to_html())

    assert page.read_pictures() == 6  # confusion, reliability, coverage, one mistake, one labelled photo, curves


def test_what_is_not_known_has_no_heading(read_page) -> None:
    page = read_page(report_of([0, 1, 1], has_background=False).to_html())

    assert "Nothing: every photo was named rightly." in page.text
    assert "Report on 2 classes" in page.text
    for heading in ("Its worst mistakes", "Photos and their classes", "How it came to be"):
        assert heading not in page.text


def test_the_markdown_names_figures_and_confusions(tmp_path) -> None:
    text = report_of([0, 1, 0]).to_markdown(tmp_path / "report.md")

    assert (tmp_path / "report.md").read_text("utf-8") == text
    assert "| accuracy | 0.667 | 0.208 to 0.939 |" in text
    assert "3 photos, 1 more could not be decoded." in text
    escaped = EVIL.replace("|", r"\|")
    assert f"| door | {escaped} | 1 | 0.500 |" in text


@pytest.mark.parametrize("has_background", [True, False])
def test_what_is_known_is_drawn(tmp_path, has_background) -> None:
    report = report_of([0, 1, 0], has_background=has_background)

    files = report.plot(tmp_path)

    known = ["history.png", "photos.png"] if has_background else []
    drawn = ["calibration.png", "confusion.png", "coverage.png", "per_class.png", "worst.png", *known]
    assert sorted(path.name for path in files) == sorted(drawn)
    for path in files:
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 5, path.name
