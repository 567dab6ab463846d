"""What becomes of a running server, a real process, when clients die, hang, crowd in, and when it is told to stop."""

import http.client
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from io import BytesIO
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

MAX_QUEUE = 8
CROWD = 24


@pytest.fixture(scope="module")
def server(served, serving):
    with serving("--models", served.models, "--max-queue", MAX_QUEUE) as server:
        yield server


def photo() -> bytes:
    file = BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 60, (200, 300, 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()


def form(*, explain: bool) -> httpx.Request:
    request = httpx.Request("POST", "http://127.0.0.1/v1/classify", files={"photo": photo()}, data={"explain": str(explain).lower()})
    request.read()
    return request


PLAIN, COSTLY = form(explain=False), form(explain=True)


def send(server: SimpleNamespace, request: httpx.Request) -> http.client.HTTPConnection:
    """Send a request and leave its answer on the way."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", request.url.path, request.content, dict(request.headers))
    return connection


def send_half(server: SimpleNamespace, n_bytes: int) -> socket.socket:
    """Send the first bytes of a request, and nothing more."""
    head = "".join(f"{name}: {value}\r\n" for name, value in PLAIN.headers.items())
    raw = f"POST {PLAIN.url.path} HTTP/1.1\r\n{head}\r\n".encode() + PLAIN.content
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(raw[:n_bytes])
    return connection


def receive(connection: http.client.HTTPConnection) -> tuple[int, dict]:
    """Read an answer to its end, and hang up."""
    with closing(connection), connection.getresponse() as answer:
        return answer.status, json.loads(answer.read())


def get_status(server: SimpleNamespace, path: str) -> int:
    return httpx.get(f"http://127.0.0.1:{server.port}{path}").status_code


def test_a_client_killed_while_it_waits_leaves_the_server_as_it_was(server, tmp_path):
    before = receive(send(server, PLAIN))
    (tmp_path / "body").write_bytes(COSTLY.content)
    script = """
import http.client, pathlib, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("POST", "/v1/classify", pathlib.Path(sys.argv[2]).read_bytes(), {"Content-Type": sys.argv[3]})
print("sent", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", script, str(server.port), str(tmp_path / "body"), COSTLY.headers["Content-Type"]]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            client.stdout.readline()
            client.kill()
    for connection in [send(server, COSTLY) for _ in range(2 * MAX_QUEUE)]:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets the connection
        connection.close()
    for _ in range(60):
        after = receive(send(server, PLAIN))
        if after[0] != 503:  # the dead give their places back as soon as they are missed
            break
        time.sleep(0.5)

    assert before[0] == 200
    assert after == before
    assert get_status(server, "/ready") == 200


@pytest.mark.parametrize("n_bytes", [20, len(PLAIN.content) // 2, len(PLAIN.content)], ids=["in the head", "in the photo", "near the end"])
def test_a_half_sent_upload_holds_up_nobody(server, n_bytes):
    before = receive(send(server, PLAIN))
    with send_half(server, n_bytes):
        during = receive(send(server, PLAIN))
    after = receive(send(server, PLAIN))

    assert before[0] == 200
    assert during == after == before
    assert get_status(server, "/ready") == 200


@pytest.mark.parametrize("path", ["/", "/live", "/v1/recognisers"])
def test_head_gives_the_headers_of_get_and_no_body(server, path):
    asked = [httpx.request(method, f"http://127.0.0.1:{server.port}{path}", headers={"Connection": "close"}) for method in ("GET", "HEAD")]

    assert [answer.status_code for answer in asked] == [200, 200]
    assert asked[1].content == b""
    assert asked[1].headers["content-length"] == asked[0].headers["content-length"] == str(len(asked[0].content))


def test_beyond_a_full_queue_clients_are_told_when_to_come_again(server):
    with ThreadPoolExecutor(CROWD) as pool:
        url = f"http://127.0.0.1:{server.port}{COSTLY.url.path}"
        answers = list(pool.map(lambda _: httpx.post(url, content=COSTLY.content, headers=COSTLY.headers, timeout=60), range(CROWD)))
    refused = [answer for answer in answers if answer.status_code == 503]

    assert {answer.status_code for answer in answers} == {200, 503}
    assert len(answers) - len(refused) >= MAX_QUEUE
    for answer in refused:
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == 503
    assert receive(send(server, PLAIN))[0] == 200


def ask_until_stopped(server: SimpleNamespace) -> list[int]:
    """Ask again and again; being refused, or cut off between two requests, is how it ends. An answer cut off raises something else."""
    statuses = []
    with suppress(ConnectionError), closing(send(server, PLAIN)) as connection:
        while True:
            with connection.getresponse() as answer:
                statuses.append(answer.status)
                json.loads(answer.read())
            connection.request("POST", PLAIN.url.path, PLAIN.content, dict(PLAIN.headers))
    return statuses


def test_told_to_stop_under_load_it_answers_whatever_it_accepted(served, serving):
    with serving("--models", served.models) as server, ThreadPoolExecutor(4) as pool:
        _, alone = receive(send(server, PLAIN))
        busy = [pool.submit(ask_until_stopped, server) for _ in range(4)]
        first, *accepted = [send(server, COSTLY) for _ in range(CROWD)]
        answers = [receive(first)]
        is_answered = select.select([connection.sock for connection in accepted], [], [], 0)[0]
        os.kill(server.process.pid, signal.SIGTERM)
        answers += [receive(connection) for connection in accepted]
        statuses = [status for client in busy for status in client.result()]
        server.process.wait(timeout=60)

    assert len(is_answered) < len(accepted)  # there was something left to do
    assert [status for status, _ in answers] == [200] * CROWD
    assert {answer["class_name"] for _, answer in answers} == {alone["class_name"]}
    assert all(answer["heatmap"] for _, answer in answers)
    assert 200 in statuses
    assert set(statuses) <= {200, 503}
    assert server.process.returncode == 0


def test_an_upload_that_never_ends_does_not_keep_it_from_stopping(served, serving):
    with serving("--models", served.models) as server, send_half(server, len(PLAIN.content) // 2), send_half(server, 20):
        receive(send(server, PLAIN))
        os.kill(server.process.pid, signal.SIGTERM)
        server.process.wait(timeout=90)

    assert server.process.returncode == 0
