"""Finds what is wrong with pairs, and what two sets of pairs share. Never changes anything."""

import json
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.data.checks import photo_names
from car_recog.data.copies import content_keys
from car_recog.data.pairs import PairDataset
from car_recog.data.samples import ImageDataset
from car_recog.errors import listed
from car_recog.storage import write_text

PAIR_KINDS = {
    "contradictions": ("error", "label contradicts the identities"),
    "self_pairs": ("error", "a photo paired with itself"),
    "copies": ("warning", "copies of one photo paired"),
    "repeated": ("warning", "same two photos again"),
}
"""Severity and wording of every kind of finding about pairs, the gravest first."""

_SHOWN = 5


@attrs.frozen
class PairFinding:
    """One thing that was found.

    Args:
        kind: One of `PAIR_KINDS`.
        pairs: Places of the pairs concerned: all of the same two photos, or copies of them.
        photos: Both photos of the first: paths, or `photo 17` where they are arrays.
        detail: The labels of the pairs.
    """

    kind: str
    pairs: tuple[int, ...]
    photos: tuple[str, str]
    detail: str

    def __str__(self) -> str:
        places = ", ".join(map(str, self.pairs))
        return f"{self.photos[0]} + {self.photos[1]}  (pair{'s' * (len(self.pairs) > 1)} {places}: {self.detail})"


@attrs.frozen
class Overlap:
    """What pairs share with another dataset.

    Args:
        n_pairs: Pairs whose two photos, or copies of them, are a pair there too.
        photos: Photos that are there under the same path.
        copies: Photos of which a copy is there under another path.
        identities: Identities that are there: by name, or because they have a photo or a copy there.
    """

    n_pairs: int
    photos: tuple[str, ...]
    copies: tuple[str, ...]
    identities: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is shared."""
        return not (self.n_pairs or self.photos or self.copies or self.identities)

    def __str__(self) -> str:
        n_photos, n_copies, n_identities = len(self.photos), len(self.copies), len(self.identities)
        return f"{self.n_pairs:,} pairs, {n_photos:,} photos, {n_copies:,} copies of photos, {n_identities:,} identities"


@attrs.frozen
class PairReport:
    """What `check` of pairs returns.

    Args:
        n_pairs: Pairs that were checked.
        n_genuine: How many of them are genuine.
        n_photos: Distinct photos in them.
        n_identities: Identities of these photos.
        findings: The gravest first, then in the order of the pairs.
        shared: What is shared with each dataset that was checked against.
    """

    n_pairs: int
    n_genuine: int
    n_photos: int
    n_identities: int
    findings: tuple[PairFinding, ...]
    shared: tuple[Overlap, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by kind, kinds without any included."""
        return {kind: len(self.of_kind(kind)) for kind in PAIR_KINDS}

    @property
    def n_errors(self) -> int:
        """Findings that make results wrong, and datasets that hold the very same pairs."""
        n_errors = sum(PAIR_KINDS[finding.kind][0] == "error" for finding in self.findings)
        return n_errors + sum(overlap.n_pairs > 0 for overlap in self.shared)

    def of_kind(self, kind: str) -> tuple[PairFinding, ...]:
        """Give the findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**attrs.asdict(self), "n_errors": self.n_errors, "counts": self.counts}

    def to_json(self, path: str | Path | None = None) -> str:
        """Give the report as JSON text, and write it to a file where one is named."""
        return write_text(json.dumps(self.to_dict(), indent=1), path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Give the report with all findings as Markdown text, and write it to a file where one is named."""
        lines = [f"{self._headline()}.", "", "| kind | severity | findings |", "| --- | --- | --- |"]
        lines += [f"| {title} | {severity} | {self.counts[kind]} |" for kind, (severity, title) in PAIR_KINDS.items()]
        if self.shared:
            lines += ["", "| shared with | pairs | photos | copies | identities |", "| --- | --- | --- | --- | --- |"]
        for number, overlap in enumerate(self.shared, 1):
            parts = (overlap.photos, overlap.copies, overlap.identities)
            lines.append(f"| dataset {number} | {overlap.n_pairs} | {' | '.join(str(len(part)) for part in parts)} |")
        for kind, (_, title) in PAIR_KINDS.items():
            if found := self.of_kind(kind):
                lines += ["", f"## {title[0].upper()}{title[1:]}", "", *(f"- `{finding}`" for finding in found)]
        return write_text("\n".join(lines) + "\n", path)

    def __str__(self) -> str:
        lines = [self._headline()]
        for kind, (severity, title) in PAIR_KINDS.items():
            if found := self.of_kind(kind):
                lines.append(f"{severity}: {title}: {len(found):,}{listed(map(str, found), limit=_SHOWN)}")
        lines += [f"shared with dataset {number}: {overlap}" for number, overlap in enumerate(self.shared, 1)]
        return "\n".join(lines)

    def _headline(self) -> str:
        return f"{self.n_pairs:,} pairs, {self.n_genuine:,} genuine, of {self.n_photos:,} photos and {self.n_identities:,} identities"


