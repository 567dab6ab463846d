"""The desk between clients and models: photos are decoded by a few threads, wait in one line, and are answered in batches.

Two batches at a time: clients wait for their batch together, and were it the only one, processors would idle while all of them are
answered, ask again and are decoded.
"""

import asyncio
import math
import warnings
from base64 import b64encode
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, cast

import attrs
import keras
import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from car_recog.classifier import CarClassifier
from car_recog.data.images import decode, upright_size
from car_recog.errors import ImageDecodeError
from car_recog.evaluation.sheets import to_jpeg
from car_recog.explain import EmptyHeatmapWarning, Explanation
from car_recog.gallery import Gallery, SearchResult
from car_recog.network import BackboneConfig
from car_recog.prediction import Prediction, Verification, verdict
from car_recog.verifier import SiameseVerifier
from car_recog.web.batching import Batcher, Line
from car_recog.web.recognisers import Recognisers
from car_recog.web.schemas import ClassifierName
from car_recog.web.uploads import BROKEN, Limits, check_photo

R = TypeVar("R")
MAX_BATCH = 32
_DECODERS = 4
_LARGE = 16_000_000  # pixels from which on photos are decoded one after another: 16 bytes each while transparent ones are laid on white
_SHOWN = 1024  # longest side of a photo with a heatmap, in pixels


