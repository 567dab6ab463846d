"""A saved recogniser of whatever kind, for those who are only told where it lies."""

from pathlib import Path

from car_recog.bundle import read_config
from car_recog.classifier import CarClassifier, PartClassifier
from car_recog.errors import BundleError

_CLASSIFIERS = {kind.__name__: kind for kind in (CarClassifier, PartClassifier)}


def load_classifier(folder: str | Path) -> CarClassifier:
    """Load a saved classifier as the class that its configuration names.

    Raises:
        BundleError: No saved classifier, or a damaged one.
        UnknownNameError: The backbone is of a plug-in that is not installed.
    """
    kind = read_config(Path(folder), kind=None).get("kind")
    if kind not in _CLASSIFIERS:
        raise BundleError(f"'{folder}' holds a {kind!r}, no classifier. Classifiers are {', '.join(_CLASSIFIERS)}.")
    return _CLASSIFIERS[kind].load(folder)
