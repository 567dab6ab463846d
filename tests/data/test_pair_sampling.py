"""Pairs drawn at random: counts, kinds and labels are exact, nothing repeats, and what cannot be drawn is told."""

import re
from itertools import combinations

import numpy as np
import pytest

from car_recog.data import copies, pair_sampling
from car_recog.data.pair_sampling import _Pool, same_attributes
from car_recog.data.pairs import PairDataset
from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError, OptionError

KINDS = {
    "any": "any",
    "model": same_attributes("model"),
    "colour": lambda a, b: a.attributes["colour"] == b.attributes["colour"],
    "both": same_attributes("model", "colour"),
}


def cars(seed, n=60):
    """Photos of cars of some models and colours, as many of each as chance gives; every tenth one is a copy of the one before."""
    rng = np.random.default_rng(seed)
    grey = np.arange(n)
    grey[9::10] -= 1
    ids = rng.integers(12, size=n)
    samples = [Sample(None, i, f"car{i}", attributes={"model": f"{i % 3}", "colour": f"{i // 3 % 2}"}) for i in ids]
    images = grey[:, None, None, None].astype(np.uint8) * np.ones((1, 2, 2, 3), np.uint8)
    return ImageDataset(samples, [f"car{i}" for i in range(12)], images=images)


def by_loop(data):
    """List all genuine pairs and all impostors that are no copies."""
    found = {True: set(), False: set()}
    for a, b in combinations(range(len(data)), 2):
        if not np.array_equal(data.images[a], data.images[b]):
            found[data[a].class_id == data[b].class_id].add(frozenset((a, b)))
    return found


def drawn(data, pairs):
    """Tell the photos of pairs by their places in the whole data; `sample` keeps their order."""
    place = {id(sample): i for i, sample in enumerate(data.samples)}
    return [frozenset((place[id(pair.first)], place[id(pair.second)])) for pair in pairs]


@pytest.mark.parametrize("seed", range(25))
def test_any_request_is_met_exactly_and_alike_for_a_seed(seed):
    data = cars(seed)
    rng = np.random.default_rng(seed)
    n_pairs, fraction = int(rng.integers(1, 80)), float(rng.uniform(0, 1))

    pairs = PairDataset.sample(data, n_pairs=n_pairs, genuine_fraction=fraction, seed=seed)
    again = PairDataset.sample(data, n_pairs=n_pairs, genuine_fraction=fraction, seed=seed)
    other = PairDataset.sample(data, n_pairs=n_pairs, genuine_fraction=fraction, seed=seed + 1)

    chosen, possible = drawn(data, pairs), by_loop(data)
    assert len(pairs) == n_pairs == len(set(chosen)) and pairs.is_genuine.sum() == round(n_pairs * fraction)
    assert all(pair in possible[bool(genuine)] for pair, genuine in zip(chosen, pairs.is_genuine, strict=True))
    assert chosen == drawn(data, again) and pairs.is_genuine.tolist() == again.is_genuine.tolist()
    assert chosen != drawn(data, other) or n_pairs < 3


@pytest.mark.parametrize("seed", range(10))
def test_kinds_are_shared_out_equally_and_right(seed):
    data = cars(seed)

    pairs = PairDataset.sample(data, n_pairs=40, genuine_fraction=0.25, seed=seed, impostors=KINDS)

    assert len(set(drawn(data, pairs))) == 40
    assert [pairs.kinds.count(kind) for kind in ("", *KINDS)] == [10, 8, 8, 7, 7]
    for pair in pairs:
        a, b = pair.first, pair.second
        assert pair.is_genuine == (a.class_id == b.class_id) == (pair.kind is None)
        assert pair.kind not in ("model", "both") or a.attributes["model"] == b.attributes["model"]
        assert pair.kind not in ("colour", "both") or a.attributes["colour"] == b.attributes["colour"]


@pytest.mark.parametrize("seed", range(10))
def test_all_that_exist_are_drawn_and_not_one_more(seed):
    data = cars(seed, n=24)
    possible = by_loop(data)

    genuine = PairDataset.sample(data, n_pairs=len(possible[True]), genuine_fraction=1.0)
    impostors = PairDataset.sample(data, n_pairs=len(possible[False]), genuine_fraction=0.0)

    assert set(drawn(data, genuine)) == possible[True]
    assert set(drawn(data, impostors)) == possible[False]
    assert PairDataset.sample(data).is_genuine.sum() == len(possible[True]) == len(PairDataset.sample(data)) / 2
    for is_genuine, some in possible.items():
        with pytest.raises(DataError, match=f"{len(some) + 1:,} asked for, {len(some)} can be drawn\nAt most {len(some)} pairs"):
            PairDataset.sample(data, n_pairs=len(some) + 1, genuine_fraction=float(is_genuine))


