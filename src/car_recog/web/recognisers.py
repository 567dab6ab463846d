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
        found = []
        for name, one in self.classifiers.items():
            measured = self.configs.get(name, {}).get("evaluation")
            accuracy = Accuracy(**_figure(measured, "accuracy"), n_photos=measured["n_photos"]) if measured else None
            facts = self._facts(name, one, is_calibrated=one.calibration is not None)
            found.append(RecogniserInfo(**facts, task="classify", class_names=list(one.class_names), accuracy=accuracy))
        if (verifier := self.verifier) is not None:
            measured = self.configs.get("verifier", {}).get("evaluation")
            eer = EqualErrorRate(**_figure(measured, "eer"), n_pairs=measured["n_pairs"]) if measured else None
            facts = self._facts("verifier", verifier, is_calibrated=verifier.calibration is not None)
            found.append(RecogniserInfo(**facts, task="verify", class_names=[], eer=eer))
        if (gallery := self.gallery) is not None:
            facts = self._facts("gallery", gallery, is_calibrated=gallery.verifier.calibration is not None)
            found.append(RecogniserInfo(**facts, task="search", class_names=[], n_names=len(gallery.names), n_photos=len(gallery)))
        return found

    def _facts(self, name: str, recogniser: object, *, is_calibrated: bool) -> dict[str, Any]:
        training = self.configs.get(name, {}).get("training", {})
        dated = {"trained": training.get("date"), "n_train": training.get("n_train")}
        return {"name": name, "kind": type(recogniser).__name__, "is_calibrated": is_calibrated, **dated}


def load_recognisers(
    parts: Path | None = None, models: Path | None = None, *, verifier: Path | None = None, gallery: Path | None = None
) -> Recognisers:
    """Load what is to be served from its folders; a gallery comes with the verifier that it was made with.

    Raises:
        BundleError: A folder holds something else, or is damaged.
    """
    named: dict[ClassifierName, Path | None] = {"parts": parts, "models": models}
    bundles = {"parts": parts, "models": models, "verifier": verifier}
    loaded = None if verifier is None else load_verifier(verifier)
    return Recognisers(
        classifiers={name: load_classifier(folder) for name, folder in named.items() if folder is not None},
        verifier=loaded,
        gallery=None if gallery is None or loaded is None else Gallery.load(gallery, loaded),
        configs={name: read_config(folder, kind=None) for name, folder in bundles.items() if folder is not None},
    )


def _figure(measured: Mapping[str, Any], name: str) -> dict[str, float]:
    low, high = measured["intervals"][name]
    return {"value": measured[name], "low": low, "high": high}
