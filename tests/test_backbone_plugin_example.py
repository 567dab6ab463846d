"""The example plug-in, installed in an environment of its own: listed, checked, trained."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import car_recog

EXAMPLE = Path(__file__).parents[1] / "examples" / "backbone_plugin"

TRAIN = """
import json

import numpy as np

import car_recog
from car_recog.backbones import backbone_owner

labels = np.arange(24) % 2
photos = np.random.default_rng(0).uniform(0, 99, (24, 32, 32, 3))
photos[labels == 1, ..., 0] += 150
data = car_recog.ImageDataset.from_arrays(photos.astype("uint8"), labels)
clf = car_recog.PartClassifier("street_net", weights=None, image_size=(32, 32), backbone_options={"widths": [8, 16]})
recipe = car_recog.Recipe(phases=[car_recog.Phase(epochs=10, batch_size=8, learning_rate=0.01)])
clf.fit(data, recipe=recipe, verbose=False)
clf.save("saved")
print(json.dumps({
    "names": car_recog.list_backbones("street*"),
    "owner": backbone_owner("street_net"),
    "accuracy": car_recog.PartClassifier.load("saved").evaluate(data).accuracy,
}))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Make a fresh virtual environment with the plug-in; return its Python."""
    folder = tmp_path_factory.mktemp("plugin") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip())
    # A virtual environment cannot see the packages of another one by itself.
    seen = [*dict.fromkeys(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")), str(Path(car_recog.__file__).parents[1])]
    (packages / "seen.pth").write_text("\n".join(seen) + "\n")
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", str(EXAMPLE))
    return python


def run(python, *arguments):
    """Run Python away from the checkout, without its PYTHONPATH; return what it prints."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, cwd=python.parent, env={**variables, "TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_own_tests_pass(environment):
    answer = run(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests"))

    assert "3 passed" in answer


def test_it_is_listed_and_trains(environment):
    answer = json.loads(run(environment, "-c", TRAIN).splitlines()[-1])

    assert answer["names"] == ["street_net"]
    assert answer["owner"] == "the package 'car-recog-example-backbone'"
    assert answer["accuracy"] == 1.0


def test_it_leaves_the_environment_of_the_tests_alone(environment):
    assert car_recog.list_backbones("street*") == []
