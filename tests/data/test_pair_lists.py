"""Lists of pairs: read from text, and their faults told by line."""

import pytest

from car_recog.data import lists
from car_recog.data.pair_lists import read_pairs, read_unlabelled_pairs
from car_recog.data.pairs import PairDataset
from car_recog.errors import DataError


@pytest.fixture
def root(lay_files):
    return lay_files({f"photos/{name}": name for name in ("1/2/a.jpg", "1/2/b.jpg", "1/3/c.jpg", "with space/d e.jpg")}) / "photos"


@pytest.fixture
def write(tmp_path):
    def write_list(*lines, end="\n"):
        (tmp_path / "pairs.txt").write_bytes("".join(line + end for line in lines).encode())
        return tmp_path / "pairs.txt"

    return write_list


def rows(read):
    names, first, second, is_genuine = read
    return [(names[a], names[b], bool(label)) for a, b, label in zip(first, second, is_genuine, strict=True)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_line_is_a_pair_and_each_photo_is_named_once(root, write, end):
    read = read_pairs(write("1/2/a.jpg 1/2/b.jpg 1", "", "1/3/c.jpg 1/2/a.jpg 0", end=end), root)

    assert read[0] == ["1/2/a.jpg", "1/2/b.jpg", "1/3/c.jpg"]
    assert rows(read) == [("1/2/a.jpg", "1/2/b.jpg", True), ("1/3/c.jpg", "1/2/a.jpg", False)]


def test_names_with_spaces_are_separated_by_tabs(root, write):
    read = read_pairs(write("with space/d e.jpg\t./1//2/a.jpg\t0"), root)

    assert rows(read) == [("with space/d e.jpg", "1/2/a.jpg", False)]


def test_all_faults_are_told_with_their_lines(root, write):
    path = write(
        "1/2/a.jpg 1/2/b.jpg 1",
        "1/2/a.jpg 1/2/b.jpg",
        "with space/d e.jpg 1/2/a.jpg 1",
        "1/2/a.jpg  1/2/b.jpg 1",
        "",
        "1/2/none.jpg no\0where/b.jpg 2",
        "1/2/a.jpg 1/./2/a.jpg 1",
        "../photos/1/2/a.jpg /1/2/a.jpg 1",
        "1/2 1/2/a.jpg 0",
    )

    with pytest.raises(DataError) as caught:
        PairDataset.from_file(path, root)

    first, *faults, advice = str(caught.value).splitlines()
    assert first == f"10 faults in '{path}':"
    assert advice == f"The photos were looked for below '{root}'; name their folder as root."
    assert faults == [
        "  line 2: expected 'path1 path2 label', got '1/2/a.jpg 1/2/b.jpg'",
        "  line 3: expected 'path1 path2 label', got 'with space/d e.jpg 1/2/a.jpg 1'",
        "  line 4: expected 'path1 path2 label', got '1/2/a.jpg  1/2/b.jpg 1'",
        "  line 6: no such photo: '1/2/none.jpg'",
        "  line 6: no such photo: 'no\0where/b.jpg'",
        "  line 6: the label must be 0 or 1, got '2'",
        "  line 7: '1/2/a.jpg' is paired with itself",
        "  line 8: '../photos/1/2/a.jpg' is not a path below the root",
        "  line 8: '/1/2/a.jpg' is not a path below the root",
        "  line 9: no such photo: '1/2'",
    ]


def test_no_list_empty_lists_and_lists_without_end_are_refused(root, write, monkeypatch):
    with pytest.raises(DataError, match="No such list of pairs"):
        read_pairs(root / "none.txt", root)
    with pytest.raises(DataError, match="lists no pairs"):
        read_pairs(write("", " "), root)
    monkeypatch.setattr(lists, "MAX_LIST_BYTES", 10)
    with pytest.raises(DataError, match="too large for a list of pairs"):
        read_pairs(write("1/2/a.jpg 1/2/b.jpg 1"), root)


def test_pairs_to_be_told_apart_may_lack_labels_and_repeat_a_photo(root, write):
    names, first, second = read_unlabelled_pairs(write("1/2/a.jpg 1/2/b.jpg", "1/2/b.jpg 1/3/c.jpg perhaps", "1/2/a.jpg 1/2/a.jpg"), root)

    assert [(names[a], names[b]) for a, b in zip(first, second, strict=True)] == [
        ("1/2/a.jpg", "1/2/b.jpg"),
        ("1/2/b.jpg", "1/3/c.jpg"),
        ("1/2/a.jpg", "1/2/a.jpg"),
    ]


def test_faults_of_pairs_without_labels_are_told_by_line(root, write):
    with pytest.raises(DataError, match="2 faults .*\n  line 1: expected 'path1 path2', got '1/2/a.jpg'\n  line 2: no such photo: 'x.jpg'"):
        read_unlabelled_pairs(write("1/2/a.jpg", "1/2/a.jpg x.jpg"), root)
