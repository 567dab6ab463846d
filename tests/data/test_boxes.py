"""Boxes from lists and from croppers, and the crops that datasets get by them."""

import json
import warnings

import attrs
import numpy as np
import pytest
from PIL import Image

from car_recog.data import crop
from car_recog.data.boxes import MissingBoxesWarning
from car_recog.data.pipeline import load_photos
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError, PluginError, UnknownNameError

HEADER = "path,left,top,right,bottom\n"


@pytest.fixture
def cars(tmp_path):
    """Two photos of 40 x 20 pixels, both named 1.png, and a third one lying on its side: 40 x 20 only once it is upright."""
    for name in ("a/1.png", "b/1.png", "b/2.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = Image.new("RGB", (20, 40) if path.suffix == ".jpg" else (40, 20), "white")
        photo.paste("navy", (10, 5, 20, 15))
        turn = Image.Exif()
        turn[0x0112] = 6
        photo.save(path, exif=turn if path.suffix == ".jpg" else None)
    paths = sorted((tmp_path / "photos").rglob("*.*"))
    return ImageDataset.from_files(paths, ["a", "b", "b"])


@pytest.fixture
def listing(tmp_path):
    def write(content, name="boxes.csv"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture
def asked(monkeypatch):
    """A named cropper with a version that counts how often it is asked."""

    class Counting:
        version, n = 1, 0

        def __call__(self, photo):
            self.n += 1
            return 10, 5, 20, 15

    counting = Counting()
    table = crop.PluginTable("car_recog.none", noun="cropper", listing="-", accept=crop._accept_plugin)
    table.register("counting", counting, owner="the test")
    monkeypatch.setattr(crop, "_TABLE", table)
    return counting


def test_boxes_of_a_csv_file_become_boxes_and_crops(cars, listing):
    path = listing(HEADER + "a/1.png,1,2,11,12\nb\\1.png,-3.5,0,4.2,99\nphotos/b/2.jpg,30,5,40,15\nelsewhere.jpg,0,0,1,1\n")

    cut = cars.with_boxes(path, margin=0.1)

    assert [sample.box for sample in cut] == [(1, 2, 11, 12), (0, 0, 5, 20), (30, 5, 40, 15)]
    assert [sample.crop for sample in cut] == [(0, 1, 12, 13), (0, 0, 5, 22), (29, 4, 41, 16)]
    assert [attrs.evolve(sample, box=None, crop=None) for sample in cut] == list(cars)


def test_of_several_boxes_in_a_coco_file_the_largest_counts_and_photos_without_one_stay_whole(cars, listing):
    images = [{"id": 7, "file_name": "a/1.png"}, {"id": "x", "file_name": "b/1.png"}, {"id": 9, "file_name": "b/2.jpg"}]
    boxes = [(7, [0, 0, 2, 2]), (7, [4, 4, 10, 6]), (7, [8, 8, 3, 3]), (9, [0.5, 0.5, 9, 9])]
    path = listing({"images": images, "annotations": [{"image_id": i, "bbox": box} for i, box in boxes]}, "boxes.json")

    with pytest.warns(MissingBoxesWarning, match=r"^1 of 3 photos have no box and stay whole:\n  .*1.png$"):
        cut = cars.with_boxes(str(path))

    assert [sample.crop for sample in cut] == [(4, 4, 14, 10), None, (0, 0, 10, 10)]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a/1.png,nan,0,1,1", r"line 2: edges must lie within 30000 pixels, got \[nan"),
        ("a/1.png,0,0,inf,1", "line 2: edges must lie within"),
        ("a/1.png,0,0,1e300,1", "line 2: edges must lie within"),
        ("a/1.png,5,0,5,1", "line 2: the box is empty: left 5.0"),
        ("a/1.png,0,9,5,1", "line 2: the box is empty"),
        ("a/1.png,0,0,5", "line 2: expected four numbers, got 3"),
        ("a/1.png,0,0,5,x", "line 2: could not convert string"),
        ("1.png,0,0,5,5", "line 2: '1.png' may be any of 2 photos; write more of its path"),
        ("a/1.png,40,0,50,5", r"a.1.png: the box \(40, 0, 50, 5\) lies outside of a photo of 40x20 pixels"),
        ("a/1.png,-5,-5,0,5", "a.1.png: the box .* lies outside"),
        ('"a', "line 2: unexpected end of data"),
        ("c/1.png,0,0,5,5", "holds no box of any of the 3 photos"),
    ],
)
def test_entries_with_faults_are_told_with_their_line(cars, listing, line, fault):
    with pytest.raises(DataError, match=fault):
        cars.with_boxes(listing(HEADER + line + "\n"))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "is no COCO file: .*JSONDecodeError"),
        ("[" * 100_000, "is no COCO file: .*RecursionError"),
        ([], "is no COCO file: .*TypeError"),
        ({"images": [{"id": [], "file_name": "a"}], "annotations": []}, "is no COCO file: .*TypeError"),
        ({"images": [], "annotations": [{"image_id": 3, "bbox": []}]}, "is no COCO file: .*KeyError: 3"),
        ('{"images": [{"id": 1, "file_name": "x"}], "annotations": [{"image_id": 1, "bbox": [0, 0, NaN, 1]}]}', "annotation 0: edges must"),
        ({"images": [{"id": 1, "file_name": "x"}], "annotations": [{"image_id": 1, "bbox": [0, 0, -2, 1]}]}, "n 0: the box is empty"),
        ({"images": [{"id": 1, "file_name": "x"}], "annotations": [{"image_id": 1, "bbox": "0000"}]}, "n 0: bbox must hold left"),
    ],
)
def test_coco_files_with_faults_are_told(cars, listing, content, fault):
    with pytest.raises(DataError, match=fault):
        cars.with_boxes(listing(content, "boxes.json"))


