"""Answers without a network: what `Client(transport=…)` may be, and `Mock`, which has routes and replies.

    mock = entreat.MockTransport()
    mock.on("POST", "/users").reply(201, headers={"Location": "/users/1"})
    mock.on("GET", "https://example.org/users/1").reply("John")

    with entreat.Client("https://example.org", transport=mock) as client:
        assert client.post("/users", data={"name": "John"}).status_code == 201
        assert client.get("/users/1").text == "John"
    assert mock.requests[0].content == b"name=John"
    mock.assert_all_used()

A transport stands where connections would: redirects, cookies, credentials, retries, time-outs, decoding and limits are the
client's own, and do what they do over a network. It is a callable from `Request` to a reply, or an object whose method
`handle_request` is one. The same in Rust is `entreat::mock`, with the same words. How the engine asks is
`py/src/client/transport.rs`, which takes a `Reply` apart.
"""

from __future__ import annotations

from json import dumps

from .errors import _CLASSES, Error, _make

__all__ = ("Mock", "MockTransport", "Reply", "Route")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeAlias

    from .client import Headers, Request, Response

    _Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | Headers
    _Answer: TypeAlias = "Reply | Response | int | str | bytes"

_UNSET: Any = object()


class Reply:
    """What a transport answers: a response, how long it takes, or an error.

    `content` is bytes, text, or an iterable of bytes, which is asked while the body is read, and closed behind it.
    Content-Length is added where there is none; a Content-Encoding is undone as for any response.
    """

    __slots__ = ("content", "cut_short", "delay", "error", "headers", "reason", "status_code")

    def __init__(
        self,
        status_code: int = 200,
        *,
        headers: _Fields | None = None,
        content: str | bytes | bytearray | memoryview | Iterable[bytes] = b"",
        text: str | None = None,
        json: Any = _UNSET,
        reason: str | None = None,
        delay: float = 0.0,
        cut_short: bool = False,
    ) -> None:
        if not 200 <= status_code <= 999:
            raise ValueError(f"a reply must have a status from 200 to 999, not {status_code}")
        if (bool(content) + (text is not None) + (json is not _UNSET)) > 1:
            raise ValueError("a reply takes one of content, text and json")
        own: list[tuple[str, str]] = []
        if text is not None:
            own, content = [("Content-Type", "text/plain; charset=utf-8")], text.encode()
        elif json is not _UNSET:
            own, content = [("Content-Type", "application/json")], dumps(json).encode()
        elif isinstance(content, str):
            content = content.encode()
        elif isinstance(content, (bytearray, memoryview)):
            content = bytes(content)
        given = _pairs(headers)
        names = {name.lower() for name, _ in given}
        self.status_code = status_code
        self.reason = reason
        self.headers = [*(pair for pair in own if pair[0].lower() not in names), *given]
        self.content = content
        #: Seconds for which the client waits for the head: really, and within its time-outs.
        self.delay = delay
        #: The body ends as if the peer had closed the connection in its middle.
        self.cut_short = cut_short
        #: The kind of the engine's error in the place of an answer.
        self.error: str | None = None

    @classmethod
    def fail(cls, error: type[Error] | str) -> Reply:
        """No answer, but that class of `entreat.errors`, as if the network or the peer had failed so."""
        kinds = [kind for kind, known in _CLASSES.items() if known is error or kind == error]
        if not kinds:
            raise TypeError(f"fail takes a class of entreat.errors that is raised, not {error!r}")
        made = cls()
        made.error = kinds[0]
        return made

    def __repr__(self) -> str:
        return f"<Reply {self.error or self.status_code}>"


def _pairs(headers: Any) -> list[tuple[str, str]]:
    if headers is None:
        return []
    if hasattr(headers, "multi_items"):
        return headers.multi_items()
    return list(headers.items() if hasattr(headers, "items") else headers)


def as_reply(value: _Answer) -> Reply:
    """What a callable may return for a `Reply`: one, a status, text, bytes, or a response of a client."""
    if isinstance(value, Reply):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Reply(value)
    if isinstance(value, str):
        return Reply(text=value)
    if isinstance(value, bytes):
        return Reply(content=value)
    if hasattr(value, "status_code") and hasattr(value, "headers") and hasattr(value, "content"):
        # Its body is decoded already.
        coding = ("content-encoding", "content-length", "transfer-encoding")
        fields = [(name, field) for name, field in _pairs(value.headers) if name.lower() not in coding]
        return Reply(value.status_code, headers=fields, content=value.content)
    raise TypeError(f"a transport must return a Reply, a status, text or bytes, not {type(value).__name__}")


