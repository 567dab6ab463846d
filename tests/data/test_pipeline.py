"""Samples to decoded photos: what is left out, and what is decoded when."""

import attrs
import numpy as np
import pytest
from numbered_photos import SIZE, colored, on_disk, places
from PIL import Image

from car_recog.data import pipeline
from car_recog.data.images import decode
from car_recog.data.pipeline import SkippedPhotosWarning, as_photos, load_photos, photo_chunks
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, ImageDecodeError, OptionError

# Loading


def test_files_are_loaded_with_their_labels(tmp_path):
    loaded = load_photos(on_disk(tmp_path, 8), image_size=SIZE)

    assert len(loaded) == 8 and loaded.skipped == {}
    assert loaded.kept.tolist() == list(range(8))
    assert loaded.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1] and loaded.labels.dtype == np.int32
    assert places(loaded.read(np.array([5, 0, 5]))) == [5, 0, 5]
    assert [places(chunk) for chunk in loaded.chunks(3)] == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_photos_are_fitted_as_the_decoder_fits_them(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (1, 30, 50, 3), np.uint8)
    Image.fromarray(picture[0]).save(tmp_path / "a.png")
    datasets = ImageDataset.from_files([tmp_path / "a.png"], [0]), ImageDataset.from_arrays(picture, [0])

    for resize in ("stretch", "letterbox", "center_crop"):
        for data in datasets:
            loaded = load_photos(data, image_size=(20, 20), resize=resize)

            assert np.array_equal(loaded.read(np.array([0]))[0], decode(picture[0], image_size=(20, 20), resize=resize))


def test_of_a_cropped_sample_the_crop_is_loaded(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (1, 4, 6, 3), np.uint8)
    Image.fromarray(picture[0]).save(tmp_path / "a.png")
    files, arrays = ImageDataset.from_files([tmp_path / "a.png"], [0]), ImageDataset.from_arrays(picture, [0])

    for data in (files, arrays):
        samples = [attrs.evolve(data[0], crop=(1, 0, 4, 3))]
        loaded = load_photos(ImageDataset(samples, data.class_names, images=data.images), image_size=SIZE)

        assert np.array_equal(loaded.read(np.array([0]))[0], decode(picture[0, :3, 1:4], image_size=SIZE))


def test_keys_tell_photos_apart_by_content_and_crop(tmp_path, monkeypatch):
    data = on_disk(tmp_path, 4, broken=(1,))
    data.samples[3].path.write_bytes(data.samples[0].path.read_bytes())
    crops = [None, None, (0, 0, 2, 2), None, (0, 0, 2, 2), (0, 0, 2, 3)]
    samples = [attrs.evolve(data[i], crop=crop) for i, crop in zip((0, 1, 0, 3, 3, 0), crops, strict=True)]

    with pytest.warns(SkippedPhotosWarning):
        loaded = load_photos(ImageDataset(samples, data.class_names), image_size=SIZE)
    monkeypatch.setattr("pathlib.Path.open", lambda *_: pytest.fail("a file is read again"))
    whole, part, twin, part_of_twin, other_part = loaded.keys

    assert all(len(key) == 16 for key in loaded.keys)
    assert whole == twin and part == part_of_twin
    assert len({whole, part, other_part}) == 3


def test_arrays_are_told_apart_by_what_is_used_of_them_and_hashed_when_asked_for(monkeypatch):
    images = np.zeros((4, 8, 6, 3), np.uint8)
    images[1, 0, 0, 0] = 1
    samples = list(ImageDataset.from_arrays(images, [0] * 4).samples)
    samples[3] = attrs.evolve(samples[3], crop=(0, 4, 6, 8))
    hashed = []
    array_content = pipeline.array_content
    monkeypatch.setattr(pipeline, "array_content", lambda image: hashed.append(image.shape) or array_content(image))

    loaded = load_photos(ImageDataset(samples, ["car"], images=images), image_size=(8, 6))
    assert hashed == []

    assert [loaded.keys[0] == key for key in loaded.keys] == [True, False, True, True]
    assert hashed == [(8, 6, 3)] * 4
    assert loaded.keys != load_photos(ImageDataset.from_arrays(images, [0] * 4), image_size=(4, 6)).keys


def test_photos_are_decoded_once_for_all_datasets(tmp_path, monkeypatch):
    monkeypatch.setenv("CAR_RECOG_CACHE", str(tmp_path / "cache"))
    data = on_disk(tmp_path, 9)
    load_photos(data, image_size=SIZE)

    def refuse(path, **options):
        raise AssertionError(f"{path} is decoded again")

    monkeypatch.setattr("car_recog.data.cache.decode", refuse)

    for side in data.split(0.5, 0.5):
        assert len(load_photos(side, image_size=SIZE)) == len(side)


