"""Reading an epoch of photos: from the cache, while they are decoded for the first time, and as Keras does it.

    python benchmarks/epochs.py photos --json epochs.json

Nothing is trained. Each round starts with an empty cache. "decoding" finds every photo missing, decodes it into the cache and reads all
batches; "cache" reads all batches again, in another order, as every later epoch of the run does; "later run" is the first epoch of another
run over the same photos, which looks each file up by its content. The Keras sides are `image_dataset_from_directory(...).cache()` in its
first and its second epoch, which holds whole batches as float32 in memory and gives the same ones every time; and the same cached photo by
photo, shuffled and batched anew every epoch, as `Batches` does.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import keras
import tensorflow as tf
from decoding import enlarge, largest, spread_out
from rounds import Row, compare, make_parser, report, time_rounds

from car_recog import FolderDataset
from car_recog.data.cache import clear_cache
from car_recog.data.pipeline import Batches, LoadedPhotos, load_photos
from car_recog.storage import CACHE_VARIABLE

DECODING, CACHE, LATER_RUN = "decoding", "cache", "later run"
KERAS_FIRST, KERAS_SECOND, KERAS_SHUFFLED = "Keras first", "Keras second", "Keras second, shuffled"


def link(paths: Iterable[Path], folder: Path) -> Path:
    """Lay links to photos into class folders, so that all sides see the same ones."""
    for number, path in enumerate(paths):
        target = folder / path.parent.name / f"{number}{path.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.resolve())
    return folder


def sides_of(folder: Path, size: tuple[int, int], batch_size: int) -> dict[str, Callable[[], None]]:
    data = FolderDataset(folder)
    loaded: list[LoadedPhotos] = []
    cached: list[tf.data.Dataset] = []
    epochs = count()

    def load_and_read() -> None:
        loaded[:] = [load_photos(data, image_size=size)]
        read()

    def read() -> None:
        batches = Batches(loaded[0], loaded[0].labels, batch_size=batch_size, shuffle_seed=0)
        batches.epoch = next(epochs)
        exhaust(batches[number] for number in range(len(batches)))

    def keras_photos(batch_size: int | None) -> tf.data.Dataset:
        return keras.utils.image_dataset_from_directory(folder, image_size=size, batch_size=batch_size, seed=0, verbose=False).cache()

    def keras_first() -> None:
        cached[:] = [keras_photos(batch_size)]
        exhaust(cached[0])

    shuffled = keras_photos(None).shuffle(len(data)).batch(batch_size).prefetch(tf.data.AUTOTUNE)
    return {
        DECODING: load_and_read,
        CACHE: read,
        LATER_RUN: load_and_read,
        KERAS_FIRST: keras_first,
        KERAS_SECOND: lambda: exhaust(cached[0]),
        KERAS_SHUFFLED: lambda: exhaust(shuffled),
    }


def exhaust(batches: Iterable[object]) -> None:
    for _ in batches:
        pass


def measure(kind: str, paths: list[Path], scratch: Path, args: argparse.Namespace) -> list[Row]:
    paths = paths[: len(paths) // args.batch_size * args.batch_size]
    sides = sides_of(link(paths, scratch), (args.image_size, args.image_size), args.batch_size)
    seconds = time_rounds(sides, args.rounds, prepare=clear_cache)
    return compare(seconds, n_photos=len(paths), against=[DECODING, KERAS_SECOND], photos=kind, n=len(paths))


def run(args: argparse.Namespace) -> None:
    photos = [sample.path for sample in FolderDataset(args.data).samples]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        os.environ[CACHE_VARIABLE] = str(scratch / "cache")
        large = enlarge(largest(photos, args.large_photos), scratch / "large")
        rows = measure("as they are", spread_out(photos, args.photos), scratch / "small links", args)
        rows += measure("1000 x 667", large, scratch / "large links", args)
    report(rows, args.json, **{"image size": args.image_size, "batch size": args.batch_size})


def main() -> None:
    parser = make_parser(__doc__, n_rounds=7)
    parser.add_argument("data", type=Path)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--photos", type=int, default=1024)
    parser.add_argument("--large-photos", type=int, default=256)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
