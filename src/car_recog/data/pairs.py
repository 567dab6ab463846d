"""Pairs of photos that show the same car or two different ones: read from a list, or drawn at random."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import attrs
import numpy as np

from car_recog.data.copies import content_keys
from car_recog.data.duplicates import chain_equal, join
from car_recog.data.folders import label_photos
from car_recog.data.pair_lists import read_pairs
from car_recog.data.pair_sampling import Rule, draw_pairs
from car_recog.data.samples import ImageDataset, Sample
from car_recog.data.splits import split_indices
from car_recog.errors import DataError, OptionError, listed

if TYPE_CHECKING:
    from car_recog.data.pair_checks import PairReport


@attrs.frozen
class Pair:
    """Two photos.

    Args:
        first: One photo.
        second: The other one.
        is_genuine: Whether they show the same car.
        kind: Of an impostor pair: what makes it one, such as `"same model"`. None: not told apart.
    """

    first: Sample
    second: Sample
    is_genuine: bool
    kind: str | None = None


class PairDataset:
    """An immutable list of pairs over photos that are held once each; the class of a photo is its identity.

    Args:
        images: The photos.
        first: Place of the first photo of each pair in `images`, shape `(n_pairs,)`.
        second: Place of the second.
        is_genuine: Whether both show the same car, shape `(n_pairs,)`.
        kinds: What makes each impostor pair one, `""` for genuine pairs. None: not told apart.

    Raises:
        DataError: Lengths that differ, or places outside of the photos.
    """

    def __init__(
        self,
        images: ImageDataset,
        first: Sequence[int] | np.ndarray,
        second: Sequence[int] | np.ndarray,
        is_genuine: Sequence[bool] | np.ndarray,
        *,
        kinds: Sequence[str] | None = None,
    ) -> None:
        self.images = images
        self.first, self.second = np.array(first, np.int32), np.array(second, np.int32)
        self.is_genuine = np.array(is_genuine, bool)
        self.kinds = None if kinds is None else tuple(kinds)
        lengths = [len(self.first), len(self.second), len(self.is_genuine), *([] if self.kinds is None else [len(self.kinds)])]
        if len(set(lengths)) > 1:
            raise DataError(f"Expected as many first photos, second photos, labels and kinds; got {lengths}.")
        places = np.concatenate([self.first, self.second])
        if len(places) and not 0 <= places.min() <= places.max() < len(images):
            raise DataError(f"Expected places of {len(images)} photos; got places from {places.min()} to {places.max()}.")

    @classmethod
    def from_file(cls, path: str | Path, image_root: str | Path, *, label_pattern: str | None = None) -> "PairDataset":
        """Read pairs from a text file in the form of CompCars: `path1 path2 label` a line, the label 1 for genuine pairs, else 0.

        The three are separated by single spaces; by tabs where the names hold spaces.

        Args:
            path: The file.
            image_root: The folder that the paths start from.
            label_pattern: What tells the identity of a photo by its name: as in `FolderDataset`. None: photos that genuine pairs
                join, directly or by a chain, are one identity; it is named by its first photo.

        Raises:
            DataError: No such file, or lines that are ill-formed, name missing photos, pair a photo with itself or have another
                label: all are told at once with their line numbers. Or names that the pattern does not match.

        Example:
            >>> PairDataset.from_file("pairs.txt", "photos")    # doctest: +SKIP
            PairDataset(20000 pairs of 21374 photos, 10000 genuine)
        """
        root = Path(image_root)
        names, first, second, is_genuine = read_pairs(Path(path), root)
        paths = [Path(f"{root}/{name}") for name in names]
        if label_pattern is not None:
            images = ImageDataset(*label_photos(root, paths, label_pattern))
        else:
            chained = join(len(names), zip(first[is_genuine].tolist(), second[is_genuine].tolist(), strict=True))
            class_id = {leader: i for i, leader in enumerate(sorted(set(chained)))}
            samples = (Sample(path, class_id[i], names[i]) for path, i in zip(paths, chained, strict=True))
            images = ImageDataset(samples, [names[leader] for leader in class_id])
        return cls(images, first, second, is_genuine)

    @classmethod
    def sample(
        cls,
        data: ImageDataset,
        *,
        n_pairs: int | None = None,
        genuine_fraction: float = 0.5,
        seed: int = 0,
        impostors: Rule | Mapping[str, Rule] = "any",
    ) -> "PairDataset":
        """Draw pairs of photos at random.

        No pair is drawn twice, in whatever order of its photos. Copies of a photo - the same bytes - are never paired.

        Args:
            data: The photos; their class is the identity.
            n_pairs: How many. None: every genuine pair, and as many impostors as the fraction asks for; 20,000 pairs at most.
            genuine_fraction: Share of genuine pairs, rounded to whole pairs.
            seed: The same seed gives the same pairs of the same photos.
            impostors: Which photos of different identities may be paired: `"any"`, or a function of both that does not mind their
                order, such as `same_attributes("model")`. Several of these by name are drawn in equal numbers, and the pairs keep
                the name as their kind; a pair that several allow has one of these kinds.

        Raises:
            DataError: There are fewer pairs than asked for; the message says how many can be drawn.
            OptionError: Arguments that make no sense.

        Example:
            >>> cars = ImageDataset.from_files([f"{i}.jpg" for i in range(12)], ["car1", "car2", "car3"] * 4)
            >>> PairDataset.sample(cars, n_pairs=20, seed=1)
            PairDataset(20 pairs of 12 photos, 10 genuine)
        """
        *drawn, kinds = draw_pairs(data, n_pairs=n_pairs, genuine_fraction=genuine_fraction, seed=seed, impostors=impostors)
        return cls(data, *drawn, kinds=kinds)[:]

    def __len__(self) -> int:
        return len(self.first)

    @overload
    def __getitem__(self, place: int) -> Pair: ...
    @overload
    def __getitem__(self, place: slice) -> "PairDataset": ...
    def __getitem__(self, place: int | slice) -> "Pair | PairDataset":
        if isinstance(place, slice):
            return self.subset(range(len(self))[place])
        kind = (self.kinds[place] or None) if self.kinds else None
        return Pair(self.images[int(self.first[place])], self.images[int(self.second[place])], bool(self.is_genuine[place]), kind)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} pairs of {len(self.images)} photos, {self.is_genuine.sum()} genuine)"

    @property
    def identities(self) -> np.ndarray:
        """Class ids of both photos of each pair, int32, shape `(n_pairs, 2)`."""
        return self.images.labels[np.stack([self.first, self.second], axis=1)]

    def subset(self, places: Iterable[int]) -> "PairDataset":
        """Take the pairs at these places, in this order, and the photos that they use."""
        chosen = np.fromiter(places, int)
        ends = np.stack([self.first, self.second])[:, chosen]
        used, numbers = np.unique(ends, return_inverse=True)
        kinds = None if self.kinds is None else [self.kinds[i] for i in chosen.tolist()]
        first, second = numbers.reshape(ends.shape)
        return PairDataset(self.images.subset(used.tolist()), first, second, self.is_genuine[chosen], kinds=kinds)

    def split(self, *fractions: float, seed: int = 0, disjoint: str | None = None) -> "list[PairDataset]":
        """Split into disjoint datasets.

        Args:
            *fractions: One per side, in (0, 1], 1 in sum at most; a remainder is left out. None given means 0.6, 0.2, 0.2.
            seed: The same seed gives the same split of the same pairs.
            disjoint: None: pairs are cut, genuine ones and each kind of impostors in their share; sides share photos and cars, and
                figures on them say little about cars never seen. `"image"`: fractions are of photos, and sides share no photo and
                no copy of one. `"class"`: fractions are of identities, and sides share none. Pairs across sides are left out: of
                the impostors, 44 in 100 are left at 0.6, 0.2, 0.2.

        Returns:
            One dataset per fraction.

        Raises:
            DataError: Fractions that make no sense, or too few pairs, photos or identities to put some on each side.
            OptionError: Another word for `disjoint`.

        Example:
            >>> cars = ImageDataset.from_files([f"{i}.jpg" for i in range(40)], [f"car{i % 10}" for i in range(40)])
            >>> train, test = PairDataset.sample(cars).split(0.5, 0.5, disjoint="class")
            >>> len(set(train.identities.flat) & set(test.identities.flat))
            0
        """
        fractions = fractions or (0.6, 0.2, 0.2)
        if disjoint not in (None, "image", "class"):
            raise OptionError(f"disjoint must be None, 'image' or 'class'; got {disjoint!r}.")
        (contents,) = content_keys(self.images)
        if disjoint is None:
            kinds = self.kinds or [""] * len(self)
            names = ["genuine" if genuine else kind or "impostor" for genuine, kind in zip(self.is_genuine, kinds, strict=True)]
            side_of = _deal(join(len(self), chain_equal(self.unordered(contents))), names, fractions, seed, what="pairs")
            return [self.subset(np.flatnonzero(side_of == side)) for side in range(len(fractions))]
        what = "photos" if disjoint == "image" else "identities"
        identities: list[Hashable] = self.images.labels.tolist() if disjoint == "class" else []
        units = join(len(self.images), [*chain_equal(contents), *chain_equal(identities)])
        side_of = _deal(units, [what] * len(units), fractions, seed, what=what)
        first, second = side_of[self.first], side_of[self.second]
        sides = [self.subset(np.flatnonzero((first == side) & (second == side))) for side in range(len(fractions))]
        if not all(map(len, sides)):
            raise DataError(f"No pairs are left on some sides: {[len(side) for side in sides]}. Give more pairs, or fewer sides.")
        return sides

    def unordered(self, keys: Sequence[Hashable]) -> list[frozenset[Hashable]]:
        """Give the two photos of each pair, in no order, by keys of the photos: repeated pairs are equal."""
        return [frozenset((keys[a], keys[b])) for a, b in zip(self.first.tolist(), self.second.tolist(), strict=True)]

    def check(self, against: "PairDataset | ImageDataset | Sequence[PairDataset | ImageDataset]" = ()) -> "PairReport":
        """Find what is wrong with the pairs, and what they share with other data.

        Args:
            against: Pairs or photos that must not share anything, such as those of the training.

        Returns:
            Pairs that repeat, pair a photo with itself or with a copy, or contradict the identities; for each of `against` the
            pairs, photos and identities in both.
        """
        from car_recog.data.pair_checks import check_pairs

        return check_pairs(self, [against] if isinstance(against, PairDataset | ImageDataset) else against)


def _deal(units: Sequence[int], names: Sequence[str], fractions: Sequence[float], seed: int, *, what: str) -> np.ndarray:
    """Give each thing a side, -1 for none: things of one unit the same, and each name its share of the units."""
    numbers, firsts, unit_of = np.unique(units, return_index=True, return_inverse=True)
    named = [names[i] for i in firsts.tolist()]
    counts = Counter(named) or {what: 0}
    if short := [f"{name}: {count}" for name, count in counts.items() if count < len(fractions)]:
        raise DataError(f"Too few {what} to put some on each of {len(fractions)} sides:{listed(short)}")
    place = {name: i for i, name in enumerate(sorted(counts))}
    side_of = np.full(len(numbers), -1)
    for side, chosen in enumerate(split_indices(np.array([place[name] for name in named]), fractions, class_names=list(place), seed=seed)):
        side_of[chosen] = side
    return side_of[unit_of]
