"""The application: page, API, guards, and the networks warmed before it says that it is ready."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from fastapi import FastAPI

from car_recog._version import __version__
from car_recog.web.api import api_router
from car_recog.web.desk import Desk
from car_recog.web.guards import Guards, Intake
from car_recog.web.page import page_router
from car_recog.web.problems import answer_problems
from car_recog.web.recognisers import Recognisers
from car_recog.web.uploads import Limits

OPENAPI = "/v1/openapi.json"


def create_app(
    recognisers: Recognisers, limits: Limits | None = None, *, contact_url: str | None = None, hosts: Collection[str] | None = None
) -> FastAPI:
    """Put the application together.

    Args:
        recognisers: What is served.
        limits: What a client may ask for.
        contact_url: Where the page links to for the car found; may hold `{class_name}`.
        hosts: See `Guards`.
    """
    desk = Desk(recognisers, limits or Limits())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # In the background, so that the server answers that it lives, and is not ready, while networks compile.
        app.state.warming = asyncio.create_task(desk.warm())
        yield
        app.state.warming.cancel()
        await desk.close()

    app = FastAPI(
        title="car-recog",
        version=__version__,
        lifespan=lifespan,
        openapi_url=OPENAPI,
        docs_url=None,  # it loads scripts from elsewhere, as does the next
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.desk, app.state.intake, app.state.contact_url = desk, Intake(desk.limits), contact_url
    app.include_router(api_router)
    app.include_router(page_router)
    answer_problems(app)
    app.add_middleware(Guards, intake=app.state.intake, hosts=hosts)
    return app
