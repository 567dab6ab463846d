"""Files that are written whole or not at all, and fingerprints of content."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "CAR_RECOG_CACHE"


def cache_folder() -> Path:
    """Where caches lie: the environment variable `CAR_RECOG_CACHE`, or the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "car-recog"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "car-recog"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "car-recog"


def content_hash(content: bytes | memoryview) -> bytes:
    """Fingerprint bytes: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(content, digest_size=16).digest()


def file_sha256(path: Path) -> str:
    """Fingerprint a file as people and `sha256sum` write it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_vacant(folder: Path) -> bool:
    """Tell whether a folder is new or empty, so that filling it can destroy nothing."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it takes the place of `path` when the block ends well and is removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; when the block ends well it takes the place of `path`, an older folder there included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=path.parent))
    try:
        yield part
        part.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=".old-", dir=path.parent))
            path.replace(old / path.name)
            part.replace(path)
            shutil.rmtree(old)
        else:
            part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
