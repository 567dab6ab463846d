"""Several classifiers, trained or taken as they are, judged on the same photos."""

import csv
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.classifier import CarClassifier
from car_recog.classifying.fitting import check_fit
from car_recog.data.samples import ImageDataset
from car_recog.errors import OptionError
from car_recog.evaluation.classifier_comparison import ClassifierComparison, Contender, best_of, compare_neighbours, log_loss
from car_recog.evaluation.plots import new_figure
from car_recog.evaluation.sheets import Tile, choose_labelled, shrink
from car_recog.loading import load_classifier
from car_recog.progress import say
from car_recog.runs import FEATURE_BATCH, Fit, load_fitted
from car_recog.storage import is_vacant
from car_recog.training.presets import get_recipe
from car_recog.training.recipe import Recipe

_N_TIMED = 2 * FEATURE_BATCH


@attrs.frozen
class Candidate:
    """A classifier that is to be compared.

    Args:
        name: What tables and curves call it.
        classifier: The classifier; its constructor fixes the network.
        recipe: How it is trained; None takes it as it is, fitted.
        history: Columns of an earlier training by name, for the curves of one that is taken as it is.
    """

    name: str
    classifier: CarClassifier
    recipe: str | Recipe | None = "finetune"
    history: Mapping[str, Sequence[Any]] | None = attrs.field(default=None, repr=False, kw_only=True)


@attrs.frozen(kw_only=True)
class Comparison(ClassifierComparison):
    """What `compare` returns: figures, page and pictures, and the classifiers themselves.

    Args:
        classifiers: The classifiers by name.
    """

    classifiers: Mapping[str, CarClassifier] = attrs.field(repr=False, eq=False)

    @property
    def best(self) -> CarClassifier:
        """The classifier that `winner` tells of."""
        return self.classifiers[self.winner.name]


def compare(
    candidates: Sequence[Candidate | CarClassifier | str | Path],
    train: ImageDataset | None = None,
    val: ImageDataset | None = None,
    *,
    test: ImageDataset,
    seed: int = 0,
    folder: str | Path | None = None,
    verbose: bool = True,
) -> Comparison:
    """Train classifiers, or take them as they are, and judge all on the same photos.

    What cannot be trained shows before the first training. With `val` the best is chosen on it, so that choosing does not flatter the
    figures on `test`.

    Args:
        candidates: Each a `Candidate`; or a fitted classifier or the folder of a saved one, which are taken as they are.
        train: Photos to train on.
        val: Photos to measure each epoch on, and to choose the best by.
        test: Photos to judge on.
        seed: Seed of every training.
        folder: Receives `comparison.html`, `.md` and `.json`, pictures, a run folder of each training, and the best as `best`. Must be
            new or empty.
        verbose: Whether progress is shown on the error output.

    Raises:
        OptionError: Fewer than two candidates, one classifier in several of them, a recipe without `train`, a folder that holds something,
            or one whose pictures could not be drawn.
        NotFittedError: A classifier that is to be taken as it is was never trained.
        DataError: Photos of a class that a candidate does not know.

    Example:
        >>> from car_recog.training.recipe import Phase
        >>> rng = np.random.default_rng(0)
        >>> data = ImageDataset.from_arrays(rng.integers(0, 255, (16, 32, 32, 3), dtype=np.uint8), ["audi", "bmw"] * 8)
        >>> short = Recipe(phases=[Phase(epochs=1)])
        >>> sizes = [CarClassifier("tiny_cnn", None, backbone_options={"widths": [width]}, image_size=(32, 32)) for width in (4, 8)]
        >>> rungs = [Candidate("narrow", sizes[0], short), Candidate("wide", sizes[1], short)]
        >>> compared = compare(rungs, data, test=data, verbose=False)
        >>> [one.name for one in compared.contenders], compared.best in sizes
        (['narrow', 'wide'], True)
    """
    chosen = _as_candidates(candidates)
    place = None if folder is None else Path(folder)
    if place is not None:
        new_figure(1, 1)
        if not is_vacant(place):
            raise OptionError(f"folder '{place}' is not empty. Name a new folder.")
    for one in chosen:
        _check(one, train, val, test)
    train, val = (side and _whole(side, chosen, verbose=verbose)[0] for side in (train, val))
    test, skipped = _whole(test, chosen, verbose=verbose)
    contenders, answers = [], {}
    for number, one in enumerate(chosen, 1):
        if verbose:
            say(f"{number} of {len(chosen)}: {one.name}")
        run_folder = None if place is None else place / f"{number}-{_plain(one.name)}"
        if one.recipe is not None and train is not None:
            one.classifier.fit(train, val, recipe=one.recipe, seed=seed, run_folder=run_folder, verbose=verbose)
        contender, answers[one.name] = _judge(one, val, test, skipped)
        if one.recipe is not None and run_folder is not None:
            one.classifier.save(run_folder / "bundle")  # once more: with the evaluation in its card
        contenders.append(contender)
    best, classifiers = best_of(contenders).name, {one.name: one.classifier for one in chosen}
    comparison = Comparison(
        contenders=tuple(contenders),
        steps=compare_neighbours(contenders, groups=[sample.group for sample in test.samples]),
        answers=_tiles(classifiers[best], answers[best], test, seed=seed),
        classifiers=classifiers,
    )
    if place is not None:
        _write(comparison, place)
    return comparison


