"""Runs a benchmark as from the command line."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
PATTERN = r"(?P<model>[^/]+)/(?P<colour>[^/]+)/(?P<label>[^/_]+)_"


def run(name: str, *arguments: object, monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict:
    path = folder / f"{name}.json"
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments), "--json", str(path)])
    __import__(name).main()
    return json.loads(path.read_text())
