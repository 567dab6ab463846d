"""The paper's training on pairs, as plain Keras runs it, against ours; and how long scoring takes beyond embedding each photo once.

    python benchmarks/verification.py photos --label-pattern PATTERN --weights mobilenet_2_5_224_tf_no_top.h5 --json verification.json

Training: frozen MobileNet alpha 0.25 with ImageNet weights, photos in [0, 1], average pooling, dense 128 with ReLU, unit length, a sigmoid
unit on the absolute differences, batches of 128, 20 epochs, Adam 1e-3. Three ways on the same pairs, cut 60 / 20 / 20 as in the paper:

- plain Keras: both towers over all pairs in every epoch. The photos are decoded once and kept in memory, which favours it: the paper
  decodes both photos of each pair in every epoch. --decode-always does that too.
- each photo once: bare Keras passes every photo through the backbone once, then trains the head on arrays.
- car-recog: one call of `fit`.

Seconds are those of the whole way from files to the trained head, compiling included; nothing is cached before. All are judged at 0.5 on
the validation pairs, which is not timed. With --epochs-plain plain Keras runs fewer epochs, and its seconds are scaled to all of them.

Scoring: 20,000 pairs of 2,000 photos. Where the folder has fewer photos, mirror images of them are saved beside them.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from rounds import UNSHOWN, Row, make_parser, report, spread, time_rounds

from car_recog import FolderDataset, ImageDataset, PairDataset, SiameseVerifier, compare_verifiers, get_recipe
from car_recog.data.images import decode
from car_recog.evaluation.verification import VerificationReport, verification_report
from car_recog.storage import CACHE_VARIABLE

ALPHA, DIM, BATCH, EPOCHS = 0.25, 128, 128, 20
PLAIN, ONCE, OURS = "plain Keras", "each photo once", "car-recog"


class EpochClock(keras.callbacks.Callback):
    """Times each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.seconds.append(-time.perf_counter())

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.seconds[-1] += time.perf_counter()


