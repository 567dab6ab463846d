"""Files that are written whole or not at all, and fingerprints of content."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def is_a(kind: str, entry: "os.DirEntry[str]") -> bool:
    """Tell whether an entry of a folder is, or leads to, a `"file"` or a `"folder"`; a link to itself is neither."""
    try:
        return entry.is_dir() if kind == "folder" else entry.is_file()
    except OSError:
        return False


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


def write_text(text: str, path: str | Path | None) -> str:
    """Write a text file whole or not at all, where one is named; returns the text. Undecodable bytes of file names are kept."""
    if path is not None:
        with atomic_file(Path(path)) as part:
            part.write_text(text, "utf-8", errors="surrogateescape")
    return text


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


@contextmanager
def locked(path: Path, *, is_reader: bool = False) -> Iterator[None]:
    """Wait until no other process holds the lock of a path, and hold it during the block; its end, or a kill, frees it.

    The lock is an empty file beside the path, `.<name>.lock`, which stays. Readers exclude writers only, and make no file: where there
    is none yet, or none that they may open, they do not wait. The path itself need not exist.
    """
    beside = path.parent / f".{path.name}.lock"
    handle = None
    if is_reader:
        with suppress(OSError):
            handle = os.open(beside, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        if handle is not None:
            _wait_for(handle, is_shared=is_reader)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _wait_for(handle: int, *, is_shared: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        while True:
            with suppress(OSError):  # it gives up after ten seconds
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
                return
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)
