"""Trees laid out with the genuine records, labels, lists and names of CompCars; the photos are empty files."""

import csv
import runpy
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from car_recog.data.compcars import CompCarsDataset

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "compcars_records.py"
VIEWPOINTS = {-1: "uncertain", 1: "front", 2: "rear", 3: "side", 4: "front-side", 5: "rear-side"}

pytestmark = pytest.mark.photos


@pytest.fixture(scope="session")
def genuine(shared):
    return shared / "data" / "compcars"


@pytest.fixture
def lay(genuine, tmp_path):
    """Lay out genuine records; gives the tree and the records."""
    script = runpy.run_path(str(BENCHMARK))

    def lay_tree(*limit):
        records = list(islice(script["read_records"](genuine / "records"), *limit))
        script["lay_out"](records, tmp_path)
        return CompCarsDataset(tmp_path), dict(records)

    return lay_tree


def by_place(data):
    return {"/".join(sample.path.parts[-4:]): sample for sample in data}


def check(samples, records):
    """Compare every sample with its record; gives the places without a box."""
    assert samples.keys() == records.keys()
    for place, (viewpoint, x1, y1, x2, y2) in records.items():
        sample = samples[place]
        assert sample.attributes["viewpoint"] == VIEWPOINTS[viewpoint]
        assert sample.box in (None, (x1 - 1, y1 - 1, x2, y2))
    return [records[place] for place, sample in samples.items() if sample.box is None]


def write_names(root, records_folder):
    """Write the genuine names, as far as the records have them, as CompCars' own file of names."""
    makes, models = np.full((163, 1), "", object), np.full((2004, 1), "", object)
    with (records_folder / "front_rear_named.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            make, model = row["image_path"].split("/")[2:4]
            makes[int(make) - 1], models[int(model) - 1] = row["make"], row["model"]
    (root / "data" / "misc").mkdir()
    savemat(root / "data" / "misc" / "make_model_name.mat", {"make_names": makes, "model_names": models}, do_compression=True)
    return makes[:, 0].tolist(), models[:, 0].tolist()


def test_a_few_genuine_records_are_read(lay):
    cars, records = lay(0, 136_726, 400)

    samples = by_place(cars.models())

    assert len(samples) == 342
    assert check(samples, records) == []
    assert all(sample.class_name == "/".join(place.split("/")[:2]) for place, sample in samples.items())


def test_the_genuine_label_file_is_read(genuine, tmp_path):
    (label,) = (genuine / "label").rglob("*.txt")
    place = label.relative_to(genuine / "label")
    for kind, path in (("image", place.with_suffix(".jpg")), ("label", place)):
        (tmp_path / "data" / kind / path).parent.mkdir(parents=True)
        (tmp_path / "data" / kind / path).write_bytes(label.read_bytes())

    (sample,) = CompCarsDataset(tmp_path).models(crop_to_box=True)

    # The file reads 1, 1, 124 33 674 480.
    assert sample.box == sample.crop == (123, 32, 674, 480)
    assert sample.attributes == {"make": "1", "model": "1101", "year": "2011", "viewpoint": "front"}


def test_the_genuine_lists_and_names_of_the_surveillance_set_are_read(genuine, tmp_path):
    (tmp_path / "sv_data").mkdir()
    for path in (genuine / "sv_data").iterdir():
        (tmp_path / "sv_data" / path.name).write_bytes(path.read_bytes())
    lists = {split: (genuine / "sv_data" / f"{split}_surveillance.txt").read_text().split() for split in ("train", "test")}
    for folder in range(1, 282):
        (tmp_path / "sv_data" / "image" / str(folder)).mkdir(parents=True)
    for line in lists["train"] + lists["test"]:
        (tmp_path / "sv_data" / "image" / line).touch()
    cars = CompCarsDataset(tmp_path)

    data = {split: cars.surveillance(split) for split in ("train", "test", None)}

    assert {split: len(side) for split, side in data.items()} == {"train": 31_148, "test": 13_333, None: 44_481}
    assert ["/".join(sample.path.parts[-2:]) for sample in data["train"]] == lists["train"]
    assert len(data[None].class_names) == 281 and len(set(cars.surveillance(label="make").class_names)) == 68
    assert data["train"][0].class_name == data[None].class_names[0] == "Besturn/Besturn X80"
    assert data["train"][0].attributes == {"make": "Besturn", "model": "Besturn X80", "model_id": "366"}
    assert "Hyundai/i30" in data[None].class_names


@pytest.mark.slow
def test_all_genuine_records_are_read_and_named(lay, genuine):
    cars, records = lay(None)
    by_id = cars.models()
    makes, models = write_names(cars.root, genuine / "records")
    named = CompCarsDataset(cars.root)

    samples = by_place(named.models())

    assert len(samples) == len(by_id) == 136_726
    assert Counter(sample.attributes["viewpoint"] for sample in samples.values()) == {
        "uncertain": 780, "front": 18_431, "rear": 13_513, "side": 23_551, "front-side": 49_301, "rear-side": 31_150,
    }  # fmt: skip
    assert sum(sample.attributes["year"] == "unknown" for sample in samples.values()) == 343
    flat = check(samples, records)
    assert len(flat) == 10 and all(x2 <= x1 or y2 <= y1 for _, x1, y1, x2, y2 in flat)
    assert len(by_id.class_names) == 1716 and len(named.makes().class_names) == 163
    assert [name for name in named.makes().class_names if " (" in name] == ["Lotus (133)", "Lotus (141)"]
    assert [sample.class_id for sample in samples.values()] == by_id.labels.tolist()
    for place, sample in samples.items():
        make, model = place.split("/")[:2]
        assert sample.attributes["make"] == (makes[int(make) - 1].strip() or make)
        assert sample.attributes["model"] == (models[int(model) - 1].strip() or model)
