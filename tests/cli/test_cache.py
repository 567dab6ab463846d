"""`car-recog cache`: list, build, clear."""

import numpy as np
import pytest

from car_recog.data.synthetic import draw_compcars
from car_recog.embeddings import FeatureCache


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CAR_RECOG_CACHE", str(tmp_path / "cache"))


def test_an_empty_cache_says_where_it_is(run, tmp_path):
    done = run("cache")

    assert done.code == 0
    assert done.out == f"The cache in {tmp_path / 'cache'} is empty.\n"


def test_photos_that_were_built_are_listed(run, photos):
    built = run("cache", "build", photos, "--image-size", "8", "16", "--resize", "letterbox")
    listed = run("cache", "--json")

    assert built.code == listed.code == 0
    assert built.out == "48 photos are in the cache at 8 x 16 pixels (letterbox).\n"
    entry, files = listed.json()["entries"]
    assert files["kind"] == "fingerprints"
    assert entry["kind"].startswith("8x16-letterbox")
    assert entry["n_photos"] == 48
    assert entry["n_bytes"] >= 48 * 8 * 16 * 3


def test_the_list_is_a_table(run, photos):
    run("cache", "build", photos, "--image-size", "8", "8")

    done = run("cache")

    head, _, row, *_ = done.out.splitlines()
    assert head.split() == ["kind", "photos", "size"]
    assert row.split()[1:] == ["48", "0.0", "MiB"]


def test_building_twice_adds_nothing(run, photos):
    first = run("cache", "build", photos, "--image-size", "8", "8", "--json").json()
    before = run("cache", "--json").json()

    second = run("cache", "build", photos, "--image-size", "8", "8", "--json").json()

    assert first == second
    assert run("cache", "--json").json() == before


def test_of_a_compcars_tree_the_parts_are_built(run, tmp_path):
    tree = draw_compcars(tmp_path / "cars", n_part_photos=32, n_car_photos=80, n_pairs=4, image_size=(24, 32))

    done = run("cache", "build", tree, "--image-size", "8", "8", "--json")

    assert done.json()["n_photos"] == 32


def test_broken_photos_are_named_and_the_others_kept(run, own_photos):
    (own_photos / "door" / "broken.jpg").write_bytes(b"no photo")

    done = run("cache", "build", own_photos, "--image-size", "8", "8")

    assert done.code == 1
    assert done.out == "48 photos are in the cache at 8 x 8 pixels (stretch); 1 could not be decoded.\n"
    assert done.err.startswith("warning: Cannot decode")
    assert "broken.jpg" in done.err


def test_clearing_frees_what_the_list_told(run, photos):
    run("cache", "build", photos, "--image-size", "8", "8")
    held = sum(entry["n_bytes"] for entry in run("cache", "--json").json()["entries"])

    cleared = run("cache", "clear", "--json")

    assert cleared.json()["n_bytes_freed"] == held
    assert run("cache", "--json").json()["entries"] == []


def test_embeddings_are_listed_and_cleared_with_the_photos(run, photos):
    run("cache", "build", photos, "--image-size", "8", "8")
    FeatureCache("0123456789ab", 2, facts={"backbone": "vgg16"}).embed([bytes([1] * 16)], lambda _: np.ones((1, 2)))

    *_, entry = run("cache", "--json").json()["entries"]
    shown = run("cache").out
    run("cache", "clear")

    assert entry["kind"] == "embeddings-vgg16-01234567" and entry["n_photos"] == 1
    assert entry["n_bytes"] >= 2 * 4 and entry["kind"] in shown
    assert run("cache", "--json").json()["entries"] == []


def test_clearing_says_where(run, tmp_path):
    done = run("cache", "clear")

    assert done.out == f"Removed 0.0 MiB from {tmp_path / 'cache'}.\n"


def test_a_folder_without_photos_is_bad_use(run, tmp_path):
    (tmp_path / "empty").mkdir()

    done = run("cache", "build", tmp_path / "empty")

    assert done.code == 2
    assert done.err == f"error: No photos below '{tmp_path / 'empty'}'.\n"


def test_an_unknown_way_of_resizing_is_bad_use(run, photos):
    done = run("cache", "build", photos, "--resize", "squeeze")

    assert done.code == 2
    assert "resize must be one of 'stretch', 'letterbox', 'center_crop'; got 'squeeze'" in done.err
