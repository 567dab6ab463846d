"""A check finds every seeded defect and nothing else, and a split keeps what belongs together."""

import hashlib
import json
from collections import defaultdict
from itertools import count

import numpy as np
import pytest
from PIL import Image

from car_recog.data import checks
from car_recog.data.checks import KINDS
from car_recog.data.folders import FolderDataset
from car_recog.data.samples import ImageDataset
from car_recog.errors import OptionError


def save(picture, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


@pytest.fixture
def defects(tmp_path, draw):
    """Two folders with defects of every kind among good photos, and what has to be found: kind, photos, other photos."""
    numbers, expected = count(), []
    photos, other = tmp_path / "photos", tmp_path / "other"

    def put(name, picture=None, **options):
        return save(picture or draw(next(numbers)), photos / name, **options)

    def expect(kind, *paths, others=()):
        expected.append((kind, tuple(map(str, paths)), tuple(map(str, others))))

    def copy(path, to):
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())
        return to

    for number in range(8):
        put(f"door/good{number}.jpg"), save(draw(next(numbers)), other / f"good{number}.jpg")
    text = photos / "door" / "text.jpg"
    text.write_text("no photo")
    expect("unreadable", text)
    cut = put("wheel/cut.jpg")
    cut.write_bytes(cut.read_bytes()[:-400])
    expect("unreadable", cut)
    twice = put("door/twice.jpg")
    expect("duplicates", twice, copy(twice, photos / "door" / "twice2.jpg"))
    torn = put("door/torn.jpg")
    expect("contradictions", torn, copy(torn, photos / "wheel" / "torn.jpg"), copy(torn, photos / "wheel" / "torn2.jpg"))
    near = draw(next(numbers))
    copies = [put("door/near0.jpg", near), put("door/near1.jpg", near, quality=60), put("door/near2.png", near.resize((80, 60)))]
    copies += [copy(copies[2], photos / "door" / "near3.png")]
    expect("duplicates", *copies[2:])
    expect("near_duplicates", *copies)
    near = draw(next(numbers))
    expect("near_contradictions", put("door/odds.jpg", near), put("wheel/odds.jpg", near.crop((2, 1, 158, 119))))
    leak = put("wheel/leak.jpg")
    expect("leaks", leak, others=[copy(leak, other / "deep" / "leak.jpg")])
    linked = put("wheel/linked.jpg")
    (other / "link.jpg").symlink_to(linked)
    expect("leaks", linked, others=[other / "link.jpg"])
    near = draw(next(numbers))
    nears = [save(near, other / f"near{quality}.jpg", quality=quality) for quality in (50, 70)]
    expect("near_leaks", put("wheel/near.jpg", near), others=nears)
    expect("tiny", put("wheel/tiny.png", draw(next(numbers), (31, 90))))
    put("wheel/small.png", draw(next(numbers), (32, 90)))
    expect("wrong_extension", put("wheel/webp.jpg", format="WEBP"))
    expect("odd_mode", put("wheel/cmyk.jpg", draw(next(numbers)).convert("CMYK")))
    expect("odd_mode", put("wheel/grey16.png", Image.fromarray(np.asarray(draw(next(numbers)).convert("L")).astype(np.uint16) * 257)))
    return FolderDataset(photos), FolderDataset(other, "(?P<label>[a-z]+)"), expected


def test_every_defect_is_found_and_nothing_else(defects):
    photos, other, expected = defects

    report = photos.check(other)

    assert sorted((f.kind, f.photos, f.others) for f in report.findings) == sorted(expected)
    assert {kind for kind, _, _ in expected} == set(KINDS)
    assert report.n_photos == len(photos) and report.n_others == len(other)
    assert (report.n_errors, report.n_warnings) == (5, 7)
    assert report.counts["leaks"] == 2 and report.counts["odd_mode"] == 2


def test_the_report_is_the_same_every_time_and_tells_all(defects, tmp_path):
    photos, other, expected = defects
    report = photos.check([other, other[:3]])

    assert report.to_json() == photos.check([other, other[:3]]).to_json()
    kinds = [finding.kind for finding in report.findings]
    assert kinds == sorted(kinds, key=list(KINDS).index)
    plain = json.loads(report.to_json(tmp_path / "report.json"))
    assert plain == json.loads((tmp_path / "report.json").read_text())
    assert [finding["kind"] for finding in plain["findings"]] == kinds and plain["n_errors"] == 5
    page = report.to_markdown(tmp_path / "report.md")
    assert page == (tmp_path / "report.md").read_text()
    assert all(name in page for _, names, _ in expected for name in names)


