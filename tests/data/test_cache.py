"""Each photo is decoded once for all runs, whatever runs beside."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from car_recog.data import cache
from car_recog.data.cache import PhotoCache, clear_cache, list_cache
from car_recog.data.images import decode

SIZE = (6, 8)


def load(paths, *, size=SIZE, resize="stretch"):
    """Do what one run does: the pixels of some photos, through the cache."""
    photos = PhotoCache(size, resize)
    return photos.read(np.array(photos.place(paths)))


def plain(paths, *, size=SIZE, resize="stretch"):
    """Decode without any cache."""
    return np.stack([decode(path, image_size=size, resize=resize) for path in paths])


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center_crop"])
def test_photos_come_back_as_they_are_decoded(photos, root, resize):
    assert np.array_equal(load(photos, resize=resize), plain(photos, resize=resize))
    assert np.array_equal(load(photos[::-2], resize=resize), plain(photos[::-2], resize=resize))


def test_a_photo_is_decoded_once_for_all_runs_and_datasets(photos, root, decoded):
    load(photos[:4])
    assert sorted(decoded) == ["0.png", "1.png", "2.png", "3.png"]

    load(photos[:4])
    load(photos[2:])

    assert sorted(decoded) == [path.name for path in photos]
    assert np.array_equal(load(photos), plain(photos))


def test_one_cache_is_asked_again_and_again(photos, root, decoded):
    photo_cache = PhotoCache(SIZE, "stretch")

    first = photo_cache.place(photos[:3])
    places = photo_cache.place(photos)

    assert places[:3] == first and len(decoded) == 7
    assert np.array_equal(photo_cache.read(np.array(places)[[6, 0, 6, 1]]), plain([photos[i] for i in (6, 0, 6, 1)]))


def test_the_same_content_under_two_names_is_decoded_once(photos, root, decoded):
    twin = photos[0].with_name("twin.png")
    twin.write_bytes(photos[0].read_bytes())

    both = load([photos[0], twin])

    assert len(decoded) == 1
    assert np.array_equal(both[0], both[1])
    assert list_cache()[0].n_photos == 1


def test_parts_of_a_photo_are_kept_apart_and_each_is_decoded_once(photos, root, decoded):
    crops = [None, (0, 0, 9, 9), (0, 0, 9, 8), (0, 0, 9, 9)]
    load(photos[:1])

    for _ in range(2):
        photo_cache = PhotoCache(SIZE, "stretch")
        pixels = photo_cache.read(np.array(photo_cache.place(photos[:1] * 4, crops=crops)))

    assert np.array_equal(pixels, np.stack([decode(photos[0], image_size=SIZE, crop=crop) for crop in crops]))
    assert decoded == ["0.png"] * 3 and list_cache()[0].n_photos == 3


def test_new_content_under_an_old_name_is_decoded_anew(photos, root, decoded):
    load(photos[:1])
    photos[0].write_bytes(photos[1].read_bytes())

    again = load(photos[:1])

    assert decoded == ["0.png", "0.png"]
    assert np.array_equal(again, plain(photos[1:2]))


def test_a_photo_that_is_moved_and_touched_is_not_decoded_again(photos, root, decoded):
    load(photos[:1])
    moved = photos[0].rename(photos[0].with_name("moved.png"))
    os.utime(moved, (1, 1))

    load([moved])

    assert decoded == ["0.png"]


def test_sizes_ways_of_resizing_and_decoders_are_kept_apart(photos, root, decoded, monkeypatch):
    for size, resize in ((SIZE, "stretch"), (SIZE, "letterbox"), (SIZE[::-1], "stretch")):
        assert np.array_equal(load(photos, size=size, resize=resize), plain(photos, size=size, resize=resize))
    assert len(decoded) == 21

    monkeypatch.setattr(cache, "DECODER_VERSION", cache.DECODER_VERSION + 1)
    load(photos)

    assert len(decoded) == 28


def test_pieces_of_work_are_reported_and_add_up(photos, root, monkeypatch):
    monkeypatch.setattr(cache, "_CHUNK", 2)
    done = []
    PhotoCache(SIZE, "stretch").place(photos[:2])

    PhotoCache(SIZE, "stretch").place(photos, on_photo=done.append)

    assert done == [2, 2, 2, 1]


# Several at once


def test_a_run_that_another_one_overtakes_gives_the_right_pixels(photos, root, monkeypatch):
    others = []

    def decode_slowly(path, **options):
        if not others:
            others.append(path)
            others.append(load(photos))  # another run decodes everything while this one is at its first photo
        return decode(path, **options)

    monkeypatch.setattr(cache, "decode", decode_slowly)
    mine = load(photos[::-1])

    assert np.array_equal(mine, plain(photos)[::-1])
    assert np.array_equal(others[1], plain(photos))
    assert list_cache()[0].n_photos == 7
    assert np.array_equal(load(photos), plain(photos))


def test_two_processes_at_once_give_the_right_pixels(photos, root, tmp_path):
    code = (
        "import sys, time, pathlib, numpy as np\n"
        "from car_recog.data.cache import PhotoCache\n"
        "paths = [pathlib.Path(name) for name in sys.argv[3:]]\n"
        "pathlib.Path(sys.argv[1]).touch()\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
        f"cache = PhotoCache({SIZE}, 'stretch')\n"
        "sys.stdout.buffer.write(cache.read(np.array(cache.place(paths))).tobytes())\n"
    )
    start, ready = tmp_path / "start", [tmp_path / "ready0", tmp_path / "ready1"]
    commands = [[sys.executable, "-c", code, mark, start, *photos] for mark in ready]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    with ThreadPoolExecutor() as pool:
        outputs = [pool.submit(process.communicate, timeout=60) for process in processes]
        while not all(mark.exists() for mark in ready) and all(process.poll() is None for process in processes):
            time.sleep(0.01)
        start.touch()

        assert [output.result()[0] for output in outputs] == [plain(photos).tobytes()] * 2
    assert list_cache()[0].n_photos == 7
    assert np.array_equal(load(photos), plain(photos))


# Looking after it


def test_the_cache_is_listed_by_kind_with_its_true_size(photos, root):
    load(photos)
    load(photos[:2], resize="letterbox")

    entries = list_cache()

    assert [(entry.kind, entry.n_photos) for entry in entries] == [
        (f"6x8-letterbox-v{cache.DECODER_VERSION}", 2),
        (f"6x8-stretch-v{cache.DECODER_VERSION}", 7),
        ("fingerprints", 0),  # the files are too young to be remembered
    ]
    assert sum(entry.n_bytes for entry in entries) == sum(path.stat().st_size for path in root.parent.rglob("*") if path.is_file())


def test_clearing_removes_everything_and_tells_how_much(photos, root, decoded):
    load(photos)
    size = sum(entry.n_bytes for entry in list_cache())

    assert clear_cache() == size > 7 * 6 * 8 * 3
    assert list_cache() == [] and clear_cache() == 0
    assert np.array_equal(load(photos), plain(photos)) and len(decoded) == 14
