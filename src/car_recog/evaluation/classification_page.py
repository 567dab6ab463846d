"""A report on classes as text for people: Markdown, and one HTML page that holds all its pictures."""

from html import escape
from typing import TYPE_CHECKING

from car_recog.evaluation.page import Bar, Estimate, bullets, cards, figures, history, markdown_table, of_100, page, picture, sheet, table
from car_recog.evaluation.plots import MAX_IN_ORDER, draw_confusion, draw_coverage, draw_reliability
from car_recog.evaluation.report import Background

if TYPE_CHECKING:
    from car_recog.evaluation.classification import ClassificationReport

_MEANING = {
    "accuracy": "the most probable class is right",
    "macro_f1": "mean over the classes of F1, so that a rare class counts as much as a frequent one",
    "accepted": "share of the photos that it does not reject",
    "accepted_accuracy": "share of the answers right of those that it does not reject",
    "ece": "how far the probabilities are off, on average; 0 is best, and chance alone makes it a little larger than 0",
}


def to_markdown(report: "ClassificationReport") -> str:
    """Word the figures of a report as Markdown tables."""
    lines = [
        *markdown_table(("figure", "value", "95 % interval"), figures(report.headline(), report.intervals)),
        "",
        f"{report.n_photos} photos" + (f", {len(report.skipped)} more could not be decoded" if report.skipped else "") + ".",
        "",
        *markdown_table(("class", "precision", "recall", "F1", "photos"), _scores(report)),
    ]
    lines += ["", "Where only answers from a probability on are kept:", "", *markdown_table(*_kept(report))]
    if confused := report.confusions():
        lines += ["", "Most frequent confusions:", "", *markdown_table(("true class", "answer", "photos", "share of the class"), confused)]
    return "\n".join(lines) + "\n"


def to_html(report: "ClassificationReport") -> str:
    """Make the page; see `page.page`.

    Raises:
        OptionError: Matplotlib is not installed.
    """
    background = report.background
    title = background.title if background else f"Report on {len(report.class_names)} classes"
    when = f", judged on {background.date}" if background else ""
    return page(title, f"{report.n_photos:,} photos{when}", _sections(report))


def _sections(report: "ClassificationReport") -> dict[str, str]:
    """Give the content of the page by heading; empty where there is nothing to tell."""
    background = report.background
    skipped = [f"{source}: {message}" for source, message in report.skipped.items()]
    scores = [(name, p, r, f1, Bar(f1), n, *_trained_on(background, name)) for name, p, r, f1, n in _scores(report)]
    columns = ("class", "precision", "recall", "F1", "", "photos", *(("training photos",) if background else ()))
    photos = f"<p>From {escape(background.photos_from)}, as the network sees them.</p>" if background else ""
    return {
        "How good it is": _headline(report),
        "What it confuses": _confused(report),
        "Class by class": "<p>Precision: how many of the photos called a class are of it. Recall: how many of its photos are found. "
        "F1: both in one.</p>" + table(columns, scores),
        "How far its probabilities can be believed": _calibration(report),
        "What leaving out unsure answers is worth": _coverage(report),
        "Its worst mistakes": _mistakes(report),
        "Photos and their classes": photos + sheet(background.photos, "sheet") if background else "",
        "How it came to be": history(background.facts, background.history) if background else "",
        "Photos that could not be decoded": bullets(skipped),
    }


def _headline(report: "ClassificationReport") -> str:
    low, high = report.intervals["accuracy"]
    counts = (f"{of_100(report.accuracy)} are named rightly", f"with 95 % confidence between {of_100(low)} and {of_100(high)}")
    meanings = [f"{name}: {_MEANING.get(key) or _top_meaning(key)}." for name, key, _ in report.headline()]
    return (
        f"<p><b>Of 100 photos about {counts[0]}; {counts[1]}.</b> That holds for photos like those judged here: of other cameras, other "
        f"places or other cars it may be otherwise.</p>{cards(figures(report.headline(), report.intervals))}"
        f'<p class="soft">Small figures: 95 % intervals. All are shares between 0 and 1.</p>{bullets(meanings)}'
    )


def _top_meaning(key: str) -> str:
    return f"the right class is among the {key.removeprefix('top_')} most probable"