def test_broken_photos_are_left_out_with_one_warning_that_names_them(tmp_path):
    data = on_disk(tmp_path, 6, broken=(1, 4))

    with pytest.warns(SkippedPhotosWarning) as told:
        loaded = load_photos(data, image_size=SIZE)

    assert len(told) == 1
    assert str(told[0].message).startswith("2 of 6 photos are broken and were left out:\n  Cannot decode '")
    assert [path.name for path in loaded.skipped] == ["001.png", "004.png"]
    assert all(str(path) in message and message in str(told[0].message) for path, message in loaded.skipped.items())
    assert loaded.kept.tolist() == [0, 2, 3, 5]
    assert loaded.labels.tolist() == [0, 2, 0, 2]
    assert places(loaded.read(np.arange(4))) == [0, 2, 3, 5]


def test_broken_photos_stop_the_work_where_that_is_asked_for(tmp_path):
    data = on_disk(tmp_path, 6, broken=(1, 4))

    with pytest.raises(ImageDecodeError, match=r"^2 of 6 photos are broken:") as error:
        load_photos(data, image_size=SIZE, on_error="raise")

    assert "001.png" in str(error.value) and "004.png" in str(error.value)


def test_of_many_broken_photos_ten_are_shown(tmp_path):
    data = on_disk(tmp_path, 14, broken=range(12))

    with pytest.warns(SkippedPhotosWarning, match="12 of 14 photos") as told:
        load_photos(data, image_size=SIZE)

    assert str(told[0].message).count("Cannot decode") == 10
    assert str(told[0].message).endswith("and 2 more")


def test_a_dataset_without_any_photo_is_told(tmp_path):
    with pytest.warns(SkippedPhotosWarning), pytest.raises(DataError, match="No photo could be decoded"):
        load_photos(on_disk(tmp_path, 2, broken=(0, 1)), image_size=SIZE)
    for data in (ImageDataset.from_files([], []), ImageDataset.from_arrays(*colored(2))[:0]):
        with pytest.raises(DataError, match="The dataset holds no photos"):
            load_photos(data, image_size=SIZE)


@pytest.mark.parametrize("options", [{"on_error": "ignore"}, {"resize": "crop"}])
def test_unknown_options_are_refused_for_arrays_of_the_right_size_too(options):
    (name,) = options

    with pytest.raises(OptionError, match=f"{name} must be"):
        load_photos(ImageDataset.from_arrays(*colored(2)), image_size=SIZE, **options)


@pytest.mark.parametrize("image_size", [224, (224,), (0, 4), (4, 6.0), (4, 6, 3), "ab", (4, 99_999)])
def test_an_image_size_that_is_none_is_refused(image_size):
    with pytest.raises(OptionError, match=r"image_size must be \(height, width\), two integers from 1 to 30000; got "):
        load_photos(ImageDataset.from_arrays(*colored(2)), image_size=image_size)


# Photos of any kind


def test_one_photo_or_several_become_a_list():
    array = np.zeros((4, 4, 3), np.uint8)

    for one in ("a.jpg", b"bytes", array, array[..., 0], Image.fromarray(array)):
        assert len(as_photos(one)) == 1
    assert as_photos(("a.jpg", array, b"bytes"))[0] == "a.jpg" and len(as_photos(iter("ab"))) == 2
    assert [photo.shape for photo in as_photos(np.zeros((5, 8, 9, 3), np.uint8))] == [(8, 9, 3)] * 5
    assert as_photos([]) == []


def test_photos_are_decoded_in_chunks_in_their_order():
    photos = list(colored(7)[0])

    chunks = list(photo_chunks(photos, 3, image_size=(2, 2), resize="stretch"))

    assert [places(chunk) for chunk in chunks] == [[0, 1, 2], [3, 4, 5], [6]]
    assert {chunk.shape[1:] for chunk in chunks} == {(2, 2, 3)}
    assert list(photo_chunks([], 3, image_size=(2, 2), resize="stretch")) == []


def test_only_one_chunk_is_decoded_ahead(monkeypatch):
    begun = []
    monkeypatch.setattr(pipeline, "decode", lambda photo, **options: begun.append(int(photo[0, 0, 0])) or photo)
    chunks = photo_chunks(list(colored(40)[0]), 4, image_size=SIZE, resize="stretch")

    next(chunks)
    chunks.close()

    assert sorted(begun) == list(range(8))


def test_a_photo_that_cannot_be_decoded_stops_the_chunks(tmp_path):
    chunks = photo_chunks([colored(1)[0][0], tmp_path / "gone.jpg"], 1, image_size=SIZE, resize="stretch")

    assert places(next(chunks)) == [0]
    with pytest.raises(ImageDecodeError, match=r"gone.jpg': no such file"):
        next(chunks)
