"""`Session`: settings, cookies and connections that outlive one request, and the following of redirects.

A light module: `import entreat` loads it, and its heavy imports wait (see `_lazy`). A request takes the express lane if
nothing about it is customised; else it walks through the methods below, each of which a program may override or patch:
`prepare_request`, `merge_environment_settings`, `send`, `get_adapter`, the adapter's `send`, `resolve_redirects`.
"""

from __future__ import annotations

import os
import sys
import time
from collections import OrderedDict
from collections.abc import Generator, Mapping, MutableMapping

from . import _lanes
from ._lazy import Deferred
from ._lazy import types as _t
from ._native import SessionBase as _SessionBase
from ._native import close as _close_connections
from ._native import express as _express
from ._native import express_get as _express_get
from ._native import replace_state as _replace_state
from ._native import state as _state
from .exceptions import ChunkedEncodingError, InvalidSchema, TooManyRedirects
from .hooks import default_hooks, dispatch_hook
from .models import DEFAULT_REDIRECT_LIMIT, REDIRECT_STATI, PreparedRequest, Request, Response
from .status_codes import codes
from .structures import CaseInsensitiveDict

#: The clock behind `Response.elapsed`.
preferred_clock = time.perf_counter if sys.platform == "win32" else time.time


def _imports():
    """What a request that is not on the express lane takes."""
    from datetime import timedelta

    from ._internal_utils import to_native_string
    from ._timeout import started
    from ._types import is_prepared as _is_prepared
    from .adapters import HTTPAdapter
    from .auth import _basic_auth_str
    from .compat import cookielib, urljoin, urlparse
    from .cookies import RequestsCookieJar, cookiejar_from_dict, extract_cookies_to_jar, merge_cookies
    from .exceptions import ContentDecodingError
    from .utils import (
        DEFAULT_PORTS,
        default_headers,
        get_auth_from_url,
        get_environ_proxies,
        get_netrc_auth,
        requote_uri,
        resolve_proxies,
        rewind_body,
        should_bypass_proxies,
        to_key_val_list,
    )

    return locals()


_fill = Deferred(globals(), _imports)
__getattr__ = _fill.lookup

if not _lanes.allows("express"):

    def _express(*arguments: _t.Any) -> None:
        """The express lane, closed."""


if not _lanes.allows("express") or _lanes.REPORT is not None:

    def _express_get(*arguments: _t.Any) -> None:
        """The way that leaves out `Session.request`, closed: there requests are counted."""


def merge_setting(request_setting: _t.Any, session_setting: _t.Any, dict_class: type = OrderedDict) -> _t.Any:
    """What holds for one request: its own setting before the session's, dictionaries merged into a `dict_class`.

    A key that the request sets to ``None`` is left out.
    """
    if session_setting is None:
        return request_setting
    if request_setting is None:
        return session_setting
    if not (isinstance(session_setting, Mapping) and isinstance(request_setting, Mapping)):
        return request_setting

    _fill()
    merged = dict_class(to_key_val_list(session_setting))
    merged.update(to_key_val_list(request_setting))
    for key in [key for key, value in merged.items() if value is None]:
        del merged[key]
    return merged


def merge_hooks(
    request_hooks: _t.HooksType, session_hooks: _t.HooksType, dict_class: type = OrderedDict
) -> _t.HooksType:
    """Like `merge_setting`, but a table without any hook counts as none: it would hide the session's hooks."""
    if session_hooks is None or session_hooks.get("response") == []:
        return request_hooks
    if request_hooks is None or request_hooks.get("response") == []:
        return session_hooks
    return merge_setting(request_hooks, session_hooks, dict_class)


