"""Each distinct photo is embedded once: features on disk, by content of the photo and by what they were made with."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import attrs
import numpy as np

from car_recog.errors import TrainingError
from car_recog.packs import CacheEntry, Packs, clear_folder, list_packs
from car_recog.storage import cache_folder, content_hash, write_text

_ABOUT = "about.json"
_WHAT = "Features of photos, kept by car-recog so that no photo passes the network twice. Nothing is lost but time when they are removed."
# What a killed run may lose. Counted in time: some thousand photos are a second on one machine and an hour on another.
_PACK_SECONDS = 30.0


class _Weighted(Protocol):
    def get_weights(self) -> list[np.ndarray]: ...


class FeatureCache:
    """Features of one kind; any number of processes may read and add at the same time.

    Args:
        namespace: What tells these features from all others: see `namespace`.
        dim: Numbers for each photo.
        facts: What the namespace was made of, for people: kept as `about.json` beside the features; `"backbone"` also names them
            in the list of `car-recog cache`.
        root: The folder of all caches; None takes the user's.
    """

    def __init__(self, namespace: str, dim: int, *, facts: Mapping[str, object] | None = None, root: Path | None = None) -> None:
        self.folder = _features_folder(root) / namespace
        self.dim = dim
        self.facts = facts or {}

    def embed(self, keys: Sequence[bytes], compute: Callable[[np.ndarray], np.ndarray], *, chunk_size: int = 64) -> np.ndarray:
        """Give the features of photos; those that are not kept yet are computed, each distinct key once.

        What is computed is kept from time to time, at the end, and when an error or Ctrl-C ends the work before.

        Args:
            keys: 16 bytes for each of n photos, equal where photos are.
            compute: From places among the keys, shape `(k,)`, to features `(k, dim)`.
            chunk_size: How many photos `compute` is given at most.

        Returns:
            float32, shape `(n, dim)`.

        Raises:
            TrainingError: Features are not finite, or not of shape `(k, dim)`.
            CacheFullError: The disk has no space for them.
        """
        kept = Packs(self.folder, (self.dim,), dtype=np.float32, content="embeddings")
        kept.refresh()
        first: dict[bytes, int] = {}
        for place, key in enumerate(keys):
            first.setdefault(key, place)
        missing = np.array([place for key, place in first.items() if key not in kept.places], int)
        found = [place for place, key in enumerate(keys) if key in kept.places]
        rows = kept.read(np.array([kept.places[keys[place]] for place in found], int).reshape(-1, 2))
        if len(found) == len(keys):
            return rows
        features = np.empty((len(keys), self.dim), np.float32)
        features[found] = rows
        fresh: dict[bytes, np.ndarray] = {}
        try:
            since = time.monotonic()
            for chosen in (missing[start : start + chunk_size] for start in range(0, len(missing), chunk_size)):
                features[chosen] = self._checked(compute(chosen), len(chosen))
                fresh |= {keys[place]: features[place] for place in chosen}
                if time.monotonic() - since > _PACK_SECONDS:
                    self._keep(kept, fresh)
                    since = time.monotonic()
        finally:
            self._keep(kept, fresh)
        return features if len(first) == len(keys) else features[[first[key] for key in keys]]

    def _checked(self, features: np.ndarray, n_photos: int) -> np.ndarray:
        features = np.asarray(features, np.float32)
        if features.shape != (n_photos, self.dim):
            raise TrainingError(f"The features of {n_photos} photos must be of shape {(n_photos, self.dim)}; got {features.shape}.")
        n_broken = n_photos - np.count_nonzero(np.isfinite(features).all(axis=1))
        if n_broken:
            reason = "The weights of the network are damaged, or its training has run off."
            raise TrainingError(f"{n_broken} of {n_photos} photos got features that are no finite numbers. {reason} Use other weights.")
        return features

    def _keep(self, kept: Packs, fresh: dict[bytes, np.ndarray]) -> None:
        """Move features into the store."""
        if fresh:
            kept.add(fresh)
            fresh.clear()
            write_text(json.dumps({"what": _WHAT, "dim": self.dim, **self.facts}, indent=1) + "\n", self.folder / _ABOUT)


def namespace(**facts: object) -> str:
    """Name features by what they are made with: plain values, such as those of a configuration, in any order.

    Example:
        >>> namespace(backbone="resnet50", image_size=(224, 224)) == namespace(image_size=[224, 224], backbone="resnet50")
        True
        >>> namespace(backbone="resnet50") == namespace(backbone="vgg16")
        False
    """
    return content_hash(json.dumps(facts, sort_keys=True).encode()).hex()


def weights_digest(model: _Weighted) -> str:
    """Fingerprint all weights of a Keras model: their numbers, shapes, types and order."""
    digest = hashlib.blake2b(digest_size=16)
    for values in model.get_weights():
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def list_embeddings(root: Path | None = None) -> list[CacheEntry]:
    """Tell which features the cache holds, one entry for each kind."""
    folder = _features_folder(root)
    return [attrs.evolve(entry, kind=_worded_kind(folder / entry.kind)) for entry in list_packs(folder)]


def clear_embeddings(root: Path | None = None) -> int:
    """Remove all features. Returns how many bytes that freed."""
    return clear_folder(_features_folder(root))


def _worded_kind(folder: Path) -> str:
    backbone = []
    with suppress(OSError, ValueError, KeyError):
        backbone = [str(json.loads((folder / _ABOUT).read_text("utf-8"))["backbone"])]
    return "-".join(["embeddings", *backbone, folder.name[:8]])


def _features_folder(root: Path | None) -> Path:
    return (root or cache_folder()) / "embeddings"
