"""The model card of a saved verifier, and the sentences that its pages share with it."""

from collections.abc import Mapping
from typing import Any, Self

import attrs

from car_recog.card import TrainingFacts, word_evaluation
from car_recog.evaluation.pair_calibration import PairCalibration
from car_recog.evaluation.verification import VerificationReport
from car_recog.verifying.embedder import EmbedderConfig

_FIGURES = {"eer": "equal error rate", "auc": "area under the ROC curve", "accuracy": "accuracy"}


@attrs.frozen(kw_only=True)
class VerificationFacts:
    """What the last evaluation before saving gave: fractions in [0, 1] with their 95 % intervals by name."""

    n_pairs: int
    eer: float
    auc: float
    accuracy: float | None
    intervals: Mapping[str, Any]

    @classmethod
    def of(cls, report: VerificationReport) -> Self:
        """Take what is kept of a report."""
        return cls(n_pairs=report.n_pairs, eer=report.eer, auc=report.auc, accuracy=report.accuracy, intervals=report.intervals)


def describe_verifier(config: EmbedderConfig, goal: str, training: TrainingFacts) -> dict[str, list[str]]:
    """Word what a verifier is and how it was trained: sentences by heading. `goal` names the loss that training made small."""
    height, width = config.image_size
    options = "".join(f", {name} {value}" for name, value in config.backbone_options.items())
    mirrored = ", each photo averaged with its mirror image" if config.flip_average else ""
    scaled = ", scaled by the nearest cars of the training" if config.local_scaling else ""
    counted = [f"{count:,} {name.removeprefix('n_')}" for name, count in training.counts.items()]
    return {
        "What it is": [
            f"Backbone {config.backbone}{options}, pooling {config.pooling}, embeddings of {config.embedding_dim} numbers{mirrored}.",
            f"Photos are compared by {config.distance}{scaled}; {goal} was made small.",
            f"Photos are fitted to {width} x {height} pixels ({config.resize}), normalization {config.normalization}.",
        ],
        "How it was trained": [
            f"On {training.date} with {', '.join(f'{name} {version}' for name, version in training.versions.items())}.",
            f"Recipe {training.recipe['name']}, seed {training.seed}, backbone weights {training.weights}.",
            f"{', '.join([f'{training.n_train:,} photos', *counted])}; {training.n_validation:,} photos more for validation; "
            f"{training.n_skipped} broken ones left out.",
            f"{training.n_epochs} epochs in {training.seconds:.0f} s.",
        ],
    }


def describe_calibration(calibration: PairCalibration | None) -> list[str]:
    """Word where a verifier says yes, and on what evidence."""
    if calibration is None:
        return ["It has no threshold: it gives scores, no verdicts. Call `calibrate` with pairs of your own."]
    rates = [
        f"{name} {getattr(calibration, key):.4f} (95 % interval {calibration.intervals[key][0]:.4f} to {calibration.intervals[key][1]:.4f})"
        for name, key in (("false accept rate", "far"), ("false reject rate", "frr"))
    ]
    sentences = [
        f"Two photos count as the same car from a score of {calibration.threshold:.4f} on, chosen for {calibration.target}.",
        f"On the {calibration.n_genuine:,} genuine and {calibration.n_impostor:,} impostor pairs of the calibration: {', '.join(rates)}.",
        "Probabilities hold where pairs of the same car are as frequent as among those.",
    ]
    if calibration.abstain:
        low, high = calibration.abstain
        sentences.append(f"Answers with a probability from {low:g} to {high:g} are marked as uncertain.")
    return sentences


def verifier_card(
    kind: str,
    config: EmbedderConfig,
    goal: str,
    training: TrainingFacts,
    calibration: PairCalibration | None,
    evaluation: VerificationFacts | None,
) -> str:
    """Word what is known of a verifier as Markdown."""
    sections = describe_verifier(config, goal, training) | {
        "Where it says yes": describe_calibration(calibration),
        "How good it is": [word_evaluation(evaluation, "pairs", _FIGURES)],
        "What it is not for": [
            "Cars of the same model and colour are the hardest to tell apart: measure it on such pairs of your own before you rely on it.",
            "It compares what photos look like; it reads no number plate and knows no vehicle register.",
        ],
    }
    lines = [f"# {kind}", "", f"Load it with `car_recog.{kind}.load(folder)`. It holds no code: `config.json`, weights and checksums."]
    for heading, sentences in sections.items():
        lines += ["", f"## {heading}", "", *(f"- {sentence}" for sentence in sentences)]
    return "\n".join(lines) + "\n"
