"""Networks whose weights are set by hand, so that it is known which places speak for an answer: those of one colour."""

import attrs
import keras
import numpy as np
import pytest

from car_recog import BackboneSpec, CarClassifier, SiameseVerifier, get_backbone, register_backbone
from car_recog.backbones import registry
from car_recog.classifying.fitting import Fitted
from car_recog.classifying.known_classes import KnownClasses
from car_recog.errors import OptionError
from car_recog.explain import EmptyHeatmapWarning
from car_recog.network import build_network
from car_recog.verifying.embedder import build_embedder
from car_recog.verifying.fitting import FittedVerifier

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
NETWORK = {"backbone": "plain_cnn", "weights": None, "backbone_options": {"widths": [3]}, "image_size": (32, 32)}
TOP_LEFT, TOP_RIGHT = (slice(4, 12), slice(4, 12)), (slice(4, 12), slice(20, 28))
BOTTOM_LEFT, BOTTOM_RIGHT = (slice(20, 28), slice(4, 12)), (slice(20, 28), slice(20, 28))


def draw(**patches: tuple[slice, slice]) -> np.ndarray:
    """Patches on black, by colour."""
    photo = np.zeros((32, 32, 3), np.uint8)
    for name, place in patches.items():
        photo[place] = COLOURS[name]
    return photo


def see_colours(backbone: keras.Model) -> None:
    """Let the three channels of the feature map be how red, green and blue the photo is."""
    kernel = np.zeros((3, 3, 3, 3))
    kernel[1, 1] = np.eye(3)
    backbone.get_layer("block1_conv").set_weights([kernel, np.zeros(3)])


def hot(heat: np.ndarray) -> set[str]:
    """Name the corners in whose middle the heatmap is 1; everywhere else but around them it is near zero."""
    corners = {"top left": TOP_LEFT, "top right": TOP_RIGHT, "bottom left": BOTTOM_LEFT, "bottom right": BOTTOM_RIGHT}
    rest = heat.copy()
    found = set()
    for name, (rows, columns) in corners.items():
        if (heat[rows, columns][2:-2, 2:-2] > 0.999).all():
            found.add(name)
            rest[rows.start - 2 : rows.stop + 2, columns.start - 2 : columns.stop + 2] = 0
    assert rest.max() < 1e-3
    return found


@pytest.fixture
def clf() -> CarClassifier:
    """Its logit of red is red less blue, that of blue the opposite."""
    classifier = CarClassifier(**NETWORK)
    network = build_network(classifier.config, n_classes=2, weights=None)
    see_colours(network.model)
    network.head.get_layer("logits").set_weights([np.array([[-9.0, 9.0], [0.0, 0.0], [9.0, -9.0]]), np.zeros(2)])
    known = KnownClasses(("blue", "red"), np.eye(3, dtype=np.float32)[[2, 0]])
    classifier._state = Fitted(network, known, known, facts=None)
    return classifier


def verifier(**options: object) -> SiameseVerifier:
    """Its embedding is how red, green and blue the photo is, at unit length."""
    ver = SiameseVerifier(**NETWORK)
    config = attrs.evolve(ver.config, embedding_dim=3, **options)
    embedder = build_embedder(config, weights=None)
    see_colours(embedder.features)
    embedder.head.get_layer("embedding").set_weights([np.eye(3)] if config.is_metric else [np.eye(3), np.zeros(3)])
    ver._state = FittedVerifier(config, embedder, goal="none", facts=None)
    return ver


def test_only_the_corner_that_decides_is_hot(clf) -> None:
    photo = draw(red=TOP_LEFT, blue=BOTTOM_RIGHT, green=TOP_RIGHT)

    red, blue = clf.explain(photo, "red"), clf.explain(photo, "blue")

    assert hot(red.heatmap) == {"top left"}
    assert hot(blue.heatmap) == {"bottom right"}
    assert (red.label, red.score) == ("red", pytest.approx(clf.predict_proba(photo)[0, 1]))


