"""A saved gallery: a folder of `config.json`, `photos.jsonl`, `embeddings.npy`, `checksums.json`, and `thumbnails.jpgs` where kept.

Nothing in it is code, and nothing is read into more memory than its file takes. Each save has a number of its own, its generation: a
save that would overwrite another one than its writer knows is refused.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from car_recog.bundle import CHECKSUMS, CONFIG, FORMAT, map_array, read_config, read_json
from car_recog.errors import BundleError, GalleryChangedError
from car_recog.galleries.photos import KEY_BYTES, Enrolled
from car_recog.storage import atomic_folder, file_sha256, is_vacant, locked

KIND = "Gallery"
PHOTOS, EMBEDDINGS, THUMBNAILS = "photos.jsonl", "embeddings.npy", "thumbnails.jpgs"
MAX_LINE_BYTES = 64 * 2**10


@attrs.frozen
class SavedGallery:
    """What the folder holds.

    Args:
        photos: What is kept of each photo.
        embeddings: float32, shape `(n_photos, embedding_dim)`.
        keeps_thumbnails: Whether every photo has one.
        made_with: Weights and configuration of the network, as plain values: what embeddings depend on.
    """

    photos: Sequence[Enrolled]
    embeddings: np.ndarray
    keeps_thumbnails: bool
    made_with: Mapping[str, Any]


def write_gallery(folder: Path, saved: SavedGallery, *, generation: str | None) -> str:
    """Write a gallery, whole or not at all; returns the generation of this save.

    Args:
        folder: New, empty, or a saved gallery.
        saved: What to write.
        generation: That of the save in the folder which this one goes on from; None for a new gallery.

    Raises:
        GalleryChangedError: The folder holds a save of another generation.
        BundleError: The folder holds something else.
    """
    with locked(folder), atomic_folder(folder) as part:
        _check_generation(folder, generation)
        fresh = uuid.uuid4().hex
        config = {
            "format": FORMAT,
            "kind": KIND,
            "generation": fresh,
            "n_photos": len(saved.photos),
            "n_names": len({photo.name for photo in saved.photos}),
            "keeps_thumbnails": saved.keeps_thumbnails,
            **saved.made_with,
        }
        (part / CONFIG).write_text(json.dumps(config, indent=1) + "\n", "utf-8")
        with (part / PHOTOS).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(_to_row(photo)) + "\n" for photo in saved.photos)
        np.save(part / EMBEDDINGS, saved.embeddings, allow_pickle=False)
        if saved.keeps_thumbnails:
            with (part / THUMBNAILS).open("wb") as pictures:
                pictures.writelines(photo.thumbnail or b"" for photo in saved.photos)
        sums = {path.name: file_sha256(path) for path in sorted(part.iterdir())}
        (part / CHECKSUMS).write_text(json.dumps(sums, indent=1) + "\n", "utf-8")
    return fresh


def _check_generation(folder: Path, generation: str | None) -> None:
    if is_vacant(folder):
        return
    if not (folder / CONFIG).is_file() or (found := read_json(folder / CONFIG)).get("kind") != KIND:
        raise BundleError(f"'{folder}' exists and is no saved gallery. Name a new folder.")
    if generation is None:
        raise GalleryChangedError(f"'{folder}' holds a gallery already. Load it and add to it, or name a new folder.")
    if found.get("generation") != generation:
        raise GalleryChangedError(
            f"'{folder}' was changed by another process since this gallery was loaded from it or saved to it. Load it again and add yours."
        )


def _to_row(photo: Enrolled) -> dict[str, Any]:
    size = None if photo.thumbnail is None else len(photo.thumbnail)
    return {"name": photo.name, "source": photo.source, "key": photo.key.hex(), "thumbnail": size}


def read_gallery(folder: Path, *, made_with: Mapping[str, Any], embedding_dim: int) -> tuple[SavedGallery, str]:
    """Read a gallery whose embeddings must have been made with this network; returns it and its generation.

    Raises:
        BundleError: No gallery, damaged files, an unknown format version, or embeddings of another network.
    """
    with locked(folder, is_reader=True):
        thumbnails = [THUMBNAILS] if (folder / THUMBNAILS).is_file() else []
        config = read_config(folder, kind=KIND, files=[PHOTOS, EMBEDDINGS, *thumbnails], noun="gallery")
        _check_network(folder, config, made_with)
        keeps_thumbnails = config.get("keeps_thumbnails") is True
        photos = _read_photos(folder / PHOTOS, folder / THUMBNAILS if keeps_thumbnails else None)
        if len(photos) != config.get("n_photos"):
            raise BundleError(f"'{folder / PHOTOS}' holds {len(photos):,} photos; {CONFIG} tells of {config.get('n_photos')!r}.")
        embeddings = map_array(folder / EMBEDDINGS, (len(photos), embedding_dim))
        if not np.isfinite(embeddings).all():
            raise BundleError(f"'{folder / EMBEDDINGS}' holds embeddings that are no finite numbers. Enrol the photos again.")
    return SavedGallery(photos, embeddings, keeps_thumbnails, made_with), str(config.get("generation"))


def _check_network(folder: Path, config: Mapping[str, Any], made_with: Mapping[str, Any]) -> None:
    differing = [name for name, value in made_with.items() if config.get(name) != value]
    if differing:
        raise BundleError(
            f"The gallery '{folder}' was made with another verifier, whose embeddings cannot be compared with those of this one: "
            f"{' and '.join(differing)} differ. Load it with the verifier it was made with, or enrol the photos again."
        )


def _read_photos(path: Path, thumbnails: Path | None) -> list[Enrolled]:
    photos: list[Enrolled] = []
    try:
        with path.open("rb") as file, (thumbnails or path).open("rb") as pictures:
            while line := file.readline(MAX_LINE_BYTES):
                photo, size = _from_row(json.loads(line))
                photos.append(attrs.evolve(photo, thumbnail=pictures.read(size) or None) if thumbnails else photo)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"'{path}' is damaged: line {len(photos) + 1} is no photo of a gallery ({error}).") from error
    return photos


def _from_row(row: Any) -> tuple[Enrolled, int]:
    """Give what a line tells of a photo, and how many bytes its thumbnail has."""
    photo, size = Enrolled(row["name"], row["source"], bytes.fromhex(row["key"])), row["thumbnail"] or 0
    if not isinstance(photo.name, str) or not isinstance(photo.source, str) or len(photo.key) != KEY_BYTES:
        raise TypeError("name or source is no text, or the key has another length")
    if not isinstance(size, int) or size < 0:
        raise TypeError(f"a thumbnail of {size!r} bytes")
    return photo, size
