"""`car-recog evaluate`: a saved classifier on photos whose classes are known."""

import json
import shutil


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

    files = ["calibration.png", "confusion.png", "per_class.png", "photos.png", "report.html", "report.json", "report.md"]
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
