"""Between clients and models: many at once, nobody waits too long, and a client that has gone is forgotten."""

import asyncio
import time

import numpy as np
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from car_recog.evaluation.pair_calibration import PairCalibration
from car_recog.prediction import abstain_scores
from car_recog.web.app import create_app
from car_recog.web.desk import MAX_BATCH, Desk, wait_for
from car_recog.web.uploads import Limits

CARS = ("Audi_A3_2010", "Audi_A4_2010", "BMW_X1_2012", "BMW_X5_2012")


def at_desk(recognisers, scenario, **limits):
    """Play a scenario at a new desk."""

    async def play():
        desk = Desk(recognisers, Limits(**limits))
        try:
            return await scenario(desk)
        finally:
            await desk.close()

    return asyncio.run(play())


class Asking:
    """Stands for a request whose client goes after some seconds."""

    def __init__(self, seconds=60.0):
        self.seconds = seconds

    async def receive(self):
        await asyncio.sleep(self.seconds)
        return {"type": "http.disconnect"}


def test_many_clients_at_once_get_the_answers_of_one_by_one(recognisers, photo):
    photos = [photo(CARS[i % 4], i) for i in range(70)]

    async def crowd(desk):
        return await asyncio.gather(*(desk.classify("models", one) for one in photos))

    answers = [answer for answer, _ in at_desk(recognisers, crowd)]

    alone = [recognisers.classifiers["models"].predict(one)[0] for one in photos]
    assert [answer.class_name for answer in answers] == [answer.class_name for answer in alone]
    assert [answer.probability for answer in answers] == pytest.approx([answer.probability for answer in alone], abs=1e-5)


def test_a_warm_desk_compiles_nothing_more(recognisers, photo):
    networks = (recognisers.classifiers["models"]._network.both, recognisers.verifier.model)

    def counted():
        return [network.predict_function.experimental_get_tracing_count() for network in networks]

    async def saturate(desk):
        await desk.warm()
        before = counted()
        for n_photos in (1, 3, 17, MAX_BATCH - 1, MAX_BATCH + 9):
            asked = [desk.classify("models", photo()) for _ in range(n_photos)]
            asked += [desk.search(photo(), k=1 + i % 3) for i in range(n_photos)]
            await asyncio.gather(*asked, *(desk.verify(photo(), photo()) for _ in range(min(n_photos, 20))))
        return before

    before = at_desk(recognisers, saturate)

    assert counted() == before
    assert min(before) > 0


def test_a_large_photo_is_answered_as_others_are(recognisers, photo, monkeypatch):
    monkeypatch.setattr("car_recog.web.desk._LARGE", 1000)

    answer, _ = at_desk(recognisers, lambda desk: desk.classify("models", photo()))

    assert answer.class_name == recognisers.classifiers["models"].predict(photo())[0].class_name


def test_more_than_may_wait_are_turned_away(recognisers, photo):
    async def crowd(desk):
        return await asyncio.gather(*(desk.classify("models", photo()) for _ in range(8)), return_exceptions=True)

    answers = at_desk(recognisers, crowd, max_queue=5)

    assert sum(isinstance(answer, HTTPException) for answer in answers) == 3
    assert sum(isinstance(answer, tuple) for answer in answers) == 5


def test_being_turned_away_is_said_with_the_time_to_come_again(new_client, recognisers, photo):
    client = new_client(create_app(recognisers, Limits(max_queue=1)))

    answer = client.post("/v1/verify", files={"a": photo(), "b": photo()})

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["detail"] == "More photos wait than can be answered soon. Send it again in 1 s."


@pytest.mark.parametrize(("request_", "limit", "error"), [(Asking(), 0.05, HTTPException), (Asking(0.05), 60.0, ClientDisconnect)])
def test_work_that_nobody_waits_for_any_more_is_cancelled(request_, limit, error):
    ended = []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(time.monotonic())

    async def scenario():
        with pytest.raises(error):
            await wait_for(work(), request=request_, limits=Limits(answer_seconds=limit))
        return list(ended)

    assert asyncio.run(scenario())


def test_the_photos_of_a_client_that_has_gone_leave_the_line(recognisers, photo):
    async def leave(desk):
        loop = asyncio.get_running_loop()
        blocked = [loop.run_in_executor(desk._models, time.sleep, 0.3) for _ in range(desk._n_models)]
        waiting = [asyncio.create_task(desk.classify("models", photo())) for _ in range(4)]
        await asyncio.sleep(0.2)
        for task in waiting[1:]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.gather(*blocked)
        return desk._line._n_photos

    assert at_desk(recognisers, leave, max_queue=4) == 0


def test_the_band_of_probabilities_becomes_one_of_scores():
    evidence = {"target": "eer", "far": 0.1, "frr": 0.1, "intervals": {}, "n_genuine": 9, "n_impostor": 9}
    found = abstain_scores(PairCalibration(threshold=0.5, slope=2.0, intercept=-1.0, abstain=(0.25, 0.75), **evidence))

    assert found == pytest.approx([(1 - np.log(3)) / 2, (1 + np.log(3)) / 2])
    assert abstain_scores(PairCalibration(threshold=0.5, slope=2.0, intercept=-1.0, **evidence)) is None
    assert abstain_scores(PairCalibration(threshold=0.5, slope=0.0, intercept=-1.0, abstain=(0.2, 0.8), **evidence)) is None
    assert abstain_scores(None) is None
