"""Cookies: a jar that is also a dictionary, and the stand-ins through which `http.cookiejar` sees our requests.

Which cookie is stored or sent is decided by `http.cookiejar` alone, because programs own that jar: they subclass it,
replace its policy and edit it. RFC 6265 as far as that module follows it.
"""

from __future__ import annotations

import calendar
import copy
import threading
import time
from collections.abc import Iterator, MutableMapping
from http.cookiejar import Cookie, CookieJar, CookiePolicy

from ._internal_utils import to_native_string
from ._lazy import types as _t
from .compat import Morsel, cookielib, urlparse, urlunparse


class MockRequest:
    """A prepared request as `http.cookiejar` expects a request to look: `urllib.request.Request`.

    The request itself is not touched: a Cookie header is kept here, for `get_new_headers`.
    """

    type: str

    def __init__(self, request: _t.PreparedRequest) -> None:
        self._r = request
        self._new_headers: dict[str, str] = {}
        self.type = urlparse(self._r.url).scheme

    def get_type(self) -> str:
        return self.type

    def get_host(self) -> str:
        return urlparse(self._r.url).netloc

    def get_origin_req_host(self) -> str:
        return self.get_host()

    def get_full_url(self) -> str:
        """The URL, with the host that the program's own Host header names, if there is one."""
        if not self._r.headers.get("Host"):
            return self._r.url
        host = to_native_string(self._r.headers["Host"], encoding="utf-8")
        parts = urlparse(self._r.url)
        return urlunparse([parts.scheme, host, parts.path, parts.params, parts.query, parts.fragment])

    def is_unverifiable(self) -> bool:
        return True

    def has_header(self, name: str) -> bool:
        return name in self._r.headers or name in self._new_headers

    def get_header(self, name: str, default: str | None = None) -> str | None:
        return self._r.headers.get(name, self._new_headers.get(name, default))

    def add_header(self, key: str, val: str) -> None:
        """Not for cookies: `http.cookiejar` has no reason to call it."""
        raise NotImplementedError("Cookie headers should be added with add_unredirected_header()")

    def add_unredirected_header(self, name: str, value: str) -> None:
        self._new_headers[name] = value

    def get_new_headers(self) -> dict[str, str]:
        return self._new_headers

    @property
    def unverifiable(self) -> bool:
        return self.is_unverifiable()

    @property
    def origin_req_host(self) -> str:
        return self.get_origin_req_host()

    @property
    def host(self) -> str:
        return self.get_host()


class MockResponse:
    """Response headers as `http.cookiejar` expects to find them: behind `info()`."""

    def __init__(self, headers: _t.Any) -> None:
        """`headers` is an `http.client.HTTPMessage`, or looks like one."""
        self._headers = headers

    def info(self) -> _t.Any:
        return self._headers

    def getheaders(self, name: str) -> _t.Any:
        # It returns nothing, as in requests; nobody calls it.
        self._headers.getheaders(name)


def extract_cookies_to_jar(jar: CookieJar, request: _t.PreparedRequest, response: _t.Any) -> None:
    """Store the cookies of a response: a urllib3 response, whose `_original_response` has the header fields apart."""
    original = getattr(response, "_original_response", None)
    if original:
        jar.extract_cookies(MockResponse(original.msg), MockRequest(request))


def get_cookie_header(jar: CookieJar, request: _t.PreparedRequest) -> str | None:
    """The Cookie header that a jar has for a request."""
    stand_in = MockRequest(request)
    jar.add_cookie_header(stand_in)
    return stand_in.get_new_headers().get("Cookie")


def remove_cookie_by_name(cookiejar: CookieJar, name: str, domain: str | None = None, path: str | None = None) -> None:
    """Remove the cookies of a name, of all domains and paths unless told otherwise."""
    for cookie in list(_matching(cookiejar, name, domain, path)):
        cookiejar.clear(cookie.domain, cookie.path, cookie.name)


def _matching(jar: CookieJar, name: str, domain: str | None, path: str | None) -> Iterator[Cookie]:
    for cookie in jar:
        if cookie.name != name:
            continue
        if domain is not None and cookie.domain != domain:
            continue
        if path is not None and cookie.path != path:
            continue
        yield cookie


class CookieConflictError(RuntimeError):
    """Several cookies match: say which by `get` or `set` with a domain and a path."""


