"""What is wrong with pairs, and what two sets of them share."""

import json

import numpy as np
import pytest

from car_recog.data.pairs import PairDataset
from car_recog.data.samples import ImageDataset


@pytest.fixture
def root(tmp_path):
    """Photos a to f; e is a copy of a."""
    for name in "abcdef":
        (tmp_path / f"{name}.jpg").write_text("a" if name == "e" else name)
    return tmp_path


@pytest.fixture
def pair_up(root):
    """Make pairs such as "ab" of photos of these classes."""

    def make(classes, *pairs, labels):
        images = ImageDataset.from_files([root / f"{name}.jpg" for name in classes], list(classes.values()))
        first, second = zip(*[[list(classes).index(name) for name in pair] for pair in pairs], strict=True)
        return PairDataset(images, first, second, [label == "1" for label in labels])

    return make


ONE, TWO = dict.fromkeys("ab", "x"), dict.fromkeys("cd", "y")


def found(report, kind):
    return [(finding.pairs, finding.detail) for finding in report.of_kind(kind)]


def test_sound_pairs_have_no_findings(pair_up):
    report = pair_up(ONE | TWO, "ab", "cd", "ac", labels="110").check()

    assert (report.n_pairs, report.n_genuine, report.n_photos, report.n_identities) == (3, 2, 4, 2)
    assert report.findings == () == report.shared and report.n_errors == 0
    assert str(report) == "3 pairs, 2 genuine, of 4 photos and 2 identities"


def test_repeated_pairs_are_found_swapped_or_as_copies(pair_up):
    report = pair_up(ONE | TWO | {"e": "x"}, "ab", "cd", "ba", "be", "ab", labels="11111").check()

    assert found(report, "repeated") == [((0, 2, 3, 4), "genuine, genuine, genuine, genuine")]
    assert report.counts == {"contradictions": 0, "self_pairs": 0, "copies": 0, "repeated": 1}


def test_contradictions_self_pairs_and_copies_are_found(pair_up, root):
    report = pair_up(ONE | TWO | {"e": "x"}, "ab", "ac", "bb", "ae", "cd", labels="01110").check()

    assert found(report, "contradictions") == [((0,), "impostor"), ((1,), "genuine"), ((4,), "impostor")]
    assert found(report, "self_pairs") == [((2,), "genuine")]
    assert found(report, "copies") == [((3,), "genuine")]
    assert report.n_errors == 4
    assert report.findings[0].photos == (str(root / "a.jpg"), str(root / "b.jpg"))


def test_an_impostor_pair_inside_a_chain_of_genuine_ones_contradicts_it(root):
    (root / "pairs.txt").write_text("a.jpg b.jpg 1\nb.jpg c.jpg 1\nc.jpg a.jpg 0\n")

    report = PairDataset.from_file(root / "pairs.txt", root).check()

    assert found(report, "contradictions") == [((2,), "impostor")]


def test_shared_pairs_photos_copies_and_identities_are_told_for_each_dataset(pair_up, root):
    pairs = pair_up(ONE | TWO, "ab", "cd", "ac", labels="110")

    same = pair_up({"e": "z", "b": "z", "f": "q"}, "be", "fe", labels="10")
    photos = ImageDataset.from_files([root / "f.jpg"], ["y"])
    stranger = ImageDataset.from_files([root / "f.jpg"], ["w"])
    report = pairs.check([same, photos, stranger])

    first, second, third = report.shared
    # a is there as e, b by its path, both in one pair; x shares them under another name.
    assert (first.n_pairs, first.photos, first.copies) == (1, (str(root / "b.jpg"),), (str(root / "a.jpg"),))
    assert first.identities == ("x",)
    assert (second.n_pairs, second.photos, second.copies, second.identities) == (0, (), (), ("y",))
    assert third.is_empty and not first.is_empty and not second.is_empty
    assert report.n_errors == 1
    assert pairs.check(same).shared == (first,)


def test_the_report_is_text_markdown_and_json(pair_up, tmp_path):
    pairs = pair_up(ONE | TWO, "ab", "ab", "aa", labels="111")

    report = pairs.check(pairs)

    assert str(report).splitlines()[:2] == ["3 pairs, 3 genuine, of 2 photos and 1 identities", "error: a photo paired with itself: 1"]
    assert str(report).endswith("shared with dataset 1: 3 pairs, 4 photos, 0 copies of photos, 2 identities")
    values = json.loads(report.to_json(tmp_path / "report.json"))
    assert json.loads((tmp_path / "report.json").read_text()) == values == json.loads(json.dumps(report.to_dict()))
    assert values["counts"]["repeated"] == 1 and values["n_errors"] == 2
    markdown = report.to_markdown()
    assert "| same two photos again | warning | 1 |" in markdown and "| dataset 1 | 3 | 4 | 0 | 2 |" in markdown
    assert f"- `{tmp_path / 'a.jpg'} + {tmp_path / 'b.jpg'}  (pairs 0, 1: genuine, genuine)`" in markdown


def test_arrays_are_named_by_their_place():
    images = ImageDataset.from_arrays(np.zeros((2, 4, 4, 3), np.uint8), [0, 1])

    report = PairDataset(images, [1], [0], [False]).check()

    assert str(report.of_kind("copies")[0]) == "photo 1 + photo 0  (pair 0: impostor)"
