import json

import attrs
import numpy as np
import pytest

from car_recog.errors import DataError, OptionError
from car_recog.evaluation.class_calibration import NEVER_SURE, ClassCalibration, calibrate_classes
from car_recog.evaluation.hierarchy import walk
from car_recog.evaluation.outliers import outlier_scores
from car_recog.evaluation.rejection import threshold_for_precision
from car_recog.evaluation.temperature import softmax

MAKES, MODELS = np.arange(8) // 4, np.arange(8)


def answers(seed: int, n: int = 400, *, spread: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits three times too large, labels drawn from what would be right, and similarities. Makes are better known than models."""
    rng = np.random.default_rng(seed)
    clean = 4 * rng.normal(size=(n, 2))[:, MAKES] + spread * rng.normal(size=(n, 8))
    labels = np.array([rng.choice(8, p=row) for row in softmax(clean)])
    return (3 * clean).astype(np.float32), labels, np.tanh(0.1 * clean)


def strangers(seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (8 * rng.normal(size=(n, 8))).astype(np.float32), np.tanh(0.2 * rng.normal(size=(n, 8)))


@pytest.fixture(scope="module")
def calibrated() -> ClassCalibration:
    logits, labels, similarities = answers(0)
    return calibrate_classes(logits, labels, similarities=similarities, precision=0.95, level_labels=[MAKES, MODELS])


def test_probabilities_are_nearer_to_the_truth(calibrated: ClassCalibration) -> None:
    low, high = calibrated.intervals["ece_after"]

    assert calibrated.temperature == pytest.approx(3, rel=0.2)
    assert low <= calibrated.ece_after <= high < calibrated.ece_before
    assert sum(one.n_photos for one in calibrated.reliability_after) == 400


def test_what_is_accepted_is_what_the_threshold_lets_pass(calibrated: ClassCalibration) -> None:
    logits, labels, similarities = answers(0)

    scaled = logits / np.float32(calibrated.temperature)
    sure = outlier_scores(scaled, similarities)["max_softmax"]
    is_right = logits.argmax(axis=1) == labels
    assert (calibrated.score, calibrated.precision, calibrated.coverage) == ("max_softmax", 0.95, None)
    assert calibrated.threshold == threshold_for_precision(sure, is_right, 0.95)
    assert calibrated.accepted == (sure >= calibrated.threshold).mean()
    assert calibrated.accepted_accuracy == is_right[sure >= calibrated.threshold].mean()
    for name in ("accepted", "accepted_accuracy"):
        low, high = calibrated.intervals[name]
        assert low < getattr(calibrated, name) < high


def test_at_each_level_the_threshold_keeps_the_precision(calibrated: ClassCalibration) -> None:
    logits, labels, _ = answers(0)

    choices, sure = walk(softmax(logits / np.float32(calibrated.temperature)), [MAKES, MODELS])
    is_make, is_model = choices[:, 0] == MAKES[labels], choices[:, 1] == labels
    expected = threshold_for_precision(sure[:, 0], is_make, 0.95), threshold_for_precision(sure[:, 1], is_make & is_model, 0.95)
    assert calibrated.level_thresholds == expected
    assert (sure >= expected).mean(axis=0)[0] > (sure >= expected).mean(axis=0)[1]


def test_a_level_that_cannot_be_relied_on_is_never_sure() -> None:
    logits, labels, similarities = answers(1, spread=0.0)

    found = calibrate_classes(logits, labels, similarities=similarities, coverage=0.5, level_labels=[MAKES, MODELS])

    assert found.level_thresholds[0] < 1 < found.level_thresholds[1] == NEVER_SURE
    assert (found.precision, found.coverage, found.accepted) == (None, 0.5, 0.5)


def test_with_unknown_photos_the_score_that_knows_them_rejects() -> None:
    logits, labels, similarities = answers(0)
    unknown = strangers(1)

    found = calibrate_classes(logits, labels, similarities=similarities, unknown=unknown, coverage=0.9)

    strange = outlier_scores(unknown[0] / np.float32(found.temperature), unknown[1])
    assert found.score == max(found.auroc, key=found.auroc.__getitem__) == "class_means"
    assert found.unknown_accepted == (strange["class_means"] >= found.threshold).mean()
    assert found.n_unknown == 80
    for name, area in found.auroc.items():
        low, high = found.intervals[f"auroc_{name}"]
        assert low <= area <= high
        assert low < high


def test_a_score_that_cannot_reach_the_precision_does_not_reject() -> None:
    logits, labels, _ = answers(0)
    blind = np.tile(np.linspace(0.8, 0.9, 400)[:, None], (1, 8))  # knows strangers perfectly, and nothing of right and wrong
    unknown = strangers(1)[0], np.full((80, 8), 0.1)

    found = calibrate_classes(logits, labels, similarities=blind, unknown=unknown, precision=0.95)

    assert found.auroc["class_means"] == 1.0
    assert found.score != "class_means"
    assert calibrate_classes(logits, labels, similarities=blind, unknown=unknown, coverage=0.5).score == "class_means"


def test_the_intervals_draw_groups() -> None:
    logits, labels, similarities = (np.repeat(part, 8, axis=0) for part in answers(0, n=50))

    alone = calibrate_classes(logits, labels, similarities=similarities, unknown=strangers(1))
    grouped = calibrate_classes(
        logits, labels, similarities=similarities, unknown=strangers(1), groups=[f"car {i // 8}" for i in range(400)]
    )

    assert attrs.evolve(alone, intervals=grouped.intervals) == grouped
    for name in ("accepted", "ece_before", "auroc_energy"):
        assert np.ptp(grouped.intervals[name]) > 1.5 * np.ptp(alone.intervals[name])


def test_it_comes_back_from_json(calibrated: ClassCalibration, tmp_path) -> None:
    again = ClassCalibration(**json.loads(json.dumps(attrs.asdict(calibrated))))

    assert again == calibrated
    assert [path.name for path in again.plot(tmp_path)] == ["reliability.png"]
    with pytest.raises(OptionError, match="finite numbers and a temperature above 0"):
        attrs.evolve(calibrated, threshold=float("nan"))


def test_what_makes_no_sense_raises() -> None:
    logits, labels, similarities = answers(0)

    with pytest.raises(OptionError, match="Give either precision, such as precision=0.95, or coverage"):
        calibrate_classes(logits, labels, similarities=similarities, precision=0.9, coverage=0.9)
    with pytest.raises(DataError, match="No threshold reaches a precision of 0.9 on these 5 photos"):
        calibrate_classes(logits[:5], labels[:5], similarities=similarities[:5])
    with pytest.raises(DataError, match="both are needed; got 400 and 0"):
        calibrate_classes(logits, labels, similarities=similarities, unknown=(logits[:0], similarities[:0]))
    with pytest.raises(DataError, match=r"have 8 columns as those of the known; got shape \(400, 7\)"):
        calibrate_classes(logits, labels, similarities=similarities, unknown=(logits[:, 1:], similarities[:, 1:]))
