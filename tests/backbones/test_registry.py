"""The table of backbones: specs, look-up, and the checks before a build."""

import subprocess
import sys

import pytest

from car_recog.backbones import BackboneSpec, backbone_owner, get_backbone, list_backbones, register_backbone
from car_recog.backbones.registry import _TABLE, _accept_plugin
from car_recog.errors import OptionError, PluginError, UnknownNameError, WeightsError


def record(**options):
    """A builder that builds nothing and tells what it was asked for."""
    return options


def refuse(*, weights, image_size):
    raise AssertionError("never built")


def test_listing_and_looking_up_loads_neither_keras_nor_tensorflow():
    program = (
        "import sys; from car_recog.backbones import get_backbone, list_backbones; list_backbones(); get_backbone('resnet50'); "
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])"
    )

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_names_are_sorted_and_unique():
    names = list_backbones()

    assert names == sorted(set(names))


def test_a_pattern_narrows_the_list():
    assert list_backbones("resnet*_v2") == ["resnet101_v2", "resnet152_v2", "resnet50_v2"]
    assert list_backbones("no_such*") == []


def test_an_unknown_backbone_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Unknown backbone: 'mobilenet_v3_lrage'\. Did you mean 'mobilenet_v3_large'\?"):
        get_backbone("mobilenet_v3_lrage")


def test_each_spec_goes_by_its_name_and_belongs_to_this_library():
    for name in ("resnet50", "tiny_cnn"):
        assert get_backbone(name).name == name
        assert backbone_owner(name) == "car-recog"


def test_a_registered_backbone_is_listed_and_built_like_any_other(monkeypatch):
    for field in ("_things", "_owners"):
        monkeypatch.setattr(_TABLE, field, dict(getattr(_TABLE, field)))
    spec = BackboneSpec(name="registered_for_a_test", build=record, image_size=[160, 120])
    register_backbone(spec)

    built = get_backbone("registered_for_a_test").build_checked(weights=None, image_size=(64, 48), backbone_options={"depth": 3})

    assert "registered_for_a_test" in list_backbones()
    assert backbone_owner("registered_for_a_test") == "this program"
    assert built == {"weights": None, "image_size": (64, 48), "depth": 3}
    assert spec.image_size == (160, 120)


def test_a_taken_name_names_both_owners():
    with pytest.raises(PluginError, match="'vgg16' is registered twice: by car-recog and by this program"):
        register_backbone(BackboneSpec(name="vgg16", build=record))


@pytest.mark.parametrize("name", ["", "ResNet", "my-net", "my net"])
def test_a_name_of_other_than_lower_case_digits_and_underscores_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        BackboneSpec(name=name, build=record)


@pytest.mark.parametrize("image_size", [(31, 64), (64, 31)])
def test_photos_that_are_too_small_are_refused_with_the_smallest_size(image_size):
    spec = BackboneSpec(name="small", build=refuse)

    with pytest.raises(OptionError, match="'small' needs photos of at least 32x32 pixels"):
        spec.build_checked(weights=None, image_size=image_size)


def test_a_normalization_that_is_not_offered_is_refused():
    spec = BackboneSpec(name="fixed", build=refuse)

    with pytest.raises(OptionError, match="'fixed' offers the normalization 'backbone', not 'unit'"):
        spec.build_checked(weights=None, image_size=(64, 64), normalization="unit")


def test_only_a_normalization_other_than_its_own_reaches_the_builder():
    spec = BackboneSpec(name="both", build=record, normalizations=("backbone", "unit"))

    own = spec.build_checked(weights=None, image_size=(64, 64), normalization="backbone")
    unit = spec.build_checked(weights=None, image_size=(64, 64), normalization="unit")

    assert "normalization" not in own
    assert unit["normalization"] == "unit"


@pytest.mark.parametrize("weights", ["imagenet21k", "weights.keras", "weights.npz"])
def test_weights_that_are_not_offered_are_refused_with_those_that_are(weights):
    spec = BackboneSpec(name="pretrained", build=refuse, weights=("imagenet",))

    with pytest.raises(WeightsError, match=r"'pretrained' offers 'imagenet'; weights is '.*'\. Give one of these, None, or the path"):
        spec.build_checked(weights=weights, image_size=(64, 64))


@pytest.mark.parametrize("weights", [None, "imagenet", "some/folder/file.h5", "file.weights.h5"])
def test_offered_weights_and_paths_reach_the_builder(weights):
    spec = BackboneSpec(name="pretrained", build=record, weights=("imagenet",))

    assert spec.build_checked(weights=weights, image_size=(64, 64))["weights"] == weights


def test_an_option_that_the_builder_does_not_take_is_named():
    spec = BackboneSpec(name="strict", build=lambda *, weights, image_size: None)

    with pytest.raises(OptionError, match=r"'strict' refuses its options \{'alpha': 2\}: .*unexpected keyword argument 'alpha'"):
        spec.build_checked(weights=None, image_size=(64, 64), backbone_options={"alpha": 2})


def test_a_plugin_gives_a_spec_or_a_function_that_returns_one():
    spec = BackboneSpec(name="mine", build=record)

    assert _accept_plugin("mine", spec) is spec
    assert _accept_plugin("mine", lambda: spec) is spec
    with pytest.raises(PluginError, match="expected a BackboneSpec or a function that returns one, got int"):
        _accept_plugin("mine", 3)
    with pytest.raises(PluginError, match="its BackboneSpec is named 'mine'"):
        _accept_plugin("yours", spec)