class SessionRedirectMixin(_SessionBase):
    """The following of redirects, apart from `Session` so that programs can use it over a `send` of their own."""

    max_redirects: int
    trust_env: bool
    cookies: _t.RequestsCookieJar

    #: What was set in `session.options`, None as long as nothing is.
    _options = None

    def send(self, request: PreparedRequest, **kwargs: _t.Any) -> Response: ...

    def get_redirect_target(self, resp: Response) -> str | None:
        """Where a response redirects to, or ``None``. Called once for each response, and again when it is followed."""
        if not resp.is_redirect:
            return None
        _fill()
        # http.client decodes headers as Latin-1; servers that send other than ASCII mean UTF-8.
        return to_native_string(resp.headers["location"].encode("latin1"), "utf8")

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        """Whether a redirect leads away from the server that Authorization was meant for."""
        _fill()
        old, new = urlparse(old_url), urlparse(new_url)
        if old.hostname != new.hostname:
            return True
        # An upgrade to https on the standard ports is safe, and common.
        if (old.scheme, new.scheme) == ("http", "https") and old.port in (80, None) and new.port in (443, None):
            return False
        same_scheme = old.scheme == new.scheme
        standard_port = (DEFAULT_PORTS.get(old.scheme, None), None)
        if same_scheme and old.port in standard_port and new.port in standard_port:
            return False
        return old.port != new.port or not same_scheme

    def resolve_redirects(
        self,
        resp: Response,
        req: PreparedRequest,
        stream: bool = False,
        timeout: _t.TimeoutType = None,
        verify: _t.VerifyType = True,
        cert: _t.CertType = None,
        proxies: dict[str, str] | None = None,
        yield_requests: bool = False,
        **adapter_kwargs: _t.Any,
    ) -> Generator[Response, None, None]:
        """Follow the redirects that begin with `resp`, and yield each response.

        With `yield_requests`, yield the requests instead of sending them.
        """
        _fill()
        history: list[Response] = []
        url = self.get_redirect_target(resp)
        fragment = urlparse(req.url).fragment
        while url:
            following = req.copy()

            resp.history = history[:]
            history.append(resp)
            _drain(resp, followed=not yield_requests)
            if len(resp.history) >= self.max_redirects:
                raise TooManyRedirects(f"Exceeded {self.max_redirects} redirects.", response=resp)
            # The connection goes back to the pool, perhaps to serve the next request.
            resp.close()

            url, fragment = _redirect_url(url, resp.url, fragment)
            following.url = to_native_string(url)
            self.rebuild_method(following, resp)
            if resp.status_code not in (codes.temporary_redirect, codes.permanent_redirect):
                if self._options is None or not self._options.keeps_method(resp.status_code):
                    _drop_body(following)

            # Cookies are chosen anew for the new URL; those of this response are stored under the request that it answers.
            headers = following.headers
            headers.pop("Cookie", None)
            extract_cookies_to_jar(following._cookies, req, resp.raw)
            merge_cookies(following._cookies, self.cookies)
            following.prepare_cookies(following._cookies)

            proxies = self.rebuild_proxies(following, proxies)
            self.rebuild_auth(following, resp)

            # Rewinding is tried even where `tell` failed: an UnrewindableBodyError is better than a server left waiting.
            if following._body_position is not None and ("Content-Length" in headers or "Transfer-Encoding" in headers):
                rewind_body(following)

            req = following
            if yield_requests:
                yield req
                continue
            resp = self.send(
                req,
                stream=stream,
                timeout=timeout,
                verify=verify,
                cert=cert,
                proxies=proxies,
                allow_redirects=False,
                **adapter_kwargs,
            )
            extract_cookies_to_jar(self.cookies, following, resp.raw)
            # Before it is yielded, as the caller may change it.
            url = self.get_redirect_target(resp)
            yield resp

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Take Authorization off a redirected request that leaves its server, and apply what netrc has for the new one."""
        _fill()
        headers = prepared_request.headers
        url = prepared_request.url
        if "Authorization" in headers and self.should_strip_auth(response.request.url, url):
            del headers["Authorization"]
        if self._options is not None and self._options.ignores_netrc(headers):
            return
        new_auth = get_netrc_auth(url) if self.trust_env else None
        if new_auth is not None:
            prepared_request.prepare_auth(new_auth)

    def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: dict[str, str] | None) -> dict[str, str]:
        """Choose the proxies for a redirected request, as NO_PROXY may exempt the new URL or no longer do so.

        Proxy-Authorization is written anew.
        """
        _fill()
        headers = prepared_request.headers
        scheme = urlparse(prepared_request.url).scheme
        new_proxies = resolve_proxies(prepared_request, proxies, self._trusts_proxies(prepared_request.url, proxies))

        if "Proxy-Authorization" in headers:
            del headers["Proxy-Authorization"]
        try:
            username, password = get_auth_from_url(new_proxies[scheme])
        except KeyError:
            username = password = None
        # Through a tunnel it would reach the server; there the adapter gives it to the proxy alone.
        if username and password and not scheme.startswith("https"):
            headers["Proxy-Authorization"] = _basic_auth_str(username, password)
        return new_proxies

    def _trusts_proxies(self, url: str, proxies: dict[str, str] | None) -> bool:
        """Whether the environment has a say in the proxies for a URL."""
        if not self.trust_env or self._options is None:
            return self.trust_env
        no_proxy = None if proxies is None else proxies.get("no_proxy")
        return not self._options.ignores_environment_proxies(url, proxies, no_proxy)

    def rebuild_method(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Choose the method of a redirected request, as browsers do rather than as RFC 9110 (15.4) has it."""
        if self._options is not None and self._options.keeps_method(response.status_code):
            return
        method = prepared_request.method
        if response.status_code in (codes.see_other, codes.found) and method != "HEAD":
            method = "GET"
        if response.status_code == codes.moved and method == "POST":
            method = "GET"
        prepared_request.method = method


