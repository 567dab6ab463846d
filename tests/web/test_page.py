"""The page as it is sent, without a browser."""

from html.parser import HTMLParser

import attrs
import pytest

from car_recog.web.answers import classified, found, scale, verified
from car_recog.web.app import create_app
from car_recog.web.schemas import Candidate, Classification, GalleryMatch, HierarchyLevel, SearchAnswer, VerificationAnswer

EVIL = '"><script>alert(1)</script>'
EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "circle", "line", "rect"}


class Reader(HTMLParser):
    """Reads a page: its elements, and those that are not closed in order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.faults, self.text = [], [], [], ""
        self.feed(html)
        self.faults += self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"/{tag}")

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def evil_answers():
    evil = Classification(
        recogniser="models",
        class_name=EVIL,
        probability=0.5,
        rejected=False,
        verdict=EVIL,
        top=[Candidate(class_name=EVIL, probability=0.5)],
        hierarchy=[HierarchyLevel(name=EVIL, value=EVIL, probability=0.5, is_sure=False)],
        heatmap=EVIL,
    )
    match = GalleryMatch(name=EVIL, score=0.5, probability=None, thumbnail=EVIL)
    return [
        classified(evil, is_explained=True, contact_url='https://cars.example/"{class_name}'),
        found(SearchAnswer(is_known=True, threshold=0.1, verdict=EVIL, matches=[match])),
    ]


@pytest.fixture(scope="module")
def sent(client):
    """The page with an answer, and without."""
    return [client.get("/").text, client.get("/verify?example").text]


def test_pages_are_whole_and_hold_nothing_that_the_policy_forbids(sent):
    for html in sent:
        page = Reader(html)
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]

        assert page.faults == []
        assert len(ids) == len(set(ids))
        assert {label["for"] for label in page.all("label") if "for" in label} <= set(ids)
        assert not [one for _, one in page.elements if "style" in one or any(name.startswith("on") for name in one)]
        assert not page.all("style")
        assert [script["src"].startswith("/static/") for script in page.all("script")] == [True]


def test_what_the_page_asks_for_is_there(client, sent):
    page = Reader(sent[0])
    places = [one.get("src") or one["href"] for tag in ("link", "script", "img") for one in page.all(tag) if "src" in one or "href" in one]

    assert len(places) >= 6
    for place in places:
        assert client.get(place).status_code == 200


def test_the_first_view_tells_what_is_known(sent, client):
    facts = client.get("/v1/recognisers").json()["recognisers"][0]
    text = Reader(sent[0]).text

    assert "4 classes" in text
    assert f"on {facts['n_train']} photos" in text
    assert f"{100 * facts['accuracy']['value']:.1f} % right on {facts['accuracy']['n_photos']} photos" in text
    assert "2 cars by 16 photos" in text


def test_a_plain_form_is_answered_by_the_whole_page(client, photo):
    files, fields = {"photo": photo()}, {"recogniser": "models", "explain": "true"}
    told = client.post("/v1/classify", files=files, data=fields).json()
    page = client.post("/classify", files=files, data=fields).text

    assert page.startswith("<!DOCTYPE html>")
    assert Reader(page).text.count(told["verdict"]) == 1
    assert told["heatmap"] in page


def test_a_script_is_answered_by_the_answer_alone(client, photo):
    whole = client.post("/search", files={"photo": photo()}).text
    alone = client.post("/search", files={"photo": photo()}, headers={"X-Fragment": "true"}).text

    assert alone.startswith("<article")
    assert alone in whole


def test_an_error_is_a_page_with_its_status(client):
    answer = client.post("/classify", files={"photo": b"%PDF-1.7"})

    assert answer.status_code == 415
    assert "This is a PDF, not a photo." in Reader(answer.text).text


def test_two_large_photos_pass_where_two_are_asked_for(client):
    large = b"\xff\xd8\xff" + bytes(15 * 2**20)

    assert client.post("/verify", files={"a": large, "b": large}).status_code == 415


def test_only_what_is_served_is_asked_for(recognisers, new_client):
    client = new_client(create_app(attrs.evolve(recognisers, verifier=None, gallery=None)))
    page = client.get("/").text

    assert "Same car?" not in page
    assert "<nav" not in page
    assert client.get("/verify").status_code == 404


def test_what_comes_from_data_is_escaped():
    for html in evil_answers():
        page = Reader(html)

        assert page.faults == []
        assert not page.all("script")


def test_the_name_of_a_class_fits_into_the_contact_link():
    answer = Classification(
        recogniser="models", class_name="A/B 1&2", probability=1, rejected=None, verdict="", top=[], hierarchy=[], heatmap=None
    )

    (link,) = Reader(classified(answer, is_explained=False, contact_url="https://cars.example/?about={class_name}")).all("a")
    assert link["href"] == "https://cars.example/?about=A%2FB%201%262"
    rejected = answer.model_copy(update={"rejected": True})
    assert not Reader(classified(rejected, is_explained=False, contact_url="https://cars.example")).all("a")


def test_an_answer_without_a_calibration_admits_it():
    pair = VerificationAnswer.model_validate(
        dict.fromkeys(VerificationAnswer.model_fields) | {"score": 0.5, "is_uncertain": False, "verdict": "Score 0.500."}
    )
    photo = Classification(
        recogniser="parts", class_name="wheel", probability=0.9, rejected=None, verdict="", top=[], hierarchy=[], heatmap=None
    )

    assert "threshold" not in verified(pair, is_explained=False)
    assert "Not calibrated" in classified(photo, is_explained=False)


@pytest.mark.parametrize(
    ("score", "threshold", "band", "places"),
    [
        (0.75, 0.5, None, {"score": "75.00%", "mark": "50.00%"}),
        (0.0, -0.5, (-0.75, 0.25), {"score": "50.00%", "mark": "25.00%", "band": "12.50%"}),
        (1.2, None, None, {"score": "100.00%"}),
    ],
)
def test_a_scale_puts_everything_in_its_place(score, threshold, band, places):
    drawn = {one["class"]: one for _, one in Reader(scale(score, threshold=threshold, band=band)).elements if "class" in one}

    assert {name: drawn[name][at] for name, at in {"score": "cx", "mark": "x1", "band": "x"}.items() if name in drawn} == places
