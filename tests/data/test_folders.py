"""Photos below a folder, with the class in the folder's or in the file's name."""

import sys
from collections import Counter

import numpy as np
import pytest

from car_recog.data.folders import FolderDataset, UnmatchedNamesWarning, find_photos, group_by_name
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError

links = pytest.mark.skipif(sys.platform == "win32", reason="links need special rights on Windows")


@pytest.fixture
def lay(lay_files):
    """Lay empty files below a folder: their content is never read."""
    return lambda *names: lay_files({f"photos/{name}": "" for name in names}) / "photos"


def below(root, paths):
    return [path.relative_to(root).as_posix() for path in paths]


def test_the_class_is_the_first_folder_below_the_root(lay):
    root = lay("wheel/b.jpg", "wheel/old/a.png", "door/c.webp")

    data = FolderDataset(root)

    assert data.class_names == ("door", "wheel")
    assert below(root, [sample.path for sample in data]) == ["door/c.webp", "wheel/b.jpg", "wheel/old/a.png"]
    assert data.labels.tolist() == [0, 1, 1]
    assert all(sample.group is None and sample.attributes == {} for sample in data)


def test_photos_are_told_by_their_ending_in_either_case_and_hidden_files_are_left_out(lay):
    root = lay("a/1.JPG", "a/2.jpeg", "a/notes.txt", "a/3.jpg.bak", "a/.4.jpg", ".trash/5.jpg", "a/6.TIFF", "a/7.avif", "a/jpg")

    assert below(root, find_photos(root)) == ["a/1.JPG", "a/2.jpeg", "a/6.TIFF", "a/7.avif"]


def test_the_order_does_not_depend_on_the_order_on_disk(lay):
    forwards = lay(*[f"a/{i:02}.jpg" for i in range(30)])
    assert below(forwards, find_photos(forwards)) == [f"a/{i:02}.jpg" for i in range(30)]

    backwards = lay(*[f"b/{i:02}.jpg" for i in reversed(range(30))])
    assert below(backwards, find_photos(backwards))[30:] == [f"b/{i:02}.jpg" for i in range(30)]


@links
def test_links_to_files_and_folders_are_followed(lay, tmp_path):
    root = lay("wheel/a.jpg")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.jpg").touch()
    (root / "door").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "wheel" / "c.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    (root / "wheel" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (root / "wheel" / "itself.jpg").symlink_to("itself.jpg")

    assert FolderDataset(root).class_counts() == {"door": 1, "wheel": 2}


@links
def test_a_link_to_a_folder_above_is_not_entered_again(lay):
    root = lay("wheel/a.jpg")
    (root / "wheel" / "round").symlink_to(root, target_is_directory=True)

    assert below(root, find_photos(root)) == ["wheel/a.jpg"]


def test_a_pattern_reads_label_group_and_attributes_from_the_name(lay):
    root = lay("x/Audi$A4$2012$car7_1.jpg", "y/Audi$A4$2012$car7_2.jpg", "BMW$X5$1999$car8_1.jpg")

    data = FolderDataset(root, r"(?P<make>[^$]+)\$(?P<label>[^$]+)\$(?P<year>\d+)\$(?P<group>[^_]+)_")

    assert data.class_names == ("A4", "X5")
    assert [sample.group for sample in data] == ["car8", "car7", "car7"]
    assert data[0].attributes == {"make": "BMW", "year": "1999"}


def test_a_pattern_with_a_slash_reads_the_path(lay):
    root = lay("Audi/A4/1.jpg", "Audi/A6/1.jpg")

    data = FolderDataset(root, r"^(?P<make>[^/]+)/(?P<label>[^/]+)/")

    assert data.class_names == ("A4", "A6")
    assert {sample.attributes["make"] for sample in data} == {"Audi"}


def test_an_optional_part_of_a_pattern_that_is_not_there_is_no_attribute_and_no_group(lay):
    data = FolderDataset(lay("door_7.jpg", "door.jpg"), r"(?P<label>[a-z]+)(_(?P<group>\d+))?[.](?P<side>left)?")

    assert [(sample.group, sample.attributes) for sample in data] == [(None, {}), ("7", {})]


def test_a_class_can_take_several_facts_to_tell_which_are_attributes_too(lay):
    root = lay("A4$red$7_1.jpg", "A4$blue$7_2.jpg", "A6$red$7_1.jpg", "A4$red$8_1.jpg")

    data = FolderDataset(root, r"(?P<label_model>[^$]+)\$(?P<colour>[^$]+)\$(?P<label_car>\d+)_")

    assert data.class_names == ("A4/7", "A4/8", "A6/7") and data.class_counts()["A4/7"] == 2
    assert data[0].attributes == {"model": "A4", "colour": "blue", "car": "7"}
    with pytest.raises(DataError, match="gives no label for 3 of 4 names"):
        FolderDataset(root, r"(?P<label_model>[^$]+)\$(?P<colour>[^$]+)\$(?P<label_car>8?)")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?P<label>[a-z", r"is not a regular expression"),
        (r"(?P<name>[a-z]+)", "label_pattern needs a group named label"),
        (r"(?P<label>\d+)_", r"gives no label for 2 of 3 names:\n  door.jpg\n  wheel.jpg$"),
        (r"^(?P<label>\d*)", r"gives no label for 2 of 3 names"),
    ],
)
def test_a_pattern_that_does_not_serve_is_told_with_the_names(lay, pattern, message):
    root = lay("12_a.jpg", "door.jpg", "wheel.jpg")

    with pytest.raises(DataError, match=message):
        FolderDataset(root, pattern)