@pytest.mark.parametrize("seed", range(20))
def test_a_request_too_large_says_how_many_can_be_drawn(seed):
    data, fraction = cars(seed, n=30), (seed + 1) / 22
    asked = {"genuine_fraction": fraction, "seed": seed, "impostors": {kind: KINDS[kind] for kind in ("any", "model", "both")}}

    with pytest.raises(DataError, match="At most [0-9]+ pairs") as error:
        PairDataset.sample(data, n_pairs=1000, **asked)

    most = int(re.search("At most ([0-9]+) pairs", str(error.value))[1])
    assert len(PairDataset.sample(data, n_pairs=most, **asked)) == most
    with pytest.raises(DataError, match="can be drawn"):
        PairDataset.sample(data, n_pairs=most + 1, **asked)


def test_every_impostor_kind_that_falls_short_is_told():
    data = ImageDataset.from_arrays(np.arange(4 * 12, dtype=np.uint8).reshape(4, 2, 2, 3), [0, 0, 1, 1])

    with pytest.raises(DataError) as error:
        PairDataset.sample(data, n_pairs=12, impostors={"any": "any", "none": lambda a, b: False})

    assert str(error.value).splitlines() == [
        "12 pairs cannot be drawn from these photos:",
        "  genuine: 6 asked for, 2 can be drawn",
        "  none: 3 asked for, 0 can be drawn",
        # Two genuine ones and an impostor of the first kind.
        "At most 3 pairs can be drawn with these options. Copies of a photo are never paired, and no pair is drawn twice.",
    ]


def test_files_are_told_as_copies_by_content_and_only_those_of_one_size_are_opened(tmp_path, monkeypatch):
    for name, content in {"a": "same", "b": "same", "c": "else", "d": "longer", "e": "longest"}.items():
        (tmp_path / f"{name}.jpg").write_text(content)
    data = ImageDataset.from_files(sorted(tmp_path.glob("*.jpg")), ["x"] * 5)
    opened = []
    read = copies.read_contents
    monkeypatch.setattr(copies, "read_contents", lambda paths: opened.extend(paths) or read(paths))

    pairs = PairDataset.sample(data, genuine_fraction=1.0)

    assert set(drawn(data, pairs)) == {frozenset(pair) for pair in combinations(range(5), 2)} - {frozenset((0, 1))}
    assert {path.name for path in opened} == {"a.jpg", "b.jpg", "c.jpg"}


@pytest.mark.parametrize("seed", range(5))
def test_more_pairs_than_can_be_held_are_drawn_by_trying(seed, monkeypatch):
    monkeypatch.setattr(pair_sampling, "_ENUMERABLE", 0)
    monkeypatch.setattr(pair_sampling, "_TRIES", 20_000)
    data = cars(seed, n=200)
    possible = by_loop(data)

    pairs = PairDataset.sample(data, n_pairs=300, seed=seed, impostors=KINDS)

    chosen = drawn(data, pairs)
    assert len(set(chosen)) == 300 and pairs.is_genuine.sum() == 150
    assert all(pair in possible[bool(genuine)] for pair, genuine in zip(chosen, pairs.is_genuine, strict=True))
    with pytest.raises(DataError, match="none: 50 asked for, 0 can be drawn"):
        PairDataset.sample(data, n_pairs=100, impostors={"none": lambda a, b: False})


def test_the_pairs_inside_groups_are_numbered_through():
    groups = np.array([2, -1, 0, 2, 0, 5, 2, 2, -1, 0])

    pool = _Pool.of(groups)

    members = [[2, 4, 9], [0, 3, 6, 7], [5]]
    assert pool.total == 3 + 6 and _Pool.of(groups[:0]).total == 0
    assert set(zip(*pool.pairs(np.arange(9)), strict=True)) == {pair for group in members for pair in combinations(group, 2)}


def test_pair_numbers_are_exact_for_very_many_photos():
    pool = _Pool.of(np.zeros(2_000_000, int))
    b = np.array([1, 2, 3, 94_906_267 % 2_000_000, 1_999_998, 1_999_999])
    numbers = np.concatenate([b * (b - 1) // 2, b * (b + 1) // 2 - 1])

    first, second = pool.pairs(numbers)

    assert second.tolist() == [*b, *b]
    assert first.tolist() == [0] * 6 + (b - 1).tolist()


def test_first_and_second_photos_and_labels_are_mixed():
    data = cars(3)

    pairs = PairDataset.sample(data, n_pairs=100, seed=2)

    assert 30 < (pairs.first < pairs.second).sum() < 70
    assert 15 < pairs.is_genuine[:50].sum() < 35


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"genuine_fraction": 1.5}, r"genuine_fraction must lie in \[0, 1\]"),
        ({"genuine_fraction": 0.0}, "above 0 without n_pairs"),
        ({"n_pairs": 0}, "n_pairs must be 1 or more"),
        ({"impostors": "hard"}, "impostors must be 'any', a function of two samples"),
        ({"impostors": {}}, "impostors must be"),
        ({"impostors": {"": "any"}}, "impostors must be"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(OptionError, match=message):
        PairDataset.sample(cars(0), **arguments)
    with pytest.raises(OptionError, match="needs the name of an attribute"):
        same_attributes()


def test_without_genuine_pairs_there_is_nothing_to_balance():
    data = ImageDataset.from_arrays(np.zeros((3, 2, 2, 3), np.uint8), [0, 0, 1])

    with pytest.raises(DataError, match="no identity has two different photos"):
        PairDataset.sample(data)
