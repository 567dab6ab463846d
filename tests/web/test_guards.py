"""Bodies that are too large, too slow or too many are turned away; every answer carries its headers."""

import asyncio

import pytest
from fastapi import FastAPI, Request

from car_recog.web.guards import Guards, Intake
from car_recog.web.problems import answer_problems
from car_recog.web.uploads import Limits

LIMITS = Limits(max_file=100_000, max_held=400_000, body_seconds=0.2)
MOST = LIMITS.max_body(1)


def guarded(limits=LIMITS, hosts=None):
    app = FastAPI()
    answer_problems(app)
    app.state.n_read = 0

    @app.post("/{path:path}")
    async def count(request: Request) -> dict[str, int]:
        async for chunk in request.stream():
            app.state.n_read += len(chunk)
            await asyncio.sleep(0)
        return {"n_bytes": app.state.n_read}

    @app.get("/fails")
    async def fail() -> None:
        raise ZeroDivisionError("secret")

    app.state.intake = Intake(limits)
    app.add_middleware(Guards, intake=app.state.intake, hosts=hosts)
    return app


async def in_pieces(n_pieces, size=10_000, pause=0.0):
    for _ in range(n_pieces):
        await asyncio.sleep(pause)
        yield b"x" * size


def test_a_body_within_the_limit_comes_through(new_client):
    answer = new_client(guarded()).post("/", content=b"x" * MOST)

    assert answer.json() == {"n_bytes": MOST}


def test_a_body_that_says_it_is_too_large_is_not_read(new_client):
    client = new_client(guarded())

    answer = client.post("/", content=b"x" * (MOST + 1))

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert "Shrink the photo first" in answer.json()["detail"]
    assert client.app.state.n_read == 0


def test_a_body_that_does_not_say_its_size_is_cut_off(new_client):
    client = new_client(guarded())

    answer = client.post("/", content=in_pieces(40))

    assert answer.status_code == 413
    assert MOST - 10_000 <= client.app.state.n_read <= MOST


def test_two_photos_may_be_twice_as_large(new_client):
    client = new_client(guarded())

    assert client.post("/v1/verify", content=b"x" * LIMITS.max_body(2)).status_code == 200
    assert client.post("/v1/verify", content=b"x" * (LIMITS.max_body(2) + 1)).status_code == 413


def test_an_endless_body_is_not_read_for_ever(new_client):
    client = new_client(guarded(Limits(max_file=100_000, body_seconds=60)))

    assert client.post("/", content=in_pieces(10**9, size=100_000)).status_code == 413


def test_a_slow_body_runs_out_of_time(new_client):
    answer = new_client(guarded()).post("/", content=in_pieces(10, pause=0.1))

    assert answer.status_code == 408
    assert answer.json()["detail"].startswith("The photo did not arrive within")


def test_a_server_that_stops_waits_for_no_body(new_client):
    client = new_client(guarded(Limits(body_seconds=60)))

    async def stop():
        coming = asyncio.create_task(client.http.post("/", content=in_pieces(10**9, pause=0.01)))
        await asyncio.sleep(0.1)
        client.app.state.intake.stop()
        return [await coming, await client.http.post("/", content=in_pieces(2, pause=0.01))]

    assert [answer.status_code for answer in client.run(stop())] == [503, 503]


def test_all_bodies_together_are_bounded_and_forgotten_once_answered(new_client):
    client = new_client(guarded(Limits(max_file=100_000, max_held=200_000)))

    async def crowd():
        asking = (client.http.post("/", content=in_pieces(10, pause=0.01)) for _ in range(4))
        return [answer.status_code for answer in await asyncio.gather(*asking)]

    statuses = client.run(crowd())
    assert 200 in statuses
    assert 503 in statuses
    assert set(statuses) == {200, 503}
    assert client.post("/", content=in_pieces(10)).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "[::1]:8000"])
def test_the_names_of_this_machine_are_answered(new_client, host):
    client = new_client(guarded(hosts=("localhost", "127.0.0.1", "[::1]")))

    assert client.post("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "[::2]", "[::1]evil.example", "localhost:80:80", ""])
def test_other_names_are_not(new_client, host):
    client = new_client(guarded(hosts=("localhost", "127.0.0.1", "[::1]")))

    answer = client.post("/", headers={"host": host})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/", 200), ("GET", "/nowhere/at/all", 405), ("GET", "/fails", 500)])
def test_every_answer_carries_the_headers(new_client, method, path, status):
    answer = new_client(guarded()).request(method, path)

    assert answer.status_code == status
    assert "script-src 'self'; style-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_an_error_inside_stays_inside(new_client):
    answer = new_client(guarded()).get("/fails")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "ZeroDivisionError" not in answer.text
