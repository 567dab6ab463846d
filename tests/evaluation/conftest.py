"""Reads the pages that reports make."""

from html.parser import HTMLParser

import pytest


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

    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


@pytest.fixture(scope="session")
def read_page():
    """Read a page of HTML."""
    return Page