class RequestsCookieJar(CookieJar, MutableMapping):
    """A cookie jar that is also a dictionary from name to value, and that can be pickled.

    The dictionary is for programs: this package itself works with any `CookieJar`. Its operations walk through the jar.
    """

    __class_getitem__ = classmethod(type(list[int]))

    _policy: CookiePolicy

    def get(
        self, name: str, default: str | None = None, domain: str | None = None, path: str | None = None
    ) -> str | None:
        """The value of a cookie. Domain and path choose among several of the same name."""
        try:
            return self._find_no_duplicates(name, domain, path)
        except KeyError:
            return default

    def set(self, name: str, value: str | Morsel | None, **kwargs: _t.Any) -> Cookie | None:
        """Set a cookie, with the attributes that `create_cookie` takes; the value ``None`` removes it."""
        if value is None:
            remove_cookie_by_name(self, name, domain=kwargs.get("domain"), path=kwargs.get("path"))
            return None
        if isinstance(value, Morsel):
            cookie = morsel_to_cookie(value)
        else:
            cookie = create_cookie(name, value, **kwargs)
        self.set_cookie(cookie)
        return cookie

    def iterkeys(self) -> Iterator[str]:
        """The names of the cookies, one by one."""
        for cookie in iter(self):
            yield cookie.name

    def keys(self) -> list[str]:
        """The names of the cookies."""
        return list(self.iterkeys())

    def itervalues(self) -> Iterator[str | None]:
        """The values of the cookies, one by one."""
        for cookie in iter(self):
            yield cookie.value

    def values(self) -> list[str | None]:
        """The values of the cookies."""
        return list(self.itervalues())

    def iteritems(self) -> Iterator[tuple[str, str | None]]:
        """Name and value of the cookies, one by one."""
        for cookie in iter(self):
            yield cookie.name, cookie.value

    def items(self) -> list[tuple[str, str | None]]:
        """Name and value of the cookies: `dict(jar)` gives an ordinary dictionary."""
        return list(self.iteritems())

    def list_domains(self) -> list[str]:
        """The domains that have cookies here."""
        return list(dict.fromkeys(cookie.domain for cookie in iter(self)))

    def list_paths(self) -> list[str]:
        """The paths that have cookies here."""
        return list(dict.fromkeys(cookie.path for cookie in iter(self)))

    def multiple_domains(self) -> bool:
        """Whether a domain occurs more than once. The name promises something else, but so it is in requests."""
        domains = [cookie.domain for cookie in iter(self)]
        return any(domain is not None and domain in domains[:index] for index, domain in enumerate(domains))

    def get_dict(self, domain: str | None = None, path: str | None = None) -> dict[str, str | None]:
        """An ordinary dictionary of the cookies, of one domain or path if so wished."""
        return {
            cookie.name: cookie.value
            for cookie in iter(self)
            if (domain is None or cookie.domain == domain) and (path is None or cookie.path == path)
        }

    def __iter__(self) -> Iterator[Cookie]:
        """The cookies, as in `CookieJar`; not the names, as in a mapping."""
        return super().__iter__()

    def __contains__(self, name: object) -> bool:
        try:
            return super().__contains__(name)
        except CookieConflictError:
            return True

    def __getitem__(self, name: str) -> str | None:
        """The value of a cookie. Several of the same name are a `CookieConflictError`; `get` can choose."""
        return self._find_no_duplicates(name)

    def __setitem__(self, name: str, value: str | Morsel | None) -> None:
        """Set a cookie for every domain; `set` can say which."""
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        """Remove the cookies of a name."""
        remove_cookie_by_name(self, name)

    def set_cookie(self, cookie: Cookie, *args: _t.Any, **kwargs: _t.Any) -> None:
        """Store a cookie. A quoted value loses its escaped quotes."""
        value = cookie.value
        if value is not None and value.startswith('"') and value.endswith('"'):
            cookie.value = value.replace('\\"', "")
        return super().set_cookie(cookie, *args, **kwargs)

    def update(self, other: CookieJar | _t.SupportsItems[str, str]) -> None:
        """Add the cookies of another jar, or of a dictionary."""
        if isinstance(other, cookielib.CookieJar):
            for cookie in other:
                self.set_cookie(copy.copy(cookie))
        else:
            super().update(other)

    def _find(self, name: str, domain: str | None = None, path: str | None = None) -> str | None:
        """The value of the first cookie that matches; `KeyError` if none does."""
        for cookie in _matching(self, name, domain, path):
            return cookie.value
        raise KeyError(f"name={name!r}, domain={domain!r}, path={path!r}")

    def _find_no_duplicates(self, name: str, domain: str | None = None, path: str | None = None) -> str:
        """The value of the only cookie that matches; `CookieConflictError` if several do, `KeyError` if none does."""
        found = None
        for cookie in _matching(self, name, domain, path):
            if found is not None:
                raise CookieConflictError(f"There are multiple cookies with name, {name!r}")
            found = cookie.value
        # A cookie whose value is None counts as none.
        if found is None:
            raise KeyError(f"name={name!r}, domain={domain!r}, path={path!r}")
        return found

    def __getstate__(self) -> dict[str, _t.Any]:
        """Everything but the lock, which cannot be pickled."""
        state = self.__dict__.copy()
        state.pop("_cookies_lock")
        return state

    def __setstate__(self, state: dict[str, _t.Any]) -> None:
        self.__dict__.update(state)
        if "_cookies_lock" not in self.__dict__:
            self._cookies_lock = threading.RLock()

    def copy(self) -> RequestsCookieJar:
        """Another jar with copies of the cookies, under the same policy."""
        twin = RequestsCookieJar()
        twin.set_policy(self.get_policy())
        twin.update(self)
        return twin

    def get_policy(self) -> CookiePolicy:
        """The policy that decides what is stored and sent."""
        return self._policy


