"""The benchmark of the server: how it compares answers, and all of it at toy size."""

import json
import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    """Let the benchmark find what it shares with others, as when it is run as a script."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))


def test_answers_are_the_same_when_only_the_last_digits_differ():
    from serving import is_same

    answer = {"class_name": "door", "rejected": None, "top": [{"class_name": "door", "probability": 0.25}]}

    def other(**changes):
        return {**answer, **changes}

    assert is_same(other(top=[{"class_name": "door", "probability": 0.250009}]), answer)
    assert not is_same(other(top=[{"class_name": "door", "probability": 0.25002}]), answer)
    assert not is_same(other(top=[{"class_name": "hood", "probability": 0.25}]), answer)
    assert not is_same(other(top=[]), answer)
    assert not is_same(other(rejected=False), answer)
    assert not is_same({"class_name": "door"}, answer)


def test_only_answers_that_differ_from_serial_ones_are_counted():
    from serving import Answer, count_other

    answers = [Answer(0, 200, 0.1, b'{"p": 0.5}'), Answer(0, 200, 0.1, b'{"p": 0.500001}'), Answer(1, 200, 0.1, b'{"p": 0.5}')]

    assert count_other(answers, {0: b'{"p": 0.5}', 1: b'{"p": 0.6}'}) == 1


@pytest.mark.slow
def test_all_that_is_served_is_asked_by_few_and_by_many(served, tmp_path, monkeypatch):
    import serving

    bundles = ("--models", served.models, "--verifier", served.verifier, "--gallery", served.gallery)
    small = ("--n-photos", 6, "--requests", 16, "--rounds", 2, "--clients", 1, 8, "--watch", 40)
    arguments = ["serving", served.root / "photos", *bundles, *small, "--json", tmp_path / "rows.json"]
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    serving.main()

    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    sides = ["library, in batches", "1 client", "8 clients", "long run, 8 clients"]
    assert [(row["served"], row["side"]) for row in rows] == [(name, side) for name in ("models", "verifier", "gallery") for side in sides]
    asked = [row for row in rows if row["side"] != sides[0]]
    assert [row["answered"] for row in asked] == [32, 32, 40] * 3
    assert {(row["busy"], row["failed"], row["other than serial"]) for row in asked} == {(0, 0, 0)}
    assert all(0 < row["p50 ms"] <= row["p95 ms"] <= row["p99 ms"] for row in asked)
