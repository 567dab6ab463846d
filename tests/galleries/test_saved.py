"""A saved gallery: what comes back, who may write, and what strangers may have put into it."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from colour_cars import COLOURS, ByColour, draw, filled

from car_recog.errors import BundleError, GalleryChangedError
from car_recog.gallery import Gallery
from car_recog.storage import file_sha256


def test_a_saved_gallery_answers_the_same(cars, tmp_path):
    gallery = filled(cars, keep_thumbnails=True)
    gallery.save(tmp_path / "gallery")
    again = Gallery.load(tmp_path / "gallery", ByColour())

    assert again.search(cars) == gallery.search(cars)
    assert (again.names, again.photo_counts()) == (gallery.names, gallery.photo_counts())
    assert again.add(cars) == again.verifier.n_embedded - len(cars) == 0
    again.add(np.full((8, 8, 3), 255, np.uint8), "white")
    again.save(tmp_path / "gallery")
    assert len(Gallery.load(tmp_path / "gallery", ByColour())) == 13


def test_an_empty_gallery_is_saved_and_loaded(tmp_path):
    Gallery(ByColour()).save(tmp_path / "gallery")

    assert len(Gallery.load(tmp_path / "gallery", ByColour())) == 0


def test_a_gallery_of_other_weights_or_settings_is_refused(cars, tmp_path):
    filled(cars).save(tmp_path / "gallery")
    other = ByColour()
    other.config = SimpleNamespace(**other.config.to_dict() | {"resize": "letterbox"}, is_metric=True)
    other.config.embedding_facts = lambda: ByColour().config.embedding_facts() | {"resize": "letterbox"}

    with pytest.raises(BundleError, match="made with another verifier, .*: weights_digest differ"):
        Gallery.load(tmp_path / "gallery", ByColour(digest="b"))
    with pytest.raises(BundleError, match="made with another verifier, .*: network differ"):
        Gallery.load(tmp_path / "gallery", other)


def test_a_save_over_what_another_has_saved_is_refused(cars, tmp_path):
    filled(cars).save(tmp_path / "gallery")
    mine, other = (Gallery.load(tmp_path / "gallery", ByColour()) for _ in range(2))
    other.remove("red")
    other.save(tmp_path / "gallery")

    with pytest.raises(GalleryChangedError, match="was changed by another process since .* Load it again and add yours"):
        mine.save(tmp_path / "gallery")
    with pytest.raises(GalleryChangedError, match="holds a gallery already"):
        filled(cars).save(tmp_path / "gallery")
    assert len(Gallery.load(tmp_path / "gallery", ByColour())) == 9
    mine.save(tmp_path / "copy")
    other.save(tmp_path / "gallery")


def test_a_folder_of_something_else_is_left_alone(cars, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"mine")

    with pytest.raises(BundleError, match="exists and is no saved gallery"):
        filled(cars).save(tmp_path / "photos")
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"mine"


WRITER = """
import sys
from pathlib import Path
import numpy as np
from car_recog.errors import GalleryChangedError
from car_recog.galleries.saved import SavedGallery, read_gallery, write_gallery
from car_recog.galleries.photos import Enrolled

folder, writer = Path(sys.argv[1]), sys.argv[2]
made_with = {"weights_digest": "a", "network": {}}
for number in range(20):
    while True:
        saved, generation = read_gallery(folder, made_with=made_with, embedding_dim=4)
        photos = [*saved.photos, Enrolled(f"{writer}-{number}", "photo", bytes(16))]
        rows = np.concatenate([saved.embeddings, np.full((1, 4), number, np.float32)])
        try:
            write_gallery(folder, SavedGallery(photos, rows, False, made_with), generation=generation)
            break
        except GalleryChangedError:
            pass
