"""What all tests share: where the real photos lie, and a cache of their own."""

import importlib
import os
import sys
from pathlib import Path

import pytest

SHARED_VARIABLE = "CAR_RECOG_SHARED"


def pytest_collection_modifyitems(items):
    if not os.environ.get(SHARED_VARIABLE):
        for item in items:
            if item.get_closest_marker("photos"):
                item.add_marker(pytest.mark.skip(reason=f"{SHARED_VARIABLE} does not say where the real photos lie"))


@pytest.fixture(scope="session")
def shared():
    """The folder of the real photos, for tests marked `photos`."""
    return Path(os.environ[SHARED_VARIABLE])


@pytest.fixture
def import_example(monkeypatch):
    """Imports an example by the path of its script below examples/; it and what it imports from there are forgotten after the test."""
    before = set(sys.modules)

    def load(script: str):
        path = Path(__file__).parents[1] / "examples" / script
        monkeypatch.syspath_prepend(str(path.parent))
        return importlib.import_module(path.stem)

    yield load
    examples = str(Path(__file__).parents[1] / "examples")
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(examples):
            del sys.modules[name]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep the tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAR_RECOG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
