"""Sentences say what the answers say, and no more."""

import pytest

from car_recog.gallery import Match, SearchResult
from car_recog.prediction import Level, Prediction, Verification
from car_recog.web.wording import classify_verdict, percent, search_verdict, verify_verdict


def classified(probability=0.93, rejected=None, hierarchy=()):
    return Prediction("photo 0", "fog_light", probability, (("fog_light", probability),), rejected, hierarchy)


def levels(*sure, probability=0.62):
    values = zip(("make", "model"), ("Porsche", "911"), (0.97, probability), sure, strict=True)
    return tuple(Level(*value) for value in values)


def verified(score=0.834, threshold=0.61, **others):
    facts = {"probability": None, "is_same": None if threshold is None else score >= threshold, "is_uncertain": False}
    return Verification(score=score, threshold=threshold, **(facts | others))


def found(*scores, threshold=0.61):
    matches = [Match(name=f"car{place}", score=score, probability=None, source="x") for place, score in enumerate(scores)]
    return SearchResult(source="photo 0", matches=tuple(matches), threshold=threshold)


@pytest.mark.parametrize(
    ("answer", "rejected_by", "said"),
    [
        (classified(), None, "Fog light, 93 %."),
        (classified(0.41, rejected=True), "max_softmax", "Not sure: perhaps Fog light, 41 %."),
        (classified(0.41, rejected=True), "energy", "Not a part I know. The nearest is Fog light, 41 %."),
        (classified(hierarchy=levels(None, None)), None, "Fog light, 93 %."),
        (classified(rejected=False, hierarchy=levels(True, True)), "energy", "Porsche 911 for sure, 62 %."),
        (classified(rejected=False, hierarchy=levels(True, False)), "energy", "Porsche for sure, likely 911, 62 %."),
        (classified(rejected=False, hierarchy=levels(True, False, probability=0.4)), "energy", "Porsche for sure, perhaps 911, 40 %."),
        (classified(rejected=False, hierarchy=levels(False, False)), "energy", "Likely Porsche 911, 62 %."),
    ],
)
def test_doubt_about_a_class_is_said(answer, rejected_by, said):
    assert classify_verdict(answer, recogniser="parts", rejected_by=rejected_by) == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (verified(impostors_above=0.01), "Same car: in the calibration pairs, 1 of 100 pairs of different cars scored this high."),
        (verified(impostors_above=2 / 972), "Same car: in the calibration pairs, 1 of 486 pairs of different cars scored this high."),
        (verified(0.5, genuine_below=0.07), "Different cars: in the calibration pairs, 7 of 100 pairs of the same car scored this low."),
        (verified(0.5, genuine_below=0.0), "Different cars: in the calibration pairs, no pair of the same car scored this low."),
        (verified(), "Same car: score 0.834, at or above the threshold 0.610."),
        (verified(is_uncertain=True, impostors_above=0.2), "Not sure: a person should look."),
        (verified(threshold=None), "Score 0.834. This verifier has no threshold yet: calibrate it."),
    ],
)
def test_a_pair_is_judged_with_its_evidence(answer, said):
    assert verify_verdict(answer) == said


@pytest.mark.parametrize(
    ("result", "start"),
    [
        (found(0.9, 0.7), "Found: car0, score 0.900, at or above the threshold 0.610."),
        (found(0.5), "Not in this gallery: the nearest, car0, scores 0.500, below the threshold 0.610."),
        (found(0.5, threshold=None), "Nearest: car0, score 0.500. The verifier has no threshold yet"),
        (found(), "The gallery is empty"),
    ],
)
def test_a_search_tells_known_from_nearest(result, start):
    assert search_verdict(result).startswith(start)


def test_no_percentage_claims_certainty():
    assert [percent(share) for share in (1.0, 0.9996, 0.9994, 0.985, 0.9849, 0.0096, 0.0094, 0.0004, 0.0)] == [
        "over 99.9 %", "over 99.9 %", "99.9 %", "98.5 %", "98 %", "1 %", "0.9 %", "under 0.1 %", "under 0.1 %",
    ]  # fmt: skip
