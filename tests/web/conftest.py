"""A classifier, a verifier and a gallery on disk, and the web application on top of them."""

import asyncio
import colorsys
import subprocess
import sys
import threading
from contextlib import contextmanager
from io import BytesIO
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from car_recog import CarClassifier, FolderDataset, Gallery, PairDataset, Phase, Recipe, SiameseVerifier

CARS = ("Audi_A3_2010", "Audi_A4_2010", "BMW_X1_2012", "BMW_X5_2012")
HUES = dict(zip(CARS, (0.0, 0.25, 0.5, 0.75), strict=True))


def draw(car: str, seed: int, *, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Draw a noisy picture in the colour of a car; size is (width, height)."""
    colour = [255 * value for value in colorsys.hsv_to_rgb(HUES[car], 0.8, 0.9)]
    noise = np.random.default_rng(seed).normal(colour, 12, (size[1], size[0], 3))
    return Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))


def take_photo(car: str = CARS[0], seed: int = 100, *, size: tuple[int, int] = (60, 40), form: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    draw(car, seed, size=size).save(file, form, **options)
    return file.getvalue()


@pytest.fixture
def photo():
    """Take a photo that nobody was trained on: the bytes of a file."""
    return take_photo


@contextmanager
def running(*flags: object):
    """Run `car-recog serve` in a process of its own; gives process, port and the line it printed when ready. It must not complain."""
    program = [sys.executable, "-c", "import sys; from car_recog.cli import main; sys.exit(main())"]
    command = [*program, "serve", *map(str, flags), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    late = threading.Timer(900, process.kill)
    late.start()
    try:
        line = process.stdout.readline().strip()
        yield SimpleNamespace(process=process, line=line, port=int(line.rpartition(":")[2]))
    finally:
        late.cancel()
        process.kill()
        errors = process.communicate()[1]
    assert errors.splitlines() == ["loading Keras", "warming up"]


@pytest.fixture(scope="session")
def serving():
    """Start real servers: see `running`."""
    return running


class Client:
    """Asks an application in an event loop of its own; within a `with` block its lifespan runs."""

    def __init__(self, app):
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    def run(self, awaitable):
        async def wait():
            return await awaitable

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(120)

    def request(self, *args, **kwargs):
        return self.run(self.http.request(*args, **kwargs))

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, **kwargs):
        return self.request("POST", path, **kwargs)

    def __enter__(self):
        self._lifespan = self.app.router.lifespan_context(self.app)
        self.run(self._lifespan.__aenter__())
        return self

    def __exit__(self, *error):
        self.run(self._lifespan.__aexit__(*error))
        self.close()

    def close(self):
        self.run(self.http.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def new_client():
    """Make clients of other applications, whose lifespan does not run."""
    clients = []

    def make(app):
        clients.append(Client(app))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """Folders of a calibrated classifier of makes and models, a calibrated verifier, and its gallery of the first two cars."""
    root = tmp_path_factory.mktemp("served")
    (root / "photos").mkdir()
    for number, car in enumerate(CARS):
        for seed in range(8):
            draw(car, 10 * number + seed).save(root / "photos" / f"{car}_{seed}.png")
    data = FolderDataset(root / "photos", "make_model_year")
    train, val = data.split(0.5, 0.5, seed=0)
    recipe = Recipe(phases=[Phase(epochs=6, learning_rate=3e-3)])
    clf = CarClassifier("tiny_cnn", weights=None, image_size=(32, 32))
    clf.fit(train, recipe=recipe, verbose=False)
    clf.calibrate(val, precision=0.5, verbose=False)
    clf.evaluate(val, verbose=False)
    clf.save(root / "models")
    ver = SiameseVerifier("tiny_cnn", weights=None, image_size=(32, 32), embedding_dim=16)
    ver.fit(train, recipe=recipe, verbose=False)
    pairs = PairDataset.sample(val, seed=0)
    ver.calibrate(pairs, target="eer", abstain=(0.4, 0.6), verbose=False)
    ver.evaluate(pairs, verbose=False)
    ver.save(root / "verifier")
    gallery = Gallery(SiameseVerifier.load(root / "verifier"), keep_thumbnails=True)
    for car in CARS[:2]:
        gallery.add(sorted((root / "photos").glob(f"{car}_*")), car)
    gallery.save(root / "gallery")
    return SimpleNamespace(root=root, models=root / "models", verifier=root / "verifier", gallery=root / "gallery")


@pytest.fixture(scope="session")
def recognisers(served):
    from car_recog.web.recognisers import load_recognisers

    return load_recognisers(None, served.models, verifier=served.verifier, gallery=served.gallery)


@pytest.fixture(scope="session")
def client(recognisers):
    """A client of the application with everything served, warm, and no server between."""
    from car_recog.web.app import create_app

    with Client(create_app(recognisers)) as client:
        client.run(client.app.state.warming)
        yield client
