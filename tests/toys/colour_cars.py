"""Photos of cars that are one colour, a verifier that goes by it, and a gallery of them."""

import numpy as np

from car_recog.cohort import Cohort
from car_recog.data.images import decode
from car_recog.data.samples import ImageDataset
from car_recog.evaluation.platt import Platt
from car_recog.gallery import Gallery
from car_recog.verifying.embedder import EmbedderConfig

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200), "grey": (120, 120, 120)}


def draw(names: list[str], *, seed: int = 0) -> ImageDataset:
    """Small photos of one colour each, each a little lighter or darker."""
    rng = np.random.default_rng(seed)
    photos = np.array([COLOURS[name] for name in names])[:, None, None] + rng.integers(-25, 25, (len(names), 1, 1, 3))
    return ImageDataset.from_arrays((photos + np.zeros((1, 8, 8, 1), int)).clip(0, 255).astype(np.uint8), names)


class ByColour:
    """Stands in for a verifier: embeds a photo as its mean colour, and counts what it embeds; `"scaled"` is metric with a cohort."""

    def __init__(self, *, head: str = "metric", threshold: float | None = None, digest: str = "a") -> None:
        self.cohort = Cohort(self.embed(draw(sorted(COLOURS), seed=9))) if head == "scaled" else None
        head = "metric" if self.cohort else head
        distance = "cosine" if head == "metric" else "l1"
        self.config = EmbedderConfig(backbone="tiny_cnn", image_size=(8, 8), embedding_dim=3, head=head, distance=distance)
        self.model, self.weights_digest, self.threshold, self.n_embedded = object(), digest, threshold, 0

    def embed(self, photos):
        if isinstance(photos, ImageDataset):
            photos = [sample.path for sample in photos.samples] if photos.images is None else photos.images
        elif not isinstance(photos, list):
            photos = [photos]
        colours = np.array([decode(photo, image_size=(8, 8)).mean(axis=(0, 1)) for photo in photos], np.float32)
        self.n_embedded = getattr(self, "n_embedded", 0) + len(colours)
        return colours / np.linalg.norm(colours, axis=1, keepdims=True)

    def score_embeddings(self, first, second):
        if self.cohort is not None:
            return self.cohort.score(first, second)
        return (first * second).sum(axis=1) if self.config.is_metric else 1 - np.abs(first - second).sum(axis=1)

    def probability(self, scores):
        return None if self.threshold is None else Platt(10.0, -9.0).probability(scores)


def filled(cars: ImageDataset, *, index: str = "exact", keep_thumbnails: bool = False, **options) -> Gallery:
    """A gallery of these cars, by colour."""
    gallery = Gallery(ByColour(**options), index, keep_thumbnails=keep_thumbnails)
    gallery.add(cars)
    return gallery
