"""A report on pairs as text for people: Markdown, and one HTML page that holds all its pictures."""

from typing import TYPE_CHECKING

from car_recog.evaluation.operating_points import equal_error_rate, point_at, point_at_far
from car_recog.evaluation.page import Estimate, bullets, cards, figures, history, markdown_table, of_100, page, picture, sheet, table
from car_recog.evaluation.pair_bootstrap import FARS, tar_key
from car_recog.evaluation.plots import draw_reliability
from car_recog.evaluation.verification_plots import draw_det, draw_pair_scores, draw_roc, draw_threshold

if TYPE_CHECKING:
    from car_recog.evaluation.verification import VerificationReport

_FEW_IDENTITIES = 20
_MEANING = {
    "accuracy": "share of the pairs that are judged rightly at the stored threshold",
    "far": "false accept rate: share of the pairs of two cars that are taken for the same car",
    "frr": "false reject rate: share of the pairs of the same car that are taken for two",
    "eer": "FAR and FRR at the threshold of these very pairs where they balance, whatever threshold is stored",
    "auc": "how often a pair of the same car scores higher than a pair of two; 0.5 is chance",
    "ece": "how far the probabilities are off, on average; 0 is best, and chance alone makes it a little larger than 0",
    "brier": "mean squared distance of probability and truth; always saying 0.5 gives 0.25",
}


def notes(report: "VerificationReport") -> tuple[str, ...]:
    """Word what to know before reading the figures."""
    told = []
    if report.threshold is None:
        told.append(
            "No threshold is stored, so accuracy, FAR and FRR are not told, and mistakes are those at the threshold of the equal error "
            f"rate, {report.eer_threshold:.3f}. Calibrate the verifier to choose one, on other pairs than these."
        )
    told += [
        f"TAR at FAR {far} is not told: it takes at least {round(10 / far):,} impostor pairs, and there are {report.n_impostor:,}."
        for far, tar in report.tar_at_far.items()
        if tar is None
    ]
    against = [(f"FAR against {kind}", one.far, one.n_impostor) for kind, one in report.by_kind.items()]
    for name, rate, n in (("FAR", report.far, report.n_impostor), ("FRR", report.frr, report.n_genuine), *against):
        if rate == 0:
            told.append(
                f"{name} is 0 on {n:,} pairs, so there was no mistake to draw an interval from: chance alone may hide a rate of up to "
                f"{min(3 / n, 1):.2g}, and more because pairs share cars."
            )
    if report.n_identities < _FEW_IDENTITIES:
        told.append(f"The pairs come from {report.n_identities} cars only: intervals from so few are rough.")
    return tuple(told)


def to_markdown(report: "VerificationReport") -> str:
    """Word the figures of a report as Markdown tables."""
    skipped = f"; photos not decoded: {len(report.skipped)}" if report.skipped else ""
    told = figures(report.headline(), report.intervals)
    lines = [*markdown_table(("figure", "value", "95 % interval"), told), "", f"{_counts(report)}{skipped}.", ""]
    lines += [f"- {note}" for note in report.notes] + [""] * bool(report.notes)
    lines += markdown_table(("threshold", "score", "FAR", "FRR"), _thresholds(report))
    if report.by_kind:
        lines += ["", *markdown_table(*_kinds(report))]
    return "\n".join(lines) + "\n"


def to_html(report: "VerificationReport") -> str:
    """Make the page; see `page.page`.

    Raises:
        OptionError: Matplotlib is not installed.
    """
    background = report.background
    title = background.title if background else "Report on pairs of photos"
    when = f", judged on {background.date}" if background else ""
    return page(title, _counts(report) + when, _sections(report))


