"""`car-recog evaluate`: a saved classifier on photos whose classes are known, a saved verifier on pairs."""

import json
import shutil

from car_recog.data.synthetic import IDENTITY_PATTERN


def test_all_photos_of_a_folder_are_judged(run, bundle, photos):
    done = run("evaluate", bundle, photos, "--json")

    assert done.code == 0
    assert done.json()["side"] == "all"
    assert done.json()["report"]["n_photos"] == 48
    assert done.json()["report"]["accuracy"] == 1.0


def test_the_test_side_is_the_one_that_training_left_out(run, bundle, photos, run_folder):
    done = run("evaluate", bundle, photos, "--side", "test", "--group-pattern", ".*(?=_)", "--json")

    assert done.json()["report"] == json.loads((run_folder / "report.json").read_text())


def test_figures_are_printed(run, bundle, photos):
    done = run("evaluate", bundle, photos)

    rows = [line.split() for line in done.out.splitlines()]
    assert ["door", "1.000", "1.000", "1.000", "24"] in rows
    assert done.out.endswith(f"48 photos of {photos}, side: all.\n")


def test_a_folder_for_the_report_is_filled(run, bundle, photos, tmp_path):
    done = run("evaluate", bundle, photos, "--out", tmp_path / "judged")

    files = ["calibration.png", "confusion.png", "coverage.png", "per_class.png", "photos.png", "report.html", "report.json", "report.md"]
    assert sorted(path.name for path in (tmp_path / "judged").iterdir()) == files
    assert f"{tmp_path / 'judged'} holds {', '.join(files)}.\nLook at {tmp_path / 'judged' / 'report.html'}\n" in done.out


def test_broken_photos_are_named_and_the_exit_code_is_1(run, bundle, own_photos):
    (own_photos / "wheel" / "broken.jpg").write_bytes(b"no photo")

    done = run("evaluate", bundle, own_photos, "--json")

    assert done.code == 1
    assert list(done.json()["report"]["skipped"]) == [str(own_photos / "wheel" / "broken.jpg")]
    assert done.err.count("broken.jpg") == 1


def test_a_class_that_the_classifier_does_not_know_is_bad_use(run, bundle, own_photos):
    shutil.copytree(own_photos / "door", own_photos / "hood")

    done = run("evaluate", bundle, own_photos)

    assert done.code == 2
    assert done.err.endswith("error: Unknown classes: ['hood']. Known are: ['door', 'wheel'].\n")


def test_what_is_no_bundle_is_bad_use(run, photos):
    done = run("evaluate", photos, photos)

    assert done.code == 2
    assert f"error: '{photos}' is no saved recogniser: it has no config.json." in done.err


def test_a_verifier_is_judged_on_the_cars_that_its_training_left_out(run, verifier, cars, verifier_run):
    flags = ("--label-pattern", IDENTITY_PATTERN, "--val-fraction", 0.25, "--test-fraction", 0.25, "--impostors", "any", "model")

    done = run("evaluate", verifier, cars, *flags, "--side", "test", "--json")

    assert done.code == 0
    assert done.json()["report"] == json.loads((verifier_run / "report.json").read_text())


def test_a_verifier_is_judged_on_a_list_of_pairs(run, verifier, cars, tmp_path):
    photo = "model{}/{}/car{}_{}.png".format
    lines = [f"{photo(0, 'warm', '00', i)} {photo(0, 'warm', '00', i + 1)} 1\n" for i in range(3)]
    lines += [f"{photo(0, 'warm', '00', i)} {photo(0, 'cold', '06', i)} 0\n" for i in range(4)]
    (tmp_path / "pairs.txt").write_text("".join(lines))

    done = run("evaluate", verifier, "--pairs", tmp_path / "pairs.txt", "--image-root", cars, "--out", tmp_path / "judged")

    assert ["equal", "error", "rate", "0.000", "0.000", "to", "0.000"] in [line.split() for line in done.out.splitlines()]
    assert f"7 pairs of 5 cars of {tmp_path / 'pairs.txt'}, side: all.\n" in done.out  # unpaired photos are cars of their own
    assert {"report.html", "report.json", "report.md", "roc.png"} <= {path.name for path in (tmp_path / "judged").iterdir()}


def test_a_classifier_is_not_judged_on_pairs(run, bundle, photos):
    for argv in ((), (photos, "--pairs", "pairs.txt")):
        done = run("evaluate", bundle, *argv)

        assert done.code == 2
        assert "error: A classifier is judged on photos, not on pairs: name DATA, a folder with a folder per class." in done.err
