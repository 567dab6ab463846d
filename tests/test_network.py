import numpy as np
import pytest

from car_recog.errors import OptionError, UnknownNameError, WeightsError
from car_recog.network import NetworkConfig, build_network


def test_the_pieces_share_their_weights() -> None:
    network = build_network(NetworkConfig(backbone="tiny_cnn", image_size=(32, 48)), n_classes=3, weights=None)
    photos = np.random.default_rng(0).uniform(0, 255, (2, 32, 48, 3)).astype("float32")

    features = network.features.predict_on_batch(photos)

    np.testing.assert_allclose(network.head.predict_on_batch(features), network.model.predict_on_batch(photos), rtol=1e-5, atol=1e-5)
    assert sum(len(stage) for stage in network.stages) > 4


def test_a_config_survives_json_like_values() -> None:
    config = NetworkConfig(backbone="mobilenet", backbone_options={"alpha": 0.25}, head=[64, 32], image_size=[160, 160])

    assert NetworkConfig(**config.to_dict()) == config
    assert config.head == (64, 32)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"backbone": "mobilenett"}, UnknownNameError, "Did you mean 'mobilenet'"),
        ({"backbone": None}, OptionError, "backbone must be a name"),
        ({"image_size": 224}, OptionError, r"image_size must be \(height, width\); got 224"),
        ({"image_size": (224, 0)}, OptionError, "two integers from 1 to 4096"),
        ({"image_size": (2**20, 2**20)}, OptionError, "two integers from 1 to 4096"),
        ({"resize": "squash"}, OptionError, "resize must be one of 'stretch', 'letterbox', 'center_crop'; got 'squash'"),
        ({"head": "leen"}, OptionError, "Did you mean 'lean'"),
        ({"backbone_options": ["alpha"]}, OptionError, "backbone_options must map names to values"),
    ],
)
def test_values_that_make_no_sense_raise(values: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        NetworkConfig(**{"backbone": "tiny_cnn", **values})


def test_photos_below_the_backbones_least_raise() -> None:
    with pytest.raises(OptionError, match=r"The backbone 'inception_v3' needs photos of at least 75x75 pixels; image_size is \(64, 64\)"):
        build_network(NetworkConfig(backbone="inception_v3", image_size=(64, 64)), n_classes=2, weights=None)


def test_photos_of_training_are_no_smaller_than_the_backbone_takes() -> None:
    assert NetworkConfig(backbone="inception_v3", image_size=(96, 128)).fit_size((64, 96)) == (75, 96)
    assert NetworkConfig(backbone="nasnet_mobile", image_size=(224, 224)).fit_size((192, 192)) == (224, 224)


def test_weights_that_are_not_offered_raise() -> None:
    with pytest.raises(WeightsError, match="weights is 'imagenett'"):
        build_network(NetworkConfig(backbone="mobilenet"), n_classes=2, weights="imagenett")
