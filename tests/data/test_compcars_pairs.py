"""The official verification task of a CompCars tree: pairs of models never trained on, and the photos to train on."""

from itertools import pairwise

import pytest

from car_recog.data.compcars import CompCarsDataset
from car_recog.data.synthetic import draw_compcars
from car_recog.errors import DataError, OptionError

LISTS = "data/train_test_split/verification"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "CompCars"
    return draw_compcars(folder, n_models=8, n_part_photos=32, n_car_photos=80, n_pairs=20, image_size=(16, 16), seed=2)


def place(sample):
    return "/".join(sample.path.parts[-4:])


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_the_official_pairs_are_read_line_by_line(drawn, difficulty):
    rows = [line.split() for line in (drawn / LISTS / f"verification_pairs_{difficulty}.txt").read_text().splitlines()]
    models = {place(sample): sample for sample in CompCarsDataset(drawn).models()}

    pairs = CompCarsDataset(drawn).pairs(difficulty)

    assert [[place(pair.first), place(pair.second), str(int(pair.is_genuine))] for pair in pairs] == rows
    for pair in pairs:
        assert pair.is_genuine == (pair.first.class_name == pair.second.class_name)
        known = models[place(pair.first)]
        assert (pair.first.class_name, pair.first.box, pair.first.attributes) == (known.class_name, known.box, known.attributes)
    assert pairs.check().findings == ()


def test_what_is_trained_on_shares_no_model_with_the_pairs(drawn):
    cars = CompCarsDataset(drawn)

    train = cars.verification_train(crop_to_box=True)

    assert [place(sample) for sample in train] == (drawn / LISTS / "verification_train.txt").read_text().split()
    assert all(sample.class_name == "/".join(place(sample).split("/")[:2]) and sample.crop == sample.box for sample in train)
    assert all(cars.pairs(difficulty).check(train).shared[0].is_empty for difficulty in ("easy", "hard"))
    assert {sample.crop for sample in cars.pairs("easy", crop_to_box=True).images} != {None}


def test_faults_and_unknown_words_are_told(drawn, tmp_path):
    (tmp_path / LISTS).mkdir(parents=True)
    (tmp_path / "data/image/1/2/2010").mkdir(parents=True)
    (tmp_path / "data/image/a.jpg").touch()
    (tmp_path / LISTS / "verification_pairs_hard.txt").write_text("a.jpg 1/2/2010/b.jpg 1\n")
    cars = CompCarsDataset(tmp_path)

    with pytest.raises(
        DataError, match="2 faults in .*:\n  line 1: expected <make>/<model>/<year>/<name>.jpg, got 'a.jpg'\n  line 1: no such photo"
    ):
        cars.pairs("hard")
    with pytest.raises(DataError, match="No such list of pairs: '.*verification_pairs_easy.txt'"):
        cars.pairs("easy")
    with pytest.raises(OptionError, match="difficulty must be 'easy', 'medium' or 'hard'; got 'mild'"):
        cars.pairs("mild")


@pytest.mark.photos
def test_genuine_photos_of_the_official_list_are_paired(shared, tmp_path):
    """The head of the list for training is genuine; pairs of its photos stand for the lists that are not at hand."""
    path = shared / "data/compcars/train_test_split/verification/verification_train.head.txt"
    head = path.read_text().split()
    for line in head:
        (tmp_path / "data/image" / line).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/image" / line).write_text(line)
    (tmp_path / LISTS).mkdir(parents=True)
    (tmp_path / LISTS / "verification_train.txt").write_text("\n".join(head))
    lines = [f"{a} {b} {int(a.split('/')[1] == b.split('/')[1])}" for a, b in pairwise(head)]
    (tmp_path / LISTS / "verification_pairs_medium.txt").write_text("\n".join(lines))
    cars = CompCarsDataset(tmp_path)

    train, pairs = cars.verification_train(), cars.pairs("medium")

    assert [place(sample) for sample in train] == head and train.class_names == ("78/12", "78/31", "78/33", "81/73")
    # 4, 2, 1 and 3 photos in a row of four models.
    assert pairs.is_genuine.tolist() == [True, True, True, False, True, False, False, True, True]
    assert len(pairs.check(train).shared[0].photos) == len(head)
