"""A report as text for people: Markdown, and one HTML page that holds all its pictures."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from car_recog.evaluation.plots import MAX_IN_ORDER, draw_confusion, draw_history, draw_reliability, to_png
from car_recog.evaluation.sheets import Tile, to_jpeg

if TYPE_CHECKING:
    from car_recog.evaluation.classification import ClassificationReport

_MEANING = {
    "accuracy": "the most probable class is right",
    "macro_f1": "mean over the classes of F1, so that a rare class counts as much as a frequent one",
    "ece": "how far the probabilities are off, on average; 0 is best, and chance alone makes it a little larger than 0",
}


@attrs.frozen(kw_only=True)
class Background:
    """What a page tells beside the figures: what was judged and how it came to be.

    Args:
        title: What was judged, such as `PartClassifier: 12 classes`.
        date: ISO date of the judging.
        facts: Sentences by heading.
        class_counts: Training photos by class.
        history: Columns of the training by name, as `History.history` gives them; None where they are not known.
        photos: A few photos, each with its class.
        photos_from: Where they come from, such as `the training`.
    """

    title: str
    date: str
    facts: Mapping[str, Sequence[str]]
    class_counts: Mapping[str, int]
    history: Mapping[str, Sequence[Any]] | None
    photos: Sequence[Tile]
    photos_from: str


def to_markdown(report: "ClassificationReport") -> str:
    """Word the figures of a report as Markdown tables."""
    lines = [
        *_markdown_table(("figure", "value", "95 % interval"), _figures(report)),
        "",
        f"{report.n_photos} photos" + (f", {len(report.skipped)} more could not be decoded" if report.skipped else "") + ".",
        "",
        *_markdown_table(("class", "precision", "recall", "F1", "photos"), _scores(report)),
    ]
    if confused := report.confusions():
        lines += ["", "Most frequent confusions:", "", *_markdown_table(("true class", "answer", "photos", "share of the class"), confused)]
    return "\n".join(lines) + "\n"


def to_html(report: "ClassificationReport") -> str:
    """Make the page. Nothing in it is fetched, nothing in it runs, and everything that comes from data is escaped.

    Raises:
        OptionError: Matplotlib is not installed.
    """
    background = report.background
    title = background.title if background else f"Report on {len(report.class_names)} classes"
    when = f", judged on {background.date}" if background else ""
    sections = {name: content for name, content in _sections(report).items() if content}
    links = " ".join(f'<a href="#part{number}">{name}</a>' for number, name in enumerate(sections, 1))
    body = "\n".join(f'<h2 id="part{number}">{name}</h2>\n{content}' for number, (name, content) in enumerate(sections.items(), 1))
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
<p class="soft">{report.n_photos:,} photos{when}</p>
<nav>{links}</nav>
{body}
</body>
</html>
"""


def _sections(report: "ClassificationReport") -> dict[str, str]:
    """Give the content of the page by heading; empty where there is nothing to tell."""
    background = report.background
    skipped = [f"{source}: {message}" for source, message in report.skipped.items()]
    scores = [(name, p, r, f1, _Bar(f1), n, *_trained_on(background, name)) for name, p, r, f1, n in _scores(report)]
    columns = ("class", "precision", "recall", "F1", "", "photos", *(("training photos",) if background else ()))
    return {
        "How good it is": _headline(report),
        "What it confuses": _confused(report),
        "Class by class": "<p>Precision: how many of the photos called a class are of it. Recall: how many of its photos are found. "
        "F1: both in one.</p>" + _table(columns, scores),
        "How far its probabilities can be believed": _calibration(report),
        "Its worst mistakes": _mistakes(report),
        "Photos and their classes": _photos(background) if background else "",
        "How it came to be": _history(background) if background else "",
        "Photos that could not be decoded": _list(skipped),
    }


def _headline(report: "ClassificationReport") -> str:
    cards = "".join(
        f'<div>{name}<b>{value:.3f}</b><span class="soft">{interval}</span></div>' for name, value, interval in _figures(report)
    )
    low, high = report.intervals["accuracy"]
    counts = (f"{_of_100(report.accuracy)} are named rightly", f"with 95 % confidence between {_of_100(low)} and {_of_100(high)}")
    meanings = [f"{name}: {_MEANING.get(key) or _top_meaning(key)}." for name, key, _ in report.headline()]
    return (
        f"<p><b>Of 100 photos about {counts[0]}; {counts[1]}.</b> That holds for photos like those judged here: of other cameras, other "
        f'places or other cars it may be otherwise.</p><div class="cards">{cards}</div>'
        f'<p class="soft">Small figures: 95 % intervals. All are shares between 0 and 1.</p>{_list(meanings)}'
    )


def _top_meaning(key: str) -> str:
    return f"the right class is among the {key.removeprefix('top_')} most probable"


