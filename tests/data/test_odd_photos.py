"""The decoder on real odd files: which decode, to what, and which are refused."""

import numpy as np
import pytest
from PIL import Image, features

from car_recog.data.images import decode
from car_recog.errors import ImageDecodeError

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")


def distance(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


ODD_SIZES = {
    "exif/Landscape_1.jpg": (1200, 1800),
    "exif/Landscape_3.jpg": (1200, 1800),
    "exif/Landscape_6.jpg": (1200, 1800),
    "exif/Landscape_8.jpg": (1200, 1800),
    "exif/Portrait_1.jpg": (1800, 1200),
    "exif/Portrait_6.jpg": (1800, 1200),
    "exif/Portrait_8.jpg": (1800, 1200),
    "pillow/16_bit_noise.tif": (32, 32),
    "pillow/16bit.cropped.tif": (64, 64),
    "pillow/1_trns.png": (64, 64),
    "pillow/anim_frame1.webp": (82, 82),
    "pillow/dispose_prev.gif": (100, 100),
    "pillow/exif.avif": (512, 512),
    "pillow/exif_imagemagick_orientation.png": (512, 512),
    "pillow/exif_typeerror.jpg": (531, 800),
    "pillow/flower.webp": (360, 480),
    "pillow/hopper.avif": (128, 128),
    "pillow/hopper.gif": (128, 128),
    "pillow/hopper.webp": (128, 128),
    "pillow/hopper_16bit_qtables.jpg": (128, 128),
    "pillow/hopper_bad_exif.jpg": (500, 500),
    "pillow/hopper_bigtiff.tif": (128, 128),
    "pillow/hopper_gray.jpg": (128, 128),
    "pillow/hopper_idat_after_image_end.png": (128, 128),
    "pillow/hopper_orientation_5.webp": (128, 128),
    "pillow/hopper_orientation_6.jpg": (128, 128),
    "pillow/hopper_orientation_8.jpg": (128, 128),
    "pillow/invalid-exif.jpg": (200, 200),
    "pillow/iss634.gif": (245, 245),
    "pillow/junk_jpeg_header.jpg": (768, 1024),
    "pillow/mode_16bit.png": (64, 128),
    "pillow/mode_grayscale_alpha.png": (64, 128),
    "pillow/multiple_exif.jpg": (1, 1),
    "pillow/p_16.png": (128, 128),
    "pillow/pil123p.png": (150, 162),
    "pillow/pil_sample_cmyk.jpg": (100, 100),
    "pillow/pil_sample_rgb.jpg": (100, 100),
    "pillow/rgb_trns.png": (64, 64),
    "pillow/transparent.png": (150, 200),
    "pillow/xmp_padded.jpg": (1, 1),
    "shop/003.jpg": (224, 224),
    "shop/1-220114151A21F.png": (532, 868),
    "shop/IGNITION COIL1.jpeg": (240, 210),
    "shop/OVERFLOW TANK.jpg": (1600, 1600),
    "shop/OXYGEN SENSOR12.jpg": (1449, 2560),
    "shop/Screenshot 2026-01-13 004404.png": (312, 571),
    "shop/TORQUE CONVERTER.jpg": (375, 435),
    "shop/a47b1d777eb3c1ea5f216a7798e12a84d030e8f1ac0a58442ab3bc67.jpg": (192, 192),
    "shop/brakepad.webp": (270, 900),
    "shop/car FUEL INJECTOR.jpeg": (174, 290),
    "shop/car FUEL INJECTOR1.jpeg": (183, 275),
    "shop/car_spark_plug.jpeg": (170, 297),
    "shop/car_spark_plug12.jpeg": (162, 311),
    "shop/carbrakepad.jpg": (801, 1309),
    "shop/cartaillighs1.jpeg": (183, 276),
    "shop/cartaillights.jpeg": (183, 275),
    "shop/checking-a-spark-plug-in-a-car-engine-H4JEHC.jpg": (960, 1300),
    "shop/cummins-oil-pan-500x500.webp": (500, 500),
    "shop/download (1).jpeg": (183, 275),
    "shop/download (19).jpeg": (225, 225),
    "shop/download (2).jpeg": (183, 275),
    "shop/download (3).jpeg": (225, 225),
    "shop/download.jpeg": (194, 259),
    "shop/engine-camshaft.jpg": (305, 800),
    "shop/engine-valve-lifter-1999-2008-chevrolet-daewoo-aveo-aveo5-lanos-l4-1-6l-lfk16309_x700.jpg": (624, 500),
    "shop/ignition_coil.jpeg": (168, 299),
    "shop/images (2).jpeg": (225, 225),
    "shop/images.jpeg": (186, 192),
    "shop/maruti-suzuki-water-pump-assembly-automotive-spare-part.jpg": (1000, 1000),
    "shop/overflow_tank.jpg": (1000, 992),
    "shop/oxygen_sensor.jpg": (196, 255),
    "shop/radiatorfan.jpg": (500, 375),
    "shop/s-l1200.jpg": (900, 1200),
    "shop/the-cylinder-block-of-the-four-cylinder-engine-disassembled-motor-HYJ0WW.jpg": (956, 1300),
    "shop/torqueconv.jpg": (252, 255),
    "shop/truck-fuel-injector.jpg": (1200, 1200),
    "shop/undefined_w1400.jpg": (880, 1149),
    "shop/valve-lifter-01.jpg": (500, 600),
    "shop/valve_lifter.jpeg": (183, 276),
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
def test_every_odd_file_stands_in_one_of_the_two_tables(shared):
    odd = shared / "data" / "odd"

    assert {path.relative_to(odd).as_posix() for path in odd.rglob("*") if path.is_file()} == ODD_SIZES.keys() | ODD_FAULTS.keys()


@pytest.mark.photos
@pytest.mark.parametrize("name", [pytest.param(name, marks=[needs_avif] if name.endswith("avif") else []) for name in ODD_SIZES])
def test_odd_files_decode_to_their_upright_size(shared, name):
    photo = decode(shared / "data" / "odd" / name)

    assert photo.dtype == np.uint8 and photo.shape == (*ODD_SIZES[name], 3)


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
