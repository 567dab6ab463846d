"""One car among many: photos are enrolled under names, and a new photo is searched among them."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Self, overload

import attrs
import numpy as np
from PIL import Image

from car_recog.data.images import Photo
from car_recog.data.samples import ImageDataset
from car_recog.errors import DataError, OptionError, UnknownNameError, listed, suggestion
from car_recog.evaluation.retrieval import RetrievalReport, retrieval_report
from car_recog.galleries.index import NameIndex
from car_recog.galleries.photos import Enrolled, load_candidates
from car_recog.galleries.saved import SavedGallery, read_gallery, write_gallery
from car_recog.prediction import sources
from car_recog.runs import load_fitted
from car_recog.verifier import SiameseVerifier


@attrs.frozen(kw_only=True)
class Match:
    """A name that a search found, by its photo that is most alike.

    Args:
        name: The name.
        score: How much alike the two photos are, as `SiameseVerifier.verify` tells it.
        probability: How probable it is that these two photos show the same car, where such pairs are as frequent as in the calibration;
            None without one.
        source: The enrolled photo: its file, or its place among those it came with.
        thumbnail: That photo in small, the bytes of a JPEG file, where the gallery keeps them.
    """

    name: str
    score: float
    probability: float | None
    source: str
    thumbnail: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class SearchResult:
    """The answer for one photo.

    Args:
        source: The file, or the place of the photo among those asked about.
        matches: One for each name, best first.
        threshold: From which score on two photos count as the same car; None without a calibration.
    """

    source: str
    matches: tuple[Match, ...]
    threshold: float | None

    @property
    def is_known(self) -> bool | None:
        """Whether the best match reaches the threshold; None without a calibration."""
        return None if self.threshold is None else bool(self.matches and self.matches[0].score >= self.threshold)


class Gallery:
    """Photos of cars by name, to be searched for the car of another photo.

    Each photo is embedded once, when it is added; a photo that is enrolled already is left out. Names are those of cars: a search gives
    one row for each name, by its photo that is most alike.

    Args:
        verifier: A trained verifier. Train it anew, and a new gallery is needed.
        index: How photos are searched: `"exact"` compares with every one, in NumPy; `"faiss"` the same with faiss; `"hnsw"` walks a graph
            of faiss, which serves millions and may miss some. faiss, from the extra `search`, fits verifiers that were trained on
            identities, which compare by cosine.
        keep_thumbnails: Whether a small copy of each photo is kept and saved, to be shown with the matches.

    Raises:
        NotFittedError: The verifier is not trained.
        OptionError: An unknown index, or one that does not fit the verifier or is not installed.

    Example:
        >>> gallery = Gallery(SiameseVerifier.load("my-verifier"))    # doctest: +SKIP
        >>> gallery.add(["gate1.jpg", "gate2.jpg"], ["red Audi", "blue BMW"])    # doctest: +SKIP
        2
        >>> gallery.search("new.jpg").matches[0].name    # doctest: +SKIP
        'blue BMW'
    """

    def __init__(self, verifier: SiameseVerifier, index: str = "exact", *, keep_thumbnails: bool = False) -> None:
        network = json.loads(json.dumps(verifier.config.embedding_facts()))
        self._made_with = {"weights_digest": verifier.weights_digest, "network": network}
        self.verifier, self.keep_thumbnails = verifier, keep_thumbnails
        self._index = NameIndex(verifier, index)
        self._model = verifier.model
        self._photos: list[Enrolled] = []
        self._name_of: dict[bytes, str] = {}
        self._number: dict[str, int] = {}
        self._fresh_numbers = count()  # no number is given twice, though names go
        self._generations: dict[Path, str] = {}

    def __len__(self) -> int:
        return len(self._photos)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} photos, {len(self.names)} names, index={self._index.kind!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order in which they came."""
        return tuple(self._number)

    def photo_counts(self) -> dict[str, int]:
        """Count the photos of each name."""
        return dict(Counter(photo.name for photo in self._photos))

    def add(
        self, photos: "Photo | Sequence[Photo] | ImageDataset", names: str | Sequence[str] | None = None, *, on_error: str = "raise"
    ) -> int:
        """Enrol photos; all of them, or on an error none.

        Args:
            photos: One photo or several: paths, bytes, uint8 arrays, Pillow images; or a dataset, whose classes are the names.
            names: One name for all photos, or one for each; None with a dataset.
            on_error: `"raise"` stops at broken files and names them, `"skip"` leaves them out with a warning.

        Returns:
            How many photos are new. Those that were enrolled under the same name already are left as they are.

        Raises:
            DataError: A photo is enrolled under another name, or names do not fit.
            ImageDecodeError: Photos are broken and `on_error` is `"raise"`.
        """
        self._check_verifier()
        candidates = load_candidates(photos, names, self.verifier.config, on_error=on_error)
        fresh = self._find_fresh(candidates.enrolled)
        if fresh:
            embeddings = self.verifier.embed(candidates.photos.subset(fresh))
            enrolled = [candidates.enrolled[place] for place in fresh]
            if self.keep_thumbnails:
                enrolled = [attrs.evolve(one, thumbnail=candidates.thumbnail(i)) for one, i in zip(enrolled, fresh, strict=True)]
            self._enrol(enrolled, embeddings)
        return len(fresh)

    def remove(self, name: str) -> int:
        """Take all photos of a name out; returns how many there were.

        Raises:
            UnknownNameError: No such name; the nearest is suggested.
        """
        if name not in self._number:
            raise UnknownNameError(f"Unknown name: {name!r}.{suggestion(str(name), self.names)} The gallery has {len(self.names):,} names.")
        is_gone = self._index.remove(self._number.pop(name))
        self._name_of = {key: owner for key, owner in self._name_of.items() if owner != name}
        self._photos = [photo for photo in self._photos if photo.name != name]
        return int(is_gone.sum())

    @overload
    def search(self, photos: Photo, k: int = 5) -> SearchResult: ...  # type: ignore[overload-overlap]
    @overload
    def search(self, photos: "Sequence[Photo] | ImageDataset", k: int = 5) -> list[SearchResult]: ...
    def search(self, photos: "Photo | Sequence[Photo] | ImageDataset", k: int = 5) -> SearchResult | list[SearchResult]:
        """Find the names whose photos are most alike.

        Args:
            photos: One photo: path, bytes, uint8 array or Pillow image. Or several, or a dataset.
            k: How many names at most.

        Returns:
            The answer for one photo; for several a list.

        Raises:
            ImageDecodeError: A photo cannot be decoded.
            OptionError: `k` is no positive integer.
        """
        self._check_search(k)
        results = self.search_embeddings(self.verifier.embed(photos), k, sources=sources(photos))
        is_one = isinstance(photos, str | Path | bytes | Image.Image) or (isinstance(photos, np.ndarray) and photos.ndim != 4)
        return results[0] if is_one else results

    def search_embeddings(self, embeddings: np.ndarray, k: int = 5, *, sources: Sequence[str] | None = None) -> list[SearchResult]:
        """Find the names whose photos are most alike, by embeddings of this verifier, shape `(n, embedding_dim)`; see `search`.

        Args:
            embeddings: What is searched for.
            k: How many names at most.
            sources: What each is called in its answer; their places where not given.
        """
        self._check_search(k)
        named = [f"photo {i}" for i in range(len(embeddings))] if sources is None else sources
        return [self._answer(name, best) for name, best in zip(named, self._index.find(embeddings, k), strict=True)]

    def evaluate(self, queries: ImageDataset) -> RetrievalReport:
        """Judge how well the cars of photos are found; classes are matched with names.

        Every photo is compared with every enrolled one, whatever the index. Where a query itself is enrolled, that photo does not count.
        Broken photos are left out and counted.

        Args:
            queries: Photos of cars, some of which may not be enrolled at all.

        Raises:
            DataError: No query has an enrolled photo of its car, or the gallery is empty.
        """
        self._check_verifier()
        loaded = load_fitted(self.verifier.config, queries, on_error="skip", verbose=False)
        judged = queries.subset(loaded.kept)
        embeddings = self.verifier.embed(judged)
        number = {name: i for i, name in enumerate(dict.fromkeys([*self.names, *judged.class_names]))}
        place_of = {photo.key: place for place, photo in enumerate(self._photos)}
        return retrieval_report(
            lambda places: self._index.score(embeddings[places]),
            queries=np.array([number[sample.class_name] for sample in judged.samples], np.int64),
            gallery=np.array([number[photo.name] for photo in self._photos], np.int64),
            own=np.array([place_of.get(key, -1) for key in loaded.keys], np.int64),
            threshold=self.verifier.threshold,
            skipped={str(path): message for path, message in loaded.skipped.items()},
        )

    def save(self, folder: str | Path) -> None:
        """Save as a folder that holds no code: names, sources and contents of the photos, embeddings, checksums; not the verifier.

        Raises:
            GalleryChangedError: The folder holds a gallery that another process, or another `Gallery`, has saved since.
            BundleError: The folder holds something else.
        """
        folder = Path(folder).resolve()
        saved = SavedGallery(self._photos, self._index.embeddings, self.keep_thumbnails, self._made_with)
        self._generations[folder] = write_gallery(folder, saved, generation=self._generations.get(folder))

    @classmethod
    def load(cls, folder: str | Path, verifier: SiameseVerifier, *, index: str = "exact") -> Self:
        """Load a saved gallery.

        Args:
            folder: The saved gallery.
            verifier: The one it was made with.
            index: See `Gallery`. Graphs are not saved: the first search builds them.

        Raises:
            BundleError: No gallery, damaged files, or one that was made with another verifier.
        """
        folder, gallery = Path(folder).resolve(), cls(verifier, index)
        saved, generation = read_gallery(folder, made_with=gallery._made_with, embedding_dim=verifier.config.embedding_dim)
        gallery.keep_thumbnails = saved.keeps_thumbnails
        gallery._enrol(saved.photos, saved.embeddings)
        gallery._generations[folder] = generation
        return gallery

    def _check_verifier(self) -> None:
        if self.verifier.model is not self._model:
            raise OptionError("The verifier was trained anew, and its old embeddings do not fit. Make a new Gallery and enrol again.")

    def _check_search(self, k: int) -> None:
        self._check_verifier()
        if not isinstance(k, int | np.integer) or k < 1:
            raise OptionError(f"k must be a positive integer; got {k!r}.")

    def _find_fresh(self, photos: Sequence[Enrolled]) -> list[int]:
        """Give the places of photos that are not enrolled yet, each once."""
        fresh: dict[bytes, int] = {}
        clashes = []
        for place, photo in enumerate(photos):
            known = self._name_of.get(photo.key)
            if known is None:
                known = photos[fresh.setdefault(photo.key, place)].name
            if known != photo.name:
                clashes.append(f"{photo.source}: '{photo.name}', enrolled as '{known}'")
        if clashes:
            advice = "Nothing was enrolled. Correct the names, or remove what is wrong."
            raise DataError(f"{len(clashes)} photos go under two names. {advice}{listed(clashes)}")
        return list(fresh.values())

    def _enrol(self, photos: Sequence[Enrolled], embeddings: np.ndarray) -> None:
        self._index.add(embeddings, [self._number.setdefault(photo.name, next(self._fresh_numbers)) for photo in photos])
        self._photos += photos
        self._name_of |= {photo.key: photo.name for photo in photos}

    def _answer(self, source: str, best: Sequence[tuple[int, float]]) -> SearchResult:
        scores = np.array([score for _, score in best])
        known = self.verifier.probability(scores) if best else None
        probabilities = [None] * len(best) if known is None else known.tolist()
        photos = [self._photos[place] for place, _ in best]
        matches = tuple(
            Match(name=photo.name, score=score, probability=probability, source=photo.source, thumbnail=photo.thumbnail)
            for photo, (_, score), probability in zip(photos, best, probabilities, strict=True)
        )
        return SearchResult(source=source, matches=matches, threshold=self.verifier.threshold)
