"""A classifier small enough to be trained in a test, and reddish and bluish noise for it."""

import numpy as np

from car_recog import CarClassifier, ImageDataset, Phase, Recipe

SIZE = (32, 32)
TOY = Recipe(
    name="toy",
    phases=[Phase(epochs=12, batch_size=8, learning_rate=3e-3, augmentation={"flip": 0.5})],
    head_start=0.01,
    label_smoothing=0.05,
)


def toy_photos(n: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Reddish and bluish noise."""
    rng = np.random.default_rng(seed)
    photos = rng.integers(0, 120, (n, *SIZE, 3))
    names = [("blue", "red")[i % 2] for i in range(n)]
    for photo, name in zip(photos, names, strict=True):
        photo[..., 0 if name == "red" else 2] += 110
    return photos.astype(np.uint8), names


def toy_data(n: int, seed: int = 0) -> ImageDataset:
    return ImageDataset.from_arrays(*toy_photos(n, seed))


def new(**options: object) -> CarClassifier:
    return CarClassifier(**{"backbone": "tiny_cnn", "weights": None, "image_size": SIZE, **options})
