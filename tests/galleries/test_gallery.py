"""A gallery finds names by photos, and enrols, removes and judges them."""

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from colour_cars import COLOURS, ByColour, draw, filled
from PIL import Image

from car_recog.cohort import Cohort
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, ImageDecodeError, OptionError, UnknownNameError
from car_recog.galleries.index import NameIndex
from car_recog.gallery import Gallery


@pytest.fixture
def files(tmp_path, cars) -> list[Path]:
    paths = [tmp_path / f"{i}.png" for i in range(len(cars))]
    for path, photo in zip(paths, cars.images, strict=True):
        Image.fromarray(photo).save(path)
    return paths


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
