"""`car-recog backbones`: every backbone, and plug-ins that are broken."""

import pytest

from car_recog import list_backbones
from car_recog.backbones import get_backbone
from car_recog.errors import PluginError


@pytest.fixture
def broken_plugin(monkeypatch):
    """Pretend that an installed package offers `dream_net`, which cannot be imported."""

    def get(name):
        if name == "dream_net":
            raise PluginError("The backbone plug-in 'dream_net' (dreams:net) of the package 'car-dreams' is broken: ImportError: no dreams")
        return get_backbone(name)

    owners = {"dream_net": "the package 'car-dreams'", "tiny_cnn": "car-recog"}
    monkeypatch.setattr("car_recog.cli.backbones.list_backbones", lambda pattern="*": list(owners))
    monkeypatch.setattr("car_recog.cli.backbones.backbone_owner", owners.get)
    monkeypatch.setattr("car_recog.cli.backbones.get_backbone", get)


def test_every_backbone_is_a_row(run):
    done = run("backbones")

    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()[2:]] == list_backbones()


def test_a_row_says_what_must_be_known_before_choosing(run):
    done = run("backbones", "inception_v3")

    row = done.out.splitlines()[2]
    for fact in ("inception_v3", "299x299", "75x75", "imagenet", "car-recog", "to [-1, 1]", "Apache-2.0", "arXiv:1512.00567"):
        assert fact in row


def test_a_pattern_chooses_names(run):
    done = run("backbones", "mobilenet_v3*", "--json")

    assert [fact["name"] for fact in done.json()] == ["mobilenet_v3_large", "mobilenet_v3_small"]


def test_json_holds_every_fact(run):
    (fact,) = run("backbones", "tiny_cnn", "--json").json()

    assert fact["image_size"] == [96, 96]
    assert fact["min_image_size"] == [16, 16]
    assert fact["weights"] == []
    assert fact["owner"] == "car-recog"
    assert fact["error"] is None


def test_a_pattern_that_matches_nothing_suggests_a_name(run):
    done = run("backbones", "resnet5O")

    assert done.code == 2
    assert done.err == "error: No backbone matches 'resnet5O'. Did you mean 'resnet50'?\n"


def test_a_broken_plugin_is_a_row_and_does_not_hide_the_others(run, broken_plugin):
    done = run("backbones")

    dream, tiny = done.out.splitlines()[2:]
    assert done.code == 1
    assert dream.split()[:2] == ["dream_net", "broken"]
    assert "the package 'car-dreams'" in dream
    assert tiny.startswith("tiny_cnn")
    assert "ImportError: no dreams" in done.err


def test_a_broken_plugin_stands_in_the_json_with_its_error(run, broken_plugin):
    done = run("backbones", "--json")

    assert done.code == 1
    assert [(fact["name"], fact["error"] is None) for fact in done.json()] == [("dream_net", False), ("tiny_cnn", True)]
