"""From data flags to the sides of a split: official lists, seeds, groups."""

import argparse
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from car_recog.cli.options import add_data_flags
from car_recog.cli.sides import has_official_split, read_side, read_sides
from car_recog.data.synthetic import draw_compcars
from car_recog.errors import DataError, OptionError

BY_PICTURE = ".*(?=_)"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A CompCars tree of 64 part photos, eight of each part: six in the train lists, two in the test lists."""
    folder = tmp_path_factory.mktemp("cars") / "tree"
    return draw_compcars(folder, n_part_photos=64, n_car_photos=80, n_pairs=4, image_size=(16, 16), train_fraction=0.75)


def flags(*argv):
    parser = argparse.ArgumentParser()
    add_data_flags(parser)
    return parser.parse_args([str(piece) for piece in argv])


def names(data):
    return {str(sample.path) for sample in data.samples}


def pictures(data):
    return {sample.path.name.rpartition("_")[0] for sample in data.samples}


def test_a_folder_is_split_70_15_15_by_default(photos):
    sides = read_sides(flags(photos))

    assert len(sides.train) == 2 * 17  # of 24 photos a class: 16.8, 3.6 and 3.6
    assert {*sides.val.class_counts().values(), *sides.test.class_counts().values()} == {3, 4}
    assert names(sides.train) | names(sides.val) | names(sides.test) == {str(path) for path in photos.rglob("*.png")}


def test_the_same_seed_gives_the_same_sides_and_another_one_others(photos):
    first, again, other = (read_sides(flags(photos, "--seed", seed)) for seed in (3, 3, 4))

    assert names(first.test) == names(again.test)
    assert names(first.test) != names(other.test)


def test_crops_of_one_picture_stay_on_one_side_across_classes(photos):
    sides = read_sides(flags(photos, "--group-pattern", BY_PICTURE, "--val-fraction", 0.25, "--test-fraction", 0.25))

    shares = [pictures(side) for side in (sides.train, sides.val, sides.test)]
    assert sorted(map(len, shares)) == [2, 2, 4]
    assert len(set.union(*shares)) == 8


def test_a_pattern_with_a_slash_is_searched_below_the_root(photos):
    sides = read_sides(flags(photos, "--group-pattern", "[^/]+/.*(?=_)"))

    assert Counter(sample.group for sample in read_side(flags(photos, "--group-pattern", "[^/]+/.*(?=_)"), "all").samples) == {
        f"{name}/car{picture}": 3 for name in ("door", "wheel") for picture in range(8)
    }
    assert not {sample.group for sample in sides.train.samples} & {sample.group for sample in sides.test.samples}


def test_a_group_named_group_is_the_key(photos):
    data = read_side(flags(photos, "--group-pattern", r"car(?P<group>\d)_"), "all")

    assert {sample.group for sample in data.samples} == set("01234567")


def test_names_that_the_group_pattern_misses_are_shown(photos):
    with pytest.raises(DataError, match=r"^--group-pattern '.*' matches nothing in 32 of 48 names:\n  car0_b.png"):
        read_sides(flags(photos, "--group-pattern", ".*(?=_a)"))


def test_a_group_pattern_that_is_none_is_bad_use(photos):
    with pytest.raises(DataError, match=r"^--group-pattern '\(' is not a regular expression: missing \)"):
        read_sides(flags(photos, "--group-pattern", "("))


def test_a_label_pattern_reads_classes_from_file_names(photos):
    data = read_side(flags(photos, "--label-pattern", "_(?P<label>[abc])"), "all")

    assert data.class_counts() == {"a": 16, "b": 16, "c": 16}


def test_flags_say_what_the_class_is_and_what_part_of_a_photo_is_used(tmp_path, capsys):
    white = np.full((30, 40, 3), 255, np.uint8)
    white[5:25, 10:35] = 0
    for name in ("Audi_A4_2012_a", "Audi_A6_2012_b", "BMW_X5_1999_c", "thumb"):
        Image.fromarray(white if name != "Audi_A4_2012_a" else np.zeros_like(white)).save(tmp_path / f"{name}.png")
    names = ("--label-pattern", "make_model_year", "--unmatched", "skip")

    data = read_side(flags(tmp_path, *names, "--label", "make", "--crop", "plain_background", "--margin", "0.2"), "all")

    assert data.class_counts() == {"Audi": 2, "BMW": 1}
    assert [sample.crop for sample in data] == [None, (5, 1, 40, 29), (5, 1, 40, 29)]
    err = capsys.readouterr().err
    assert "gives no label for 1 of 4 names:\n  thumb.png" in err and "1 of 3 photos have no box and stay whole" in err
    assert read_side(flags(tmp_path, *names, "--label", "model+year"), "all").class_names == ("A4/2012", "A6/2012", "X5/1999")
    with pytest.raises(OptionError, match="label='make' needs a label_pattern"):
        read_side(flags(tmp_path, "--label", "make"), "all")


def test_a_fraction_of_0_keeps_no_side(photos):
    sides = read_sides(flags(photos, "--val-fraction", 0, "--test-fraction", 0))

    assert len(sides.train) == 48
    assert sides.val is None
    assert sides.test is None


def test_fractions_that_leave_nothing_to_train_on_are_bad_use(photos):
    with pytest.raises(DataError, match="Fractions must lie in"):
        read_sides(flags(photos, "--val-fraction", 0.5, "--test-fraction", 0.5))


def test_an_empty_side_cannot_be_asked_for(photos):
    with pytest.raises(OptionError, match="--side val is empty: --val-fraction is 0"):
        read_side(flags(photos, "--val-fraction", 0), "val")


def test_a_compcars_tree_is_split_by_its_own_lists(tree):
    sides = read_sides(flags(tree, "--val-fraction", 0.5))

    listed = {line for path in tree.rglob("test_part_*.txt") for line in path.read_text().split()}
    assert {sample.path.relative_to(tree / "data" / "part").as_posix() for sample in sides.test.samples} == listed
    assert [len(side) for side in (sides.train, sides.val, sides.test)] == [24, 24, 16]


def test_a_random_split_of_a_compcars_tree_takes_all_photos(tree):
    sides = read_sides(flags(tree, "--split", "random", "--val-fraction", 0.25, "--test-fraction", 0.5))

    assert [len(side) for side in (sides.train, sides.val, sides.test)] == [16, 16, 32]


def test_parts_that_a_tree_has_no_photo_of_are_no_classes(tmp_path):
    tree = draw_compcars(tmp_path / "tree", n_part_photos=64, n_car_photos=80, n_pairs=4, image_size=(16, 16))
    for path in [*(tree / "data" / "part").rglob("*/3/*.jpg")]:
        path.unlink()
    for path in (tree / "data" / "train_test_split" / "part").glob("*_part_3.txt"):
        path.write_text("")

    sides = read_sides(flags(tree))

    assert len(sides.train.class_names) == 7
    assert "fog_light" not in sides.train.class_names
    assert sides.test.class_names == sides.val.class_names == sides.train.class_names


def test_official_lists_cannot_be_had_from_a_plain_folder(photos):
    with pytest.raises(OptionError, match="--split official needs a CompCars tree with data/train_test_split/part"):
        has_official_split(flags(photos, "--split", "official"))


def test_a_tree_without_lists_is_split_at_random(tree, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "part").symlink_to(tree / "data" / "part")

    assert has_official_split(flags(tree))
    assert not has_official_split(flags(tmp_path))
    assert len(read_side(flags(tmp_path), "all")) == 64
