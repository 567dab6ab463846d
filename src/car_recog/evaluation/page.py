"""Pieces of the pages of reports. Nothing in a page is fetched, nothing in it runs, and everything that comes from data is escaped."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.evaluation.intervals import Interval
from car_recog.evaluation.plots import draw_history, to_png
from car_recog.evaluation.sheets import Tile, to_jpeg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def page(title: str, subtitle: str, sections: Mapping[str, str]) -> str:
    """Make a page that holds its style and all its pictures.

    Args:
        title: Plain text.
        subtitle: HTML.
        sections: HTML by heading; empty ones are left out.
    """
    filled = [(name, content) for name, content in sections.items() if content]
    links = " ".join(f'<a href="#part{number}">{name}</a>' for number, (name, _) in enumerate(filled, 1))
    body = "\n".join(f'<h2 id="part{number}">{name}</h2>\n{content}' for number, (name, content) in enumerate(filled, 1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{Path(__file__).with_name("report.css").read_text("utf-8")}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="soft">{subtitle}</p>
<nav>{links}</nav>
{body}
</body>
</html>
"""


def history(facts: Mapping[str, Sequence[str]], columns: Mapping[str, Sequence[Any]] | None) -> str:
    """Tell how a recogniser came to be: sentences by heading, and the curves of its training where they are known."""
    told = "".join(f"<h3>{escape(heading)}</h3>{bullets(sentences)}" for heading, sentences in facts.items())
    if not columns:
        return told
    curves = picture(draw_history(columns), "Loss and accuracy over the epochs of training.", min_width="40rem")
    return f"{told}<h3>Curves of the training</h3>{curves}"


@attrs.frozen
class Estimate:
    """A figure with its interval, for a cell of a table; a dash where it is not known."""

    value: float | None
    interval: Interval | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        return f"{self.value:.3f}" + (f" ({span(self.interval)})" if self.interval else "")


def span(interval: Interval) -> str:
    """Word an interval."""
    return "{:.3f} to {:.3f}".format(*interval)


def figures(headline: Iterable[tuple[str, str, float]], intervals: Mapping[str, Interval]) -> list[tuple[str, float, str]]:
    """Give name, value and interval of the figures of a `headline`."""
    return [(name, value, span(intervals[key])) for name, key, value in headline]


class Bar(float):
    """A share that a page draws as a bar."""


def cards(shown: Iterable[tuple[str, float, str]]) -> str:
    """Show figures large, each with a small line under it."""
    each = "".join(f'<div>{name}<b>{value:.3f}</b><span class="soft">{line}</span></div>' for name, value, line in shown)
    return f'<div class="cards">{each}</div>'


def of_100(share: float) -> str:
    """Word a share as a number of 100.

    Example:
        >>> of_100(0.932), of_100(0.9964), of_100(1.0)
        ('93', '99.6', '100')
    """
    return f"{100 * share:.1f}" if 0.985 < share < 1 else f"{100 * share:.0f}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Write a table as lines of Markdown."""
    lines = [[_cell(value).replace("|", "\\|") for value in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *lines)]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table; the names of the columns are HTML."""

    def cell(value: object) -> str:
        if isinstance(value, Estimate) and value.value is not None and value.interval:
            return f'<td>{value.value:.3f}<br><span class="soft">{span(value.interval)}</span></td>'
        if isinstance(value, Bar):
            return f'<td class="bar"><i style="width:{100 * value:.1f}%"></i></td>'
        return f"<td{' class=words' if isinstance(value, str) else ''}>{escape(_cell(value))}</td>"

    filled = list(rows)
    are_words = [any(isinstance(row[place], str) for row in filled) for place in range(len(columns))]
    head = "".join(f"<th{' class=words' if is_words else ''}>{name}</th>" for name, is_words in zip(columns, are_words, strict=True))
    body = "\n".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in filled)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def bullets(sentences: Iterable[str]) -> str:
    """List sentences."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""


def sheet(tiles: Iterable[Tile], kind: str) -> str:
    """Show photos with their lines; `kind` names classes of the style."""
    shown = [
        f"<figure>{_image(to_jpeg(tile.photo), 'jpeg', ', '.join(tile.lines)) if tile.photo is not None else ''}"
        f"<figcaption>{''.join(f'<span>{escape(line)}</span>' for line in tile.lines)}</figcaption></figure>"
        for tile in tiles
    ]
    return f'<div class="{kind}">' + "\n".join(shown) + "</div>"


def picture(figure: "Figure", description: str, *, min_width: str) -> str:
    """Show a drawing at the width of the page."""
    return f'<div class="wide">{_image(to_png(figure), "png", description, f"min-width:{min_width}")}</div>'


def _image(content: bytes, kind: str, description: str, style: str = "") -> str:
    data = b64encode(content).decode()
    return f'<img alt="{escape(description)}" style="{style}" src="data:image/{kind};base64,{data}">'
