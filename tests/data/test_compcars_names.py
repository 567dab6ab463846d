"""Names and properties of makes and models, and the surveillance set, whose classes are told by names alone."""

import sys

import numpy as np
import pytest
from scipy.io import savemat

from car_recog.data.compcars import CompCarsDataset
from car_recog.data.compcars_names import MissingNamesWarning
from car_recog.errors import DataError, OptionError

HEADER = "model_id maximum_speed displacement door_number seat_number type\n"


def cells(*rows):
    """Make an array of MATLAB cells from rows, which are tuples or one value; None is an empty cell."""
    rows = [row if isinstance(row, tuple) else (row,) for row in rows]
    table = np.empty((len(rows), len(rows[0])), object)
    table[:] = [[np.array([]) if value is None else value for value in row] for row in rows]
    return table


@pytest.fixture
def lay(lay_files):
    """Lay photos (empty files) and files of data/misc: a text, or what a MATLAB file holds."""

    def lay_tree(photos, **misc):
        texts = {f"data/misc/{name}.txt": content for name, content in misc.items() if isinstance(content, str)}
        folder = lay_files(dict.fromkeys((*photos, "data/misc/x"), "") | texts)
        for name, content in misc.items():
            if not isinstance(content, str):
                savemat(folder / "data" / "misc" / f"{name}.mat", content)
        return CompCarsDataset(folder)

    return lay_tree


NAMED = ["data/image/1/2/2010/a.jpg", "data/image/2/4/2011/b.jpg", "data/image/3/5/2012/c.jpg", "data/image/2/9/2012/d.jpg"]
NAMES = {
    "make_names": cells("Lotus", "Hyundai ", "Lotus"),
    "model_names": cells(None, "Elise", None, "i30", "Exige", "Never seen"),
}


@pytest.fixture
def surveillance(lay_files, tmp_path):
    """Lay two folders of the surveillance set, with their lists and names."""
    lay_files({f"sv_data/image/{folder}/x.jpg": "" for folder in (1, 2, 10)} | {"sv_data/test_surveillance.txt": "10/x.jpg\n1/x.jpg\n"})
    rows = [("Audi", f"Audi A{i}", i + 20) for i in range(10)]
    rows[1] = ("Hyundai ", "i30", 21)
    savemat(tmp_path / "sv_data" / "sv_make_model_name.mat", {"sv_make_model_name": cells(*rows)})
    return tmp_path


def without_scipy(patch):
    patch.setitem(sys.modules, "scipy", None)


def test_makes_and_models_go_by_their_names_in_the_order_of_their_ids(lay):
    cars = lay(NAMED, make_model_name=NAMES)

    # Two makes share a name; model 9 has no row.
    assert cars.makes().class_names == ("Lotus (1)", "Hyundai", "Lotus (3)")
    assert cars.models().class_names == ("Lotus (1)/Elise", "Hyundai/i30", "Hyundai/9", "Lotus (3)/Exige")
    assert [dict(sample.attributes) for sample in cars.models()][::2] == [
        {"make": "Lotus", "model": "Elise", "year": "2010", "make_id": "1", "model_id": "2"},
        {"make": "Hyundai", "model": "9", "year": "2012", "make_id": "2"},
    ]


def test_parts_are_named_as_their_models(lay):
    cars = lay(["data/part/2/4/2010/3/a.jpg", "data/part/77/3/2010/3/b.jpg"], make_model_name=NAMES)

    data = cars.parts(label="model")

    assert data.class_names == ("Hyundai/i30", "77/3")
    assert data[0].attributes == {
        "make": "Hyundai", "model": "i30", "year": "2010", "make_id": "2", "model_id": "4", "part": "fog_light",
    }  # fmt: skip
    assert data[1].attributes == {"make": "77", "model": "3", "year": "2010", "part": "fog_light"}


def test_properties_are_worded_and_what_is_unknown_is_left_out(lay):
    table = f"{HEADER}2 235 1.8 5 5 2\n4 0 0 0 0 0\n5 180 0 4 5 12\n"
    cars = lay(NAMED, attributes=table, car_type={"types": cells("MPV", "SUV").T})

    facts = [dict(sample.attributes) for sample in cars.models()]

    assert facts[0] == {
        "make": "1", "model": "2", "year": "2010",
        "maximum_speed": "235", "displacement": "1.8", "doors": "5", "seats": "5", "type": "SUV",
    }  # fmt: skip
    assert facts[1] == {"make": "2", "model": "4", "year": "2011"}
    assert facts[3] == {"make": "3", "model": "5", "year": "2012", "maximum_speed": "180", "doors": "4", "seats": "5", "type": "12"}


