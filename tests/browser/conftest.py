"""A real server on trained recognisers, and a real browser in front of it."""

import os
import shutil
import threading
import time
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PHOTO_SIZE = (360, 480)

SCREENSHOTS = "CAR_RECOG_SCREENSHOTS"
"""A folder for the pictures of docs/web.md. They are of the whole demo; else a smaller one is trained."""

DEMO = "CAR_RECOG_DEMO"
"""What `car-recog demo` has left, instead of training anew."""

_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
)


def name_of(sample):
    """Name a car as a person would."""
    return f"{sample.attributes['colour'].capitalize()} {sample.attributes['model'].replace('model', 'Model ')}"


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The folder of a demo: photos, cars, and the bundles of both recognisers."""
    if given := os.environ.get(DEMO):
        return Path(given)
    from car_recog.cli import demo

    folder = tmp_path_factory.mktemp("demo")
    if os.environ.get(SCREENSHOTS):
        demo.run_demo(folder)
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Training has collapsed")  # what is learned by half of so few epochs
            demo.run_parts(folder, n_photos=400, n_epochs=12, seed=demo.SEED)
            demo.run_verifier(folder, n_colours=4, n_epochs=16, seed=demo.SEED)
    return folder


@pytest.fixture(scope="session")
def cars(tmp_path_factory):
    """Photos of cars that nothing was trained on, each car from several sides."""
    from car_recog import FolderDataset
    from car_recog.data.synthetic import IDENTITY_PATTERN, draw_identities

    folder = draw_identities(tmp_path_factory.mktemp("cars"), n_models=3, n_colours=5, n_cars=1, image_size=PHOTO_SIZE, seed=8)
    return FolderDataset(folder, IDENTITY_PATTERN)


@pytest.fixture(scope="session")
def recognisers(demo, cars):
    """The recognisers of the demo, calibrated so that they reject and abstain, and a gallery of two photos of each car."""
    import attrs

    from car_recog import CompCarsDataset, FolderDataset, Gallery, PairDataset
    from car_recog.data.synthetic import IDENTITY_PATTERN
    from car_recog.web.recognisers import load_recognisers

    found = load_recognisers(demo / "bundle", verifier=demo / "verifier" / "bundle")
    found.classifiers["parts"].calibrate(CompCarsDataset(demo / "photos").parts("test"), coverage=0.8)
    pairs = PairDataset.sample(FolderDataset(demo / "cars", IDENTITY_PATTERN), seed=1)
    found.verifier.calibrate(pairs, target="eer", abstain=(0.35, 0.65))
    gallery = Gallery(found.verifier, keep_thumbnails=True)
    enrolled = [sample for sample in cars if sample.path.stem.endswith(("_0", "_1"))]
    gallery.add([str(sample.path) for sample in enrolled], [name_of(sample) for sample in enrolled])
    return attrs.evolve(found, gallery=gallery)


@pytest.fixture(scope="session")
def answers(recognisers, tmp_path_factory):
    """Photos of parts with the answers of the classifier, one accepted and one rejected."""
    from car_recog.data.compcars import PART_NAMES
    from car_recog.data.drawn_parts import draw_part

    folder = tmp_path_factory.mktemp("parts")
    paths = [folder / f"{part}{seed}.png" for seed in range(4) for part in PART_NAMES]
    for place, path in enumerate(paths):
        drawn = draw_part(PART_NAMES[place % len(PART_NAMES)], seed=100 + place, image_size=PHOTO_SIZE)
        Image.fromarray(drawn).save(path)
    classifier = recognisers.classifiers["parts"]
    found = [classifier.predict(path)[0] for path in sorted(paths, key=size_of)]
    accepted = [answer for answer in found if not answer.rejected]
    right = [one for one in accepted if one.class_name in one.source and one.probability < 0.99]
    return [(right or accepted)[0], min((answer for answer in found if answer.rejected), key=lambda answer: answer.probability)]


@pytest.fixture(scope="session")
def pairs(cars, recognisers):
    """Three pairs of photos with the answers of the verifier: the same car, different cars, not sure."""
    verifier, paths = recognisers.verifier, [str(sample.path) for sample in cars]
    first, second = np.triu_indices(len(paths), 1)
    embeddings = verifier.embed(paths)
    scores = verifier.score_embeddings(embeddings[first], embeddings[second])
    is_same = np.array([cars[a].class_name == cars[b].class_name for a, b in zip(first, second, strict=True)])
    sizes = np.array([size_of(path) for path in paths])
    genuine = is_same & (scores >= np.quantile(scores[is_same], 0.7))
    impostor = ~is_same & (scores <= np.quantile(scores[~is_same], 0.3))
    near = np.argsort(np.abs(scores - verifier.threshold))[:9]
    groups = (np.flatnonzero(genuine), np.flatnonzero(impostor), near)
    chosen = [group[(sizes[first] + sizes[second])[group].argmin()] for group in groups]
    return {(paths[first[i]], paths[second[i]]): verifier.verify(paths[first[i]], paths[second[i]]) for i in chosen}


def size_of(photo):
    """Bytes of a file: few, where there is little noise, which also makes small pictures for the docs."""
    return Path(photo).stat().st_size


@pytest.fixture(scope="session")
def site(recognisers):
    """The address of the running server."""
    import uvicorn

    from car_recog.web.app import create_app

    app = create_app(recognisers, contact_url="https://cars.example/ask?about={class_name}")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not app.state.desk.is_ready:
        assert thread.is_alive()
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, as the system has it."""
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, site):
    """Open the page in a window of its own. Whatever the page complains about, or asks another server for, fails the test."""
    contexts, faults = [], []

    def watch(page):
        page.on("console", lambda message: message.type in ("error", "warning") and _is_fault(message) and faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: request.url.startswith((site, "blob:", "data:")) or faults.append(request.url))

    def opened(place="/", **options):
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 760}, "reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(site + place)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults


def _is_fault(message):
    """Chromium also writes the status of each answer above 399 to the console; those are expected, and looked at by the tests."""
    return not message.text.startswith("Failed to load resource: the server responded with a status of")


@pytest.fixture
def shoot():
    """Write a picture of a page for the docs, where they are asked for."""

    def write(page, name):
        folder = os.environ.get(SCREENSHOTS)
        if folder:
            page.mouse.move(0, 0)
            page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur() }")
            # A picture of the full page would lose that a phone is touched: Chromium then lays the page out as for a mouse.
            size = page.viewport_size
            page.set_viewport_size({**size, "height": page.evaluate("document.documentElement.scrollHeight")})
            picture = Image.open(BytesIO(page.screenshot()))
            page.set_viewport_size(size)
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(Path(folder) / f"web-{name}.png", optimize=True)

    return write
