"""The parts of a CompCars tree: from the paths, from the official lists, and when the two disagree."""

from collections import Counter

import pytest

from car_recog.data.compcars import PART_NAMES, CompCarsDataset
from car_recog.errors import DataError, OptionError


@pytest.fixture
def lay(lay_files):
    """Lay part photos (empty files) and part lists into a tree."""

    def lay_tree(photos=(), **lists):
        files = {f"data/part/{place}": "" for place in photos}
        for name, lines in lists.items():
            files[f"data/train_test_split/part/{name}.txt"] = "".join(f"{line}\n" for line in lines)
        return CompCarsDataset(lay_files(files))

    return lay_tree


def places(data):
    return ["/".join(sample.path.parts[-5:]) for sample in data]


def lines(root, name):
    return (root / "data" / "train_test_split" / "part" / f"{name}.txt").read_text("utf-8").split()


def test_the_eight_parts_are_named_in_the_order_of_their_ids():
    # CompCars' own numbering, from its README: 1 headlight ... 8 gear lever.
    assert PART_NAMES == (
        "headlight", "taillight", "fog_light", "air_intake", "console", "steering_wheel", "dashboard", "gear_lever",
    )  # fmt: skip


def test_every_photo_on_disk_has_the_class_of_its_path(drawn):
    data = CompCarsDataset(drawn).parts()

    assert data.class_names == PART_NAMES
    assert len(data) == 64 and data.class_counts() == dict.fromkeys(PART_NAMES, 8)
    assert all(sample.class_id == int(sample.path.parent.name) - 1 for sample in data)
    assert all(sample.group is None and sample.box is None for sample in data)


def test_make_model_year_and_part_come_from_the_path(lay):
    cars = lay(["78/12/2013/3/a.jpg", "5/120/unknown/8/b.JPG", "5/7/last summer/1/c.png"])

    assert [dict(sample.attributes) for sample in cars.parts()] == [
        {"make": "5", "model": "120", "year": "unknown", "part": "gear_lever"},
        {"make": "5", "model": "7", "year": "last summer", "part": "headlight"},
        {"make": "78", "model": "12", "year": "2013", "part": "fog_light"},
    ]


def test_a_tree_with_few_parts_still_has_eight_classes(lay):
    data = lay(["1/2/2010/7/a.jpg"]).parts()

    assert data.class_names == PART_NAMES
    assert Counter(data.class_counts().values()) == {0: 7, 1: 1}
    assert data[0].class_name == "dashboard" and data[0].class_id == 6


def test_folders_and_files_that_are_none_of_compcars_are_left_alone(lay):
    strangers = ["9/b.jpg", "03/c.jpg", "other/d.jpg", "3/Thumbs.db", "3/._a.jpg", "../../e.jpg"]
    cars = lay(["1/2/2010/3/a.jpg", *(f"1/2/2010/{place}" for place in strangers)])

    assert places(cars.parts()) == ["1/2/2010/3/a.jpg"]


@pytest.mark.parametrize("part", ["fog_light", 3])
def test_one_part_is_named_or_numbered(drawn, part):
    data = CompCarsDataset(drawn).parts(part=part)

    assert data.class_names == ("fog_light",)
    assert len(data) == 8 and {sample.attributes["part"] for sample in data} == {"fog_light"}


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_lists_of_all_eight_parts_make_up_a_split(drawn, split):
    data = CompCarsDataset(drawn).parts(split)

    assert data.class_names == PART_NAMES
    assert places(data) == [line for part in range(1, 9) for line in lines(drawn, f"{split}_part_{part}")]
    assert all(sample.class_id == int(sample.path.parent.name) - 1 and sample.path.is_file() for sample in data)


def test_train_and_test_are_disjoint_and_together_all_photos(drawn):
    cars = CompCarsDataset(drawn)
    train, test, everything = (set(places(cars.parts(split))) for split in ("train", "test", None))

    assert not train & test
    assert train | test == everything


def test_one_part_reads_its_own_list_alone(lay):
    cars = lay(["1/2/2010/3/a.jpg", "1/2/2010/3/b.jpg", "1/2/2010/4/c.jpg"], train_part_3=["1/2/2010/3/b.jpg"])

    assert places(cars.parts("train", "fog_light")) == ["1/2/2010/3/b.jpg"]


def test_the_label_can_be_the_car_model(lay):
    cars = lay(["12/3/2010/1/a.jpg", "2/40/unknown/2/b.jpg", "2/40/2012/1/c.jpg", "2/7/2012/1/d.jpg"])

    data = cars.parts(label="model")

    assert data.class_names == ("2/7", "2/40", "12/3")
    assert dict(zip(places(data), [sample.class_name for sample in data], strict=True)) == {
        "12/3/2010/1/a.jpg": "12/3",
        "2/40/unknown/2/b.jpg": "2/40",
        "2/40/2012/1/c.jpg": "2/40",
        "2/7/2012/1/d.jpg": "2/7",
    }


def test_models_of_one_part_are_compcars_own_task(drawn):
    data = CompCarsDataset(drawn).parts("train", part="taillight", label="model")

    assert len(data) == len(lines(drawn, "train_part_2"))
    assert {sample.attributes["part"] for sample in data} == {"taillight"}
    assert {sample.class_name for sample in data} == {"/".join(line.split("/")[:2]) for line in lines(drawn, "train_part_2")}