def test_of_many_names_without_a_label_ten_are_shown(lay):
    root = lay(*[f"{i:02}.jpg" for i in range(15)])

    with pytest.raises(DataError, match="no label for 15 of 15 names") as error:
        FolderDataset(root, "(?P<label>door)")

    assert str(error.value).count(".jpg") == 10


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (".*(?=_)", ["car1", "car1", "car2"]),  # of door/car1_a.jpg, wheel/car1_b.jpg, wheel/car2_a.jpg
        ("[^/]+/[^_]+", ["door/car1", "wheel/car1", "wheel/car2"]),
        (r"(?P<group>\w)[.]", ["a", "b", "a"]),
        (r"car\d(_b(?P<group>[.]))?", [None, ".", None]),
    ],
)
def test_photos_are_grouped_by_what_matches_in_their_names(lay, pattern, groups):
    root = lay("door/car1_a.jpg", "wheel/car1_b.jpg", "wheel/car2_a.jpg")
    data = FolderDataset(root)

    grouped = group_by_name(data, pattern, root=root)

    assert [sample.group for sample in grouped] == groups
    assert grouped.class_names == data.class_names and grouped.labels.tolist() == [0, 1, 1]


def test_names_without_a_group_are_told(lay):
    root = lay("door/car1.jpg", "door/bus.jpg")

    with pytest.raises(DataError, match=r"^'car' matches nothing in 1 of 2 names:\n  bus.jpg$"):
        group_by_name(FolderDataset(root), "car", root=root)
    with pytest.raises(DataError, match=r"^'\*' is not a regular expression: nothing to repeat"):
        group_by_name(FolderDataset(root), "*", root=root)
    with pytest.raises(DataError, match="these are arrays"):
        group_by_name(ImageDataset.from_arrays(np.zeros((2, 4, 4, 3), np.uint8), ["a", "b"]), "car", root=root)


def test_no_folder_no_photos_and_photos_without_a_class_are_told(lay, tmp_path):
    with pytest.raises(DataError, match=r"No such folder: '.*nowhere'"):
        FolderDataset(tmp_path / "nowhere")
    root = lay("wheel/notes.txt")
    with pytest.raises(DataError, match=r"No photos below '.*photos'. Photos are files named .avif, .bmp"):
        FolderDataset(root)
    lay("wheel/a.jpg", "b.jpg")
    with pytest.raises(DataError, match=r"'.*b.jpg' lies in no class folder. Expected photos/<class>/photo.jpg, or give a label_pattern"):
        FolderDataset(root)


def test_names_without_a_class_can_be_left_out_with_a_warning_that_lists_them(lay):
    root = lay("Audi_A4_2012_1.jpg", "notes.jpg", "Audi_A6_2013_1.jpg")

    with pytest.warns(UnmatchedNamesWarning, match=r"gives no label for 1 of 3 names:\n  notes.jpg\nThese photos were left out"):
        data = FolderDataset(root, "make_model_year", label="year", unmatched="skip")

    assert below(root, [sample.path for sample in data]) == ["Audi_A4_2012_1.jpg", "Audi_A6_2013_1.jpg"]
    assert data.class_names == ("Audi/A4/2012", "Audi/A6/2013")
    assert data[1].attributes == {"make": "Audi", "model": "A6", "year": "2013"}
    with pytest.raises(DataError, match="gives no label for 3 of 3 names"):
        FolderDataset(root, "make$$model$$year", unmatched="skip")
    with pytest.raises(OptionError, match="unmatched must be 'raise' or 'skip'"):
        FolderDataset(root, "make_model_year", unmatched="drop")
    with pytest.raises(OptionError, match="label='make' needs a label_pattern"):
        FolderDataset(root, label="make")


@pytest.mark.photos
def test_the_20_models_are_read_from_their_folders(shared):
    data = FolderDataset(shared / "data" / "models")

    assert len(data) == 938 and len(data.class_names) == 20
    assert data.class_counts() == Counter(path.parent.name for path in (shared / "data" / "models").glob("*/*.jpg"))


@pytest.mark.photos
def test_the_porsches_are_read_from_their_file_names(shared):
    data = FolderDataset(shared / "data" / "porsche", "make$$model$$year")

    assert len(data) == 1156 and len(data.class_names) == 8
    assert {sample.attributes["make"] for sample in data} == {"Porsche"}
    facts = [(sample.attributes["model"], sample.attributes["year"]) for sample in data]
    assert facts == [sample.path.parts[-4:-2] for sample in data]  # the folders say it, too
    assert [sample.class_name for sample in data] == [f"Porsche/{model}" for model, _ in facts]