def test_what_was_compared_once_is_not_compared_again(draw, monkeypatch, own_memo):
    images = np.stack([np.array(draw(0)), np.array(draw(1)), np.array(draw(0)) // 10 * 9])
    first = ImageDataset.from_arrays(images, ["a", "a", "b"]).check()
    monkeypatch.setattr(checks, "near_duplicates", None)

    assert ImageDataset.from_arrays(images, ["a", "a", "b"]).check() == first
    assert [finding.photos for finding in first.findings] == [("photo 0", "photo 2")]


def test_long_lists_are_cut_for_people_and_say_so(tmp_path, draw):
    for number in range(7):
        save(draw(number, (20, 20)), tmp_path / "a" / f"{number}.png")

    text = str(FolderDataset(tmp_path).check())

    assert text.startswith("7 photos: 0 errors, 7 warnings, 0 notes\n\nwarning: tiny, below 32 pixels: 7 (7 photos)\n")
    assert "4.png  (20 x 20 pixels)" in text and "5.png" not in text and text.endswith("  and 2 more")


def test_arrays_are_checked_by_their_pixels(draw):
    images = np.stack([np.array(draw(number)) for number in (0, 1, 0, 2, 3, 1)])
    data = ImageDataset.from_arrays(images, ["a", "a", "b", "a", "b", "a"])
    brighter = ImageDataset.from_arrays(images[3:4] // 10 * 9, ["b"])

    report = data.check([data[4:5], brighter])

    assert [(f.kind, f.photos, f.others, f.class_names) for f in report.findings] == [
        ("contradictions", ("photo 0", "photo 2"), (), ("a", "b")),
        ("leaks", ("photo 4",), ("photo 0 of dataset 1",), ("b",)),
        ("duplicates", ("photo 1", "photo 5"), (), ("a",)),
        ("near_leaks", ("photo 3",), ("photo 0 of dataset 2",), ("a",)),
    ]


def test_near_duplicates_that_only_the_others_hold_are_not_told(draw):
    copies = np.stack([np.array(draw(0)), np.array(draw(0)) // 10 * 9])
    photos = ImageDataset.from_arrays(np.array(draw(1))[None], ["a"])

    assert photos.check(ImageDataset.from_arrays(copies, ["a", "b"])).findings == ()


def test_a_split_keeps_copies_and_their_groups_on_one_side(tmp_path, draw):
    paths, groups = [], []
    for number in range(12):
        for copy, quality in enumerate((90, 60)):
            paths.append(save(draw(number), tmp_path / f"{number}_{copy}.jpg", quality=quality))
            groups.append("tie" if (number, copy) in ((3, 1), (7, 0)) else None)
    (tmp_path / "broken1.jpg").write_text("no photo")
    (tmp_path / "broken2.jpg").write_text("no photo!")
    paths += [tmp_path / "broken1.jpg", tmp_path / "broken2.jpg"]
    data = ImageDataset.from_files(paths, ["car"] * 26)
    tie = dict(zip(paths, [*groups, None, None], strict=True))

    for seed in range(5):
        sides = data.split(0.5, 0.5, seed=seed, group=lambda sample: tie[sample.path], near_duplicates="together")

        side_of = {sample.path.name: side for side, photos in enumerate(sides) for sample in photos}
        assert len(side_of) == 26
        assert all(side_of[f"{number}_0.jpg"] == side_of[f"{number}_1.jpg"] for number in range(12))
        assert side_of["3_0.jpg"] == side_of["7_0.jpg"]
        assert sides[0].check(sides[1]).of_kind("near_leaks") == ()


def test_where_nothing_is_alike_a_split_is_the_same(draw):
    data = ImageDataset.from_arrays(np.stack([np.array(draw(number)) for number in range(10)]), [0, 1] * 5)

    together, ignored = (data.split(0.6, 0.4, seed=3, near_duplicates=word) for word in ("together", "ignore"))

    assert all(np.array_equal(a.images, b.images) for a, b in zip(together, ignored, strict=True))


def test_another_word_for_near_duplicates_is_told():
    with pytest.raises(OptionError, match="near_duplicates must be 'ignore' or 'together'; got 'apart'"):
        ImageDataset.from_files(["a.jpg"], ["door"]).split(1.0, near_duplicates="apart")


@pytest.mark.photos
@pytest.mark.parametrize(("folder", "n_near", "n_tiny"), [("models", 0, 0), ("porsche", 12, 0), ("parts", 10, 47)])
def test_real_photos(shared, folder, n_near, n_tiny):
    data = FolderDataset(shared / "data" / folder)
    same, small = defaultdict(set), set()
    for sample in data.samples:
        same[hashlib.sha256(sample.path.read_bytes()).digest()].add(str(sample.path))
        with Image.open(sample.path) as image:
            small |= {str(sample.path)} if min(image.size) < 32 else set()

    report = data.check()

    assert report.n_errors == 0
    assert {frozenset(f.photos) for f in report.of_kind("duplicates")} == {frozenset(p) for p in same.values() if len(p) > 1}
    assert {f.photos[0] for f in report.of_kind("tiny")} == small and len(small) == n_tiny
    # Each group was looked at: all show one photo twice.
    assert report.counts["near_duplicates"] == n_near
    assert report.counts["near_contradictions"] == 0
