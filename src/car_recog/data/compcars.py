"""The CompCars dataset as it lies on disk.

Source: Yang et al., CVPR 2015, arXiv:1506.08959.
"""

from pathlib import Path

from car_recog.data.folders import PHOTO_SUFFIXES
from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError, OptionError, suggestion

PART_NAMES = ("headlight", "taillight", "fog_light", "air_intake", "console", "steering_wheel", "dashboard", "gear_lever")
"""The eight parts; the part id on disk is the place plus one."""


class CompCarsDataset:
    """A CompCars tree. Nothing is read before a view is asked for.

    Args:
        root: The folder that holds `data/` or `sv_data/`, whichever exist.

    Raises:
        DataError: Neither folder is there.

    Example:
        >>> CompCarsDataset("CompCars").parts("train", part="headlight")    # doctest: +SKIP
        ImageDataset(1542 photos, 1 classes)
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
                `"model"`: the class is the car model, named `make_id/model_id`.

        Returns:
            Samples with the attributes make, model, year and part. `group` is None: a photo stands alone.

        Raises:
            DataError: No part photos; lists that name missing photos, or photos of another part than theirs: all are listed in one
                error with list file and line.
            OptionError: An unknown split, part or label.
        """
        if split not in (None, "train", "test"):
            raise OptionError(f"split must be 'train', 'test' or None; got {split!r}.")
        if label not in ("part", "model"):
            raise OptionError(f"label must be 'part' or 'model'; got {label!r}.")
        part_ids = range(1, len(PART_NAMES) + 1) if part is None else [_part_id(part)]
        photos = self._part_photos(part_ids) if split is None else self._listed_parts(split, part_ids)
        facts = [dict(zip(("make", "model", "year", "part"), path.parts[-5:-1], strict=True)) for path in photos]
        for fact in facts:
            fact["part"] = PART_NAMES[int(fact["part"]) - 1]
        names = [fact["part"] if label == "part" else f"{fact['make']}/{fact['model']}" for fact in facts]
        class_names = [PART_NAMES[i - 1] for i in part_ids] if label == "part" else sorted(set(names), key=_numeric)
        class_id = {name: i for i, name in enumerate(class_names)}
        rows = zip(photos, names, facts, strict=True)
        return ImageDataset((Sample(path, class_id[name], name, attributes=fact) for path, name, fact in rows), class_names)

    @property
    def _part_root(self) -> Path:
        return self.root / "data" / "part"

    def _part_photos(self, part_ids: range | list[int]) -> list[Path]:
        """All part photos on disk; folders that are no part id are none of CompCars and left alone."""
        wanted = {str(i) for i in part_ids}
        photos = sorted(
            path
            for path in self._part_root.glob("*/*/*/*/*")
            if path.parent.name in wanted and path.suffix.lower() in PHOTO_SUFFIXES
        )
        if not photos:
            raise DataError(f"No part photos below '{self._part_root}'. Expected <make>/<model>/<year>/<part id 1 to 8>/<name>.jpg.")
        return photos

    def _listed_parts(self, split: str, part_ids: range | list[int]) -> list[Path]:
        folder = self.root / "data" / "train_test_split" / "part"
        photos: list[Path] = []
        faults: list[str] = []
        for part_id in part_ids:
            list_file = folder / f"{split}_part_{part_id}.txt"
            for place, line in _read_list(list_file):
                if fault := self._fault(line, part_id):
                    faults.append(f"{list_file.name}, line {place}: {fault}")
                photos.append(self._part_root / line)
        _raise_faults(faults, self._part_root, "Restore them or correct the lists; split=None (`--split random`) takes what is on disk.")
        return photos

    def _fault(self, line: str, part_id: int) -> str | None:
        """Say what is wrong with one line of a part list."""
        pieces = line.split("/")
        if len(pieces) != 5 or ".." in pieces or "" in pieces:
            return f"expected make/model/year/part/name.jpg, got '{line}'"
        if pieces[3] != str(part_id):
            return f"'{line}' is of part {pieces[3]}, the list of part {part_id}"
        return None if (self._part_root / line).is_file() else f"missing photo '{line}'"


def _part_id(part: str | int) -> int:
    if isinstance(part, str) and part in PART_NAMES:
        return PART_NAMES.index(part) + 1
    if isinstance(part, int) and 1 <= part <= len(PART_NAMES):
        return part
    raise OptionError(f"Unknown part: {part!r}.{suggestion(str(part), PART_NAMES)} Parts are {', '.join(PART_NAMES)}, or 1 to 8.")


def _numeric(name: str) -> list[tuple[int, str]]:
    """Order `12/3` behind `2/40`."""
    return [(int(piece) if piece.isdigit() else 0, piece) for piece in name.split("/")]


def _read_list(path: Path) -> list[tuple[int, str]]:
    """Read the non-empty lines of a list file with their line numbers."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read the list '{path}': {error}. It is part of the official CompCars download.") from error
    return [(i, line.strip()) for i, line in enumerate(text.splitlines(), 1) if line.strip()]


def _raise_faults(faults: list[str], folder: Path, advice: str) -> None:
    """Report every fault of a view in one error."""
    if faults:
        raise DataError(f"{len(faults)} faults in the lists for '{folder}':\n  " + "\n  ".join(faults) + f"\n{advice}")
