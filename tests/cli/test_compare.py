"""`car-recog compare`: saved classifiers, or the ladder, on one page."""

import pytest


def test_saved_classifiers_are_judged_side_by_side(run, photos, bundle, tmp_path):
    done = run("compare", photos, "--bundles", bundle, bundle, "--run-folder", tmp_path / "out")

    assert done.code == 0, done.err
    assert "toy" in done.out and "toy (2)" in done.out
    assert f"car-recog predict {tmp_path / 'out' / 'best'} PHOTO" in done.out
    assert "How they learned" in (tmp_path / "out" / "comparison.html").read_text()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "Name what is compared: --bundles with two folders or more, or --ladder."),
        (("--ladder", "--val-fraction", "0"), "leave both a share"),
        (("--bundles", "gone", "gone"), "'gone' is no saved recogniser"),
    ],
)
def test_bad_use_is_one_error(run, photos, tmp_path, argv, message):
    done = run("compare", photos, *argv, "--run-folder", tmp_path / "out")

    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_ladder_is_trained_and_judged(run, photos, tmp_path):
    small = ("--weights", "none", "--backbone-options", "alpha=0.25", "--image-size", 32, 32, "--epochs", 1)

    done = run("compare", photos, "--ladder", *small, "--group-pattern", ".*(?=_)", "--run-folder", tmp_path / "out", "--json")

    assert [one["name"] for one in done.json()["contenders"]][::4] == ["plain CNN", "MobileNet"]
    assert len(list((tmp_path / "out").glob("*/bundle"))) == 5


@pytest.mark.filterwarnings("ignore:Training has collapsed")
def test_the_photos_are_those_that_the_bundles_are_for(run, photos, tmp_path, monkeypatch):
    from car_recog import CarClassifier, FolderDataset, get_recipe
    from car_recog.cli import compare

    clf = CarClassifier("tiny_cnn", weights=None, image_size=(32, 32))
    clf.fit(FolderDataset(photos), recipe=get_recipe("finetune", epochs=2), verbose=False)
    clf.save(tmp_path / "models")
    read, tasks = compare.read_side, []
    monkeypatch.setattr(compare, "read_side", lambda args, side: tasks.append(args.task) or read(args, side))

    run("compare", photos, "--bundles", tmp_path / "models", tmp_path / "models", "--run-folder", tmp_path / "out")
    run("compare", photos, "--bundles", tmp_path / "models", tmp_path / "models", "--task", "makes", "--run-folder", tmp_path / "other")

    assert tasks == ["models", "makes"]
