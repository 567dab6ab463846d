"""The Python of README and docs runs as it stands there, on small drawn photos and with a small network in place of the large one."""

import re
import shutil
from pathlib import Path

import attrs
import numpy as np
import pytest

from car_recog import CarClassifier, ImageDataset, Phase, Recipe
from car_recog.backbones import registry
from car_recog.data.synthetic import draw_compcars, draw_identities
from car_recog.training import presets

ROOT = Path(__file__).parents[1]
NAMES = ("index", "first-steps", "compcars", "training", "evaluation", "losses", "backbones")
NAMES += ("brands", "ecommerce", "cropping")
NAMES += ("calibration", "enrolment", "explanation", "five-models", "verification", "choosing-a-threshold", "galleries")
PAGES = ["README.md", *(f"docs/{name}.md" for name in NAMES)]
SMALL = '"tiny_cnn", weights=None, image_size=(32, 32)'
STAND_INS = {
    'backbone="resnet50", image_size=(224, 224)': SMALL,
    'backbone="resnet50"': SMALL,
    'SiameseVerifier.paper("resnet50", loss="focal")': f'SiameseVerifier({SMALL}, loss="focal")',
    '.paper("resnet50", loss="focal").fit': '("tiny_cnn", weights=None, head="paper", loss="focal", image_size=(32, 32)).fit',
    "val, precision=0.9)": "val, coverage=0.9)",
    "val, precision=0.95)": "val, coverage=0.9)",
    "ladder()": "ladder(None, (32, 32))[:2]",
    'check_backbone("street_net")': 'check_backbone("tiny_cnn")',
}


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved classifier that some pages speak of."""
    photos = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
    clf = CarClassifier("tiny_cnn", weights=None, image_size=(32, 32))
    clf.fit(ImageDataset.from_arrays(photos, ["car", "paper"] * 4), recipe=Recipe(phases=[Phase(epochs=1)]), verbose=False)
    folder = tmp_path_factory.mktemp("saved") / "bundle"
    clf.save(folder)
    return folder


@pytest.fixture
def folder(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages speak of: photos in class folders, a CompCars tree, cars, two new photos."""
    root = draw_compcars(tmp_path / "CompCars", n_models=2, n_part_photos=96, n_car_photos=20, n_pairs=4, image_size=(32, 40))
    for number, path in enumerate(sorted((root / "data" / "part").rglob("*.jpg"))):
        copy = tmp_path / "photos" / f"part_{path.parent.name}" / f"photo{number}_0.jpg"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    draw_identities(tmp_path / "drawn", n_models=2, n_colours=2, n_cars=6, n_photos=3, image_size=(32, 40))
    for name in ("brands", "listings", "car_or_not"):
        shutil.copytree(bundle, tmp_path / "runs" / name / "bundle")
    for name in ("listings", "adverts"):
        (tmp_path / name).mkdir()
    for number, path in enumerate(sorted((tmp_path / "drawn").rglob("*.jpg"))):
        (tmp_path / "listings" / f"Toyota_{('Corolla', 'Yaris')[number % 2]}_2015_{number}.jpg").write_bytes(path.read_bytes())
        (tmp_path / "adverts" / f"Toyota$$Corolla$${2015 + number % 2}$$Red$$image_{number}.jpg").write_bytes(path.read_bytes())
        copy = tmp_path / "cars" / path.name.partition("_")[0] / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    for name in ("new.jpg", "other.jpg", "photo.jpg"):
        (tmp_path / name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    for table in ("_things", "_owners"):  # a page registers a backbone
        monkeypatch.setattr(registry._TABLE, table, dict(getattr(registry._TABLE, table)))
    return tmp_path


@pytest.mark.filterwarnings("ignore:Training has collapsed")
@pytest.mark.filterwarnings("ignore:.* photos have no box")  # the drawn ones stand in streets
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name in [(kind, name) for kind, named in presets._NAMED.items() for name in named]:
        recipe = presets._NAMED[kind][name]
        short = attrs.evolve(recipe, phases=[attrs.evolve(phase, epochs=1, photos_seen=None) for phase in recipe.phases])
        monkeypatch.setitem(presets._NAMED[kind], name, short)
    found = blocks(ROOT / page)
    assert found

    names: dict[str, object] = {}
    for code in found:
        for large, small in STAND_INS.items():
            code = code.replace(large, small)
        exec(compile(code, page, "exec"), names)
