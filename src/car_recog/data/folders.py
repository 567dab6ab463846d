"""Photos in a folder: the class is the name of the folder, or stands in the file name."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError

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
            if entry.is_dir():
                yield from _walk(Path(entry.path), above | {real})
            elif entry.is_file():
                yield Path(entry.path)


class FolderDataset(ImageDataset):
    """The photos below a folder.

    Without a pattern the class is the first folder below `root`: `root/<class>/.../photo.jpg`. With one it is what the pattern's
    group `label` matches in the file name, or in the path below `root` where the pattern holds a `/`. A further group named
    `group` says what must stay on one side of a split; all other named groups become `Sample.attributes`.

    Args:
        root: The folder.
        label_pattern: Regular expression with named groups, or None.

    Raises:
        DataError: No folder or no photos there, photos outside of any class folder, a pattern without the group `label`, or names
            that the pattern does not match.

    Example:
        >>> FolderDataset("photos", r"(?P<label>[^/]+)/(?P<group>.+)_[0-9]+[.]jpg")    # doctest: +SKIP
        FolderDataset(2431 photos, 12 classes)
    """

    def __init__(self, root: str | Path, label_pattern: str | None = None) -> None:
        self.root = Path(root)
        photos = find_photos(self.root)
        if not photos:
            raise DataError(f"No photos below '{self.root}'. Photos are files named {', '.join(PHOTO_SUFFIXES)}.")
        facts = [_from_folder(self.root, path) for path in photos] if label_pattern is None else _match(self.root, photos, label_pattern)
        class_names = sorted({fact["label"] for fact in facts})
        class_id = {name: i for i, name in enumerate(class_names)}
        super().__init__(
            (
                Sample(path, class_id[fact["label"]], fact.pop("label"), group=fact.pop("group", None), attributes=fact)
                for path, fact in zip(photos, facts, strict=True)
            ),
            class_names,
        )


def _from_folder(root: Path, path: Path) -> dict[str, str]:
    folders = path.relative_to(root).parts[:-1]
    if not folders:
        raise DataError(f"'{path}' lies in no class folder. Expected {root.name}/<class>/photo.jpg, or give a label_pattern.")
    return {"label": folders[0]}


def _match(root: Path, photos: list[Path], label_pattern: str) -> list[dict[str, str]]:
    """Read the named groups of every name; names that do not match are reported together."""
    try:
        pattern = re.compile(label_pattern)
    except re.error as error:
        raise DataError(f"label_pattern is not a regular expression: {error}.") from error
    if "label" not in pattern.groupindex:
        raise DataError(f"label_pattern needs a group named label, as in '(?P<label>[^_]+)_.*'; got {label_pattern!r}.")
    names = [path.relative_to(root).as_posix() if "/" in label_pattern else path.name for path in photos]
    matches = [pattern.search(name) for name in names]
    unmatched = [name for name, match in zip(names, matches, strict=True) if match is None or not match["label"]]
    if unmatched:
        shown = "".join(f"\n  {name}" for name in unmatched[:10])
        raise DataError(f"label_pattern {label_pattern!r} gives no label for {len(unmatched)} of {len(names)} names:{shown}")
    return [{key: value for key, value in match.groupdict().items() if value is not None} for match in matches if match]
