"""Draws a small dataset of invented cars in CompCars' own tree: for the demo, the docs and the tests, where no photo can be shipped."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

import attrs
import numpy as np

from car_recog.data.compcars import PART_NAMES
from car_recog.data.drawing import MIN_SIDE, MODELS_PER_MAKE, PAINTS, Look, Style
from car_recog.data.drawn_cars import VIEWPOINTS, paint_car
from car_recog.data.drawn_parts import paint_part
from car_recog.errors import DataError, OptionError
from car_recog.storage import atomic_folder, is_vacant

IDENTITY_PATTERN = r"(?P<model>[^/]+)/(?P<colour>[^/]+)/(?P<label>[^/_]+)_"
"""Reads what `draw_identities` draws, as `label_pattern` of `FolderDataset`: the class is the physical car."""

_YEARS = ("2009", "2011", "2012", "2013", "2014", "unknown")


def draw_compcars(
    folder: str | Path,
    *,
    n_models: int = 8,
    n_part_photos: int = 640,
    n_car_photos: int = 320,
    imbalance: float = 1.0,
    train_fraction: float = 0.7,
    n_pairs: int = 200,
    image_size: tuple[int, int] = (120, 160),
    seed: int = 0,
) -> Path:
    """Draw photos of car parts and whole cars into a new CompCars tree.

    Two models make up a make. Models differ in shape and trim, never in paint. All models are in the part and classification lists.
    The last makes are in `verification_train.txt`, the others only in the lists of pairs; below four models there are too few, and
    both hold all. The same arguments give the same bytes.

    Args:
        folder: Where `data/` is put. Must not exist, or be empty.
        n_models: Number of invented car models, at least 2.
        n_part_photos: Photos of all eight parts together.
        n_car_photos: Photos of whole cars of all models together; the five viewpoints take turns.
        imbalance: Photos of the first part for one photo of the last; those between fall off evenly, by a constant factor.
        train_fraction: Share of each part's and each model's photos in the train list.
        n_pairs: Pairs in each of the three lists; every second one is genuine.
        image_size: `(height, width)` of the photos in pixels, 16 or more.
        seed: Fixes every photo and every list.

    Returns:
        The folder, as `CompCarsDataset` takes it.

    Raises:
        DataError: The folder holds something already.
        OptionError: An argument is out of range, a list would be empty, or there are fewer pairs than asked for.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     root = draw_compcars(folder, n_models=2, n_part_photos=16, n_car_photos=20, n_pairs=4, image_size=(24, 32))
        ...     len(list((root / "data" / "part").rglob("*.jpg")))
        16
    """
    folder = _vacant(folder)
    _check(n_models, imbalance, train_fraction, image_size, seed)
    parts = _plan_parts(_class_counts(n_part_photos, imbalance), n_models, seed)
    cars = [_Photo("image", i % n_models, 1 + i // n_models % len(VIEWPOINTS), i, seed) for i in range(n_car_photos)]
    texts = _list_files(parts, cars, train_fraction, np.random.default_rng([seed, 1]))
    texts |= _pair_files(cars, n_models, n_pairs, np.random.default_rng([seed, 2]))
    texts["misc/attributes.txt"] = _attribute_lines(n_models, np.random.default_rng([seed, 3]))
    with atomic_folder(folder) as tree:
        for path, lines in texts.items():
            _write_lines(tree / "data" / path, lines)
        for photo in (*parts, *cars):
            _draw(photo, tree / "data", image_size)
    return folder


def draw_identities(
    folder: str | Path,
    *,
    n_models: int = 4,
    n_colours: int = 3,
    n_cars: int = 3,
    n_photos: int = 5,
    image_size: tuple[int, int] = (96, 128),
    seed: int = 0,
) -> Path:
    """Draw photos of physical cars as `<model>/<colour>/<car>_<number>.jpg`: the same cars again and again, to be told from each other.

    A car keeps its paint and its marks - rims, trim, roof, plate, sticker - on all its photos. Viewpoint, place, light and camera are
    others on each. The same arguments give the same bytes.

    Args:
        folder: Where the photos are put. Must not exist, or be empty.
        n_models: Number of invented car models.
        n_colours: Colours that each model comes in, at most 9.
        n_cars: Cars of each model and colour.
        n_photos: Photos of each car; the five viewpoints take turns.
        image_size: `(height, width)` of the photos in pixels, 16 or more.
        seed: Fixes every car and every photo.

    Returns:
        The folder, as `FolderDataset` takes it with `IDENTITY_PATTERN`.

    Raises:
        DataError: The folder holds something already.
        OptionError: An argument is out of range.

    Example:
        >>> from car_recog import FolderDataset
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     FolderDataset(draw_identities(folder, n_models=2, n_colours=2, image_size=(24, 32)), IDENTITY_PATTERN)
        FolderDataset(60 photos, 12 classes)
    """
    folder = _vacant(folder)
    _check_picture(image_size, seed)
    if min(n_models, n_colours, n_cars, n_photos) < 1 or n_colours > len(PAINTS):
        numbers = f"{n_models=}, {n_colours=}, {n_cars=}, {n_photos=}"
        raise OptionError(f"Expected at least 1 of each and at most {len(PAINTS)} colours; got {numbers}.")
    kinds = [(model, colour) for model in range(n_models) for colour in list(PAINTS)[:n_colours]]
    with atomic_folder(folder) as tree:
        for car, (model, colour) in enumerate(kind for kind in kinds for _ in range(n_cars)):
            rng = np.random.default_rng([seed, car])
            look = Look.draw_individual(model, colour, rng)
            place = tree / f"model{model}" / colour
            place.mkdir(parents=True, exist_ok=True)
            for number in range(n_photos):
                picture, _ = paint_car(1 + (car + number) % len(VIEWPOINTS), model, rng, image_size, look=look)
                picture.save(place / f"car{car}_{number}.jpg", quality=int(rng.integers(45, 93)))
    return folder


def _vacant(folder: str | Path) -> Path:
    folder = Path(folder).resolve()
    if not is_vacant(folder):
        raise DataError(f"Expected a new or empty folder for the dataset, but '{folder}' holds something. Name another one or empty it.")
    return folder


@attrs.frozen
class _Photo:
    """One photo to be drawn. Its name, its year and all chance in it come from these five values alone, in whatever order it is drawn."""

    kind: str  # "part" or "image", the folder's name
    model: int
    view: int  # the part's number, or the viewpoint
    number: int
    seed: int

    @property
    def make(self) -> int:
        return self.model // MODELS_PER_MAKE

    @property
    def place(self) -> str:
        """The path below `data/part` or `data/image`."""
        name = blake2b(repr(self).encode(), digest_size=7).hexdigest()
        part = f"{self.view}/" if self.kind == "part" else ""
        return f"{2 + 5 * self.make}/{_model_id(self.model)}/{_YEARS[int(name, 16) % len(_YEARS)]}/{part}{name}.jpg"


def _model_id(model: int) -> int:
    return 3 + 7 * model


def _check(n_models: int, imbalance: float, train_fraction: float, image_size: tuple[int, int], seed: int) -> None:
    if n_models < 2:
        raise OptionError(f"Expected at least 2 models, got {n_models=}.")
    if not 1 <= imbalance < np.inf:
        raise OptionError(f"Expected the ratio of the most to the least frequent part, 1 or more, got {imbalance=}. 1 is balanced.")
    if not 0 < train_fraction < 1:
        raise OptionError(f"Expected a share of the photos between 0 and 1 for training, got {train_fraction=}.")
    _check_picture(image_size, seed)


def _check_picture(image_size: tuple[int, int], seed: int) -> None:
    if len(image_size) != 2 or min(image_size) < MIN_SIDE:
        raise OptionError(f"Expected (height, width) of at least {MIN_SIDE} pixels each, got {image_size=}.")
    if seed < 0:
        raise OptionError(f"Expected a seed from 0, got {seed=}.")


def _class_counts(n_photos: int, imbalance: float) -> list[int]:
    """Share photos out over the parts in a falling geometric series."""
    shares = imbalance ** -np.linspace(0, 1, len(PART_NAMES))
    edges = np.rint(n_photos * np.cumsum(shares) / shares.sum()).astype(int)
    counts: list[int] = np.diff(edges, prepend=0).tolist()
    return counts


def _plan_parts(counts: Sequence[int], n_models: int, seed: int) -> list[_Photo]:
    # Each part starts with another model, so that what is left over does not always go to the first ones.
    return [_Photo("part", (i + part) % n_models, part, i, seed) for part, count in enumerate(counts, 1) for i in range(count)]


def _list_files(parts: Sequence[_Photo], cars: Sequence[_Photo], train_fraction: float, rng: np.random.Generator) -> dict[str, list[str]]:
    """Write down which photos are for training and which for testing: path of the list -> its lines."""
    texts = {}
    for part, name in enumerate(PART_NAMES, 1):
        train, test = _split([photo for photo in parts if photo.view == part], train_fraction, rng)
        texts[f"train_test_split/part/train_part_{part}.txt"] = train
        texts[f"train_test_split/part/test_part_{part}.txt"] = test
        if not train or not test:
            raise OptionError(f"Too few photos of {name} for a train and a test list: {len(train)} and {len(test)}. Raise n_part_photos.")
    if len({photo.model for photo in cars}) * 2 > len(cars) or not cars:
        raise OptionError(f"Expected at least 2 car photos for each model, got {len(cars)} in all. Raise n_car_photos.")
    train, test = _split(cars, train_fraction, rng)
    return texts | {"train_test_split/classification/train.txt": train, "train_test_split/classification/test.txt": test}


def _split(photos: Sequence[_Photo], train_fraction: float, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Split photos so that each model keeps its share; both sides are ordered by model, as CompCars' are."""
    ordered = sorted((photos[i] for i in rng.permutation(len(photos))), key=lambda photo: photo.model)
    seats = np.floor(train_fraction * np.arange(len(photos) + 1) + 0.5)
    sides: tuple[list[str], list[str]] = ([], [])
    for photo, is_train in zip(ordered, np.diff(seats) > 0, strict=True):
        sides[0 if is_train else 1].append(photo.place)
    return sides


