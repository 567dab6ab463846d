"""Rows of one shape on disk, by key: a store that any number of processes read and add to at the same time.

Rows lie in packs: `<id>.npy` holds the rows, `<id>.keys.npy` the key of each. A pack counts once its keys are there, which are written
last, so a killed run leaves nothing that could be read. Packs are never changed; at most a new one takes the place of several.
"""

import errno
import os
import shutil
import time
import uuid
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import attrs
import numpy as np

from car_recog.errors import CacheFullError
from car_recog.storage import CACHE_VARIABLE, atomic_file

_KEY = np.dtype("V16")
_NO_KEY = bytes(_KEY.itemsize)
_ORPHAN_SECONDS = 24 * 3600


class _Pack(NamedTuple):
    name: str
    keys: np.ndarray
    rows: np.ndarray


class Packs:
    """The rows in one folder. What `places` knows is what was there at the last `refresh`.

    Args:
        folder: Where the packs lie; made when rows are added.
        row_shape: Shape of a row. Packs of other rows count as not there, as damaged ones do.
        dtype: Type of the numbers.
        content: What the rows are, for messages: `"decoded photos"`.
    """

    def __init__(self, folder: Path, row_shape: tuple[int, ...], *, dtype: type[np.generic], content: str) -> None:
        self.folder, self.row_shape, self.dtype, self.content = folder, row_shape, np.dtype(dtype), content
        self.places: dict[bytes, tuple[int, int]] = {}
        self._packs: list[_Pack] = []
        self._seen: set[str] = set()

    def refresh(self) -> None:
        """Find what was added meanwhile."""
        for pack in self._fitting(self._seen):
            self._seen.add(pack.name)
            self._packs.append(pack)
            for row, key in enumerate(pack.keys):
                self.places.setdefault(key.tobytes(), (len(self._packs) - 1, row))

    def read(self, places: np.ndarray) -> np.ndarray:
        """Read rows by pack and row, shape `(n, 2)`: shape `(n, *row_shape)`."""
        out = np.empty((len(places), *self.row_shape), self.dtype)
        # Row by row each is copied whole; with lists of rows NumPy is several times slower.
        for target, (pack, row) in zip(out, places.tolist(), strict=True):
            target[...] = self._packs[pack].rows[row]
        return out

    def keys(self, places: np.ndarray) -> list[bytes]:
        """Give the keys of rows by pack and row, shape `(n, 2)`."""
        return [self._packs[pack].keys[row].tobytes() for pack, row in places.tolist()]

    @contextmanager
    def new_pack(self, n_rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the rows and the keys of a new pack, to be filled; when the block ends well, it is there for all.

        A row whose key was not filled in counts as not there; without any key nothing is kept.

        Raises:
            CacheFullError: The disk has no space for so many rows.
        """
        self._sweep()
        path = self.folder / f"{uuid.uuid4().hex}.npy"
        keys = np.zeros(n_rows, _KEY)
        with atomic_file(path) as part:
            rows = np.lib.format.open_memmap(part, "w+", self.dtype, (n_rows, *self.row_shape))
            self._reserve(part)
            yield rows, keys
            rows.flush()
        if any(keys.tobytes()):
            with atomic_file(path.with_suffix(".keys.npy")) as part:
                np.save(part, keys, allow_pickle=False)
        else:
            path.unlink()

    def add(self, rows: Mapping[bytes, np.ndarray]) -> None:
        """Put rows by key into a new pack, together with those of packs that are no larger, which then go.

        So packs stay few, however often a little is added, and a row is written anew at most as often as the store doubles.

        Raises:
            CacheFullError: The disk has no space for so many rows.
        """
        merged = dict(rows)
        taken = []
        for pack in sorted(self._fitting(), key=lambda pack: len(pack.keys)):
            if len(pack.keys) > len(merged):
                break
            taken.append(pack.name)
            merged |= {key.tobytes(): row for key, row in zip(pack.keys, pack.rows, strict=True)}
        with self.new_pack(len(merged)) as (new_rows, new_keys):
            new_keys[:] = np.frombuffer(b"".join(merged), _KEY)
            for target, row in zip(new_rows, merged.values(), strict=True):
                target[...] = row
        for name in taken:
            for ending in (".keys.npy", ".npy"):  # rows without keys do not count, keys without rows neither
                with suppress(OSError):  # another process took them, too; or reads them, where that forbids removing
                    (self.folder / f"{name}{ending}").unlink()

    def _fitting(self, seen: Container[str] = ()) -> Iterator[_Pack]:
        return (pack for pack in _whole_packs(self.folder, seen) if pack.rows.shape[1:] == self.row_shape and pack.rows.dtype == self.dtype)

    def _reserve(self, path: Path) -> None:
        """Take the disk space of a file now: a full disk met later, through the memory map, would end the process."""
        if not hasattr(os, "posix_fallocate"):
            return
        size = path.stat().st_size
        with path.open("r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    advice = f"Free some (`car-recog cache clear`), or set {CACHE_VARIABLE} to a folder on another disk."
                    raise CacheFullError(f"No space for {size // 2**20} MiB of {self.content} in '{path.parent}'. {advice}") from error

    def _sweep(self) -> None:
        """Remove what killed runs left a day ago or earlier."""
        old = time.time() - _ORPHAN_SECONDS
        for path in (*self.folder.glob(".part-*"), *self.folder.glob("*.npy")):
            is_whole = path.name.endswith(".keys.npy") or path.with_suffix(".keys.npy").exists()
            with suppress(FileNotFoundError):  # another process has just finished it
                if not is_whole and path.stat().st_mtime < old:
                    path.unlink()


def _whole_packs(folder: Path, seen: Container[str] = ()) -> Iterator[_Pack]:
    """Give the packs of a folder that are whole; what is damaged or half cleared counts as not there."""
    for path in sorted(folder.glob("*.keys.npy")):
        name = path.name.removesuffix(".keys.npy")
        if name not in seen:
            try:
                keys = np.load(path, allow_pickle=False)
                # As a plain array: taking a row of a memory map costs ten times as much.
                rows = np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))
            except (OSError, ValueError, EOFError):
                continue
            if keys.dtype == _KEY and rows.ndim > 1 and keys.shape == rows.shape[:1]:
                yield _Pack(name, keys, rows)


@attrs.frozen
class CacheEntry:
    """One kind of what the cache holds, as `car-recog cache` shows it."""

    kind: str
    n_photos: int
    n_bytes: int


def list_packs(folder: Path) -> list[CacheEntry]:
    """Tell what the packs below each folder of a folder hold; the kind is the name of the folder."""
    entries = []
    for kind in sorted(folder.glob("*/")):
        distinct = {key.tobytes() for pack in _whole_packs(kind) for key in pack.keys}
        entries.append(CacheEntry(kind.name, len(distinct - {_NO_KEY}), folder_bytes(kind)))
    return entries


def folder_bytes(folder: Path) -> int:
    """Add up the sizes of the files below a folder."""
    n_bytes = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # another process has just finished or removed it
            n_bytes += path.stat().st_size if path.is_file() else 0
    return n_bytes


def clear_folder(folder: Path) -> int:
    """Remove a folder of the cache. Returns how many bytes that freed."""
    freed = folder_bytes(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return freed