def _as_candidates(candidates: Sequence[Candidate | CarClassifier | str | Path]) -> list[Candidate]:
    """Name what has no name, and number names that repeat."""
    chosen = [_as_candidate(one) for one in candidates]
    if len(chosen) < 2 or len({id(one.classifier) for one in chosen}) < len(chosen):
        raise OptionError(f"compare takes two or more candidates, each with a classifier of its own; got {[one.name for one in chosen]}.")
    seen: Counter[str] = Counter()
    for place, one in enumerate(chosen):
        seen[one.name] += 1
        if seen[one.name] > 1:
            chosen[place] = attrs.evolve(one, name=f"{one.name} ({seen[one.name]})")
    return chosen


def _as_candidate(one: Candidate | CarClassifier | str | Path) -> Candidate:
    if isinstance(one, Candidate):
        return one
    if isinstance(one, CarClassifier):
        return Candidate(f"{type(one).__name__} {one.config.backbone}", one, None)
    folder = Path(one).resolve()
    run = folder.parent
    name = run.name if folder.name == "bundle" and run.name else folder.name
    return Candidate(name, load_classifier(one), None, history=_read_history(run / "history.csv"))


def _read_history(path: Path) -> dict[str, list[Any]] | None:
    """Read the columns of the training that a run folder tells of; None where it does not."""
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [row[name] if name == "phase" else float(row[name] or "nan") for row in rows] for name in rows[0]}
    except (OSError, ValueError, IndexError, TypeError):
        return None


def _plain(name: str) -> str:
    """Make a name fit for a folder."""
    return re.sub(r"[^\w.]+", "-", name.lower()).strip("-.")


def _check(one: Candidate, train: ImageDataset | None, val: ImageDataset | None, test: ImageDataset) -> None:
    """Raise for whatever would only show after the trainings before."""
    classifier = one.classifier
    if one.recipe is None:
        _ = classifier.model  # raises where nothing was trained
        test.with_class_names(classifier.class_names)
        return
    if train is None:
        raise OptionError(f"'{one.name}' is to be trained: give training photos, or recipe=None to take it as it is.")
    fit = Fit(config=classifier.config, weights=classifier.weights, loss=classifier.loss, recipe=get_recipe(one.recipe))
    test.with_class_names(train.class_names)
    check_fit(fit, train, val)
    fit.check_freezing(classifier.config.build_backbone(classifier.weights)[1])


def _whole(side: ImageDataset, chosen: Sequence[Candidate], *, verbose: bool) -> tuple[ImageDataset, dict[str, str]]:
    """Decode photos for all candidates, so that no training pays for another; gives those that are whole, and messages of the others."""
    skipped: dict[str, str] = {}
    for config in {(one.classifier.config.image_size, one.classifier.config.resize): one.classifier.config for one in chosen}.values():
        photos = load_fitted(config, side, on_error="skip", verbose=verbose)
        side = side.subset(photos.kept) if photos.skipped else side
        skipped |= {str(path): message for path, message in photos.skipped.items()}
    return side, skipped


def _judge(one: Candidate, val: ImageDataset | None, test: ImageDataset, skipped: Mapping[str, str]) -> tuple[Contender, np.ndarray]:
    """Judge a fitted classifier; gives its probabilities on the test photos as well."""
    classifier = one.classifier
    report = classifier.evaluate(test, verbose=False)
    if one.recipe is None and report.background:
        report = attrs.evolve(report, background=attrs.evolve(report.background, history=one.history or report.background.history))
    probabilities, labels = _answers(classifier, test)
    on_val = None if val is None else _answers(classifier, val)
    weights = classifier.model.get_weights()
    contender = Contender(
        name=one.name,
        report=attrs.evolve(report, skipped=skipped),
        is_right=probabilities.argmax(axis=1) == labels,
        log_loss=log_loss(probabilities, labels),
        val_accuracy=None if on_val is None else float(np.mean(on_val[0].argmax(axis=1) == on_val[1])),
        val_log_loss=None if on_val is None else log_loss(*on_val),
        seconds=classifier._fitted().facts.seconds,
        n_parameters=sum(values.size for values in weights),
        megabytes=sum(values.nbytes for values in weights) / 1e6,
        photos_per_second=_speed(classifier, test),
    )
    return contender, probabilities


def _answers(classifier: CarClassifier, data: ImageDataset) -> tuple[np.ndarray, np.ndarray]:
    """Give probabilities and the ids of the true classes among those of the classifier."""
    known = data.with_class_names(classifier.class_names)
    return classifier.predict_proba(known), known.labels


def _speed(classifier: CarClassifier, data: ImageDataset) -> float:
    """Photos per second of a network that is compiled, on full batches of photos that are decoded."""
    timed = data.subset(np.arange(_N_TIMED) % len(data))
    classifier.predict_proba(timed[:FEATURE_BATCH])
    start = time.perf_counter()
    classifier.predict_proba(timed)
    return len(timed) / (time.perf_counter() - start)


def _tiles(classifier: CarClassifier, probabilities: np.ndarray, data: ImageDataset, *, seed: int) -> tuple[Tile, ...]:
    """Show a few photos of each class with the answers of a classifier."""
    places = choose_labelled(data.labels, seed=seed)
    photos = load_fitted(classifier.config, data.subset(places), on_error="raise", verbose=False).read(np.arange(len(places)))
    tiles = []
    for photo, place in zip(photos, places.tolist(), strict=True):
        best, true = int(probabilities[place].argmax()), data[place].class_name
        answer = classifier.class_names[best]
        verdict = "right" if answer == true else f"wrong, is: {true}"
        tiles.append(Tile(shrink(photo), (f"{answer} {probabilities[place, best]:.2f}", verdict)))
    return tuple(tiles)


def _write(comparison: Comparison, folder: Path) -> None:
    comparison.best.save(folder / "best")
    for write, kind in ((comparison.to_html, "html"), (comparison.to_markdown, "md"), (comparison.to_json, "json")):
        write(folder / f"comparison.{kind}")
    comparison.plot(folder)
