"""What the API answers is what the recognisers say."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from car_recog._version import __version__
from car_recog.web.app import create_app


def ask(client, path, *, photos, **fields):
    answer = client.post(path, files=photos, data=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def opened(uri):
    assert uri.startswith("data:image/jpeg;base64,")
    return Image.open(BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize("car", ["Audi_A3_2010", "BMW_X1_2012"])
def test_a_photo_is_classified_as_the_classifier_does_it(client, recognisers, photo, car):
    answer = ask(client, "/v1/classify", photos={"photo": photo(car)})

    said = recognisers.classifiers["models"].predict(photo(car))[0]
    assert answer["recogniser"] == "models"
    assert answer["class_name"] == said.class_name
    assert answer["probability"] == pytest.approx(said.probability, abs=1e-6)
    assert answer["rejected"] is said.rejected is not None
    assert [one["class_name"] for one in answer["top"]] == [name for name, _ in said.top]
    assert [(one["name"], one["value"], one["is_sure"]) for one in answer["hierarchy"]] == [
        (level.name, level.value, level.is_sure) for level in said.hierarchy
    ]
    assert said.hierarchy[0].value in answer["verdict"]
    assert answer["heatmap"] is None


def test_the_heatmap_is_a_picture_of_the_photo_as_it_stands(client, photo):
    lying = photo(size=(60, 40), form="JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")

    answer = ask(client, "/v1/classify", photos={"photo": lying}, explain="true")

    assert opened(answer["heatmap"]).size == (40, 60)


def test_a_large_photo_gets_a_small_heatmap(client, photo):
    answer = ask(client, "/v1/classify", photos={"photo": photo(size=(2048, 512))}, explain="1")

    assert opened(answer["heatmap"]).size == (1024, 256)


@pytest.mark.parametrize("cars", [("Audi_A3_2010", "Audi_A3_2010"), ("Audi_A3_2010", "BMW_X1_2012")])
def test_two_photos_are_compared_as_the_verifier_does_it(client, recognisers, photo, cars):
    a, b = photo(cars[0], 100), photo(cars[1], 101)

    answer = ask(client, "/v1/verify", photos={"a": a, "b": b}, explain="true")

    said = recognisers.verifier.verify(a, b)
    assert answer["score"] == pytest.approx(said.score, abs=1e-5)
    assert answer["probability"] == pytest.approx(said.probability, abs=1e-4)
    assert (answer["threshold"], answer["is_same"]) == (said.threshold, said.is_same)
    assert answer["impostors_above"] == pytest.approx(said.impostors_above)
    assert answer["genuine_below"] == pytest.approx(said.genuine_below)
    assert [opened(uri).size for uri in answer["heatmaps"]] == [(60, 40), (60, 40)]
    assert recognisers.verifier.probability(np.array(answer["abstain_scores"])) == pytest.approx([0.4, 0.6])


def test_a_photo_is_searched_as_the_gallery_does_it(client, recognisers, photo):
    answer = ask(client, "/v1/search", photos={"photo": photo("Audi_A4_2010")}, k=1)

    said = recognisers.gallery.search(photo("Audi_A4_2010"), 1)
    assert answer["is_known"] is said.is_known
    assert answer["threshold"] == said.threshold
    assert [match["name"] for match in answer["matches"]] == ["Audi_A4_2010"]
    assert answer["matches"][0]["score"] == pytest.approx(said.matches[0].score, abs=1e-5)
    assert base64.b64decode(answer["matches"][0]["thumbnail"].partition(",")[2]) == said.matches[0].thumbnail


def test_what_is_served_is_told_from_the_bundles(client, recognisers):
    told = client.get("/v1/recognisers").json()

    models, verifier, gallery = told["recognisers"]
    measured = recognisers.configs["models"]["evaluation"]
    assert told["version"] == __version__
    assert [one["task"] for one in told["recognisers"]] == ["classify", "verify", "search"]
    assert (models["kind"], len(models["class_names"]), models["n_train"]) == ("CarClassifier", 4, 16)
    assert models["accuracy"] == {
        "value": measured["accuracy"],
        "low": measured["intervals"]["accuracy"][0],
        "high": measured["intervals"]["accuracy"][1],
        "n_photos": 16,
    }
    assert (verifier["eer"]["value"], verifier["eer"]["n_pairs"]) == (recognisers.configs["verifier"]["evaluation"]["eer"], 48)
    assert (gallery["n_names"], gallery["n_photos"]) == (2, 16)


def test_what_is_not_served_is_said(client, photo):
    answer = client.post("/v1/classify", files={"photo": photo()}, data={"recogniser": "parts"})

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "The recogniser 'parts' is not served here. What is served stands in /v1/recognisers.",
    }


def test_it_lives_before_it_is_ready(recognisers, new_client):
    client = new_client(create_app(recognisers))  # its networks are not warmed

    assert client.get("/live").json() == {"status": "live"}
    assert client.get("/ready").status_code == 503
    assert client.get("/ready").headers["retry-after"] == "1"


def test_it_is_ready_once_it_is_warm(client):
    assert client.get("/ready").json() == {"status": "ready"}


def test_the_description_names_every_route_and_every_status(client):
    paths = client.get("/v1/openapi.json").json()["paths"]

    assert set(paths) == {"/v1/classify", "/v1/verify", "/v1/search", "/v1/recognisers", "/live", "/ready"}
    for path in ("/v1/classify", "/v1/verify", "/v1/search"):
        assert set(paths[path]["post"]["responses"]) == {"200", "400", "404", "408", "413", "415", "422", "503"}
    form = paths["/v1/verify"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert "detail" in paths["/v1/verify"]["post"]["responses"]["413"]["content"]["application/problem+json"]["schema"]["required"]
    assert form["required"] == ["a", "b"]
    assert set(form["properties"]) == {"a", "b", "explain"}
    assert client.get("/docs").status_code == 404