"""


def test_two_processes_that_write_lose_nothing(tmp_path):
    from car_recog.galleries.saved import SavedGallery, read_gallery, write_gallery

    made_with = {"weights_digest": "a", "network": {}}
    write_gallery(tmp_path / "gallery", SavedGallery([], np.empty((0, 4), np.float32), False, made_with), generation=None)
    command = [sys.executable, "-c", WRITER, str(tmp_path / "gallery")]
    light = os.environ | {"KERAS_BACKEND": "numpy"}  # nothing is computed, so TensorFlow need not start
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, env=light) for name in "ab"]
    for writer in writers:
        told = writer.communicate()[1].decode()
        assert writer.returncode == 0, told

    saved, _ = read_gallery(tmp_path / "gallery", made_with=made_with, embedding_dim=4)
    assert sorted(photo.name for photo in saved.photos) == sorted(f"{name}-{number}" for name in "ab" for number in range(20))
    assert [int(photo.name[2:]) for photo in saved.photos] == saved.embeddings[:, 0].astype(int).tolist()


def tampered(folder: Path, name: str, content: bytes) -> None:
    """Change a file and make its checksum fit, as a stranger would."""
    (folder / name).write_bytes(content)
    sums = json.loads((folder / "checksums.json").read_text())
    (folder / "checksums.json").write_text(json.dumps(sums | {name: file_sha256(folder / name)}))


def huge_header() -> bytes:
    """An array that claims to hold 2**40 numbers and holds none."""
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 3), }".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def saved_rows(rows: object) -> bytes:
    buffer = BytesIO()
    np.save(buffer, rows, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("embeddings.npy", huge_header(), "is damaged: .*mmap"),
        ("embeddings.npy", saved_rows(np.array([{"a": 1}], object)), "is damaged: .*object"),
        ("embeddings.npy", saved_rows(np.zeros((12, 4), np.float32)), r"float32 of shape \(12, 4\); .* needs float32 of \(12, 3\)"),
        ("embeddings.npy", saved_rows(np.full((12, 3), np.nan, np.float32)), "no finite numbers"),
        ("photos.jsonl", b'{"name": "a"}\n', "line 1 is no photo"),
        ("photos.jsonl", b"[" * 100_000, "line 1 is no photo"),
        ("photos.jsonl", b'{"name": 5, "source": "a", "key": "' + b"00" * 16 + b'", "thumbnail": null}\n', "line 1 is no photo"),
        ("photos.jsonl", b"", "holds 0 photos; config.json tells of 12"),
        ("config.json", b'{"kind": "Gallery", "format": 2}', "format version 2; this version of car-recog reads 1"),
        ("config.json", b'{"kind": "CarClassifier", "format": 1}', "holds a 'CarClassifier', not a Gallery"),
    ],
)
def test_damaged_and_hostile_files_are_refused(cars, tmp_path, name, content, message):
    filled(cars).save(tmp_path / "gallery")
    tampered(tmp_path / "gallery", name, content)

    with pytest.raises(BundleError, match=message):
        Gallery.load(tmp_path / "gallery", ByColour())


@pytest.mark.parametrize("name", ["config.json", "photos.jsonl", "embeddings.npy", "thumbnails.jpgs"])
def test_a_file_that_changed_on_the_way_or_is_missing_is_told(cars, tmp_path, name):
    filled(cars, keep_thumbnails=True).save(tmp_path / "gallery")
    path = tmp_path / "gallery" / name
    content = path.read_bytes()

    path.write_bytes(content + b" ")
    with pytest.raises(BundleError, match="is damaged"):
        Gallery.load(tmp_path / "gallery", ByColour())
    path.unlink()
    with pytest.raises(BundleError, match=f"has no {name}|no photo of a gallery"):
        Gallery.load(tmp_path / "gallery", ByColour())


def test_a_trained_verifier_finds_the_cars_of_new_photos(tmp_path):
    from car_recog import Phase, Recipe
    from car_recog.verifier import SiameseVerifier

    ver = SiameseVerifier("tiny_cnn", weights=None, image_size=(16, 16), embedding_dim=8)
    recipe = Recipe(name="short", phases=[Phase(name="short", epochs=8, batch_size=16, learning_rate=1e-2)])
    ver.fit(draw(sorted(COLOURS) * 6, seed=1), recipe=recipe, verbose=False)
    gallery = Gallery(ver)
    gallery.add(draw(sorted(COLOURS) * 2, seed=2))
    new = draw(sorted(COLOURS), seed=3)

    gallery.save(tmp_path / "gallery")
    ver.save(tmp_path / "verifier")
    loaded = SiameseVerifier.load(tmp_path / "verifier")
    results = Gallery.load(tmp_path / "gallery", loaded).search(new)

    pytest.importorskip("faiss")
    quick = Gallery.load(tmp_path / "gallery", loaded, index="faiss").search(new)
    assert [result.matches[0].name for result in quick] == sorted(COLOURS)
    assert [result.matches[0].name for result in results] == sorted(COLOURS)
    for result, photo in zip(results, new.images, strict=True):
        enrolled = draw(sorted(COLOURS) * 2, seed=2).images[int(result.matches[0].source.removeprefix("photo "))]
        assert result.matches[0].score == pytest.approx(ver.verify(photo, enrolled).score, abs=1e-5)