def test_without_scipy_ids_are_names_and_one_warning_says_what_to_install(lay, monkeypatch):
    cars = lay(NAMED, make_model_name=NAMES, car_type={"types": cells("MPV").T}, attributes=f"{HEADER}2 0 0 0 5 1\n")
    without_scipy(monkeypatch)

    with pytest.warns(MissingNamesWarning, match=r"make_model_name.mat' need SciPy .* pip install 'car-recog\[mat\]'") as told:
        data = cars.models()

    assert len(told) == 1 and told[0].filename == __file__
    assert cars.makes().class_names == ("1", "2", "3")  # without another warning
    assert data.class_names == ("1/2", "2/4", "2/9", "3/5")
    assert data[0].attributes == {"make": "1", "model": "2", "year": "2010", "seats": "5", "type": "1"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"make_names": cells("Audi")}, "a cell array 'model_names'"),
        ({"make_names": np.ones(3)}, "a cell array 'make_names'"),
        ({"make_names": cells(("Audi", "BMW"), ("Lotus", "Saab"))}, "one row or one column of texts as 'make_names'"),
        ({"make_names": cells("Audi", np.array([1.5]))}, "cells of one text or whole number each"),
    ],
    ids=["no names of models", "no cells", "a table", "a number with a fraction"],
)
def test_a_name_file_of_another_shape_is_told(lay, content, message):
    with pytest.raises(DataError, match=rf"make_model_name.mat' is not as CompCars has it: expected {message}. Restore"):
        lay(NAMED, make_model_name=content).models()


def test_a_name_file_that_is_broken_or_huge_is_told(lay, tmp_path):
    cars = lay(NAMED)
    path = tmp_path / "data" / "misc" / "make_model_name.mat"
    path.write_bytes(b"no MATLAB file" * 99)

    with pytest.raises(DataError, match=r"Cannot read '.*make_model_name.mat' as a MATLAB file: .*official CompCars download"):
        cars.models()
    with path.open("r+b") as file:
        file.truncate(16 * 2**20 + 1)
    with pytest.raises(DataError, match=r"make_model_name.mat' is larger than 16 MiB"):
        cars.models()


def test_a_table_of_properties_of_another_form_is_told(lay):
    for table in ("", "2 235 1.8 5 5 2\n"):
        with pytest.raises(DataError, match=rf"attributes.txt' must begin with the line '{HEADER[:-1]}'; got '"):
            lay(NAMED, attributes=table).models()
    with pytest.raises(DataError, match=r"2 faults in '.*attributes.txt':\n  line 2: expected 6 numbers, got '2 235'\n  line 4: .*'5 1 x"):
        lay(NAMED, attributes=f"{HEADER}2 235\n3 0 0 0 0 0\n5 1 x 4 5 3").models()


# The surveillance set


def test_surveillance_photos_are_named_by_their_own_table(surveillance):
    cars = CompCarsDataset(surveillance)

    models, makes = cars.surveillance("test"), cars.surveillance(label="make")

    assert models.class_names == ("Audi/Audi A0", "Audi/Audi A9")
    assert [(sample.path.parent.name, sample.class_id) for sample in models] == [("10", 1), ("1", 0)]
    assert makes.class_names == ("Audi", "Hyundai")
    assert [(sample.path.parent.name, sample.class_name) for sample in makes] == [("1", "Audi"), ("10", "Audi"), ("2", "Hyundai")]
    assert makes[2].attributes == {"make": "Hyundai", "model": "i30", "model_id": "21"}


def test_surveillance_photos_take_the_properties_of_their_model(surveillance):
    (surveillance / "data" / "misc").mkdir(parents=True)
    (surveillance / "data" / "misc" / "attributes.txt").write_text(f"{HEADER}21 235 1.8 5 5 0\n")

    data = CompCarsDataset(surveillance).surveillance()

    assert data[2].attributes["model"] == "i30" and data[2].attributes["maximum_speed"] == "235"
    assert "maximum_speed" not in data[0].attributes


def test_without_names_surveillance_photos_go_by_their_folder(surveillance, monkeypatch):
    without_scipy(monkeypatch)
    cars = CompCarsDataset(surveillance)

    with pytest.warns(MissingNamesWarning, match="sv_make_model_name.mat' need SciPy") as told:
        data = cars.surveillance()

    assert told[0].filename == __file__
    assert data.class_names == ("1", "2", "10")
    assert data[1].class_name == "10" and data[1].attributes == {"model": "10"}
    with pytest.raises(OptionError, match=r"label='make' needs '.*sv_make_model_name.mat'.* pip install 'car-recog\[mat\]'"):
        cars.surveillance(label="make")


def test_faults_of_the_surveillance_set_are_told(surveillance):
    cars = CompCarsDataset(surveillance)
    (surveillance / "sv_data" / "train_surveillance.txt").write_text("1/gone.jpg\nx.jpg\n")

    with pytest.raises(DataError, match=r"2 faults .*\n  train_surveillance.txt, line 1: no such photo: '1/gone.jpg'\n.*<folder>"):
        cars.surveillance("train")
    with pytest.raises(OptionError, match="label must be 'model' or 'make'; got 'part'"):
        cars.surveillance(label="part")
    with pytest.raises(OptionError, match="split must be 'train', 'test' or None; got 'val'"):
        cars.surveillance("val")
    savemat(surveillance / "sv_data" / "sv_make_model_name.mat", {"sv_make_model_name": cells(("Audi", "Audi Q5"))})
    with pytest.raises(DataError, match=r"sv_make_model_name.mat' is not as CompCars has it: expected rows of make, model and model id"):
        CompCarsDataset(surveillance).surveillance()
