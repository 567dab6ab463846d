"""The JSON API: `/v1/classify`, `/v1/verify`, `/v1/search`, `/v1/recognisers`, `/live` and `/ready`."""

from typing import Any

import attrs
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from car_recog._version import __version__
from car_recog.prediction import abstain_scores
from car_recog.web.desk import Desk, data_uri, wait_for
from car_recog.web.problems import declared
from car_recog.web.schemas import (
    Candidate,
    Classification,
    ClassifierName,
    ClassifyForm,
    GalleryMatch,
    HierarchyLevel,
    RecogniserList,
    SearchAnswer,
    SearchForm,
    Status,
    VerificationAnswer,
    VerifyForm,
)
from car_recog.web.uploads import read_form
from car_recog.web.wording import classify_verdict, search_verdict, verify_verdict

api_router = APIRouter()
_OF_A_FORM = (400, 404, 408, 413, 415, 422, 503)


def _form(form: type[BaseModel], *photos: str) -> dict[str, Any]:
    """Describe a form for OpenAPI."""
    schema = form.model_json_schema()
    files = {name: {"type": "string", "format": "binary", "description": "A photo."} for name in photos}
    schema |= {"properties": files | schema["properties"], "required": list(photos)}
    encoding = {name: {"contentType": "image/*"} for name in photos}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}}}}


@api_router.post("/v1/classify", responses=declared(*_OF_A_FORM), openapi_extra=_form(ClassifyForm, "photo"))
async def classify(request: Request) -> Classification:
    """Say which part, or which make and model, a photo shows."""
    desk: Desk = request.app.state.desk
    form, (photo,) = await read_form(request, ClassifyForm, photos=("photo",), limits=desk.limits)
    return await wait_for(answer_classify(desk, photo, form), request=request, limits=desk.limits)


@api_router.post("/v1/verify", responses=declared(*_OF_A_FORM), openapi_extra=_form(VerifyForm, "a", "b"))
async def verify(request: Request) -> VerificationAnswer:
    """Say whether two photos show the same car."""
    desk: Desk = request.app.state.desk
    form, (a, b) = await read_form(request, VerifyForm, photos=("a", "b"), limits=desk.limits)
    return await wait_for(answer_verify(desk, a, b, form), request=request, limits=desk.limits)


@api_router.post("/v1/search", responses=declared(*_OF_A_FORM), openapi_extra=_form(SearchForm, "photo"))
async def search(request: Request) -> SearchAnswer:
    """Find the car of a photo in the gallery."""
    desk: Desk = request.app.state.desk
    form, (photo,) = await read_form(request, SearchForm, photos=("photo",), limits=desk.limits)
    return await wait_for(answer_search(desk, photo, form), request=request, limits=desk.limits)


@api_router.get("/v1/recognisers", responses=declared(400))
async def recognisers(request: Request) -> RecogniserList:
    """Tell what is served, and what each recogniser knows."""
    desk: Desk = request.app.state.desk
    return RecogniserList(recognisers=desk.described, version=__version__)


@api_router.get("/live", responses=declared(400))
async def live() -> Status:
    """Tell that the server lives."""
    return Status(status="live")


@api_router.get("/ready", responses=declared(400, 503))
async def ready(request: Request) -> Status:
    """Tell whether every network has been warmed, so that answers come at once."""
    if not request.app.state.desk.is_ready:
        raise HTTPException(503, "The networks are being warmed. Ask again in 1 s.", {"Retry-After": "1"})
    return Status(status="ready")


async def answer_classify(desk: Desk, photo: bytes, form: ClassifyForm) -> Classification:
    """Answer for a photo; for errors see `Desk.classify`."""
    served = desk.recognisers.classifiers
    first: ClassifierName = next(iter(served), "parts")
    name = form.recogniser or first
    if name not in served:
        raise HTTPException(404, f"The recogniser '{name}' is not served here. What is served stands in /v1/recognisers.")
    answer, explanation = await desk.classify(name, photo, explain=form.explain)
    calibration = served[name].calibration
    return Classification(
        recogniser=name,
        class_name=answer.class_name,
        probability=answer.probability,
        rejected=answer.rejected,
        verdict=classify_verdict(answer, recogniser=name, rejected_by=calibration.score if calibration else None),
        top=[Candidate(class_name=class_name, probability=probability) for class_name, probability in answer.top],
        hierarchy=[HierarchyLevel(**attrs.asdict(level)) for level in answer.hierarchy],
        heatmap=await desk.draw(explanation) if explanation else None,
    )


async def answer_verify(desk: Desk, a: bytes, b: bytes, form: VerifyForm) -> VerificationAnswer:
    """Answer for two photos; for errors see `Desk.verify`."""
    answer, explanations = await desk.verify(a, b, explain=form.explain)
    verifier = desk.recognisers.verifier
    return VerificationAnswer(
        **attrs.asdict(answer),
        abstain_scores=abstain_scores(verifier.calibration if verifier else None),
        verdict=verify_verdict(answer),
        heatmaps=[await desk.draw(explanation) for explanation in explanations] if explanations else None,
    )


async def answer_search(desk: Desk, photo: bytes, form: SearchForm) -> SearchAnswer:
    """Answer for a photo; for errors see `Desk.search`."""
    result = await desk.search(photo, k=form.k)
    return SearchAnswer(
        is_known=result.is_known,
        threshold=result.threshold,
        verdict=search_verdict(result),
        matches=[
            GalleryMatch(
                name=match.name,
                score=match.score,
                probability=match.probability,
                thumbnail=None if match.thumbnail is None else data_uri(match.thumbnail),
            )
            for match in result.matches
        ],
    )
