import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from car_recog.errors import DataError
from car_recog.evaluation.retrieval import RetrievalReport, retrieval_report

# Three cars, enrolled with 1, 2 and 1 photos; the fourth query is a stranger.
GALLERY = np.array([0, 1, 1, 2])
QUERIES = np.array([0, 1, 2, 7])
SCORES = np.array([[0.9, 0.8, 0.1, 0.2], [0.7, 0.6, 0.4, 0.5], [0.9, 0.8, 0.7, 0.8], [0.1, 0.6, 0.2, 0.3]])


def judge(scores: np.ndarray = SCORES, **changes) -> RetrievalReport:
    return retrieval_report(lambda places: scores[places], **{"queries": QUERIES, "gallery": GALLERY, **changes})


def drawn(seed: int, *, n_levels: int = 1000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, queries of some cars and photos of some cars."""
    rng = np.random.default_rng(seed)
    queries, gallery = rng.integers(0, 12, 40), rng.integers(0, 10, 60)
    return rng.integers(0, n_levels, (40, 60)) / n_levels + 0.2 * (queries[:, None] == gallery), queries, gallery


def test_figures_counted_by_hand():
    report = judge(threshold=0.65)

    # Car 0 comes first; car 1 second, behind car 0; car 2 shares the score of car 1 and stands behind car 0: third.
    assert report.ranks.tolist() == [1, 2, 3]
    assert report.rank == {1: 1 / 3}
    assert report.cmc == pytest.approx((1 / 3, 2 / 3, 1))
    # Car 1: its photos are second and last of four. Car 2: its photo is one of three with at least its score.
    assert report.average_precisions == pytest.approx([1, (1 / 2 + 2 / 4) / 2, 1 / 3])
    assert report.mean_average_precision == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert (report.n_queries, report.n_strangers, report.n_photos, report.n_names) == (3, 1, 4, 3)
    assert (report.found, report.false_alarms) == (1 / 3, 0.0)
    assert judge(threshold=0.6).false_alarms == 1.0
    assert judge().found is None


@pytest.mark.parametrize("n_levels", [1000, 5])
def test_average_precision_is_that_of_scikit_learn_and_ranks_are_those_of_a_plain_loop(n_levels):
    for seed in range(20):
        scores, queries, gallery = drawn(seed, n_levels=n_levels)

        report = judge(scores, queries=queries, gallery=gallery)

        known = [i for i in range(40) if queries[i] in gallery]
        precisions = [average_precision_score(gallery == queries[i], scores[i]) for i in known]
        assert report.average_precisions == pytest.approx(precisions)
        for rank, i in zip(report.ranks, known, strict=True):
            best = {name: max(scores[i][gallery == name]) for name in set(gallery.tolist())}
            assert rank == sum(score >= best[queries[i]] for score in best.values())
        assert report.cmc[4] == report.rank[5] == np.mean(report.ranks <= 5)


def test_a_query_that_is_enrolled_itself_does_not_count_for_itself():
    alone = judge(own=np.array([0, 2, -1, -1]), threshold=0.65)

    # Car 0 has no other photo, so its query is a stranger, and car 1 reaches the threshold with .8.
    assert (alone.n_queries, alone.n_strangers, alone.false_alarms) == (2, 2, 0.5)
    # Car 1 keeps its photo of score .6, behind car 0 alone.
    assert alone.ranks.tolist() == [2, 3]
    assert alone.average_precisions == pytest.approx([1 / 2, 1 / 3])


def test_intervals_draw_cars_and_not_photos():
    scores, queries, gallery = drawn(3)
    many = np.repeat(np.arange(40), 25)

    once = judge(scores, queries=queries, gallery=gallery)
    again = judge(scores[many], queries=queries[many], gallery=gallery)

    assert again.rank == pytest.approx(once.rank)
    assert again.intervals["rank_1"] == pytest.approx(once.intervals["rank_1"])
    assert once.intervals["rank_1"][0] < once.rank[1] < once.intervals["rank_1"][1]


def test_large_galleries_are_scored_in_blocks_of_queries(monkeypatch):
    scores, queries, gallery = drawn(4)
    asked = []
    whole = judge(scores, queries=queries, gallery=gallery)

    monkeypatch.setattr("car_recog.evaluation.retrieval._BLOCK", 300)
    blocks = retrieval_report(lambda places: asked.append(len(places)) or scores[places], queries=queries, gallery=gallery)

    assert max(asked) == 5
    assert blocks == whole


def test_the_report_is_written_and_drawn(tmp_path):
    scores, queries, gallery = drawn(1)
    report = judge(scores, queries=queries, gallery=gallery, threshold=0.8, skipped={"a.jpg": "broken"})

    told = json.loads(report.to_json(tmp_path / "report.json"))
    assert told["rank"]["5"] == report.rank[5]
    assert set(told["intervals"]) == {"rank_1", "rank_5", "mean_average_precision", "found", "false_alarms"}
    text = report.to_markdown()
    assert f"| rank-1 | {report.rank[1]:.3f} |" in text
    assert f"{report.n_queries} queries of enrolled cars and {report.n_strangers} of others, among 60 photos of 10 names" in text
    assert "; not decoded: 1." in text
    assert [path.name for path in report.plot(tmp_path)] == ["cmc.png"]


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(DataError, match="No query shows an enrolled car"):
        judge(queries=np.array([5, 6, 7, 8]))
    with pytest.raises(DataError, match="The gallery is empty"):
        judge(gallery=np.empty(0, int))
    with pytest.raises(DataError, match="Scores must be numbers; NaN came"):
        judge(SCORES * np.nan)