def _confused(report: "ClassificationReport") -> str:
    confused = report.confusions()
    if not confused:
        return "<p>Nothing: every photo was named rightly.</p>"
    n = len(report.class_names)
    drawn = picture(
        draw_confusion(report.confusion, report.class_names),
        f"Confusion matrix of {n} classes, true classes in rows, answers in columns. The table tells the most frequent confusions.",
        min_width=f"{min(34 + 1.3 * n, 160):.0f}rem",  # keeps the names of the classes readable
    )
    order = "" if n <= MAX_IN_ORDER else " Classes that are taken for each other stand side by side."
    return (
        table(("true class", "answer", "photos", "share of the class"), confused)
        + f"<p>A row is a true class, a column an answer. What lies off the diagonal is wrong.{order}</p>{drawn}"
    )


def _calibration(report: "ClassificationReport") -> str:
    mean = sum(one.confidence * one.n_photos for one in report.reliability) / report.n_photos
    gap = mean - report.accuracy
    verdict = "as sure as it should be" if abs(gap) < 0.005 else f"too {'sure of itself' if gap > 0 else 'careful'}, by {abs(gap):.3f}"
    low, high = report.intervals["ece"]
    drawn = picture(
        draw_reliability(report.reliability, report.ece),
        f"Share of right answers over their mean probability, in {len(report.reliability)} bins.",
        min_width="20rem;max-width:34rem",
    )
    return (
        f"<p>On average it gives its answers the probability {mean:.3f}, and {report.accuracy:.3f} of them are right: it is {verdict}. "
        f"Answer by answer its probabilities are off by about {report.ece:.3f} (95 % interval {low:.3f} to {high:.3f}).</p>"
        "<p>Below, answers of like probability are taken together. Above the dashed line they are right more often than their probability "
        f"says, below it less often. Bars are 95 % intervals.</p>{drawn}"
    )


def _coverage(report: "ClassificationReport") -> str:
    drawn = picture(
        draw_coverage(report.coverage_curve, report.kept_for),
        "Share of right answers over the share of the photos that are answered, and both over the threshold.",
        min_width="40rem",
    )
    most = report.coverage_curve.cautious_accuracy.max()
    missing = [f"{wanted:g}" for wanted, kept in report.kept_for.items() if not kept]
    short = f" A dash: these photos are too few, or too many answers are wrong; {most:.3f} is the most they reach." if missing else ""
    return (
        f"<p>Whoever answers every photo is right in {report.accuracy:.3f} of the cases. Whoever keeps only the answers from some "
        "probability on answers fewer photos, and is right more often. The thresholds below reach the accuracy wanted with one mistake "
        f"more than was seen, since they were chosen on these very photos.{short}</p>"
        + table(*_kept(report))
        + "<p>The shaded band is a 95 % interval. Dotted lines are the thresholds of the table.</p>"
        + drawn
    )


def _mistakes(report: "ClassificationReport") -> str:
    if not report.worst:
        return ""
    n_wrong = report.n_photos - int(report.confusion.diagonal().sum())
    return (
        f"<p>The {len(report.worst)} of {n_wrong} wrong answers that it was most certain of, each with the probabilities of "
        "answer and true class. Some may be wrong labels.</p>" + sheet([mistake.tile() for mistake in report.worst], "sheet wrong")
    )


def _kept(report: "ClassificationReport") -> tuple[list[str], list[list[object]]]:
    """Give columns and rows of the table of thresholds."""
    rows: list[list[object]] = []
    for wanted, kept in report.kept_for.items():
        if kept:
            spans = [report.intervals[f"{name}_at_{wanted}"] for name in ("coverage", "accuracy")]
            shares = (Estimate(share, span) for share, span in zip((kept.coverage, kept.accuracy), spans, strict=True))
            rows.append([f"{wanted:g}", kept.threshold, *shares])
        else:
            rows.append([f"{wanted:g}", *[Estimate(None)] * 3])
    return ["accuracy wanted", "probability from", "share answered", "accuracy there"], rows


def _scores(report: "ClassificationReport") -> list[tuple[str, float, float, float, int]]:
    return [(name, s.precision, s.recall, s.f1, s.support) for name, s in report.per_class.items()]


def _trained_on(background: Background | None, name: str) -> tuple[int, ...]:
    return (background.class_counts.get(name, 0),) if background else ()
