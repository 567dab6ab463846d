"""The model card of a saved recogniser, and the facts it tells."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class TrainingFacts:
    """How a recogniser came to be.

    Args:
        date: ISO date.
        versions: Versions by name of what it was trained with.
        recipe: The recipe as plain values.
        seed: The seed.
        weights: What the backbone started from: a name, the name of a file, or `None`.
        class_counts: Training photos by class.
        n_train: Training photos that could be decoded.
        n_validation: Validation photos that could be decoded.
        n_skipped: Photos that could not be decoded.
        n_epochs: Epochs over all phases.
        seconds: Wall time.
        counts: What else was counted of the training data, by name, such as its pairs.
    """

    date: str
    versions: Mapping[str, str]
    recipe: Mapping[str, Any]
    seed: int
    weights: str
    class_counts: Mapping[str, int]
    n_train: int
    n_validation: int
    n_skipped: int
    n_epochs: int
    seconds: float
    counts: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class EvaluationFacts:
    """What the last evaluation before saving gave: fractions in [0, 1] with their 95 % intervals by name."""

    n_photos: int
    accuracy: float
    macro_f1: float
    intervals: Mapping[str, Sequence[float]]
    ece: float | None = None  # bundles that were saved before it was measured have none


def describe(network: Mapping[str, Any], class_names: Sequence[str], loss: str, training: TrainingFacts) -> dict[str, list[str]]:
    """Word what a classifier is and how it was trained: sentences by heading. `network` is its `NetworkConfig` as plain values."""
    height, width = network["image_size"]
    cut = f", {n_cropped} of them cut to a box" if (n_cropped := training.counts.get("n_cropped")) else ""
    options = "".join(f", {name} {value}" for name, value in network["backbone_options"].items())
    return {
        "What it is": [
            f"Backbone {network['backbone']}{options}, head {network['head']}, loss {loss}.",
            f"Photos are fitted to {width} x {height} pixels ({network['resize']}), normalization {network['normalization']}.",
            f"Classes: {', '.join(class_names)}.",
        ],
        "How it was trained": [
            f"On {training.date} with {', '.join(f'{name} {version}' for name, version in training.versions.items())}.",
            f"Recipe {training.recipe['name']}, seed {training.seed}, backbone weights {training.weights}.",
            f"{training.n_train} photos{cut}; {training.n_validation} more for validation; {training.n_skipped} broken ones left out.",
            f"{training.n_epochs} epochs in {training.seconds:.0f} s.",
        ],
    }


def model_card(
    kind: str,
    network: Mapping[str, Any],
    class_names: Sequence[str],
    loss: str,
    training: TrainingFacts,
    evaluation: EvaluationFacts | None,
    calibration: Mapping[str, Any] | None,
) -> str:
    """Word what is known of a classifier as Markdown; `network` and `calibration` are its `NetworkConfig` and `ClassCalibration`, plain."""
    lines = [
        f"# {kind}: {len(class_names)} classes",
        "",
        f"Load it with `car_recog.{kind}.load(folder)`. It holds no code: `config.json`, weights and checksums.",
    ]
    for heading, sentences in describe(network, class_names, loss, training).items():
        lines += ["", f"## {heading}", "", *(f"- {sentence}" for sentence in sentences)]
    lines += [
        "",
        "| class | training photos |",
        "| --- | --- |",
        *(f"| {name} | {count} |" for name, count in training.class_counts.items()),
        "",
        "## How good it is",
        "",
        word_evaluation(evaluation, "photos", {"accuracy": "accuracy", "macro_f1": "macro F1", "ece": "calibration error"}),
        "",
        _calibrated(calibration) if calibration else "It is not calibrated: no answer is rejected.",
        "",
        "## What it is not for",
        "",
        "It knows its classes only: a photo of anything else is still given one of them, and rejected at best.",
        "Measure it on photos of your own before you rely on it.",
    ]
    return "\n".join(lines) + "\n"


def word_evaluation(evaluation: Any, items: str, names: Mapping[str, str]) -> str:
    """Word the figures of an evaluation that were measured.

    Args:
        evaluation: The facts of it, or None.
        items: What it counted: `photos` or `pairs`.
        names: What its figures are called, by the names of their fields.
    """
    if evaluation is None:
        return "It was not evaluated before it was saved."
    words = []
    for key, name in names.items():
        if (value := getattr(evaluation, key)) is not None:
            low, high = evaluation.intervals[key]
            words.append(f"{name} {value:.3f} (95 % interval {low:.3f} to {high:.3f})")
    return f"Last evaluation, on {getattr(evaluation, f'n_{items}'):,} {items}: {', '.join(words)}."


def _calibrated(calibration: Mapping[str, Any]) -> str:
    return (
        f"Calibrated on {calibration['n_photos']} photos: temperature {calibration['temperature']:.3f}; {calibration['score']} below "
        f"{calibration['threshold']:.4f} is rejected. Of those photos {calibration['accepted']:.3f} are answered, "
        f"{calibration['accepted_accuracy']:.3f} of them rightly."
    )
