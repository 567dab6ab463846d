"""From flags to the cars and pairs that a verifier is trained and judged on."""

import argparse

import pytest

from car_recog import PairDataset
from car_recog.cli.cars import read_car_sides, read_pairs_of_side
from car_recog.cli.options import add_car_flags, add_data_flags
from car_recog.data.synthetic import IDENTITY_PATTERN
from car_recog.errors import DataError, OptionError, UnknownNameError

FLAGS = ("--label-pattern", IDENTITY_PATTERN, "--val-fraction", "0.25", "--test-fraction", "0.25", "--impostors", "any", "model")


def flags(*argv):
    parser = argparse.ArgumentParser()
    add_data_flags(parser, is_needed=False)
    add_car_flags(parser)
    return parser.parse_args([str(piece) for piece in argv])


def names(side):
    photos = side.images if isinstance(side, PairDataset) else side
    return set(photos.class_names)


def test_no_two_sides_share_a_car(cars):
    sides = read_car_sides(flags(cars, *FLAGS))

    assert [len(names(side)) for side in (sides.train, sides.val, sides.test)] == [6, 3, 3]
    assert len(names(sides.train) | names(sides.val) | names(sides.test)) == 12


def test_a_side_that_is_asked_for_alone_is_that_of_the_training(cars):
    sides = read_car_sides(flags(cars, *FLAGS))

    again = read_pairs_of_side(flags(cars, *FLAGS), "test")

    assert list(again) == list(sides.test)
    assert names(read_pairs_of_side(flags(cars, *FLAGS), "train")) == names(sides.train)
    assert len(names(read_pairs_of_side(flags(cars, *FLAGS), "all"))) == 12


def test_impostors_of_several_attributes_share_all_of_them(cars):
    pairs = read_pairs_of_side(flags(cars, "--label-pattern", IDENTITY_PATTERN, "--impostors", "any", "model+colour"), "all")

    hard = [pair for pair in pairs if pair.kind == "same model and colour"]
    assert len(hard) == 90  # half of the impostors, of which there are as many as genuine pairs: 12 cars of 15
    assert all(pair.first.attributes == pair.second.attributes for pair in hard)


def test_cars_of_one_group_stay_together(cars):
    by_model = ("--group-pattern", "model.", "--label-pattern", IDENTITY_PATTERN, "--val-fraction", 0, "--test-fraction", 0.5)

    with pytest.raises(DataError, match=r"--group-pattern 'model.' matches nothing"):
        read_car_sides(flags(cars, *by_model))  # without a '/' it is searched in the file name

    sides = read_car_sides(flags(cars, *by_model, "--group-pattern", "model./"))
    assert len({sample.path.parts[-3] for sample in sides.train.samples}) == 1
    assert sides.val is None


def test_a_large_folder_gives_no_more_pairs_than_can_be_judged(cars, monkeypatch):
    monkeypatch.setattr("car_recog.data.pair_sampling.MAX_PAIRS", 100)

    assert len(read_pairs_of_side(flags(cars, "--label-pattern", IDENTITY_PATTERN), "all")) == 100


def test_a_list_is_read_from_beside_it_or_from_a_root(cars, tmp_path):
    lines = "model0/warm/car00_0.png model0/warm/car00_1.png 1\nmodel0/warm/car00_0.png model1/warm/car01_0.png 0\n"
    (tmp_path / "pairs.txt").write_text(lines)
    (tmp_path / "beside").symlink_to(cars)
    (tmp_path / "beside.txt").write_text(lines.replace("model", "beside/model"))

    assert len(read_pairs_of_side(flags("--pairs", tmp_path / "pairs.txt", "--image-root", cars), "all")) == 2
    assert len(read_pairs_of_side(flags("--pairs", tmp_path / "beside.txt"), "all")) == 2


@pytest.mark.parametrize(
    ("argv", "error", "message"),
    [
        ((), OptionError, "Name DATA, a folder with a folder of photos per car"),
        (("--pairs", "a.txt", "--impostors", "any"), OptionError, "a list of --pairs brings its own"),
        (("{cars}", "--impostors", "model"), UnknownNameError, "They have none: give --label-pattern named groups"),
        (("{cars}", "--label-pattern", IDENTITY_PATTERN, "--n-pairs", "9999"), DataError, "genuine: 5,000 asked for, 180 can be drawn"),
    ],
)
def test_flags_that_fit_nothing_are_told(cars, argv, error, message):
    with pytest.raises(error, match=message):
        read_pairs_of_side(flags(*(piece.replace("{cars}", str(cars)) for piece in argv)), "all")


def test_a_side_that_was_not_split_off_is_told(cars):
    with pytest.raises(OptionError, match="--side val is empty: --val-fraction is 0."):
        read_pairs_of_side(flags(cars, *FLAGS, "--val-fraction", 0), "val")
