"""The page of the browser: it is shown, asked by plain forms, and answers in HTML; the scripts of the page ask for the answer alone."""

from collections.abc import Callable, Coroutine
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import attrs
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from car_recog._version import __version__
from car_recog.web import answers
from car_recog.web.api import answer_classify, answer_search, answer_verify
from car_recog.web.desk import Desk, wait_for
from car_recog.web.examples import EXAMPLES, example
from car_recog.web.layout import page, tasks_of
from car_recog.web.schemas import ClassifyForm, SearchForm, VerifyForm
from car_recog.web.uploads import read_form

page_router = APIRouter(include_in_schema=False)
_STATIC = Path(__file__).with_name("static")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOREVER = {"Cache-Control": "max-age=31536000, immutable"}  # the address changes with the content


@attrs.frozen
class _Question:
    """What a form of the page asks.

    Args:
        form: Its fields besides the photos.
        photos: The names of those that hold photos.
        ask: Answers for the desk, the photos and the form.
        show: Makes HTML of the answer, the form and the contact link.
    """

    form: type[BaseModel]
    photos: tuple[str, ...]
    ask: Callable[..., Coroutine[Any, Any, Any]]
    show: Callable[[Any, Any, str | None], str]


_QUESTIONS = {
    "classify": _Question(
        ClassifyForm,
        ("photo",),
        answer_classify,
        lambda answer, form, url: answers.classified(answer, is_explained=form.explain, contact_url=url),
    ),
    "verify": _Question(
        VerifyForm, ("a", "b"), answer_verify, lambda answer, form, _: answers.verified(answer, is_explained=form.explain)
    ),
    "search": _Question(SearchForm, ("photo",), answer_search, lambda answer, *_: answers.found(answer)),
}


@page_router.get("/")
@page_router.get("/classify")
@page_router.get("/verify")
@page_router.get("/search")
async def show(request: Request) -> HTMLResponse:
    """Show the page; with `?example` in the address, and the answer for drawn photos."""
    task = _task(request)
    if task is None or "example" not in request.query_params:
        return _page(request, task)
    return await ask(request)


@page_router.post("/classify")
@page_router.post("/verify")
@page_router.post("/search")
async def ask(request: Request) -> HTMLResponse:
    """Answer a form, by the whole page or, where its scripts ask, by the answer alone. An error is an answer, too."""
    task = _task(request) or ""
    try:
        answer, status, headers = await _answer(request, task), 200, None
    except HTTPException as error:
        answer, status, headers = answers.refused(error.detail), error.status_code, error.headers
    if "x-fragment" in request.headers:
        return HTMLResponse(answer, status, headers)
    return _page(request, task, answer=answer, status=status, headers=headers)


@page_router.get("/static/{version}/{name}")
async def static(name: str) -> Response:
    """Give what the page consists of besides its HTML."""
    if name not in _files():
        raise HTTPException(404, "There is no such file.")
    return Response(_files()[name], headers=_FOREVER, media_type=_TYPES[Path(name).suffix])


@page_router.get("/examples/{name}.jpg")
async def drawn(name: str) -> Response:
    """Give a drawn photo."""
    if name not in EXAMPLES:
        raise HTTPException(404, "There is no such drawn photo.")
    return Response(example(name), media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})


def _task(request: Request) -> str | None:
    """Tell which question an address is of, where it is served."""
    task = request.url.path.strip("/")
    if task and task not in {one.name for one in tasks_of(request.app.state.desk.described)}:
        raise HTTPException(404, "This question is not answered here: what it takes is not served. See /v1/recognisers.")
    return task or None


async def _answer(request: Request, task: str) -> str:
    desk: Desk = request.app.state.desk
    question = _QUESTIONS[task]
    if request.method == "GET":
        (asked,) = (one for one in tasks_of(desk.described) if one.name == task)
        form, photos = question.form(), [example(name) for name in asked.examples[: len(question.photos)]]
    else:
        form, photos = await read_form(request, question.form, photos=question.photos, limits=desk.limits)
    answer = await wait_for(question.ask(desk, *photos, form), request=request, limits=desk.limits)
    return question.show(answer, form, request.app.state.contact_url)


def _page(request: Request, task: str | None, *, answer: str = "", status: int = 200, headers: Any = None) -> HTMLResponse:
    desk: Desk = request.app.state.desk
    static = f"/static/{_digest()}"
    content = page(
        desk.described, version=__version__, static=static, max_bytes=desk.limits.max_file, opened=task, answer=answer
    )
    return HTMLResponse(content, status, headers)


@cache
def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(_STATIC.iterdir()) if path.suffix in _TYPES}


@cache
def _digest() -> str:
    return blake2b(b"".join(_files().values()), digest_size=6).hexdigest()