def _drain(resp: Response, followed: bool) -> None:
    """Read what is left of a redirect's body, so that its connection can be used again.

    Of one that is followed no more than `_REDIRECT_BODY`: it is of no use, and it may have no end.
    """
    try:
        if followed and not _is_short(resp):
            _drain_some(resp)
        else:
            resp.content
    except (ChunkedEncodingError, ContentDecodingError, RuntimeError):
        resp.raw.read(decode_content=False)


#: Bytes of a redirect's body that are read for the sake of its connection.
_REDIRECT_BODY = 1 << 20


def _is_short(resp: Response) -> bool:
    if resp._content is not False or resp._content_consumed:
        return True
    length = resp.headers.get("Content-Length", "")
    return length.isdecimal() and int(length[:20]) <= _REDIRECT_BODY


def _drain_some(resp: Response) -> None:
    pieces, size = [], 0
    for piece in resp.iter_content(10 * 1024):
        pieces.append(piece)
        size += len(piece)
        if size > _REDIRECT_BODY:
            resp.close()
            # As of a streamed body that was read before.
            resp._content_consumed = True
            return
    resp._content = b"".join(pieces)


def _redirect_url(target: str, base: str, fragment: str) -> tuple[str, str]:
    """The absolute URL of a redirect, and the fragment to carry along (RFC 9110, 10.2.2)."""
    if target.startswith("//"):
        target = ":".join([to_native_string(urlparse(base).scheme), target])
    parsed = urlparse(target)
    if parsed.fragment == "" and fragment:
        parsed = parsed._replace(fragment=fragment)
    elif parsed.fragment:
        fragment = parsed.fragment
    target = parsed.geturl()
    if parsed.netloc:
        return requote_uri(target), fragment
    return urljoin(base, requote_uri(target)), fragment


def _drop_body(prepared_request: PreparedRequest) -> None:
    for name in ("Content-Length", "Content-Type", "Transfer-Encoding"):
        prepared_request.headers.pop(name, None)
    prepared_request.body = None


class _WithOptions:
    """`Session.options`: requests' method for OPTIONS on the class; on a session also the switches, see `_options`."""

    def __init__(self, method: _t.Any) -> None:
        self.__wrapped__ = method
        self.__doc__ = method.__doc__

    def __get__(self, session: Session | None, session_class: type | None = None) -> _t.Any:
        if session is None:
            return self.__wrapped__
        from ._options import SessionOptions

        return SessionOptions(session, self.__wrapped__)


