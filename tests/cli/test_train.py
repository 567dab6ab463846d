"""`car-recog train parts`: one command from photos to a judged and saved classifier."""

import json
import sys

import pytest
from PIL import Image

from car_recog import PartClassifier

HALVES = ("--val-fraction", "0.25", "--test-fraction", "0.25")
TOY = ("--backbone", "tiny_cnn", "--weights", "none", "--image-size", "32", "32", "--epochs", "1")
# Besides, there is worst.png after a mistake.
PICTURES = ["calibration.png", "confusion.png", "coverage.png", "history.png", "per_class.png", "photos.png"]
FILES = sorted(["bundle", "config.json", "history.csv", *PICTURES, "report.html", "report.json", "report.md"])


def test_a_run_folder_holds_everything(run_folder):
    assert sorted(path.name for path in run_folder.iterdir()) == FILES
    for plot in PICTURES:
        with Image.open(run_folder / plot) as picture:
            assert min(picture.size) > 200
    assert "<h3>Curves of the training</h3>" in (run_folder / "report.html").read_text()
    assert json.loads((run_folder / "report.json").read_text())["n_photos"] == 6
    assert "| accuracy |" in (run_folder / "report.md").read_text()


def test_the_bundle_tells_the_two_colours_apart_and_its_card_knows_how_well(run_folder, photos):
    classifier = PartClassifier.load(run_folder / "bundle")

    answers = classifier.predict([photos / "door" / "car0_a.png", photos / "wheel" / "car0_a.png"])

    assert [answer.class_name for answer in answers] == ["door", "wheel"]
    card = (run_folder / "bundle" / "README.md").read_text()
    assert "Last evaluation, on 6 photos: accuracy 1.000 (95 % interval" in card
    assert f"calibration error {json.loads((run_folder / 'report.json').read_text())['ece']:.3f} (95 % interval" in card


def test_flags_reach_the_network_and_the_training(run, photos, tmp_path):
    network = ("--backbone-options", "widths=[4, 8]", "--head", "16,8", "--loss", "focal", "--normalization", "unit")
    fitted = ("--resize", "letterbox")

    done = run("train", "parts", photos, *TOY, *network, *fitted, "--recipe", "paper", "--seed", 5, "--run-folder", tmp_path / "run")

    assert done.code in (0, 1)  # one epoch may well be too few to learn anything
    config = json.loads((tmp_path / "run" / "bundle" / "config.json").read_text())
    assert config["kind"] == "PartClassifier"
    assert config["loss"] == "focal"
    asked = {"backbone": "tiny_cnn", "backbone_options": {"widths": [4, 8]}, "head": [16, 8], "image_size": [32, 32]}
    asked |= {"normalization": "unit", "resize": "letterbox"}
    assert {name: config["network"][name] for name in asked} == asked
    assert (config["training"]["recipe"]["name"], config["training"]["seed"], config["training"]["n_epochs"]) == ("paper", 5, 1)


def test_figures_places_and_seconds_are_printed_and_progress_is_kept_apart(run, photos, tmp_path):
    done = run("train", "parts", photos, *TOY, *HALVES, "--run-folder", tmp_path / "run")

    assert done.out.split()[:2] == ["figure", "value"]
    for text in ("\naccuracy ", "\nmacro F1 ", "\ncalibration error ", "\ndoor ", "\nwheel ", "Trained 2 epochs in "):
        assert text in done.out
    assert ", ".join(sorted(path.name for path in (tmp_path / "run").iterdir())) in done.out
    assert f"Look at {tmp_path / 'run' / 'report.html'}\n" in done.out
    assert f"car-recog predict {tmp_path / 'run' / 'bundle'} PHOTO..." in done.out
    assert "2 classes; photos: 24 to train, 12 to validate, 12 to test" in done.err
    assert "epoch 1/1" in done.err


def test_json_is_one_document(run, photos, tmp_path):
    result = run("train", "parts", photos, *TOY, *HALVES, "--run-folder", tmp_path / "run", "--json").json()

    assert (result["n_train"], result["n_val"], result["n_test"], result["n_epochs"]) == (24, 12, 12, 2)
    assert result["bundle"] == str(tmp_path / "run" / "bundle")
    assert result["report"] == json.loads((tmp_path / "run" / "report.json").read_text())
    assert result["seconds"] > 0


