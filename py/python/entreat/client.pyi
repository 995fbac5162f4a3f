from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping, Sequence
from datetime import timedelta
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, NamedTuple, Protocol, TypeAlias, TypedDict

from typing_extensions import Self, Unpack

from .errors import Error
from .exceptions import Timeout

_Scalar: TypeAlias = str | bytes | int | float | bool | None
_Pairs: TypeAlias = Mapping[str, _Scalar | Sequence[_Scalar]] | Iterable[tuple[str, _Scalar | Sequence[_Scalar]]]
_HeaderFields: TypeAlias = Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]]
_Content: TypeAlias = str | bytes | bytearray | memoryview | IO[bytes] | Iterable[bytes]
_File: TypeAlias = (
    _Content
    | tuple[str | None, _Content]
    | tuple[str | None, _Content, str | None]
    | tuple[str | None, _Content, str | None, Mapping[str, str]]
)
_Files: TypeAlias = Mapping[str, _File] | Iterable[tuple[str, _File]]
_Material: TypeAlias = str | bytes | PathLike[str]
_Cert: TypeAlias = _Material | tuple[_Material, _Material | None] | tuple[_Material, _Material | None, str | None]
# What `entreat.Timeout(total=…)` makes is one to a type checker.
_Timeout: TypeAlias = float | tuple[float | None, float | None] | Timeout | None

_RequestHook: TypeAlias = Callable[[Request], Request | None]
_ResponseHook: TypeAlias = Callable[[Response], Any]
#: Told of bytes that were transferred, and of all of them where that is known.
_Progress: TypeAlias = Callable[[int, int | None], Any]
_HeadersHook: TypeAlias = Callable[[Headers], Any]

_RedirectHook: TypeAlias = Callable[[Redirecting], Any]
_RetryHook: TypeAlias = Callable[[Retrying], Any]

class _Hooks(TypedDict, total=False):
    request: _RequestHook | Sequence[_RequestHook] | None
    response: _ResponseHook | Sequence[_ResponseHook] | None
    redirect: _RedirectHook | Sequence[_RedirectHook] | None
    retry: _RetryHook | Sequence[_RetryHook] | None
    early_hints: _HeadersHook | Sequence[_HeadersHook] | None

class _AuthFlow(Protocol):
    def auth_flow(self, request: Request, /) -> Generator[Request, Response]: ...

_Auth: TypeAlias = str | tuple[str, str] | Auth | Callable[[Request], Request | None] | _AuthFlow

class _Transport(Protocol):
    def handle_request(self, request: Request, /) -> Any: ...

class _Answers(Iterator[Response]):
    def __next__(self) -> Response: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

class _Knobs(TypedDict, total=False):
    timeout: _Timeout
    retries: int | Retry | None
    follow_redirects: bool
    max_redirects: int
    max_body: int | None
    proxies: str | Mapping[str, str | None] | None
    verify: bool | _Material
    cert: _Cert | None
    resolve: Mapping[str, str | Sequence[str]] | None
    guard: Literal["public"] | None
    guard_allow: str | Sequence[str]

class _Message(_Knobs, total=False):
    params: str | _Pairs | None
    headers: _HeaderFields | None
    cookies: Mapping[str, str] | None
    auth: _Auth | None
    json: Any
    data: _Pairs | _Content | None
    content: _Content | None
    files: _Files | None
    upload_progress: _Progress | None

