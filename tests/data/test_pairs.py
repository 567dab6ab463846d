"""Pairs of photos: from a file, as a list, and split so that the sides share what they may and nothing else."""

from collections import Counter

import numpy as np
import pytest

from car_recog.data.folders import FolderDataset
from car_recog.data.pair_sampling import same_attributes
from car_recog.data.pairs import Pair, PairDataset
from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError, OptionError

PORSCHE = r"\$\$(?P<label_model>[^$]+)\$\$(?P<year>\d+)\$\$(?P<colour>[^$]+)\$\$(?P<label_f4>[^$]+)\$\$(?P<label_ad>[^$]+)\$\$"


@pytest.fixture
def lay(lay_files):
    """Lay photos, which hold their own name, and a list of pairs."""

    def lay_pairs(*lines):
        photos = {f"photos/{name}": name for line in lines for name in line.split()[:2]}
        folder = lay_files({"pairs.txt": "\n".join(lines), **photos})
        return folder / "pairs.txt", folder / "photos"

    return lay_pairs


@pytest.fixture
def pairs():
    """All 66 pairs of 12 arrays of four cars, 12 of them genuine."""
    photos = np.arange(12, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 8, 8, 3), np.uint8)
    images = ImageDataset.from_arrays(photos, [0, 1, 2, 3] * 3)
    first, second = np.triu_indices(12, 1)
    is_genuine = first % 4 == second % 4
    kinds = [("", "near", "far", "far")[apart] for apart in abs(first % 4 - second % 4)]
    return PairDataset(images, first, second, is_genuine, kinds=kinds)


def places(pairs):
    """Tell each pair by the grey of its photos."""
    return [tuple(int(pairs.images.images[end][0, 0, 0]) for end in ends) for ends in zip(pairs.first, pairs.second, strict=True)]


def test_photos_that_genuine_pairs_chain_are_one_identity(lay):
    data = PairDataset.from_file(*lay("d.jpg a.jpg 0", "b.jpg a.jpg 1", "c.jpg e.jpg 1", "c.jpg b.jpg 1", "f.jpg d.jpg 0"))

    assert [sample.path.name for sample in data.images] == ["d.jpg", "a.jpg", "b.jpg", "c.jpg", "e.jpg", "f.jpg"]
    assert data.images.class_names == ("d.jpg", "a.jpg", "f.jpg")
    assert data.identities.tolist() == [[0, 1], [1, 1], [1, 1], [1, 1], [2, 0]]
    assert data.is_genuine.tolist() == [False, True, True, True, False]
    assert data.first.dtype == np.int32 and data.kinds is None


def test_a_pattern_names_the_identities_and_gives_attributes(lay):
    path, root = lay("A4/red/x_1.jpg A4/red/x_2.jpg 1", "A4/red/x_1.jpg A6/red/x_3.jpg 0")

    data = PairDataset.from_file(path, root, label_pattern="(?P<label_model>[^/]+)/(?P<colour>[^/]+)/(?P<label_car>[^_]+)_")

    assert data.images.class_names == ("A4/x", "A6/x")
    assert data[1] == Pair(data.images[0], data.images[2], False)
    assert data.images[2] == Sample(root / "A6/red/x_3.jpg", 1, "A6/x", attributes={"model": "A6", "colour": "red", "car": "x"})


def test_a_dataset_of_pairs_is_a_list(pairs):
    part = pairs[3:6]

    assert len(pairs) == 66 and repr(pairs) == "PairDataset(66 pairs of 12 photos, 12 genuine)"
    assert places(part) == places(pairs)[3:6] and len(part.images) == 4
    assert part[0].kind is None and part[0].is_genuine is True and part[-1].kind == "far"
    assert [pair.is_genuine for pair in part] == [True, False, False]
    with pytest.raises(IndexError):
        pairs[66]


def test_a_subset_keeps_the_order_and_drops_photos_that_no_pair_uses(pairs):
    part = pairs.subset([65, 0, 65])

    assert places(part) == [(10, 11), (0, 1), (10, 11)]
    assert part.images.labels.tolist() == [0, 1, 2, 3] and part.kinds == ("near", "near", "near")
    assert repr(pairs.subset([])) == "PairDataset(0 pairs of 0 photos, 0 genuine)"


def test_columns_that_do_not_fit_are_refused(pairs):
    with pytest.raises(DataError, match=r"as many first photos, second photos, labels and kinds; got \[2, 2, 1\]"):
        PairDataset(pairs.images, [0, 1], [1, 2], [True])
    with pytest.raises(DataError, match="places of 12 photos; got places from 0 to 12"):
        PairDataset(pairs.images, [0], [12], [True])