def _confused(report: "ClassificationReport") -> str:
    confused = report.confusions()
    if not confused:
        return "<p>Nothing: every photo was named rightly.</p>"
    n = len(report.class_names)
    picture = _picture(
        to_png(draw_confusion(report.confusion, report.class_names)),
        f"Confusion matrix of {n} classes, true classes in rows, answers in columns. The table tells the most frequent confusions.",
        min_width=f"{min(34 + 1.3 * n, 160):.0f}rem",  # keeps the names of the classes readable
    )
    order = "" if n <= MAX_IN_ORDER else " Classes that are taken for each other stand side by side."
    return (
        _table(("true class", "answer", "photos", "share of the class"), confused)
        + f"<p>A row is a true class, a column an answer. What lies off the diagonal is wrong.{order}</p>{picture}"
    )


def _calibration(report: "ClassificationReport") -> str:
    mean = sum(one.confidence * one.n_photos for one in report.reliability) / report.n_photos
    gap = mean - report.accuracy
    verdict = "as sure as it should be" if abs(gap) < 0.005 else f"too {'sure of itself' if gap > 0 else 'careful'}, by {abs(gap):.3f}"
    low, high = report.intervals["ece"]
    picture = _picture(
        to_png(draw_reliability(report.reliability, report.ece)),
        f"Share of right answers over their mean probability, in {len(report.reliability)} bins.",
        min_width="20rem;max-width:34rem",
    )
    return (
        f"<p>On average it gives its answers the probability {mean:.3f}, and {report.accuracy:.3f} of them are right: it is {verdict}. "
        f"Answer by answer its probabilities are off by about {report.ece:.3f} (95 % interval {low:.3f} to {high:.3f}).</p>"
        "<p>Below, answers of like probability are taken together. Above the dashed line they are right more often than their probability "
        f"says, below it less often. Bars are 95 % intervals.</p>{picture}"
    )


def _mistakes(report: "ClassificationReport") -> str:
    if not report.worst:
        return ""
    n_wrong = report.n_photos - int(report.confusion.diagonal().sum())
    return (
        f"<p>The {len(report.worst)} of {n_wrong} wrong answers that it was most certain of, each with the probabilities of "
        "answer and true class. Some may be wrong labels.</p>"
        + _sheet([mistake.tile() for mistake in report.worst], "sheet wrong")
    )


def _photos(background: Background) -> str:
    return f"<p>From {escape(background.photos_from)}, as the network sees them.</p>" + _sheet(background.photos, "sheet")


def _history(background: Background) -> str:
    told = "".join(f"<h3>{escape(heading)}</h3>{_list(sentences)}" for heading, sentences in background.facts.items())
    if not background.history:
        return told
    curves = _picture(to_png(draw_history(background.history)), "Loss and accuracy over the epochs of training.", min_width="40rem")
    return f"{told}<h3>Curves of the training</h3>{curves}"


def _figures(report: "ClassificationReport") -> list[tuple[str, float, str]]:
    return [(name, value, "{:.3f} to {:.3f}".format(*report.intervals[key])) for name, key, value in report.headline()]


def _scores(report: "ClassificationReport") -> list[tuple[str, float, float, float, int]]:
    return [(name, s.precision, s.recall, s.f1, s.support) for name, s in report.per_class.items()]


def _trained_on(background: Background | None, name: str) -> tuple[int, ...]:
    return (background.class_counts.get(name, 0),) if background else ()


class _Bar(float):
    """A share that a page draws as a bar."""


def _of_100(share: float) -> str:
    """Word a share as a number of 100 photos.

    Example:
        >>> _of_100(0.932), _of_100(0.9964), _of_100(1.0)
        ('93', '99.6', '100')
    """
    return f"{100 * share:.1f}" if 0.985 < share < 1 else f"{100 * share:.0f}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [[_cell(value).replace("|", "\\|") for value in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *lines)]


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def cell(value: object) -> str:
        if isinstance(value, _Bar):
            return f'<td class="bar"><i style="width:{100 * value:.1f}%"></i></td>'
        return f"<td{' class=words' if isinstance(value, str) else ''}>{escape(_cell(value))}</td>"

    filled = list(rows)
    are_words = [any(isinstance(row[place], str) for row in filled) for place in range(len(columns))]
    head = "".join(f"<th{' class=words' if is_words else ''}>{name}</th>" for name, is_words in zip(columns, are_words, strict=True))
    body = "\n".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in filled)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _list(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""


def _sheet(tiles: Iterable[Tile], kind: str) -> str:
    figures = [
        f"<figure>{_image(to_jpeg(tile.photo), 'jpeg', ', '.join(tile.lines)) if tile.photo is not None else ''}"
        f"<figcaption>{''.join(f'<span>{escape(line)}</span>' for line in tile.lines)}</figcaption></figure>"
        for tile in tiles
    ]
    return f'<div class="{kind}">' + "\n".join(figures) + "</div>"


def _picture(png: bytes, description: str, *, min_width: str) -> str:
    return f'<div class="wide">{_image(png, "png", description, f"min-width:{min_width}")}</div>'


def _image(content: bytes, kind: str, description: str, style: str = "") -> str:
    data = b64encode(content).decode()
    return f'<img alt="{escape(description)}" style="{style}" src="data:image/{kind};base64,{data}">'
