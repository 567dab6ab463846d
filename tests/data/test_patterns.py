"""What names of photos tell: common schemes, and which groups make up the class."""

from pathlib import Path

import pytest

from car_recog.data.patterns import read_names
from car_recog.errors import DataError, OptionError

AUDI = {"make": "Audi", "model": "A4", "year": "2012"}


def read(name, pattern, label=None):
    return read_names([Path("photos") / name], pattern, root=Path("photos"), label=label)[0][1]


@pytest.mark.parametrize(
    ("pattern", "name", "make", "model", "year"),
    [
        ("make_model_year", "Acura_ILX_2013_28_16_110_FWD_aWg.jpg", "Acura", "ILX", "2013"),
        ("make_model_year", "Alfa Romeo_4C_2019.jpg", "Alfa Romeo", "4C", "2019"),
        ("make_model_year", "BMW_3_Series_1999-2.png", "BMW", "3_Series", "1999"),
        ("make_model_year", "Peugeot_2008_2016_x.jpg", "Peugeot", "2008", "2016"),
        ("make$$model$$year", "Porsche$$718 Boxster$$2017$$Blue$$71_2$$22$$image_0.jpg", "Porsche", "718 Boxster", "2017"),
        ("make$$model$$year", "Porsche$$911$$2001.jpg", "Porsche", "911", "2001"),
        ("make/model/year", "Audi/A4/2012/1.jpg", "Audi", "A4", "2012"),
        ("make/model/year", "Audi/A4/2012 facelift/old/1.jpg", "Audi", "A4", "2012"),
    ],
)
def test_common_schemes_tell_make_model_and_year_whatever_follows(pattern, name, make, model, year):
    assert read(name, pattern) == {"make": make, "model": model, "year": year, "label": f"{make}/{model}"}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("make_model_year", "Audi_A4.jpg"),
        ("make_model_year", "Audi_A4_201212.jpg"),
        ("make_model_year", "_A4_2012.jpg"),
        ("make_model_year", "Audi_2012.jpg"),
        ("make$$model$$year", "Audi$A4$2012.jpg"),
        ("make$$model$$year", "Audi$$A4$$1812.jpg"),
        ("make/model/year", "Audi/2012/1.jpg"),
        ("make/model/year", "Audi/A4/2012.jpg"),
    ],
)
def test_names_of_another_scheme_tell_nothing(pattern, name):
    assert read(name, pattern) is None


@pytest.mark.parametrize(
    ("label", "class_name"),
    [("make", "Audi"), ("model", "Audi/A4"), ("year", "Audi/A4/2012"), (["year"], "2012"), (("model", "year"), "A4/2012")],
)
def test_a_level_takes_those_above_along_and_a_list_is_taken_as_it_stands(label, class_name):
    assert read("Audi_A4_2012.jpg", "make_model_year", label) == AUDI | {"label": class_name}


def test_any_group_can_be_the_class_and_needs_a_match():
    pattern = r"(?P<label_model>[^_]+)_(?P<colour>[^_]+)?_(?P<label>\d)"

    assert read("A4_red_7.jpg", pattern, "colour") == {"model": "A4", "colour": "red", "label": "red"}
    assert read("A4_red_7.jpg", pattern, "model")["label"] == "A4"  # there is no make to take along
    assert read("A4_red_7.jpg", pattern)["label"] == "A4/7"
    assert read("A4__7.jpg", pattern, "colour") is None


def test_labels_and_schemes_that_do_not_exist_are_told():
    with pytest.raises(OptionError, match=r"label must name groups of the label_pattern: make, model, year; got 'colour'"):
        read("Audi_A4_2012.jpg", "make_model_year", "colour")
    with pytest.raises(OptionError, match=r"got \[\]"):
        read("Audi_A4_2012.jpg", "make_model_year", [])
    with pytest.raises(DataError, match=r"Did you mean 'make_model_year'\? Common schemes have names: make_model_year, make\$\$model"):
        read("Audi_A4_2012.jpg", "make_model_yaer")