def _pair_files(cars: Sequence[_Photo], n_models: int, n_pairs: int, rng: np.random.Generator) -> dict[str, list[str]]:
    """Draw the three lists of pairs: path of the list -> its lines."""
    n_makes = -(-n_models // MODELS_PER_MAKE)
    n_unseen = n_makes // 2 if n_models >= 2 * MODELS_PER_MAKE else 0
    seen = [photo for photo in cars if photo.make >= n_unseen]
    photos = [photo for photo in cars if photo.make < n_unseen] if n_unseen else seen
    first, second = np.triu_indices(len(photos), 1)
    model, make, view = (np.array([getattr(photo, name) for photo in photos]) for name in ("model", "make", "view"))
    is_genuine = model[first] == model[second]
    rules = {
        "easy": view[first] == view[second],
        "medium": np.ones(len(first), bool),
        "hard": make[first] == make[second],  # a genuine pair shares its make as well
    }
    folder, places = "train_test_split/verification", [photo.place for photo in photos]
    texts = {f"{folder}/verification_train.txt": [photo.place for photo in sorted(seen, key=lambda photo: photo.model)]}
    for name, is_allowed in rules.items():
        genuine = _choose(is_allowed & is_genuine, n_pairs // 2, rng, f"genuine {name}")
        impostors = _choose(is_allowed & ~is_genuine, n_pairs - n_pairs // 2, rng, f"impostor {name}")
        chosen = rng.permutation(np.concatenate([genuine, impostors]))
        texts[f"{folder}/verification_pairs_{name}.txt"] = [f"{places[first[i]]} {places[second[i]]} {int(is_genuine[i])}" for i in chosen]
    return texts


def _choose(is_allowed: np.ndarray, n_pairs: int, rng: np.random.Generator, name: str) -> np.ndarray:
    candidates = np.flatnonzero(is_allowed)
    if not 1 <= n_pairs <= len(candidates):
        raise OptionError(f"Expected 1 to {len(candidates)} {name} pairs, got {n_pairs}. Change n_pairs, or raise n_car_photos.")
    return rng.choice(candidates, n_pairs, replace=False)


def _attribute_lines(n_models: int, rng: np.random.Generator) -> list[str]:
    """Word the table of the models' properties; 0 is unknown."""
    lines = ["model_id maximum_speed displacement door_number seat_number type"]
    for model in range(n_models):
        doors, body = ((4, 3), (5, 4), (5, 7))[Style.of(model).tail]  # saloon, hatchback, estate in CompCars' numbers
        speed = 0 if model % 4 == 3 else int(rng.integers(150, 260))
        lines.append(f"{_model_id(model)} {speed} {rng.integers(10, 40) / 10} {doors} 5 {body}")
    return lines


def _draw(photo: _Photo, data: Path, image_size: tuple[int, int]) -> None:
    """Draw a photo and, of a whole car, its label."""
    rng = np.random.default_rng([photo.seed, photo.kind == "part", photo.view, photo.model, photo.number])
    if photo.kind == "part":
        picture = paint_part(photo.view, photo.model, rng, image_size)
    else:
        picture, box = paint_car(photo.view, photo.model, rng, image_size)
        label = (data / "label" / photo.place).with_suffix(".txt")
        _write_lines(label, [str(photo.view), "1", " ".join(map(str, box))])
    path = data / photo.kind / photo.place
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=int(rng.integers(45, 93)))


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="\n")
