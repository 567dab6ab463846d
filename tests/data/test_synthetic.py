from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from car_recog.data import synthetic
from car_recog.data.compcars import PART_NAMES, CompCarsDataset
from car_recog.data.drawing import Look, Style
from car_recog.data.drawn_parts import draw_part
from car_recog.data.folders import FolderDataset
from car_recog.data.images import decode
from car_recog.data.synthetic import IDENTITY_PATTERN, draw_compcars, draw_identities
from car_recog.errors import DataError, OptionError

SMALL = {"n_models": 6, "n_part_photos": 48, "n_car_photos": 120, "n_pairs": 20, "image_size": (24, 32)}
LISTS = Path("data/train_test_split")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return draw_compcars(tmp_path_factory.mktemp("drawn") / "CompCars", **SMALL, seed=5)


def lines(path):
    return path.read_text("utf-8").splitlines()


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def label(root, place):
    viewpoint, n_boxes, box = lines((root / "data" / "label" / place).with_suffix(".txt"))
    return int(viewpoint), int(n_boxes), [int(edge) for edge in box.split(" ")]


def pairs(root, name):
    rows = [line.split(" ") for line in lines(root / LISTS / f"verification/verification_pairs_{name}.txt")]
    return [(first, second, is_genuine == "1") for first, second, is_genuine in rows]


def make_and_model(place):
    return tuple(place.split("/")[:2])


def test_a_seed_gives_the_same_bytes_and_another_seed_gives_other_photos(root, tmp_path):
    again = draw_compcars(tmp_path / "again", **SMALL, seed=5)
    other = draw_compcars(tmp_path / "other", **SMALL, seed=6)

    assert files(again) == files(root)
    assert not set(files(root / "data/part").values()) & set(files(other / "data/part").values())


def test_a_photo_does_not_depend_on_how_many_are_drawn(root, tmp_path):
    more = files(draw_compcars(tmp_path / "more", **SMALL | {"n_part_photos": 96}, seed=5) / "data/part")

    few = files(root / "data/part")

    assert len(more) == 96 and few.items() <= more.items()


def test_each_line_of_a_part_list_names_a_photo_of_that_part(root):
    for part in range(1, 9):
        train, test = (lines(root / LISTS / f"part/{split}_part_{part}.txt") for split in ("train", "test"))

        assert {line.split("/")[3] for line in train + test} == {str(part)}
        assert all((root / "data/part" / line).is_file() for line in train + test)
        assert not set(train) & set(test)
        assert len(train) + len(test) == 6  # 48 photos, eight parts


def test_photos_have_the_asked_size_and_lie_under_14_hexadecimal_digits(root):
    photos = list((root / "data").rglob("*.jpg"))

    assert len(photos) == 48 + 120
    assert {decode(photo).shape for photo in photos} == {(24, 32, 3)}
    assert all(len(photo.stem) == 14 and int(photo.stem, 16) >= 0 for photo in photos)
    assert "unknown" in {photo.parent.name for photo in (root / "data/image").rglob("*.jpg")}


def test_the_classification_lists_hold_every_car_photo_once_and_every_model_on_both_sides(root):
    train, test = (lines(root / LISTS / f"classification/{split}.txt") for split in ("train", "test"))

    assert sorted(train + test) == sorted(files(root / "data/image"))
    assert {make_and_model(line) for line in train} == {make_and_model(line) for line in test}
    assert (len(train), len(test)) == (84, 36)  # 0.7 and 0.3 of 120


def test_each_label_holds_one_box_inside_the_photo(root):
    for place in files(root / "data/image"):
        viewpoint, n_boxes, (left, top, right, bottom) = label(root, place)

        assert viewpoint in range(1, 6) and n_boxes == 1
        assert 1 <= left < right <= 32 and 1 <= top < bottom <= 24


