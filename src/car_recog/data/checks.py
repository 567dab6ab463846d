"""Finds what is wrong with a dataset: broken, doubled, leaking and odd photos. Never changes anything."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from car_recog.data.duplicates import COLOUR_DISTANCE, EDGE_DIFFERENCE, HASH_DISTANCE, chain_equal, join, near_duplicates
from car_recog.data.fingerprints import LOOK_BYTES, Fingerprint, fingerprint_array, read_fingerprints
from car_recog.data.memo import Memo, State
from car_recog.errors import listed
from car_recog.storage import content_hash, write_text

if TYPE_CHECKING:
    from car_recog.data.samples import ImageDataset

MIN_SIDE = 32
"""Photos with a shorter side below this many pixels are tiny."""

KINDS = {
    "unreadable": ("error", "unreadable"),
    "contradictions": ("error", "same file in several classes"),
    "leaks": ("error", "also in the other data"),
    "duplicates": ("warning", "exact duplicates"),
    "near_duplicates": ("warning", "near-duplicates"),
    "near_contradictions": ("warning", "near-duplicates in several classes"),
    "near_leaks": ("warning", "near-duplicates in the other data"),
    "tiny": ("warning", f"tiny, below {MIN_SIDE} pixels"),
    "wrong_extension": ("warning", "name does not match the content"),
    "odd_mode": ("note", "odd mode"),
}
"""Severity and wording of every kind of finding, the gravest first."""

_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
}
_KNOWN_SUFFIXES = {suffix for suffixes in _SUFFIXES.values() for suffix in suffixes}
_MEMO = "near-duplicates-1"
_SHOWN = 5


@attrs.frozen
class Finding:
    """One thing that was found.

    Args:
        kind: One of `KINDS`.
        photos: All photos of the dataset that are concerned: paths, or `photo 17` where the dataset holds arrays.
        others: Those of the datasets checked against, for leaks.
        class_names: The classes of `photos`.
        detail: Why, where the kind does not say it all.
    """

    kind: str
    photos: tuple[str, ...]
    others: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    detail: str = ""

    @property
    def severity(self) -> str:
        """`"error"`, `"warning"` or `"note"`."""
        return KINDS[self.kind][0]

    def __str__(self) -> str:
        facts = self.detail or (", ".join(self.class_names) if len(self.class_names) > 1 else "")
        return " = ".join((*self.photos, *self.others)) + (f"  ({facts})" if facts else "")


@attrs.frozen
class DataReport:
    """What `check` of a dataset returns.

    Args:
        n_photos: Photos that were checked.
        n_others: Photos they were checked against.
        findings: The gravest first, then by kind and photo; the same photos give the same order.
    """

    n_photos: int
    n_others: int
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by kind, kinds without any included."""
        return {kind: len(self.of_kind(kind)) for kind in KINDS}

    @property
    def n_errors(self) -> int:
        """Findings that make results wrong: unreadable photos, contradictory classes, leaks."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def n_warnings(self) -> int:
        """Findings to be looked at."""
        return sum(finding.severity == "warning" for finding in self.findings)

    def of_kind(self, kind: str) -> tuple[Finding, ...]:
        """Give the findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        head = {"n_photos": self.n_photos, "n_others": self.n_others, "n_errors": self.n_errors, "n_warnings": self.n_warnings}
        return {**head, "counts": self.counts, "findings": [{"severity": f.severity, **attrs.asdict(f)} for f in self.findings]}

    def to_json(self, path: str | Path | None = None) -> str:
        """Give the report as JSON text, and write it to a file where one is named."""
        return write_text(json.dumps(self.to_dict(), indent=1), path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Give the report with all findings as Markdown text, and write it to a file where one is named."""
        lines = [f"{self._headline()}.", "", "| kind | severity | findings | photos |", "| --- | --- | --- | --- |"]
        for kind, (severity, title) in KINDS.items():
            found = self.of_kind(kind)
            lines.append(f"| {title} | {severity} | {len(found)} | {_n_photos(found)} |")
        for kind, (_, title) in KINDS.items():
            if found := self.of_kind(kind):
                lines += ["", f"## {title[0].upper()}{title[1:]}", "", *(f"- `{finding}`" for finding in found)]
        return write_text("\n".join(lines) + "\n", path)

    def __str__(self) -> str:
        lines = [self._headline()]
        for kind, (severity, title) in KINDS.items():
            if found := self.of_kind(kind):
                shown = listed((str(finding).replace(" = ", "\n    = ") for finding in found), limit=_SHOWN)
                lines += ["", f"{severity}: {title}: {len(found):,} ({_counted(_n_photos(found), 'photo')}){shown}"]
        return "\n".join(lines)

    def _headline(self) -> str:
        against = f", against {self.n_others:,} others" if self.n_others else ""
        n_notes = len(self.findings) - self.n_errors - self.n_warnings
        numbers = ((self.n_errors, "error"), (self.n_warnings, "warning"), (n_notes, "note"))
        return f"{_counted(self.n_photos, 'photo')}{against}: {', '.join(_counted(n, word) for n, word in numbers)}"


def _counted(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def _n_photos(findings: Iterable[Finding]) -> int:
    return len({photo for finding in findings for photo in finding.photos})


def check_data(
    dataset: "ImageDataset", *, against: Sequence["ImageDataset"] = (), on_photo: Callable[[int], object] | None = None
) -> DataReport:
    """Check a dataset; see `ImageDataset.check`. `on_photo` is called with the number of photos done after each piece of work."""
    facts, sources = _facts_of(dataset, on_photo), photo_names(dataset)
    others = [fact for other in against for fact in _facts_of(other, on_photo)]
    names = [name for number, other in enumerate(against, 1) for name in photo_names(other, f" of dataset {number}")]
    classes = [sample.class_name for sample in dataset.samples]
    findings = [*_check_alone(facts, sources, classes), *_check_together(facts + others, sources + names, classes)]
    order = list(KINDS)
    # Both checks go through the photos in order, and sorting keeps that order within a kind.
    return DataReport(len(facts), len(others), tuple(sorted(findings, key=lambda finding: order.index(finding.kind))))


def near_groups(dataset: "ImageDataset", keys: Sequence[Hashable | None]) -> list[int | None]:
    """Unite the photos of equal keys, exact duplicates and near-duplicates; broken photos are like nothing, and a key of None is no key.

    Returns:
        The number of the group of each photo; None where it stands alone.
    """
    facts = _facts_of(dataset, None)
    pairs = [*chain_equal(keys), *chain_equal([fact.content or None for fact in facts]), *_near_pairs(facts, len(facts))]
    numbers = join(len(facts), pairs)
    sizes = Counter(numbers)
    return [number if sizes[number] > 1 else None for number in numbers]


def _facts_of(dataset: "ImageDataset", on_photo: Callable[[int], object] | None) -> list[Fingerprint]:
    if dataset.images is not None:
        return [fingerprint_array(image) for image in dataset.images]
    return read_fingerprints([sample.path for sample in dataset.samples if sample.path is not None], on_photo=on_photo)


def photo_names(dataset: "ImageDataset", suffix: str = "") -> list[str]:
    """Name photos in a report: by their paths, arrays by their places."""
    return [f"photo {i}{suffix}" if sample.path is None else str(sample.path) for i, sample in enumerate(dataset.samples)]


def _check_alone(facts: list[Fingerprint], sources: list[str], classes: list[str]) -> Iterator[Finding]:
    """Find what can be told from each photo alone."""
    for fact, source, class_name in zip(facts, sources, classes, strict=True):
        found: dict[str, str] = {}
        if fact.fault is not None:
            found["unreadable"] = fact.fault
        elif min(fact.size) < MIN_SIDE:
            found["tiny"] = f"{fact.size[0]} x {fact.size[1]} pixels"
        if fact.format and (suffix := Path(source).suffix.lower()) in _KNOWN_SUFFIXES and suffix not in _SUFFIXES[fact.format]:
            found["wrong_extension"] = f"is {fact.format}"
        if fact.oddities:
            found["odd_mode"] = ", ".join(fact.oddities)
        yield from (Finding(kind, (source,), (), (class_name,), detail) for kind, detail in found.items())


def _check_together(facts: list[Fingerprint], sources: list[str], classes: list[str]) -> Iterator[Finding]:
    """Find what is doubled among the photos that have a class, and what they share with the others that follow."""
    n_own = len(classes)
    own, foreign = _copies(facts[:n_own]), _copies(facts[n_own:], start=n_own)

    def finding(kind: str, photos: Sequence[int], others: Iterable[int] = ()) -> Finding:
        names = tuple(sorted({classes[place] for place in photos}))
        return Finding(kind, tuple(sources[place] for place in photos), tuple(sources[place] for place in sorted(others)), names)

    def in_classes(photos: Sequence[int]) -> bool:
        return len({classes[place] for place in photos}) > 1

    for content, photos in own.items():
        if len(photos) > 1:
            yield finding("contradictions" if in_classes(photos) else "duplicates", photos)
        if content in foreign:
            yield finding("leaks", photos, foreign[content])
    pairs = [(facts[a].content, facts[b].content) for a, b in _near_pairs(facts, n_own)]
    for photos in _united(pairs, own):
        yield finding("near_contradictions" if in_classes(photos) else "near_duplicates", photos)
    leaking = defaultdict(set)
    for a, b in (*pairs, *(pair[::-1] for pair in pairs)):
        if a in own and b in foreign:
            leaking[a].update(foreign[b])
    for content, others in leaking.items():
        yield finding("near_leaks", own[content], others)


def _copies(facts: Iterable[Fingerprint], start: int = 0) -> dict[bytes, list[int]]:
    """Gather the places of each content; files that cannot be read have none."""
    places = defaultdict(list)
    for place, fact in enumerate(facts, start):
        if fact.content:
            places[fact.content].append(place)
    return dict(places)


def _united(pairs: Iterable[tuple[bytes, bytes]], copies: dict[bytes, list[int]]) -> Iterator[list[int]]:
    """Give the places of the photos that near-duplicates link, directly or through others."""
    linked = [(copies[a][0], copies[b][0]) for a, b in pairs if a in copies and b in copies]
    contents = {places[0]: places for places in copies.values()}
    groups: dict[int, list[int]] = defaultdict(list)
    numbers = join(max(contents, default=-1) + 1, linked)
    for place in sorted({place for pair in linked for place in pair}):
        groups[numbers[place]] += contents[place]
    yield from (sorted(places) for places in groups.values())


def _near_pairs(facts: Sequence[Fingerprint], n_first: int) -> Iterator[tuple[int, int]]:
    """Give the first places of different contents that are near-duplicates, at least one of them among the first photos."""
    distinct = [places[0] for places in _copies(facts).values() if facts[places[0]].look]
    looks = b"".join(facts[place].look for place in distinct)
    for a, b in _recall_pairs(looks, sum(place < n_first for place in distinct)).tolist():
        yield distinct[a], distinct[b]


def _recall_pairs(looks: bytes, n_first: int) -> np.ndarray:
    """Find near-duplicates, or remember those of the same photos."""
    limits = repr((n_first, HASH_DISTANCE, COLOUR_DISTANCE, EDGE_DIFFERENCE)).encode()
    state = State(content_hash(limits + looks), "", is_settled=True)
    with closing(Memo(_MEMO)) as memo:
        if (known := memo.find([state])[0]) is not None:
            return np.frombuffer(known, np.int64).reshape(-1, 2)
        pairs = near_duplicates(np.frombuffer(looks, np.uint8).reshape(-1, LOOK_BYTES), n_first=n_first)
        memo.keep([(state, pairs.astype(np.int64).tobytes())])
    return pairs