def _copy_cookie_jar(jar: CookieJar | None) -> CookieJar | None:
    """Another jar with copies of the cookies, of whichever class the jar is."""
    if jar is None:
        return None
    if hasattr(jar, "copy"):
        return jar.copy()
    twin = copy.copy(jar)
    twin.clear()
    for cookie in jar:
        twin.set_cookie(copy.copy(cookie))
    return twin


def create_cookie(name: str, value: str, **kwargs: _t.Any) -> Cookie:
    """A cookie from as little as name and value, which alone make one that is sent to every server."""
    attributes: dict[str, _t.Any] = {
        "version": 0,
        "name": name,
        "value": value,
        "port": None,
        "domain": "",
        "path": "/",
        "secure": False,
        "expires": None,
        "discard": True,
        "comment": None,
        "comment_url": None,
        "rest": {"HttpOnly": None},
        "rfc2109": False,
    }
    unknown = set(kwargs) - set(attributes)
    if unknown:
        raise TypeError(f"create_cookie() got unexpected keyword arguments: {list(unknown)}")
    attributes.update(kwargs)
    attributes["port_specified"] = bool(attributes["port"])
    attributes["domain_specified"] = bool(attributes["domain"])
    attributes["domain_initial_dot"] = attributes["domain"].startswith(".")
    attributes["path_specified"] = bool(attributes["path"])
    return cookielib.Cookie(**attributes)


def morsel_to_cookie(morsel: Morsel) -> Cookie:
    """A cookie from a `http.cookies.Morsel`."""
    return create_cookie(
        comment=morsel["comment"],
        comment_url=bool(morsel["comment"]),
        discard=False,
        domain=morsel["domain"],
        expires=_morsel_expiry(morsel),
        name=morsel.key,
        path=morsel["path"],
        port=None,
        rest={"HttpOnly": morsel["httponly"]},
        rfc2109=False,
        secure=bool(morsel["secure"]),
        value=morsel.value,
        version=morsel["version"] or 0,
    )


def _morsel_expiry(morsel: Morsel) -> int | None:
    """When a morsel expires, in seconds since 1970. Max-Age comes before Expires (RFC 6265, 5.3)."""
    if morsel["max-age"]:
        try:
            return int(time.time() + int(morsel["max-age"]))
        except ValueError:
            raise TypeError(f"max-age: {morsel['max-age']} must be integer")
    if morsel["expires"]:
        return calendar.timegm(time.strptime(morsel["expires"], "%a, %d-%b-%Y %H:%M:%S GMT"))
    return None


def cookiejar_from_dict(
    cookie_dict: dict[str, str] | None, cookiejar: CookieJar | None = None, overwrite: bool = True
) -> CookieJar:
    """Put the names and values of a dictionary into a jar: a new one unless given.

    :param overwrite: whether they replace cookies of the same name in the jar.
    """
    if cookiejar is None:
        cookiejar = RequestsCookieJar()
    if cookie_dict is not None:
        present = [cookie.name for cookie in cookiejar]
        for name in cookie_dict:
            if overwrite or name not in present:
                cookiejar.set_cookie(create_cookie(name, cookie_dict[name]))
    return cookiejar


def merge_cookies(cookiejar: CookieJar, cookies: dict[str, str] | CookieJar | None) -> CookieJar:
    """Add cookies to a jar: those of a dictionary only where the jar has none of that name, those of a jar always."""
    if not isinstance(cookiejar, cookielib.CookieJar):
        raise ValueError("You can only merge into CookieJar")
    if isinstance(cookies, dict):
        return cookiejar_from_dict(cookies, cookiejar=cookiejar, overwrite=False)
    if isinstance(cookies, cookielib.CookieJar):
        if hasattr(cookiejar, "update"):
            cookiejar.update(cookies)
        else:
            for cookie in cookies:
                cookiejar.set_cookie(cookie)
    return cookiejar
