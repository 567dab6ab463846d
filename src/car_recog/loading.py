"""A saved recogniser of whatever kind, for those who are only told where it lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from car_recog.bundle import read_config
from car_recog.classifier import CarClassifier, PartClassifier
from car_recog.errors import BundleError
from car_recog.verifier import SiameseVerifier

T = TypeVar("T")
_CLASSIFIERS: dict[str, type[CarClassifier]] = {kind.__name__: kind for kind in (CarClassifier, PartClassifier)}
_VERIFIERS = {SiameseVerifier.__name__: SiameseVerifier}
_RECOGNISERS: dict[str, type[CarClassifier] | type[SiameseVerifier]] = {**_CLASSIFIERS, **_VERIFIERS}


def load_classifier(folder: str | Path) -> CarClassifier:
    """Load a saved classifier as the class that its configuration names.

    Raises:
        BundleError: No saved classifier, or a damaged one.
        UnknownNameError: The backbone is of a plug-in that is not installed.
    """
    return _kind(folder, _CLASSIFIERS, "classifier").load(folder)


def load_verifier(folder: str | Path) -> SiameseVerifier:
    """Load a saved verifier; for errors see `load_classifier`."""
    return _kind(folder, _VERIFIERS, "verifier").load(folder)


def load_recogniser(folder: str | Path) -> CarClassifier | SiameseVerifier:
    """Load whatever was saved; for errors see `load_classifier`."""
    return _kind(folder, _RECOGNISERS, "recogniser").load(folder)


def _kind(folder: str | Path, known: Mapping[str, T], word: str) -> T:
    kind: object = read_config(Path(folder), kind=None).get("kind")
    if not isinstance(kind, str) or kind not in known:
        raise BundleError(f"'{folder}' holds a {kind!r}, no {word}. {word.capitalize()}s are {', '.join(known)}.")
    return known[kind]