def test_lists_that_are_none_are_told(cars, listing, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="No such list of boxes"):
        cars.with_boxes(tmp_path / "none.csv")
    with pytest.raises(DataError, match="its first line must be 'path,left,top,right,bottom'"):
        cars.with_boxes(listing("path,x,y,w,h\na,1,2,3,4\n"))
    with pytest.raises(DataError, match="these are arrays"):
        ImageDataset.from_arrays(np.zeros((1, 8, 8, 3), np.uint8), ["a"]).with_boxes(listing(HEADER))
    monkeypatch.setattr("car_recog.data.lists.MAX_LIST_BYTES", 9)
    with pytest.raises(DataError, match="is larger than"):
        cars.with_boxes(listing(HEADER))


@pytest.mark.parametrize("margin", [-0.1, 1.5, float("nan")])
def test_a_margin_that_makes_no_sense_is_told(cars, margin):
    with pytest.raises(OptionError, match="margin must lie in"):
        cars.with_boxes("plain_background", margin=margin)


def test_a_cropper_says_what_is_read_of_files_and_of_arrays_alike(cars):
    cut = cars[:2].with_boxes("plain_background")
    arrays = ImageDataset.from_arrays(load_photos(cars[:2], image_size=(20, 40)).read(np.arange(2)), ["a", "b"])

    read = load_photos(cut, image_size=(8, 8)).read(np.arange(2))

    assert {sample.crop for sample in cut} == {sample.crop for sample in arrays.with_boxes("plain_background")} == {(10, 5, 20, 15)}
    assert (read == (0, 0, 128)).all()


def test_a_broken_photo_has_no_box(cars, listing):
    cars[0].path.write_bytes(b"no photo")

    for source in (lambda photo: np.array([0, 0, 9.5, 9]), listing(HEADER + "a/1.png,0,0,9,9\nb/1.png,0,0,9.5,9\nb/2.jpg,0,0,10,9\n")):
        with pytest.warns(MissingBoxesWarning, match="1 of 3"):
            assert [sample.box for sample in cars.with_boxes(source)] == [None, (0, 0, 10, 9), (0, 0, 10, 9)]


@pytest.mark.parametrize("answer", [(1, 2, 3), "box", (5, 5, 5, 9), (50, 0, 60, 9), (0, 0, float("nan"), 4), 7])
def test_a_cropper_that_gives_no_box_is_named_with_the_photo(cars, answer):
    def clumsy(photo):
        return answer

    with pytest.raises(PluginError, match="The cropper 'clumsy' fails on '.*1.png': (Value|Type)Error"):
        cars.with_boxes(clumsy)


def test_what_is_neither_a_file_nor_a_cropper_is_told(cars):
    with pytest.raises(UnknownNameError, match="Unknown cropper: 'plain'"):
        cars.with_boxes("plain")
    with pytest.raises(OptionError, match=r"Boxes come from .*; got 7"):
        cars.with_boxes(7)


def test_a_cropper_with_a_version_is_asked_once_for_each_file(cars, asked, monkeypatch):
    monkeypatch.setattr("car_recog.data.memo._RACY_NS", 0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, again = cars.with_boxes("counting"), cars.with_boxes("counting")
    assert asked.n == 3 and list(first) == list(again)

    asked.version = 2
    cars.with_boxes("counting")
    assert asked.n == 6

    cars[0].path.write_bytes(cars[1].path.read_bytes() + b"\0")
    cars.with_boxes("counting")
    assert asked.n == 7
