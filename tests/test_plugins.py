"""The table that plug-ins extend: names, owners, and plug-ins that are broken."""

import sys
from types import SimpleNamespace

import pytest
from importlib_metadata import EntryPoint

from car_recog.errors import PluginError, UnknownNameError
from car_recog.plugins import PluginTable

GROUP = "car_recog.toys"


def accept_text(name, loaded):
    if not isinstance(loaded, str):
        raise TypeError(f"expected text, got {type(loaded).__name__}")
    return loaded


@pytest.fixture
def offer(monkeypatch):
    """Pretend that packages are installed: call it with (package, name, value) triples."""

    def install(*offers):
        points = [EntryPoint(name=name, value=value, group=GROUP)._for(SimpleNamespace(name=package)) for package, name, value in offers]
        monkeypatch.setattr("car_recog.plugins.entry_points", lambda group: [point for point in points if point.group == group])

    install()
    return install


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Two modules that can be imported, one whole and one broken; neither has been."""
    (tmp_path / "whole_toys.py").write_text('BALL = "round"\nNUMBER = 3\n')
    (tmp_path / "broken_toys.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("whole_toys", "broken_toys"):
        sys.modules.pop(name, None)


def make_table(group=GROUP):
    return PluginTable(group, noun="toy", listing="`toys list`", accept=accept_text)


@pytest.fixture
def table(offer):
    """A table in which a kite is registered."""
    made = make_table()
    made.register("kite", "flies", owner="this program")
    return made


def test_a_registered_thing_is_found_by_its_name(table):
    assert table.get("kite") == "flies"
    assert table.owner("kite") == "this program"


def test_names_of_both_kinds_are_listed_in_order(offer, table):
    offer(("toy-shop", "ball", "whole_toys:BALL"))
    table.register("abacus", "counts", owner="this program")

    assert table.names() == ["abacus", "ball", "kite"]


def test_an_unknown_name_suggests_the_nearest_and_says_where_more_come_from(table):
    with pytest.raises(UnknownNameError) as caught:
        table.get("kyte")

    assert str(caught.value) == (
        "Unknown toy: 'kyte'. Did you mean 'kite'?\nPlugins add more through the 'car_recog.toys' entry-point group; `toys list` lists all."
    )


def test_a_plugin_is_loaded_when_it_is_asked_for(offer, modules, table):
    offer(("toy-shop", "ball", "whole_toys:BALL"))

    assert table.get("ball") == "round"
    assert table.get("ball") == "round"
    assert table.owner("ball") == "the package 'toy-shop'"


def test_listing_and_missing_import_no_plugin(offer, modules, table):
    offer(("toy-shop", "ball", "whole_toys:BALL"), ("junk-shop", "robot", "broken_toys:ROBOT"))

    table.names()
    table.owner("robot")
    with pytest.raises(UnknownNameError):
        table.get("balloon")

    assert "whole_toys" not in sys.modules
    assert "broken_toys" not in sys.modules


def test_a_plugin_of_another_group_is_not_listed(offer):
    offer(("toy-shop", "ball", "whole_toys:BALL"))

    assert make_table("car_recog.tools").names() == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("broken_toys:ROBOT", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("whole_toys:ROBOT", "AttributeError"),
        ("whole_toys:NUMBER", "TypeError: expected text, got int"),
    ],
)
def test_a_broken_plugin_is_named_with_its_package_and_its_reason(offer, modules, value, reason):
    offer(("junk-shop", "robot", value))

    with pytest.raises(PluginError) as caught:
        make_table().get("robot")

    assert f"The toy plug-in 'robot' ({value}) of the package 'junk-shop' is broken: {reason}" in str(caught.value)
    assert "Update or uninstall that package" in str(caught.value)


def test_everything_else_works_beside_a_broken_plugin(offer, modules, table):
    offer(("junk-shop", "robot", "broken_toys:ROBOT"), ("toy-shop", "ball", "whole_toys:BALL"))
    with pytest.raises(PluginError, match="junk-shop"):
        table.get("robot")

    assert table.get("ball") == "round"
    assert table.get("kite") == "flies"
    assert table.names() == ["ball", "kite", "robot"]


def test_a_name_registered_twice_names_both_owners(table):
    with pytest.raises(PluginError, match=r"The toy 'kite' is registered twice: by this program and by car-recog\. Rename one of them\."):
        table.register("kite", "falls", owner="car-recog")
    assert table.get("kite") == "flies"


def test_a_registered_name_that_a_package_also_offers_is_refused_and_names_both(offer, modules, table):
    offer(("toy-shop", "ball", "whole_toys:BALL"))
    table.register("ball", "square", owner="car-recog")

    with pytest.raises(PluginError, match="'ball' is offered by car-recog and by the package 'toy-shop'"):
        table.get("ball")


def test_a_package_that_takes_a_built_in_name_leaves_the_others_working(offer, modules, table):
    offer(("toy-shop", "ball", "whole_toys:BALL"))
    table.register("ball", "square", owner="car-recog")

    assert table.get("kite") == "flies"
    assert table.names() == ["ball", "kite"]


def test_the_name_of_a_loaded_plugin_cannot_be_registered(offer, modules, table):
    offer(("toy-shop", "ball", "whole_toys:BALL"))
    table.get("ball")

    with pytest.raises(PluginError, match="'ball' is registered twice: by the package 'toy-shop' and by this program"):
        table.register("ball", "square", owner="this program")


def test_a_name_that_two_packages_offer_is_refused_and_names_both(offer, modules):
    offer(("toy-shop", "ball", "whole_toys:BALL"), ("junk-shop", "ball", "whole_toys:BALL"))

    with pytest.raises(PluginError, match="'ball' is offered by the package 'toy-shop' and by the package 'junk-shop'"):
        make_table().get("ball")


def test_one_package_that_offers_a_name_twice_is_refused(offer, modules):
    offer(("toy-shop", "ball", "whole_toys:BALL"), ("toy-shop", "ball", "whole_toys:NUMBER"))

    with pytest.raises(PluginError, match="'ball' is offered by the package 'toy-shop' and by the package 'toy-shop'"):
        make_table().get("ball")
