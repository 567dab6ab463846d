"""What is known of a file, and when it is read again."""

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from car_recog.data import fingerprints, memo
from car_recog.data.cache import CacheEntry, PhotoCache, clear_cache, list_cache
from car_recog.data.fingerprints import COLOUR_SIDE, GREY_SIDE, LOOK_BYTES, fingerprint_array, read_contents, read_fingerprints
from car_recog.storage import content_hash


@pytest.fixture
def read(monkeypatch):
    """List the files that are opened."""
    names = []
    read_file = fingerprints.read_file

    def count(path):
        names.append(path.name)
        return read_file(path)

    monkeypatch.setattr(fingerprints, "read_file", count)
    return names


def test_the_facts_of_a_photo(tmp_path, own_memo):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (60, 40), (250, 20, 20)).save(path, quality=100)

    (facts,) = read_fingerprints([path])

    assert facts.content == content_hash(path.read_bytes())
    assert (facts.format, facts.size, facts.fault, facts.oddities) == ("JPEG", (60, 40), None, ())
    look = np.frombuffer(facts.look, np.uint8)
    assert len(look) == LOOK_BYTES
    # Grey is .299 * 250 + .587 * 20 + .114 * 20; the colour differences are .564 * (blue - grey) and .713 * (red - grey), from 128.
    assert abs(look[: GREY_SIDE**2].astype(int) - 89).max() <= 2
    assert abs(look[GREY_SIDE**2 :].reshape(2, COLOUR_SIDE**2).astype(int) - [[89], [243]]).max() <= 2


@pytest.mark.parametrize(
    ("name", "mode", "options", "oddities"),
    [
        ("a.png", "I;16", {}, ("16 bits",)),
        ("a.jpg", "CMYK", {}, ("CMYK",)),
        ("a.png", "RGBA", {}, ("transparent",)),
        ("a.gif", "P", {"transparency": 3}, ("transparent",)),
        ("a.gif", "L", {"save_all": True, "append_images": [Image.new("L", (40, 40), 200)]}, ("animated",)),
        ("a.png", "L", {}, ()),
        ("a.png", "P", {}, ()),
    ],
)
def test_odd_modes_are_told(tmp_path, own_memo, name, mode, options, oddities):
    Image.new(mode, (40, 40)).save(tmp_path / name, **options)

    assert read_fingerprints([tmp_path / name])[0].oddities == oddities


def test_broken_files_say_why_and_raise_nothing(tmp_path, own_memo, draw):
    (tmp_path / "text.jpg").write_text("no photo")
    draw(0).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])

    text, cut, missing, folder = read_fingerprints([tmp_path / "text.jpg", tmp_path / "cut.jpg", tmp_path / "none.jpg", tmp_path])

    assert "no readable JPEG" in text.fault and "truncated" in cut.fault
    assert (missing.fault, folder.fault) == ("No such file or directory.", "it is a folder.")
    assert text.content and cut.content and not missing.content and not folder.content
    assert not text.look and not cut.look


def test_an_array_has_the_look_of_its_file(tmp_path, own_memo, draw):
    draw(1).save(tmp_path / "a.png")
    array = np.array(draw(1))

    facts = fingerprint_array(array)

    assert facts.look == read_fingerprints([tmp_path / "a.png"])[0].look
    assert facts.size == (160, 120) and facts.format == ""
    assert facts.content != fingerprint_array(array.reshape(160, 120, 3)).content


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_a_jpeg_has_the_look_of_its_pixels_however_its_decoder_shrinks_it(factor, tmp_path, own_memo):
    dots = Image.fromarray(np.random.default_rng(0).integers(0, 256, (54, 54, 3), np.uint8))
    photo = dots.resize((54 * factor, 54 * factor), Image.Resampling.BILINEAR)
    photo.save(tmp_path / "a.jpg", quality=95, subsampling=0)

    facts = [*read_fingerprints([tmp_path / "a.jpg"]), fingerprint_array(np.array(photo))]

    looks = np.array([list(fact.look) for fact in facts])
    assert np.abs(looks[0] - looks[1]).mean() < 1.5  # shrunk to the last pixel by the decoder: 5 and more


def test_settled_files_are_read_once(photos, own_memo, later, read):
    (photos[0].parent / "text.jpg").write_text("no photo")
    paths = [*photos, photos[0].parent / "text.jpg"]
    first = read_fingerprints(paths)
    n_read = len(read)

    again = read_fingerprints(paths)

    assert again == first and n_read == len(read) == 8


