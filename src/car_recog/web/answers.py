"""Answers as pieces of the page. Everything that comes from data is escaped, and nothing carries a style or a script of its own."""

from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from car_recog.web.schemas import Classification, SearchAnswer, VerificationAnswer
from car_recog.web.wording import percent, shown

_TEXT_MARGIN = 12.0  # percent of the scale's width from its ends, where a text in the middle of its mark would be cut off


def classified(answer: Classification, *, is_explained: bool, contact_url: str | None = None) -> str:
    """Show what a photo shows: the verdict, the levels of a hierarchy, the other candidates, and the heatmap where there is one.

    Args:
        answer: The answer.
        is_explained: Whether the heatmap was asked for.
        contact_url: Where to ask about the car found; `{class_name}` in it becomes the class.
    """
    notes = []
    if answer.rejected is None:
        notes.append("Not calibrated: the percentages tend to be too high, and no photo is turned down.")
    elif answer.rejected:
        notes.append("This answer is turned down: photos like this one are too often answered wrongly.")
    rows = [
        f'<tr><th scope="row">{escape(shown(one.class_name))}</th><td class="long">{bar(one.probability)}</td>'
        f"<td>{percent(one.probability)}</td></tr>"
        for one in answer.top
    ]
    levels = [
        f"<li><span>{escape(shown(level.name))}</span> <b>{escape(level.value)}</b> {percent(level.probability)}"
        f"{_sure(level.is_sure)}</li>"
        for level in answer.hierarchy
    ]
    body = f'<ul class="levels">{"".join(levels)}</ul>' if levels else ""
    body += f'<table class="bars"><caption>How probable each is</caption><tbody>{"".join(rows)}</tbody></table>'
    body += _asking("classify", is_explained=is_explained, link=_contact(answer, contact_url))
    if is_explained:
        body += _heatmaps([answer.heatmap], f"what spoke for {shown(answer.class_name)}")
    return _answer(answer.verdict, body, mood="doubt" if answer.rejected else "", notes=notes)


def verified(answer: VerificationAnswer, *, is_explained: bool) -> str:
    """Show whether two photos show the same car: the verdict, the score on its scale, and the heatmaps where there are any."""
    figures = [("Score", f"{answer.score:.3f}")]
    if answer.threshold is not None:
        figures.append(("Threshold", f"{answer.threshold:.3f}"))
    if answer.probability is not None:
        figures.append(("Probability of the same car", percent(answer.probability)))
    body = scale(answer.score, threshold=answer.threshold, band=answer.abstain_scores)
    body += '<dl class="figures">' + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures) + "</dl>"
    if answer.probability is not None:
        body += '<p class="soft">The probability holds where pairs of the same car are as frequent as in the calibration.</p>'
    body += _asking("verify", is_explained=is_explained)
    if is_explained:
        body += _heatmaps(answer.heatmaps or [None], "what makes the two alike")
    return _answer(answer.verdict, body, mood="doubt" if answer.is_uncertain or answer.is_same is None else "")


def found(answer: SearchAnswer) -> str:
    """Show which enrolled cars are most alike: the verdict, then one line for each name."""
    rows = []
    for match in answer.matches:
        picture = f'<img src="{escape(match.thumbnail)}" alt="Enrolled photo of {escape(match.name)}">' if match.thumbnail else ""
        under = " under" if answer.threshold is not None and match.score < answer.threshold else ""
        rows.append(
            f'<li class="match{under}">{picture or "<span class=blank></span>"}<b>{escape(match.name)}</b>'
            f'{bar(match.score, mark=answer.threshold)}<span class="number">{match.score:.3f}</span></li>'
        )
    line = "" if answer.threshold is None else f" The line is the threshold, {answer.threshold:.3f}."
    body = f'<p class="soft">The most similar photo of each name, by score.{line}</p><ol class="matches">{"".join(rows)}</ol>'
    return _answer(answer.verdict, body if rows else "", mood="" if answer.is_known else "doubt")


def refused(sentence: str) -> str:
    """Show why there is no answer, and what to do."""
    return f'<article class="result bad"><h3>No answer</h3><p>{escape(sentence)}</p></article>'


def bar(share: float, *, mark: float | None = None) -> str:
    """Draw a share as a bar, with a line across it at `mark`. For eyes only: the number stands beside it."""
    filled = f'<rect class="filled" width="{_percent_of(share)}" height="100%" rx="3"/>'
    line = "" if mark is None else f'<line class="mark" x1="{_percent_of(mark)}" x2="{_percent_of(mark)}" y1="0" y2="100%"/>'
    return f'<svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="100%" rx="3"/>{filled}{line}</svg>'


