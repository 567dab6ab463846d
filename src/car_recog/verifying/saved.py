"""A saved verifier: what its configuration holds, and how it is read back."""

from pathlib import Path

import attrs
import numpy as np

from car_recog.bundle import load_network, read_array, read_config, write_bundle
from car_recog.card import TrainingFacts
from car_recog.cohort import MAX_CARS, Cohort
from car_recog.errors import BundleError
from car_recog.evaluation.pair_calibration import PairCalibration
from car_recog.losses.named import PAIR_LOSSES
from car_recog.verifying.card import VerificationFacts, verifier_card
from car_recog.verifying.embedder import EmbedderConfig, build_embedder
from car_recog.verifying.fitting import FittedVerifier

_COHORT = "cohort"


@attrs.frozen
class SavedVerifier:
    """What a bundle holds: see `SiameseVerifier`."""

    fitted: FittedVerifier
    loss: str
    calibration: PairCalibration | None
    evaluation: VerificationFacts | None


def save_verifier(folder: Path, kind: str, saved: SavedVerifier) -> None:
    """Write the bundle of a verifier."""
    fitted, calibration, evaluation = saved.fitted, saved.calibration, saved.evaluation
    config = {
        "kind": kind,
        "network": fitted.config.to_dict(),
        "loss": saved.loss,
        "goal": fitted.goal,
        "training": attrs.asdict(fitted.facts),
        "calibration": calibration and attrs.asdict(calibration),
        "evaluation": evaluation and attrs.asdict(evaluation),
        "n_cohort": 0 if fitted.cohort is None else len(fitted.cohort.means),
    }
    card = verifier_card(kind, fitted.config, fitted.goal, fitted.facts, calibration, evaluation)
    arrays = {} if fitted.cohort is None else {_COHORT: fitted.cohort.means}
    write_bundle(folder, config=config, model=fitted.embedder.whole, card=card, arrays=arrays)


def load_verifier(folder: Path, kind: str) -> SavedVerifier:
    """Read the bundle of a verifier; for errors see `SiameseVerifier.load`."""
    content = read_config(folder, kind=kind)
    try:
        config = EmbedderConfig(**content["network"])
        facts = TrainingFacts(**content["training"])
        calibration = PairCalibration(**content["calibration"]) if content["calibration"] else None
        evaluation = VerificationFacts(**content["evaluation"]) if content["evaluation"] else None
        loss = content["loss"] if content["loss"] in PAIR_LOSSES else PAIR_LOSSES[0]
        goal = str(content["goal"])
        n_cohort = _count_cohort(content.get("n_cohort", 0), config)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"'{folder}' has a configuration that makes no sense: {error}") from error
    embedder = load_network(folder, lambda: build_embedder(config, weights=None), lambda network: network.whole)
    cohort = None if not n_cohort else Cohort(read_array(folder, _COHORT, (n_cohort, config.embedding_dim)))
    if cohort is not None and not np.isfinite(cohort.means).all():
        raise BundleError(f"The cohort of '{folder}' holds numbers that are not finite. Train the verifier again.")
    return SavedVerifier(FittedVerifier(config, embedder, goal, facts, cohort=cohort), loss, calibration, evaluation)


def _count_cohort(n_cars: object, config: EmbedderConfig) -> int:
    if type(n_cars) is not int or not config.local_scaling <= n_cars <= MAX_CARS * config.local_scaling:
        raise ValueError(f"n_cohort must be an integer from 1 to {MAX_CARS} with local scaling, and 0 without; got {n_cars!r}.")
    return n_cars
