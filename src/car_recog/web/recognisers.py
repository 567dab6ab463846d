"""The recognisers that are served, and what each of them knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from car_recog.bundle import read_config
from car_recog.classifier import CarClassifier
from car_recog.gallery import Gallery
from car_recog.loading import load_classifier, load_verifier
from car_recog.verifier import SiameseVerifier
from car_recog.web.schemas import Accuracy, ClassifierName, EqualErrorRate, RecogniserInfo


@attrs.frozen
class Recognisers:
    """What is served.

    Args:
        classifiers: By name: `parts`, `models`, or both.
        verifier: Answers for two photos, and compares with the gallery.
        gallery: What is searched.
        configs: The configurations of the bundles, by the name of the recogniser.
    """

    classifiers: Mapping[ClassifierName, CarClassifier]
    verifier: SiameseVerifier | None = None
    gallery: Gallery | None = None
    configs: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, repr=False)

    def describe(self) -> list[RecogniserInfo]:
        """Tell what each recogniser knows, from its bundle."""
        found = [self._describe_classifier(name, classifier) for name, classifier in self.classifiers.items()]
        if self.verifier is not None:
            found.append(self._describe_verifier(self.verifier))
        if self.gallery is not None:
            found.append(self._describe_gallery(self.gallery))
        return found

    def _describe_classifier(self, name: ClassifierName, classifier: CarClassifier) -> RecogniserInfo:
        config = self.configs.get(name, {})
        measured = config.get("evaluation")
        return RecogniserInfo(
            name=name,
            kind=type(classifier).__name__,
            task="classify",
            class_names=list(classifier.class_names),
            accuracy=Accuracy(**_figure(measured, "accuracy"), n_photos=measured["n_photos"]) if measured else None,
            is_calibrated=classifier.calibration is not None,
            **_training(config),
        )

    def _describe_verifier(self, verifier: SiameseVerifier) -> RecogniserInfo:
        config = self.configs.get("verifier", {})
        measured = config.get("evaluation")
        return RecogniserInfo(
            name="verifier",
            kind=type(verifier).__name__,
            task="verify",
            class_names=[],
            eer=EqualErrorRate(**_figure(measured, "eer"), n_pairs=measured["n_pairs"]) if measured else None,
            is_calibrated=verifier.calibration is not None,
            **_training(config),
        )

    def _describe_gallery(self, gallery: Gallery) -> RecogniserInfo:
        return RecogniserInfo(
            name="gallery",
            kind=type(gallery).__name__,
            task="search",
            class_names=[],
            trained=None,
            n_train=None,
            is_calibrated=gallery.verifier.calibration is not None,
            n_names=len(gallery.names),
            n_photos=len(gallery),
        )


def load_recognisers(
    parts: Path | None = None, models: Path | None = None, *, verifier: Path | None = None, gallery: Path | None = None
) -> Recognisers:
    """Load what is to be served from its folders; a gallery comes with the verifier that it was made with.

    Raises:
        BundleError: A folder holds something else, or is damaged.
    """
    named: dict[ClassifierName, Path | None] = {"parts": parts, "models": models}
    folders = {name: folder for name, folder in named.items() if folder is not None}
    loaded = None if verifier is None else load_verifier(verifier)
    bundles: dict[str, Path] = dict(folders.items())
    if verifier is not None:
        bundles["verifier"] = verifier
    return Recognisers(
        classifiers={name: load_classifier(folder) for name, folder in folders.items()},
        verifier=loaded,
        gallery=None if gallery is None or loaded is None else Gallery.load(gallery, loaded),
        configs={name: read_config(folder, kind=None) for name, folder in bundles.items()},
    )


def _figure(measured: Mapping[str, Any], name: str) -> dict[str, float]:
    low, high = measured["intervals"][name]
    return {"value": measured[name], "low": low, "high": high}


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    facts = config.get("training", {})
    return {"trained": facts.get("date"), "n_train": facts.get("n_train")}
