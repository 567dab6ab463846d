"""Reads the pages that reports make."""

from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO

import pytest
from PIL import Image


class Page(HTMLParser):
    """Tags with their attributes, and the text outside the style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] != "style":
            self.text += data

    def check_inert(self) -> None:
        """Nothing is fetched and nothing runs."""
        assert {tag for tag, _ in self.tags}.isdisjoint({"script", "link", "iframe", "object", "base"})
        for tag, attributes in self.tags:
            assert not any(name.startswith("on") for name in attributes), tag
            assert attributes.get("href", "#").startswith("#")
            assert attributes.get("src", "data:image/").startswith("data:image/")
            assert "url(" not in (attributes.get("style") or "")
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        assert ("meta", policy) in [(tag, attributes.get("content")) for tag, attributes in self.tags]

    def read_pictures(self) -> int:
        """Every picture can be read and is described; gives their number."""
        pictures = [attributes for tag, attributes in self.tags if tag == "img"]
        for attributes in pictures:
            kind, _, data = attributes["src"].partition(";base64,")
            with Image.open(BytesIO(b64decode(data))) as picture:
                assert f"data:image/{picture.format.lower()}" == kind
                assert min(picture.size) >= 20
            assert attributes["alt"]
        return len(pictures)


@pytest.fixture(scope="session")
def read_page():
    """Read a page of HTML."""
    return Page
