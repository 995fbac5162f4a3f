"""`ASGITransport`: an ASGI app called in this process, in the place of a network, for `entreat.aio.Client`.

    async with entreat.aio.Client("http://app.test", transport=entreat.ASGITransport(app)) as client:
        assert (await client.get("/")).status_code == 200

What a transport is stands in `mock`; `wsgi` is the same for WSGI. Under asyncio the app runs in a task of its own, one piece of
its body ahead of whoever reads that; the end of the body is the end of the app, so that what it does behind its answer is
done by then. Under trio, which has no tasks without a nursery, it runs in the caller's and its body is there at once. The
lifespan of an app is not begun: nobody starts and stops it here.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from urllib.parse import unquote, urlsplit

from .errors import _make
from .mock import Reply

__all__ = ("ASGITransport",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    from .client import Request

    _Message = MutableMapping[str, Any]
    _App = Callable[[dict[str, Any], Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Any]

_PORTS = {"http": 80, "https": 443}


class ASGITransport:
    """Requests are answered by `app` (ASGI 3).

    What it raises, the call raises. With ``raise_app_exceptions=False`` that is told to `sys.stderr`, and the answer is what a
    server would send: an empty 500, or a body that breaks off. `root_path` is where the app is mounted, `client` the address
    that it sees.
    """

    def __init__(
        self,
        app: _App,
        *,
        raise_app_exceptions: bool = True,
        root_path: str = "",
        client: tuple[str, int] = ("127.0.0.1", 123),
    ) -> None:
        if not callable(app):
            raise TypeError(f"app must be callable, not {type(app).__name__}")
        self.app = app
        self.raise_app_exceptions = raise_app_exceptions
        self.root_path = root_path.rstrip("/")
        self.client = client

    async def handle_async_request(self, request: Request) -> Reply:
        """The app's answer, as soon as its head is settled: called by the client."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return await _Call(self, request).run_through()
        return await _Call(self, request).begin()

    def scope(self, request: Request) -> dict[str, Any]:
        """What the app is told of a request."""
        url = urlsplit(request.url)
        fields = request.headers.multi_items()
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": unquote(url.path or "/"),
            "raw_path": (url.path or "/").encode(),
            "query_string": url.query.encode(),
            "root_path": self.root_path,
            "headers": [(name.lower().encode(), value.encode()) for name, value in fields],
            "client": self.client,
            "server": (url.hostname or "", url.port or _PORTS.get(url.scheme, 80)),
        }


class _Call:
    """One call of the app: its head, and its body, which is iterated over by awaiting."""

    def __init__(self, transport: ASGITransport, request: Request) -> None:
        self._transport = transport
        self._scope = transport.scope(request)
        self._body: bytes | None = request.content or b""
        self._head: tuple[int, list[tuple[str, str]]] | None = None
        self._pieces: deque[bytes] = deque()
        #: The last piece was sent, or the app has ended.
        self._complete = False
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> Reply:
        """In a task of its own."""
        self._news, self._taken, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._task = asyncio.ensure_future(self._run(self._receive, self._send))
        try:
            while not self._pieces and not self._complete:
                await self._hear()
        except BaseException:
            self._task.cancel()
            raise
        if self._complete and self._head is None:
            return await self._failed()
        return self._reply(_Body(self))

    async def run_through(self) -> Reply:
        """In the task of the caller."""

        async def receive() -> _Message:
            if self._body is None:
                from trio import sleep_forever

                await sleep_forever()
            return self._request()

        async def send(message: _Message) -> None:
            self._note(message)

        try:
            await self._run(receive, send)
        except Exception as error:
            if self._transport.raise_app_exceptions:
                raise
            _tell(error)
            return Reply(500)
        return self._reply(b"".join(self._pieces))

    async def _run(self, receive: Any, send: Any) -> None:
        try:
            await self._transport.app(self._scope, receive, send)
            if self._head is None:
                raise RuntimeError("the ASGI app sent no response")
        finally:
            self._complete = True
            if self._task is not None:
                self._news.set()
                self._ended.set()

    def _request(self) -> _Message:
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _receive(self) -> _Message:
        if self._body is not None:
            return self._request()
        await self._ended.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: _Message) -> None:
        self._note(message)
        self._news.set()
        if self._complete:
            self._ended.set()
        elif self._pieces:
            # No further ahead than this.
            self._taken.clear()
            await self._taken.wait()

    def _note(self, message: _Message) -> None:
        if message["type"] == "http.response.start":
            if self._head is not None:
                raise RuntimeError("the ASGI app began its response a second time")
            fields = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            self._head = message["status"], fields
        elif message["type"] == "http.response.body":
            if self._head is None:
                raise RuntimeError("the ASGI app sent a body before its head")
            if not self._complete and (piece := bytes(message.get("body", b""))):
                self._pieces.append(piece)
            self._complete = self._complete or not message.get("more_body", False)

    async def _hear(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _reply(self, content: Any) -> Reply:
        status, headers = self._head
        return Reply(status, headers=headers, content=content)

    async def _failed(self) -> Reply:
        try:
            await self._task
        except Exception as error:
            if self._transport.raise_app_exceptions:
                raise
            _tell(error)
        return Reply(500)

    async def next_piece(self) -> bytes:
        while not self._pieces and not self._complete:
            await self._hear()
        if self._pieces:
            piece = self._pieces.popleft()
            self._taken.set()
            return piece
        try:
            await self._task
        except Exception as error:
            if self._transport.raise_app_exceptions:
                raise
            _tell(error)
            raise _make("the ASGI app broke off its body", kind="ClosedEarly", blame="peer") from error
        raise StopAsyncIteration

    def abandon(self) -> None:
        """Nobody reads the rest."""
        if not self._task.done() and not self._task.get_loop().is_closed():
            self._task.cancel()


class _Body:
    """What the app sends, piece by piece; the app is cancelled with the last reference to it."""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        return await self._call.next_piece()

    def __del__(self) -> None:
        self._call.abandon()


def _tell(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error, file=sys.stderr)