def _sections(report: "VerificationReport") -> dict[str, str]:
    """Give the content of the page by heading; empty where there is nothing to tell."""
    background = report.background
    photos = background.photos if background else ()
    return {
        "How good it is": _headline(report),
        "Against each kind of impostor": _by_kind(report),
        "How the scores are spread": _scores(report),
        "Where to put the threshold": _operating_points(report),
        "How far its probabilities can be believed": _calibration(report),
        "Different cars it took for the same": _mistakes(report, is_genuine=False),
        "The same car taken for two": _mistakes(report, is_genuine=True),
        "Photos and their cars": f"<p>{len(photos)} photos as the network sees them.</p>" + sheet(photos, "sheet") if photos else "",
        "How it came to be": history(background.facts, background.history) if background else "",
        "Photos that could not be decoded": bullets(f"{source}: {message}" for source, message in report.skipped.items()),
    }


def _headline(report: "VerificationReport") -> str:
    meanings = [f"{name}: {_MEANING.get(key) or _tar_meaning(key)}." for name, key, _ in report.headline()]
    return (
        f"<p><b>{_in_words(report)}</b> That holds for photos and cars like those judged here.</p>"
        f"{bullets(_base_rates(report))}{cards(figures(report.headline(), report.intervals))}"
        '<p class="soft">Small figures: 95 % intervals, from a thousand draws of cars. All are shares between 0 and 1.</p>'
        f"{bullets(report.notes)}<h3>What the figures mean</h3>{bullets(meanings)}"
    )


def _in_words(report: "VerificationReport") -> str:
    if report.far is None or report.frr is None:
        return (
            f"No threshold is stored yet. At the best balance, about {of_100(report.eer)} of 100 pairs are judged wrongly, of either kind: "
            f"with 95 % confidence {of_100(report.intervals['eer'][0])} to {of_100(report.intervals['eer'][1])}."
        )
    spans = {name: "{} to {}".format(*map(of_100, report.intervals[name])) for name in ("far", "frr")}
    return (
        f"Of 100 pairs of the same car about {of_100(1 - report.frr)} are recognised, and {of_100(report.frr)} are missed (with 95 % "
        f"confidence {spans['frr']}). Of 100 pairs of two cars about {of_100(report.far)} are taken for the same ({spans['far']})."
    )


def _base_rates(report: "VerificationReport") -> list[str]:
    """Tell what an acceptance is worth where genuine pairs are frequent and where they are rare."""
    if report.far is None or report.frr is None or not report.far:
        return []
    told = []
    for share, name in ((0.5, "every second pair is"), (0.01, "one pair of 100 is")):
        right, wrong = (1 - report.frr) * share, report.far * (1 - share)
        told.append(f"Where {name} of the same car, about {of_100(right / (right + wrong))} of 100 accepted pairs are accepted rightly.")
    return told


def _tar_meaning(key: str) -> str:
    far = float(key.removeprefix("tar_at_far_"))
    return f"share of the pairs of the same car that are recognised where {of_100(far)} of 100 pairs of two cars may pass"


def _by_kind(report: "VerificationReport") -> str:
    if not report.by_kind:
        return ""
    return (
        "<p>Some impostors are harder than others. A verifier that is good against any impostor may see the colour of a car and little "
        "else: the rows tell. Each row sets the same pairs of one car against one kind of impostor; EER is the equal error rate, "
        "FAR that of the stored threshold. A dash: too few impostor pairs.</p>" + table(*_kinds(report))
    )


def _scores(report: "VerificationReport") -> str:
    drawn = picture(draw_pair_scores(report), "Histograms of the scores, of genuine pairs and of impostors.", min_width="36rem")
    return (
        "<p>The score says how alike two photos are. Pairs right of the dashed line are taken for the same car. The less the blue "
        f"histogram and the others lie over each other, the better they can be told apart.</p>{drawn}"
    )


def _operating_points(report: "VerificationReport") -> str:
    over = picture(draw_threshold(report), "False accept and false reject rate over the threshold.", min_width="36rem")
    roc, det = (
        picture(draw(report), description, min_width="20rem;max-width:36rem")
        for draw, description in ((draw_roc, "True accept rate over false accept rate."), (draw_det, "FRR over FAR, normal deviates."))
    )
    return (
        "<p>A higher threshold accepts fewer pairs: fewer false accepts, more false rejects. The thresholds below, other than the stored "
        "one, were found on these very pairs and so flatter a little; to choose one, use pairs that are not needed for judging.</p>"
        + table(("threshold", "score", "FAR", "FRR"), _thresholds(report))
        + over
        + "<h3>All thresholds at once (ROC)</h3><p>The nearer a curve comes to the upper left corner, the better.</p>"
        + roc
        + "<h3>The same for small rates (DET)</h3><p>Axes are stretched so that small rates have room. The nearer a curve comes to the "
        f"lower left corner, the better; the equal error rate lies on the dotted line.</p>{det}"
    )


