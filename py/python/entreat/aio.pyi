from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from os import PathLike
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypedDict, TypeVar

from typing_extensions import Self, Unpack

from . import client as _sync
from .client import Auth as Auth
from .client import Cookies as Cookies
from .client import Downloaded as Downloaded
from .client import Headers as Headers
from .client import PoolStats as PoolStats
from .client import Request as Request
from .client import Retry as Retry
from .client import Timings as Timings
from .client import (
    _Auth,
    _Cert,
    _Content,
    _Files,
    _HeaderFields,
    _HeadersHook,
    _Knobs,
    _Material,
    _Pairs,
    _Progress,
    _RedirectHook,
    _RetryHook,
    _Timeout,
    _Transport,
)

_T = TypeVar("_T")
_Call: TypeAlias = Coroutine[Any, Any, _T]
_AsyncContent: TypeAlias = _Content | AsyncIterable[str | bytes | bytearray | memoryview]
_RequestHook: TypeAlias = Callable[[Request], Request | None | Awaitable[Request | None]]
_ResponseHook: TypeAlias = Callable[[Response], Any]

class _AsyncAuthFlow(Protocol):
    def async_auth_flow(self, request: Request, /) -> AsyncGenerator[Request, Response]: ...

class _PlainAsyncAuthFlow(Protocol):
    def auth_flow(self, request: Request, /) -> AsyncGenerator[Request, Response]: ...

_AsyncAuth: TypeAlias = _Auth | Callable[[Request], Awaitable[Request | None]] | _AsyncAuthFlow | _PlainAsyncAuthFlow

class _AsyncTransport(Protocol):
    def handle_async_request(self, request: Request, /) -> Awaitable[Any]: ...

class _Hooks(TypedDict, total=False):
    request: _RequestHook | Sequence[_RequestHook] | None
    response: _ResponseHook | Sequence[_ResponseHook] | None
    redirect: _RedirectHook | Sequence[_RedirectHook] | None
    retry: _RetryHook | Sequence[_RetryHook] | None
    early_hints: _HeadersHook | Sequence[_HeadersHook] | None

class _Message(_Knobs, total=False):
    params: str | _Pairs | None
    headers: _HeaderFields | None
    cookies: Mapping[str, str] | None
    auth: _AsyncAuth | None
    json: Any
    data: _Pairs | _AsyncContent | None
    content: _AsyncContent | None
    files: _Files | None
    upload_progress: _Progress | None

class _Opening(Awaitable[Response]):
    def __await__(self) -> Generator[Any, None, Response]: ...
    async def __aenter__(self) -> Response: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

class _Answers(AsyncIterator[Response]):
    async def __anext__(self) -> Response: ...
    async def aclose(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exception: object) -> None: ...

