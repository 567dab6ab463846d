"""Lists of photos: written, read back, and their faults told."""

import pytest

from car_recog.data import lists
from car_recog.data.lists import write_list
from car_recog.data.samples import ImageDataset, Sample
from car_recog.errors import DataError

HEAD = "path,class_name,group\n"
NAMES = ("door/a.jpg", 'wheel/with, comma and "marks".jpg', "wheel/ümläut\n.jpg", "door/\udcff.jpg")


@pytest.fixture
def root(lay_files):
    return lay_files({f"photos/{name}": "" for name in NAMES}) / "photos"


def test_a_list_comes_back_as_it_was(root, tmp_path):
    groups = ["g1", None, "g, 2", None]
    samples = [Sample(root / name, i % 2, "ba"[i % 2], groups[i]) for i, name in enumerate(NAMES)]
    data = ImageDataset(samples, "ba")
    write_list(tmp_path / "lists" / "train.csv", data.samples, root)

    again = ImageDataset.from_list(tmp_path / "lists" / "train.csv", root=root, class_names=["b", "a"])
    by_itself = ImageDataset.from_list(tmp_path / "lists" / "train.csv", root=root)

    assert again.samples == data.samples and again.class_names == ("b", "a")
    assert by_itself.class_names == ("a", "b") and by_itself.labels.tolist() == [1, 0, 1, 0]


def test_a_list_is_text_that_people_can_read(root, tmp_path):
    write_list(tmp_path / "train.csv", [Sample(root / "door/a.jpg", 0, "door", "g1")], root)

    assert (tmp_path / "train.csv").read_text() == HEAD + "door/a.jpg,door,g1\n"


def test_without_a_root_paths_start_at_the_list(root):
    (root / "train.csv").write_text(HEAD + "door/a.jpg,door,\n\n")

    assert ImageDataset.from_list(root / "train.csv")[0] == Sample(root / "door/a.jpg", 0, "door", None)


def test_a_link_to_itself_hides_no_photo_of_its_folder(root):
    (root / "door" / "itself.jpg").symlink_to("itself.jpg")
    (root / "train.csv").write_text(HEAD + "door/a.jpg,door,\n")

    assert len(ImageDataset.from_list(root / "train.csv")) == 1


def test_all_faults_are_told_with_their_lines(root):
    rows = ["door/a.jpg,door,", "door/none.jpg,door,", "door/a.jpg,door", ",door,", "door/a.jpg,,", "../x.jpg,door,", "/x.jpg,door,"]
    (root / "train.csv").write_text(HEAD + "\n".join(rows) + "\n")

    with pytest.raises(DataError) as caught:
        ImageDataset.from_list(root / "train.csv")

    assert str(caught.value).splitlines()[1:-1] == [
        "  line 3: no such photo: 'door/none.jpg'",
        "  line 4: expected 3 values, got 2",
        "  line 5: path or class_name is empty",
        "  line 6: path or class_name is empty",
        "  line 7: '../x.jpg' is not a path below the root",
        "  line 8: '/x.jpg' is not a path below the root",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line must be 'path,class_name,group'"),
        ("source,class_name\n", "first line must be 'path,class_name,group'"),
        (HEAD, "lists no photos"),
        (HEAD + '"door/a.jpg,door,\n', "line 2: unexpected end of data"),
        (HEAD + "door/a.jpg,hood,\n", r"Unknown classes: \['hood'\]. Known are: \['door'\]"),
    ],
)
def test_what_is_no_list_is_told(root, text, message):
    (root / "train.csv").write_text(text)

    with pytest.raises(DataError, match=message):
        ImageDataset.from_list(root / "train.csv", class_names=["door"])


def test_lists_without_end_are_refused(root, monkeypatch):
    monkeypatch.setattr(lists, "MAX_LIST_BYTES", 2**20)
    (root / "train.csv").write_bytes(b"0" * (2**20 + 1))

    with pytest.raises(DataError, match="larger than 1 MiB"):
        ImageDataset.from_list(root / "train.csv")
    with pytest.raises(DataError, match="No such list"):
        ImageDataset.from_list(root / "none.csv")
