"""A verifier small enough to be trained in a test, and noisy photos of one colour for it."""

import numpy as np
from colour_cars import COLOURS

from car_recog import ImageDataset, Phase, Recipe
from car_recog.verifier import SiameseVerifier


def draw(names: list[str], *, seed: int = 0) -> ImageDataset:
    """Photos of one colour each, with noise."""
    rng = np.random.default_rng(seed)
    photos = np.array([COLOURS[name] for name in names])[:, None, None] + rng.integers(-30, 30, (len(names), 32, 32, 3))
    return ImageDataset.from_arrays(photos.clip(0, 255).astype(np.uint8), names)


def verifier(**options) -> SiameseVerifier:
    return SiameseVerifier("tiny_cnn", weights=None, image_size=(32, 32), embedding_dim=16, **options)


def short(kind: str, **phase) -> Recipe:
    values = {"epochs": 12, "batch_size": 16, "learning_rate": 1e-2} | phase
    return Recipe(name="short", phases=[Phase(name="short", **values)])