def scale(score: float, *, threshold: float | None, band: Sequence[float] | None) -> str:
    """Draw a score on its scale, with the threshold and the scores between which a person should look.

    The scale reaches from 0 to 1, and from -1 where one of them is negative.
    """
    low = -1 if min(score, 0 if threshold is None else threshold, *(band or [])) < 0 else 0
    told = [f"Score {score:.3f} on a scale from {low} to 1"]

    def place(value: float) -> float:
        return min(max(100 * (value - low) / (1 - low), 0.0), 100.0)

    def text(value: float, y: int, words: str, kind: str) -> str:
        at = place(value)
        anchor = "start" if at < _TEXT_MARGIN else "end" if at > 100 - _TEXT_MARGIN else "middle"
        return f'<text class="{kind}" x="{at:.2f}%" y="{y}" text-anchor="{anchor}">{words}</text>'

    parts = ['<rect class="track" y="28" width="100%" height="12" rx="3"/>']
    if threshold is not None:
        at = place(threshold)
        told.append(f"threshold {threshold:.3f}")
        parts.append(f'<rect class="same" x="{at:.2f}%" y="28" width="{100 - at:.2f}%" height="12" rx="3"/>')
    if band is not None:
        start, end = place(band[0]), place(band[1])
        told.append(f"a person should look from {band[0]:.3f} to {band[1]:.3f}")
        parts.append(f'<rect class="band" x="{start:.2f}%" y="28" width="{end - start:.2f}%" height="12"/>')
    if threshold is not None:
        parts.append(f'<line class="mark" x1="{at:.2f}%" x2="{at:.2f}%" y1="24" y2="46"/>')
        parts.append(text(threshold, 60, f"threshold {threshold:.3f}", "soft"))
    parts.append(f'<circle class="score" cx="{place(score):.2f}%" cy="34" r="8"/>' + text(score, 16, f"{score:.3f}", "strong"))
    parts.append(f'<text class="soft" x="0" y="80">{low} different cars</text>')
    parts.append('<text class="soft" x="100%" y="80" text-anchor="end">same car 1</text>')
    caption = f'<figcaption><span class="swatch"></span>{told[2].capitalize()}.</figcaption>' if len(told) > 2 else ""
    return f'<figure class="scale"><svg role="img" aria-label="{"; ".join(told)}.">{"".join(parts)}</svg>{caption}</figure>'


def _answer(verdict: str, body: str, *, mood: str, notes: Iterable[str] = ()) -> str:
    told = "".join(f"<p>{escape(note)}</p>" for note in notes)
    said, colon, why = verdict.partition(": ")
    heading = escape(said) + (f"{colon}<span>{escape(why)}</span>" if why else "")
    return f'<article class="result {mood}"><h3>{heading}</h3>{told}{body}</article>'


def _sure(is_sure: bool | None) -> str:
    return "" if is_sure is None else ' <em class="sure">sure</em>' if is_sure else ' <em class="unsure">not sure</em>'


def _asking(task: str, *, is_explained: bool, link: str = "") -> str:
    """Offer what can be asked next. The button sends the form again, so it needs the photo still to be in it: scripts keep it there."""
    button = f'<button type="submit" form="{task}-form" name="explain" value="true" class="scripted">Show where it looked</button>'
    offered = ("" if is_explained else button) + link
    return f'<p class="actions">{offered}</p>' if offered else ""


def _contact(answer: Classification, contact_url: str | None) -> str:
    if contact_url is None or answer.rejected:
        return ""
    url = contact_url.replace("{class_name}", quote(answer.class_name, safe=""))
    return f'<a class="button" href="{escape(url)}" rel="noreferrer">Ask about this: {escape(shown(answer.class_name))}</a>'


def _heatmaps(pictures: Sequence[str | None], what: str) -> str:
    images = "".join(f'<img src="{escape(picture)}" alt="Heatmap: {escape(what)}">' for picture in pictures if picture)
    caption = f"Where it looked: yellow is {escape(what)} most, grey what did not count."
    empty = f"No place stands out: nothing shows {escape(what)}."
    return f'<figure class="heatmaps">{images}<figcaption>{caption if images else empty}</figcaption></figure>'


def _percent_of(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"
