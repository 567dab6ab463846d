"""Many clients, one model: photos that wait together are answered together, and no more wait than may."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from itertools import islice
from math import ceil
from typing import Generic, TypeVar, cast

from starlette.exceptions import HTTPException

T = TypeVar("T")
R = TypeVar("R")


class Line:
    """The queue in front of all models: counts photos from the moment they were accepted until they are answered.

    Args:
        max_photos: How many there may be.
    """

    def __init__(self, max_photos: int) -> None:
        self.max_photos = max_photos
        self._n_photos = 0
        self._seconds = 1.0  # from acceptance to answer, of the last one: about the time in which a full line is answered

    @contextmanager
    def place(self, n_photos: int) -> Iterator[None]:
        """Hold places while the block runs.

        Raises:
            HTTPException: 503 where there are not as many, with the seconds after which there should be room.
        """
        if self._n_photos + n_photos > self.max_photos:
            seconds = max(1, ceil(self._seconds))
            detail = f"More photos wait than can be answered soon. Send it again in {seconds} s."
            raise HTTPException(503, detail, {"Retry-After": str(seconds)})
        self._n_photos += n_photos
        start = time.monotonic()
        try:
            yield
            self._seconds = time.monotonic() - start
        finally:
            self._n_photos -= n_photos


class Batcher(Generic[T, R]):
    """Answers items in batches: a batch is what has queued while the last ones were answered.

    Args:
        answer: Gives the answers to items, in their order; runs in the executor.
        executor: Several batchers may share one.
        max_batch: Items in a batch at most.
        n_workers: Batches that are answered at a time.
    """

    def __init__(self, answer: Callable[[list[T]], list[R]], executor: Executor, *, max_batch: int = 32, n_workers: int = 1) -> None:
        self._answer, self._executor, self._max_batch, self._n_workers = answer, executor, max_batch, n_workers
        self._waiting: dict[asyncio.Future[R], T] = {}
        self._workers: set[asyncio.Task[None]] = set()

    async def submit(self, item: T) -> R:
        """Wait for the answer to an item. Where the caller is cancelled before its batch starts, it costs nothing."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting[future] = item
        if len(self._workers) < self._n_workers:
            self._workers.add(loop.create_task(self._work()))
        try:
            return await future
        finally:
            self._waiting.pop(future, None)

    async def close(self) -> None:
        """Wait until all that was submitted is answered."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def _work(self) -> None:
        try:
            await self._answer_waiting()
        finally:  # at once after the last look at what waits: an item that comes later finds room for a worker
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _answer_waiting(self) -> None:
        while self._waiting:
            futures = list(islice(self._waiting, self._max_batch))
            items = [self._waiting.pop(future) for future in futures]
            try:
                answers = await asyncio.get_running_loop().run_in_executor(self._executor, self._answer, items)
            except Exception as error:  # whatever it is, it belongs to those who wait for this batch
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
            else:
                for future, answer in zip(futures, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