def check_pairs(pairs: PairDataset, against: Sequence[PairDataset | ImageDataset] = ()) -> PairReport:
    """Check pairs; see `PairDataset.check`."""
    others = [other.images if isinstance(other, PairDataset) else other for other in against]
    own, *foreign = content_keys(pairs.images, *others)
    used = np.unique([pairs.first, pairs.second])
    order = list(PAIR_KINDS)
    findings = sorted(_find(pairs, own), key=lambda finding: order.index(finding.kind))
    overlaps = (_overlap(pairs, own, other, keys) for other, keys in zip(against, foreign, strict=True))
    n_identities = len(np.unique(pairs.images.labels[used]))
    return PairReport(len(pairs), int(pairs.is_genuine.sum()), len(used), n_identities, tuple(findings), tuple(overlaps))


def _find(pairs: PairDataset, keys: Sequence[Hashable]) -> Iterator[PairFinding]:
    names, is_one = photo_names(pairs.images), np.equal(*pairs.identities.T)
    is_self = pairs.first == pairs.second
    places: dict[frozenset[Hashable], list[int]] = defaultdict(list)
    for place, ends in enumerate(pairs.unordered(keys)):
        places[ends].append(place)
    for ends, numbers in places.items():
        faults = {
            "contradictions": [number for number in numbers if is_one[number] != pairs.is_genuine[number]],
            "self_pairs": [number for number in numbers if is_self[number]],
            "copies": [number for number in numbers if len(ends) == 1 and not is_self[number]],
            "repeated": numbers if len(numbers) > 1 else [],
        }
        for kind, found in faults.items():
            if found:
                photos = names[pairs.first[found[0]]], names[pairs.second[found[0]]]
                detail = ", ".join("genuine" if pairs.is_genuine[number] else "impostor" for number in found)
                yield PairFinding(kind, tuple(found), photos, detail)


def _overlap(pairs: PairDataset, own: Sequence[Hashable], other: PairDataset | ImageDataset, foreign: Sequence[Hashable]) -> Overlap:
    images = other.images if isinstance(other, PairDataset) else other
    paths, keys = {sample.path for sample in images.samples} - {None}, set(foreign)
    photos = [i for i, sample in enumerate(pairs.images.samples) if sample.path in paths]
    copies = [i for i, key in enumerate(own) if key in keys and pairs.images[i].path not in paths]
    known = {sample.class_name for sample in images.samples} | {pairs.images[i].class_name for i in (*photos, *copies)}
    identities = dict.fromkeys(sample.class_name for sample in pairs.images.samples if sample.class_name in known)
    theirs = set(other.unordered(foreign)) if isinstance(other, PairDataset) else set()
    n_pairs = sum(pair in theirs for pair in pairs.unordered(own))
    names = photo_names(pairs.images)
    return Overlap(n_pairs, tuple(names[i] for i in photos), tuple(names[i] for i in copies), tuple(identities))