def test_asked_for_nothing_else_the_most_probable_class_is_explained_at_the_size_of_the_photo(clf) -> None:
    photo = draw(red=TOP_LEFT).repeat(2, axis=0).repeat(3, axis=1)

    explanation = clf.explain(photo)

    assert explanation.label == "red"
    assert (explanation.photo == photo).all()
    assert hot(explanation.heatmap[::2, ::3]) == {"top left"}


@pytest.mark.parametrize("resize", ["letterbox", "center_crop"])
def test_padding_and_cutting_leave_the_heatmap_where_it_belongs(clf, monkeypatch, resize) -> None:
    monkeypatch.setattr(clf, "config", attrs.evolve(clf.config, resize=resize))
    photo = np.pad(draw(red=TOP_LEFT), ((0, 0), (16, 16), (0, 0)))

    heat = clf.explain(photo, "red").heatmap

    assert heat.shape == (32, 64)
    assert heat[6:10, 22:26].min() > 0.8
    assert heat[:, 34:].max() == heat[18:].max() == 0


def test_a_photo_in_which_nothing_speaks_for_a_class_says_so(clf) -> None:
    with pytest.warns(EmptyHeatmapWarning, match="No place of this photo speaks for 'red': the heatmap is zero everywhere."):
        explanation = clf.explain(draw(blue=TOP_LEFT), "red")

    assert explanation.is_empty


def test_an_unknown_class_is_told(clf) -> None:
    with pytest.raises(OptionError, match="There is no class 'rad' to explain. Did you mean 'red'?"):
        clf.explain(draw(), "rad")


def test_a_backbone_within_a_backbone_is_explained_alike(clf, monkeypatch) -> None:
    def build(*, weights, image_size) -> keras.Model:
        inner = get_backbone("plain_cnn").build(weights=weights, image_size=image_size, widths=[3])
        photo = keras.Input((None, None, 3))
        return keras.Model(photo, keras.Sequential([inner])(photo))

    for table in ("_things", "_owners"):
        monkeypatch.setattr(registry._TABLE, table, dict(getattr(registry._TABLE, table)))
    register_backbone(BackboneSpec(name="nested", build=build))
    config = attrs.evolve(clf.config, backbone="nested", backbone_options={})
    network = build_network(config, n_classes=2, weights=None)
    network.model.set_weights(clf.model.get_weights())
    expected = clf.explain(draw(red=TOP_LEFT, blue=BOTTOM_RIGHT))
    monkeypatch.setattr(clf, "_state", attrs.evolve(clf._state, network=network))

    found = clf.explain(draw(red=TOP_LEFT, blue=BOTTOM_RIGHT))

    assert not any(layer.name == "block1_conv" for layer in network.model.layers)
    assert found.heatmap == pytest.approx(expected.heatmap, abs=1e-6)


def test_enrolled_classes_are_explained_by_their_means(clf, monkeypatch) -> None:
    known = KnownClasses(("blue", "red", "green"), np.eye(3, dtype=np.float32)[[2, 0, 1]])
    monkeypatch.setattr(clf, "_state", attrs.evolve(clf._state, known=known))

    assert hot(clf.explain(draw(red=TOP_LEFT, green=BOTTOM_LEFT), "green").heatmap) == {"bottom left"}


METRIC = {"head": "metric", "distance": "cosine"}


@pytest.mark.parametrize("options", [METRIC, METRIC | {"flip_average": True}, METRIC | {"pooling": "gem"}, {}])
def test_both_photos_show_what_they_share(options) -> None:
    ver = verifier(**options)
    a, b = draw(red=TOP_LEFT, green=BOTTOM_LEFT), draw(red=BOTTOM_RIGHT, blue=TOP_RIGHT)

    first, second = ver.explain(a, b)

    assert (hot(first.heatmap), hot(second.heatmap)) == ({"top left"}, {"bottom right"})
    assert first.score == second.score == pytest.approx(ver.verify(a, b).score)


def test_equal_photos_speak_for_the_same_car_all_over() -> None:
    photo = draw(red=TOP_LEFT, blue=TOP_RIGHT)

    first, second = verifier(**METRIC).explain(photo, photo)

    assert hot(first.heatmap) == {"top left", "top right"}
    assert first.heatmap == pytest.approx(second.heatmap, abs=1e-6)