def test_files_changed_within_two_seconds_are_read_again(photos, own_memo, read):
    read_fingerprints(photos)

    read_fingerprints(photos)

    assert len(read) == 14


def test_a_changed_file_is_read_again_though_size_and_time_are_the_same(tmp_path, own_memo, later, read):
    path = tmp_path / "a.bmp"
    Image.new("RGB", (40, 40), "red").save(path)
    os.utime(path, (1, 1))
    (red,) = read_fingerprints([path])
    time.sleep(0.02)  # the clock of the file system ticks every few milliseconds

    path.write_bytes(path.read_bytes().replace(b"\xff", b"\x80"))
    os.utime(path, (1, 1))
    (brown,) = read_fingerprints([path])

    assert red.look != brown.look


def test_a_link_shares_what_is_known_of_its_file(photos, own_memo, later, read):
    read_fingerprints(photos[:1])
    link = photos[0].with_name("link.png")
    link.symlink_to(photos[0])

    read_fingerprints([link])

    assert read == ["0.png"]


def test_a_hash_alone_reads_no_pixels_and_what_is_known_serves_both(photos, own_memo, later, read, monkeypatch):
    monkeypatch.setattr(fingerprints, "decode", None)
    hashes = read_contents([*photos, photos[0].with_name("none.png")])
    monkeypatch.undo()

    assert hashes[:7] == [content_hash(path.read_bytes()) for path in photos]
    assert str(hashes[7]).endswith("none.png': No such file or directory.")


def test_a_hash_is_completed_and_facts_give_the_hash(photos, own_memo, later, read):
    read_contents(photos)
    facts = read_fingerprints(photos)
    n_read = len(read)

    hashes = read_contents(photos)

    assert hashes == [fact.content for fact in facts] and all(fact.look for fact in facts)
    assert len(read) == n_read == 14


def test_a_damaged_memory_costs_time_and_is_replaced(photos, own_memo, later, read):
    first = read_fingerprints(photos)
    (database,) = own_memo.glob("*.sqlite")
    database.write_bytes(b"damage" * 1000)

    again = [read_fingerprints(photos) for _ in range(3)]

    assert again == [first] * 3
    assert len(read) == 21  # the run that meets the damage and the first one, which came before it, and the one that starts anew


def test_a_locked_memory_costs_time(photos, own_memo, later, read, monkeypatch):
    monkeypatch.setattr(memo, "_LOCK_SECONDS", 0.01)
    first = read_fingerprints(photos)
    (database,) = own_memo.glob("*.sqlite")
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    assert read_fingerprints(photos) == first and len(read) == 14
    other.close()
    assert read_fingerprints(photos) == first and len(read) == 14


def test_a_memory_that_cannot_be_written_costs_time(photos, tmp_path, monkeypatch, later, read):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CAR_RECOG_CACHE", str(tmp_path / "file"))

    assert read_fingerprints(photos) == read_fingerprints(photos)
    assert len(read) == 14


def test_several_runs_at_once_agree(photos, own_memo, later, monkeypatch):
    monkeypatch.setattr(fingerprints, "_CHUNK", 2)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(read_fingerprints, photos) for _ in range(4)]

    assert all(run.result() == runs[0].result() for run in runs)
    assert read_fingerprints(photos) == runs[0].result()


def test_photos_done_are_reported(photos, own_memo, monkeypatch):
    monkeypatch.setattr(fingerprints, "_CHUNK", 3)
    done = []

    read_fingerprints(photos, on_photo=done.append)

    assert done == [3, 3, 1]


def test_photos_that_are_decoded_and_known_are_not_even_opened(photos, own_memo, later, read):
    places = [PhotoCache((6, 8), "stretch").place(photos) for _ in range(2)]

    assert places[0] == places[1] and len(read) == 7


def test_what_is_known_is_listed_and_cleared_with_the_cache(photos, own_memo, later):
    read_fingerprints(photos)
    (database,) = own_memo.iterdir()

    assert list_cache() == [CacheEntry("fingerprints", 7, database.stat().st_size)]
    assert clear_cache() > 7 * LOOK_BYTES
    assert list_cache() == [] and not own_memo.exists()
