"""The demo's verifier: cars are drawn, it is trained on some of them, judged on others, saved, loaded and asked."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.cli.cars import CarSides
from car_recog.cli.demo_parts import SAME, demo_recipe
from car_recog.cli.output import note, show_lines
from car_recog.cli.startup import load_keras
from car_recog.cli.trained import Trained, train_and_judge
from car_recog.cli.verify import worded
from car_recog.data.folders import FolderDataset
from car_recog.data.pairs import PairDataset
from car_recog.data.synthetic import IDENTITY_PATTERN, draw_identities
from car_recog.errors import TrainingError

if TYPE_CHECKING:
    from car_recog.prediction import Verification

_N_MODELS, _N_CARS, _N_PHOTOS = 6, 3, 4
_FRACTIONS = (0.6, 0.15, 0.25)
_IMAGE_SIZE = (48, 48)


@attrs.frozen
class Asked:
    """A pair that the loaded verifier was asked about.

    Args:
        first: One photo.
        second: The other.
        is_genuine: Whether they show the same car.
        answer: What it says.
    """

    first: str
    second: str
    is_genuine: bool
    answer: "Verification"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"first": self.first, "second": self.second, "is_genuine": self.is_genuine, **attrs.asdict(self.answer)}


@attrs.frozen
class VerifierDemo:
    """What the demo of the verifier came to.

    Args:
        trained: The training on the drawn cars.
        asked: A genuine pair and an impostor pair.
    """

    trained: Trained
    asked: tuple[Asked, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**self.trained.to_dict(), "asked": [pair.to_dict() for pair in self.asked]}

    def tell(self) -> None:
        """Print what was done."""
        self.trained.tell()
        show_lines("", "Guessing would have an equal error rate of 0.5. Loaded again, it says of cars it was not trained on:")
        for pair in self.asked:
            truth = "right" if pair.answer.is_same == pair.is_genuine else "wrong"
            show_lines(f"  {pair.first}", f"  {pair.second}", f"    {worded(pair.answer)}: {truth}.")

    def tell_next(self) -> None:
        """Print what to try next."""
        bundle, first, second = map(quote, (str(self.trained.bundle), self.asked[0].first, self.asked[0].second))
        show_lines(f"  car-recog verify {bundle} {first} {second}", "  car-recog train verifier YOUR_CARS")


def run_verifier(folder: Path, *, n_colours: int, n_epochs: int, seed: int) -> VerifierDemo:
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
    train, val, test = cars.split(*_FRACTIONS, seed=seed, disjoint="class")
    sides = CarSides(train, *(PairDataset.sample(side, seed=seed) for side in (val, test)))
    load_keras()
    from car_recog.verifier import SiameseVerifier

    verifier = SiameseVerifier("tiny_cnn", weights=None, image_size=_IMAGE_SIZE)
    recipe = demo_recipe(n_epochs)  # colours change little: they tell cars apart
    trained = train_and_judge(verifier, sides, calibrate=None, folder=folder / "verifier", recipe=recipe, seed=seed)
    pairs = PairDataset.sample(test, seed=seed)
    asked = [pairs[int(pairs.is_genuine.argmax())], pairs[int(pairs.is_genuine.argmin())]]
    loaded = SiameseVerifier.load(trained.bundle)
    answers = []
    for pair in asked:
        first, second = str(pair.first.path), str(pair.second.path)
        before, after = (one.verify(first, second) for one in (verifier, loaded))
        if before.is_same != after.is_same or abs(before.score - after.score) > SAME:
            raise TrainingError(f"The verifier said {before} before it was saved and {after} after it was loaded.")
        answers.append(Asked(first, second, pair.is_genuine, after))
    return VerifierDemo(trained, tuple(answers))
