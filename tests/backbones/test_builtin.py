"""The networks of keras.applications as backbones: normalization, options, weights."""

import os
import shutil
from pathlib import Path
from urllib.error import URLError

import keras
import numpy as np
import pytest

from car_recog.backbones import get_backbone
from car_recog.backbones.builtin import SPECS
from car_recog.errors import OptionError, WeightsError

SHARED = os.environ.get("CAR_RECOG_SHARED")
MOBILENET_FILE = "mobilenet_2_5_224_tf_no_top.h5"
needs_weights = [pytest.mark.photos, pytest.mark.skipif(SHARED is None, reason="CAR_RECOG_SHARED is not set")]

# The start of a backbone's name, and the module of keras.applications that prepares photos for it; the longest start counts.
MODULES = {
    "resnet": "resnet",
    "resnet50_v2": "resnet_v2",
    "resnet101_v2": "resnet_v2",
    "resnet152_v2": "resnet_v2",
    "inception_v3": "inception_v3",
    "inception_resnet_v2": "inception_resnet_v2",
    "mobilenet": "mobilenet",
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3": "mobilenet_v3",
    "efficientnet": "efficientnet",
    "efficientnet_v2": "efficientnet_v2",
    "densenet": "densenet",
    "xception": "xception",
    "convnext": "convnext",
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "nasnet": "nasnet",
}
FUNCTIONS = {
    "resnet50": "ResNet50",
    "resnet50_v2": "ResNet50V2",
    "mobilenet": "MobileNet",
    "mobilenet_v3_small": "MobileNetV3Small",
    "densenet121": "DenseNet121",
    "inception_v3": "InceptionV3",
    "xception": "Xception",
    "vgg16": "VGG16",
    "efficientnet_v2_b0": "EfficientNetV2B0",
    "convnext_tiny": "ConvNeXtTiny",
    "nasnet_mobile": "NASNetMobile",
}


def build(name, weights=None, image_size=(96, 96), normalization="backbone", **options):
    return get_backbone(name).build_checked(weights=weights, image_size=image_size, normalization=normalization, backbone_options=options)


def make_photos(n_photos=2, side=96):
    return np.random.default_rng(0).uniform(0, 255, (n_photos, side, side, 3)).astype("float32")


def prepare(name, photos):
    """Prepare photos as keras.applications does."""
    module = MODULES[max((start for start in MODULES if name.startswith(start)), key=len)]
    return getattr(keras.applications, module).preprocess_input(photos.copy())


@pytest.fixture
def bare(monkeypatch):
    """Replace each network by nothing at all, so that what is left of a backbone is its normalization; tells what Keras was asked for."""
    asked = []

    def application(*, include_top, weights, input_tensor, **options):
        asked.append(options)
        return keras.Model(keras.utils.get_source_inputs(input_tensor), keras.layers.Identity()(input_tensor))

    for spec in SPECS:
        monkeypatch.setattr(keras.applications, spec.build.func.__globals__["_TABLE"][spec.name][0], application)
    return asked


@pytest.mark.parametrize("name", [spec.name for spec in SPECS])
def test_each_network_gets_the_photos_that_keras_would_give_it(bare, name):
    photos = make_photos(side=64) if name.startswith("nasnet") else make_photos()

    normalized = np.asarray(build(name, image_size=photos.shape[1:3])(photos))

    np.testing.assert_allclose(normalized, prepare(name, photos), rtol=1e-5, atol=1e-4)
    assert bare == [{}]


@pytest.mark.parametrize("name", [spec.name for spec in SPECS if "unit" in spec.normalizations])
def test_with_unit_each_network_gets_the_photos_over_255(bare, name):
    photos = make_photos()
    is_own = name.startswith(("efficientnet_v2", "convnext", "mobilenet_v3"))

    normalized = np.asarray(build(name, normalization="unit")(photos))

    np.testing.assert_allclose(normalized, photos / 255, rtol=1e-6)
    assert bare == [{"include_preprocessing": False} if is_own else {}]


