"""Classifier and verifier train on arrays with Keras on JAX, where TensorFlow is not installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Absent())
import numpy as np
from car_recog import ImageDataset, PairDataset, PartClassifier, Phase, Recipe, SiameseVerifier
from car_recog.explain import gradient

rng = np.random.default_rng(0)
photos = rng.integers(0, 120, (32, 32, 32, 3))
photos[::2, ..., 0] += 110
data = ImageDataset.from_arrays(photos.astype("uint8"), ["red", "dark"] * 16)
changes = {"flip": 0.5, "crop_area": 0.7, "brightness": 0.1, "erasing": 0.2, "mixup": 0.2}
phases = [
    Phase(name="head", epochs=2, trainable="head", learning_rate=0.05),
    Phase(name="all", epochs=12, batch_size=8, learning_rate=3e-3, augmentation=changes),
]
recipe = Recipe(phases=phases, head_start=0.01, label_smoothing=0.05, averaging=0.9)
clf = PartClassifier("tiny_cnn", weights=None, loss="focal", image_size=(32, 32))
history = clf.fit(data, data, recipe=recipe, run_folder=sys.argv[1], verbose=False)
clf = PartClassifier.load(sys.argv[1] + "/bundle")
print(clf.evaluate(data).accuracy, len(history), clf.embed(photos[:2].astype("uint8")).shape)
cubes = gradient(photos[:1] / 255, lambda x: x**3)
print(np.allclose(cubes, 3 * (photos[:1] / 255) ** 2, atol=1e-5), 0 < clf.explain(data.images[0]).heatmap.max() <= 1)

pairs = PairDataset.sample(data, n_pairs=100)
cars = Phase(epochs=6, batch_size=16, learning_rate=3e-3, augmentation={"flip": 0.5})
head = Phase(epochs=2, batch_size=32, trainable="head")
for train, phase in ((data, cars), (pairs, head)):
    ver = SiameseVerifier("tiny_cnn", weights=None, image_size=(32, 32), embedding_dim=8, pooling="gem")
    ver.fit(train, pairs, recipe=Recipe(phases=[phase]), verbose=False)
    ver.save(sys.argv[1] + "/verifier")
    ver = SiameseVerifier.load(sys.argv[1] + "/verifier")
    print(ver.score(pairs).shape, ver.evaluate(pairs, verbose=False).eer < 0.5, ver.threshold is not None)
    print(all(0 < one.heatmap.max() <= 1 for one in ver.explain(*data.images[:3:2])))
"""


def test_arrays_train_on_jax_without_tensorflow(tmp_path: Path) -> None:
    pytest.importorskip("jax")

    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1.0 14 (2, 96)", "True True", *["(100,) True True", "True"] * 2]
