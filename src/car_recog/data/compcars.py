"""The CompCars dataset as it lies on disk.

Source: Yang et al., CVPR 2015, arXiv:1506.08959.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from car_recog.data.compcars_lists import Label, read_labels, read_places, walk
from car_recog.data.compcars_names import CarNames, distinct, read_names, read_surveillance_names
from car_recog.data.pair_lists import read_pairs
from car_recog.data.pairs import PairDataset
from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError, OptionError, suggestion

PART_NAMES = ("headlight", "taillight", "fog_light", "air_intake", "console", "steering_wheel", "dashboard", "gear_lever")
"""The eight parts; the part id on disk is the place plus one."""

_CAR = "<make>/<model>/<year>/<name>.jpg"
_PART = "<make>/<model>/<year>/<part id 1 to 8>/<name>.jpg"
_SURVEILLANCE = "<folder>/<name>.jpg"


class CompCarsDataset:
    """A CompCars tree. Nothing is read before a view is asked for.

    Makes and models go by the names in `data/misc` where SciPy is installed (`pip install 'car-recog[mat]'`), else by their ids; so
    does what has no name. The order of classes is that of the ids, with names or without.

    Args:
        root: The folder that holds `data/` or `sv_data/`, whichever exist.

    Raises:
        DataError: Neither folder is there.

    Example:
        >>> CompCarsDataset("CompCars").models("train", crop_to_box=True)    # doctest: +SKIP
        ImageDataset(16016 photos, 431 classes)
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not any((self.root / name).is_dir() for name in ("data", "sv_data")):
            raise DataError(f"'{self.root}' holds neither data/ nor sv_data/. Give the folder that CompCars was unpacked in.")

    def __repr__(self) -> str:
        return f"CompCarsDataset('{self.root}')"

    def parts(self, split: str | None = None, part: str | int | None = None, label: str = "part") -> ImageDataset:
        """Photos of the eight car parts.

        Args:
            split: `"train"` or `"test"`: the official lists. None: every photo on disk, listed or not.
            part: One part by name or by its CompCars id from 1 on. None: all eight.
            label: `"part"`: the class is the part; with all eight parts all eight names are classes, whether photos exist or not.
                `"model"`: the class is the car model, named as in `models`.

        Returns:
            Samples with the attributes of `models`, but for the viewpoint, and part. `group` is None: a photo stands alone.

        Raises:
            DataError: No part photos; lists that name missing photos, or photos of another part than theirs: they are told in one
                error with list file and line.
            OptionError: An unknown split, part or label.
        """
        _check("split", split, ("train", "test", None))
        _check("label", label, ("part", "model"))
        part_ids = range(1, len(PART_NAMES) + 1) if part is None else [part_number(part)]
        root, names = self.root / "data" / "part", self._names
        lists = {self._lists / "part" / f"{split}_part_{i}.txt": i for i in part_ids}
        places = walk(root, _PART, innermost=[str(i) for i in part_ids]) if split is None else read_places(lists, root, _PART)

        def facts(folder: str) -> dict[str, str]:
            make, model, year, part_id = folder.split("/")
            return names.describe(make, model, year) | {"part": PART_NAMES[int(part_id) - 1]}

        if label == "part":
            keys, classes = [place.split("/")[3] for place in places], {str(i): PART_NAMES[i - 1] for i in part_ids}
        else:
            keys, classes = _classes(places, 2, names)
        return _dataset(root, places, keys, classes=classes, facts=facts)

    def models(self, split: str | None = None, crop_to_box: bool = False) -> ImageDataset:
        """Photos of whole cars; the class is the car model, named as `Audi/Audi A4`, or `make_id/model_id` without names.

        Args:
            split: `"train"` or `"test"`: the official lists for classification, 431 models. None: every photo on disk, 1,716 models.
            crop_to_box: Whether only what lies in the box of the car is used: `Sample.crop` becomes `Sample.box`.

        Returns:
            Samples with their box and the attributes make, model, year and viewpoint; make_id and model_id where the names differ from
            them; type, maximum_speed, displacement, doors and seats where known. Samples share these attributes.

        Raises:
            DataError: No photos; lists that name missing photos, or labels of another form: they are told in one error.
            OptionError: An unknown split.
        """
        return self._cars(self._names, self._official(split), n_ids=2, crop_to_box=crop_to_box)

    def makes(self, split: str | None = None, crop_to_box: bool = False) -> ImageDataset:
        """Photos of whole cars; the class is the make. All else is as in `models`."""
        return self._cars(self._names, self._official(split), n_ids=1, crop_to_box=crop_to_box)

    def verification_train(self, crop_to_box: bool = False) -> ImageDataset:
        """Photos that the official verification trains on: 4,454 of 111 models, none of them in the pairs. All else as in `models`."""
        lists = {self._lists / "verification" / "verification_train.txt": None}
        return self._cars(self._names, read_places(lists, self._photos, _CAR), n_ids=2, crop_to_box=crop_to_box)

    def pairs(self, difficulty: str, crop_to_box: bool = False) -> PairDataset:
        """Official pairs of photos for verification: 20,000 each, of 1,145 models; a pair is genuine where both photos show one model.

        Args:
            difficulty: `"easy"`: both photos of a pair are taken from the same viewpoint. `"medium"`: from any. `"hard"`: the cars of an
                impostor pair are of the same make as well.
            crop_to_box: As in `models`.

        Returns:
            Pairs of samples as in `models`; the identity is the car model.

        Raises:
            DataError: No list, or lines with faults; all are told at once, by line. Or labels of another form.
            OptionError: An unknown difficulty.
        """
        _check("difficulty", difficulty, ("easy", "medium", "hard"))
        names, path = self._names, self._lists / "verification" / f"verification_pairs_{difficulty}.txt"
        places, *columns = read_pairs(path, self._photos, form=_CAR)
        return PairDataset(self._cars(names, places, n_ids=2, crop_to_box=crop_to_box), *columns)

    def _official(self, split: str | None) -> list[str]:
        """Find the photos of whole cars, or of a split for classification."""
        _check("split", split, ("train", "test", None))
        lists = {self._lists / "classification" / f"{split}.txt": None}
        return walk(self._photos, _CAR) if split is None else read_places(lists, self._photos, _CAR)

    def _cars(self, names: CarNames, places: Sequence[str], *, n_ids: int, crop_to_box: bool) -> ImageDataset:
        labels = read_labels(self.root / "data" / "label", places)
        keys, classes = _classes(places, n_ids, names)

        def facts(folder: str) -> dict[str, str]:
            return names.describe(*folder.split("/"))

        return _dataset(self._photos, places, keys, classes=classes, facts=facts, labels=labels, crop_to_box=crop_to_box)

    def surveillance(self, split: str | None = None, label: str = "model") -> ImageDataset:
        """Photos of the surveillance set: fronts of cars, seen by cameras above the road.

        Args:
            split: `"train"` or `"test"`: the official lists. None: every photo on disk.
            label: `"model"`: the class is the car model, named as `Audi/Audi Q5`, or by its folder without names. `"make"`: the make.

        Returns:
            Samples with the attributes make, model, model_id - that of `models` - and the properties of the model where known; without
            names the folder serves as model.

        Raises:
            DataError: No photos; or lists that name missing photos: they are told in one error.
            OptionError: An unknown split or label, or makes without names.
        """
        _check("split", split, ("train", "test", None))
        _check("label", label, ("model", "make"))
        folder = self.root / "sv_data"
        root, table = folder / "image", self._surveillance_names
        if label == "make" and not table:
            raise OptionError(
                f"label='make' needs '{folder / 'sv_make_model_name.mat'}' of the official download, and SciPy to read it: "
                "pip install 'car-recog[mat]'. label='model' does without: the folders are the classes."
            )
        lists = {folder / f"{split}_surveillance.txt": None}
        places = walk(root, _SURVEILLANCE) if split is None else read_places(lists, root, _SURVEILLANCE)
        models = distinct({i: f"{make}/{model}" for i, (make, model, _) in table.items()})

        def facts(folder: str) -> dict[str, str]:
            if folder not in table:
                return {"model": folder}
            make, model, model_id = table[folder]
            return {"make": make, "model": model, "model_id": model_id} | dict(self._names.facts.get(model_id, {}))

        folders = [place.partition("/")[0] for place in places]
        names = {i: table[i][0] if label == "make" and i in table else models.get(i, i) for i in sorted(set(folders), key=_numeric)}
        return _dataset(root, places, [names[i] for i in folders], classes={name: name for name in names.values()}, facts=facts)

    @property
    def _photos(self) -> Path:
        return self.root / "data" / "image"

    @property
    def _lists(self) -> Path:
        return self.root / "data" / "train_test_split"

    @cached_property
    def _names(self) -> CarNames:
        return read_names(self.root / "data" / "misc")

    @cached_property
    def _surveillance_names(self) -> dict[str, tuple[str, str, str]]:
        return read_surveillance_names(self.root / "sv_data" / "sv_make_model_name.mat")