def test_only_efficientnet_cannot_do_without_its_own_normalization():
    fixed = [spec.name for spec in SPECS if spec.normalizations == ("backbone",)]

    assert fixed == [f"efficientnet_b{number}" for number in range(8)]
    with pytest.raises(OptionError, match="'efficientnet_b0' offers the normalization 'backbone', not 'unit'"):
        build("efficientnet_b0", normalization="unit")


SLOW_ONES = [pytest.param(name, marks=pytest.mark.slow) for name in FUNCTIONS if name != "mobilenet"]


@pytest.mark.parametrize("name", ["mobilenet", *SLOW_ONES])
def test_a_whole_network_answers_as_the_network_of_keras_does(name):
    photos = make_photos()
    options = {"alpha": 0.25} if name == "mobilenet" else {}
    theirs = getattr(keras.applications, FUNCTIONS[name])(weights=None, include_top=False, input_shape=(96, 96, 3), **options)
    ours = build(name, **options)

    ours.set_weights(theirs.get_weights())

    wanted = np.asarray(theirs(prepare(name, photos)))
    np.testing.assert_allclose(np.asarray(ours(photos)), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.slow
def test_efficientnet_from_a_file_equals_efficientnet_from_keras(tmp_path, monkeypatch):
    path = str(tmp_path / "efficientnetb0_notop.weights.h5")
    source = build("efficientnet_b0")
    normalization = next(layer for layer in source.layers if isinstance(layer, keras.layers.Normalization))
    normalization.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
    normalization.finalize_state()  # set_weights alone leaves the numbers that it computes with as they were
    source.save_weights(path)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *arguments, **options: path)
    photos = make_photos()

    fetched = np.asarray(build("efficientnet_b0", weights="imagenet")(photos))
    from_file = np.asarray(build("efficientnet_b0", weights=path)(photos))

    np.testing.assert_allclose(from_file, fetched, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.asarray(source(photos)), fetched, rtol=1e-4, atol=1e-6)


def test_a_backbone_is_one_flat_graph_from_the_named_photo():
    model = build("mobilenet", alpha=0.25)

    assert model.name == "mobilenet"
    assert model.inputs[0].name == "photo"
    assert model.inputs[0].shape == (None, None, None, 3)
    assert not [layer for layer in model.layers if isinstance(layer, keras.Model)]
    assert model.get_layer("conv_pw_13").trainable


@pytest.mark.slow
def test_nasnet_is_built_for_one_size():
    model = build("nasnet_mobile", image_size=(64, 96))

    assert model.inputs[0].shape == (None, 64, 96, 3)
    assert not get_backbone("nasnet_mobile").is_size_flexible


def test_alpha_makes_the_network_thinner():
    assert build("mobilenet", alpha=0.25).output_shape[-1] == 256
    assert build("mobilenet", alpha=0.5).output_shape[-1] == 512


@pytest.mark.parametrize("option", ["include_top", "pooling", "input_shape", "classes", "name", "apha"])
def test_an_option_that_is_not_the_networks_own_is_refused(option):
    refusal = f"'mobilenet' does not know the backbone_options '{option}'; it takes 'alpha', 'depth_multiplier'"

    with pytest.raises(OptionError, match=refusal):
        get_backbone("mobilenet").build_checked(weights=None, image_size=(96, 96), backbone_options={option: None})


def test_a_network_without_options_says_so():
    with pytest.raises(OptionError, match=r"'vgg16' does not know the backbone_options 'alpha'; it takes none\."):
        build("vgg16", alpha=0.5)


def test_an_option_without_imagenet_weights_is_refused_by_name():
    with pytest.raises(OptionError, match=r"'mobilenet' refuses weights='imagenet' with the backbone_options \{'alpha': 0\.3\}: "):
        build("mobilenet", weights="imagenet", alpha=0.3)


def test_an_option_of_the_wrong_type_is_refused_by_name():
    with pytest.raises(OptionError, match=r"'mobilenet' refuses weights=None with the backbone_options \{'alpha': 'thin'\}"):
        build("mobilenet", alpha="thin")


