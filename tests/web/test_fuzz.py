"""A running server answers a fuzzer that reads the description of the API, and the examples of the docs."""

import json
import re
import shlex
import subprocess
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

pytestmark = pytest.mark.slow

PER_ROUTE = {"post": [(GenerationMode.POSITIVE, 600), (GenerationMode.NEGATIVE, 100)], "get": [(GenerationMode.POSITIVE, 1)]}
N_GETS = 20
QUIET = hypothesis.settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))
TIMEOUT = 40  # seconds: an answer takes 30 at most


@pytest.fixture(scope="module")
def address(served, serving):
    """A server of everything, a real process."""
    flags = ["--models", served.models, "--parts", served.models, "--verifier", served.verifier, "--gallery", served.gallery]
    with serving(*flags) as server:
        assert server.line == f"Serving parts, models, verifier, gallery on http://127.0.0.1:{server.port}"
        yield server.line.split()[-1]
        server.process.terminate()
        assert server.process.wait(60) == 0


@st.composite
def files(draw, photo):
    """A photo, one with changed bytes, one that is cut off, or no photo at all."""
    if not draw(st.integers(0, 3)):
        return draw(st.binary(max_size=200))
    form = draw(st.sampled_from(("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP")))
    raw = bytearray(photo(seed=draw(st.integers(0, 50)), size=(draw(st.integers(1, 90)), draw(st.integers(1, 90))), form=form))
    for _ in range(draw(st.integers(0, 4))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw[: draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))])


def fuzz(operation, mode, n_requests, *, session):
    """Ask one route; gives the statuses of the answers."""
    statuses = Counter()

    @hypothesis.settings(QUIET, max_examples=n_requests)
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        answer = case.call(session=session, timeout=TIMEOUT)
        statuses[answer.status_code] += 1
        if answer.status_code != 503:
            case.validate_response(answer, excluded_checks=[positive_data_acceptance])  # bytes are seldom a photo

    for _ in range(1 if operation.method == "post" else N_GETS):  # there is one way only to ask without arguments
        ask()
    return statuses


def test_whatever_is_asked_is_answered_as_the_description_says(address, photo, tmp_path):
    hypothesis.configuration.set_hypothesis_home_dir(tmp_path)
    schemathesis.openapi.format("binary", files(photo))
    schema = schemathesis.openapi.from_url(f"{address}/v1/openapi.json", timeout=TIMEOUT)
    answered = {}
    with requests.Session() as session:
        for operation in (found.ok() for found in schema.get_all_operations()):
            fuzzed = (fuzz(operation, mode, n_requests, session=session) for mode, n_requests in PER_ROUTE[operation.method])
            answered[operation.label] = sum(fuzzed, Counter())

    print(answered)
    statuses = sum(answered.values(), Counter())
    assert len(answered) == 6
    assert statuses.total() >= 2000
    assert statuses.keys() <= {200, 400, 404, 413, 415, 422, 503}
    assert all(answered[f"POST /v1/{task}"][200] >= 20 for task in ("classify", "verify", "search"))  # photos come through, too


def test_the_examples_of_the_docs_run(address, photo, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "other.jpg"):
        Path(name).write_bytes(photo(form="JPEG"))
    docs = (Path(__file__).parents[2] / "docs" / "web-api.md").read_text("utf-8").replace("http://127.0.0.1:8000", address)
    shell, python = (re.search(rf"^```{kind}\n(.*?)^```", docs, re.MULTILINE | re.DOTALL)[1] for kind in ("sh", "py"))

    answers = [subprocess.run([*shlex.split(line), "-sS"], capture_output=True, check=True).stdout for line in shell.splitlines()]
    exec(compile(python, "web-api.md", "exec"), {})

    assert [next(iter(json.loads(answer))) for answer in answers] == ["recogniser", "recogniser", "score", "is_known", "recognisers"]
    assert json.loads(answers[0])["verdict"] in capfd.readouterr().out
