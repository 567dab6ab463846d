"""Recognise cars in photos: which part, which make and model, and whether two photos show the same car.

Names are loaded when they are first used, so `import car_recog` is quick and loads neither TensorFlow nor Keras.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from car_recog._version import __version__

if TYPE_CHECKING:
    from car_recog.backbones.registry import BackboneSpec, get_backbone, list_backbones, register_backbone
    from car_recog.classifier import CarClassifier, PartClassifier
    from car_recog.classifying.five_models import ladder
    from car_recog.classifying.selection import filter_photos
    from car_recog.classifying.shortcuts import shortcut_test
    from car_recog.comparison import Candidate, Comparison, compare
    from car_recog.data.checks import DataReport, Finding
    from car_recog.data.compcars import PART_NAMES, CompCarsDataset
    from car_recog.data.crop import get_cropper, list_croppers, register_cropper
    from car_recog.data.folders import FolderDataset
    from car_recog.data.pair_checks import PairReport
    from car_recog.data.pair_sampling import same_attributes
    from car_recog.data.pairs import Pair, PairDataset
    from car_recog.data.samples import ImageDataset, Sample
    from car_recog.errors import CarRecogError
    from car_recog.evaluation.class_calibration import ClassCalibration
    from car_recog.evaluation.classification import ClassificationReport
    from car_recog.evaluation.operating_points import OperatingPoint, equal_error_rate, point_at_far, roc
    from car_recog.evaluation.pair_calibration import PairCalibration
    from car_recog.evaluation.retrieval import RetrievalReport
    from car_recog.evaluation.shortcuts import ShortcutReport
    from car_recog.evaluation.verification import VerificationReport
    from car_recog.evaluation.verification_comparison import compare_verifiers
    from car_recog.explain import Explanation
    from car_recog.gallery import Gallery, Match, SearchResult
    from car_recog.losses.focal import FocalLoss
    from car_recog.prediction import Level, Prediction, Verification
    from car_recog.training.history import History
    from car_recog.training.presets import get_recipe
    from car_recog.training.recipe import Phase, Recipe
    from car_recog.verifier import SiameseVerifier

_NAMES_OF = {
    "backbones": ("BackboneSpec", "get_backbone", "list_backbones", "register_backbone"),
    "classifier": ("CarClassifier", "PartClassifier"),
    "classifying.five_models": ("ladder",),
    "classifying.selection": ("filter_photos",),
    "classifying.shortcuts": ("shortcut_test",),
    "comparison": ("Candidate", "Comparison", "compare"),
    "data.checks": ("DataReport", "Finding"),
    "data.compcars": ("PART_NAMES", "CompCarsDataset"),
    "data.crop": ("get_cropper", "list_croppers", "register_cropper"),
    "data.folders": ("FolderDataset",),
    "data.pair_checks": ("PairReport",),
    "data.pair_sampling": ("same_attributes",),
    "data.pairs": ("Pair", "PairDataset"),
    "data.samples": ("ImageDataset", "Sample"),
    "errors": ("CarRecogError",),
    "evaluation.class_calibration": ("ClassCalibration",),
    "evaluation.classification": ("ClassificationReport",),
    "evaluation.operating_points": ("OperatingPoint", "equal_error_rate", "point_at_far", "roc"),
    "evaluation.pair_calibration": ("PairCalibration",),
    "evaluation.retrieval": ("RetrievalReport",),
    "evaluation.shortcuts": ("ShortcutReport",),
    "evaluation.verification": ("VerificationReport",),
    "evaluation.verification_comparison": ("compare_verifiers",),
    "explain": ("Explanation",),
    "gallery": ("Gallery", "Match", "SearchResult"),
    "losses.focal": ("FocalLoss",),
    "prediction": ("Level", "Prediction", "Verification"),
    "training.history": ("History",),
    "training.presets": ("get_recipe",),
    "training.recipe": ("Phase", "Recipe"),
    "verifier": ("SiameseVerifier",),
}
_HOMES = {name: home for home, names in _NAMES_OF.items() for name in names}

__all__ = [
    "PART_NAMES",
    "BackboneSpec",
    "Candidate",
    "CarClassifier",
    "CarRecogError",
    "ClassCalibration",
    "ClassificationReport",
    "CompCarsDataset",
    "Comparison",
    "DataReport",
    "Explanation",
    "Finding",
    "FocalLoss",
    "FolderDataset",
    "Gallery",
    "History",
    "ImageDataset",
    "Level",
    "Match",
    "OperatingPoint",
    "Pair",
    "PairCalibration",
    "PairDataset",
    "PairReport",
    "PartClassifier",
    "Phase",
    "Prediction",
    "Recipe",
    "RetrievalReport",
    "Sample",
    "SearchResult",
    "ShortcutReport",
    "SiameseVerifier",
    "Verification",
    "VerificationReport",
    "__version__",
    "compare",
    "compare_verifiers",
    "equal_error_rate",
    "filter_photos",
    "get_backbone",
    "get_cropper",
    "get_recipe",
    "ladder",
    "list_backbones",
    "list_croppers",
    "point_at_far",
    "register_backbone",
    "register_cropper",
    "roc",
    "same_attributes",
    "shortcut_test",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'car_recog' has no attribute '{name}'")
    value = getattr(import_module(f"car_recog.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