class Session(SessionRedirectMixin):
    """Settings, cookies and open connections for a series of requests. Threads may share one.

    Usage::

      >>> import requests
      >>> with requests.Session() as session:
      ...     session.get("https://example.org/")
      <Response [200]>
    """

    headers: CaseInsensitiveDict[str]
    auth: _t.AuthType
    proxies: dict[str, str]
    hooks: dict[str, list[_t.HookType]]
    params: MutableMapping[str, _t.Any]
    stream: bool
    verify: _t.VerifyType
    cert: _t.CertType
    max_redirects: int
    trust_env: bool
    cookies: _t.RequestsCookieJar
    adapters: MutableMapping[str, _t.BaseAdapter]

    __attrs__: list[str] = [
        "headers",
        "cookies",
        "auth",
        "proxies",
        "hooks",
        "params",
        "verify",
        "cert",
        "adapters",
        "stream",
        "trust_env",
        "max_redirects",
    ]

    def __init__(self) -> None:
        #: Headers to send with every request.
        self.headers = _initial_headers()

        #: Authentication for every request: a ``(user, password)`` tuple or a callable.
        self.auth = None

        #: The URL of the proxy by URL scheme, or by scheme and host: ``{"http://host.name": "http://proxy:3128"}``.
        self.proxies = {}

        #: Hooks for every request, by event.
        self.hooks = default_hooks()

        #: What to add to every URL's query.
        self.params = {}

        #: Whether to leave bodies unread until they are asked for.
        self.stream = False

        #: Whether to verify servers' certificates, or the path of a bundle of authorities. ``False`` accepts anything,
        #: whoever may be in the middle: for tests only.
        self.verify = True

        #: The path of a client certificate (.pem), or a tuple ``(certificate, key)``.
        self.cert = None

        #: How many redirects to follow before `TooManyRedirects` is raised.
        self.max_redirects = DEFAULT_REDIRECT_LIMIT

        #: Whether the environment has a say: proxies, netrc, CA bundles.
        self.trust_env = True

        # `cookies` and `adapters` are made when they are first looked at, as they take half of the standard library.
        if _constructs_as_shipped(type(self)):
            return

        #: The cookies to send: a `RequestsCookieJar`, or any `http.cookiejar.CookieJar`.
        self.cookies = cookiejar_from_dict({})

        #: The adapter for each URL prefix, longest first.
        self.adapters = OrderedDict()
        self.mount("https://", HTTPAdapter())
        self.mount("http://", HTTPAdapter())

    def __getattr__(self, name: str) -> _t.Any:
        # setdefault: of two threads that come here at once, both get what the first of them made.
        if name == "cookies" and type(self) is Session:
            _fill()
            return _state(self).setdefault("cookies", cookiejar_from_dict({}))
        if name == "adapters" and type(self) is Session:
            _fill()
            adapters = OrderedDict([("https://", HTTPAdapter()), ("http://", HTTPAdapter())])
            return _state(self).setdefault("adapters", adapters)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def __dict__(self) -> dict[str, _t.Any]:
        # Whoever looks at the whole state is to see the whole.
        if type(self) is Session:
            self.cookies, self.adapters
        return _state(self)

    @__dict__.setter
    def __dict__(self, state: dict[str, _t.Any]) -> None:
        _replace_state(self, state)

    def __enter__(self) -> _t.Self:
        return self

    def __exit__(self, *args: _t.Any) -> None:
        self.close()

    def prepare_request(self, request: Request) -> PreparedRequest:
        """Write a request down as it will be sent, with this session's settings merged in."""
        _fill()
        cookies = request.cookies or {}
        if not isinstance(cookies, cookielib.CookieJar):
            cookies = cookiejar_from_dict(cookies)
        cookies = merge_cookies(merge_cookies(RequestsCookieJar(), self.cookies), cookies)

        auth = request.auth
        url, options = request.url, self._options
        if options is not None:
            url = options.absolute(url)
        ignores_netrc = options is not None and options.ignores_netrc(request.headers, self.headers)
        if self.trust_env and not auth and not self.auth and not ignores_netrc:
            auth = get_netrc_auth(url)

        prepared = PreparedRequest()
        if options is not None and options.urls_as_written:
            prepared._url_as_written = True
        prepared.prepare(
            method=request.method.upper(),
            url=url,
            files=request.files,
            data=request.data,
            json=request.json,
            headers=merge_setting(request.headers, self.headers, dict_class=CaseInsensitiveDict),
            params=merge_setting(request.params, self.params),
            auth=merge_setting(auth, self.auth),
            cookies=cookies,
            hooks=merge_hooks(request.hooks, self.hooks),
        )
        return prepared

    def request(
        self,
        method: str,
        url: _t.UriType,
        params: _t.ParamsType = None,
        data: _t.DataType = None,
        headers: _t.HeadersType = None,
        cookies: _t.RequestsCookieJar | _t.CookieJar | dict[str, str] | None = None,
        files: _t.FilesType = None,
        auth: _t.AuthType = None,
        timeout: _t.TimeoutType = None,
        allow_redirects: bool = True,
        proxies: dict[str, str] | None = None,
        hooks: _t.HooksInputType | None = None,
        stream: bool | None = None,
        verify: _t.VerifyType | None = None,
        cert: _t.CertType = None,
        json: _t.JsonType = None,
    ) -> Response:
        """Send a request and return its response. What is not given here comes from the session.

        :param method: the method.
        :param url: where to.
        :param params: (optional) what to add to the URL's query: a dictionary or bytes.
        :param data: (optional) the body: a dictionary or list of pairs (sent as a form), bytes, or a file-like object.
        :param json: (optional) an object to send as JSON.
        :param headers: (optional) a dictionary of headers.
        :param cookies: (optional) a dictionary or a cookie jar.
        :param files: (optional) files to upload, as `requests.request` takes them.
        :param auth: (optional) a ``(user, password)`` tuple, or a callable.
        :param timeout: (optional) seconds to wait for a connection, and for the server to send something: one number,
            or a tuple ``(connect, read)``. Without it, there is no limit. An ``entreat.Timeout(total=…)`` bounds the
            whole.
        :param allow_redirects: (optional) whether to follow redirects; ``True`` unless said otherwise.
        :param proxies: (optional) a dictionary from URL scheme, or scheme and host, to the proxy's URL.
        :param hooks: (optional) a dictionary from event to one hook or several.
        :param stream: (optional) whether to leave the body unread until it is asked for.
        :param verify: (optional) whether to verify the server's certificate, or the path of a bundle of authorities.
            ``False`` accepts anything, whoever may be in the middle: for tests only.
        :param cert: (optional) the path of a client certificate (.pem), or a tuple ``(certificate, key)``.
        :rtype: requests.Response
        """
        # fmt: off
        response = _express(
            self, method, url, params, data, headers, cookies, files, auth, timeout, allow_redirects, proxies,
            hooks, stream, verify, cert, json,
        )
        # fmt: on
        if response is not None:
            if _lanes.REPORT is not None:
                _lanes.count("express")
            return response
        _lanes.refuse("express", "something about it is customised")

        if isinstance(url, bytes):
            url = url.decode("utf-8")
        request = Request(
            method=method.upper(),
            url=url,
            headers=headers,
            files=files,
            data=data or {},
            json=json,
            params=params or {},
            auth=auth,
            cookies=cookies,
            hooks=hooks,
        )
        prepared = self.prepare_request(request)
        settings = self.merge_environment_settings(prepared.url, proxies or {}, stream, verify, cert)
        return self.send(prepared, **{"timeout": timeout, "allow_redirects": allow_redirects, **settings})

    def get(self, url: _t.UriType, params: _t.ParamsType = None, **kwargs: _t.Unpack[_t.GetKwargs]) -> Response:
        r"""Send a GET request.

        :param url: where to.
        :param params: (optional) what to add to the URL's query.
        :param \*\*kwargs: whatever else `request` takes.
        :rtype: requests.Response
        """
        response = _express_get(self, url, params, kwargs)
        if response is not None:
            return response
        kwargs.setdefault("allow_redirects", True)
        return self.request("GET", url, params=params, **kwargs)

    @_WithOptions
    def options(self, url: _t.UriType, **kwargs: _t.Unpack[_t.RequestKwargs]) -> Response:
        r"""Send an OPTIONS request; arguments as for `request`."""
        kwargs.setdefault("allow_redirects", True)
        return self.request("OPTIONS", url, **kwargs)

    def head(self, url: _t.UriType, **kwargs: _t.Unpack[_t.RequestKwargs]) -> Response:
        r"""Send a HEAD request; arguments as for `request`, but that redirects are not followed unless asked for."""
        kwargs.setdefault("allow_redirects", False)
        return self.request("HEAD", url, **kwargs)

    def post(
        self,
        url: _t.UriType,
        data: _t.DataType = None,
        json: _t.JsonType = None,
        **kwargs: _t.Unpack[_t.PostKwargs],
    ) -> Response:
        r"""Send a POST request.

        :param url: where to.
        :param data: (optional) the body: a dictionary or list of pairs (sent as a form), bytes, or a file-like object.
        :param json: (optional) an object to send as JSON.
        :param \*\*kwargs: whatever else `request` takes.
        :rtype: requests.Response
        """
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url: _t.UriType, data: _t.DataType = None, **kwargs: _t.Unpack[_t.DataKwargs]) -> Response:
        r"""Send a PUT request; `data` as for `post`, the rest as for `request`."""
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url: _t.UriType, data: _t.DataType = None, **kwargs: _t.Unpack[_t.DataKwargs]) -> Response:
        r"""Send a PATCH request; `data` as for `post`, the rest as for `request`."""
        return self.request("PATCH", url, data=data, **kwargs)

    def delete(self, url: _t.UriType, **kwargs: _t.Unpack[_t.RequestKwargs]) -> Response:
        r"""Send a DELETE request; arguments as for `request`."""
        return self.request("DELETE", url, **kwargs)

    def send(self, request: PreparedRequest, **kwargs: _t.Any) -> Response:
        """Send a prepared request, and return its response."""
        _fill()
        # Hooks are given these too, so that they can send the request again as it was sent.
        kwargs.setdefault("stream", self.stream)
        kwargs.setdefault("verify", self.verify)
        kwargs.setdefault("cert", self.cert)
        if "proxies" not in kwargs:
            trusts = self._trusts_proxies(request.url, self.proxies)
            kwargs["proxies"] = resolve_proxies(request, self.proxies, trusts)
        if isinstance(request, Request):
            raise ValueError("You can only send PreparedRequests.")

        options = self._options
        if options is not None:
            kwargs["timeout"] = options.timeout_for(kwargs.get("timeout"))
            kwargs["verify"] = options.trusted(kwargs["verify"])
        elif "timeout" in kwargs:
            kwargs["timeout"] = started(kwargs["timeout"])
        allow_redirects = kwargs.pop("allow_redirects", True)
        stream = kwargs.get("stream")
        hooks = request.hooks
        adapter = self.get_adapter(url=request.url)

        if options is not None:
            options.check_guard(adapter, request.url, kwargs["proxies"])

        start = preferred_clock()
        response = adapter.send(request, **kwargs)
        response.elapsed = timedelta(seconds=preferred_clock() - start)
        if options is not None:
            options.mark(response)

        response = dispatch_hook("response", hooks, response, **kwargs)
        # A hook may have sent further requests, as Digest authentication does.
        for earlier in response.history or ():
            extract_cookies_to_jar(self.cookies, earlier.request, earlier.raw)
        extract_cookies_to_jar(self.cookies, request, response.raw)

        if allow_redirects:
            response = self._follow(response, request, kwargs)
        else:
            following = self.resolve_redirects(response, request, yield_requests=True, **kwargs)
            try:
                response._next = next(following)
            except StopIteration:
                pass
        if not stream:
            response.content
        return response

    def _follow(self, response: Response, request: PreparedRequest, settings: dict) -> Response:
        history = [response, *self.resolve_redirects(response, request, **settings)]
        if len(history) > 1:
            response = history.pop()
            response.history = history
        return response

    def merge_environment_settings(
        self,
        url: str,
        proxies: dict[str, str] | None,
        stream: bool | None,
        verify: _t.VerifyType | None,
        cert: _t.CertType,
    ) -> dict[str, _t.Any]:
        """The settings for one request: its own, then the environment's, then the session's."""
        if self.trust_env:
            _fill()
            options = self._options
            no_proxy = None if proxies is None else proxies.get("no_proxy")
            found = {}
            if options is None or not options.ignores_environment_proxies(url, self.proxies, no_proxy):
                found = get_environ_proxies(url, no_proxy=no_proxy)
            if proxies is not None:
                for scheme, proxy in found.items():
                    proxies.setdefault(scheme, proxy)
            # The second is curl's. Both come before the session's `verify`.
            ignores_bundle = options is not None and options.ignores_environment_bundle(verify, self.verify)
            if (verify is True or verify is None) and not ignores_bundle:
                verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or verify

        return {
            "proxies": merge_setting(proxies, self.proxies),
            "stream": merge_setting(stream, self.stream),
            "verify": merge_setting(verify, self.verify),
            "cert": merge_setting(cert, self.cert),
        }

    def get_adapter(self, url: str) -> _t.BaseAdapter:
        """The adapter mounted at the longest prefix of a URL."""
        for prefix, adapter in self.adapters.items():
            if url.lower().startswith(prefix.lower()):
                return adapter
        raise InvalidSchema(f"No connection adapters were found for {url!r}")

    def close(self) -> None:
        """Close the adapters and their connections."""
        _close_connections(self)
        if type(self) is Session and "adapters" not in _state(self):
            # They were never made: there is nothing to close.
            return
        for adapter in self.adapters.values():
            adapter.close()

    def mount(self, prefix: str, adapter: _t.BaseAdapter) -> None:
        """Use `adapter` for the URLs that begin with `prefix`. The longest matching prefix wins."""
        self.adapters[prefix] = adapter
        if self._options is not None:
            from ._adapter_options import apply_to_adapter

            apply_to_adapter(adapter, self._options)
        # Longer prefixes stay in front: what is shorter than this one goes to the end, in order.
        for shorter in [key for key in self.adapters if len(key) < len(prefix)]:
            self.adapters[shorter] = self.adapters.pop(shorter)

    def __reduce_ex__(self, protocol):
        # Protocols 0 and 1 cannot do with a native base class what they do with any other.
        return super().__reduce_ex__(max(protocol, 2))

    def __getstate__(self) -> dict[str, _t.Any]:
        state = {name: getattr(self, name, None) for name in self.__attrs__}
        if self._options is not None:
            state["_options"] = self._options
        return state

    def __setstate__(self, state: dict[str, _t.Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        if self._options is not None:
            from ._options import NOTHING, apply

            apply(self, NOTHING, self._options)


_mount = Session.mount


def _constructs_as_shipped(session_class: type) -> bool:
    """Whether cookies and adapters may wait: nobody could tell, unless by a subclass or by what has been patched."""
    if session_class is not Session or Session.mount is not _mount:
        _fill()
        return False
    if not _fill.done:
        return True
    from . import adapters

    return cookiejar_from_dict is _fill.value("cookiejar_from_dict") and adapters.constructs_as_shipped(HTTPAdapter)


def _initial_headers() -> CaseInsensitiveDict[str]:
    """What `utils.default_headers()` returns, without importing `utils` as long as nobody else has."""
    if _fill.done or f"{__package__}.utils" in sys.modules:
        _fill()
        return default_headers()
    from ._defaults import default_headers as plain_default_headers

    return plain_default_headers()


def session() -> Session:
    """A new `Session`: the spelling of version 0.x, kept for old programs.

    .. deprecated:: 1.0.0
    """
    return Session()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = sorted(
    name for name in {*globals(), *_fill.names} if not name.startswith("_") and name not in ("annotations", "Deferred")
)
