"""The whole job, from photos in folders to a trained network: car-recog's default, against forty lines of plain Keras.

    python benchmarks/parts_job.py photos --weights mobilenet_2_5_224_tf_no_top.h5 --rounds 1 --json parts_job.json

Both train MobileNet alpha 0.25 from the same ImageNet weights on the same photos and are judged on the same others; photos whose names
agree in the group pattern lie on one side. The plain way is that of the Keras guide on transfer learning: a new head on the frozen network
for 5 epochs, then all of it for 12, Adam 3e-4; the photos as `image_dataset_from_directory` reads them, kept in memory; batch normalisation
stays as it came. Seconds are those of the whole call, reading the files and compiling included; nothing is cached before. Each
round has its own split and seed, and the two take turns.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import keras
import tensorflow as tf
from ingredients import of_length
from rounds import Row, make_parser, report, spread

from car_recog import FolderDataset, ImageDataset, PartClassifier, get_recipe
from car_recog.evaluation.classification import ClassificationReport, classification_report
from car_recog.prediction import softmax
from car_recog.storage import CACHE_VARIABLE

ALPHA = 0.25
OURS, PLAIN = "car-recog", "plain Keras"
FIGURES = ("accuracy", "macro F1", "seconds")


def read_photos(data: ImageDataset, size: tuple[int, int], *, shuffle: bool) -> tf.data.Dataset:
    """Batches as those of `image_dataset_from_directory`, from files that were split before."""

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.image.resize(tf.io.decode_jpeg(tf.io.read_file(path), channels=3), size), label

    paths = [str(sample.path) for sample in data.samples]
    photos = tf.data.Dataset.from_tensor_slices((paths, data.labels)).map(read, num_parallel_calls=tf.data.AUTOTUNE).cache()
    return (photos.shuffle(len(data)) if shuffle else photos).batch(32).prefetch(tf.data.AUTOTUNE)


def train_plainly(train: ImageDataset, args: argparse.Namespace) -> keras.Model:
    """Train as the Keras guide does: https://keras.io/guides/transfer_learning."""
    size = (args.image_size, args.image_size)
    photos = read_photos(train, size, shuffle=True)
    backbone = keras.applications.MobileNet(alpha=ALPHA, include_top=False, weights=args.weights, input_shape=(*size, 3))
    backbone.trainable = False
    inputs = keras.Input((*size, 3), name="photos")
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = backbone(x, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    model = keras.Model(inputs, keras.layers.Dense(len(train.class_names))(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss=loss, metrics=["accuracy"])
    model.fit(photos, epochs=args.head_epochs, shuffle=False, verbose=0)  # the photos come shuffled
    backbone.trainable = True
    model.compile(keras.optimizers.Adam(3e-4), loss=loss, metrics=["accuracy"])
    model.fit(photos, epochs=args.epochs, shuffle=False, verbose=0)
    return model


def run_plainly(train: ImageDataset, test: ImageDataset, seed: int, args: argparse.Namespace) -> tuple[float, ClassificationReport]:
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()
    model = train_plainly(train, args)
    seconds = time.perf_counter() - start
    logits = model.predict(read_photos(test, (args.image_size, args.image_size), shuffle=False), verbose=0)
    groups = [sample.group for sample in test.samples]
    return seconds, classification_report(softmax(logits), test.labels, class_names=test.class_names, groups=groups)


def run_ours(train: ImageDataset, test: ImageDataset, seed: int, args: argparse.Namespace) -> tuple[float, ClassificationReport]:
    recipe = of_length(get_recipe("finetune"), args.photos_seen)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        size = (args.image_size, args.image_size)
        clf = PartClassifier("mobilenet", weights=args.weights, backbone_options={"alpha": ALPHA}, image_size=size)
        clf.fit(train, recipe=recipe, seed=seed, verbose=False)
        seconds = time.perf_counter() - start
        return seconds, clf.evaluate(test)


def run(args: argparse.Namespace) -> None:
    whole = FolderDataset(args.data, rf"(?P<label>[^/]+)/(?P<group>{args.group_pattern})[^/]*")
    rows: list[Row] = []
    for seed in range(args.rounds):
        train, test = whole.split(0.75, 0.25, seed=seed)
        for side, work in ((PLAIN, run_plainly), (OURS, run_ours)):
            seconds, judged = work(train, test, seed, args)
            low, high = judged.intervals["accuracy"]
            row = {"seed": seed, "side": side, "trained on": len(train), "judged on": judged.n_photos, "accuracy": judged.accuracy}
            rows.append({**row, "95 %": f"{low:.3f} to {high:.3f}", "macro F1": judged.macro_f1, "seconds": seconds})
    for side in (PLAIN, OURS):
        mine = [row for row in rows if row["side"] == side and row["seed"] != "all"]
        rows.append({"seed": "all", "side": side, **{name: spread([row[name] for row in mine]) for name in FIGURES}})
    report(rows, args.json, **{"image size": args.image_size})


def main() -> None:
    parser = make_parser(__doc__, n_rounds=1)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", required=True, help="a file of weights")
    parser.add_argument("--group-pattern", default=".+(?=_)")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--photos-seen", type=int, help="length of car-recog's training; the recipe's own where not given")
    parser.add_argument("--head-epochs", type=int, default=5, help="of plain Keras, the head alone")
    parser.add_argument("--epochs", type=int, default=12, help="of plain Keras, everything")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
