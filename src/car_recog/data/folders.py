"""Photos in a folder: the class is the name of the folder, or stands in the file name."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs

from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError, listed

PHOTO_SUFFIXES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

_PART = "label_"


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
            if entry.is_dir():
                yield from _walk(Path(entry.path), above | {real})
            elif entry.is_file():
                yield Path(entry.path)


class FolderDataset(ImageDataset):
    """The photos below a folder.

    Without a pattern the class is the first folder below `root`: `root/<class>/.../photo.jpg`. With one it is what the pattern's
    group `label` matches in the file name, or in the path below `root` where the pattern holds a `/`. A further group named
    `group` says what must stay on one side of a split; all other named groups become `Sample.attributes`.

    A class that takes several facts to tell, such as one physical car, has several groups `label_<name>`: the class is what they
    match, joined by `/`, and each becomes the attribute `<name>` as well.

    Args:
        root: The folder.
        label_pattern: Regular expression with named groups, or None.

    Raises:
        DataError: No folder or no photos there, photos outside of any class folder, a pattern without the group `label`, or names
            that the pattern does not match, or matches with an empty label.

    Example:
        >>> FolderDataset("photos", r"(?P<label>[^/]+)/(?P<group>.+)_[0-9]+[.]jpg")    # doctest: +SKIP
        FolderDataset(2431 photos, 12 classes)
    """

    def __init__(self, root: str | Path, label_pattern: str | None = None) -> None:
        self.root = Path(root)
        photos = find_photos(self.root)
        if not photos:
            raise DataError(f"No photos below '{self.root}'. Photos are files named {', '.join(PHOTO_SUFFIXES)}.")
        super().__init__(*label_photos(self.root, photos, label_pattern))


def label_photos(root: Path, photos: Sequence[Path], label_pattern: str | None) -> tuple[list[Sample], list[str]]:
    """Give samples of photos, in their order, and the class names, sorted; see `FolderDataset`."""
    facts = [_from_folder(root, path) for path in photos] if label_pattern is None else _match(root, photos, label_pattern)
    class_names = sorted({fact["label"] for fact in facts})
    class_id = {name: i for i, name in enumerate(class_names)}
    samples = [
        Sample(path, class_id[fact["label"]], fact.pop("label"), group=fact.pop("group", None), attributes=fact)
        for path, fact in zip(photos, facts, strict=True)
    ]
    return samples, class_names


def _from_folder(root: Path, path: Path) -> dict[str, str]:
    folders = path.relative_to(root).parts[:-1]
    if not folders:
        raise DataError(f"'{path}' lies in no class folder. Expected {root.name}/<class>/photo.jpg, or give a label_pattern.")
    return {"label": folders[0]}


def _match(root: Path, photos: Sequence[Path], label_pattern: str) -> list[dict[str, str]]:
    """Read the named groups of every name; names that do not match are reported together."""
    pattern = _compile(label_pattern)
    parts = [name for name in pattern.groupindex if name == "label" or name.startswith(_PART)]
    if not parts:
        raise DataError(f"label_pattern needs a group named label, as in '(?P<label>[^_]+)_.*'; got {label_pattern!r}.")
    matches = _search(pattern, photos, root)
    if unmatched := [name for name, match in matches if match is None or not all(match[part] for part in parts)]:
        shown = listed(unmatched, limit=10)
        raise DataError(f"label_pattern {label_pattern!r} gives no label for {len(unmatched)} of {len(matches)} names:{shown}")
    return [
        {key.removeprefix(_PART): value for key, value in match.groupdict().items() if value is not None}
        | {"label": "/".join(match[part] for part in parts)}
        for _, match in matches
        if match
    ]


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise DataError(f"{pattern!r} is not a regular expression: {error}.") from error


def _search(pattern: re.Pattern[str], paths: Iterable[Path], root: Path) -> list[tuple[str, re.Match[str] | None]]:
    """Give every name and what matches in it; the name is the path below `root` where the pattern holds a `/`."""
    names = [path.relative_to(root).as_posix() if "/" in pattern.pattern else path.name for path in paths]
    return [(name, pattern.search(name)) for name in names]


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
    compiled = _compile(pattern)
    paths = [sample.path for sample in data.samples if sample.path is not None]
    if len(paths) < len(data):
        raise DataError("Only photos that are files have names; these are arrays.")
    matches = _search(compiled, paths, Path(root))
    if unmatched := [name for name, match in matches if match is None]:
        raise DataError(f"{pattern!r} matches nothing in {len(unmatched)} of {len(matches)} names:{listed(unmatched, limit=10)}")
    place = "group" if "group" in compiled.groupindex else 0
    groups = [match[place] for _, match in matches if match]
    return ImageDataset((attrs.evolve(sample, group=group) for sample, group in zip(data.samples, groups, strict=True)), data.class_names)
