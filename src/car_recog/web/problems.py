"""Errors as RFC 9457 has them: `application/problem+json` with a sentence that says what to do, and nothing internal."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from car_recog.web.schemas import Problem

_CLIENT_HAS_GONE = 499  # nobody reads it
ADVICE = {
    400: "The request cannot be read. Send a form as multipart/form-data.",
    404: "Nothing is at this address. What is offered stands in /v1/openapi.json.",
    405: "This address takes another method: see the header Allow, or /v1/openapi.json.",
    500: "This should not happen. Please report it, with what the server printed.",
}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Word an error."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def answer_problems(app: FastAPI) -> None:
    """Let every error be answered as a problem."""

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        is_plain = error.detail == HTTPStatus(error.status_code).phrase  # raised by the framework
        detail = ADVICE.get(error.status_code, error.detail) if is_plain else error.detail
        return problem(error.status_code, detail, dict(error.headers or {}))

    async def leave(_: Request, __: Exception) -> Response:
        return Response(status_code=_CLIENT_HAS_GONE)

    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(ClientDisconnect, leave)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe problems of a route for OpenAPI."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
