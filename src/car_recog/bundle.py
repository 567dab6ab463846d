"""A saved recogniser: a folder of `config.json`, `model.weights.h5`, `checksums.json` and a model card `README.md`; arrays as `.npy`.

Nothing in it is code. Whoever loads it rebuilds the network from the registry and loads numbers into it.
"""

import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import h5py
import keras
import numpy as np

from car_recog.errors import BundleError
from car_recog.storage import atomic_folder, file_sha256, is_vacant

T = TypeVar("T")

FORMAT = 1
CONFIG, WEIGHTS, CHECKSUMS, CARD = "config.json", "model.weights.h5", "checksums.json", "README.md"
MAX_CONFIG_BYTES = 8 * 2**20
MAX_STATE = 16


def write_bundle(folder: Path, *, config: dict[str, Any], model: keras.Model, card: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a bundle; an older one in its place is replaced only when the new one is whole.

    Raises:
        BundleError: The folder holds something else.
    """
    if not is_vacant(folder) and not ((folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()):
        raise BundleError(f"'{folder}' exists and is no saved recogniser. Name a new folder.")
    with atomic_folder(folder) as part:
        text = json.dumps({"format": FORMAT, **config}, indent=1)
        (part / CONFIG).write_text(text + "\n", "utf-8")
        model.save_weights(part / WEIGHTS)
        for name, array in arrays.items():
            np.save(part / f"{name}.npy", array, allow_pickle=False)
        sums = {path.name: file_sha256(path) for path in sorted(part.iterdir())}
        (part / CHECKSUMS).write_text(json.dumps(sums, indent=1) + "\n", "utf-8")
        (part / CARD).write_text(card, "utf-8")


def read_config(folder: Path, *, kind: str | None, files: Sequence[str] = (WEIGHTS,), noun: str = "recogniser") -> dict[str, Any]:
    """Read the configuration of a saved folder after checking that the folder is whole.

    Args:
        folder: The folder.
        kind: What it must hold, such as `CarClassifier`. None takes any.
        files: What stands beside the configuration; checked by the checksums too.
        noun: What such a folder holds, for messages.

    Raises:
        BundleError: Not such a folder, damaged files, an unknown format version, or another kind.
    """
    for name in (CONFIG, *files, CHECKSUMS):
        if not (folder / name).is_file():
            raise BundleError(f"'{folder}' is no saved {noun}: it has no {name}.")
    sums = read_json(folder / CHECKSUMS)
    config = read_json(folder / CONFIG)
    version = config.get("format")
    if version != FORMAT:
        raise BundleError(f"'{folder}' has the format version {version!r}; this version of car-recog reads {FORMAT}. Update car-recog.")
    for name in (CONFIG, *files):
        if sums.get(name) != file_sha256(folder / name):
            raise BundleError(f"'{folder / name}' is damaged: its checksum is not the one in {CHECKSUMS}. Copy the {noun} again.")
    if kind is not None and config.get("kind") != kind:
        raise BundleError(f"'{folder}' holds a {config.get('kind')!r}, not a {kind}. Load it with that class.")
    return config


def read_array(folder: Path, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read an array of a bundle: float32 of a shape that is known beforehand.

    Raises:
        BundleError: It is missing, damaged, or of another shape.
    """
    path = folder / f"{name}.npy"
    if not path.is_file() or read_json(folder / CHECKSUMS).get(path.name) != file_sha256(path):
        raise BundleError(f"'{path}' is missing or damaged: its checksum is not the one in {CHECKSUMS}. Copy the recogniser again.")
    return np.array(map_array(path, shape))


def map_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Map a file of float32 numbers of a shape that is known beforehand: what its header claims takes no memory.

    Raises:
        BundleError: It is damaged, or of another shape.
    """
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BundleError(f"'{path}' is damaged: {error}") from error
    if array.shape != shape or array.dtype != np.float32:
        raise BundleError(f"'{path}' holds {array.dtype} of shape {array.shape}; the configuration needs float32 of {shape}.")
    return array


def read_json(path: Path) -> dict[str, Any]:
    """Read a small JSON file of a bundle: an object.

    Raises:
        BundleError: It is damaged or too large.
    """
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise BundleError(f"'{path}' is larger than {MAX_CONFIG_BYTES // 2**20} MiB; no saved recogniser needs that.")
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"'{path}' is damaged: {error}.") from error
    if not isinstance(content, dict):
        raise BundleError(f"'{path}' is damaged: expected a JSON object.")
    return content


def load_network(folder: Path, build: Callable[[], T], whole: Callable[[T], keras.Model]) -> T:
    """Build the network of a bundle and load its weights.

    The network is first built without memory for its variables, and for real only where the weights are as many as it needs. So no
    configuration can make a loader allocate more than the bundle's own size.

    Args:
        folder: The bundle, checked by `read_config`.
        build: Builds the network and its pieces.
        whole: Gives the model of all weights among them.

    Raises:
        BundleError: The weights are not plain arrays, too many or too few, or do not fit.
    """
    path = folder / WEIGHTS
    n_stored = _count_stored(path)
    # Keras keeps its list of variables that wait for memory per thread; it ends with this one.
    with ThreadPoolExecutor(1) as pool:
        n_needed = pool.submit(_count_needed, lambda: whole(build())).result()
    if n_needed != n_stored:
        raise BundleError(f"'{path}' holds {n_stored:,} numbers; the network of its configuration needs {n_needed:,}.")
    network = build()
    try:
        with warnings.catch_warnings():
            # Keras only warns of weights that are missing, and would leave random ones in their place.
            warnings.simplefilter("error", UserWarning)
            whole(network).load_weights(path)
    except (ValueError, KeyError, OSError, UserWarning) as error:
        raise BundleError(f"'{path}' does not fit the network of its configuration: {error}") from error
    return network


def _count_needed(build: Callable[[], keras.Model]) -> int:
    with keras.StatelessScope(initialize_variables=False):
        return sum(math.prod(v.shape) for v in build().variables if keras.backend.is_float_dtype(v.dtype))


def _count_stored(path: Path) -> int:
    """Count the float numbers in a weights file, refusing links, outside storage, compression and arrays larger than the file."""
    total = 0
    seen: set[int] = set()
    pending = [""]
    try:
        with h5py.File(path, "r") as file:
            while pending:
                place = pending.pop()
                group = file[place or "/"]
                address = h5py.h5o.get_info(group.id).addr
                if address in seen:
                    raise BundleError(f"'{path}' holds a link at '{place}'; weights are plain arrays.")
                seen.add(address)
                for name in group:
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                        raise BundleError(f"'{path}' holds a link at '{place}/{name}'; weights are plain arrays.")
                    item = group[name]
                    if isinstance(item, h5py.Group):
                        pending.append(f"{place}/{name}")
                    else:
                        total += _count_array(path, f"{place}/{name}", item)
    except (OSError, RuntimeError) as error:
        raise BundleError(f"'{path}' is damaged: {error}.") from error
    return total


def _count_array(path: Path, place: str, array: h5py.Dataset) -> int:
    is_plain = not (array.external or array.is_virtual or array.compression or array.chunks)
    # Besides floats there may be the state of random layers: a few integers.
    is_number = array.dtype.kind == "f" or (array.dtype.kind in "iu" and array.size <= MAX_STATE)
    if not is_plain or not is_number or array.id.get_storage_size() != array.nbytes:
        raise BundleError(f"'{path}' holds something other than a plain array at '{place}'.")
    return int(array.size) if array.dtype.kind == "f" else 0