class Client:
    """Sends requests, keeps connections and cookies. Threads may share one; a forked child makes connections anew."""

    def __new__(
        cls,
        base_url: str | None = None,
        *,
        headers: _HeaderFields | None = None,
        params: _Pairs | None = None,
        auth: _Auth | None = None,
        cookies: bool | Mapping[str, str] = True,
        timeout: _Timeout = ...,
        retries: int | Retry | None = 0,
        limits: Limits | None = None,
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
        transport: _Transport | Callable[[Request], Any] | None = None,
    ) -> Self: ...
    def get(self, url: str, **options: Unpack[_Message]) -> Response: ...
    def options(self, url: str, **options: Unpack[_Message]) -> Response: ...
    def head(self, url: str, **options: Unpack[_Message]) -> Response: ...
    def post(self, url: str, **options: Unpack[_Message]) -> Response: ...
    def put(self, url: str, **options: Unpack[_Message]) -> Response: ...
    def patch(self, url: str, **options: Unpack[_Message]) -> Response: ...
    def delete(self, url: str, **options: Unpack[_Message]) -> Response: ...
    def request(self, method: str, url: str, **options: Unpack[_Message]) -> Response: ...
    def stream(self, method: str, url: str, **options: Unpack[_Message]) -> Response:
        """The same, but leaves the body to be read as it comes. To be used with ``with``."""

    def build_request(self, method: str, url: str, **options: Unpack[_Message]) -> Request:
        """A request as this client would send it."""

    def send(self, request: Request, *, stream: bool = False) -> Response:
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
    ) -> Downloaded:
        """Fetches a URL into a file: whole or not at all, and on from where an earlier attempt stopped."""

    def map(
        self,
        requests: Iterable[str | Request | Mapping[str, Any]],
        *,
        concurrency: int = 8,
        return_exceptions: bool = False,
        **options: Unpack[_Message],
    ) -> _Answers:
        """Sends many requests, so many at once, and gives their answers as they come, whole."""

    @property
    def cookies(self) -> Cookies: ...
    @property
    def base_url(self) -> str | None: ...
    @property
    def pool_stats(self) -> PoolStats: ...
    @property
    def is_closed(self) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

class Auth:
    """A way of proving who sends a request, with its credentials."""

    @staticmethod
    def basic(user: str, password: str, encoding: Literal["utf-8", "latin-1"] = "utf-8") -> Auth:
        """Basic, at once."""

    @staticmethod
    def bearer(token: str) -> Auth:
        """A bearer token, at once."""

    @staticmethod
    def sigv4(access_key: str, secret_key: str, region: str, service: str, session_token: str | None = None) -> Auth:
        """AWS Signature Version 4, for a region and a service."""

    @staticmethod
    def digest(user: str, password: str) -> Auth:
        """HTTP Digest, with whichever algorithm the server offers."""

    @staticmethod
    def netrc(path: str | PathLike[str] | None = None) -> Auth:
        """Basic, with what a netrc file has for each host: this one, or else `NETRC` or `~/.netrc`."""

    @staticmethod
    def nothing() -> Auth:
        """None, for a request whose client has some."""

class Request:
    """What is to be sent. Its headers may be changed."""

    def __new__(cls, method: str, url: str, **options: Unpack[_Message]) -> Self: ...
    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def content(self) -> bytes | None:
        """The body; None where it is read only while it is sent."""

