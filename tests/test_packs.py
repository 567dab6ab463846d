"""Rows on disk by key: what is added is found, whatever was added, broken off or cleared beside."""

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from car_recog.errors import CacheFullError
from car_recog.packs import CacheEntry, Packs, clear_folder, list_packs


def key_of(number):
    return number.to_bytes(16, "little")


def row_of(number):
    return np.array([number, -number / 7], np.float32)


def rows_of(numbers):
    return {key_of(number): row_of(number) for number in numbers}


def packs(folder, row_shape=(2,), dtype=np.float32):
    found = Packs(folder, row_shape, dtype=dtype, content="rows")
    found.refresh()
    return found


def read(store, numbers):
    """Read rows, which must all be there."""
    return store.read(np.array([store.places[key_of(number)] for number in numbers]))


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kinds" / "one"


def test_rows_are_found_by_key_in_any_order(folder):
    packs(folder).add(rows_of([1, 2, 3]))
    store = packs(folder)
    store.add(rows_of([4]))
    store.refresh()

    assert np.array_equal(read(store, [3, 4, 1, 3]), [row_of(3), row_of(4), row_of(1), row_of(3)])
    assert store.keys(np.array([store.places[key_of(number)] for number in (4, 2)])) == [key_of(4), key_of(2)]
    assert len(store.places) == 4


def test_rows_of_another_shape_or_type_count_as_not_there_and_stay(folder):
    packs(folder, (3,)).add({key_of(1): np.zeros(3)})
    packs(folder, dtype=np.float64).add({key_of(1): np.zeros(2)})
    assert not packs(folder).places

    packs(folder).add(rows_of([1, 2]))

    assert np.array_equal(read(packs(folder), [1, 2]), [row_of(1), row_of(2)])
    assert len(packs(folder, (3,)).places) == len(packs(folder, dtype=np.float64).places) == 1


def test_a_row_without_a_key_is_not_there(folder):
    with packs(folder).new_pack(3) as (rows, keys):
        rows[1], keys[1] = row_of(7), key_of(7)
    with packs(folder).new_pack(3) as (rows, keys):
        rows[:] = 5

    assert np.array_equal(read(packs(folder), [7]), [row_of(7)])
    assert list_packs(folder.parent)[0].n_photos == 1 and len(files(folder)) == 2


def test_an_error_while_a_pack_is_filled_leaves_nothing(folder):
    with pytest.raises(MemoryError), packs(folder).new_pack(2) as (_, keys):
        keys[0] = key_of(1)
        raise MemoryError

    assert not files(folder)


def test_however_often_a_little_is_added_packs_stay_few_and_no_row_is_lost(folder):
    for number in range(1, 101):
        packs(folder).add(rows_of([number]))
        assert len(list(folder.glob("*.keys.npy"))) == number.bit_count()  # 64 + 32 + 4 at the end

    assert np.array_equal(read(packs(folder), range(1, 101)), [row_of(number) for number in range(1, 101)])


def test_rows_that_two_added_are_one_after_the_next_addition(folder):
    for numbers in ([1, 2, 3, 4], [3, 4], [5, 6, 7]):
        packs(folder).add(rows_of(numbers))

    # The pack of 3 takes in that of 2, and together they are larger than that of 4; two keys were there twice.
    assert [len(np.load(path)) for path in folder.glob("*.keys.npy")] == [7]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files that are read")
def test_a_store_that_is_open_can_be_read_after_its_packs_were_taken_into_another(folder):
    packs(folder).add(rows_of([1]))
    store = packs(folder)

    packs(folder).add(rows_of([2]))

    assert np.array_equal(read(store, [1]), [row_of(1)])
    store.refresh()
    assert np.array_equal(read(store, [2, 1]), [row_of(2), row_of(1)])


def test_packs_that_cannot_be_removed_do_no_harm(folder, monkeypatch):
    packs(folder).add(rows_of([1, 2]))
    with monkeypatch.context() as patch:
        unlink = Path.unlink

        def refuse(path, **options):
            if not path.name.startswith(".part-"):
                raise PermissionError(f"{path} is in use")
            unlink(path, **options)

        patch.setattr(Path, "unlink", refuse)
        packs(folder).add(rows_of([3, 4]))

    assert len(files(folder)) == 4
    assert list_packs(folder.parent)[0].n_photos == 4
    assert np.array_equal(read(packs(folder), [4, 1]), [row_of(4), row_of(1)])


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="space cannot be reserved here")
def test_a_full_disk_is_told_and_harms_nothing(folder, monkeypatch):
    packs(folder).add(rows_of([1, 2]))
    before = files(folder)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(CacheFullError, match=r"^No space for 0 MiB of rows in '.*'\. Free some"):
        patch.setattr(os, "posix_fallocate", full)
        packs(folder).add(rows_of([3, 4]))

    assert files(folder) == before
    assert np.array_equal(read(packs(folder), [2]), [row_of(2)])


def test_folders_of_packs_are_listed_with_their_true_size_and_cleared(tmp_path):
    packs(tmp_path / "kinds" / "b").add(rows_of([1, 2, 3]))
    packs(tmp_path / "kinds" / "a").add(rows_of([1]))
    size = {kind: sum(path.stat().st_size for path in files(tmp_path / "kinds" / kind)) for kind in "ab"}

    assert list_packs(tmp_path / "kinds") == [CacheEntry("a", 1, size["a"]), CacheEntry("b", 3, size["b"])]
    assert clear_folder(tmp_path / "kinds") == size["a"] + size["b"] > 0
    assert list_packs(tmp_path / "kinds") == [] and clear_folder(tmp_path / "kinds") == 0
