"""Whole cars of a CompCars tree: classes, official lists, viewpoints and boxes."""

from pathlib import Path

import numpy as np
import pytest

from car_recog.data.compcars import CompCarsDataset
from car_recog.data.images import decode
from car_recog.data.pipeline import load_photos
from car_recog.errors import DataError, OptionError


@pytest.fixture
def lay(lay_files):
    """Lay whole cars (empty files) with the texts of their labels, None for none, and classification lists into a tree."""

    def lay_tree(labels, **lists):
        files = {f"data/image/{place}": "" for place in labels}
        files |= {f"data/label/{Path(place).with_suffix('.txt')}": label for place, label in labels.items() if label is not None}
        for name, lines in lists.items():
            files[f"data/train_test_split/classification/{name}.txt"] = "\n".join(lines)
        return CompCarsDataset(lay_files(files))

    return lay_tree


def places(data):
    return ["/".join(sample.path.parts[-4:]) for sample in data]


def classes(data):
    return [(sample.class_id, sample.class_name) for sample in data]


def boxes(data):
    return {sample.path.stem: sample.box for sample in data}


def test_models_and_makes_are_told_by_the_path_and_ordered_by_their_ids(lay):
    cars = lay(dict.fromkeys(["12/3/2010/a.jpg", "2/40/unknown/b.JPG", "2/7/2012/c.jpg", "2/40/5008/d.jpg", "2/7/Thumbs.db"]))

    models, makes = cars.models(), cars.makes()

    assert models.class_names == ("2/7", "2/40", "12/3") and makes.class_names == ("2", "12")
    assert places(models) == places(makes) == ["12/3/2010/a.jpg", "2/40/5008/d.jpg", "2/40/unknown/b.JPG", "2/7/2012/c.jpg"]
    assert classes(models) == [(2, "12/3"), (1, "2/40"), (1, "2/40"), (0, "2/7")]
    assert classes(makes) == [(1, "12"), (0, "2"), (0, "2"), (0, "2")]
    assert models[2].attributes == {"make": "2", "model": "40", "year": "unknown"}


def test_the_official_lists_make_up_the_splits(drawn):
    cars = CompCarsDataset(drawn)

    for split in ("train", "test"):
        lines = (drawn / f"data/train_test_split/classification/{split}.txt").read_text("utf-8").split()
        assert places(cars.models(split)) == places(cars.makes(split)) == lines
        assert [sample.class_name for sample in cars.models(split)] == ["/".join(line.split("/")[:2]) for line in lines]
    assert sorted(places(cars.models("train")) + places(cars.models("test"))) == sorted(places(cars.models()))


def test_viewpoint_and_box_come_from_the_label(lay):
    cars = lay(
        {
            "1/1/2010/a.jpg": "1\n1\n124 33 674 480\n",
            "1/1/2010/b.jpg": "-1\r\n1\r\n1 1 1 2\r\n",
            "1/1/2010/c.jpg": "4\n1\n0 -3 20 30",
            "1/1/2010/d.jpg": None,
        }
    )

    data = cars.models()

    # On disk boxes count from 1 and include their last pixel; what lies outside the photo is cut off.
    assert boxes(data) == {"a": (123, 32, 674, 480), "b": None, "c": (0, 0, 20, 30), "d": None}
    assert [sample.attributes.get("viewpoint") for sample in data] == ["front", "uncertain", "front-side", None]
    assert all(sample.crop is None for sample in data)
    assert [sample.crop for sample in cars.makes(crop_to_box=True)] == [sample.box for sample in data]


@pytest.mark.parametrize("box", ["231 139 231 139", "131 1 134 -14", "9 1 5 20", "3 5 20 5", "-9 1 0 20"])
def test_a_box_that_encloses_nothing_is_none(lay, box):
    data = lay({"1/1/2010/a.jpg": f"3\n1\n{box}\n"}).models(crop_to_box=True)

    assert data[0].box is None and data[0].crop is None and data[0].attributes["viewpoint"] == "side"


def test_labels_that_are_none_are_told_together(lay):
    broken = [b"", b"garbage\xff", b"6\n1\n1 2 3 4", b"1\n2\n1 2 3 4", b"1\n1\n1 2 3", b"1\n1\n1 2 3 4 " + b"5" * 9999]
    cars = lay({f"1/2/2010/{i}.jpg": label for i, label in enumerate(broken)} | {"1/2/2010/good.jpg": "1\n1\n1 2 3 4"})
    (cars.root / "data" / "label" / "1/2/2010/good.txt").rename(cars.root / "data" / "label" / "1/2/2010/odd.txt")
    (cars.root / "data" / "label" / "1/2/2010/good.txt").mkdir()

    with pytest.raises(DataError) as error:
        cars.makes()

    first, *faults, advice = str(error.value).splitlines()
    assert first.startswith("7 faults in the labels below '") and advice.startswith("Expected three lines: viewpoint (-1 or 1 to 5)")
    assert [fault.split(":")[0].strip() for fault in faults] == [f"1/2/2010/{i}.txt" for i in range(6)] + ["1/2/2010/good.txt"]
    assert faults[1].endswith(r": b'garbage\xff'") and all(len(fault) < 80 for fault in faults)


def test_of_many_faults_twenty_are_shown(lay):
    cars = lay({"1/2/2010/a.jpg": None}, test=[f"1/2/2010/gone{i}.jpg" for i in range(23)])

    with pytest.raises(DataError) as error:
        cars.models("test")

    first, *faults, last, advice = str(error.value).splitlines()
    assert first.startswith("23 faults in the lists for '") and last == "  and 3 more" and "split=None" in advice
    assert faults == [f"  test.txt, line {i + 1}: no such photo: '1/2/2010/gone{i}.jpg'" for i in range(20)]


def test_a_tree_without_cars_and_an_unknown_split_are_told(lay):
    cars = lay({"1/2/2010/a.txt": None})

    with pytest.raises(DataError, match=r"No photos below '.*image'. Expected <make>/<model>/<year>/<name>.jpg."):
        cars.models()
    with pytest.raises(DataError, match=r"No such list of the official CompCars download: '.*test.txt'"):
        cars.makes("test")
    with pytest.raises(OptionError, match="split must be 'train', 'test' or None; got 'val'"):
        cars.makes("val")


def test_models_decode_whole_or_cropped_to_the_car(drawn):
    cars = CompCarsDataset(drawn)
    whole, cropped = cars.models("train"), cars.models("train", crop_to_box=True)

    pixels = [load_photos(data, image_size=(32, 32)).read(np.arange(len(data))) for data in (whole, cropped)]

    for place, (sample, photo, part) in enumerate(zip(cropped, *pixels, strict=True)):
        label = (drawn / "data" / "label" / Path(*sample.path.parts[-4:])).with_suffix(".txt").read_text("utf-8").split()
        x1, y1, x2, y2 = map(int, label[2:])
        full = decode(sample.path)
        assert np.array_equal(photo, decode(full, image_size=(32, 32))), place
        assert np.array_equal(part, decode(full[y1 - 1 : y2, x1 - 1 : x2], image_size=(32, 32))), place
    assert not np.array_equal(*pixels)
