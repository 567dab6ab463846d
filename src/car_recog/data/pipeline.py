"""Samples to batches: every photo decoded once, the same order and the same chances for a seed."""

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import keras
import numpy as np
from PIL import Image

from car_recog.data.augment import Changes
from car_recog.data.cache import PhotoCache
from car_recog.data.fingerprints import array_content
from car_recog.data.images import Box, Photo, check_image_size, check_resize, decode
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, ImageDecodeError, OptionError, listed

if TYPE_CHECKING:
    import tensorflow as tf

ON_ERROR = ("skip", "raise")


class SkippedPhotosWarning(UserWarning):
    """Broken photos were left out."""


@attrs.frozen
class LoadedPhotos:
    """The photos of a dataset that could be decoded, ready to be read in any order.

    Args:
        kept: Places in the dataset of the photos that are here, shape `(n,)`.
        labels: Their class ids, int32, shape `(n,)`.
        skipped: Message by file of the photos that are not.
        read: From places among the kept ones, shape `(k,)`, to uint8 `(k, height, width, 3)`.
        find_keys: Gives `keys`; hashing arrays takes time, so they are hashed when asked for.
    """

    kept: np.ndarray
    labels: np.ndarray
    skipped: dict[Path, str]
    read: Callable[[np.ndarray], np.ndarray]
    find_keys: Callable[[], list[bytes]]

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def keys(self) -> list[bytes]:
        """16 bytes for each kept photo, equal where content and crop of two photos are."""
        return self.find_keys()

    def chunks(self, size: int, places: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Give photos in order, all or those at some places, so many at a time."""
        places = np.arange(len(self)) if places is None else places
        for start in range(0, len(places), size):
            yield self.read(places[start : start + size])


def load_photos(
    dataset: ImageDataset,
    *,
    image_size: tuple[int, int],
    resize: str = "stretch",
    on_error: str = "skip",
    on_photo: Callable[[int], object] | None = None,
) -> LoadedPhotos:
    """Decode the photos of a dataset through the cache; arrays are fitted in memory.

    Args:
        dataset: The photos. Of a sample with a `crop` only that part is used.
        image_size: `(height, width)` in pixels.
        resize: See `images.decode`.
        on_error: `"skip"` leaves broken photos out with one warning, `"raise"` stops with their messages.
        on_photo: Called with the number of photos done after each piece of work.

    Raises:
        ImageDecodeError: Photos are broken and `on_error` is `"raise"`.
        DataError: No photo is left.
        OptionError: An unknown resize mode or on_error, or an image_size that is none.
    """
    if on_error not in ON_ERROR:
        raise OptionError(f"on_error must be 'skip' or 'raise'; got {on_error!r}.")
    check_resize(resize)
    check_image_size(image_size)
    if dataset.images is not None:
        return _load_arrays(dataset, dataset.images, image_size, resize)
    cache = PhotoCache(image_size, resize)
    paths = [sample.path for sample in dataset.samples if sample.path is not None]
    found = cache.place(paths, crops=[sample.crop for sample in dataset.samples], on_photo=on_photo)
    skipped = {path: str(place) for path, place in zip(paths, found, strict=True) if isinstance(place, ImageDecodeError)}
    kept = np.array([i for i, place in enumerate(found) if not isinstance(place, ImageDecodeError)], int)
    places = np.array([place for place in found if not isinstance(place, ImageDecodeError)], int).reshape(-1, 2)
    if skipped:
        _report_skipped(skipped, len(paths), on_error)
    if not len(kept):
        raise DataError("No photo could be decoded." if skipped else "The dataset holds no photos.")
    return LoadedPhotos(
        kept, dataset.labels[kept], skipped, read=lambda chosen: cache.read(places[chosen]), find_keys=lambda: cache.keys(places)
    )


def _load_arrays(dataset: ImageDataset, images: np.ndarray, image_size: tuple[int, int], resize: str) -> LoadedPhotos:
    if not len(images):
        raise DataError("The dataset holds no photos.")
    crops = [sample.crop for sample in dataset.samples]
    if images.shape[1:3] != tuple(image_size) or any(crops):

        def fit(image: np.ndarray, crop: Box | None) -> np.ndarray:
            return decode(image, image_size=image_size, resize=resize, crop=crop)

        with ThreadPoolExecutor() as pool:
            images = np.stack(list(pool.map(fit, images, crops)))
    return LoadedPhotos(
        np.arange(len(images)),
        dataset.labels,
        {},
        read=lambda chosen: images[chosen],
        find_keys=functools.cache(lambda: [array_content(image) for image in images]),
    )


def _report_skipped(skipped: dict[Path, str], n_photos: int, on_error: str) -> None:
    shown = listed(skipped.values(), limit=10)
    if on_error == "raise":
        raise ImageDecodeError(f"{len(skipped)} of {n_photos} photos are broken:{shown}")
    warnings.warn(f"{len(skipped)} of {n_photos} photos are broken and were left out:{shown}", SkippedPhotosWarning, stacklevel=4)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of photos in a seeded order. `epoch` says which; whoever runs the epochs sets it.

    Batch `i` of epoch `e` depends on seed, `e` and `i` alone, so it does not matter which thread asks for it, or when.

    Args:
        photos: The photos.
        targets: What belongs to each photo, shape `(n, ...)`: class ids, one-hot rows. None gives photos alone.
        weights: Weight of each photo in the loss, shape `(n,)`, or None.
        batch_size: Photos in a batch.
        shuffle_seed: Seed of order and chances. None keeps the order, with a smaller last batch; with a seed all batches are full.
        augmentation: What changes the photos in training: its draws then come along, as `(photos, draws)`.
    """

    def __init__(
        self,
        photos: LoadedPhotos,
        targets: np.ndarray | None = None,
        *,
        weights: np.ndarray | None = None,
        batch_size: int,
        shuffle_seed: int | None = None,
        augmentation: Changes | None = None,
    ) -> None:
        super().__init__()
        self.photos, self.targets, self.weights = photos, targets, weights
        self.batch_size = min(batch_size, len(photos)) if shuffle_seed is not None else batch_size
        self.shuffle_seed, self.augmentation = shuffle_seed, augmentation
        self.epoch = 0
        self._order: tuple[int, np.ndarray] = (-1, np.arange(len(photos)))

    def __len__(self) -> int:
        whole, rest = divmod(len(self.photos), self.batch_size)
        return whole + (rest > 0 and self.shuffle_seed is None)

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        chosen = self._chosen(number)
        photos = self.photos.read(chosen)
        labels = [values[chosen] for values in (self.targets, self.weights) if values is not None]
        if self.augmentation is None:
            return (photos, *labels)
        rng = np.random.default_rng((self.shuffle_seed or 0, self.epoch, number))
        draws = self.augmentation.draw(rng, len(chosen))
        return ((photos, draws), *(self.augmentation.mix_labels(values, draws) for values in labels))

    def _chosen(self, number: int) -> np.ndarray:
        if self.shuffle_seed is not None and self._order[0] != self.epoch:
            order = np.random.default_rng((self.shuffle_seed, self.epoch)).permutation(len(self.photos))
            self._order = (self.epoch, order)
        return self._order[1][number * self.batch_size : (number + 1) * self.batch_size]


def as_photos(photos: "Photo | Sequence[Photo]") -> list[Photo]:
    """Make a list of one photo or several; an array of four axes is several.

    Example:
        >>> len(as_photos("wheel.jpg")), len(as_photos(np.zeros((5, 8, 8, 3), np.uint8)))
        (1, 5)
    """
    if isinstance(photos, np.ndarray):
        return list(photos) if photos.ndim == 4 else [photos]
    return [photos] if isinstance(photos, str | Path | bytes | Image.Image) else list(photos)


def photo_chunks(photos: Sequence[Photo], size: int, *, image_size: tuple[int, int], resize: str) -> Iterator[np.ndarray]:
    """Decode photos by several threads, so many at a time.

    Raises:
        ImageDecodeError: A photo cannot be decoded.
    """
    for chunk in decode_ahead(photos, size, image_size=image_size, resize=resize):
        yield np.stack([photo.result() for photo in chunk])


def decode_ahead(
    photos: Sequence[Photo], size: int, *, image_size: tuple[int, int], resize: str, crops: Sequence[Box | None] | None = None
) -> Iterator[list[Future[np.ndarray]]]:
    """Start decoding photos, so many at a time; the next chunk is decoded while this one is used. Crops say what is used of each."""
    with ThreadPoolExecutor() as pool:

        def start(first: int) -> list[Future[np.ndarray]]:
            places = range(first, min(first + size, len(photos)))
            cut = [None if crops is None else crops[i] for i in places]
            return [
                pool.submit(decode, photos[i], image_size=image_size, resize=resize, crop=box) for i, box in zip(places, cut, strict=True)
            ]

        ahead = start(0)
        for first in range(0, len(photos), size):
            now, ahead = ahead, start(first + size)
            yield now


def to_tf(
    dataset: ImageDataset, *, image_size: tuple[int, int], batch_size: int, shuffle: bool, seed: int, resize: str, on_error: str
) -> "tf.data.Dataset":
    """Make a plain `tf.data.Dataset`; see `ImageDataset.to_tf`."""
    import tensorflow as tf

    photos = load_photos(dataset, image_size=image_size, resize=resize, on_error=on_error)
    passes = iter(range(2**31))

    def one_pass() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = np.arange(len(photos))
        if shuffle:
            order = np.random.default_rng((seed, next(passes))).permutation(len(photos))
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            yield photos.read(chosen), photos.labels[chosen]

    signature = (tf.TensorSpec((None, *image_size, 3), tf.uint8), tf.TensorSpec((None,), tf.int32))
    batches = tf.data.Dataset.from_generator(one_pass, output_signature=signature)
    return batches.apply(tf.data.experimental.assert_cardinality(-(-len(photos) // batch_size))).prefetch(tf.data.AUTOTUNE)
