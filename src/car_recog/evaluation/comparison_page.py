"""A comparison of classifiers as text for people: Markdown, and one HTML page that holds all its pictures."""

from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

from car_recog.evaluation.comparison_plots import draw_curves, draw_results
from car_recog.evaluation.page import Estimate, bullets, markdown_table, of_100, page, picture, sheet, table

if TYPE_CHECKING:
    from car_recog.evaluation.classifier_comparison import ClassifierComparison, Step

STEPS = ("from", "to", "gain in accuracy", "only the first right", "only the second right", "p")
_ENOUGH = 0.05
_HEADING = 14


def to_markdown(comparison: "ClassifierComparison") -> str:
    """Word the figures of a comparison as Markdown tables."""
    lines = [
        *markdown_table(*results(comparison)),
        "",
        f"{comparison.winner.report.n_photos:,} photos. The best is {comparison.winner.name}. {_choice(comparison)}",
        "",
        *markdown_table(STEPS, steps(comparison)),
    ]
    return "\n".join(lines) + "\n"


def to_html(comparison: "ClassifierComparison") -> str:
    """Make the page; see `page.page`.

    Raises:
        OptionError: Matplotlib is not installed.
    """
    report = comparison.winner.report
    when = f", judged on {report.background.date}" if report.background else ""
    title = f"{len(comparison.contenders)} classifiers compared"
    return page(title, f"{report.n_photos:,} photos of {len(report.per_class)} classes{when}", _sections(comparison))


def _sections(comparison: "ClassifierComparison") -> dict[str, str]:
    """Give the content of the page by heading; empty where there is nothing to tell."""
    skipped = comparison.winner.report.skipped.items()
    return {
        "Which is best": _headline(comparison),
        "Is each step more than chance": _tested(comparison),
        "How they learned": _curves(comparison),
        "Class by class": _classes(comparison),
        "Photos with the answers of the best": _answers(comparison),
        "How they came to be": _facts(comparison),
        "Photos that could not be decoded": bullets(f"{source}: {message}" for source, message in skipped),
    }


def _headline(comparison: "ClassifierComparison") -> str:
    best = comparison.winner
    spread = "{} and {}".format(*map(of_100, best.report.intervals["accuracy"]))
    drawn = picture(draw_results(comparison.contenders), "Accuracy with interval, and log loss, of each classifier.", min_width="40rem")
    return (
        f"<p><b>The best is {escape(best.name)}: of 100 photos it names about {of_100(best.report.accuracy)} rightly, with 95 % confidence "
        f"between {spread}.</b> {_choice(comparison)}</p>{table(*results(comparison))}"
        '<p class="soft">Small figures: 95 % intervals. Validation: accuracy on the validation photos. Macro F1: mean over the classes, so '
        "that a rare one counts as much as a frequent one. Log loss: how little probability the true class was given; lower is better. "
        "Seconds: of the training. MB: of the network's numbers. Photos/s: of answers, on this machine, photos decoded before.</p>"
        f"{drawn}"
    )


def _choice(comparison: "ClassifierComparison") -> str:
    if comparison.is_validated:
        return "It was chosen on the validation photos, by accuracy and then by log loss; the photos judged here had no say."
    return "It was chosen on the very photos judged here, which flatters it a little."


def results(comparison: "ClassifierComparison") -> tuple[list[str], list[list[object]]]:
    """Give columns and rows of the main table."""
    columns = ["classifier", "accuracy", "macro F1", "log loss", "seconds", "parameters", "MB", "photos/s"]
    rows: list[list[object]] = []
    for one in comparison.contenders:
        report = one.report
        figures = [Estimate(getattr(report, name), report.intervals[name]) for name in ("accuracy", "macro_f1")]
        costs = [round(one.seconds), one.n_parameters, one.megabytes, round(one.photos_per_second)]
        rows.append([one.name, *figures, one.log_loss, *costs])
    if comparison.is_validated:
        columns.insert(1, "validation")
        for row, one in zip(rows, comparison.contenders, strict=True):
            row.insert(1, one.val_accuracy)
    return columns, rows


def steps(comparison: "ClassifierComparison") -> list[list[object]]:
    """Give the rows of the table of steps, whose columns are `STEPS`."""
    return [
        [step.first, step.second, Estimate(step.gain, step.interval), step.n_only_first, step.n_only_second, f"{step.p_value:.2g}"]
        for step in comparison.steps
    ]


def _tested(comparison: "ClassifierComparison") -> str:
    if not comparison.steps:
        return ""
    return (
        "<p>Each is set against the one before it, on the same photos. What both name rightly, or both wrongly, tells nothing; photos "
        "that one alone names rightly do. p, of McNemar's exact test: how often chance alone would make two equally good classifiers "
        "differ by so much. It takes photos as independent; where several show one car, trust the interval of the gain, which draws "
        "groups as a whole.</p>" + table(STEPS, steps(comparison)) + bullets(map(_worded, comparison.steps))
    )


def _worded(step: "Step") -> str:
    pair = f"{step.second} against {step.first}"
    if step.p_value < _ENOUGH:
        return f"{pair}: {'better' if step.gain > 0 else 'worse'}, and hardly by chance."
    return f"{pair}: chance alone may have made the difference."


def _curves(comparison: "ClassifierComparison") -> str:
    if not any(one.history for one in comparison.contenders):
        return ""
    drawn = picture(draw_curves(comparison.contenders), "Accuracy and loss of each over the epochs.", min_width="40rem")
    return (
        "<p>Where the dotted line climbs on and the solid one does not, the photos of the training are learned by heart. The loss in "
        f"training is of augmented photos and may hold penalties, so it may lie above that of the validation.</p>{drawn}"
    )


def _classes(comparison: "ClassifierComparison") -> str:
    scores = [one.report.per_class for one in comparison.contenders]
    known = {name: score.support for name, score in scores[0].items() if score.support}
    rows = [[name, n_photos, *(of_one[name].f1 for of_one in scores)] for name, n_photos in known.items()]
    names = ["<br>".join(map(escape, wrap(one.name, _HEADING))) for one in comparison.contenders]
    return f"<p>F1 of each: precision and recall in one figure.</p>{table(['class', 'photos', *names], rows)}"


def _answers(comparison: "ClassifierComparison") -> str:
    if not comparison.answers:
        return ""
    return "<p>Photos that were judged, as the network sees them, with answer and probability.</p>" + sheet(comparison.answers, "sheet")


def _facts(comparison: "ClassifierComparison") -> str:
    """Tell once what all share, and of each what is its own."""
    told = [
        [sentence for sentences in one.report.background.facts.values() for sentence in sentences] if one.report.background else []
        for one in comparison.contenders
    ]
    shared = [sentence for sentence in told[0] if len(told) > 1 and all(sentence in sentences for sentences in told)]
    parts = [("All of them", shared)]
    parts += [(one.name, [s for s in sentences if s not in shared]) for one, sentences in zip(comparison.contenders, told, strict=True)]
    return "".join(f"<h3>{escape(name)}</h3>{bullets(sentences)}" for name, sentences in parts if sentences)
