"""The cache among broken photos, killed runs and damaged files."""

import errno
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from car_recog.data import cache
from car_recog.data.cache import PhotoCache, list_cache
from car_recog.data.images import decode
from car_recog.errors import CacheFullError, ImageDecodeError

SIZE = (6, 8)


def load(paths):
    """Do what one run does: the pixels of some photos, through the cache."""
    photos = PhotoCache(SIZE, "stretch")
    return photos.read(np.array(photos.place(paths)))


def plain(paths):
    """Decode without any cache."""
    return np.stack([decode(path, image_size=SIZE) for path in paths])


def packs(root):
    return sorted(root.rglob("*.keys.npy"))


def pixels_of(keys):
    return keys.with_name(keys.name.replace(".keys", ""))


def test_a_broken_photo_is_told_and_the_others_are_there(photos, root):
    photos[2].write_bytes(b"no photo")
    photos[5].unlink()

    photo_cache = PhotoCache(SIZE, "stretch")
    places = photo_cache.place(photos)

    assert [isinstance(place, ImageDecodeError) for place in places] == [i in (2, 5) for i in range(7)]
    assert str(places[2]).startswith(f"Cannot decode '{photos[2]}': it is no readable")
    assert str(places[5]).startswith(f"Cannot decode '{photos[5]}': No such file")
    whole = [i for i in range(7) if i not in (2, 5)]
    assert np.array_equal(photo_cache.read(np.array([places[i] for i in whole])), plain([photos[i] for i in whole]))
    assert list_cache()[0].n_photos == 5


def test_broken_photos_of_the_same_content_are_each_named(photos, root):
    for path in photos[:3]:
        path.write_bytes(b"")

    places = PhotoCache(SIZE, "stretch").place(photos[:3])

    for place, path in zip(places, photos[:3], strict=True):
        assert str(place).startswith(f"Cannot decode '{path}'")
        assert str(place).endswith("it is empty.")


def test_a_broken_photo_does_not_make_the_cache_grow_run_by_run(photos, root):
    photos[2].write_bytes(b"no photo")
    load_all = PhotoCache(SIZE, "stretch").place
    load_all(photos)
    before = list_cache()

    for _ in range(3):
        assert isinstance(PhotoCache(SIZE, "stretch").place(photos)[2], ImageDecodeError)

    assert list_cache() == before
    assert len(packs(root)) == 1


def test_a_broken_photo_that_is_mended_is_decoded(photos, root):
    whole = photos[2].read_bytes()
    photos[2].write_bytes(whole[:40])
    PhotoCache(SIZE, "stretch").place(photos)
    photos[2].write_bytes(whole)

    assert np.array_equal(load(photos), plain(photos))


def test_an_error_in_the_middle_leaves_nothing_that_could_be_read(photos, root, monkeypatch):
    def fail(path, **options):
        if path.name == "3.png":
            raise MemoryError("killed")
        return decode(path, **options)

    with monkeypatch.context() as patch, pytest.raises(MemoryError, match="killed"):
        patch.setattr(cache, "decode", fail)
        load(photos)

    assert [path for path in root.rglob("*") if path.is_file()] == []
    assert np.array_equal(load(photos), plain(photos))


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def save_fewer(path):
    np.save(path, np.load(path)[:-1])


def save_narrower(path):
    np.save(path, np.load(path)[..., :1])


def save_other_type(path):
    np.save(path, np.zeros(np.load(path).shape, np.float32))


DAMAGES = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut short": cut,
    "no array": lambda path: path.write_bytes(b"no array at all" * 100),
    "fewer": save_fewer,
    "narrower": save_narrower,
    "other type": save_other_type,
}


@pytest.mark.parametrize("part", ["pixels", "keys"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pack_is_ignored_and_its_photos_are_decoded_anew(photos, root, decoded, part, damage):
    load(photos)
    keys = packs(root)[0]
    DAMAGES[damage](keys if part == "keys" else pixels_of(keys))

    again = load(photos)

    assert np.array_equal(again, plain(photos))
    assert len(decoded) == 14
    assert list_cache()[0].n_photos == 7


def test_pixels_whose_keys_were_never_written_do_not_count(photos, root, decoded):
    load(photos)
    packs(root)[0].unlink()

    assert list_cache()[0].n_photos == 0
    assert np.array_equal(load(photos), plain(photos)) and len(decoded) == 14


@pytest.mark.parametrize("name", [".part-{}.npy", "{}.npy"], ids=["half a pack", "pixels without keys"])
def test_what_killed_runs_left_is_removed_after_a_day(photos, root, name):
    load(photos[:1])
    old, young = (packs(root)[0].with_name(name.format(age)) for age in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half a pack")
    os.utime(old, (time.time() - 2 * 86400,) * 2)

    load(photos)

    assert not old.exists() and young.exists()
    assert len(packs(root)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="links need special rights on Windows")
def test_a_file_that_another_process_finishes_meanwhile_is_no_fault(photos, root):
    load(photos[:1])
    # It is listed, but gone when it is looked at: the same as a link to nowhere.
    (packs(root)[0].parent / ".part-gone.npy").symlink_to("nowhere.npy")

    assert np.array_equal(load(photos), plain(photos))


def test_a_full_disk_is_told_before_any_photo_is_decoded(photos, root, decoded, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)

    with pytest.raises(CacheFullError, match=r"No space for 0 MiB of decoded photos in '.*'. Free some"):
        load(photos)
    assert decoded == []
    assert not [path for path in root.rglob("*") if path.is_file()]
