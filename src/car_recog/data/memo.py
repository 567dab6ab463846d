"""What was found out about files, remembered on disk for as long as they stay the same.

A file is the same while its path, size, times and inode are. One that was changed within the last two seconds is not remembered: it
may change again within the resolution of the clock (git's rule for "racy" files). The memo is a convenience: where the database is
damaged, locked or read-only, nothing is remembered and nothing fails.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import attrs

from car_recog.storage import cache_folder

_RACY_NS = 2 * 10**9
_LOCK_SECONDS = 2.0
_TABLE = "CREATE TABLE IF NOT EXISTS facts (key BLOB PRIMARY KEY, stamp TEXT NOT NULL, value BLOB NOT NULL)"


@attrs.frozen
class State:
    """What is remembered facts of, and in which state.

    Args:
        key: Of a file, its resolved path.
        stamp: Of a file, size, times and inode; equal stamps mean that nothing has changed.
        is_settled: Whether the last change is long enough ago to be told from the next one.
    """

    key: bytes
    stamp: str
    is_settled: bool


def file_states(paths: Iterable[Path]) -> Iterator[State | None]:
    """Look at files without opening them; gives None for one that is not there."""
    real_folder = cache(os.path.realpath)
    for path in map(str, paths):  # a dataset has many paths, and pathlib is slow at each
        now = time.time_ns()
        try:
            facts = os.stat(path)  # noqa: PTH116
        except OSError:
            yield None
            continue
        folder, name = os.path.split(path)
        real = os.path.realpath(path) if os.path.islink(path) else os.path.join(real_folder(folder), name)  # noqa: PTH114, PTH118
        stamp = f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"
        yield State(os.fsencode(real), stamp, now - max(facts.st_mtime_ns, facts.st_ctime_ns) > _RACY_NS)


class Memo:
    """A table of facts; another version of the facts needs another name."""

    def __init__(self, name: str) -> None:
        self.path = memo_folder() / f"{name}.sqlite"
        self._database: sqlite3.Connection | None = None
        with suppress(OSError), self._forgiven():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=_LOCK_SECONDS, isolation_level=None)
            self._database.execute(_TABLE)

    def find(self, states: Sequence[State | None]) -> list[bytes | None]:
        """Give what is known in each state; at most some thousands at once."""
        rows: list[tuple[bytes, str, bytes]] = []
        with self._forgiven():
            if self._database is not None:
                keys = [state.key for state in states if state]
                query = f"SELECT key, stamp, value FROM facts WHERE key IN ({','.join('?' * len(keys))})"  # noqa: S608
                rows = self._database.execute(query, keys).fetchall()
        known = {(key, stamp): value for key, stamp, value in rows}
        return [known.get((state.key, state.stamp)) if state else None for state in states]

    def keep(self, facts: Iterable[tuple[State, bytes]]) -> None:
        """Remember facts, all or none."""
        rows = [(state.key, state.stamp, value) for state, value in facts if state.is_settled]
        with self._forgiven():
            if rows and self._database is not None:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", rows)
                self._database.execute("COMMIT")

    def __len__(self) -> int:
        n: int = 0
        with self._forgiven():
            if self._database is not None:
                n = self._database.execute("SELECT COUNT(*) FROM facts").fetchone()[0]
        return n

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()
            self._database = None

    @contextmanager
    def _forgiven(self) -> Iterator[None]:
        """Do without the database from its first error on; a damaged one is removed, so that the next run starts a new one."""
        try:
            yield
        except sqlite3.Error as error:
            self.close()
            if type(error) is sqlite3.DatabaseError:  # damage; a lock or a full disk is a subclass
                for path in (self.path, self.path.with_name(self.path.name + "-journal")):
                    with suppress(OSError):
                        path.unlink()


def memo_folder() -> Path:
    """Where the databases lie."""
    return cache_folder() / "files"
