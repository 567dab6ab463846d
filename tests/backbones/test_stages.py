"""Stages of a backbone: where they end, and that no layer is lost."""

import keras
import numpy as np
import pytest

from car_recog.backbones import BackboneSpec, get_backbone
from car_recog.backbones.stages import stages
from car_recog.errors import PluginError


def build(name, image_size=(96, 96), **options):
    spec = get_backbone(name)
    return spec.build_checked(weights=None, image_size=image_size, backbone_options=options), spec


def make_spec(**fields):
    return BackboneSpec(name="mine", build=lambda **options: None, image_size=(64, 64), **fields)


def has_weights(stage):
    return any(layer.weights for layer in stage)


CASES = [
    ("mobilenet", {"alpha": 0.25}),
    ("plain_cnn", {}),
    ("tiny_cnn", {}),
    pytest.param("resnet50", {}, marks=pytest.mark.slow),
    pytest.param("mobilenet_v3_small", {}, marks=pytest.mark.slow),
    pytest.param("nasnet_mobile", {}, marks=pytest.mark.slow),
    pytest.param("inception_v3", {}, marks=pytest.mark.slow),
    pytest.param("convnext_tiny", {}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_stages_hold_all_layers_in_order_and_each_has_weights(name, options):
    model, spec = build(name, **options)

    found = stages(model, spec)

    assert [layer for stage in found for layer in stage] == model.layers
    assert all(map(has_weights, found))


def test_a_stage_of_a_plain_network_is_what_stands_between_two_poolings():
    model, spec = build("plain_cnn")

    ends = [stage[-1].name for stage in stages(model, spec)]

    # The last pooling alone has no weights, so it stays with the block before.
    assert ends == ["block1_relu", "block2_relu", "block3_pool"]


def test_mobilenet_has_a_stage_for_each_size_of_its_map():
    model, spec = build("mobilenet", alpha=0.25)

    starts = [next(layer for layer in stage if layer.weights).name for stage in stages(model, spec)]

    # Blocks 2, 4, 6 and 12 have stride 2 (Howard et al., table 1).
    assert starts == ["conv1", "conv_dw_2", "conv_dw_4", "conv_dw_6", "conv_dw_12"]


@pytest.mark.slow
def test_short_cuts_end_no_stage_of_resnet50():
    model, spec = build("resnet50")

    ends = [stage[-1].name for stage in stages(model, spec)]

    assert ends == ["pool1_pad", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"]


@pytest.mark.slow
def test_squeeze_and_excitation_ends_no_stage():
    model, spec = build("mobilenet_v3_small")

    # Its map has halved five times at the end; the pooling inside the blocks goes down to one pixel and back.
    assert len(stages(model, spec)) == 5


def chain(*strides):
    """A functional network of one convolution for each stride."""
    features = photo = keras.Input((None, None, 3), name="photo")
    for number, stride in enumerate(strides):
        features = keras.layers.Conv2D(4, 3, strides=stride, padding="same", name=f"conv{number}")(features)
    return keras.Model(photo, features)


def test_freeze_points_come_before_the_size_of_the_map():
    model = chain(2, 1, 2, 1)

    found = stages(model, make_spec(freeze_points=("conv1", "conv2")))

    assert [[layer.name for layer in stage] for stage in found] == [["photo", "conv0", "conv1"], ["conv2"], ["conv3"]]
    # One at the end adds no empty stage.
    assert stages(model, make_spec(freeze_points=("conv2", "conv3")))[1:] == [[model.get_layer("conv3")]]


def test_a_freeze_point_that_names_no_layer_is_refused():
    with pytest.raises(PluginError, match="'mine' names the freeze point 'conv9', but it has no layer of that name"):
        stages(chain(2), make_spec(freeze_points=("conv9",)))


def test_a_network_that_shares_a_layer_still_has_its_stages():
    photo = keras.Input((None, None, 3), name="photo")
    shared = keras.layers.Conv2D(3, 3, padding="same", name="shared")
    features = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="down")(shared(shared(photo)))

    found = stages(keras.Model(photo, features), make_spec())

    assert [[layer.name for layer in stage] for stage in found] == [["photo", "shared"], ["down"]]


def test_a_model_that_is_no_graph_is_one_stage():
    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Conv2D(4, 3, strides=2)
            self.second = keras.layers.Conv2D(4, 3, strides=2)

        def call(self, photos):
            return self.second(self.first(photos))

    model = Network()
    model(np.zeros((1, 64, 64, 3), "float32"))

    found = stages(model, make_spec())

    assert found == [[model.first, model.second]]