def test_the_box_is_where_the_car_is(monkeypatch, tmp_path):
    # Without noise, blur and light, without a shadow and on an even ground only the car differs from the ground.
    monkeypatch.setattr("car_recog.data.drawing.photograph", lambda canvas, rng, is_night: canvas.reduce(2))
    monkeypatch.setattr("car_recog.data.drawn_cars._paint_place", lambda *args, horizon: Image.new("RGB", (320, 240), (0, 255, 0)))
    monkeypatch.setattr("car_recog.data.drawn_cars._SHADOW", (0, 0, 0, 0))
    for viewpoint in range(1, 6):
        for seed in range(5):
            photo, box = synthetic.paint_car(viewpoint, seed, np.random.default_rng(seed), (120, 160))
            rows, columns = np.nonzero((np.asarray(photo) != (0, 255, 0)).any(axis=-1))
            seen = (columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1)

            assert np.abs(np.subtract(box, seen)).max() <= 3


def test_the_parts_thin_out_by_the_asked_ratio(tmp_path):
    root = draw_compcars(tmp_path, **SMALL | {"n_part_photos": 510, "image_size": (16, 16)}, imbalance=128.0)

    # Seven equal steps from 256 down to 256 / 128.
    assert Counter(path.parent.name for path in (root / "data/part").rglob("*.jpg")) == {str(i + 1): 256 // 2**i for i in range(8)}


@pytest.mark.parametrize("name", ["easy", "medium", "hard"])
def test_pairs_are_half_genuine_rightly_labelled_and_never_repeated(root, name):
    rows = pairs(root, name)

    assert len(rows) == 20 and sum(is_genuine for *_, is_genuine in rows) == 10
    assert all((make_and_model(first) == make_and_model(second)) == is_genuine for first, second, is_genuine in rows)
    assert len({frozenset(row[:2]) for row in rows}) == 20
    assert all(first != second for first, second, _ in rows)
    assert all((root / "data/image" / place).is_file() for row in rows for place in row[:2])


def test_easy_pairs_share_the_viewpoint_and_medium_ones_need_not(root):
    def share_view(name):
        return [label(root, first)[0] == label(root, second)[0] for first, second, _ in pairs(root, name)]

    assert all(share_view("easy"))
    assert not all(share_view("medium"))


def test_hard_impostors_share_the_make_and_easy_ones_need_not(tmp_path):
    root = draw_compcars(tmp_path, **SMALL | {"n_models": 8, "n_pairs": 40})

    def share_make(name):
        return [first.split("/")[0] == second.split("/")[0] for first, second, _ in pairs(root, name)]

    assert all(share_make("hard"))
    assert not all(share_make("easy"))


def test_models_in_pairs_are_unseen_in_verification_training(root):
    seen = {make_and_model(line) for line in lines(root / LISTS / "verification/verification_train.txt")}
    paired = {make_and_model(place) for name in ("easy", "medium", "hard") for row in pairs(root, name) for place in row[:2]}

    assert not seen & paired
    assert (len(seen), len(paired)) == (4, 2)


def test_the_library_reads_the_tree(root):
    cars = CompCarsDataset(root)

    assert len(cars.parts()) == len(cars.parts("train")) + len(cars.parts("test")) == 48
    assert cars.parts("train").class_names == PART_NAMES


def test_attributes_list_every_model(root):
    header, *rows = lines(root / "data/misc/attributes.txt")

    assert header == "model_id maximum_speed displacement door_number seat_number type"
    assert {row.split(" ")[0] for row in rows} == {path.name for path in (root / "data/image").glob("*/*")}


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(DataError, match="holds something"):
        draw_compcars(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_nothing_is_left_when_drawing_fails_midway(tmp_path, monkeypatch):
    drawn = []

    def fail_late(*args):
        drawn.append(args)
        if len(drawn) == 10:
            raise OSError("disk full")
        return Image.new("RGB", (32, 24))

    monkeypatch.setattr(synthetic, "paint_part", fail_late)

    with pytest.raises(OSError, match="disk full"):
        draw_compcars(tmp_path / "CompCars", **SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_models": 1}, "at least 2 models"),
        ({"imbalance": 0.5}, "1 or more"),
        ({"train_fraction": 1.0}, "between 0 and 1"),
        ({"image_size": (8, 32)}, "at least 16 pixels"),
        ({"seed": -1}, "seed from 0"),
        ({"n_part_photos": 8}, "Raise n_part_photos"),
        ({"n_car_photos": 7}, "Raise n_car_photos"),
        ({"n_pairs": 1000}, "Expected 1 to 60 genuine easy pairs, got 500"),  # 2 models, 5 viewpoints, 4 photos: 10 times 6
        ({"n_pairs": 0}, "got 0"),
    ],
)
def test_impossible_arguments_are_refused_before_anything_is_written(tmp_path, change, message):
    with pytest.raises(OptionError, match=message):
        draw_compcars(tmp_path / "CompCars", **SMALL | change)
    assert list(tmp_path.iterdir()) == []


def test_physical_cars_are_told_by_the_names_of_their_photos(tmp_path):
    small = {"n_models": 2, "n_colours": 2, "n_cars": 3, "n_photos": 4, "image_size": (24, 32)}
    root = draw_identities(tmp_path / "cars", **small, seed=3)

    data = FolderDataset(root, IDENTITY_PATTERN)

    assert data.class_counts() == {f"car{i}": 4 for i in range(12)}
    kinds = {sample.class_name: (sample.attributes["model"], sample.attributes["colour"]) for sample in data}
    assert set(Counter(kinds.values()).values()) == {3} and len(set(kinds.values())) == 4
    assert {decode(sample.path).shape for sample in data} == {(24, 32, 3)}
    assert files(draw_identities(tmp_path / "again", **small, seed=3)) == files(root)
    assert not set(files(draw_identities(tmp_path / "other", **small, seed=4)).values()) & set(files(root).values())


def test_a_car_keeps_its_marks_and_others_of_its_kind_have_their_own():
    rng = np.random.default_rng(0)
    looks = [Look.draw_individual(1, "red", rng) for _ in range(50)]

    assert len({(look.plate, look.sticker, look.style.n_rim_spokes, look.style.trim, look.style.has_dark_roof) for look in looks}) > 40
    assert {(look.style.roof, look.style.hood, look.style.tail) for look in looks} == {
        (Style.of(1).roof, Style.of(1).hood, Style.of(1).tail)
    }
    assert all(np.abs(np.subtract(look.paint, (168, 22, 26))).max() <= 18 for look in looks)


@pytest.mark.parametrize(("change", "message"), [({"n_cars": 0}, "n_cars=0"), ({"n_colours": 10}, "at most 9"), ({"seed": -1}, "from 0")])
def test_cars_that_cannot_be_drawn_are_refused(tmp_path, change, message):
    with pytest.raises(OptionError, match=message):
        draw_identities(tmp_path / "cars", **change)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="holds something"):
        draw_identities(tmp_path)


def test_a_part_is_drawn_alike_by_name_and_number_and_otherwise_for_another_seed_or_model():
    photo = draw_part("console", seed=1)

    assert photo.shape == (120, 160, 3) and photo.dtype == np.uint8
    assert np.array_equal(photo, draw_part(5, seed=1))
    assert not np.array_equal(photo, draw_part(5, seed=2))
    assert not np.array_equal(photo, draw_part(5, seed=1, model=1))


@pytest.mark.parametrize("part", ["headlihgt", 0, 9])
def test_an_unknown_part_is_refused(part):
    with pytest.raises(OptionError, match=r"Unknown part: .* or 1 to 8"):
        draw_part(part, seed=0)


def test_negative_numbers_and_tiny_photos_are_refused():
    for change in ({"seed": -1}, {"model": -1}, {"image_size": (15, 20)}):
        with pytest.raises(OptionError, match="sides from 16 pixels"):
            draw_part("console", **{"seed": 0} | change)
