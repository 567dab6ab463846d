"""A bundle is whole, honest about its size, and holds no code."""

import json
import resource
from pathlib import Path

import attrs
import h5py
import keras
import numpy as np
import pytest

from car_recog import CarClassifier, ImageDataset, PartClassifier
from car_recog.bundle import read_config, write_bundle
from car_recog.card import TrainingFacts
from car_recog.errors import BundleError, UnknownNameError
from car_recog.network import NetworkConfig, build_network
from car_recog.storage import file_sha256

CONFIG = NetworkConfig(backbone="tiny_cnn", image_size=(32, 32))
CLASSES = ["door", "wheel"]
N_FEATURES = 96  # of the tiny network
FACTS = TrainingFacts(
    date="2026-11-21",
    versions={"keras": "3.15.1"},
    recipe={"name": "finetune"},
    seed=0,
    weights="None",
    class_counts={"door": 3, "wheel": 4},
    n_train=7,
    n_validation=0,
    n_skipped=0,
    n_epochs=2,
    seconds=1.5,
)


def network(config: NetworkConfig = CONFIG) -> keras.Model:
    return build_network(config, n_classes=len(CLASSES), weights=None).model


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    plain = {"network": CONFIG.to_dict(), "training": attrs.asdict(FACTS)}
    classes = {"names": list(CLASSES), "levels": [], "facts": [[], []]}
    config = {"kind": "CarClassifier", "trained": classes, "known": classes, "calibrations": [], "loss": "focal", "evaluation": None}
    means = np.eye(2, N_FEATURES, dtype=np.float32)
    arrays = {"trained_means": means, "known_means": means}
    write_bundle(folder, config=config | plain, model=network(), card="# A card\n", arrays=arrays)
    return folder


def change_config(folder: Path, **changes: object) -> None:
    """Change the configuration as somebody would who also mends the checksums."""
    config = json.loads((folder / "config.json").read_text())
    for name, value in changes.items():
        if isinstance(value, dict):
            config[name].update(value)
        else:
            config[name] = value
    (folder / "config.json").write_text(json.dumps(config))
    mend_checksums(folder)


def mend_checksums(folder: Path) -> None:
    sums = {path.name: file_sha256(path) for path in folder.iterdir() if path.suffix in (".h5", ".npy") or path.name == "config.json"}
    (folder / "checksums.json").write_text(json.dumps(sums))


def test_what_is_saved_is_loaded(bundle: Path) -> None:
    clf = CarClassifier.load(bundle)

    assert clf.class_names == ("door", "wheel")
    assert clf.config == CONFIG
    assert clf.loss == "focal"
    assert clf.predict_proba(np.zeros((1, 32, 32, 3), np.uint8)).shape == (1, 2)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "checksums.json"])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()

    with pytest.raises(BundleError, match=f"is no saved recogniser: it has no {name}"):
        CarClassifier.load(bundle)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_changed_byte_is_found(bundle: Path, name: str) -> None:
    raw = bytearray((bundle / name).read_bytes())
    raw[raw.index(b"layers" if name.endswith("h5") else b"stretch")] ^= 1
    (bundle / name).write_bytes(raw)

    with pytest.raises(BundleError, match=f"{name}' is damaged: its checksum"):
        CarClassifier.load(bundle)


