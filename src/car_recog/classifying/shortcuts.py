"""Whether a classifier relies on what it should not need: the background, the number plate, the colour."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageFilter

from car_recog.data.images import Box, decode
from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import ImageDecodeError
from car_recog.evaluation.sheets import Tile, shrink
from car_recog.evaluation.shortcuts import SHEET_PHOTOS, ShortcutReport, shortcut_report
from car_recog.prediction import sources
from car_recog.progress import progress_bar

if TYPE_CHECKING:
    from car_recog.classifying.answering import Answering

Change: TypeAlias = Callable[[np.ndarray, Box | None], np.ndarray | None]
"""From an upright photo, uint8 `(height, width, 3)`, and the box of its car to the changed photo; None where it cannot be changed so."""

AS_IS = "as it is"
_CHUNK = 16
_GREY = 128


def blank_background(photo: np.ndarray, box: Box | None) -> np.ndarray | None:
    """Make all grey but the box; None where no box is known."""
    if box is None:
        return None
    left, top, right, bottom = (max(edge, 0) for edge in box)
    blank = np.full_like(photo, _GREY)
    blank[top:bottom, left:right] = photo[top:bottom, left:right]
    return blank


def blur_plate(photo: np.ndarray, box: Box | None) -> np.ndarray:
    """Blur where number plates are: the lower middle of the box, or of the whole photo where no box is known.

    That is the middle half of its width, from 60 % to 85 % of its height; bumper and badge go with it.
    """
    left, top, right, bottom = box or (0, 0, photo.shape[1], photo.shape[0])
    across, down = (right - left) // 4, bottom - top
    return blur(photo, (left + across, top + 12 * down // 20, right - across, top + 17 * down // 20))


def blur(photo: np.ndarray, region: Box) -> np.ndarray:
    """Blur a region until no letter in it can be read."""
    left, top, right, bottom = np.clip(region, 0, (photo.shape[1], photo.shape[0]) * 2).tolist()
    blurred = photo.copy()
    if left < right and top < bottom:
        radius = max(bottom - top, right - left) / 10
        smooth = Image.fromarray(photo[top:bottom, left:right]).filter(ImageFilter.GaussianBlur(radius))
        blurred[top:bottom, left:right] = smooth
    return blurred


def turn_hue(photo: np.ndarray, box: Box | None) -> np.ndarray:
    """Give every colour its opposite hue; what is grey stays grey."""
    values = np.array(Image.fromarray(photo).convert("HSV"))
    values[..., 0] += 128  # uint8 goes round, as hues do
    return np.array(Image.fromarray(values, "HSV").convert("RGB"))


def remove_colour(photo: np.ndarray, box: Box | None) -> np.ndarray:
    """Make a photo grey."""
    return np.array(Image.fromarray(photo).convert("L").convert("RGB"))


SHORTCUTS: dict[str, Change] = {
    "background blanked": blank_background,
    "plate blurred": blur_plate,
    "hue turned": turn_hue,
    "colour removed": remove_colour,
}
"""The changes of `shortcut_test`."""


def shortcut_test(
    classifier: "Answering", data: ImageDataset, *, changes: Mapping[str, Change] | None = None, verbose: bool = True
) -> ShortcutReport:
    """Measure how much accuracy is lost when the background is blanked, the plate blurred, the colour changed.

    Photos are changed at their full size, then cut and fitted as always. Each change is judged on the photos that it changes: the
    background on samples with a box that are not cut to it.

    Args:
        classifier: A fitted classifier.
        data: Photos that training never saw, with their classes. Broken ones are left out.
        changes: What to do to the photos, by name. None: `SHORTCUTS`.
        verbose: Whether a terminal shows how far it is.

    Returns:
        Accuracy as is and after each change, with the interval of the difference, and a sheet of changed photos.

    Raises:
        DataError: A class that the classifier does not know, or no photo is left.
    """
    changes = SHORTCUTS if changes is None else changes
    known = data.with_class_names(classifier.class_names)
    is_right = np.full((len(known), 1 + len(changes)), np.nan)
    skipped: dict[str, str] = {}
    shown = np.linspace(0, len(known) - 1, SHEET_PHOTOS).astype(int).tolist()
    columns: list[list[Tile]] = []
    with progress_bar("judging", len(known), is_shown=verbose) as advance:
        for place, answers in _answers(classifier, known, tuple(changes.values())):
            advance(1)
            if isinstance(answers, str):
                skipped[sources(known[place : place + 1])[0]] = answers
                continue
            is_right[place] = [np.nan if row is None else row.argmax() == known[place].class_id for _, row in answers]
            if place in shown:
                named = zip((AS_IS, *changes), answers, strict=True)
                columns.append([_tile(name, *answer, known[place], known.class_names) for name, answer in named])
    columns += [[Tile(None, ())] * (1 + len(changes))] * (SHEET_PHOTOS - len(columns))
    kept = np.flatnonzero(~np.isnan(is_right[:, 0]))
    return shortcut_report(
        is_right[kept, 0],
        {name: is_right[kept, column] for column, name in enumerate(changes, start=1)},
        groups=[known[int(i)].group for i in kept],
        skipped=skipped,
        sheet=[tile for row in zip(*columns, strict=True) for tile in row],
    )


_Answer: TypeAlias = tuple[np.ndarray | None, np.ndarray | None]


def _answers(classifier: "Answering", known: ImageDataset, changes: Sequence[Change]) -> Iterator[tuple[int, list[_Answer] | str]]:
    """Give each photo as it is and changed, with the probabilities, None where nothing changes; or why it cannot be decoded."""
    size, resize = classifier.config.image_size, classifier.config.resize

    def see(place: int) -> list[np.ndarray | None] | str:
        sample = known[place]
        try:
            photo = decode(str(sample.path) if known.images is None else known.images[place])
        except ImageDecodeError as error:
            return str(error)
        photo.setflags(write=False)  # one change must not show in the next
        as_is, *changed = [
            None if one is None else decode(one, image_size=size, resize=resize, crop=sample.crop)
            for one in (photo, *(change(photo, sample.box) for change in changes))
        ]
        return [as_is, *(one if one is not None and (one != as_is).any() else None for one in changed)]

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(known), _CHUNK):
            places = range(start, min(start + _CHUNK, len(known)))
            chunk = list(pool.map(see, places))
            photos = [photo for seen in chunk if not isinstance(seen, str) for photo in seen if photo is not None]
            rows = iter(classifier.predict_proba(np.stack(photos)) if photos else ())
            for place, seen in zip(places, chunk, strict=True):
                yield place, seen if isinstance(seen, str) else [(photo, None if photo is None else next(rows)) for photo in seen]


def _tile(name: str, photo: np.ndarray | None, row: np.ndarray | None, sample: Sample, class_names: Sequence[str]) -> Tile:
    if photo is None or row is None:
        return Tile(None, (name, "no change"))
    best = int(row.argmax())
    verdict = "right" if best == sample.class_id else "WRONG"
    return Tile(shrink(photo), (name, f"{verdict}: {class_names[best]} {row[best]:.2f}"))
