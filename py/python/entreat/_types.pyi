"""What `_types.py` makes when it is asked for, as a type checker is to see it. The same names, the same types."""

from __future__ import annotations

from collections.abc import Callable as Callable
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import timedelta as timedelta
from http.cookiejar import CookieJar as CookieJar
from typing import Any as Any
from typing import Literal as Literal
from typing import Protocol, TypeAlias, TypedDict, TypeVar, runtime_checkable

from typing_extensions import Self as Self
from typing_extensions import Unpack as Unpack
from urllib3.connectionpool import HTTPConnectionPool as HTTPConnectionPool

from .adapters import BaseAdapter as BaseAdapter
from .adapters import HTTPAdapter as HTTPAdapter
from .auth import AuthBase as AuthBase
from .cookies import RequestsCookieJar as RequestsCookieJar
from .exceptions import Timeout as Timeout
from .models import PreparedRequest as PreparedRequest
from .models import Request as Request
from .models import Response as Response
from .sessions import Session as Session
from .structures import CaseInsensitiveDict as CaseInsensitiveDict

_T_co = TypeVar("_T_co", covariant=True)
_KT_co = TypeVar("_KT_co", covariant=True)
_VT_co = TypeVar("_VT_co", covariant=True)

@runtime_checkable
class SupportsRead(Protocol[_T_co]):
    def read(self, length: int = ..., /) -> _T_co: ...

@runtime_checkable
class SupportsItems(Protocol[_KT_co, _VT_co]):
    def items(self) -> Iterable[tuple[_KT_co, _VT_co]]: ...

def is_prepared(request: PreparedRequest) -> bool: ...

HookType: TypeAlias = Callable[[Response], Any]
HooksInputType: TypeAlias = Mapping[str, Iterable[HookType] | HookType]
Buffer: TypeAlias = bytes | bytearray | memoryview
UriType: TypeAlias = str | bytes
ParamsType: TypeAlias = (
    SupportsItems[str | bytes | int | float, Any]
    | tuple[tuple[str | bytes | int | float, Any], ...]
    | Iterable[tuple[str | bytes | int | float, Any]]
    | str
    | bytes
    | None
)
KVDataType: TypeAlias = Iterable[tuple[Any, Any]] | SupportsItems[Any, Any]
RawDataType: TypeAlias = KVDataType | str | bytes
StreamDataType: TypeAlias = SupportsRead[str | bytes]
EncodableDataType: TypeAlias = RawDataType | StreamDataType
DataType: TypeAlias = KVDataType | Iterable[bytes | str] | str | Buffer | SupportsRead[str | bytes] | None
BodyType: TypeAlias = bytes | str | Iterable[bytes | str] | SupportsRead[bytes | str] | None
HeadersType: TypeAlias = Mapping[str, str | bytes] | None
CookiesType: TypeAlias = RequestsCookieJar | Mapping[str, str]
FilesType: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]] | None
AuthType: TypeAlias = tuple[str, str] | AuthBase | Callable[[PreparedRequest], PreparedRequest] | None
TimeoutType: TypeAlias = float | tuple[float | None, float | None] | Timeout | None
ProxiesType: TypeAlias = MutableMapping[str, str]
HooksType: TypeAlias = dict[str, list[HookType]] | None
VerifyType: TypeAlias = bool | str
CertType: TypeAlias = str | tuple[str, str] | None
JsonType: TypeAlias = None | bool | int | float | str | Sequence[Any] | Mapping[str, Any]

class BaseRequestKwargs(TypedDict, total=False):
    headers: HeadersType
    cookies: RequestsCookieJar | CookieJar | dict[str, str] | None
    files: FilesType
    auth: AuthType
    timeout: TimeoutType
    allow_redirects: bool
    proxies: dict[str, str] | None
    hooks: HooksInputType | None
    stream: bool | None
    verify: VerifyType | None
    cert: CertType

class RequestKwargs(BaseRequestKwargs, total=False):
    params: ParamsType
    data: DataType
    json: JsonType

class GetKwargs(BaseRequestKwargs, total=False):
    data: DataType
    json: JsonType

class PostKwargs(BaseRequestKwargs, total=False):
    params: ParamsType

class DataKwargs(BaseRequestKwargs, total=False):
    params: ParamsType
    json: JsonType
