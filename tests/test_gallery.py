import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from car_recog.cohort import Cohort
from car_recog.data.images import decode
from car_recog.data.samples import ImageDataset
from car_recog.errors import BundleError, DataError, GalleryChangedError, ImageDecodeError, OptionError, UnknownNameError
from car_recog.evaluation.platt import Platt
from car_recog.galleries.index import NameIndex
from car_recog.gallery import Gallery
from car_recog.storage import file_sha256
from car_recog.verifying.embedder import EmbedderConfig

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200), "grey": (120, 120, 120)}


class ByColour:
    """Stands in for a verifier: embeds a photo as its mean colour, and counts what it embeds; `"scaled"` is metric with a cohort."""

    def __init__(self, *, head: str = "metric", threshold: float | None = None, digest: str = "a") -> None:
        self.cohort = Cohort(self.embed(draw(sorted(COLOURS), seed=9))) if head == "scaled" else None
        head = "metric" if self.cohort else head
        distance = "cosine" if head == "metric" else "l1"
        self.config = EmbedderConfig(backbone="tiny_cnn", image_size=(8, 8), embedding_dim=3, head=head, distance=distance)
        self.model, self.weights_digest, self.threshold, self.n_embedded = object(), digest, threshold, 0

    def embed(self, photos):
        if isinstance(photos, ImageDataset):
            photos = [sample.path for sample in photos.samples] if photos.images is None else photos.images
        elif not isinstance(photos, list):
            photos = [photos]
        colours = np.array([decode(photo, image_size=(8, 8)).mean(axis=(0, 1)) for photo in photos], np.float32)
        self.n_embedded = getattr(self, "n_embedded", 0) + len(colours)
        return colours / np.linalg.norm(colours, axis=1, keepdims=True)

    def score_embeddings(self, first, second):
        if self.cohort is not None:
            return self.cohort.score(first, second)
        return (first * second).sum(axis=1) if self.config.is_metric else 1 - np.abs(first - second).sum(axis=1)

    def probability(self, scores):
        return None if self.threshold is None else Platt(10.0, -9.0).probability(scores)


def draw(names: list[str], *, seed: int = 0) -> ImageDataset:
    rng = np.random.default_rng(seed)
    photos = np.array([COLOURS[name] for name in names])[:, None, None] + rng.integers(-25, 25, (len(names), 1, 1, 3))
    return ImageDataset.from_arrays((photos + np.zeros((1, 8, 8, 1), int)).clip(0, 255).astype(np.uint8), names)


@pytest.fixture
def cars() -> ImageDataset:
    return draw(sorted(COLOURS) * 3)


@pytest.fixture
def files(tmp_path, cars) -> list[Path]:
    paths = [tmp_path / f"{i}.png" for i in range(len(cars))]
    for path, photo in zip(paths, cars.images, strict=True):
        Image.fromarray(photo).save(path)
    return paths


def filled(cars: ImageDataset, *, index: str = "exact", keep_thumbnails: bool = False, **options) -> Gallery:
    gallery = Gallery(ByColour(**options), index, keep_thumbnails=keep_thumbnails)
    gallery.add(cars)
    return gallery


def by_plain_loop(gallery: Gallery, cars: ImageDataset, photo: np.ndarray) -> list[tuple[str, float]]:
    """The names by their best photo."""
    query, rows = gallery.verifier.embed(photo), gallery.verifier.embed(cars)
    scores = gallery.verifier.score_embeddings(np.repeat(query, len(rows), axis=0), rows)
    best: dict[str, float] = {}
    for sample, score in zip(cars.samples, scores.tolist(), strict=True):
        best[sample.class_name] = max(score, best.get(sample.class_name, -np.inf))
    return sorted(best.items(), key=lambda item: -item[1])