def read_photo(path: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Decode a photo as the paper does: [0, 1]."""
    return tf.image.resize(tf.io.decode_jpeg(tf.io.read_file(path), channels=3), size) / 255


def read_all(images: ImageDataset, size: tuple[int, int]) -> tf.data.Dataset:
    paths = tf.data.Dataset.from_tensor_slices([str(sample.path) for sample in images.samples])
    return paths.map(lambda path: read_photo(path, size), num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)


def pair_batches(pairs: PairDataset, size: tuple[int, int], *, decode_always: bool, shuffle: bool) -> tf.data.Dataset:
    """Batches of both photos of pairs, with labels."""
    if decode_always:
        paths = tf.constant([str(sample.path) for sample in pairs.images.samples])

        def read(places: tf.Tensor) -> tf.Tensor:
            return tf.map_fn(lambda path: read_photo(path, size), tf.gather(paths, places), fn_output_signature=tf.float32)
    else:
        photos = tf.constant(np.concatenate([np.rint(255 * batch).astype(np.uint8) for batch in read_all(pairs.images, size)]))

        def read(places: tf.Tensor) -> tf.Tensor:
            return tf.cast(tf.gather(photos, places), tf.float32) / 255

    def both(first: tf.Tensor, second: tf.Tensor, label: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
        return (read(first), read(second)), label

    columns = (pairs.first, pairs.second, pairs.is_genuine.astype(np.float32)[:, None])
    rows = tf.data.Dataset.from_tensor_slices(columns)
    rows = rows.shuffle(len(pairs)) if shuffle else rows
    return rows.batch(BATCH).map(both, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def backbone(args: argparse.Namespace) -> keras.Model:
    size = (args.image_size, args.image_size, 3)
    model = keras.applications.MobileNet(alpha=ALPHA, include_top=False, pooling="avg", weights=args.weights, input_shape=size)
    model.trainable = False
    return model


def siamese(shape: Sequence[int], tower: Callable[[keras.KerasTensor], keras.KerasTensor]) -> keras.Model:
    """Put dense 128, unit length, |a - b| and a sigmoid unit on two towers that share weights, ready to train."""
    inputs = [keras.Input(shape, name=name) for name in ("first", "second")]
    dense, unit = keras.layers.Dense(DIM, activation="relu"), keras.layers.UnitNormalization()
    first, second = (unit(dense(tower(x))) for x in inputs)
    distance = keras.ops.abs(first - second)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(distance))
    model.compile(keras.optimizers.Adam(1e-3), loss="binary_crossentropy", metrics=["accuracy"])
    return model


Scores = Callable[[PairDataset], np.ndarray]


def train_plainly(pairs: PairDataset, epochs: int, args: argparse.Namespace) -> tuple[list[float], Scores]:
    """Both towers over all pairs; gives the seconds of each epoch, and what scores pairs."""
    size, clock = (args.image_size, args.image_size), EpochClock()
    model = siamese((*size, 3), backbone(args))
    batches = pair_batches(pairs, size, decode_always=args.decode_always, shuffle=True)
    model.fit(batches, epochs=epochs, callbacks=[clock], shuffle=False, verbose=0)  # the pairs come shuffled

    def score(judged: PairDataset) -> np.ndarray:
        return np.asarray(model.predict(pair_batches(judged, size, decode_always=False, shuffle=False), verbose=0)[:, 0])

    return clock.seconds, score


def train_once(pairs: PairDataset, args: argparse.Namespace) -> None:
    """Each photo through the backbone once, then the head on arrays."""
    features = backbone(args).predict(read_all(pairs.images, (args.image_size, args.image_size)), verbose=0)
    model = siamese(features.shape[1:], lambda x: x)
    ends = [features[pairs.first], features[pairs.second]]
    model.fit(ends, pairs.is_genuine.astype(np.float32)[:, None], batch_size=BATCH, epochs=EPOCHS, verbose=0)


def train_ours(pairs: PairDataset, epochs: int, args: argparse.Namespace) -> SiameseVerifier:
    size, paper = (args.image_size, args.image_size), SiameseVerifier.paper("mobilenet").config
    how = {"distance": paper.distance, "normalization": paper.normalization, "embedding_dim": paper.embedding_dim}
    ver = SiameseVerifier("mobilenet", args.weights, image_size=size, backbone_options={"alpha": ALPHA}, **how)
    ver.fit(pairs, recipe=get_recipe("paper", kind="pairs", epochs=epochs), verbose=False)
    return ver


def judge(scores: np.ndarray, pairs: PairDataset) -> VerificationReport:
    return verification_report(scores, pairs.is_genuine, identities=pairs.identities, threshold=0.5)


def fresh_cache(folder: Path) -> None:
    """Let the cache be empty from now on."""
    os.environ[CACHE_VARIABLE] = str(folder / str(len(list(folder.iterdir()))))
    Path(os.environ[CACHE_VARIABLE]).mkdir()


def measure_training(data: ImageDataset, args: argparse.Namespace, folder: Path) -> tuple[list[Row], SiameseVerifier]:
    pairs, val, _ = PairDataset.sample(data, n_pairs=round(args.pairs / 0.6), seed=0).split(0.6, 0.2, 0.2, seed=0)
    trained: list[SiameseVerifier] = []
    sides = {OURS: lambda: trained.append(train_ours(pairs, EPOCHS, args)), ONCE: lambda: train_once(pairs, args)}
    seconds = time_rounds(sides, args.rounds, prepare=lambda: fresh_cache(folder))
    start = time.perf_counter()
    epochs, score = train_plainly(pairs, args.epochs_plain, args)
    wall = time.perf_counter() - start
    # Compiling is in the first epoch; those that were not run cost what the others did.
    whole = wall + (EPOCHS - args.epochs_plain) * float(np.median(epochs[1:] or epochs))
    plain, ours = judge(score(val), val), judge(trained[-1].score(val), val)
    same = ours if args.epochs_plain == EPOCHS else judge(train_ours(pairs, args.epochs_plain, args).score(val), val)
    away = compare_verifiers(same, plain).differences["accuracy"]
    what: Row = {"what": f"training on {len(pairs):,} pairs of {len(pairs.images):,} photos"}
    rows = [
        {"side": PLAIN, "seconds": whole, "epochs run": args.epochs_plain, "seconds run": wall, "accuracy": plain.accuracy},
        {"side": ONCE, "seconds": spread(seconds[ONCE])},
        {
            "side": OURS,
            "seconds": spread(seconds[OURS]),
            "accuracy": ours.accuracy,
            f"times {PLAIN}": spread([whole / own for own in seconds[OURS]]),
            f"share of {ONCE}": spread([own / other for own, other in zip(seconds[OURS], seconds[ONCE], strict=True)]),
            UNSHOWN: seconds,
        },
        {
            "side": f"{OURS}, {args.epochs_plain} epochs",
            "accuracy": same.accuracy,
            f"more than {PLAIN}": f"{away.difference:+.4f} ({away.interval[0]:+.3f} to {away.interval[1]:+.3f})",
        },
    ]
    return [what | row for row in rows], trained[-1]


def gather_photos(data: ImageDataset, n: int, folder: Path) -> ImageDataset:
    """Take so many photos; where there are fewer, mirror images are saved, which are photos of their own to any cache."""
    chosen = data.subset(range(min(n, len(data))))
    paths = [sample.path for sample in chosen.samples]
    names = [sample.class_name for sample in chosen.samples]
    folder.mkdir()
    for number, (path, name) in enumerate(list(zip(paths, names, strict=True))[: n - len(chosen)]):
        mirrored = folder / f"{number}.jpg"
        Image.fromarray(np.ascontiguousarray(decode(path)[:, ::-1])).save(mirrored, quality=92)
        paths.append(mirrored)
        names.append(name)
    return ImageDataset.from_files(paths, names)


def measure_scoring(ver: SiameseVerifier, data: ImageDataset, args: argparse.Namespace, folder: Path) -> list[Row]:
    images = gather_photos(data, args.score_photos, folder / "photos")
    pairs = PairDataset.sample(images, n_pairs=args.score_pairs, seed=1)
    photos, caches = pairs.images, folder / "caches"
    caches.mkdir()

    def embed() -> None:
        fresh_cache(caches)
        ver.embed(photos)

    def score() -> None:
        fresh_cache(caches)
        ver.score(pairs)

    seconds = time_rounds({"embedding each photo": embed, "scoring": score, "scoring again": lambda: ver.score(pairs)}, args.rounds)
    what = f"{len(pairs):,} pairs of {len(photos):,} photos"
    rows: list[Row] = [{"what": what, "side": side, "seconds": spread(own), UNSHOWN: own} for side, own in seconds.items()]
    beyond = [both - one for both, one in zip(seconds["scoring"], seconds["embedding each photo"], strict=True)]
    return [*rows, {"what": what, "side": "scoring beyond embedding", "seconds": spread(beyond), UNSHOWN: beyond}]


def main(argv: Sequence[str] | None = None) -> None:
    parser = make_parser(__doc__, n_rounds=3)
    parser.add_argument("data", type=Path, help="a folder of JPEG photos")
    parser.add_argument("--label-pattern", help="as of FolderDataset; a folder per identity without")
    parser.add_argument("--weights", required=True, help="a file of weights")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--pairs", type=int, default=12_000, help="to train on (12,000)")
    parser.add_argument("--epochs-plain", type=int, default=EPOCHS, help="of plain Keras, whose seconds are scaled to 20 (20)")
    parser.add_argument("--decode-always", action="store_true", help="plain Keras decodes both photos of a pair in every epoch")
    parser.add_argument("--score-pairs", type=int, default=20_000)
    parser.add_argument("--score-photos", type=int, default=2_000)
    args = parser.parse_args(argv)
    if not 2 <= args.epochs_plain <= EPOCHS:
        parser.error(f"--epochs-plain is a number from 2, of which the first compiles, to {EPOCHS}")
    data = FolderDataset(args.data, args.label_pattern)
    with TemporaryDirectory() as folder:
        (training := Path(folder) / "training").mkdir()
        rows, ver = measure_training(data, args, training)
        rows += measure_scoring(ver, data, args, Path(folder))
    scaled = f"scaled from {args.epochs_plain} epochs to {EPOCHS}" if args.epochs_plain < EPOCHS else f"all {EPOCHS} epochs were run"
    decoded = "in every epoch" if args.decode_always else "once, kept in memory"
    report(rows, args.json, **{"image size": args.image_size, "plain Keras": scaled, "its photos were decoded": decoded})


if __name__ == "__main__":
    main()