class Desk:
    """Answers for the recognisers that are served.

    Args:
        recognisers: Those that answer.
        limits: How many may wait, and how long.
    """

    def __init__(self, recognisers: Recognisers, limits: Limits) -> None:
        self.recognisers, self.limits = recognisers, limits
        self.described = recognisers.describe()  # nothing of it changes while they are served
        self.is_ready = False
        self._line = Line(limits.max_queue)
        self._decoders = ThreadPoolExecutor(_DECODERS, "decode")
        self._large_decoder = ThreadPoolExecutor(1, "decode-large")
        is_jax = keras.backend.backend() == "jax"  # while a JAX model answers, Keras lends its state away: two threads would lose it
        self._n_models = 1 if is_jax else 2
        self._models = ThreadPoolExecutor(self._n_models, "model")
        self._explainer = self._models if is_jax else ThreadPoolExecutor(1, "explain")
        self._batchers: list[Batcher[Any, Any]] = []
        self._first: list[tuple[Callable[[list[Any]], Any], Any, int]] = []
        self._classify = {name: self._serve_classifier(one) for name, one in recognisers.classifiers.items()}
        self._verify = None if recognisers.verifier is None else self._serve_verifier(recognisers.verifier)
        self._search = None if recognisers.gallery is None else self._serve_gallery(recognisers.gallery)
        self._explain: Batcher[Callable[[], list[Explanation]], list[Explanation]] = Batcher(_explain_all, self._explainer, max_batch=1)
        self._batchers.append(self._explain)

    def _serve_classifier(self, classifier: CarClassifier) -> Batcher[np.ndarray, Prediction]:
        def answer(photos: list[np.ndarray]) -> list[Prediction]:
            return classifier.predict(np.stack(photos))

        return self._batcher(answer, first=_grey(classifier.config))

    def _serve_verifier(self, verifier: SiameseVerifier) -> Batcher[tuple[np.ndarray, np.ndarray], Verification]:
        def answer(pairs: list[tuple[np.ndarray, np.ndarray]]) -> list[Verification]:
            embeddings = verifier.embed(np.stack([photo for pair in pairs for photo in pair]))
            return [verdict(score, verifier.calibration) for score in verifier.score_embeddings(embeddings[::2], embeddings[1::2]).tolist()]

        return self._batcher(answer, first=(_grey(verifier.config),) * 2, max_batch=MAX_BATCH // 2)

    def _serve_gallery(self, gallery: Gallery) -> Batcher[tuple[np.ndarray, int], SearchResult]:
        def answer(asked: list[tuple[np.ndarray, int]]) -> list[SearchResult]:
            embeddings = gallery.verifier.embed(np.stack([photo for photo, _ in asked]))
            results = gallery.search_embeddings(embeddings, max(k for _, k in asked))
            return [attrs.evolve(result, matches=result.matches[:k]) for result, (_, k) in zip(results, asked, strict=True)]

        return self._batcher(answer, first=(_grey(gallery.verifier.config), 1))

    def _batcher(self, answer: Callable[[list[Any]], list[Any]], *, first: Any, max_batch: int = MAX_BATCH) -> Batcher[Any, Any]:
        """Make a batcher that is warmed by its first item."""
        self._first.append((answer, first, max_batch))
        self._batchers.append(Batcher(answer, self._models, max_batch=max_batch, n_workers=self._n_models))
        return self._batchers[-1]

    async def warm(self) -> None:
        """Let every network answer the batches that make TensorFlow compile: the first, another size, and the largest."""
        for answer, item, max_batch in self._first:
            for n_items in (1, 2, max_batch):
                await asyncio.get_running_loop().run_in_executor(self._models, answer, [item] * n_items)
        self.is_ready = True

    async def close(self) -> None:
        """Answer what was accepted, then stop."""
        self.is_ready = False
        for batcher in self._batchers:
            await batcher.close()
        for pool in (self._decoders, self._large_decoder, self._models, self._explainer):
            pool.shutdown(cancel_futures=True)

    async def classify(self, name: ClassifierName, photo: bytes, *, explain: bool = False) -> tuple[Prediction, Explanation | None]:
        """Say what a photo shows; with the places that speak for it where that is asked for.

        Raises:
            HTTPException: Too many photos wait, or this one cannot be read.
        """
        classifier = self.recognisers.classifiers[name]
        with self._line.place(1):
            fitted = await self._decode(photo, _fit_to(classifier.config))
            answer = await self._classify[name].submit(fitted)
            if not explain:
                return answer, None
            shown = await self._decode(photo, _decode_shown)
            (explanation,) = await self._explain.submit(lambda: [classifier.explain(shown, answer.class_name)])
            return answer, explanation

    async def verify(self, a: bytes, b: bytes, *, explain: bool = False) -> tuple[Verification, list[Explanation] | None]:
        """Say whether two photos show the same car; for errors see `classify`."""
        verifier, batcher = self.recognisers.verifier, self._verify
        if verifier is None or batcher is None:
            raise _not_served("verifier")
        with self._line.place(2):
            first, second = await asyncio.gather(*(self._decode(photo, _fit_to(verifier.config)) for photo in (a, b)))
            answer = await batcher.submit((first, second))
            if not explain:
                return answer, None
            shown = await asyncio.gather(*(self._decode(photo, _decode_shown) for photo in (a, b)))
            return answer, await self._explain.submit(lambda: list(verifier.explain(*shown)))

    async def search(self, photo: bytes, *, k: int) -> SearchResult:
        """Find the car of a photo in the gallery; for errors see `classify`."""
        gallery, batcher = self.recognisers.gallery, self._search
        if gallery is None or batcher is None:
            raise _not_served("gallery")
        with self._line.place(1):
            return await batcher.submit((await self._decode(photo, _fit_to(gallery.verifier.config)), k))

    async def draw(self, explanation: Explanation) -> str:
        """Draw an explanation as a data URI; it is grey where no place speaks for the answer."""
        work = lambda: data_uri(to_jpeg(explanation.overlay()))  # noqa: E731
        return await asyncio.get_running_loop().run_in_executor(self._decoders, work)

    async def _decode(self, photo: bytes, fit: Callable[[bytes], np.ndarray]) -> np.ndarray:
        """Check a photo and decode it, in a thread; large ones one after another, for the memory that they take."""

        def work(largest: float) -> np.ndarray | None:
            try:
                return fit(photo) if check_photo(photo, self.limits) <= largest else None
            except ImageDecodeError as error:
                raise HTTPException(422, BROKEN) from error

        loop = asyncio.get_running_loop()
        fitted = await loop.run_in_executor(self._decoders, work, _LARGE)
        return fitted if fitted is not None else cast(np.ndarray, await loop.run_in_executor(self._large_decoder, work, math.inf))


async def wait_for(work: Coroutine[Any, Any, R], *, request: Request, limits: Limits) -> R:
    """Wait for an answer as long as its client does, and no longer than may be.

    Args:
        work: Gives the answer; it is cancelled where nobody waits for it any more.
        request: Whose body was read to its end.
        limits: How long it may take.

    Raises:
        ClientDisconnect: The client has gone.
        HTTPException: 503 where it took too long.
    """
    answer, gone = asyncio.ensure_future(work), asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((answer, gone), timeout=limits.answer_seconds, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if gone.done():
            raise ClientDisconnect
        raise HTTPException(503, "No answer could be given in time. Send it again in 5 s.", {"Retry-After": "5"})
    finally:
        answer.cancel()
        gone.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def data_uri(jpeg: bytes) -> str:
    """Put a JPEG file into an address."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def _not_served(name: str) -> HTTPException:
    return HTTPException(404, f"No {name} is served here. What is served stands in /v1/recognisers.")


def _fit_to(config: BackboneConfig) -> Callable[[bytes], np.ndarray]:
    return partial(decode, image_size=config.image_size, resize=config.resize)


def _grey(config: BackboneConfig) -> np.ndarray:
    return np.full((*config.image_size, 3), 128, np.uint8)


def _decode_shown(photo: bytes) -> np.ndarray:
    """Decode a photo no larger than it is shown."""
    width, height = upright_size(photo)
    scale = min(1.0, _SHOWN / max(width, height))
    return decode(photo, image_size=(max(round(height * scale), 1), max(round(width * scale), 1)))


def _explain_all(works: list[Callable[[], list[Explanation]]]) -> list[list[Explanation]]:
    with warnings.catch_warnings():  # the only thread that does so
        warnings.simplefilter("ignore", EmptyHeatmapWarning)
        return [work() for work in works]
