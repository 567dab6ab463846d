"""A saved classifier: what its configuration holds, and how it is read back."""

from pathlib import Path
from typing import Any

import attrs

from car_recog.bundle import load_network, read_array, read_config, write_bundle
from car_recog.card import EvaluationFacts, TrainingFacts, model_card
from car_recog.classifying.fitting import Fitted
from car_recog.classifying.known_classes import KnownClasses
from car_recog.data.labels import MAX_CLASSES
from car_recog.errors import BundleError
from car_recog.evaluation.class_calibration import ClassCalibration
from car_recog.losses.named import CLASSIFIER_LOSSES
from car_recog.network import NetworkConfig, build_network

_KNOWN = ("trained", "known")


@attrs.frozen
class SavedClassifier:
    """What a bundle holds: see `CarClassifier`."""

    config: NetworkConfig
    fitted: Fitted
    loss: str
    evaluation: EvaluationFacts | None


def save_classifier(folder: Path, kind: str, saved: SavedClassifier) -> None:
    """Write the bundle of a classifier."""
    fitted, evaluation = saved.fitted, saved.evaluation
    plain = saved.config.to_dict()
    in_use = fitted.calibration_in_use
    config = {
        "kind": kind,
        "network": plain,
        "loss": saved.loss,
        "trained": fitted.trained.to_dict(),
        "known": fitted.known.to_dict(),
        "training": attrs.asdict(fitted.facts),
        "calibrations": [calibration and attrs.asdict(calibration) for calibration in fitted.calibrations],
        "evaluation": evaluation and attrs.asdict(evaluation),
    }
    card = model_card(kind, plain, fitted.known.names, saved.loss, fitted.facts, evaluation, attrs.asdict(in_use) if in_use else None)
    arrays = {f"{name}_means": getattr(fitted, name).means for name in _KNOWN}
    write_bundle(folder, config=config, model=fitted.network.model, card=card, arrays=arrays)


def load_classifier(folder: Path, kind: str) -> SavedClassifier:
    """Read the bundle of a classifier; for errors see `CarClassifier.load`."""
    content = read_config(folder, kind=kind)
    try:
        config = NetworkConfig(**content["network"])
        classes = {name: _read_classes(content[name]) for name in _KNOWN}
        loss = content["loss"] if content["loss"] in CLASSIFIER_LOSSES else CLASSIFIER_LOSSES[0]
        facts = TrainingFacts(**content["training"])
        network, prototypes = (entry and ClassCalibration(**entry) for entry in content["calibrations"] or (None, None))
        evaluation = EvaluationFacts(**content["evaluation"]) if content["evaluation"] else None
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"'{folder}' has a configuration that makes no sense: {error}") from error
    n_classes = len(classes["trained"]["names"])
    built = load_network(folder, lambda: build_network(config, n_classes=n_classes, weights=None), lambda network: network.model)
    dim = int(built.features.output.shape[-1])
    trained, known = (
        KnownClasses(means=read_array(folder, f"{name}_means", (len(classes[name]["names"]), dim)), **classes[name]) for name in _KNOWN
    )
    fitted = Fitted(built, trained, known, facts, calibrations=(network, prototypes))
    return SavedClassifier(config, fitted, loss, evaluation)


def _read_classes(content: dict[str, Any]) -> dict[str, Any]:
    """Read the classes but their means, and check that they fit each other."""
    names, levels = tuple(content["names"]), tuple(content["levels"])
    facts = tuple(tuple(fact) for fact in content["facts"])
    if not 1 < len(names) <= MAX_CLASSES or not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise BundleError(f"expected 2 to {MAX_CLASSES} different class names")
    if len(facts) != len(names) or any(len(fact) != len(levels) or not all(isinstance(v, str) for v in fact) for fact in facts):
        raise BundleError("expected the facts of each class at each level")
    return {"names": names, "levels": levels, "facts": facts}