class Response:
    """An answer whose head has arrived."""

    @property
    def status_code(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def is_redirect(self) -> bool: ...
    @property
    def url(self) -> str: ...
    @property
    def http_version(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def cookies(self) -> dict[str, str]: ...
    @property
    def request(self) -> Request: ...
    @property
    def history(self) -> list[Response]: ...
    @property
    def elapsed(self) -> timedelta: ...
    @property
    def timings(self) -> Timings: ...
    @property
    def attempts(self) -> int: ...
    @property
    def encoding(self) -> str: ...
    @encoding.setter
    def encoding(self, encoding: str | None) -> None: ...
    @property
    def content(self) -> bytes: ...
    @property
    def text(self) -> str: ...
    def json(self, **options: Any) -> Any: ...
    def read(self) -> bytes: ...
    def iter_bytes(self, size: int = 65536) -> Iterator[bytes]: ...
    def iter_text(self) -> Iterator[str]: ...
    def iter_lines(self) -> Iterator[str]: ...
    def raise_for_status(self) -> Self: ...
    def upgrade(self) -> Upgraded:
        """The connection itself, after 101 or 2xx to CONNECT; once. `StatusError` for any other answer."""

    @property
    def is_closed(self) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

class Upgraded:
    """A connection that speaks another protocol now. It is no part of the pool any more; one thread uses it at a time."""

    def read(self, size: int = 65536) -> bytes:
        """What is there, at least one byte and at most `size` (65536); nothing at the end. What came with the head is first."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends all of it."""

    def write_eof(self) -> None:
        """Says that nothing more will be sent. Reading goes on."""

    def set_timeouts(self, read: float | None = None, write: float | None = None) -> None:
        """Seconds that a read, and a write, may take; None for ever, as at first."""

    @property
    def response(self) -> Response: ...
    @property
    def protocol(self) -> str | None:
        """The answer's field ``Upgrade``."""

    @property
    def is_closed(self) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...

class Headers(MutableMapping[str, str]):
    """Header fields in their order and case; names compare without case."""

    def __new__(cls, fields: _HeaderFields | None = None, /) -> Self: ...
    def __getitem__(self, name: str) -> str: ...
    def __setitem__(self, name: str, value: str | bytes) -> None: ...
    def __delitem__(self, name: str) -> None: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def get_list(self, name: str) -> list[str]:
        """The values of a name, one by one."""

    def append(self, name: str, value: str | bytes) -> None:
        """Adds a field beside those of the same name."""

    def multi_items(self) -> list[tuple[str, str]]:
        """All fields in their order, those of one name apart."""

    def copy(self) -> Headers: ...

class Cookies:
    """The cookies that a client keeps."""

    def set(self, name: str, value: str, domain: str, path: str = "/") -> None: ...
    def get(self, name: str, default: str | None = None) -> str | None: ...
    def __getitem__(self, name: str) -> str: ...
    def __contains__(self, name: str) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def remove(self, name: str, domain: str | None = None, path: str | None = None) -> int: ...
    def clear(self) -> None: ...
    def load(self, path: str | PathLike[str]) -> None:
        """Puts in the cookies of a cookies.txt, or of JSON where its name ends in ``.json``."""

    def save(self, path: str | PathLike[str]) -> None:
        """Writes all into such a file, which only its owner may read."""

    def to_json(self) -> str: ...
    def add_json(self, text: str) -> None: ...
    def to_netscape(self) -> str: ...
    def add_netscape(self, text: str) -> None: ...

class Limits(NamedTuple):
    """How many connections there may be, and for how long they are kept; None for no limit."""

    #: Connections at once, in use or idle. Whoever comes when all are in use waits, up to the time-out `pool`.
    total: int | None = None
    #: The same for one origin.
    per_origin: int | None = None
    #: Idle connections that are kept.
    idle_total: int = 100
    idle_per_origin: int = 10
    #: Seconds after which an idle connection is closed: below what most servers and NATs allow.
    idle_timeout: float | None = 90.0
    #: Seconds after which a connection is not used again, so that a change of the DNS is noticed.
    max_age: float | None = None

class Retry(NamedTuple):
    """For what, how often and how far apart a request that failed is sent again."""

    #: At most so many retries.
    total: int
    #: At most so many because no connection could be made, because one broke, because of a status.
    connect: int | None = None
    read: int | None = None
    status: int | None = None
    #: The statuses that are worth another try.
    statuses: Sequence[int] = ...
    #: The methods that may be sent twice. Where no connection was made, any may.
    methods: Sequence[str] = ...
    #: Seconds before the first retry, doubled for each further one, up to `max_backoff`.
    backoff: float = 0.1
    max_backoff: float = 20.0
    #: Which share of a wait is left to chance.
    jitter: float = 0.5
    #: Wait as long as the server's Retry-After says, up to `max_retry_after` seconds.
    retry_after: bool = True
    max_retry_after: float = 120.0

class PoolStats(NamedTuple):
    """What a client's connections are doing."""

    idle: int
    in_use: int
    waiting: int
    opened: int
    reused: int

class Downloaded(NamedTuple):
    """What a download came to."""

    path: Path
    #: Bytes in the file, and those of them that were there already, from an earlier attempt.
    length: int
    resumed_from: int

class Redirecting(NamedTuple):
    """A redirect that is about to be followed: the answer, and the next request."""

    status_code: int
    headers: Headers
    url: str
    next_method: str
    next_url: str

class Retrying(NamedTuple):
    """A request that is about to be sent once more."""

    #: Which attempt it will be, from 2 on, and the seconds before it.
    attempt: int
    wait: float
    method: str
    url: str
    #: The status of the answer that is thrown away, or what went wrong.
    status_code: int | None
    error: Error | None

class Timings(NamedTuple):
    """Where the time of a request went, in seconds; None for what was not needed.

    The parts are those of the exchange that brought this answer; `total` holds redirects and retries as well.
    """

    #: Waiting for a turn, where connections are limited, or how often a host may be asked.
    queue: float
    #: Finding addresses, connecting, and TLS handshakes: None where a kept connection served.
    resolve: float | None
    connect: float | None
    tls: float | None
    #: From when the request began to go out until the head of the answer was there.
    first_byte: float
    #: From the start of the call to the end of the body; until that was read, up to now.
    total: float