class Route:
    """One route of a `Mock`, made by `Mock.on`. Its methods can be chained."""

    def __init__(self, method: str, url: str) -> None:
        self._method, self._url = method, url
        self._conditions: list[Callable[[Request], Any]] = []
        self._answers: list[Callable[[Request], _Answer]] = []
        self._times: int | None = None
        #: How often it was asked.
        self.calls = 0
        #: What it was asked, in order.
        self.requests: list[Request] = []

    def reply(self, *reply: Any, **parts: Any) -> Route:
        """Answer with a `Reply`, or what one is made of. Of several, each is given once, and the last one from then on."""
        if len(reply) == 1 and not parts and not callable(reply[0]):
            made = as_reply(reply[0])
        elif len(reply) == 1 and isinstance(reply[0], str):
            made = Reply(text=reply[0], **parts)
        else:
            made = Reply(*reply, **parts)
        return self.reply_with(lambda request: made)

    def reply_with(self, make: Callable[[Request], _Answer]) -> Route:
        """Answer with what `make` makes of the request: one of the replies, as `reply`."""
        if not callable(make):
            raise TypeError("reply_with takes a callable")
        self._answers.append(make)
        return self

    def when(self, condition: Callable[[Request], Any]) -> Route:
        """Stand only for requests of which this holds as well."""
        self._conditions.append(condition)
        return self

    def with_header(self, name: str, value: str) -> Route:
        """Stand only for requests with that field."""
        return self.when(lambda request: request.headers.get(name) == value)

    def times(self, times: int) -> Route:
        """Answer so many times, and then no longer: the next route that matches does."""
        self._times = times
        return self

    def _matches(self, request: Request) -> bool:
        return (
            (self._times is None or self.calls < self._times)
            and self._method in ("*", request.method)
            and self._is_url(request.url.partition("#")[0])
            and all(condition(request) for condition in self._conditions)
        )

    def _is_url(self, url: str) -> bool:
        scheme, _, rest = url.partition("://")
        path = "/" + rest.partition("/")[2]
        origin = url[: len(url) - len(path) + 1] if rest.partition("/")[1] else url
        whole = path if self._url.startswith(("/", "*")) else url
        if self._url.endswith("*"):
            return whole.startswith(self._url[:-1])
        seen = whole if "?" in self._url else whole.partition("?")[0]
        # `http://host` is the same as `http://host/`.
        return seen == self._url or (path == "/" and origin.rstrip("/") == self._url)

    def _next(self) -> Callable[[Request], _Answer]:
        turn = min(self.calls, len(self._answers) - 1)
        self.calls += 1
        return self._answers[turn] if self._answers else lambda request: Reply()

    def _shortfall(self) -> str | None:
        wanted = self._times if self._times is not None else max(len(self._answers), 1)
        return f"{self}: {self.calls} of {wanted} calls" if self.calls < wanted else None

    def __str__(self) -> str:
        return f"{self._method} {self._url}"

    def __repr__(self) -> str:
        return f"<Route {self}>"


class Mock:
    """Routes with their replies, and what was sent to them. Or a `handler`, from each `Request` to its reply."""

    def __init__(self, handler: Callable[[Request], _Answer] | None = None) -> None:
        if handler is not None and not callable(handler):
            raise TypeError("a mock takes a callable, from a Request to a Reply")
        self._handler = handler
        self._routes: list[Route] = []
        #: What was sent, in order; requests that no route answered, too.
        self.requests: list[Request] = []

    def on(self, method: str, url: str) -> Route:
        """Add a route for requests of `method`, ``*`` for any, to `url`.

        `url` is a path (``/users``) at any host, or a whole URL; without a query it stands for all of them; a ``*`` at its
        end stands for anything. Of several routes that match, the first one that is not used up answers. Without a
        `Route.reply` the answer is an empty 200.
        """
        route = Route(method, url)
        self._routes.append(route)
        return route

    def handle_request(self, request: Request) -> Reply:
        """The reply to a request: called by the client."""
        self.requests.append(request)
        for route in self._routes:
            if route._matches(request):
                route.requests.append(request)
                return as_reply(route._next()(request))
        if self._handler is not None:
            return as_reply(self._handler(request))
        raise _unmatched(request, self._routes)

    def reset(self) -> None:
        """Forget what was sent, and count anew; routes stay."""
        self.requests.clear()
        for route in self._routes:
            route.calls = 0
            route.requests.clear()

    def assert_all_used(self) -> None:
        """Assert that each route was asked: for each of its replies, and as often as `Route.times` says."""
        idle = [each for route in self._routes if (each := route._shortfall()) is not None]
        if idle:
            raise AssertionError(f"routes of the mock that were not used: {'; '.join(idle)}")

    def __repr__(self) -> str:
        return f"<Mock {'; '.join(map(str, self._routes))}>"


def _unmatched(request: Request, routes: list[Route]) -> Error:
    expected, seen = "a route of the mock that is not used up", f"{request.method} {request.url}"
    hint = f"its routes: {'; '.join(map(str, routes)) or 'none'}"
    message = f"no route answers: expected {expected}, got {seen} ({hint})"
    facts = {"expected": expected, "seen": seen, "hint": hint, "url": request.url, "request": request}
    return _make(message, kind="InvalidConfig", blame="caller", **facts)


def kind_of(raised: BaseException) -> str | None:
    """The engine's kind that an exception of a transport stands for; None where it is nothing of ours."""
    if not isinstance(raised, Error):
        return None
    return raised.kind or next((kind for kind, known in _CLASSES.items() if known is type(raised)), None)


#: The name that users of httpx look for.
MockTransport = Mock
