"""Decoded photos on disk, so that each is decoded once for all runs.

Photos of one size lie in packs: `<id>.npy` holds the pixels, `<id>.keys.npy` the content hash of each row. A pack counts once its
keys are there, which are written last, so a killed run leaves nothing that could be read. Packs are never changed, so any number of
processes may read and add at the same time.
"""

import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import attrs
import numpy as np

from car_recog.data.fingerprints import MEMO, read_contents
from car_recog.data.images import DECODER_VERSION, Box, decode
from car_recog.data.memo import Memo, memo_folder
from car_recog.errors import CacheFullError, ImageDecodeError
from car_recog.storage import CACHE_VARIABLE, atomic_file, cache_folder, content_hash

_KEY = np.dtype("V16")
_ORPHAN_SECONDS = 24 * 3600
_CHUNK = 64


@attrs.frozen
class CacheEntry:
    """One kind of decoded photos in the cache, as `car-recog cache` shows it."""

    kind: str
    n_photos: int
    n_bytes: int


class PhotoCache:
    """Photos of one size and one way of resizing.

    Args:
        image_size: `(height, width)` in pixels.
        resize: How photos are fitted: see `images.decode`.
        root: The folder of all caches; None takes the user's.
    """

    def __init__(self, image_size: tuple[int, int], resize: str, *, root: Path | None = None) -> None:
        self.image_size = image_size
        self.resize = resize
        self.folder = _photos_folder(root) / f"{image_size[0]}x{image_size[1]}-{resize}-v{DECODER_VERSION}"
        self._packs: list[np.ndarray] = []
        self._place: dict[bytes, tuple[int, int]] = {}
        self._seen: set[str] = set()

    def place(
        self, paths: Sequence[Path], *, crops: Sequence[Box | None] | None = None, on_photo: Callable[[int], object] | None = None
    ) -> list["tuple[int, int] | ImageDecodeError"]:
        """Find each photo in the cache, decoding those that are missing by several threads.

        Args:
            paths: The files.
            crops: The part of each photo that is used: see `images.decode`. None: all of each.
            on_photo: Called with the number of photos done after each piece of work.

        Returns:
            For each file its pack and row for `read`, or the error of a photo that cannot be decoded.
        """
        self._open_packs()
        photos = list(zip(paths, crops or [None] * len(paths), strict=True))
        with ThreadPoolExecutor() as pool:
            keys = [_with_crop(key, crop) for key, (_, crop) in zip(read_contents(paths), photos, strict=True)]
            missing = {key: photo for key, photo in zip(keys, photos, strict=True) if isinstance(key, bytes) and key not in self._place}
            report = on_photo or (lambda _: None)
            report(len(paths) - len(missing))
            faults = self._decode(missing, pool, report) if missing else {}
        return [
            key if isinstance(key, ImageDecodeError) else _fault_of(path, faults[key]) if key in faults else self._place[key]
            for key, path in zip(keys, paths, strict=True)
        ]

    def read(self, places: np.ndarray) -> np.ndarray:
        """Read photos by pack and row, shape `(n, 2)`: uint8 `(n, height, width, 3)`."""
        out = np.empty((len(places), *self.image_size, 3), np.uint8)
        # Row by row each photo is copied whole; with lists of rows NumPy is several times slower.
        for photo, (pack, row) in zip(out, places.tolist(), strict=True):
            photo[...] = self._packs[pack][row]
        return out

    def _open_packs(self) -> None:
        for name, keys, pixels in _read_packs(self.folder, self._seen):
            if pixels.shape[1:] == (*self.image_size, 3):
                self._seen.add(name)
                self._packs.append(pixels)
                for row, key in enumerate(keys):
                    self._place.setdefault(key.tobytes(), (len(self._packs) - 1, row))

    def _decode(
        self, missing: dict[bytes, tuple[Path, Box | None]], pool: ThreadPoolExecutor, report: Callable[[int], object]
    ) -> dict[bytes, ImageDecodeError]:
        """Decode photos into a new pack; returns the errors by key."""
        self._sweep()
        faults: dict[bytes, ImageDecodeError] = {}
        name = uuid.uuid4().hex
        work = list(missing.items())
        with atomic_file(self.folder / f"{name}.npy") as part:
            pixels = np.lib.format.open_memmap(part, "w+", np.uint8, (len(work), *self.image_size, 3))
            _reserve(part)

            def fill(row: int, pixels: np.ndarray = pixels) -> None:
                key, (path, crop) = work[row]
                try:
                    pixels[row] = decode(path, image_size=self.image_size, resize=self.resize, crop=crop)
                except ImageDecodeError as error:
                    faults[key] = error

            for start in range(0, len(work), _CHUNK):
                rows = range(start, min(start + _CHUNK, len(work)))
                list(pool.map(fill, rows))
                report(len(rows))
            pixels.flush()
        if len(faults) == len(work):
            (self.folder / f"{name}.npy").unlink()
            return faults
        # An empty key marks the row of a photo that could not be decoded.
        keys = np.array([b"" if key in faults else key for key, _ in work], "S16").view(_KEY)
        with atomic_file(self.folder / f"{name}.keys.npy") as part:
            np.save(part, keys, allow_pickle=False)
        self._open_packs()
        return faults

    def _sweep(self) -> None:
        """Remove what killed runs left a day ago or earlier."""
        old = time.time() - _ORPHAN_SECONDS
        for path in (*self.folder.glob(".part-*"), *self.folder.glob("*.npy")):
            is_whole = path.name.endswith(".keys.npy") or path.with_suffix(".keys.npy").exists()
            with suppress(FileNotFoundError):  # another process has just finished it
                if not is_whole and path.stat().st_mtime < old:
                    path.unlink()


