"""`car-recog serve` on this machine with 1, 8, 32 and 64 clients, against the same recognisers asked in batches by the library.

    python benchmarks/serving.py photos --parts run/bundle --verifier cars/bundle --json serving.json

Server, clients and library are three processes, and they take turns. All get the same encoded photos, and decoding counts on both sides:
the library has them all at once, decodes some while it answers others, and answers them in batches of 64. Clients keep their connections
and ask again as soon as they are answered; they use the same cores as the server, so processor time is told for each, by photo. First one
client asks for every photo once. That warms all up, and each later answer must be the same but for 1e-5 in its numbers. The last row of
what is served is a long run, over which the server's memory is watched: what it has at the end, and how much more that is than before.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rounds import UNSHOWN, Row, make_parser, report, spread
from serving_clients import Answer, Fired, fire, make_request, prepare

from car_recog.data.folders import find_photos

TOLERANCE = 1e-5
OK, BUSY = 200, 503
START_SECONDS = 300
LIBRARY = "library, in batches"
N_WATCHED = 10


@dataclass(frozen=True)
class Side:
    """One thing that is served.

    Attributes:
        name: What is served.
        requests: One for each photo, ready to be sent.
        n_photos: Photos in a request.
        in_batches: Has the library answer the requests of these numbers.
    """

    name: str
    requests: list[bytes]
    n_photos: int
    in_batches: Callable[[Sequence[int]], object]


@dataclass(frozen=True)
class Server:
    """A running `car-recog serve`."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Processor time so far; NaN where the system does not tell."""
        path = Path(f"/proc/{self.pid}/stat")
        if not path.exists():
            return float("nan")
        user, kernel = path.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(kernel)) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Resident memory; NaN where the system does not tell."""
        path = Path(f"/proc/{self.pid}/status")
        if not path.exists():
            return float("nan")
        return next(int(line.split()[1]) / 1024 for line in path.read_text().splitlines() if line.startswith("VmRSS:"))


@contextmanager
def serve(arguments: Sequence[object]) -> Iterator[Server]:
    """Run a server until it is no longer needed; it must stop cleanly."""
    command = [sys.executable, "-c", "import sys; from car_recog.cli import main; sys.exit(main())", "serve", *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            late = threading.Timer(START_SECONDS, process.kill)
            late.start()
            ready = next((line for line in process.stdout if line.startswith("Serving ")), None)
            late.cancel()
            try:
                if ready is not None:
                    yield Server(process.pid, int(ready.strip().rpartition(":")[2]))
            finally:
                process.send_signal(signal.SIGTERM)
                code = process.wait(timeout=60)
        errors.seek(0)
        if code or ready is None:
            raise SystemExit(f"The server stopped with exit code {code}.\n{errors.read()}")


def make_sides(args: argparse.Namespace, photos: Sequence[bytes]) -> list[Side]:
    """Load what is served into this process too."""
    from car_recog import Gallery
    from car_recog.loading import load_classifier, load_verifier

    def ask(path: str, **fields: str) -> list[bytes]:
        return [make_request(path, files={"photo": photo}, fields=fields) for photo in photos]

    sides = []
    for name in ("parts", "models"):
        if bundle := getattr(args, name):
            classifier = load_classifier(bundle)
            sides.append(Side(name, ask("/v1/classify", recogniser=name), 1, lambda chosen, c=classifier: c.predict(_pick(photos, chosen))))
    if args.verifier:
        verifier = load_verifier(args.verifier)
        pairs = [{"a": photo, "b": photos[number - 1]} for number, photo in enumerate(photos)]

        def compare_pairs(chosen: Sequence[int]) -> np.ndarray:
            embeddings = verifier.embed([photo for number in chosen for photo in pairs[number].values()])
            return verifier.score_embeddings(embeddings[::2], embeddings[1::2])

        requests = [make_request("/v1/verify", files=pair, fields={}) for pair in pairs]
        sides.append(Side("verifier", requests, 2, compare_pairs))
        if args.gallery:
            gallery = Gallery.load(args.gallery, verifier)
            sides.append(Side("gallery", ask("/v1/search"), 1, lambda chosen: gallery.search(_pick(photos, chosen))))
    return sides


def _pick(photos: Sequence[bytes], chosen: Sequence[int]) -> list[bytes]:
    return [photos[number] for number in chosen]


def measure(side: Side, server: Server, args: argparse.Namespace) -> list[Row]:
    """Let library and clients take turns, and then watch the memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=prepare, initargs=(side.requests,)) as clients:
        ask = partial(_ask, clients, server)
        serial = ask(n_clients=1, n_requests=len(side.requests), seconds=args.watch_seconds).fired.answers
        if failed := [answer for answer in serial if answer.status != OK]:
            raise SystemExit(f"The server answered {failed[0].status} to one client: {failed[0].body.decode()}")
        expected = {answer.number: answer.body for answer in serial}
        chosen = [number % len(side.requests) for number in range(args.requests)]
        side.in_batches(chosen)
        batches: list[tuple[float, float]] = []
        runs: dict[int, list[Run]] = {n_clients: [] for n_clients in args.clients}
        for _ in range(args.rounds):
            batches.append(_timed(lambda: side.in_batches(chosen)))
            for n_clients, own in runs.items():
                own.append(ask(n_clients=n_clients, n_requests=args.requests, seconds=args.seconds))
        rates = [len(chosen) * side.n_photos / seconds for seconds, _ in batches]
        cpu = 1000 * sum(cpu for _, cpu in batches) / (len(batches) * len(chosen) * side.n_photos)
        rows: list[Row] = [{"served": side.name, "side": LIBRARY, "photos/s": float(np.median(rates)), "CPU ms": cpu, UNSHOWN: rates}]
        for n_clients, own in runs.items():
            rows.append(_row(side, f"{n_clients} client{'s' * (n_clients > 1)}", own, rates=rates, expected=expected))
        if args.watch:
            watched, megabytes = _watch(ask, server, args)
            row = _row(side, f"long run, {max(args.clients)} clients", watched, rates=[], expected=expected)
            rows.append({**row, "MB": megabytes[-1], "MB more": megabytes[-1] - megabytes[0], UNSHOWN: megabytes})
    return rows


