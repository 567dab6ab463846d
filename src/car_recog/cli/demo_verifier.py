"""The demo's verifier: cars are drawn, it is trained on some of them, judged on others, saved, loaded and asked."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.cli.cars import CarSides
from car_recog.cli.demo_parts import SAME, Shown, demo_recipe
from car_recog.cli.output import note
from car_recog.cli.startup import load_keras
from car_recog.cli.trained import Trained, train_and_judge
from car_recog.cli.verify import worded
from car_recog.data.folders import FolderDataset
from car_recog.data.pairs import PairDataset
from car_recog.data.synthetic import IDENTITY_PATTERN, draw_identities
from car_recog.errors import TrainingError

if TYPE_CHECKING:
    from car_recog.verifier import SiameseVerifier

_N_MODELS, _N_CARS, _N_PHOTOS = 6, 3, 4
_FRACTIONS = (0.6, 0.15, 0.25)
_IMAGE_SIZE = (48, 48)


def run_verifier(folder: Path, *, n_colours: int, n_epochs: int, seed: int) -> Shown:
    """Draw, train, choose the threshold, judge, save, load and ask.

    Args:
        folder: Receives `cars`, the photos, and `verifier`, the run.
        n_colours: Colours of the cars; there are 18 of each.
        n_epochs: Passes over the photos of training.
        seed: Of everything random.

    Raises:
        TrainingError: The verifier answers otherwise after it was saved and loaded.
    """
    note(f"drawing photos of {_N_MODELS * n_colours * _N_CARS:,} cars, {_N_PHOTOS} of each")
    draw_identities(folder / "cars", n_models=_N_MODELS, n_colours=n_colours, n_cars=_N_CARS, n_photos=_N_PHOTOS, seed=seed)
    cars = FolderDataset(folder / "cars", IDENTITY_PATTERN)
    train, *judged = cars.split(*_FRACTIONS, seed=seed, disjoint="class")
    val, test = (PairDataset.sample(side, seed=seed) for side in judged)
    load_keras()
    from car_recog.verifier import SiameseVerifier

    verifier = SiameseVerifier("tiny_cnn", weights=None, image_size=_IMAGE_SIZE)
    sides, recipe = CarSides(train, val, test), demo_recipe(n_epochs)  # colours change little: they tell cars apart
    trained = train_and_judge(verifier, sides, calibrate=None, folder=folder / "verifier", recipe=recipe, seed=seed)
    return _ask_loaded(verifier, trained, test)


def _ask_loaded(verifier: "SiameseVerifier", trained: Trained, pairs: PairDataset) -> Shown:
    """Ask about a pair of the same car and one of two."""
    loaded = type(verifier).load(trained.bundle)
    asked: list[dict[str, Any]] = []
    told = ["Guessing would have an equal error rate of 0.5. Loaded again, it says of cars it was not trained on:"]
    for pair in (pairs[int(pairs.is_genuine.argmax())], pairs[int(pairs.is_genuine.argmin())]):
        first, second = str(pair.first.path), str(pair.second.path)
        before, after = (one.verify(first, second) for one in (verifier, loaded))
        if before.is_same != after.is_same or abs(before.score - after.score) > SAME:
            raise TrainingError(f"The verifier said {before} before it was saved and {after} after it was loaded.")
        asked.append({"first": first, "second": second, "is_genuine": pair.is_genuine, **attrs.asdict(after)})
        truth = "right" if after.is_same == pair.is_genuine else "wrong"
        told += [f"  {first}", f"  {second}", f"    {worded(after)}: {truth}."]
    bundle, first, second = map(quote, (str(trained.bundle), asked[0]["first"], asked[0]["second"]))
    return Shown(trained, asked, told, [f"car-recog verify {bundle} {first} {second}", "car-recog train verifier YOUR_CARS"])