@pytest.mark.parametrize("seed", range(5))
def test_a_split_by_pair_is_exact_for_genuine_pairs_and_each_kind(pairs, seed):
    sides = pairs.split(1 / 3, 1 / 3, seed=seed)

    # Of 12 genuine pairs, 27 impostors of neighbouring classes and 27 others.
    assert [Counter(side.kinds) for side in sides] == [{"": 4, "near": 9, "far": 9}] * 2
    assert not set(places(sides[0])) & set(places(sides[1]))
    assert {*places(sides[0]), *places(sides[1])} < set(places(pairs))
    assert [places(side) for side in sides] == [places(side) for side in pairs.split(1 / 3, 1 / 3, seed=seed)]


def test_without_fractions_pairs_are_split_as_in_the_paper(pairs):
    assert [int(side.is_genuine.sum()) for side in pairs.split()] in ([7, 3, 2], [7, 2, 3])
    assert sum(map(len, pairs.split())) == 66


def test_the_same_two_photos_stay_on_one_side(pairs):
    doubled = PairDataset(
        pairs.images, [*pairs.first, *pairs.second], [*pairs.second, *pairs.first], np.tile(pairs.is_genuine, 2), kinds=pairs.kinds * 2
    )

    for side in doubled.split(0.5, 0.5):
        assert set(Counter(map(frozenset, places(side))).values()) == {2}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("disjoint", ["image", "class"])
def test_disjoint_sides_share_no_photo_and_no_class(pairs, disjoint, seed):
    sides = pairs.split(0.5, 0.5, seed=seed, disjoint=disjoint)

    photos = [{place for ends in places(side) for place in ends} for side in sides]
    assert not photos[0] & photos[1]
    assert [len(side) for side in photos] == [6, 6]
    # All pairs inside six photos are kept: 15 on each side.
    assert [len(side) for side in sides] == [15, 15]
    if disjoint == "class":
        assert not set(sides[0].identities.flat) & set(sides[1].identities.flat)
        assert [int(side.is_genuine.sum()) for side in sides] == [6, 6]


@pytest.mark.parametrize("disjoint", ["image", "class"])
def test_copies_lie_on_one_side(pairs, disjoint):
    pairs.images.images[6:] = pairs.images.images[:6]  # 0 and 6, 1 and 7 ... are copies, which join cars 0 and 2, and 1 and 3

    for seed in range(10):
        left, right = pairs.split(0.5, 0.5, seed=seed, disjoint=disjoint)
        assert not {place for ends in places(left) for place in ends} & {place for ends in places(right) for place in ends}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"disjoint": "photo"}, OptionError, "disjoint must be None, 'image' or 'class'; got 'photo'"),
        ({"fractions": (0.8, 0.8)}, DataError, "Fractions must lie in"),
        ({"fractions": (0.2,) * 5, "disjoint": "class"}, DataError, "Too few identities to put some on each of 5 sides:\n  identities: 4"),
        ({"fractions": (0.25,) * 4, "disjoint": "class"}, None, ""),
        ({"fractions": (1 / 12,) * 12, "disjoint": "image"}, DataError, r"No pairs are left on some sides: \[0, 0,"),
        ({"fractions": (1 / 13,) * 13}, DataError, "Too few pairs to put some on each of 13 sides:\n  genuine: 12$"),
    ],
)
def test_splits_that_cannot_be_are_refused(pairs, arguments, error, message):
    fractions = arguments.pop("fractions", ())
    if error is None:
        assert [len(side) for side in pairs.split(*fractions, **arguments)] == [3, 3, 3, 3]
    else:
        with pytest.raises(error, match=message):
            pairs.split(*fractions, **arguments)


@pytest.mark.photos
def test_physical_porsches_are_identities_by_their_file_names(shared):
    data = FolderDataset(shared / "data" / "porsche", PORSCHE)
    kinds = {"same model": same_attributes("model"), "same model and colour": same_attributes("model", "colour")}

    pairs = PairDataset.sample(data, impostors=kinds, seed=1)

    # One car is a model, f4 and ad; the years of one car agree.
    fields = [sample.path.name.split("$$") for sample in data]
    assert len(data) == 1156 and len(data.class_names) == len({(f[1], f[4], f[5]) for f in fields}) == 227
    assert len({(sample.class_name, sample.attributes["year"]) for sample in data}) == 227
    assert set(Counter(pairs.kinds).values()) == {pairs.is_genuine.sum(), pairs.is_genuine.sum() // 2}
    for pair in pairs:
        a, b = pair.first.path.name.split("$$"), pair.second.path.name.split("$$")
        assert pair.is_genuine == ((a[1], a[4], a[5]) == (b[1], b[4], b[5]))
        assert pair.is_genuine or (a[1] == b[1] and (pair.kind == "same model" or a[3] == b[3]))
        assert pair.first.path.read_bytes() != pair.second.path.read_bytes()
