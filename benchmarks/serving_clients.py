"""Clients of `serving.py`: one process that sends requests made up beforehand over kept connections, and tells what it cost itself."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

BOUNDARY = "0b3c9a52d1f74a3e8f"
CRLF = "\r\n"
_PREPARED: list[bytes] = []  # in the process of the clients


@dataclass(frozen=True)
class Answer:
    """What came back for a request.

    Attributes:
        number: Of the request, among those prepared.
        status: The status; 0 where the connection broke.
        seconds: From the first byte sent to the last one read.
        body: As it came.
    """

    number: int
    status: int
    seconds: float
    body: bytes


@dataclass
class Fired:
    """What some clients saw together.

    Attributes:
        seconds: Of all of it.
        cpu_seconds: Of the clients' process.
        answers: In the order in which they came.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    answers: list[Answer] = field(default_factory=list)


def make_request(path: str, *, files: Mapping[str, bytes], fields: Mapping[str, str]) -> bytes:
    """Put a form into the bytes of one HTTP/1.1 request."""
    parts = []
    for name, value in fields.items():
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    for name, photo in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="photo"\r\nContent-Type: application/octet-stream'
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + photo + b"\r\n")
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    head = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: multipart/form-data; boundary={BOUNDARY}")
    return CRLF.join((*head, f"Content-Length: {len(body)}", "", "")).encode() + body


def prepare(requests: Sequence[bytes]) -> None:
    """Take the requests over into the process of the clients, once for all rounds."""
    _PREPARED[:] = requests


def fire(port: int, *, n_clients: int, n_requests: int, seconds: float) -> Fired:
    """Send requests, the prepared ones over and over, each client its next one as soon as it is answered.

    Args:
        port: Of the server on 127.0.0.1.
        n_clients: How many ask at the same time.
        n_requests: Of all of them together.
        seconds: No request is begun later.
    """
    return asyncio.run(_fire(port, n_clients, n_requests, seconds))


async def _fire(port: int, n_clients: int, n_requests: int, seconds: float) -> Fired:
    fired = Fired()
    numbers = iter(range(n_requests))
    start, cpu_start = time.perf_counter(), time.process_time()
    await asyncio.gather(*(_ask(port, numbers, start + seconds, fired) for _ in range(n_clients)))
    fired.seconds, fired.cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return fired


async def _ask(port: int, numbers: Iterator[int], end: float, fired: Fired) -> None:
    """One client: a connection is kept until the server closes it."""
    reader = writer = None
    for taken in numbers:
        if time.perf_counter() >= end:
            break
        number = taken % len(_PREPARED)
        start = time.perf_counter()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_PREPARED[number])
            await writer.drain()
            status, body, is_kept = await _read(reader)
        except (OSError, asyncio.IncompleteReadError):
            status, body, is_kept = 0, b"", False
        fired.answers.append(Answer(number, status, time.perf_counter() - start, body))
        if not is_kept and writer is not None:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Read an answer: status, body, and whether the connection goes on."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lines = dict(line.split(": ", 1) for line in head.split(CRLF)[1:] if line)
    body = await reader.readexactly(int(lines["content-length"]))
    return int(head.split(" ", 2)[1]), body, lines.get("connection") != "close"
