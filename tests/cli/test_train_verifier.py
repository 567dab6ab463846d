"""`car-recog train verifier`: one command from photos of cars, or a list of pairs, to a calibrated, judged and saved verifier."""

import json

import pytest
from PIL import Image

from car_recog import FolderDataset, PairDataset, SiameseVerifier
from car_recog.data.synthetic import IDENTITY_PATTERN

FLAGS = ("--label-pattern", IDENTITY_PATTERN, "--val-fraction", "0.25", "--test-fraction", "0.25", "--impostors", "any", "model")
SHORT = ("--backbone", "tiny_cnn", "--weights", "none", "--image-size", "32", "32", "--embedding-dim", "16", "--epochs", "1")
PICTURES = {"det.png", "history.png", "roc.png", "scores.png", "threshold.png", "calibration.png"}
MISTAKES = {"false_accepts.png", "false_rejects.png"}
FILES = PICTURES | {"bundle", "config.json", "history.csv", "report.html", "report.json", "report.md"}


@pytest.fixture(scope="module")
def listed(cars, tmp_path_factory):
    """A list of 120 pairs in the form of CompCars."""
    path = tmp_path_factory.mktemp("lists") / "pairs.txt"
    pairs = PairDataset.sample(FolderDataset(cars, IDENTITY_PATTERN), n_pairs=120)
    rows = [(pair.first.path.relative_to(cars), pair.second.path.relative_to(cars), int(pair.is_genuine)) for pair in pairs]
    path.write_text("".join(f"{a} {b} {label}\n" for a, b, label in rows))
    return path


def test_a_run_folder_holds_everything(verifier_run):
    assert {path.name for path in verifier_run.iterdir()} - MISTAKES == FILES
    for plot in PICTURES:
        with Image.open(verifier_run / plot) as picture:
            assert min(picture.size) > 200
    assert "equal error rate" in (verifier_run / "report.md").read_text()


def test_pairs_of_cars_that_training_has_not_seen_are_judged_by_kind_of_impostor(verifier_run):
    report = json.loads((verifier_run / "report.json").read_text())

    assert report["n_identities"] == 3
    assert (report["n_genuine"], report["n_impostor"]) == (45, 45)
    assert {kind: figures["n_impostor"] for kind, figures in report["by_kind"].items()} == {"any": 23, "same model": 22}
    assert report["eer"] < 0.35


def test_the_bundle_has_the_threshold_and_its_card_knows_how_good_it_is(verifier_run):
    verifier = SiameseVerifier.load(verifier_run / "bundle")
    report = json.loads((verifier_run / "report.json").read_text())

    assert (verifier.calibration.target, verifier.calibration.n_genuine) == ("eer", 45)
    assert verifier.threshold == report["threshold"]
    assert "Last evaluation, on 90 pairs: equal error rate" in (verifier_run / "bundle" / "README.md").read_text()


def test_flags_reach_network_training_and_calibration(run, cars, tmp_path):
    network = ("--embedding-dim", 24, "--pooling", "gem", "--no-flip-average", "--normalization", "unit", "--resize", "letterbox")
    training = ("--objective", "multi_similarity", "--seed", 3, "--far", 0.1)

    done = run("train", "verifier", cars, *FLAGS, *SHORT, *network, *training, "--run-folder", tmp_path / "run", "--json")

    assert done.code in (0, 1)  # one epoch may well be too few to learn anything
    config = json.loads((tmp_path / "run" / "bundle" / "config.json").read_text())
    asked = {"embedding_dim": 24, "pooling": "gem", "flip_average": False, "normalization": "unit", "resize": "letterbox"}
    assert {name: config["network"][name] for name in asked} == asked
    assert (config["goal"], config["training"]["seed"], config["calibration"]["target"]) == ("multi_similarity", 3, "far 0.1")
    counts = {"n_train": 36, "n_train_cars": 6, "n_val_cars": 3, "n_val_pairs": 90, "n_test_cars": 3, "n_test_pairs": 90, "n_epochs": 1}
    assert {name: done.json()[name] for name in counts} == counts


def test_figures_places_and_counts_are_printed_and_progress_is_kept_apart(run, cars, tmp_path):
    done = run("train", "verifier", cars, *FLAGS, *SHORT, "--run-folder", tmp_path / "run")

    for text in ("\nequal error rate ", "\nROC AUC ", "\nsame model ", "The pairs come from 3 cars only", "Trained 1 epochs in "):
        assert text in done.out
    assert done.out.endswith(f"Ask it: car-recog verify {tmp_path / 'run' / 'bundle'} PHOTO PHOTO\n")
    assert "photos: 36 of 6 cars to train, 18 of 3 cars to validate, 18 of 3 cars to test\n" in done.err
    assert "epoch 1/1" in done.err


def test_a_list_of_pairs_trains_the_pair_head(run, listed, cars, tmp_path):
    flags = ("--pairs", listed, "--image-root", cars, "--disjoint", "none", "--recipe", "paper", "--distance", "weighted_l1", "--json")

    done = run("train", "verifier", *flags, *SHORT, "--run-folder", tmp_path / "run")

    assert (done.json()["n_train_pairs"], done.json()["n_val_pairs"], done.json()["n_test_pairs"]) == (84, 18, 18)
    config = json.loads((tmp_path / "run" / "bundle" / "config.json").read_text())
    assert (config["network"]["distance"], config["network"]["head"], config["goal"]) == ("weighted_l1", "relu", "binary_crossentropy")
    assert config["training"]["recipe"]["name"] == "paper"


def test_without_validation_and_test_nothing_is_calibrated_or_judged(run, cars, tmp_path):
    flags = ("--label-pattern", IDENTITY_PATTERN, "--val-fraction", 0, "--test-fraction", 0)

    done = run("train", "verifier", cars, *flags, *SHORT, "--run-folder", tmp_path / "run", "--json")

    assert done.json()["report"] is None
    assert SiameseVerifier.load(tmp_path / "run" / "bundle").threshold is None


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--impostors", "modell"), "error: --impostors modell: the photos have no attribute 'modell'. Did you mean 'model'?"),
        (("--far", "0.001"), "error: --far must lie between 1 / 'impostor pairs to validate on' and 1; got 0.001 with 45 such pairs."),
        (("--far", "0.1", "--val-fraction", "0"), "error: --far and --target choose the threshold on the validation side"),
        (("--n-pairs", "1000"), "error: Side val, 3 cars: 1,000 pairs cannot be drawn from these photos"),
        (("--objective", "tripplet"), "error: Unknown objective: 'tripplet'."),
        (("--pairs", "pairs.txt"), "error: Give either DATA or --pairs"),
        (("--val-fraction", "0.9"), "error: Fractions must lie in (0, 1]"),
        (("--recipe", "paper"), "error: Unknown recipe: 'paper'. Recipes for identities are finetune."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_one_error_and_leaves_nothing(run, cars, tmp_path, argv, message):
    done = run("train", "verifier", cars, *FLAGS, *SHORT, *argv, "--run-folder", tmp_path / "run")

    assert done.code == 2
    assert message in done.err
    assert done.out == ""
    assert not (tmp_path / "run").exists()
