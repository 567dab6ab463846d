"""Photos in a folder: the class is the name of the folder, or stands in the file name."""

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from car_recog.data.patterns import compile_pattern, read_names, search
from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError, OptionError, listed
from car_recog.storage import is_a

PHOTO_SUFFIXES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def find_photos(root: str | Path) -> list[Path]:
    """List the photos below a folder, sorted, by the ending of their names. Links are followed, hidden files left out.

    Raises:
        DataError: There is no such folder.
    """
    top = Path(root)
    if not top.is_dir():
        raise DataError(f"No such folder: '{top}'.")
    return sorted(path for path in _walk(top, set()) if path.suffix.lower() in PHOTO_SUFFIXES)


def _walk(folder: Path, above: set[Path]) -> Iterator[Path]:
    """Yield files below a folder; a link back to a folder above is not entered again."""
    real = folder.resolve()
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if is_a("folder", entry):
                yield from _walk(Path(entry.path), above | {real})
            elif is_a("file", entry):
                yield Path(entry.path)


class UnmatchedNamesWarning(UserWarning):
    """Photos were left out because the label pattern tells nothing about their names."""


class FolderDataset(ImageDataset):
    """The photos below a folder.

    Without a pattern the class is the first folder below `root`: `root/<class>/.../photo.jpg`. With one it is what the pattern's
    group `label` matches in the file name, or in the path below `root` where the pattern holds a `/`. A further group named
    `group` says what must stay on one side of a split; all other named groups become `Sample.attributes`.

    A class that takes several facts to tell, such as one physical car, has several groups `label_<name>`: the class is what they
    match, joined by `/`, and each becomes the attribute `<name>` as well.

    Common schemes go by name: `"make_model_year"` reads `Audi_A4_2012_red_1.jpg`, `"make$$model$$year"` reads `Audi$$A4$$2012$$1.jpg`,
    `"make/model/year"` reads folders. They tell the attributes make, model and year; the class is make and model.

    Args:
        root: The folder.
        label_pattern: Name of a common scheme, regular expression with named groups, or None.
        label: Which groups make up the class instead. `"make"`, `"model"` and `"year"` take those above them along: the class of
            `"year"` is `Audi/A4/2012`. Another name, or a list of names, is taken as it stands.
        unmatched: What is done about names that tell no class: `"raise"`, or `"skip"`, which leaves these photos out with a warning
            that lists them.

    Raises:
        DataError: No folder or no photos there, photos outside of any class folder, a pattern without the group `label`, or names
            that the pattern does not match, or matches with an empty label.
        OptionError: A label that the pattern has no group for, or another word for `unmatched`.

    Example:
        >>> FolderDataset("photos", r"(?P<label>[^/]+)/(?P<group>.+)_[0-9]+[.]jpg")    # doctest: +SKIP
        FolderDataset(2431 photos, 12 classes)
        >>> FolderDataset("photos", "make_model_year", label="make").class_names    # doctest: +SKIP
        ('Audi', 'BMW')
    """

    def __init__(
        self,
        root: str | Path,
        label_pattern: str | None = None,
        *,
        label: str | Sequence[str] | None = None,
        unmatched: str = "raise",
    ) -> None:
        self.root = Path(root)
        photos = find_photos(self.root)
        if not photos:
            raise DataError(f"No photos below '{self.root}'. Photos are files named {', '.join(PHOTO_SUFFIXES)}.")
        super().__init__(*label_photos(self.root, photos, label_pattern, label=label, unmatched=unmatched))


def label_photos(
    root: Path,
    photos: Sequence[Path],
    label_pattern: str | None,
    *,
    label: str | Sequence[str] | None = None,
    unmatched: str = "raise",
) -> tuple[list[Sample], list[str]]:
    """Give samples of photos, in their order, and the class names, sorted; see `FolderDataset`."""
    if unmatched not in ("raise", "skip"):
        raise OptionError(f"unmatched must be 'raise' or 'skip'; got {unmatched!r}.")
    if label_pattern is not None:
        facts = read_names(photos, label_pattern, root=root, label=label)
        if strangers := [name for name, told in facts if told is None]:
            _report_unmatched(label_pattern, strangers, n_names=len(photos), is_skipping=unmatched == "skip")
        told = [(path, known) for path, (_, known) in zip(photos, facts, strict=True) if known is not None]
    elif label is not None:
        raise OptionError(f"label={label!r} needs a label_pattern; without one the class is the folder.")
    else:
        told = [(path, _from_folder(root, path)) for path in photos]
    class_names = sorted({known["label"] for _, known in told})
    class_id = {name: i for i, name in enumerate(class_names)}
    samples = [
        Sample(path, class_id[known["label"]], known.pop("label"), group=known.pop("group", None), attributes=known)
        for path, known in told
    ]
    return samples, class_names


def _from_folder(root: Path, path: Path) -> dict[str, str]:
    folders = path.relative_to(root).parts[:-1]
    if not folders:
        raise DataError(f"'{path}' lies in no class folder. Expected {root.name}/<class>/photo.jpg, or give a label_pattern.")
    return {"label": folders[0]}


def _report_unmatched(label_pattern: str, strangers: list[str], *, n_names: int, is_skipping: bool) -> None:
    message = f"label_pattern {label_pattern!r} gives no label for {len(strangers)} of {n_names} names:{listed(strangers, limit=10)}"
    if not is_skipping or len(strangers) == n_names:
        raise DataError(message)
    warnings.warn(f"{message}\nThese photos were left out.", UnmatchedNamesWarning, stacklevel=4)


def group_by_name(data: ImageDataset, pattern: str, *, root: str | Path) -> ImageDataset:
    """Give every photo the group that a pattern finds in its name: photos of one group stay on one side of a split.

    Args:
        data: The photos.
        pattern: Regular expression, searched in the file name, or in the path below `root` where it holds a `/`. The group is what
            its group `group` matches, or else the whole pattern.
        root: The folder of the photos.

    Raises:
        DataError: No regular expression, names that it does not match, or photos that are arrays.
    """
    compiled = compile_pattern(pattern)
    paths = [sample.path for sample in data.samples if sample.path is not None]
    if len(paths) < len(data):
        raise DataError("Only photos that are files have names; these are arrays.")
    matches = search(compiled, paths, Path(root))
    if unmatched := [name for name, match in matches if match is None]:
        raise DataError(f"{pattern!r} matches nothing in {len(unmatched)} of {len(matches)} names:{listed(unmatched, limit=10)}")
    place = "group" if "group" in compiled.groupindex else 0
    groups = [match[place] for _, match in matches if match]
    return ImageDataset((attrs.evolve(sample, group=group) for sample, group in zip(data.samples, groups, strict=True)), data.class_names)
