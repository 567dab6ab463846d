"""What cannot be a photo, or is too large, is turned away with a sentence that says what to do, before anything is decoded."""

import struct
import zlib

import pytest
from starlette.exceptions import HTTPException

from car_recog.web.app import create_app
from car_recog.web.uploads import Limits, check_photo


def png_header(width, height):
    """The first bytes of a PNG; there are no pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IDAT"


@pytest.mark.parametrize(
    ("raw", "status", "advice"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(40), 415, "HEIC cannot be read here. On an iPhone choose Settings, Camera, Formats"),
        (b"\0\0\0\x18ftypmif1" + bytes(40), 415, "HEIC cannot"),
        (b"\0\0\0\x18ftypqt  " + bytes(40), 415, "This is a video. Send a single picture"),
        (b"\x1aE\xdf\xa3" + bytes(40), 415, "This is a video"),
        (b"%PDF-1.7\n" + bytes(40), 415, "This is a PDF, not a photo"),
        (b"GIF87a", 415, "This photo is broken"),
        (b"\xff\xd8\xff\xe0", 415, "This photo is broken"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "This is no photo that can be read here. Send JPEG, PNG"),
        (b"x", 415, "This is no photo"),
        (png_header(30_000, 30_000), 413, "far more than 50 megapixels. Shrink it first"),
        (png_header(10_000, 6_000), 413, "measures 10,000 x 6,000 pixels; at most 50 megapixels"),
        (png_header(40_000, 1), 413, "measures 40,000 x 1 pixels"),
    ],
)
def test_a_wrong_file_gets_a_sentence_that_says_what_to_do(raw, status, advice):
    with pytest.raises(HTTPException) as refusal:
        check_photo(raw, Limits())

    assert refusal.value.status_code == status
    assert advice in refusal.value.detail


def test_a_photo_of_the_largest_size_is_taken():
    assert check_photo(png_header(10_000, 5_000), Limits()) == 50_000_000


def test_a_truncated_photo_is_told_from_no_photo(client, photo):
    whole = photo(size=(300, 200), form="JPEG")

    answer = client.post("/v1/classify", files={"photo": whole[: len(whole) // 2]})

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("This photo is broken, or cut off before its end. Send it again")


@pytest.mark.parametrize(
    ("files", "fields", "status", "advice"),
    [
        ({}, {"explain": "false"}, 415, "Send the photo in a form: multipart/form-data"),
        ({"foto": b"x"}, {}, 422, "Send one photo as the file 'photo' of the form."),
        ({"photo": b""}, {}, 422, "Send one photo as the file 'photo'"),
        ([("photo", b"x"), ("photo", b"y")], {}, 400, "It takes 1 photo at a time."),
        ({"photo": b"x"}, {"explain": "perhaps"}, 422, "A field of the form makes no sense. explain: Input should be a valid boolean"),
        ({"photo": b"x"}, {"recogniser": "engines"}, 422, "recogniser: Input should be 'parts' or 'models'"),
        ({"photo": b"x"}, {"note": "x" * 2000}, 400, "Part exceeded maximum size"),
        ({"photo": b"x"}, {f"f{i}": "x" for i in range(20)}, 400, "Too many fields"),
    ],
)
def test_a_wrong_form_gets_a_sentence_that_says_what_to_do(client, files, fields, status, advice):
    answer = client.post("/v1/classify", files=files, data=fields)

    assert answer.status_code == status
    assert advice in answer.json()["detail"]


def test_an_empty_field_is_no_value(client, photo):
    answer = client.post("/v1/classify", files={"photo": photo()}, data={"recogniser": ""})

    assert answer.status_code == 422
    assert "recogniser: Input should be 'parts' or 'models'" in answer.json()["detail"]


def test_a_photo_above_the_size_of_a_file_is_not_taken(new_client, recognisers, photo):
    client = new_client(create_app(recognisers, Limits(max_file=1000)))

    answer = client.post("/v1/verify", files={"a": photo(size=(50, 50)), "b": photo()})

    assert answer.status_code == 413
    assert "Shrink it first" in answer.json()["detail"]


def test_the_name_of_a_file_is_never_told(client):
    answer = client.post("/v1/classify", files={"photo": ("my secret.jpg", b"no photo", "image/jpeg")})

    assert answer.status_code == 415
    assert "secret" not in answer.text
