"""What a dataset is made of: labelled photos, in a list that never changes."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import attrs
import numpy as np

from car_recog.data.labels import number_labels
from car_recog.data.lists import read_list
from car_recog.data.splits import split_classes, split_indices
from car_recog.errors import DataError, OptionError

if TYPE_CHECKING:
    import tensorflow as tf

    from car_recog.data.checks import DataReport
    from car_recog.data.crop import Cropper


@attrs.frozen
class Sample:
    """One labelled photo.

    Args:
        path: The file; None where the photo is an array.
        class_id: Place of the class in `class_names`.
        class_name: The class.
        group: What must stay on one side of a split, such as the photo that several crops come from. None: the photo stands alone.
        box: Where the car is: `(left, top, right, bottom)` in pixels of the upright photo, right and bottom outside. None: not known.
        attributes: Other facts by name: make, model, year, viewpoint.
        crop: The part of the photo that is used: as box. None: all of it.
    """

    path: Path | None
    class_id: int
    class_name: str
    group: str | None = None
    box: tuple[int, int, int, int] | None = None
    attributes: Mapping[str, str] = attrs.field(factory=dict)
    crop: tuple[int, int, int, int] | None = None


class ImageDataset:
    """An immutable list of samples with its class names.

    Args:
        samples: The samples.
        class_names: All classes, in the order of their ids; some may have no sample.
        images: The photos themselves where they are arrays: uint8 RGB, shape `(n, height, width, 3)`.

    Raises:
        DataError: Class names that repeat, samples without a file or an array, or arrays of a wrong shape or type.
    """

    def __init__(self, samples: Iterable[Sample], class_names: Sequence[str], *, images: np.ndarray | None = None) -> None:
        self.samples = tuple(samples)
        self.class_names = tuple(class_names)
        self.images = images
        if len(set(self.class_names)) != len(self.class_names):
            raise DataError(f"Class names must differ from each other; got {list(self.class_names)}.")
        if images is not None:
            _check_images(images, len(self.samples))
        elif missing := sum(sample.path is None for sample in self.samples):
            raise DataError(f"Expected a path for every photo, or the photos as images; {missing} of {len(self.samples)} have neither.")

    @classmethod
    def from_files(
        cls, paths: Iterable[str | Path], labels: Iterable[str | int], *, class_names: Sequence[str] | None = None
    ) -> "ImageDataset":
        """Make a dataset of files and their labels.

        Args:
            paths: The files.
            labels: One per file: class names, or integers.
            class_names: The classes in order. None: the names that occur, sorted; for integers the texts of `0` to the largest.

        Raises:
            DataError: The lengths differ, or a label is not among the class names.

        Example:
            >>> data = ImageDataset.from_files(["a.jpg", "b.jpg"], ["wheel", "door"])
            >>> data.class_names, data[0].class_id
            (('door', 'wheel'), 1)
        """
        files = [Path(path) for path in paths]
        ids, names = number_labels(list(labels), class_names)
        if len(ids) != len(files):
            raise DataError(f"Expected one label per file; got {len(files)} files and {len(ids)} labels.")
        return ImageDataset((Sample(path, i, names[i]) for path, i in zip(files, ids, strict=True)), names)

    @classmethod
    def from_arrays(
        cls, images: np.ndarray, labels: Iterable[str | int], *, class_names: Sequence[str] | None = None
    ) -> "ImageDataset":
        """Make a dataset of photos held in memory.

        Args:
            images: uint8 RGB, shape `(n, height, width, 3)`. Float arrays raise: their range cannot be known.
            labels: One per photo: class names, or integers.
            class_names: As in `from_files`.

        Raises:
            DataError: Wrong shape or type, or labels that do not fit.

        Example:
            >>> data = ImageDataset.from_arrays(np.zeros((2, 8, 8, 3), np.uint8), [0, 1])
            >>> data.class_counts()
            {'0': 1, '1': 1}
        """
        ids, names = number_labels(list(labels), class_names)
        return ImageDataset((Sample(None, i, names[i]) for i in ids), names, images=np.asarray(images))

    @classmethod
    def from_list(
        cls, path: str | Path, *, root: str | Path | None = None, class_names: Sequence[str] | None = None
    ) -> "ImageDataset":
        """Make a dataset of a list that `car-recog data split` wrote: a CSV file with the columns path, class_name and group.

        Args:
            path: The list.
            root: The folder that the paths in it start from. None: the folder of the list.
            class_names: As in `from_files`. Give those of the training side to the others, which may lack a class.

        Raises:
            DataError: No such list, lines with faults, photos that are not there, all with their lines, or an unknown class.

        Example:
            >>> ImageDataset.from_list("lists/train.csv", root="photos")    # doctest: +SKIP
            ImageDataset(657 photos, 20 classes)
        """
        files, labels, groups = zip(*read_list(Path(path), Path(path).parent if root is None else Path(root)), strict=True)
        ids, names = number_labels(list(labels), class_names)
        return ImageDataset((Sample(file, i, names[i], group) for file, i, group in zip(files, ids, groups, strict=True)), names)

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> "ImageDataset": ...
    def __getitem__(self, place: int | slice) -> "Sample | ImageDataset":
        if isinstance(place, slice):
            return self.subset(range(len(self))[place])
        return self.samples[place]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} photos, {len(self.class_names)} classes)"

    @property
    def labels(self) -> np.ndarray:
        """Class ids, int32, shape `(n,)`."""
        return np.fromiter((sample.class_id for sample in self.samples), np.int32, len(self.samples))

    def class_counts(self) -> dict[str, int]:
        """Count the photos of each class, classes without any included."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def subset(self, places: Iterable[int]) -> "ImageDataset":
        """Take the samples at these places, in this order, with the same class names."""
        chosen = list(places)
        images = None if self.images is None else self.images[chosen]
        return ImageDataset((self.samples[i] for i in chosen), self.class_names, images=images)

    def with_class_names(self, class_names: Sequence[str]) -> "ImageDataset":
        """Number the same samples by other class names, matched by name.

        Raises:
            DataError: A class that has photos is not among the names.
        """
        place = {name: i for i, name in enumerate(class_names)}
        if strangers := [name for name, count in self.class_counts().items() if count and name not in place]:
            raise DataError(f"Unknown classes: {strangers}. Known are: {list(class_names)}.")
        samples = (attrs.evolve(sample, class_id=place[sample.class_name]) for sample in self.samples)
        return ImageDataset(samples, class_names, images=self.images)

    def with_boxes(self, source: "str | Path | Cropper", *, margin: float = 0.0) -> "ImageDataset":
        """Say where the car is in each photo, and use that part only. Photos without a box stay whole; a warning counts them.

        Args:
            source: A cropper, such as `"plain_background"` or a function from a photo to a box; or a file of boxes: CSV with the columns
                path, left, top, right, bottom, or COCO JSON. Files are matched by the end of their path; the largest box counts.
            margin: What is kept around a box, in [0, 1] of its width and height on each side, up to the edges of the photo.

        Raises:
            DataError: A file of boxes with faults, all told at once, or one that holds none of these photos.
            PluginError: The cropper fails, or gives what is no box.
            UnknownNameError: No cropper is named so.
        """
        from car_recog.data.boxes import crop_to_boxes

        return crop_to_boxes(self, source, margin=margin)

    def split(
        self,
        *fractions: float,
        seed: int = 0,
        group: Callable[[Sample], Hashable] | None = None,
        near_duplicates: str = "ignore",
        disjoint: str | None = None,
    ) -> "list[ImageDataset]":
        """Split into disjoint datasets, each with every class in its share, or with classes of its own.

        Args:
            *fractions: One per side, in (0, 1], 1 in sum at most; a remainder is left out. None given means 0.7, 0.15, 0.15.
            seed: The same seed gives the same split of the same samples.
            group: Gives the key of what must stay on one side. None: the samples' own `group`.
            near_duplicates: `"together"` keeps exact and near-duplicates on one side, with the whole groups they belong to;
                `"ignore"` looks at no photo.
            disjoint: `"class"` deals out whole classes, such as the cars a verifier learns: fractions are of classes. None cuts each.

        Returns:
            One dataset per fraction.

        Raises:
            DataError: Fractions that make no sense, or too few photos or groups of a class; class and counts are named.
            OptionError: Another word for `near_duplicates` or `disjoint`.

        Example:
            >>> data = ImageDataset.from_files([f"{i}.jpg" for i in range(20)], ["door", "wheel"] * 10)
            >>> [len(side) for side in data.split(0.8, 0.2, seed=1)]
            [16, 4]
        """
        known = {"near_duplicates": ("ignore", "together"), "disjoint": (None, "class")}
        for (name, values), value in zip(known.items(), (near_duplicates, disjoint), strict=True):
            if value not in values:
                raise OptionError(f"{name} must be {values[0]!r} or {values[1]!r}; got {value!r}.")
        keys: Sequence[Hashable] = [group(sample) if group else sample.group for sample in self.samples]
        if near_duplicates == "together":
            from car_recog.data.checks import near_groups

            keys = near_groups(self, keys)
        fractions = fractions or (0.7, 0.15, 0.15)
        if disjoint == "class":
            sides = map(self.subset, split_classes(self.labels, fractions, groups=keys, seed=seed))
            return [side.with_class_names([name for name, count in side.class_counts().items() if count]) for side in sides]
        places = split_indices(self.labels, fractions, class_names=self.class_names, groups=keys, seed=seed)
        return [self.subset(side) for side in places]

    def check(self, against: "ImageDataset | Sequence[ImageDataset]" = ()) -> "DataReport":
        """Look for broken, doubled, leaking, tiny and odd photos. Nothing is changed; photos count whole, crops or not.

        Args:
            against: One dataset or several that must not hold any of these photos, such as the test side.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> photos = rng.integers(0, 256, (3, 40, 40, 3), np.uint8)
            >>> photos[2] = photos[0]
            >>> print(ImageDataset.from_arrays(photos, ["door", "wheel", "wheel"]).check())
            3 photos: 1 error, 0 warnings, 0 notes
            <BLANKLINE>
            error: same file in several classes: 1 (2 photos)
              photo 0
                = photo 2  (door, wheel)
        """
        from car_recog.data.checks import check_data

        return check_data(self, against=[against] if isinstance(against, ImageDataset) else against)

    def to_tf(
        self,
        *,
        image_size: tuple[int, int] = (224, 224),
        batch_size: int = 16,
        shuffle: bool = True,
        seed: int = 0,
        resize: str = "stretch",
        on_error: str = "skip",
    ) -> "tf.data.Dataset":
        """Give a plain `tf.data.Dataset` of batches, for code that does not use this library's recognisers.

        Photos are decoded once into the cache; every pass reads from it, in a new order where `shuffle` is set.

        Args:
            image_size: `(height, width)` in pixels.
            batch_size: Photos in a batch; the last one may hold fewer.
            shuffle: A new order every pass, the same for a seed.
            seed: Seed of the order.
            resize: `"stretch"`, `"letterbox"` or `"center_crop"`.
            on_error: `"skip"` leaves broken photos out with a warning, `"raise"` stops at the first.

        Returns:
            Batches of photos, uint8 `(batch, height, width, 3)`, and class ids, int32 `(batch,)`.
        """
        from car_recog.data.pipeline import to_tf

        return to_tf(self, image_size=image_size, batch_size=batch_size, shuffle=shuffle, seed=seed, resize=resize, on_error=on_error)


def _check_images(images: np.ndarray, n_samples: int) -> None:
    if images.dtype != np.uint8:
        raise DataError(f"Expected photos as uint8 in [0, 255]; got {images.dtype}. Convert them, as by (x * 255).astype('uint8').")
    if images.ndim != 4 or images.shape[-1] != 3:
        raise DataError(f"Expected photos of shape (n, height, width, 3); got {images.shape}.")
    if len(images) != n_samples:
        raise DataError(f"Expected one label per photo; got {len(images)} photos and {n_samples} labels.")
