"""Decoding photos to one size: `images.decode` on the threads of the cache, against parallel tf.data.

    python benchmarks/decoding.py photos --json decoding.json

Two kinds of photos: those of the folder as they are, and its largest ones enlarged to 1000 x 667 and saved as JPEG of quality 90. Each side
reads the files too. Only antialiased resizing gives the photos that training wants; tf.data without it stands there for what it costs.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from rounds import compare, make_parser, report, time_rounds

from car_recog.data.folders import find_photos
from car_recog.data.images import decode

CHUNK = 64
LARGE = (1000, 667)
OURS, PLAIN, ANTIALIASED = "car-recog", "tf.data", "tf.data antialias"


def enlarge(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Save photos again, large, under their own class folders; returns the new files."""
    made = []
    for number, path in enumerate(paths):
        made.append(folder / path.parent.name / f"{number}.jpg")
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as photo:
            photo.convert("RGB").resize(LARGE, Image.Resampling.BICUBIC).save(made[-1], quality=90)
    return made


def spread_out(paths: Sequence[Path], n_photos: int | None) -> list[Path]:
    """Take so many photos, about evenly over all classes."""
    n_photos = min(n_photos or len(paths), len(paths))
    return [paths[i * len(paths) // n_photos] for i in range(n_photos)]


def largest(paths: Sequence[Path], n_photos: int) -> list[Path]:
    return sorted(paths, key=lambda path: -path.stat().st_size)[:n_photos]


def with_threads(paths: Sequence[Path], size: tuple[int, int]) -> Callable[[], None]:
    """What the cache does with photos it does not hold."""
    photos = np.empty((len(paths), *size, 3), np.uint8)

    def fill(row: int) -> None:
        photos[row] = decode(paths[row], image_size=size)

    def work() -> None:
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(paths), CHUNK):
                list(pool.map(fill, range(start, min(start + CHUNK, len(paths)))))

    return work


def with_tf_data(paths: Sequence[Path], size: tuple[int, int], *, antialias: bool) -> Callable[[], None]:
    def read(path: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(tf.io.decode_jpeg(tf.io.read_file(path), channels=3), size, antialias=antialias)

    photos = tf.data.Dataset.from_tensor_slices([str(path) for path in paths]).map(read, num_parallel_calls=tf.data.AUTOTUNE)
    photos = photos.batch(CHUNK).prefetch(tf.data.AUTOTUNE)

    def work() -> None:
        for _ in photos:
            pass

    return work


def needs_tensorflow(path: Path) -> bool:
    """Decode one photo in a new process and see whether TensorFlow was loaded."""
    code = "import sys; from car_recog.data.images import decode; decode(sys.argv[1]); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip() != "False"


def run(args: argparse.Namespace) -> None:
    size = (args.image_size, args.image_size)
    paths = [path for path in find_photos(args.data) if path.suffix.lower() in (".jpg", ".jpeg")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        large = enlarge(largest(paths, args.large_photos), Path(folder))
        for kind, chosen in (("as they are", spread_out(paths, args.photos)), ("1000 x 667", large)):
            sides = {
                OURS: with_threads(chosen, size),
                PLAIN: with_tf_data(chosen, size, antialias=False),
                ANTIALIASED: with_tf_data(chosen, size, antialias=True),
            }
            seconds = time_rounds(sides, args.rounds)
            rows += compare(seconds, n_photos=len(chosen), against=[ANTIALIASED], photos=kind, n=len(chosen))
    report(rows, args.json, **{"image size": args.image_size, "decoder needs TensorFlow": needs_tensorflow(paths[0])})


def main() -> None:
    parser = make_parser(__doc__, n_rounds=9)
    parser.add_argument("data", type=Path)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--photos", type=int, help="so many of the folder's photos; all where not given")
    parser.add_argument("--large-photos", type=int, default=256)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