def test_all_missing_photos_of_a_view_are_told_in_one_error(lay):
    rest = {f"test_part_{part}": [] for part in (1, 2, 4, 5, 6, 7, 8)}
    cars = lay(["1/2/2010/3/a.jpg"], **rest | {
        "test_part_3": ["1/2/2010/3/gone1.jpg", "1/2/2010/3/a.jpg", "", "1/2/2010/3/gone2.jpg"],
        "test_part_8": ["1/2/2010/8/gone3.jpg"],
    })  # fmt: skip

    with pytest.raises(DataError) as error:
        cars.parts("test")

    message = str(error.value).splitlines()
    assert message[0].startswith("3 faults in the lists for ")
    assert [line.strip() for line in message[1:-1]] == [
        "test_part_3.txt, line 1: no such photo: '1/2/2010/3/gone1.jpg'",
        "test_part_3.txt, line 4: no such photo: '1/2/2010/3/gone2.jpg'",
        "test_part_8.txt, line 1: no such photo: '1/2/2010/8/gone3.jpg'",
    ]
    assert "split=None (`--split random`) takes what is on disk" in message[-1]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1/2/2010/4/a.jpg", "'1/2/2010/4/a.jpg' is of part 4, the list of part 3"),
        ("1/2/2010/./a.jpg", "expected <make>/<model>/<year>/<part id 1 to 8>/<name>.jpg, got '1/2/2010/./a.jpg'"),
        ("1/2/2010/3/4/a.jpg", "expected <make>/<model>/<year>/<part id 1 to 8>/<name>.jpg, got '1/2/2010/3/4/a.jpg'"),
        ("1/2/2010/a.jpg", "expected <make>/<model>/<year>/<part id 1 to 8>/<name>.jpg, got '1/2/2010/a.jpg'"),
        ("../../2010/3/a.jpg", "'../../2010/3/a.jpg' is not a path below the root"),
        ("/2/2010/3/a.jpg", "expected <make>/<model>/<year>/<part id 1 to 8>/<name>.jpg, got '/2/2010/3/a.jpg'"),
        ("1/2/2010/3/a.jpg 0", "no such photo: '1/2/2010/3/a.jpg 0'"),
    ],
)
def test_a_line_that_contradicts_its_list_or_form_is_told(lay, line, fault):
    cars = lay(["1/2/2010/3/a.jpg", "1/2/2010/4/a.jpg"], train_part_3=["1/2/2010/3/a.jpg", line])

    with pytest.raises(DataError) as error:
        cars.parts("train", 3)

    assert f"1 fault in the lists for '{cars.root / 'data' / 'part'}':\n  train_part_3.txt, line 2: {fault}\n" in str(error.value)


def test_lists_written_on_windows_are_read(lay):
    cars = lay(["1/2/2010/3/a.jpg"], train_part_3=["1/2/2010/3/a.jpg\r"])

    assert places(cars.parts("train", 3)) == ["1/2/2010/3/a.jpg"]


def test_a_list_that_is_not_there_or_no_text_is_told(lay, tmp_path):
    cars = lay(["1/2/2010/3/a.jpg"], train_part_3=[])
    (tmp_path / "data" / "train_test_split" / "part" / "train_part_3.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(DataError, match=r"No such list of the official CompCars download: '.*test_part_3.txt'"):
        cars.parts("test", 3)
    with pytest.raises(DataError, match=r"Cannot read the list '.*train_part_3.txt': .*official CompCars download"):
        cars.parts("train", 3)


def test_a_tree_without_part_photos_is_told_where_they_should_lie(lay, tmp_path):
    (tmp_path / "sv_data").mkdir()

    with pytest.raises(DataError, match=r"No photos below '.*part'. Expected <make>/<model>/<year>/<part id 1 to 8>/<name>.jpg"):
        lay().parts()


def test_a_folder_that_is_no_compcars_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds neither data/ nor sv_data/. Give the folder that CompCars was unpacked in"):
        CompCarsDataset(tmp_path)
    (tmp_path / "data").mkdir()
    assert repr(CompCarsDataset(tmp_path)) == f"CompCarsDataset('{tmp_path}')"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "val"}, "split must be 'train', 'test' or None; got 'val'"),
        ({"label": "make"}, "label must be 'part' or 'model'; got 'make'"),
        ({"part": "headlihgt"}, "Unknown part: 'headlihgt'. Did you mean 'headlight'. Parts are headlight, taillight, .*, or 1 to 8"),
        ({"part": 0}, "Unknown part: 0. Parts are"),
        ({"part": 9}, "Unknown part: 9. Parts are"),
    ],
)
def test_unknown_options_are_refused_by_name(lay, arguments, message):
    with pytest.raises(OptionError, match=message):
        lay(["1/2/2010/3/a.jpg"]).parts(**arguments)


@pytest.mark.photos
def test_the_genuine_lines_of_the_official_list_are_read(lay, shared):
    head = (shared / "data" / "compcars" / "train_test_split" / "part" / "test_part_3.head.txt").read_text("utf-8").splitlines()
    assert len(head) == 16 and head[0] == "78/1/2013/3/7077d15a0da34f.jpg"

    data = lay(head, test_part_3=head).parts("test", "fog_light")

    assert places(data) == head
    assert data[0].attributes == {"make": "78", "model": "1", "year": "2013", "part": "fog_light"}
