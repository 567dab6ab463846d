"""What `fit` and `predict` cost beyond the bare Keras model: the same network, arrays, batches and optimizer steps.

    python benchmarks/overhead.py --json overhead.json

Training: one phase at a constant rate, without augmentation and head start. After each epoch of `CarClassifier.fit` the bare model, of the
same architecture, trains an epoch with `Model.fit`; so the two take turns within seconds of each other. The first epoch, in which both are
compiled, stands apart. An epoch of ours counts from the end of the turn before, with all that is done between epochs; one of the bare model
counts from `on_epoch_begin` to `on_epoch_end`, without the set-up of its `fit`.

Predicting: `Model.predict` of the trained network itself, against `predict_proba` and `predict` on a dataset of arrays, and `predict` on
the array.
"""

import argparse
import json
import time

import keras
import numpy as np
from rounds import Row, compare, make_parser, report, time_rounds

from car_recog import CarClassifier, ImageDataset, Phase, Recipe
from car_recog.network import build_network

N_CLASSES = 12
RATE = 1e-3
OURS, BARE = "car-recog", "bare Keras"


def draw_photos(n_photos: int, size: tuple[int, int]) -> ImageDataset:
    """Noise whose brightness gives the class away."""
    labels = np.arange(n_photos) % N_CLASSES
    noise = np.random.default_rng(0).integers(0, 128, (n_photos, *size, 3), dtype=np.uint8)
    return ImageDataset.from_arrays(noise + (10 * labels).astype(np.uint8)[:, None, None, None], labels.tolist())


class Stopwatch(keras.callbacks.Callback):
    """Seconds of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.seconds = time.perf_counter() - self.start


class TakeTurns(keras.callbacks.Callback):
    """After each epoch of `CarClassifier.fit` the bare model trains one."""

    def __init__(self, bare: keras.Model, data: ImageDataset, batch_size: int) -> None:
        super().__init__()
        self.bare, self.batch_size = bare, batch_size
        self.photos, self.targets = data.images, np.eye(N_CLASSES, dtype=np.float32)[data.labels]
        self.seconds: dict[str, list[float]] = {BARE: [], OURS: []}

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.seconds[OURS].append(time.perf_counter() - self.start)
        watch = Stopwatch()
        self.bare.fit(self.photos, self.targets, batch_size=self.batch_size, verbose=0, callbacks=[watch])
        self.seconds[BARE].append(watch.seconds)
        self.start = time.perf_counter()


def measure_fit(clf: CarClassifier, data: ImageDataset, *, batch_size: int, n_rounds: int, **what: object) -> list[Row]:
    """Train a classifier and the bare model in turn."""
    bare = build_network(clf.config, n_classes=N_CLASSES, weights=None).model
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    bare.compile(keras.optimizers.Adam(RATE), loss=loss, metrics=[keras.metrics.CategoricalAccuracy()])
    turns = TakeTurns(bare, data, batch_size)
    phase = Phase(epochs=n_rounds + 1, batch_size=batch_size, optimizer="adam", learning_rate=RATE, schedule="constant")
    clf.fit(data, recipe=Recipe(phases=[phase]), callbacks=[turns], verbose=False)
    n_photos = len(data) // batch_size * batch_size
    first, later = ({side: values[part] for side, values in turns.seconds.items()} for part in (slice(1), slice(1, None)))
    return [
        *compare(first, n_photos=n_photos, against=[BARE], **what, what="first epoch, with compiling"),
        *compare(later, n_photos=n_photos, against=[BARE], **what, what="training"),
    ]


def measure_predict(clf: CarClassifier, data: ImageDataset, *, batch_size: int, n_rounds: int, **what: object) -> list[Row]:
    """Ask a trained classifier and its bare model in turn."""
    sides = {
        BARE: lambda: clf.model.predict(data.images, batch_size=batch_size, verbose=0),
        f"{OURS} predict_proba, dataset": lambda: clf.predict_proba(data),
        f"{OURS} predict, dataset": lambda: clf.predict(data),
        f"{OURS} predict, array": lambda: clf.predict(data.images),
    }
    return compare(time_rounds(sides, n_rounds), n_photos=len(data), against=[BARE], **what, what="predicting")


def run(args: argparse.Namespace) -> None:
    size = (args.image_size, args.image_size)
    clf = CarClassifier(args.backbone, weights=None, image_size=size, backbone_options=args.options)
    data = draw_photos(args.photos, size)
    rows = measure_fit(clf, data, batch_size=args.batch_size, n_rounds=args.rounds)
    rows += measure_predict(clf, data, batch_size=args.predict_batch, n_rounds=args.rounds)
    report(rows, args.json, backbone=args.backbone, **{"image size": args.image_size, "batch size": args.batch_size, "photos": args.photos})


def main() -> None:
    parser = make_parser(__doc__, n_rounds=15)
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--options", type=json.loads, default={"alpha": 0.25}, help="of the backbone, as JSON")
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=32, help="of training")
    parser.add_argument("--predict-batch", type=int, default=64, help="of the bare model; ours always takes 64")
    parser.add_argument("--photos", type=int, default=256)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
