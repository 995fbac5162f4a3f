"""The types that annotations of this package refer to. Not a public interface.

Unlike requests', they exist at run time, so that `typing.get_type_hints` resolves every annotation. The two protocols
are also asked at run time whether an object can be read, or has items. Type checkers read `_types.pyi` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, Union, runtime_checkable

from ._lazy import Deferred

_T_co = TypeVar("_T_co", covariant=True)
_KT_co = TypeVar("_KT_co", covariant=True)
_VT_co = TypeVar("_VT_co", covariant=True)


@runtime_checkable
class SupportsRead(Protocol[_T_co]):
    """Whatever has a `read` method."""

    def read(self, length: int = ..., /) -> _T_co: ...


@runtime_checkable
class SupportsItems(Protocol[_KT_co, _VT_co]):
    """Whatever has an `items` method."""

    def items(self) -> Iterable[tuple[_KT_co, _VT_co]]: ...


HookType = Callable[["Response"], Any]
HooksInputType = Mapping[str, Iterable[HookType] | HookType]


def is_prepared(request: PreparedRequest) -> bool:
    """Tells type checkers that a request has been prepared; at run time always true."""
    return True


def _imports():
    """The classes that the aliases below name. Deferred, as their modules import this one."""
    import typing
    from datetime import timedelta
    from http.cookiejar import CookieJar

    from urllib3.connectionpool import HTTPConnectionPool

    from .adapters import BaseAdapter, HTTPAdapter
    from .auth import AuthBase
    from .cookies import RequestsCookieJar
    from .exceptions import Timeout
    from .models import PreparedRequest, Request, Response
    from .sessions import Session
    from .structures import CaseInsensitiveDict

    # Of Python 3.11 and 3.12; before, the nearest that there is.
    Self = getattr(typing, "Self", Any)
    Unpack = getattr(typing, "Unpack", dict)
    Buffer = bytes | bytearray | memoryview

    UriType = str | bytes
    ParamsType = (
        SupportsItems[str | bytes | int | float, Any]
        | tuple[tuple[str | bytes | int | float, Any], ...]
        | Iterable[tuple[str | bytes | int | float, Any]]
        | str
        | bytes
        | None
    )
    KVDataType = Iterable[tuple[Any, Any]] | SupportsItems[Any, Any]
    RawDataType = KVDataType | str | bytes
    StreamDataType = SupportsRead[str | bytes]
    EncodableDataType = RawDataType | StreamDataType
    DataType = KVDataType | Iterable[bytes | str] | str | Buffer | SupportsRead[str | bytes] | None
    BodyType = bytes | str | Iterable[bytes | str] | SupportsRead[bytes | str] | None
    HeadersType = Mapping[str, str | bytes] | None
    CookiesType = RequestsCookieJar | Mapping[str, str]
    FilesType = Mapping[str, Any] | Iterable[tuple[str, Any]] | None
    AuthType = tuple[str, str] | AuthBase | Callable[[PreparedRequest], PreparedRequest] | None
    TimeoutType = float | tuple[float | None, float | None] | Timeout | None
    ProxiesType = MutableMapping[str, str]
    HooksType = dict[str, list[HookType]] | None
    VerifyType = bool | str
    CertType = str | tuple[str, str] | None
    JsonType = None | bool | int | float | str | Sequence[Any] | Mapping[str, Any]

    common = {
        "headers": HeadersType,
        "cookies": RequestsCookieJar | CookieJar | dict[str, str] | None,
        "files": FilesType,
        "auth": AuthType,
        "timeout": TimeoutType,
        "allow_redirects": bool,
        "proxies": dict[str, str] | None,
        "hooks": HooksInputType | None,
        "stream": bool | None,
        "verify": VerifyType | None,
        "cert": CertType,
    }
    BaseRequestKwargs = typing.TypedDict("BaseRequestKwargs", common, total=False)
    RequestKwargs = typing.TypedDict(
        "RequestKwargs", {**common, "params": ParamsType, "data": DataType, "json": JsonType}, total=False
    )
    GetKwargs = typing.TypedDict("GetKwargs", {**common, "data": DataType, "json": JsonType}, total=False)
    PostKwargs = typing.TypedDict("PostKwargs", {**common, "params": ParamsType}, total=False)
    DataKwargs = typing.TypedDict("DataKwargs", {**common, "params": ParamsType, "json": JsonType}, total=False)
    return locals()


_fill = Deferred(globals(), _imports)
__getattr__ = _fill.lookup
__dir__ = _fill.listing
