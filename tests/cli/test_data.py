"""`car-recog data`: check and split."""

import shutil

import pytest
from PIL import Image

from car_recog.data.samples import ImageDataset
from car_recog.data.synthetic import draw_compcars


def test_clean_photos_give_zero(run, photos):
    done = run("data", "check", photos)

    assert done.code == 0
    assert "48 photos: 0 errors, 48 warnings, 0 notes" in done.out and "tiny, below 32 pixels: 48 (48 photos)" in done.out


def test_errors_give_one_and_a_file(run, own_photos, tmp_path):
    shutil.copy(own_photos / "door" / "car0_a.png", own_photos / "wheel" / "copy.png")

    done = run("data", "check", own_photos, "--json", "--out", tmp_path / "report.md")

    assert done.code == 1
    assert done.json()["n_errors"] == done.json()["counts"]["contradictions"] == 1
    assert f"{own_photos}/door/car0_a.png = {own_photos}/wheel/copy.png" in (tmp_path / "report.md").read_text()


def test_other_folders_are_checked_against_however_they_are_laid_out(run, own_photos, tmp_path):
    (tmp_path / "flat").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    shutil.copy(own_photos / "door" / "car0_a.png", tmp_path / "flat" / "x.png")
    shutil.copy(own_photos / "door" / "car0_a.png", tmp_path / "deep" / "er" / "y.png")

    done = run("data", "check", own_photos, "--against", tmp_path / "flat", tmp_path / "deep", "--out", tmp_path / "report.json")

    assert done.code == 1
    assert "error: also in the other data: 1 (1 photo)" in done.out
    assert done.out.index("flat/x.png") < done.out.index("er/y.png") and (tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "DATA", "--out", "report.txt"], "--out takes a .json or .md file; got 'report.txt'"),
        (["check", "DATA", "--against", "EMPTY"], "No photos below"),
        (["check", "EMPTY"], "No photos below"),
        (["split", "DATA", "--out", "DATA"], "is not empty"),
        (["split", "DATA", "--out", "new", "--fractions", "0.5"], "--fractions takes two or three; got 1"),
        (["split", "DATA", "--out", "new", "--fractions", "0.9", "0.9"], "sum of at most 1"),
        (["split", "DATA", "--out", "new", "--near-duplicates", "apart"], "must be 'ignore' or 'together'; got 'apart'"),
        (["check"], "the following arguments are required: DATA"),
    ],
)
def test_bad_use_is_told_and_writes_nothing(run, photos, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()

    done = run("data", *({"DATA": photos, "EMPTY": tmp_path / "empty"}.get(word, word) for word in arguments))

    assert done.code == 2 and message in done.err
    assert not (tmp_path / "new").exists()


def test_a_split_is_written_as_lists_that_can_be_read(run, photos, tmp_path):
    done = run("data", "split", photos, "--out", tmp_path / "lists", "--group-pattern", ".*(?=_)", "--seed", "5")

    assert done.code == 0
    sides = [ImageDataset.from_list(tmp_path / "lists" / f"{side}.csv", root=photos) for side in ("train", "val", "test")]
    pictures = [{sample.group for sample in side} for side in sides]
    assert [row.split() for row in done.out.splitlines()[2:5]] == [
        [f"{name}.csv", str(len(side)), "2"] for name, side in zip(("train", "val", "test"), sides, strict=True)
    ]
    assert sum(map(len, sides)) == 48 and all(side.class_names == ("door", "wheel") for side in sides)
    assert not (pictures[0] & pictures[1] or pictures[0] & pictures[2] or pictures[1] & pictures[2])


def test_two_fractions_are_train_and_test_and_copies_stay_together(run, own_photos, tmp_path):
    for path in sorted(own_photos.rglob("*.png")):
        Image.open(path).save(path.with_suffix(".bmp"))

    split = ["data", "split", own_photos, "--fractions", "0.5", "0.5", "--near-duplicates"]
    done = run(*split, "together", "--out", tmp_path / "together", "--json")
    run(*split, "ignore", "--out", tmp_path / "ignore")

    assert done.json() == {"folder": str(tmp_path / "together"), "n_train": 48, "n_test": 48}
    both = {}
    for word in ("together", "ignore"):
        train, test = (ImageDataset.from_list(tmp_path / word / f"{side}.csv", root=own_photos) for side in ("train", "test"))
        both[word] = {sample.path.with_suffix("") for sample in train} & {sample.path.with_suffix("") for sample in test}
    assert both["ignore"] and not both["together"]


def test_the_parts_of_a_compcars_tree_are_taken(run, tmp_path):
    tree = draw_compcars(tmp_path / "cars", n_part_photos=48, n_car_photos=80, n_pairs=4, image_size=(48, 64))

    assert run("data", "check", tree, "--json").json()["n_photos"] == 48
    assert run("data", "split", tree, "--out", tmp_path / "lists", "--fractions", "0.5", "0.5", "--json").json()["n_train"] == 24
    assert len(ImageDataset.from_list(tmp_path / "lists" / "test.csv", root=tree)) == 24
