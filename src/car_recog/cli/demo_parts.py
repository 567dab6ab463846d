"""The demo's part classifier: drawn, trained, judged, saved, loaded and asked."""

from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.cli.output import note, show_lines
from car_recog.cli.sides import Sides
from car_recog.cli.startup import load_keras
from car_recog.cli.train import calibrate_trained
from car_recog.cli.trained import Trained, train_and_judge
from car_recog.data.compcars import PART_NAMES, CompCarsDataset
from car_recog.data.samples import Sample
from car_recog.data.synthetic import draw_compcars
from car_recog.errors import TrainingError
from car_recog.training.recipe import Phase, Recipe

if TYPE_CHECKING:
    from car_recog.classifier import CarClassifier

SAME = 1e-3
"""How much an answer may change when a recogniser is saved and loaded."""

_IMAGE_SIZE = (64, 64)
_VAL_FRACTION = 0.15


@attrs.frozen
class Shown:
    """What the demo of one recogniser came to.

    Args:
        trained: The training on what was drawn.
        asked: What the loaded recogniser was asked and said, as plain values.
        told: The same in lines.
        commands: What to try next.
    """

    trained: Trained
    asked: Any
    told: list[str]
    commands: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**self.trained.to_dict(), "asked": self.asked}

    def tell(self) -> None:
        """Print what was done."""
        self.trained.tell()
        show_lines("", *self.told)


def run_parts(folder: Path, *, n_photos: int, n_epochs: int, seed: int) -> Shown:
    """Draw, train, judge, save, load and ask.

    Args:
        folder: A folder for everything; it holds neither photos nor a run.
        n_photos: Photos of parts to draw.
        n_epochs: Passes over the photos of training.
        seed: Of everything random.

    Raises:
        TrainingError: The classifier answers otherwise after it was saved and loaded.
    """
    note(f"drawing {n_photos:,} photos of car parts")
    # A tree has whole cars and pairs of them, too; these are the fewest that eight models from five viewpoints allow.
    draw_compcars(folder / "photos", n_part_photos=n_photos, n_car_photos=80, n_pairs=8, seed=seed)
    cars = CompCarsDataset(folder / "photos")
    train, val = cars.parts("train").split(1 - _VAL_FRACTION, _VAL_FRACTION, seed=seed)
    note("loading Keras")
    load_keras()
    from car_recog.classifier import PartClassifier

    classifier = PartClassifier("tiny_cnn", weights=None, image_size=_IMAGE_SIZE)
    sides = Sides(train, val, cars.parts("test"))
    recipe, calibrate = demo_recipe(n_epochs, label_smoothing=0.1, saturation=0.2), partial(calibrate_trained, classifier)
    # A run folder must be empty, and the report names photos by their place: so the run moves, not the photos.
    trained = train_and_judge(classifier, sides, calibrate=calibrate, folder=folder / "run", recipe=recipe, seed=seed)
    for path in list(trained.folder.iterdir()):
        path.rename(folder / path.name)
    trained.folder.rmdir()
    return _ask_loaded(classifier, attrs.evolve(trained, folder=folder), cars.parts("test")[0])


def _ask_loaded(classifier: "CarClassifier", trained: Trained, photo: Sample) -> Shown:
    source, loaded = str(photo.path), type(classifier).load(trained.bundle)
    before, after = (one.predict(source)[0] for one in (classifier, loaded))
    if before.class_name != after.class_name or abs(before.probability - after.probability) > SAME:
        raise TrainingError(f"The classifier said {before} before it was saved and {after} after it was loaded.")
    verdict = "right" if after.class_name == photo.class_name else f"wrong, it is a {photo.class_name}"
    told = [
        f"Guessing would be right once in {len(PART_NAMES)} times. The photos are drawn: real ones are harder.",
        f"Loaded again, it calls {source}",
        f"  {after.class_name} with probability {after.probability:.3f}: {verdict}.",
    ]
    asked = {"source": source, "true_class": photo.class_name, "class_name": after.class_name, "probability": after.probability}
    bundle, photos = quote(str(trained.bundle)), quote(str(trained.folder / "photos"))
    commands = [
        f"car-recog predict {bundle} {quote(source)} --top 3",
        f"car-recog evaluate {bundle} {photos}",
        "car-recog train parts YOUR_PHOTOS",
    ]
    return Shown(trained, asked, told, commands)


def demo_recipe(n_epochs: int, *, label_smoothing: float = 0.0, **changes: float) -> Recipe:
    """From random weights: a higher learning rate than fine-tuning takes, and milder changes to the photos."""
    changes |= {"flip": 0.5, "crop_area": 0.7, "brightness": 0.2, "contrast": 0.2}
    phase = Phase(
        name="demo", epochs=n_epochs, learning_rate=3e-3, warmup=0.1, weight_decay=0.05, global_clip_norm=5.0, augmentation=changes
    )
    return Recipe(name="demo", label_smoothing=label_smoothing, phases=[phase])