def _check(name: str, value: str | None, known: Sequence[str | None]) -> None:
    if value not in known:
        raise OptionError(f"{name} must be {', '.join(map(repr, known[:-1]))} or {known[-1]!r}; got {value!r}.")


def part_number(part: str | int) -> int:
    """Give CompCars' number of a part, from 1 to 8, by its name or itself.

    Raises:
        OptionError: There is no such part; the nearest name is suggested.
    """
    if isinstance(part, str) and part in PART_NAMES:
        return PART_NAMES.index(part) + 1
    if isinstance(part, int) and 1 <= part <= len(PART_NAMES):
        return part
    raise OptionError(f"Unknown part: {part!r}.{suggestion(str(part), PART_NAMES)} Parts are {', '.join(PART_NAMES)}, or 1 to 8.")


def _numeric(name: str) -> list[tuple[int, str]]:
    """Order `12/3` behind `2/40`."""
    return [(int(piece) if piece.isdecimal() else 0, piece) for piece in name.split("/")]


def _classes(places: Sequence[str], n_ids: int, names: CarNames) -> tuple[list[str], dict[str, str]]:
    """Give the first ids of each place, and the class names of all that occur, ordered by id."""
    keys = ["/".join(place.split("/", n_ids)[:n_ids]) for place in places]
    return keys, {key: names.class_name(key) for key in sorted(set(keys), key=_numeric)}


def _dataset(
    root: Path,
    places: Sequence[str],
    keys: Sequence[str],
    *,
    classes: Mapping[str, str],
    facts: Callable[[str], dict[str, str]],
    labels: Sequence[Label] | None = None,
    crop_to_box: bool = False,
) -> ImageDataset:
    """Make samples of the photos at some places below a folder.

    A photo's key tells its class; `classes` names them by key, in the order of the class ids. `facts` gives the attributes of photos by
    their folder; it is asked once a folder and viewpoint, and the samples share the answer.
    """
    class_id = {key: i for i, key in enumerate(classes)}
    attributes: dict[tuple[str, str | None], dict[str, str]] = {}
    samples = []
    for place, key, (viewpoint, box) in zip(places, keys, labels or [(None, None)] * len(places), strict=True):
        folder = place.rpartition("/")[0]
        known = attributes.get((folder, viewpoint))
        if known is None:
            known = attributes[folder, viewpoint] = facts(folder) | ({"viewpoint": viewpoint} if viewpoint else {})
        crop = box if crop_to_box else None
        samples.append(Sample(Path(f"{root}/{place}"), class_id[key], classes[key], box=box, attributes=known, crop=crop))
    return ImageDataset(samples, list(classes.values()))
