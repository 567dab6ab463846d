"""The decoder on real odd files: which decode, to what, and which are refused."""

import numpy as np
import pytest
from PIL import Image, features

from car_recog.data.images import decode
from car_recog.errors import ImageDecodeError

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")


def distance(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


TURNED = {
    "exif/Landscape_6.jpg": (1200, 1800),
    "exif/Landscape_8.jpg": (1200, 1800),
    "exif/Portrait_6.jpg": (1800, 1200),
    "exif/Portrait_8.jpg": (1800, 1200),
}
NO_PHOTO = "it is no readable"
ODD_FAULTS = {
    "exif/LICENSE": NO_PHOTO,
    "pillow/LICENSE": NO_PHOTO,
    "pillow/bc1.dds": NO_PHOTO,
    "pillow/broken.png": NO_PHOTO,
    "pillow/broken_data_stream.png": "The file is broken or truncated; fetch it again",
    "pillow/cmx3g8_wv_1998.260_0745_mcidas.ara": NO_PHOTO,
    "pillow/decompression_bomb.gif": "4364696535 pixels.*Shrink it first",
    "pillow/hopper_bad_checksum.msp": NO_PHOTO,
    "pillow/hopper_webp_bits.ppm": NO_PHOTO,
    "pillow/negative_size.ppm": NO_PHOTO,
    "pillow/truncated_image.png": "truncated; fetch it again",
    "pillow/truncated_jpeg.jpg": "truncated; fetch it again",
    "pillow/uncompressed_rgb.dds": NO_PHOTO,
    "pillow/zero_width.gif": NO_PHOTO,
}


@pytest.mark.photos
def test_all_but_the_broken_odd_files_decode_to_their_upright_size(shared):
    odd = shared / "data" / "odd"
    names = {path.relative_to(odd).as_posix() for path in odd.rglob("*") if path.is_file()}
    assert len(names - ODD_FAULTS.keys()) == 79 and ODD_FAULTS.keys() < names

    for name in names - ODD_FAULTS.keys():
        if features.check("avif") or not name.endswith("avif"):
            photo = decode(odd / name)
            with Image.open(odd / name) as image:
                size = TURNED.get(name, image.size[::-1])  # as stored, but for those that the camera turned
            assert photo.dtype == np.uint8 and photo.shape == (*size, 3), name


@pytest.mark.photos
@pytest.mark.parametrize("name", ODD_FAULTS)
def test_broken_odd_files_are_named_with_the_reason(shared, name):
    path = shared / "data" / "odd" / name

    with pytest.raises(ImageDecodeError, match=ODD_FAULTS[name]) as error:
        decode(path)

    assert str(error.value).startswith(f"Cannot decode '{path}': ")


@pytest.mark.photos
@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("hopper_idat_after_image_end.png", 0),
        ("hopper.webp", 6),
        ("hopper.gif", 6),
        ("hopper_orientation_5.webp", 6),
        ("hopper_orientation_6.jpg", 6),
        ("hopper_orientation_8.jpg", 6),
        ("hopper_16bit_qtables.jpg", 12),
        pytest.param("hopper.avif", 6, marks=needs_avif),
    ],
)
def test_admiral_hopper_looks_the_same_in_every_format_and_orientation(shared, name, bound):
    folder = shared / "data" / "odd" / "pillow"
    with Image.open(folder / "hopper_bigtiff.tif") as image:
        lossless = np.asarray(image)

    assert distance(decode(folder / name), lossless) <= bound
    assert distance(lossless, lossless[:, ::-1]) > 40  # a wrong turn would be seen


@pytest.mark.photos
def test_grey_hopper_is_the_brightness_of_the_coloured_one(shared):
    folder = shared / "data" / "odd" / "pillow"

    grey, coloured = decode(folder / "hopper_gray.jpg"), decode(folder / "hopper_bigtiff.tif")

    assert (grey == grey[..., :1]).all()
    assert distance(grey[..., 0], coloured @ np.array([0.299, 0.587, 0.114])) < 4


@pytest.mark.photos
@pytest.mark.parametrize("name", ["Landscape_3", "Landscape_6", "Landscape_8", "Portrait_6", "Portrait_8"])
def test_the_same_scene_stands_upright_however_the_camera_was_held(shared, name):
    folder = shared / "data" / "odd" / "exif"

    upright, held = decode(folder / f"{name[:-2]}_1.jpg"), decode(folder / f"{name}.jpg")

    assert distance(upright, held) < 5
    assert distance(upright, held[::-1, ::-1]) > 20


@pytest.mark.photos
@pytest.mark.parametrize("name", ["16_bit_noise.tif", "16bit.cropped.tif"])
def test_16_bits_of_real_files_are_scaled_not_clipped(shared, name):
    path = shared / "data" / "odd" / "pillow" / name
    with Image.open(path) as image:
        values = np.asarray(image)
    assert values.max() > 255

    assert [[round(value / 257) for value in row] for row in values.tolist()] == decode(path)[..., 0].tolist()


@pytest.mark.photos
def test_a_cmyk_photo_looks_like_its_rgb_twin(shared):
    folder = shared / "data" / "odd" / "pillow"

    assert distance(decode(folder / "pil_sample_cmyk.jpg"), decode(folder / "pil_sample_rgb.jpg")) < 10


@pytest.mark.photos
def test_the_first_frame_of_a_real_animation_is_the_one_pillow_opens_with(shared):
    path = shared / "data" / "odd" / "pillow" / "iss634.gif"
    with Image.open(path) as image:
        assert image.n_frames == 42
        first = np.asarray(image.convert("RGB"))

    assert np.array_equal(decode(path), first)