def _reserve(path: Path) -> None:
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
                raise CacheFullError(f"No space for {size // 2**20} MiB of decoded photos in '{path.parent}'. {advice}") from error


def _read_packs(folder: Path, seen: Container[str] = ()) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Give name, keys and pixels of each pack that is whole; what is damaged or half cleared counts as not there."""
    for path in sorted(folder.glob("*.keys.npy")):
        name = path.name.removesuffix(".keys.npy")
        if name not in seen:
            try:
                keys = np.load(path, allow_pickle=False)
                pixels = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
            if keys.dtype == _KEY and pixels.dtype == np.uint8 and pixels.ndim == 4 and keys.shape == pixels.shape[:1]:
                yield name, keys, pixels


def _with_crop(key: "bytes | ImageDecodeError", crop: Box | None) -> "bytes | ImageDecodeError":
    """Tell a part of a photo from the whole of it."""
    return key if crop is None or isinstance(key, ImageDecodeError) else content_hash(key + repr(tuple(crop)).encode())


def _fault_of(path: Path, fault: ImageDecodeError) -> ImageDecodeError:
    """Name the file itself where only another one of the same content was tried."""
    return fault if f"'{path}'" in str(fault) else ImageDecodeError(f"Cannot decode '{path}', of the same content as another: {fault}")


def _photos_folder(root: Path | None) -> Path:
    return (root or cache_folder()) / "photos"


def list_cache(root: Path | None = None) -> list[CacheEntry]:
    """Tell what the cache holds, one entry per size and way of resizing, and one for what is known of files."""
    entries = []
    for folder in sorted(_photos_folder(root).glob("*/")):
        distinct = {key.tobytes() for _, keys, _ in _read_packs(folder) for key in keys}
        size = sum(path.stat().st_size for path in folder.iterdir())
        entries.append(CacheEntry(folder.name, len(distinct - {bytes(16)}), size))
    if databases := list(memo_folder(root).glob("*")):
        with closing(Memo(MEMO, root=root)) as memo:
            entries.append(CacheEntry("fingerprints", len(memo), sum(path.stat().st_size for path in databases)))
    return entries


def clear_cache(root: Path | None = None) -> int:
    """Remove all decoded photos and what is known of files. Returns how many bytes that freed."""
    freed = sum(entry.n_bytes for entry in list_cache(root))
    for folder in (_photos_folder(root), memo_folder(root)):
        shutil.rmtree(folder, ignore_errors=True)
    return freed