def test_weights_saved_from_a_backbone_are_read_back(tmp_path):
    path = str(tmp_path / "mobilenet.weights.h5")
    photos = make_photos()
    source = build("mobilenet", alpha=0.25)
    source.save_weights(path)

    again = build("mobilenet", weights=path, alpha=0.25)

    np.testing.assert_array_equal(np.asarray(again(photos)), np.asarray(source(photos)))
    refusal = r"do not fit the backbone 'mobilenet' with the backbone_options \{'alpha': 0\.5\}: (.|\n)*same backbone_options"
    with pytest.raises(WeightsError, match=refusal):
        build("mobilenet", weights=path, alpha=0.5)


@pytest.mark.parametrize("ending", [".h5", ".weights.h5"])
def test_a_missing_weights_file_is_named(tmp_path, ending):
    path = str(tmp_path / f"lost{ending}")

    with pytest.raises(WeightsError, match=f"There is no weights file '{path}'"):
        build("mobilenet", weights=path, alpha=0.25)


def test_a_weights_file_that_is_not_hdf5_is_named(tmp_path):
    path = tmp_path / "page.h5"
    path.write_bytes(b"<html>not found</html>")

    with pytest.raises(WeightsError, match=rf"'{path}' is not an HDF5 file: it starts with b'<html>no'"):
        build("mobilenet", weights=str(path), alpha=0.25)


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty Keras folder and no network; holds where Keras wanted to keep the file."""
    wanted = []

    def urlretrieve(address, target, hook):
        wanted.append((address, target))
        raise URLError("no route to host")

    use_keras_folder(tmp_path, monkeypatch)
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", urlretrieve)
    return wanted


def use_keras_folder(folder, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(folder))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(folder))  # Keras reads the variable once, when it is imported


@pytest.mark.parametrize(
    "name", ["mobilenet", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vgg16", "nasnet_mobile", "efficientnet_b0"))]
)
def test_offline_the_message_says_which_file_goes_where(offline, name):
    with pytest.raises(WeightsError) as caught:
        build(name, weights="imagenet")

    [(address, target)] = offline
    message = str(caught.value)
    assert f"The pretrained weights of the backbone '{name}' could not be fetched: URL fetch failure on {address}" in message
    assert f"fetch {address} elsewhere and keep it as '{target}'" in message
    assert f"give weights='path/to/{address.rsplit('/', 1)[-1]}'" in message


def test_a_damaged_file_in_the_keras_folder_is_pointed_at(offline, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / MOBILENET_FILE).write_bytes(b"half a file")

    with pytest.raises(WeightsError, match=rf"Delete the damaged file from '{tmp_path / 'models'}'"):
        build("mobilenet", weights="imagenet", alpha=0.25)


class TestRealWeights:
    """The ImageNet weights of MobileNet 0.25."""

    pytestmark = needs_weights

    @pytest.fixture
    def path(self):
        return Path(SHARED, "weights", MOBILENET_FILE)

    def test_a_file_of_keras_gives_the_features_of_keras(self, path):
        photos = make_photos(side=224)
        theirs = keras.applications.MobileNet(alpha=0.25, include_top=False, weights=str(path), input_shape=(224, 224, 3))

        ours = build("mobilenet", weights=str(path), alpha=0.25)

        wanted = np.asarray(theirs(photos / 127.5 - 1))
        np.testing.assert_allclose(np.asarray(ours(photos)), wanted, atol=1e-4 * wanted.max())

    def test_imagenet_is_taken_from_the_keras_folder_without_a_warning(self, path, offline, tmp_path):
        (tmp_path / "models").mkdir()
        shutil.copy(path, tmp_path / "models")
        photos = make_photos()

        by_name = build("mobilenet", weights="imagenet", alpha=0.25)

        by_path = build("mobilenet", weights=str(path), alpha=0.25)
        np.testing.assert_array_equal(np.asarray(by_name(photos)), np.asarray(by_path(photos)))
        assert offline == []

    def test_they_do_not_fit_another_width_or_network(self, path):
        with pytest.raises(WeightsError, match=r"backbone_options \{'alpha': 0\.5\}"):
            build("mobilenet", weights=str(path), alpha=0.5)
        with pytest.raises(WeightsError, match="do not fit the backbone 'tiny_cnn'"):
            build("tiny_cnn", weights=str(path))
