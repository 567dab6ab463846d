"""A saved recogniser of whatever kind, for those who are only told where it lies."""

from collections.abc import Collection
from pathlib import Path

from car_recog.bundle import read_config
from car_recog.classifier import CarClassifier, PartClassifier
from car_recog.errors import BundleError
from car_recog.verifier import SiameseVerifier

_CLASSIFIERS = {kind.__name__: kind for kind in (CarClassifier, PartClassifier)}
_VERIFIERS = {SiameseVerifier.__name__: SiameseVerifier}


def load_classifier(folder: str | Path) -> CarClassifier:
    """Load a saved classifier as the class that its configuration names.

    Raises:
        BundleError: No saved classifier, or a damaged one.
        UnknownNameError: The backbone is of a plug-in that is not installed.
    """
    return _CLASSIFIERS[_kind(folder, _CLASSIFIERS, "classifier")].load(folder)


def load_verifier(folder: str | Path) -> SiameseVerifier:
    """Load a saved verifier; for errors see `load_classifier`."""
    return _VERIFIERS[_kind(folder, _VERIFIERS, "verifier")].load(folder)


def load_recogniser(folder: str | Path) -> CarClassifier | SiameseVerifier:
    """Load whatever was saved; for errors see `load_classifier`."""
    kind = _kind(folder, [*_CLASSIFIERS, *_VERIFIERS], "recogniser")
    return load_classifier(folder) if kind in _CLASSIFIERS else load_verifier(folder)


def _kind(folder: str | Path, known: Collection[str], word: str) -> str:
    kind: object = read_config(Path(folder), kind=None).get("kind")
    if kind not in known:
        raise BundleError(f"'{folder}' holds a {kind!r}, no {word}. {word.capitalize()}s are {', '.join(known)}.")
    return str(kind)