@pytest.mark.parametrize("index", ["exact", "faiss", "hnsw"])
def test_scores_are_to_the_last_digit_those_of_the_verifier(index):
    def unit(n, seed):
        rows = np.random.default_rng(seed).normal(size=(n, 128)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    cohort = Cohort(unit(60, 0))
    facts = SimpleNamespace(embedding_dim=128, is_metric=True)
    names = NameIndex(SimpleNamespace(config=facts, cohort=cohort, score_embeddings=cohort.score), index)
    rows, queries = unit(300, 1), unit(40, 2)
    names.add(rows, list(range(300)))

    found = names.find(queries, 7)

    for query, best in zip(queries, found, strict=True):
        assert [score for _, score in best] == [float(cohort.score(query[None], rows[place][None])[0]) for place, _ in best]


@pytest.mark.parametrize("index", ["exact", "faiss", "hnsw"])
@pytest.mark.parametrize("head", ["metric", "scaled"])
def test_all_indexes_find_the_same(index, head):
    gallery = filled(draw(sorted(COLOURS) * 40, seed=2), head=head, index=index)
    plain = filled(draw(sorted(COLOURS) * 40, seed=2), head=head)
    queries = draw(sorted(COLOURS) * 5, seed=6)

    assert gallery.search(queries) == plain.search(queries)


@pytest.mark.parametrize(
    ("index", "head"),
    [("exact", "metric"), ("faiss", "metric"), ("hnsw", "metric"), ("exact", "relu"), ("exact", "scaled"), ("hnsw", "scaled")],
)
def test_a_search_gives_names_by_their_best_photo(cars, index, head):
    gallery = filled(cars, index=index, head=head)
    queries = draw(sorted(COLOURS), seed=5)

    results = gallery.search(queries, k=3)

    assert [result.matches[0].name for result in results] == sorted(COLOURS)
    for result, photo in zip(results, queries.images, strict=True):
        expected = by_plain_loop(gallery, cars, photo)[:3]
        assert [match.name for match in result.matches] == [name for name, _ in expected]
        assert [match.score for match in result.matches] == pytest.approx([score for _, score in expected], abs=1e-6)
    assert gallery.search(queries.images[2]).matches == gallery.search(queries)[2].matches


def test_names_behind_thousands_of_photos_of_another_are_found():
    gallery = filled(draw(["red"] * 700 + ["green", "blue"]))

    matches = gallery.search(draw(["red"], seed=3).images[0], k=3).matches

    assert sorted(match.name for match in matches) == ["blue", "green", "red"]
    assert matches[0].name == "red"


def test_photos_that_look_the_same_stand_in_the_order_in_which_they_came():
    gallery = Gallery(ByColour())
    gallery.add(np.full((8, 8, 3), 90, np.uint8), "first")
    gallery.add(np.full((8, 8, 3), 180, np.uint8), "second")  # another grey, the same embedding

    assert [match.name for match in gallery.search(np.full((8, 8, 3), 50, np.uint8)).matches] == ["first", "second"]


def test_below_the_threshold_nothing_is_known(cars):
    gallery = filled(cars, threshold=0.99)
    red, stranger = gallery.search([cars.images[-1], np.full((8, 8, 3), (200, 0, 200), np.uint8)])

    assert red.is_known
    assert red.matches[0].score >= 0.99
    assert red.matches[0].probability == pytest.approx(1 / (1 + np.exp(9 - 10 * red.matches[0].score)))
    assert stranger.is_known is False
    assert stranger.matches
    assert filled(cars).search(cars.images[0]).is_known is None
    assert Gallery(ByColour(threshold=0.9)).search(cars.images[0]).is_known is False


def test_embeddings_are_searched_as_their_photos_are(cars):
    gallery = filled(cars, threshold=0.9)
    photos = list(draw(["blue", "red"], seed=5).images)

    found = gallery.search_embeddings(gallery.verifier.embed(photos), 3)

    assert found == gallery.search(photos, 3)
    assert [result.source for result in gallery.search_embeddings(gallery.verifier.embed(photos), sources=["a", "b"])] == ["a", "b"]


def test_nothing_is_embedded_twice(files, cars):
    gallery = Gallery(ByColour())
    names = [sample.class_name for sample in cars.samples]

    assert gallery.add(files[:6], names[:6]) == 6
    assert gallery.add([*files, files[0]], [*names, names[0]]) == 6
    assert gallery.add(files[0].read_bytes(), names[0]) == 0
    assert gallery.add(ImageDataset.from_files(files, names)) == 0
    assert gallery.verifier.n_embedded == len(gallery) == 12


def test_a_photo_under_two_names_is_refused_and_nothing_enrolled(files):
    gallery = Gallery(ByColour())
    gallery.add(files[0], "red Audi")

    with pytest.raises(DataError, match=r"2 photos go under two names. (.|\n)*0.png: 'blue BMW', enrolled as 'red Audi'"):
        gallery.add([files[0], files[1], files[1]], ["blue BMW", "blue BMW", "grey Golf"])
    assert len(gallery) == 1


def test_photos_come_in_any_kind(files):
    gallery = Gallery(ByColour(), keep_thumbnails=True)
    with Image.open(files[1]) as picture:
        added = gallery.add([files[0], picture, 255 - np.asarray(picture), files[2].read_bytes()], ["a", "b", "c", "d"])

    matches = gallery.search(files[2].read_bytes(), k=4).matches
    assert added == 4
    assert (matches[0].name, matches[0].source) == ("d", "photo 3")
    assert {match.source for match in matches} == {str(files[0]), "photo 1", "photo 2", "photo 3"}
    with Image.open(BytesIO(matches[0].thumbnail)) as small:
        assert small.size == (8, 8)


def test_broken_photos_stop_an_enrolment_or_are_left_out(files, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    gallery = Gallery(ByColour())

    with pytest.raises(ImageDecodeError, match="broken.jpg"):
        gallery.add([files[0], tmp_path / "broken.jpg"], "red")
    assert len(gallery) == 0
    with pytest.warns(UserWarning, match="1 of 2 photos are broken"):
        assert gallery.add([files[0], tmp_path / "broken.jpg"], "red", on_error="skip") == 1


@pytest.mark.parametrize("index", ["exact", "faiss", "hnsw"])
def test_a_removed_name_is_gone_and_may_come_again(cars, index):
    gallery = filled(cars, index=index)
    red = cars.images[3]
    gallery.search(red)

    assert gallery.remove("red") == 3
    assert len(gallery) == 9
    assert "red" not in gallery.names
    assert "red" not in {match.name for match in gallery.search(red).matches}
    gallery.add(red, "red")
    assert gallery.search(red).matches[0].name == "red"
    assert gallery.photo_counts() == {"blue": 3, "green": 3, "grey": 3, "red": 1}
    for name in gallery.names:
        gallery.remove(name)
    assert gallery.search(red).matches == ()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda gallery: gallery.remove("rad"), UnknownNameError, "Unknown name: 'rad'. Did you mean 'red'\\? The gallery has 4 names"),
        (lambda gallery: gallery.search(np.zeros((8, 8, 3), np.uint8), k=0), OptionError, "k must be a positive integer; got 0"),
        (lambda gallery: gallery.add([np.zeros((8, 8, 3), np.uint8)], ["a", "b"]), DataError, "got 1 photos and 2 names"),
        (lambda gallery: gallery.add(np.zeros((8, 8, 3), np.uint8)), DataError, "got 1 photos and 0 names"),
        (lambda gallery: gallery.add(np.zeros((8, 8, 3), np.uint8), " "), DataError, "A name is a text of 1 to 500 characters; got ' '"),
        (lambda gallery: gallery.add(draw(["red"]), "red"), OptionError, "A dataset brings names of its own"),
        (lambda gallery: Gallery(gallery.verifier, "flat"), OptionError, "index must be one of exact, faiss, hnsw; got 'flat'"),
        (lambda _: Gallery(ByColour(head="relu"), "faiss"), OptionError, "compares by a pair head. Use index='exact'"),
    ],
)
def test_what_makes_no_sense_is_refused(cars, wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(filled(cars))


def test_a_verifier_that_was_trained_anew_is_refused(cars):
    gallery = filled(cars)
    gallery.verifier.model = object()

    with pytest.raises(OptionError, match="The verifier was trained anew"):
        gallery.search(cars.images[0])


def test_evaluation_leaves_out_the_query_itself_and_counts_strangers_apart(cars):
    gallery = filled(cars.subset([i for i, sample in enumerate(cars.samples) if sample.class_name != "grey"]), threshold=0.9)

    report = gallery.evaluate(cars)

    assert (report.n_queries, report.n_strangers, report.n_names) == (9, 3, 3)
    assert report.rank == {1: 1.0}
    assert report.mean_average_precision == 1.0
    assert gallery.evaluate(draw(["red"], seed=9)).n_queries == 1


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