def _calibration(report: "VerificationReport") -> str:
    if report.ece is None:
        return ""
    n_pairs = sum(one.n_photos for one in report.reliability)
    mean, share = sum(one.confidence * one.n_photos for one in report.reliability) / n_pairs, report.n_genuine / report.n_pairs
    low, high = report.intervals["ece"]
    curve = draw_reliability(report.reliability, report.ece, unit="pairs")
    drawn = picture(curve, "Share of genuine pairs over probability.", min_width="20rem;max-width:34rem")
    return (
        f"<p>On average it gives pairs the probability {mean:.3f} of showing the same car, and {share:.3f} of them do. Pair by pair its "
        f"probabilities are off by about {report.ece:.3f} (95 % interval {low:.3f} to {high:.3f}). They hold where pairs of the same car "
        "are as frequent as among the pairs of the calibration; where they are rarer the probabilities are too high.</p>"
        "<p>Below, pairs of like probability are taken together. Above the dashed line they show the same car more often than the "
        f"probability says, below it less often. Bars are 95 % intervals as if no two pairs shared a car, so somewhat too short.</p>{drawn}"
    )


def _mistakes(report: "VerificationReport", *, is_genuine: bool) -> str:
    tiles = report.mistakes(is_genuine=is_genuine)
    if not tiles:
        return ""
    threshold = report.eer_threshold if report.threshold is None else report.threshold
    point = point_at(report.scores, report.is_genuine, threshold)
    n_wrong = round(point.frr * report.n_genuine if is_genuine else point.far * report.n_impostor)
    which = "lowest" if is_genuine else "highest"
    return (
        f"<p>{len(tiles)} of {n_wrong:,}, those of the {which} score. The threshold is {threshold:.3f}. Some may be wrong labels.</p>"
        + sheet(tiles, "sheet pairs wrong")
    )


def _counts(report: "VerificationReport") -> str:
    kinds = f"{report.n_genuine:,} of the same car and {report.n_impostor:,} of two"
    return f"{report.n_pairs:,} pairs of {report.n_identities:,} cars, {kinds}"


def _kinds(report: "VerificationReport") -> tuple[list[str], list[list[object]]]:
    """Give columns and rows of the table of kinds; a figure that is known of no kind has no column."""
    columns = {"eer": "EER", "auc": "AUC", "far": "FAR"} | {tar_key(far): f"TAR at FAR {far}" for far in FARS}
    values: dict[str, dict[str, float | None]] = {}
    for kind, one in report.by_kind.items():
        tars = {tar_key(far): tar for far, tar in one.tar_at_far.items()}
        values[kind] = {"eer": one.eer, "auc": one.auc, "far": one.far} | tars
    known = [name for name in columns if any(figures[name] is not None for figures in values.values())]
    rows: list[list[object]] = [
        [kind, one.n_impostor, *(Estimate(values[kind][name], one.intervals.get(name)) for name in known)]
        for kind, one in report.by_kind.items()
    ]
    return ["kind of impostor", "pairs", *(columns[name] for name in known)], rows


def _thresholds(report: "VerificationReport") -> list[tuple[str, float, float, float]]:
    judged = report.scores, report.is_genuine
    points = {} if report.threshold is None else {"stored": point_at(*judged, report.threshold)}
    points["equal error rate"] = equal_error_rate(*judged)
    points |= {f"FAR at most {far}": point_at_far(*judged, far) for far, tar in report.tar_at_far.items() if tar is not None}
    return [(name, point.threshold, point.far, point.frr) for name, point in points.items()]
