"""What a gallery keeps of each photo, and photos of whatever kind made ready for it."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from car_recog.data.images import Photo, read_file
from car_recog.data.pipeline import LoadedPhotos, as_photos
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError
from car_recog.evaluation.sheets import shrink, to_jpeg
from car_recog.prediction import sources
from car_recog.runs import fitted_chunks, load_fitted
from car_recog.storage import content_hash
from car_recog.verifying.embedder import EmbedderConfig

KEY_BYTES = 16
MAX_NAME = 500


@attrs.frozen
class Enrolled:
    """What a gallery keeps of a photo besides its embedding.

    Args:
        name: Which car it shows.
        source: The file, or the place of the photo among those it came with.
        key: 16 bytes, equal where the contents of two photos are.
        thumbnail: The photo in small, the bytes of a JPEG file; None where none is kept.
    """

    name: str
    source: str
    key: bytes
    thumbnail: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Candidates:
    """Photos that could be decoded and may be enrolled.

    Args:
        photos: The photos as a dataset.
        loaded: The same, decoded.
        enrolled: What would be kept of each, thumbnails apart.
    """

    photos: ImageDataset
    loaded: LoadedPhotos
    enrolled: list[Enrolled]

    def thumbnail(self, place: int) -> bytes:
        """Give a photo in small, the bytes of a JPEG file."""
        return to_jpeg(shrink(self.loaded.read(np.array([place]))[0]))


def load_candidates(
    photos: "Photo | Sequence[Photo] | ImageDataset",
    names: str | Sequence[str] | None,
    config: EmbedderConfig,
    *,
    on_error: str,
) -> Candidates:
    """Decode photos, fitted as a network takes them; for arguments and errors see `Gallery.add`."""
    if isinstance(photos, ImageDataset):
        if names is not None:
            raise OptionError("A dataset brings names of its own, its classes. Leave names out.")
        _check_names(photos.class_names, len(photos.class_names))
        data, own = photos, {}
    else:
        items = as_photos(photos)
        data, own = _as_dataset(items, _check_names(names, len(items)), config), _file_keys(items)
    told = sources(photos)
    loaded = load_fitted(config, data, on_error=on_error, verbose=False)
    keys = zip(loaded.kept.tolist(), loaded.keys, strict=True)
    enrolled = [Enrolled(data.samples[i].class_name, told[i], own.get(i, key)) for i, key in keys]
    return Candidates(data.subset(loaded.kept), loaded, enrolled)


def _as_dataset(items: Sequence[Photo], names: Sequence[str], config: EmbedderConfig) -> ImageDataset:
    """Make a dataset: of files where all are, so that they pass through the cache, or of fitted arrays."""
    files = [item for item in items if isinstance(item, str | Path)]
    if len(files) == len(items):
        return ImageDataset.from_files(files, names)
    return ImageDataset.from_arrays(np.concatenate(list(fitted_chunks(config, items))), names)


def _file_keys(items: Sequence[Photo]) -> dict[int, bytes]:
    """Key bytes, and files among them, as the file would be keyed, so that one photo is known in both guises."""
    if all(isinstance(item, str | Path) for item in items):
        return {}
    raw = {i: read_file(Path(item)) if isinstance(item, str | Path) else item for i, item in enumerate(items)}
    return {i: content_hash(content) for i, content in raw.items() if isinstance(content, bytes)}


def _check_names(names: str | Sequence[str] | None, n_photos: int) -> list[str]:
    found = [names] * n_photos if isinstance(names, str) else list(names or ())
    if len(found) != n_photos:
        raise DataError(f"Expected one name for all photos, or one for each; got {n_photos} photos and {len(found)} names.")
    if wrong := [name for name in found if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME]:
        raise DataError(f"A name is a text of 1 to {MAX_NAME} characters; got {wrong[0]!r}.")
    return found