def test_another_kind_is_refused(bundle: Path) -> None:
    with pytest.raises(BundleError, match="holds a 'CarClassifier', not a PartClassifier"):
        PartClassifier.load(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "has the format version 99; this version of car-recog reads 1. Update car-recog"),
        ({"training": {"surprise": 1}}, "makes no sense: .*surprise"),
        ({"trained": {"names": ["door"]}}, "expected 2 to 100000 different class names"),
        ({"known": {"names": ["door", 3]}}, "expected 2 to 100000 different class names"),
        ({"known": {"names": ["door", "door"]}}, "expected 2 to 100000 different class names"),
        ({"trained": {"facts": [["vw"], []]}}, "expected the facts of each class at each level"),
        ({"trained": {"names": ["door", "wheel", "hood"], "facts": [[]] * 3}}, "numbers; the network of its configuration needs"),
        ({"calibrations": [{"temperature": 1.0}]}, "makes no sense"),
        ({"network": {"image_size": [2**30, 2**30]}}, "makes no sense: image_size must be two integers"),
        ({"network": {"head": "leen"}}, "makes no sense: Unknown head"),
        ({"network": {"surprise": 1}}, "makes no sense: .*surprise"),
        ({"network": {"resize": "squash"}}, "makes no sense: resize must be"),
        ({"network": {"backbone_options": {"widths": [64, 64]}}}, "numbers; the network of its configuration needs"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(bundle: Path, changes: dict[str, object], message: str) -> None:
    change_config(bundle, **changes)

    with pytest.raises(BundleError, match=message):
        CarClassifier.load(bundle)


def test_a_backbone_that_is_not_installed_is_named(bundle: Path) -> None:
    change_config(bundle, network={"backbone": "their_net"})

    with pytest.raises((BundleError, UnknownNameError), match="their_net"):
        CarClassifier.load(bundle)


def test_a_giant_network_is_refused_without_taking_memory(bundle: Path) -> None:
    change_config(bundle, network={"backbone": "mobilenet", "backbone_options": {"alpha": 64.0}})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(BundleError, match=r"the network of its configuration needs 1\d,\d{3},\d{3},\d{3}"):
        CarClassifier.load(bundle)
    network()  # what Keras still remembered of the giant would be allocated here
    with keras.StatelessScope():
        pass

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 * 2**20  # KiB: 2 GiB of about 50


def test_an_oversize_configuration_is_refused(bundle: Path) -> None:
    (bundle / "config.json").write_text("[" + " " * 9 * 2**20 + "]")

    with pytest.raises(BundleError, match="is larger than 8 MiB"):
        CarClassifier.load(bundle)


def test_text_that_is_no_json_object_is_refused(bundle: Path) -> None:
    for text in ("nonsense", "[1]", "[" * 100_000):
        (bundle / "config.json").write_text(text)
        with pytest.raises(BundleError, match="config.json' is damaged"):
            read_config(bundle, kind="CarClassifier")


@pytest.mark.parametrize("link", [h5py.SoftLink("/layers"), h5py.ExternalLink("other.h5", "/"), None], ids=["soft", "outside", "cycle"])
def test_weights_with_links_are_refused(bundle: Path, link: object) -> None:
    with h5py.File(bundle / "model.weights.h5", "r+") as file:
        file["layers/link"] = link or file["layers"]
    mend_checksums(bundle)

    with pytest.raises(BundleError, match="a link at"):
        CarClassifier.load(bundle)


@pytest.mark.parametrize(
    "array",
    [
        {"shape": (1000,), "dtype": "f4", "external": [("/etc/passwd", 0, 4000)]},
        {"shape": (2**40,), "dtype": "f4", "chunks": (2**20,)},
        {"shape": (2**40,), "dtype": "f4"},
        {"data": np.zeros(10_000, "f4"), "compression": "gzip"},
        {"data": np.array([b"code"] * 100)},
    ],
    ids=["outside", "sparse", "late", "compressed", "text"],
)
def test_weights_that_are_no_plain_arrays_are_refused(bundle: Path, array: dict[str, object]) -> None:
    with h5py.File(bundle / "model.weights.h5", "r+") as file:
        file.create_dataset("layers/array", **array)
    mend_checksums(bundle)

    with pytest.raises(BundleError, match="other than a plain array at '/layers/array'"):
        CarClassifier.load(bundle)


def test_weights_of_another_network_of_the_same_size_are_refused(bundle: Path) -> None:
    with h5py.File(bundle / "model.weights.h5", "r+") as file:
        arrays: list[str] = []
        file.visititems(lambda place, item: arrays.append(place) if isinstance(item, h5py.Dataset) and item.ndim == 4 else None)
        values = file[arrays[0]][()]
        del file[arrays[0]]
        file[arrays[0]] = values.reshape(-1)
    mend_checksums(bundle)

    with pytest.raises(BundleError, match="does not fit the network of its configuration"):
        CarClassifier.load(bundle)


@pytest.mark.parametrize(
    ("means", "message"),
    [
        (np.zeros((2, 7), np.float32), r"holds float32 of shape \(2, 7\)"),
        (np.zeros((2, N_FEATURES), np.float64), "holds float64"),
        (np.array([[{}] * N_FEATURES] * 2), "is damaged"),
    ],
)
def test_means_that_do_not_fit_are_refused(bundle: Path, means: np.ndarray, message: str) -> None:
    np.save(bundle / "known_means.npy", means)
    mend_checksums(bundle)

    with pytest.raises(BundleError, match=message):
        CarClassifier.load(bundle)


def test_changed_means_are_found(bundle: Path) -> None:
    np.save(bundle / "known_means.npy", np.zeros((2, N_FEATURES), np.float32))

    with pytest.raises(BundleError, match=r"known_means.npy' is missing or damaged: its checksum"):
        CarClassifier.load(bundle)


def test_a_bundle_replaces_a_bundle_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    clf = CarClassifier.load(bundle)
    other = tmp_path / "run"
    other.mkdir()
    for name in ("config.json", "history.csv"):  # a run folder has a configuration, too
        (other / name).touch()

    clf.save(bundle)

    assert CarClassifier.load(bundle).class_names == clf.class_names
    with pytest.raises(BundleError, match="exists and is no saved recogniser"):
        clf.save(other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "run"]
    assert (other / "history.csv").exists()


def test_a_failed_save_leaves_the_old_bundle(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clf = CarClassifier.load(bundle)
    before = file_sha256(bundle / "model.weights.h5")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(clf.model, "save_weights", fail)
    with pytest.raises(OSError, match="disk full"):
        clf.save(bundle)

    assert file_sha256(bundle / "model.weights.h5") == before
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_weights_under_another_name_are_refused(bundle: Path) -> None:
    with h5py.File(bundle / "model.weights.h5", "r+") as file:
        name = next(iter(file["layers"]))
        file["layers"].move(name, "something")
    mend_checksums(bundle)

    with pytest.raises(BundleError, match="does not fit the network of its configuration"):
        CarClassifier.load(bundle)


def test_the_card_tells_people_what_they_need(bundle: Path) -> None:
    clf = CarClassifier.load(bundle)
    photos = np.zeros((5, 32, 32, 3), np.uint8)
    report = clf.evaluate(ImageDataset.from_arrays(photos, ["door"] * 5))

    clf.save(bundle)

    card = (bundle / "README.md").read_text()
    low, high = report.intervals["accuracy"]
    assert "# CarClassifier: 2 classes" in card
    assert "| wheel | 4 |" in card
    assert "seed 0" in card
    assert f"on 5 photos: accuracy {report.accuracy:.3f} (95 % interval {low:.3f} to {high:.3f})" in card
    assert CarClassifier.load(bundle)._evaluation.n_photos == 5