@dataclass(frozen=True)
class Run:
    """What clients saw, and the processor time that the server took for it."""

    fired: Fired
    server_seconds: float


def _ask(clients: ProcessPoolExecutor, server: Server, **load: float) -> Run:
    before = server.cpu_seconds()
    fired = clients.submit(fire, server.port, **load).result()
    return Run(fired, server.cpu_seconds() - before)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that something took, and those of all cores."""
    start, cpu_start = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - cpu_start


def _watch(ask: Callable[..., Run], server: Server, args: argparse.Namespace) -> tuple[list[Run], list[float]]:
    """Ask for long; gives what the clients saw, and the memory before and after each tenth of it."""
    runs, megabytes = [], [server.megabytes()]
    end = time.perf_counter() + args.watch_seconds
    for _ in range(N_WATCHED):
        left = max(end - time.perf_counter(), 0)
        runs.append(ask(n_clients=max(args.clients), n_requests=args.watch // N_WATCHED, seconds=left))
        megabytes.append(server.megabytes())
    return runs, megabytes


def _row(side: Side, name: str, runs: Sequence[Run], *, rates: Sequence[float], expected: Mapping[int, bytes]) -> Row:
    answers = [answer for run in runs for answer in run.fired.answers]
    answered = [answer for answer in answers if answer.status == OK]
    if not answered:
        raise SystemExit(f"{name}: no request was answered; {len(answers)} were sent. Look at --seconds, --requests and --watch.")
    own = [side.n_photos * sum(answer.status == OK for answer in run.fired.answers) / run.fired.seconds for run in runs]
    p50, p95, p99 = (1000 * float(value) for value in np.percentile([answer.seconds for answer in answered], [50, 95, 99]))
    n_photos = side.n_photos * len(answered)
    return {
        "served": side.name,
        "side": name,
        "answered": len(answered),
        "p50 ms": p50,
        "p95 ms": p95,
        "p99 ms": p99,
        "photos/s": float(np.median(own)),
        **({"times library": spread([mine / theirs for mine, theirs in zip(own, rates, strict=True)])} if rates else {}),
        "CPU ms": 1000 * sum(run.server_seconds for run in runs) / n_photos,
        "clients' CPU ms": 1000 * sum(run.fired.cpu_seconds for run in runs) / n_photos,
        "busy": sum(answer.status == BUSY for answer in answers),
        "failed": sum(answer.status not in (OK, BUSY) for answer in answers),
        "other than serial": count_other(answered, expected),
        UNSHOWN: [round(rate, 2) for rate in own],
    }


def count_other(answers: Sequence[Answer], expected: Mapping[int, bytes]) -> int:
    """Count the answers that are not those that one client got for the same photos."""
    pairs = ((answer.body, expected[answer.number]) for answer in answers)
    return sum(body != serial and not is_same(json.loads(body), json.loads(serial)) for body, serial in pairs)


def is_same(answer: object, expected: object) -> bool:
    """Whether two answers are the same but for 1e-5 in their numbers."""
    if isinstance(expected, dict) and isinstance(answer, dict):
        return answer.keys() == expected.keys() and all(is_same(answer[key], expected[key]) for key in expected)
    if isinstance(expected, list) and isinstance(answer, list):
        return len(answer) == len(expected) and all(map(is_same, answer, expected))
    if isinstance(expected, float) and isinstance(answer, int | float):
        return abs(answer - expected) <= TOLERANCE
    return answer == expected


def run(args: argparse.Namespace) -> None:
    from decoding import spread_out  # not above: the process of the clients imports this file, and needs no TensorFlow

    photos = [path.read_bytes() for path in spread_out(find_photos(args.photos), args.n_photos)]
    bundles = {f"--{name}": getattr(args, name) for name in ("parts", "models", "verifier", "gallery") if getattr(args, name)}
    with serve([part for flag in bundles.items() for part in flag]) as server:
        rows = [row for side in make_sides(args, photos) for row in measure(side, server, args)]
    n_kb = f"{np.median([len(photo) for photo in photos]) / 1024:.0f} kB"
    report(rows, args.json, photos=len(photos), **{"median photo": n_kb, "requests": args.requests, "rounds": args.rounds})


def main() -> None:
    parser = make_parser(__doc__, n_rounds=5)
    parser.add_argument("photos", type=Path, help="a folder of photos")
    for name in ("parts", "models", "verifier", "gallery"):
        parser.add_argument(f"--{name}", type=Path, help="as of `car-recog serve`")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--n-photos", type=int, default=256, help="different photos that are asked about")
    parser.add_argument("--requests", type=int, default=1024, help="of a side in a round")
    parser.add_argument("--seconds", type=float, default=30, help="of a side in a round; no request is begun later")
    parser.add_argument("--watch", type=int, default=10_000, help="requests over which memory is watched, for each that is served")
    parser.add_argument("--watch-seconds", type=float, default=900)
    args = parser.parse_args()
    if not any((args.parts, args.models, args.verifier)):
        parser.error("give at least one of --parts, --models and --verifier")
    run(args)


if __name__ == "__main__":
    main()
