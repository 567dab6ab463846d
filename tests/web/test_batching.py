"""Items that wait together are answered together; nothing is lost, and what nobody waits for costs nothing."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.exceptions import HTTPException

from car_recog.web.batching import Batcher, Line


class Doubler:
    """Doubles numbers, once it is let; remembers its batches."""

    def __init__(self):
        self.batches, self.may_go = [], threading.Event()

    def __call__(self, items):
        self.may_go.wait(10)
        self.batches.append(items)
        if 13 in items:
            raise ZeroDivisionError("thirteen")
        return [2 * item for item in items]


def run(scenario, *, max_batch=4):
    doubler = Doubler()
    with ThreadPoolExecutor(1) as executor:
        result = asyncio.run(scenario(doubler, Batcher(doubler, executor, max_batch=max_batch)))
    return result, doubler.batches


async def submitted(batcher, items):
    """Submit items one after another; the first is under way when this returns."""
    tasks = [asyncio.create_task(batcher.submit(item)) for item in items]
    await asyncio.sleep(0.05)
    return tasks


def test_what_queues_meanwhile_is_the_next_batch():
    async def scenario(doubler, batcher):
        first = await submitted(batcher, [1])
        rest = await submitted(batcher, [2, 3, 4, 5, 6])
        doubler.may_go.set()
        return await asyncio.gather(*first, *rest)

    answers, batches = run(scenario)

    assert answers == [2, 4, 6, 8, 10, 12]
    assert batches == [[1], [2, 3, 4, 5], [6]]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_an_item_that_comes_as_a_worker_ends_is_answered(n_workers):
    doubler = Doubler()
    doubler.may_go.set()

    async def scenario():
        batcher = Batcher(doubler, executor, n_workers=n_workers)
        async with asyncio.timeout(10):
            one_by_one = [await batcher.submit(number) for number in range(5)]
            for number in range(20):  # the loop is busy while a batch and other work end
                waiting = [asyncio.ensure_future(batcher.submit(500 + 2 * number + place)) for place in range(2)]
                await asyncio.sleep(0)
                time.sleep(0.002)
                one_by_one.append(await batcher.submit(100 + number))
                await asyncio.gather(*waiting)
        return one_by_one

    with ThreadPoolExecutor(n_workers) as executor:
        answers = asyncio.run(scenario())

    assert answers == [0, 2, 4, 6, 8, *range(200, 240, 2)]


def test_two_workers_answer_two_batches_at_a_time():
    doubler = Doubler()

    async def scenario():
        batcher = Batcher(doubler, executor, max_batch=4, n_workers=2)
        tasks = await submitted(batcher, [1])
        tasks += await submitted(batcher, [2, 3])
        tasks += await submitted(batcher, [4, 5, 6, 7, 8])
        doubler.may_go.set()
        await batcher.close()
        return [task.result() for task in tasks]

    with ThreadPoolExecutor(2) as executor:
        answers = asyncio.run(scenario())

    assert answers == [2, 4, 6, 8, 10, 12, 14, 16]
    assert sorted(doubler.batches) == [[1], [2, 3], [4, 5, 6, 7], [8]]


def test_an_item_whose_client_has_gone_is_not_computed():
    async def scenario(doubler, batcher):
        tasks = await submitted(batcher, [1])
        tasks += await submitted(batcher, [2, 3])
        tasks[1].cancel()
        doubler.may_go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers, batches = run(scenario)

    assert (answers[0], answers[2]) == (2, 6)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert batches == [[1], [3]]


def test_a_client_that_goes_in_the_middle_does_not_disturb_its_batch():
    async def scenario(doubler, batcher):
        tasks = await submitted(batcher, [1])
        tasks += await submitted(batcher, [2, 3])
        doubler.may_go.set()
        while len(doubler.batches) < 2:
            await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers, _ = run(scenario)

    assert (answers[0], answers[2]) == (2, 6)


def test_an_error_reaches_its_batch_and_the_next_is_answered():
    async def scenario(doubler, batcher):
        doubler.may_go.set()
        failed = await asyncio.gather(batcher.submit(13), return_exceptions=True)
        return [*failed, await batcher.submit(4)]

    answers, _ = run(scenario)

    assert isinstance(answers[0], ZeroDivisionError)
    assert answers[1] == 8


def test_closing_waits_for_what_was_submitted():
    async def scenario(doubler, batcher):
        tasks = await submitted(batcher, [1])
        tasks += await submitted(batcher, [2])
        doubler.may_go.set()
        await batcher.close()
        return [task.done() or await task for task in tasks]

    _, batches = run(scenario)

    assert batches == [[1], [2]]


def test_a_full_line_turns_away_and_has_room_again():
    line = Line(3)

    with line.place(2):
        with line.place(1), pytest.raises(HTTPException, match="Send it again in 1 s") as refusal, line.place(1):
            pass
        with line.place(1):
            pass
    assert (refusal.value.status_code, refusal.value.headers) == (503, {"Retry-After": "1"})


def test_an_error_gives_its_place_back():
    line = Line(1)

    with pytest.raises(ZeroDivisionError), line.place(1):
        raise ZeroDivisionError
    with line.place(1):
        pass
