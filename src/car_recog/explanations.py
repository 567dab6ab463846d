"""Which places of photos speak for the answer of a classifier or a verifier."""

import warnings
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from car_recog.data.images import Photo, decode
from car_recog.errors import OptionError, suggestion
from car_recog.explain import EmptyHeatmapWarning, Explanation, feature_maps, grad_cam, heatmap
from car_recog.network import BackboneConfig

if TYPE_CHECKING:
    from car_recog.classifying.answering import Answering
    from car_recog.verifier import SiameseVerifier

SAME = "the same car"


def explain_class(classifier: "Answering", photo: Photo, class_name: str | None = None) -> Explanation:
    """Show which places of a photo speak for a class: see `CarClassifier.explain`.

    Where classes were enrolled or removed, explained is how much nearer the photo is to the mean of the class than to the average one.
    """
    probabilities = classifier.predict_proba(photo)[0]
    names = classifier.class_names
    if class_name is not None and class_name not in names:
        raise OptionError(f"There is no class '{class_name}' to explain.{suggestion(class_name, names)}")
    place = int(probabilities.argmax()) if class_name is None else names.index(class_name)
    fitted, network = classifier._fitted(), classifier._network
    pool, means = network.features.get_layer("pool"), fitted.known.means

    def score(maps: Any) -> Any:
        if fitted.has_prototypes:
            return ops.matmul(_unit(pool(maps)), (means[place] - means.mean(axis=0))[:, None])
        return network.head(pool(maps), training=False)[:, place]

    cam = grad_cam(feature_maps(network.features, _fitted_photos(classifier.config, photo)), score)[0]
    return _explain(classifier.config, photo, cam, names[place], float(probabilities[place]))


def explain_pair(verifier: "SiameseVerifier", a: Photo, b: Photo) -> tuple[Explanation, Explanation]:
    """Show which places of two photos make them alike: see `SiameseVerifier.explain`.

    Explained is the cosine of the two embeddings, whatever a pair head makes of them, and their lengths count as given: so each place gets
    its part of the cosine. The gradient of a difference says what would make two photos more alike, and two equal photos have none.

    Source: Stylianou et al., WACV 2019, arXiv:1901.00536.
    """
    config, embedder = verifier._fitted().config, verifier._fitted().embedder
    pool = embedder.features.get_layer("pool")
    head = keras.Model(embedder.head.input, embedder.head.get_layer("unit_length").input)
    photos = _fitted_photos(config, a, b)
    if config.flip_average:
        photos = np.concatenate([photos, photos[:, :, ::-1]])

    def score(maps: Any) -> Any:
        embeddings = _unit(head(pool(maps), training=False))
        sides = _unit(ops.sum(ops.reshape(embeddings, (-1, 2, embeddings.shape[-1])), axis=0))
        return ops.sum(sides[0] * sides[1])

    cams = grad_cam(feature_maps(embedder.features, photos), score)
    if config.flip_average:
        cams = cams[:2] + cams[2:, :, ::-1]
    agreed = verifier.verify(a, b).score
    first, second = (_explain(config, photo, cam, SAME, agreed) for photo, cam in zip((a, b), cams, strict=True))
    return first, second


def _unit(vectors: Any) -> Any:
    """Scale vectors to unit length; the length counts as given."""
    return vectors / ops.stop_gradient(ops.maximum(ops.norm(vectors, axis=-1, keepdims=True), 1e-12))


def _fitted_photos(config: BackboneConfig, *photos: Photo) -> np.ndarray:
    return np.stack([decode(photo, image_size=config.image_size, resize=config.resize) for photo in photos])


def _explain(config: BackboneConfig, photo: Photo, cam: np.ndarray, label: str, score: float) -> Explanation:
    whole = decode(photo)
    size = (whole.shape[0], whole.shape[1])
    scales = [wanted / side for wanted, side in zip(config.image_size, size, strict=True)]
    scale = {"letterbox": min(scales), "center_crop": max(scales)}.get(config.resize)
    covered = (1.0, 1.0) if scale is None else (scale / scales[0], scale / scales[1])
    explanation = Explanation(whole, heatmap(cam, size=size, covered=covered), label, score)
    if explanation.is_empty:
        message = f"No place of this photo speaks for '{label}': the heatmap is zero everywhere."
        warnings.warn(message, EmptyHeatmapWarning, stacklevel=4)
    return explanation
