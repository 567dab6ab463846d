"""Whole files or none, fingerprints, and where caches lie."""

import hashlib
import sys
import threading
from pathlib import Path

import pytest

from car_recog.storage import atomic_file, atomic_folder, cache_folder, content_hash, file_sha256, locked, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_atomic_file_appears_only_when_its_block_has_ended(tmp_path):
    target = tmp_path / "deep" / "notes.txt"

    with atomic_file(target) as part:
        part.write_text("new")
        assert not target.exists()
        assert part.parent == target.parent and part.suffix == ".txt"

    assert target.read_text() == "new"
    assert names(target.parent) == ["notes.txt"]


def test_an_atomic_file_replaces_the_older_one(tmp_path):
    target = tmp_path / "notes.txt"
    target.write_text("old")

    with atomic_file(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"

    assert target.read_text() == "new"


def test_an_error_while_writing_keeps_the_older_file_and_leaves_nothing_behind(tmp_path):
    target = tmp_path / "notes.txt"
    target.write_text("old")

    with pytest.raises(RuntimeError, match="power cut"), atomic_file(target) as part:
        part.write_text("half")
        raise RuntimeError("power cut")

    assert target.read_text() == "old"
    assert names(tmp_path) == ["notes.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_an_atomic_file_and_folder_can_be_read_by_others(tmp_path):
    with atomic_file(tmp_path / "notes.txt") as part:
        part.write_text("new")
    with atomic_folder(tmp_path / "box"):
        pass

    assert (tmp_path / "notes.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "box").stat().st_mode & 0o777 == 0o755


def test_an_atomic_folder_appears_whole(tmp_path):
    target = tmp_path / "deep" / "box"

    with atomic_folder(target) as part:
        (part / "a.txt").write_text("a")
        assert not target.exists()

    assert names(target) == ["a.txt"]
    assert names(target.parent) == ["box"]


def test_an_atomic_folder_takes_the_place_of_the_older_one_with_all_that_was_in_it(tmp_path):
    target = tmp_path / "box"
    (target / "inner").mkdir(parents=True)
    (target / "inner" / "old.txt").write_text("old")

    with atomic_folder(target) as part:
        (part / "new.txt").write_text("new")
        assert (target / "inner" / "old.txt").exists()

    assert names(target) == ["new.txt"]
    assert names(tmp_path) == ["box"]


def test_an_error_while_filling_a_folder_keeps_the_older_one(tmp_path):
    target = tmp_path / "box"
    target.mkdir()
    (target / "old.txt").write_text("old")

    with pytest.raises(RuntimeError, match="power cut"), atomic_folder(target) as part:
        (part / "new.txt").write_text("half")
        raise RuntimeError("power cut")

    assert names(target) == ["old.txt"]
    assert names(tmp_path) == ["box"]


def test_a_fingerprint_is_16_bytes_that_follow_the_content():
    assert content_hash(b"wheel") == hashlib.blake2b(b"wheel", digest_size=16).digest()
    assert content_hash(memoryview(b"wheel")) == content_hash(b"wheel") != content_hash(b"wheels")
    assert len(content_hash(b"")) == 16


def test_a_file_is_fingerprinted_as_sha256sum_does(tmp_path):
    (tmp_path / "abc.txt").write_bytes(b"abc")

    # The example of FIPS 180-2, appendix B.1.
    assert file_sha256(tmp_path / "abc.txt") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_text_is_written_with_the_bytes_of_odd_file_names_and_given_back(tmp_path):
    text = "caf\udce9.jpg\n"  # what Python makes of a file name in Latin-1

    assert write_text(text, tmp_path / "deep" / "notes.txt") == write_text(text, None) == text
    assert (tmp_path / "deep" / "notes.txt").read_bytes() == b"caf\xe9.jpg\n"
    assert names(tmp_path / "deep") == ["notes.txt"]


def test_a_writer_waits_for_readers_and_writers_and_a_reader_for_writers_alone(tmp_path):
    ended = []

    def hold(name, *, is_reader):
        with locked(tmp_path / "deep" / "gallery", is_reader=is_reader):
            ended.append(name)

    def start(name, *, is_reader):
        thread = threading.Thread(target=hold, args=[name], kwargs={"is_reader": is_reader})
        thread.start()
        return thread

    with locked(tmp_path / "deep" / "gallery"):
        waiting = [start("writer", is_reader=False), start("reader", is_reader=True)]
        waiting[0].join(0.1)
        assert ended == []
    for thread in waiting:
        thread.join()
    with locked(tmp_path / "deep" / "gallery", is_reader=True):
        start("second reader", is_reader=True).join()
        writer = start("second writer", is_reader=False)
        writer.join(0.1)
        assert ended[2:] == ["second reader"]
    writer.join()

    assert sorted(ended[:2]) == ["reader", "writer"]
    assert ended[2:] == ["second reader", "second writer"]


def test_a_reader_makes_no_lock(tmp_path):
    with locked(tmp_path / "gallery", is_reader=True):
        pass

    assert names(tmp_path) == []


def test_the_variable_says_where_caches_lie(monkeypatch, tmp_path):
    monkeypatch.setenv("CAR_RECOG_CACHE", str(tmp_path / "mine"))

    assert cache_folder() == tmp_path / "mine"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/car-recog"),
        ("linux", {}, "/home/ann/.cache/car-recog"),
        ("linux", {"CAR_RECOG_CACHE": "", "XDG_CACHE_HOME": ""}, "/home/ann/.cache/car-recog"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "/home/ann/Library/Caches/car-recog"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/car-recog"),
        ("win32", {}, "/home/ann/AppData/Local/car-recog"),
    ],
)
def test_without_the_variable_caches_lie_where_each_system_keeps_them(monkeypatch, platform, variables, expected):
    for name in ("CAR_RECOG_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ann"))

    assert cache_folder() == Path(expected)
