"""Decoded photos on disk, so that each is decoded once for all runs.

Photos of one size lie in packs, by the hash of their content: see `packs`. So any number of processes may read and add at the same time.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np

from car_recog.data.fingerprints import MEMO, read_contents
from car_recog.data.images import DECODER_VERSION, Box, decode
from car_recog.data.memo import Memo, memo_folder
from car_recog.errors import ImageDecodeError
from car_recog.packs import CacheEntry, Packs, clear_folder, folder_bytes, list_packs
from car_recog.storage import cache_folder, content_hash

_CHUNK = 64


class PhotoCache:
    """Photos of one size, `(height, width)` in pixels, and one way of resizing: see `images.decode`."""

    def __init__(self, image_size: tuple[int, int], resize: str) -> None:
        self.image_size = image_size
        self.resize = resize
        folder = _photos_folder() / f"{image_size[0]}x{image_size[1]}-{resize}-v{DECODER_VERSION}"
        self._packs = Packs(folder, (*image_size, 3), dtype=np.uint8, content="decoded photos")

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
        self._packs.refresh()
        known = self._packs.places
        photos = list(zip(paths, crops or [None] * len(paths), strict=True))
        with ThreadPoolExecutor() as pool:
            keys = [_with_crop(key, crop) for key, (_, crop) in zip(read_contents(paths), photos, strict=True)]
            missing = {key: photo for key, photo in zip(keys, photos, strict=True) if isinstance(key, bytes) and key not in known}
            report = on_photo or (lambda _: None)
            report(len(paths) - len(missing))
            faults = self._decode(missing, pool, report) if missing else {}
        return [
            key if isinstance(key, ImageDecodeError) else _fault_of(path, faults[key]) if key in faults else known[key]
            for key, path in zip(keys, paths, strict=True)
        ]

    def read(self, places: np.ndarray) -> np.ndarray:
        """Read photos by pack and row, shape `(n, 2)`: uint8 `(n, height, width, 3)`."""
        return self._packs.read(places)

    def keys(self, places: np.ndarray) -> list[bytes]:
        """Give the 16 bytes that tell each photo, by pack and row, from all others: of its content and crop."""
        return self._packs.keys(places)

    def _decode(
        self, missing: dict[bytes, tuple[Path, Box | None]], pool: ThreadPoolExecutor, report: Callable[[int], object]
    ) -> dict[bytes, ImageDecodeError]:
        """Decode photos into a new pack; returns the errors by key."""
        faults: dict[bytes, ImageDecodeError] = {}
        work = list(missing.items())
        with self._packs.new_pack(len(work)) as (pixels, keys):

            def fill(row: int) -> None:
                key, (path, crop) = work[row]
                try:
                    pixels[row] = decode(path, image_size=self.image_size, resize=self.resize, crop=crop)
                    keys[row] = key
                except ImageDecodeError as error:
                    faults[key] = error

            for start in range(0, len(work), _CHUNK):
                rows = range(start, min(start + _CHUNK, len(work)))
                list(pool.map(fill, rows))
                report(len(rows))
        self._packs.refresh()
        return faults


def _with_crop(key: "bytes | ImageDecodeError", crop: Box | None) -> "bytes | ImageDecodeError":
    """Tell a part of a photo from the whole of it."""
    return key if crop is None or isinstance(key, ImageDecodeError) else content_hash(key + repr(tuple(crop)).encode())


def _fault_of(path: Path, fault: ImageDecodeError) -> ImageDecodeError:
    """Name the file itself where only another one of the same content was tried."""
    return fault if f"'{path}'" in str(fault) else ImageDecodeError(f"Cannot decode '{path}', of the same content as another: {fault}")


def _photos_folder() -> Path:
    return cache_folder() / "photos"


def list_cache() -> list[CacheEntry]:
    """Tell which photos the cache holds, one entry per size and way of resizing, and one for what is known of files."""
    entries = list_packs(_photos_folder())
    if n_bytes := folder_bytes(memo_folder()):
        with closing(Memo(MEMO)) as memo:
            entries.append(CacheEntry("fingerprints", len(memo), n_bytes))
    return entries


def clear_cache() -> int:
    """Remove all decoded photos and what is known of files. Returns how many bytes that freed."""
    return clear_folder(_photos_folder()) + clear_folder(memo_folder())