class Client:
    """Sends requests, keeps connections and cookies. Any number of tasks, event loops and threads may share one."""

    def __new__(
        cls,
        base_url: str | None = None,
        *,
        headers: _HeaderFields | None = None,
        params: _Pairs | None = None,
        auth: _AsyncAuth | None = None,
        cookies: bool | Mapping[str, str] = True,
        timeout: _Timeout = ...,
        retries: int | Retry | None = 0,
        limits: Limits | _sync.Limits | None = None,
        rate_limit: tuple[int, float] | tuple[int, float, int] | None = None,
        proxies: str | Mapping[str, str | None] | None = None,
        verify: bool | _Material = True,
        cert: _Cert | None = None,
        resolve: Mapping[str, str | Sequence[str]] | None = None,
        guard: Literal["public"] | None = None,
        guard_allow: str | Sequence[str] = ...,
        max_body: int | None = None,
        follow_redirects: bool = True,
        max_redirects: int = 20,
        trust_env: bool = True,
        user_agent: str | None = None,
        hsts: bool = True,
        hooks: _Hooks | None = None,
        transport: _Transport | _AsyncTransport | Callable[[Request], Any] | None = None,
    ) -> Self: ...
    def get(self, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
    def options(self, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
    def head(self, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
    def post(self, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
    def put(self, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
    def patch(self, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
    def delete(self, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
    def request(self, method: str, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
    def stream(self, method: str, url: str, **options: Unpack[_Message]) -> _Opening:
        """The same, but leaves the body to be read as it comes. To be used with ``async with``."""

    def build_request(self, method: str, url: str, **options: Unpack[_Message]) -> Request:
        """A request as this client would send it."""

    def send(self, request: Request, *, stream: bool = False) -> _Call[Response]:
        """Sends a request as it is; nothing of the client's headers or credentials is added."""

    def download(
        self,
        url: str,
        path: str | PathLike[str],
        *,
        resume: bool = True,
        progress: _Progress | bool | None = None,
        checksum: str | None = None,
        **options: Unpack[_Message],
    ) -> _Call[Downloaded]:
        """Fetches a URL into a file: whole or not at all, and on from where an earlier attempt stopped."""

    def map(
        self,
        requests: Iterable[str | Request | Mapping[str, Any]] | AsyncIterable[str | Request | Mapping[str, Any]],
        *,
        concurrency: int = 8,
        return_exceptions: bool = False,
        **options: Unpack[_Message],
    ) -> _Answers:
        """Sends many requests, so many at once, and gives their answers as they come, whole. Whoever lets the iterator go
        gives up what is under way."""

    @property
    def cookies(self) -> Cookies: ...
    @property
    def base_url(self) -> str | None: ...
    @property
    def pool_stats(self) -> PoolStats:
        """What its connections are doing, in all loops."""

    @property
    def is_closed(self) -> bool: ...
    def aclose(self) -> _Call[None]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

class Response(_sync.Response):
    """An answer whose head has arrived. Where it was not opened by `stream`, its body is here, and nothing need be awaited."""

    def read(self) -> _Call[bytes]:  # type: ignore[override]
        """Reads all of the body, and keeps it: `content`, `text` and `json()` are there from then on."""

    def upgrade(self) -> Upgraded:  # type: ignore[override]
        """The connection itself, after 101 or 2xx to CONNECT; once. `StatusError` for any other answer."""

    def aiter_bytes(self, size: int = 65536) -> AsyncIterator[bytes]: ...
    def aiter_text(self) -> AsyncIterator[str]: ...
    def aiter_lines(self) -> AsyncIterator[str]: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def aclose(self) -> _Call[None]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

class Upgraded:
    """A connection that speaks another protocol now. It is no part of the pool any more; one task may read while another
    writes. Nothing here has a time-out of its own."""

    def read(self, size: int = 65536) -> _Call[bytes]:
        """What is there, at least one byte and at most `size` (65536); nothing at the end. What came with the head is first.
        A read that is cancelled loses nothing."""

    def write(self, data: bytes | bytearray | memoryview) -> _Call[None]:
        """Sends all of it; done when the system has taken it."""

    def write_eof(self) -> _Call[None]:
        """Says that nothing more will be sent. Reading goes on."""

    @property
    def response(self) -> Response: ...
    @property
    def protocol(self) -> str | None:
        """The answer's field ``Upgrade``."""

    @property
    def is_closed(self) -> bool: ...
    def close(self) -> None: ...
    def aclose(self) -> _Call[None]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> bytes: ...

class Limits(NamedTuple):
    """How many connections there may be in each event loop, and for how long they are kept; None for no limit."""

    #: Connections at once, in use or idle. Whoever comes when all are in use waits, first come first served, up to the
    #: time-out `pool`.
    total: int | None = None
    #: The same for one origin.
    per_origin: int | None = None
    #: Idle connections that are kept: as many as there are requests at once, since the connections of all answers that come
    #: in one turn of the loop are idle until the tasks go on. Fewer are closed and made anew all the time.
    idle_total: int = 1000
    idle_per_origin: int = 1000
    #: Seconds after which an idle connection is closed: below what most servers and NATs allow.
    idle_timeout: float | None = 90.0
    #: Seconds after which a connection is not used again, so that a change of the DNS is noticed.
    max_age: float | None = None

def request(method: str, url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
def get(url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
def options(url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
def head(url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
def post(url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
def put(url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
def patch(url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
def delete(url: str, **options: Unpack[_Message]) -> _Call[Response]: ...
