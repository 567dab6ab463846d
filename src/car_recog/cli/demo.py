"""`car-recog demo`: the whole way from photos to a saved part classifier, on drawn photos, in about a minute."""

import argparse
import shutil
import time
from itertools import count
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.cli.options import add_common_flags
from car_recog.cli.output import FINE, FOUND_PROBLEMS, note, show_json, show_line, watched_warnings
from car_recog.cli.sides import Sides
from car_recog.cli.startup import check_plots, load_keras
from car_recog.cli.train import Trained, train_and_judge
from car_recog.data.compcars import CompCarsDataset
from car_recog.data.synthetic import draw_compcars
from car_recog.errors import TrainingError
from car_recog.storage import is_vacant
from car_recog.training.recipe import Phase, Recipe

if TYPE_CHECKING:
    from car_recog.prediction import Prediction

N_PHOTOS = 1600
N_EPOCHS = 30
SEED = 0

_IMAGE_SIZE = (64, 64)
_VAL_FRACTION = 0.15
_SAME = 1e-3
_DESCRIPTION = (
    "Draw photos of eight car parts, train a small network on them from random weights, judge it on photos it has not seen, save it, "
    "load it again and ask it about a photo. Needs no data and no internet."
)


@attrs.frozen
class Demo:
    """What a demo came to.

    Args:
        trained: The training on the drawn photos.
        seconds: Of everything.
        true_class: What the photo shows that was asked about.
        answer: What the loaded classifier says about it.
    """

    trained: Trained
    seconds: float
    true_class: str
    answer: "Prediction"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        asked = {
            "source": self.answer.source,
            "true_class": self.true_class,
            "class_name": self.answer.class_name,
            "probability": self.answer.probability,
        }
        return {**self.trained.to_dict(), "seconds_in_all": round(self.seconds, 1), "asked": asked}

    def tell(self) -> None:
        """Print what was done and what to try next."""
        self.trained.tell()
        folder, answer = self.trained.folder, self.answer
        verdict = "right" if answer.class_name == self.true_class else f"wrong, it is a {self.true_class}"
        n_classes = len(self.trained.report.class_names) if self.trained.report else 0
        show_line("")
        show_line(f"Guessing would be right once in {n_classes} times. The photos are drawn: real ones are harder.")
        show_line(f"Loaded again, it calls {answer.source}")
        show_line(f"  {answer.class_name} with probability {answer.probability:.3f}: {verdict}.")
        show_line(f"{self.seconds:.0f} s in all. Try next:")
        bundle, photos = quote(str(folder / "bundle")), quote(str(folder / "photos"))
        show_line(f"  car-recog predict {bundle} {quote(answer.source)} --top 3")
        show_line(f"  car-recog evaluate {bundle} {photos}")
        show_line("  car-recog train parts YOUR_PHOTOS")


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    purpose = "see all of it work on drawn photos, in about a minute"
    parser = commands.add_parser("demo", help=purpose, description=_DESCRIPTION, allow_abbrev=False)
    where = "where everything is put; where it holds something, a number is added (demo-output)"
    parser.add_argument("--folder", type=Path, default=Path("demo-output"), help=where)
    add_common_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo and say what was done."""
    check_plots()
    folder = free_folder(args.folder)
    with watched_warnings() as problems:
        demo = run_demo(folder, n_photos=N_PHOTOS, n_epochs=N_EPOCHS)
    if args.json:
        show_json({**demo.to_dict(), "problems": problems})
    else:
        demo.tell()
    return FOUND_PROBLEMS if problems else FINE


def free_folder(folder: Path) -> Path:
    """Give the folder, or with a number behind its name where it holds something, such as an earlier demo."""
    names = (folder.with_name(f"{folder.name}-{number}") if number > 1 else folder for number in count(1))
    return next(name for name in names if is_vacant(name))


def run_demo(folder: Path, *, n_photos: int, n_epochs: int) -> Demo:
    """Draw, train, judge, save, load and ask.

    Args:
        folder: A new or empty folder for everything.
        n_photos: Photos of parts to draw.
        n_epochs: Passes over the photos of training.

    Raises:
        TrainingError: The classifier answers otherwise after it was saved and loaded.
    """
    start = time.perf_counter()
    try:
        note(f"drawing {n_photos:,} photos of car parts")
        # A tree has whole cars and pairs of them, too; these are the fewest that eight models from five viewpoints allow.
        draw_compcars(folder / "photos", n_part_photos=n_photos, n_car_photos=80, n_pairs=8, seed=SEED)
        cars = CompCarsDataset(folder / "photos")
        train, val = cars.parts("train").split(1 - _VAL_FRACTION, _VAL_FRACTION, seed=SEED)
        note("loading Keras")
        load_keras()
        from car_recog.classifier import PartClassifier

        classifier = PartClassifier("tiny_cnn", weights=None, image_size=_IMAGE_SIZE)
        sides = Sides(train, val, cars.parts("test"))
        # A run folder must be empty, and the report names photos by their place: so the run moves, not the photos.
        trained = train_and_judge(classifier, sides, recipe=_recipe(n_epochs), seed=SEED, folder=folder / "run")
        for path in list(trained.folder.iterdir()):
            path.rename(folder / path.name)
        trained.folder.rmdir()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # it was new or empty
        raise
    trained = attrs.evolve(trained, folder=folder)
    photo = cars.parts("test")[0]
    before, after = (asked.predict(str(photo.path))[0] for asked in (classifier, PartClassifier.load(folder / "bundle")))
    if before.class_name != after.class_name or abs(before.probability - after.probability) > _SAME:
        raise TrainingError(f"The classifier said {before} before it was saved and {after} after it was loaded.")
    return Demo(trained, time.perf_counter() - start, photo.class_name, after)


def _recipe(n_epochs: int) -> Recipe:
    """From random weights: a higher learning rate than fine-tuning takes, and milder changes to the photos."""
    changes = {"flip": 0.5, "crop_area": 0.7, "brightness": 0.2, "contrast": 0.2, "saturation": 0.2}
    phase = Phase(
        name="demo", epochs=n_epochs, learning_rate=3e-3, warmup=0.1, weight_decay=0.05, global_clip_norm=5.0, augmentation=changes
    )
    return Recipe(name="demo", label_smoothing=0.1, phases=[phase])