def test_the_run_folder_is_named_by_the_time_by_default(run, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    run("train", "parts", photos, *TOY)

    (folder,) = (tmp_path / "runs").glob("parts-2*-*")
    assert (folder / "bundle").is_dir()


def test_without_a_test_side_nothing_is_judged(run, photos, tmp_path):
    done = run("train", "parts", photos, *TOY, "--test-fraction", 0, "--val-fraction", 0, "--run-folder", tmp_path / "run", "--json")

    assert done.json()["report"] is None
    assert not (tmp_path / "run" / "report.json").exists()
    assert (tmp_path / "run" / "bundle").is_dir()


def test_broken_photos_are_named_and_the_exit_code_is_1(run, own_photos, tmp_path):
    (own_photos / "door" / "broken.jpg").write_bytes(b"no photo")

    done = run("train", "parts", own_photos, *TOY, "--run-folder", tmp_path / "run", "--json")

    assert done.code == 1
    assert any("broken.jpg" in problem for problem in done.json()["problems"])
    assert "warning: 1 of " in done.err
    assert (tmp_path / "run" / "bundle").is_dir()


def test_broken_photos_stop_where_that_is_asked_for(run, own_photos, tmp_path):
    for number in range(10):
        (own_photos / "door" / f"broken{number}.jpg").write_bytes(b"no photo %d" % number)

    done = run("train", "parts", own_photos, *TOY, "--run-folder", tmp_path / "run", "--on-error", "raise")

    assert done.code == 2
    assert "photos are broken:" in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--backbone", "tiny_cn"), "error: Unknown backbone: 'tiny_cn'. Did you mean 'tiny_cnn'?"),
        (("--loss", "fokal"), "error: Unknown loss: 'fokal'. Did you mean 'focal'?"),
        (("--head", "fat"), "error: Unknown head: 'fat'."),
        (("--recipe", "papper"), "error: Unknown recipe: 'papper'. Did you mean 'paper'?"),
        (("--epochs", "0"), "epochs must be an integer from 1 on"),
        (("--weights", "gone.h5"), "There is no weights file 'gone.h5'."),
        (("--image-size", "0", "8"), "error: image_size must be two integers from 1 to"),
        (("--backbone-options", "wdiths=[8]"), "refuses its options"),
        (("--on-error", "ignore"), "error: on_error must be 'skip' or 'raise'; got 'ignore'."),
        (("--split", "official"), "error: --split official needs a CompCars tree"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_one_error_and_leaves_nothing(run, photos, tmp_path, argv, message):
    done = run("train", "parts", photos, *TOY, *argv, "--run-folder", tmp_path / "run")

    assert done.code == 2
    assert message in done.err
    assert done.out == ""
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_holds_something_is_refused_at_once(run, photos, run_folder):
    done = run("train", "parts", photos, *TOY, "--run-folder", run_folder)

    assert done.code == 2
    assert done.err == f"error: --run-folder '{run_folder}' is not empty. Name a new folder.\n"


def test_missing_matplotlib_shows_before_the_training(run, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    done = run("train", "parts", photos, *TOY, "--run-folder", tmp_path / "run")

    assert done.code == 2
    assert done.err == "error: Plots need matplotlib: pip install 'car-recog[plots]'.\n"


@pytest.mark.slow
@pytest.mark.photos
def test_real_parts_are_told_apart_after_few_epochs(run, shared, tmp_path):
    weights = shared / "weights" / "mobilenet_2_5_224_tf_no_top.h5"
    network = ("--backbone", "mobilenet", "--backbone-options", "alpha=0.25", "--weights", weights, "--image-size", 128, 128)
    training = ("--epochs", 4, "--group-pattern", ".*(?=_)", "--run-folder", tmp_path / "run")

    done = run("train", "parts", shared / "data" / "parts", *network, *training, "--json")

    assert done.json()["report"]["accuracy"] > 0.7
