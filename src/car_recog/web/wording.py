"""Answers as sentences, for the page and the API alike: the verdict first, and never more certain than the answer is."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from car_recog.gallery import SearchResult
    from car_recog.prediction import Prediction, Verification

_STRANGENESS = ("energy", "class_means")  # scores that are low for what is of no class; max_softmax is low for what is between classes
_NOUNS = {"parts": "part", "models": "car"}


def classify_verdict(answer: "Prediction", *, recogniser: str, rejected_by: str | None = None) -> str:
    """Say what a photo shows.

    Args:
        answer: What the classifier says.
        recogniser: `"parts"` or `"models"`: what a class is one of.
        rejected_by: The score that rejects (`classifier.calibration.score`); None without a calibration.
    """
    told = f"{shown(answer.class_name)}, {percent(answer.probability)}."
    if answer.rejected and rejected_by in _STRANGENESS:
        return f"Not a {_NOUNS[recogniser]} I know. The nearest is {told}"
    if answer.rejected:
        return f"Not sure: perhaps {told}"
    if not answer.hierarchy or answer.hierarchy[0].is_sure is None:
        return told
    return _walked(answer)


def _walked(answer: "Prediction") -> str:
    """Word a hierarchy: what is sure, and below it what is likely."""
    sure = " ".join(level.value for level in answer.hierarchy if level.is_sure)
    open_levels = [level for level in answer.hierarchy if not level.is_sure]
    if not open_levels:
        return f"{sure} for sure, {percent(answer.hierarchy[-1].probability)}."
    last = open_levels[-1]
    doubt = "likely" if last.probability >= 0.5 else "perhaps"
    told = f"{doubt} {' '.join(level.value for level in open_levels)}, {percent(last.probability)}."
    return f"{sure} for sure, {told}" if sure else told[0].upper() + told[1:]


def verify_verdict(answer: "Verification") -> str:
    """Say whether two photos show the same car, and how often the calibration's pairs would say otherwise."""
    if answer.is_same is None:
        return f"Score {answer.score:.3f}. This verifier has no threshold yet: calibrate it."
    if answer.is_uncertain:
        return "Not sure: a person should look."
    verdict, kind, end = ("Same car", "different cars", "high") if answer.is_same else ("Different cars", "the same car", "low")
    share = answer.impostors_above if answer.is_same else answer.genuine_below
    if share is None:
        side = "at or above" if answer.is_same else "below"
        return f"{verdict}: score {answer.score:.3f}, {side} the threshold {answer.threshold:.3f}."
    return f"{verdict}: in the calibration pairs, {_of_many(share)} of {kind} scored this {end}."


def search_verdict(answer: "SearchResult") -> str:
    """Say whether the car of a photo is in the gallery."""
    if not answer.matches:
        return "The gallery is empty: enrol photos with `car-recog gallery add`."
    best = answer.matches[0]
    if answer.threshold is None:
        return f"Nearest: {best.name}, score {best.score:.3f}. The verifier has no threshold yet: calibrate it to hear whether it is known."
    if answer.is_known:
        return f"Found: {best.name}, score {best.score:.3f}, at or above the threshold {answer.threshold:.3f}."
    return f"Not in this gallery: the nearest, {best.name}, scores {best.score:.3f}, below the threshold {answer.threshold:.3f}."


def percent(share: float) -> str:
    """Word a probability as a percentage; what is not certain never reads 0 % or 100 %.

    Example:
        >>> percent(0.931), percent(0.9964), percent(0.99999), percent(0.004), percent(0.0)
        ('93 %', '99.6 %', 'over 99.9 %', '0.4 %', 'under 0.1 %')
    """
    if share >= 0.9995:
        return "over 99.9 %"
    if share < 0.0005:
        return "under 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.0095 or share >= 0.985 else f"{100 * share:.0f} %"


def shown(name: str) -> str:
    """Write the name of a class as a person would.

    Example:
        >>> shown("steering_wheel")
        'Steering wheel'
    """
    spaced = name.replace("_", " ")
    return spaced[:1].upper() + spaced[1:]


def _of_many(share: float) -> str:
    """Word a share of pairs as so many of 100, and a rare one as one of so many."""
    if share == 0:
        return "no pair"
    return f"1 of {round(1 / share):,} pairs" if share < 0.01 else f"{100 * share:.0f} of 100 pairs"
