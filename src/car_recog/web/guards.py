"""What holds for every request: who may be asked for, how large and how slow a body may be, and the headers of every answer."""

import asyncio
import re
from collections.abc import Collection

import attrs
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from car_recog.web.problems import ADVICE, problem
from car_recog.web.uploads import Limits

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*)(:[0-9]*)?")
_TWO_PHOTOS = ("/v1/verify", "/verify")
_DRAINED = 4  # times the size that is taken: so much is read on, so that a browser gets to read the refusal
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@attrs.define
class Intake:
    """What comes in at a time, over all clients.

    Args:
        limits: Of bodies.
    """

    limits: Limits
    _n_held: int = attrs.field(default=0, init=False)
    _is_stopped: bool = attrs.field(default=False, init=False)
    _timers: set[asyncio.Timeout] = attrs.field(factory=set, init=False)

    def hold(self, n_bytes: int) -> None:
        """Count bytes that came in; give them back as a negative number.

        Raises:
            HTTPException: 503 where all uploads together take too much memory.
        """
        self._n_held += n_bytes
        if n_bytes > 0 and self._n_held > self.limits.max_held:
            raise HTTPException(503, "Too many photos come in at once. Send it again in 5 s.", {"Retry-After": "5"})

    async def next(self, receive: Receive, deadline: float) -> Message:
        """Receive what comes next of a body.

        Raises:
            HTTPException: 408 where it takes longer than it may, 503 where the server is being stopped.
        """
        timer = asyncio.timeout_at(0.0 if self._is_stopped else deadline)
        self._timers.add(timer)
        try:
            async with timer:
                return await receive()
        except TimeoutError:
            if self._is_stopped:
                raise HTTPException(503, "The server is being stopped. Send it again in 10 s.", {"Retry-After": "10"}) from None
            limit = f"{self.limits.body_seconds:.0f} s"
            raise HTTPException(408, f"The photo did not arrive within {limit}. Send a smaller one.", {"Connection": "close"}) from None
        finally:
            self._timers.discard(timer)

    def stop(self) -> None:
        """Wait no longer for what is still coming in."""
        self._is_stopped = True
        for timer in self._timers:
            if not timer.expired():
                timer.reschedule(0.0)


@attrs.define
class Guards:
    """Wraps the application.

    Args:
        app: The application.
        intake: What comes in at a time.
        hosts: Names by which the server may be asked for; None lets all through. On loopback this keeps pages of strangers, whose names
            they let point to 127.0.0.1, from reading answers.
    """

    app: ASGIApp
    intake: Intake
    hosts: Collection[str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # answered as GET: the server leaves the body out
            scope = {**scope, "method": "GET"}
        answer = _Answer(send)
        if self.hosts is not None and _host(scope) not in self.hosts:
            await problem(400, f"This server answers to {', '.join(self.hosts)} only.")(scope, receive, answer.send)
            return
        body = _Body(self.intake, scope, receive)
        try:
            await self.app(scope, body.receive, answer.send)
        except Exception:
            if not answer.is_begun:
                await problem(500, ADVICE[500])(scope, receive, answer.send)
            raise  # whoever runs the server gets to see it
        finally:
            self.intake.hold(-body.n_received)


@attrs.define
class _Body:
    """Receives a body within its limits.

    A body that is too large is read on for a while and thrown away: a browser that is cut off while it sends shows no answer.
    """

    intake: Intake
    scope: Scope
    inner: Receive
    n_received: int = 0
    _is_whole: bool = False
    _deadline: float = 0.0

    async def receive(self) -> Message:
        if self._is_whole:
            return await self.inner()
        limits = self.intake.limits
        limit = limits.max_body(2 if self.scope["path"] in _TWO_PHOTOS else 1)
        if not self._deadline:
            self._deadline = asyncio.get_running_loop().time() + limits.body_seconds
            headers = Headers(scope=self.scope)
            announced = headers.get("content-length", "")
            if announced.isdecimal() and int(announced) > limit:
                await self._refuse(limit, is_read_on="expect" not in headers and int(announced) <= _DRAINED * limit)
        message = await self.intake.next(self.inner, self._deadline)
        n_bytes = len(message.get("body", b""))
        self.n_received += n_bytes
        self.intake.hold(n_bytes)
        if self.n_received > limit:
            await self._refuse(limit)
        self._is_whole = not message.get("more_body", False)
        return message

    async def _refuse(self, limit: int, *, is_read_on: bool = True) -> None:
        rest = _DRAINED * limit if is_read_on else 0
        while rest > 0:
            message = await self.intake.next(self.inner, self._deadline)
            rest -= len(message.get("body", b""))
            if not message.get("more_body", False):
                break
        detail = f"More than {limit // 2**20} MiB came; so much is taken at most. Shrink the photo first, or take a smaller one."
        raise HTTPException(413, detail, {"Connection": "close"})


@attrs.define
class _Answer:
    """Sends an answer with its headers."""

    inner: Send
    is_begun: bool = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_begun = True
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers.setdefault("Cache-Control", "no-store")
        await self.inner(message)


def _host(scope: Scope) -> str:
    host = _HOST.fullmatch(Headers(scope=scope).get("host", "").lower())
    return host["name"] if host else ""
