"""entreat for Twisted, in treq's words: the same functions, which return Deferreds, on any reactor that can watch a descriptor.

    import entreat.twisted as treq

    @inlineCallbacks
    def main(reactor):
        response = yield treq.get("https://example.org/", params={"page": 2})
        print(response.code, (yield treq.text_content(response)))

What goes over the wire is `entreat.aio`'s: its connections, settings, redirects and errors (`entreat.errors`). What differs
from treq is told in docs/twisted.md: time-outs are finite by default, a redirected POST follows as browsers do, and there are
no agents: what those decide is given to `HTTPClient` in the words of `entreat.aio.Client`.
"""

from __future__ import annotations

import json as _json
import os
from collections.abc import Mapping
from functools import cached_property
from http.cookiejar import CookieJar

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer, IClientRequest, IResponse
from zope.interface import implementer

from . import aio
from ._reactor import drive, loop_of
from ._twisted_bodies import Body, Collector, Delivery, Produced

__all__ = [
    "HTTPClient",
    "collect",
    "content",
    "delete",
    "get",
    "head",
    "json_content",
    "options",
    "patch",
    "post",
    "put",
    "request",
    "text_content",
]

_NOTHING = object()
#: What an agent of Twisted's decides, and who decides it here.
_NOT_HERE = {
    "agent": "its settings go to HTTPClient, in the words of entreat.aio.Client",
    "pool": "HTTPClient(limits=entreat.client.Limits(...)) says how many connections there may be",
}


class HTTPClient:
    """Sends requests, keeps connections and cookies. `knobs` are those of `entreat.aio.Client`.

    `client` is one that exists already, to be shared with asyncio; `reactor` the one to run in, by default Twisted's own.
    """

    def __init__(self, client: aio.Client | None = None, *, reactor=None, **knobs) -> None:
        if client is not None and not isinstance(client, aio.Client):
            raise TypeError(f"client is an entreat.aio.Client or None, not {client!r}: {_NOT_HERE['agent']}")
        if client is not None and knobs:
            raise TypeError(f"either a client or settings for one, not both: {', '.join(knobs)}")
        self._client = client or aio.Client(**knobs)
        self._reactor = reactor

    def get(self, url, headers=None, **kwargs):
        """Send ``GET url``; see `request`."""
        return self.request("GET", url, headers=headers, **kwargs)

    def options(self, url, **kwargs):
        """Send ``OPTIONS url``; see `request`."""
        return self.request("OPTIONS", url, **kwargs)

    def head(self, url, **kwargs):
        """Send ``HEAD url``; see `request`."""
        return self.request("HEAD", url, **kwargs)

    def post(self, url, data=None, **kwargs):
        """Send ``POST url``; see `request`."""
        return self.request("POST", url, data=data, **kwargs)

    def put(self, url, data=None, **kwargs):
        """Send ``PUT url``; see `request`."""
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url, data=None, **kwargs):
        """Send ``PATCH url``; see `request`."""
        return self.request("PATCH", url, data=data, **kwargs)

    def delete(self, url, **kwargs):
        """Send ``DELETE url``; see `request`."""
        return self.request("DELETE", url, **kwargs)

    def request(self, method, url, data=None, *, unbuffered=False, reactor=None, **kwargs) -> Deferred:
        """Send a request. The Deferred fires with its response as soon as the head is there, or an `entreat.errors.Error`.

        As with treq: `url` may be text, bytes or hyperlink's; `params`, `headers` (Twisted's too), `data` (a form, bytes, a file
        or an `IBodyProducer`), `files`, `json`, `auth`, `cookies` (a dictionary, or a jar of `http.cookiejar`), `allow_redirects`,
        `timeout` in seconds for the whole of it. Cancelling the Deferred frees the connection at once. Mistakes in the arguments
        fail the Deferred.
        """
        try:
            loop = loop_of(reactor or self._reactor or _default_reactor())
            call = self._call(_text(method), _address(url), data, **kwargs)
        except Exception:
            return _failed()
        deferred = drive(loop, call)
        return deferred.addCallback(lambda response: _Response(response, self, loop, buffered=not unbuffered))

    def _call(
        self,
        method,
        url,
        data,
        *,
        params=None,
        headers=None,
        files=None,
        json=_NOTHING,
        auth=None,
        cookies=None,
        allow_redirects=True,
        browser_like_redirects=True,
        timeout=None,
        persistent=True,
        **unknown,
    ):
        for name, value in unknown.items():
            if value is not None:
                raise TypeError(f"there is no argument {name}: {_NOT_HERE.get(name, 'see help(HTTPClient.request)')}")
        if json is not _NOTHING and (data or files):
            raise TypeError("json cannot be combined with data or files")
        fields = _fields(headers)
        if persistent is False:
            fields.append(("Connection", "close"))
        options = {"headers": fields, "follow_redirects": bool(allow_redirects)}
        if params is not None:
            options["params"] = params
        if auth is not None:
            options["auth"] = tuple(_text(part) for part in auth) if isinstance(auth, (tuple, list)) else auth
        if cookies is not None:
            options["cookies"] = _cookies(cookies, url)
        if timeout is not None:
            options["timeout"] = float(timeout)
        if json is not _NOTHING:
            options["json"] = json
        if files:
            options["files"] = _files(files)
        options.update(_body(data, bool(files)))
        if options.pop("form", False) and not any(name.lower() == "content-type" for name, _ in fields):
            fields.append(("Content-Type", "application/x-www-form-urlencoded"))
        length = getattr(options.get("content"), "length", None)
        if isinstance(length, int):
            fields.append(("Content-Length", str(length)))
        request = self._client.build_request(method, url, **options)
        return self._client.send(request, stream=True)

    def close(self) -> Deferred:
        """Close the connections."""
        return drive(loop_of(self._reactor or _default_reactor()), self._client.aclose())


def _default_reactor():
    from twisted.internet import reactor

    return reactor


def _failed() -> Deferred:
    deferred = Deferred()
    deferred.errback(Failure())
    return deferred


@implementer(IResponse)
class _Response:
    """A response as Twisted has them, and with treq's methods. `original` is entreat's."""

    def __init__(self, original, client: HTTPClient, loop, *, buffered: bool) -> None:
        self.original = original
        self._client, self._loop = client, loop
        self._body: Body | None = Body(original, loop) if buffered else None
        self._delivered = False
        self.code = original.status_code

    # Twisted's shapes are made when they are looked at: its fields cost more than the request.

    @cached_property
    def version(self) -> tuple[bytes, int, int]:
        major, minor = self.original.http_version.partition("/")[2].split(".")
        return b"HTTP", int(major), int(minor)

    @cached_property
    def phrase(self) -> bytes:
        return self.original.reason.encode("latin-1", "replace")

    @cached_property
    def headers(self) -> Headers:
        return _twisted(self.original.headers)

    @cached_property
    def length(self):
        return _length(self.original)

    @cached_property
    def request(self) -> _Request:
        return _Request(self.original.request)

    @property
    def previousResponse(self):
        history = self.original.history
        return _Response(history[-1], self._client, self._loop, buffered=True) if history else None

    def setPreviousResponse(self, response) -> None:
        """Part of IResponse; here the engine follows redirects itself."""
        raise NotImplementedError("entreat follows redirects itself")

    def deliverBody(self, protocol) -> None:
        """Give the body to a protocol as it comes; a buffered response, which is the default, any number of times."""
        if self._body is not None:
            self._body.deliver(protocol)
            return
        if self._delivered:
            raise RuntimeError("an unbuffered body can be read once only")
        self._delivered = True
        Delivery(self.original, self._loop, protocol).start()

    def _want_whole(self) -> None:
        """Who asks next wants all of the body: it need not come piece by piece."""
        if self._body is not None:
            self._body.want_whole()

    def collect(self, collector) -> Deferred:
        """See `collect`."""
        return collect(self, collector)

    def content(self) -> Deferred:
        """See `content`."""
        return content(self)

    def json(self, **kwargs) -> Deferred:
        """See `json_content`."""
        return json_content(self, **kwargs)

    def text(self, encoding: str = "ISO-8859-1") -> Deferred:
        """See `text_content`."""
        return text_content(self, encoding)

    def history(self) -> list[_Response]:
        """The responses on the way to this one, in their order."""
        return [_Response(past, self._client, self._loop, buffered=True) for past in self.original.history]

    def cookies(self) -> _Jar:
        """A jar of the cookies that this response, and those on the way to it, have set."""
        return _jar_of(self.original)

    def __repr__(self) -> str:
        size = "unknown size" if self.length == UNKNOWN_LENGTH else f"{self.length:,d} bytes"
        kind = b", ".join(self.headers.getRawHeaders(b"content-type", ()))
        return f"<entreat.twisted.Response {self.code} '{repr(kind)[2:-1]:.40s}' {size}>"


@implementer(IClientRequest)
class _Request:
    def __init__(self, request) -> None:
        self.method = request.method.encode("ascii")
        self.absoluteURI = request.url.encode("ascii")
        self.headers = _twisted(request.headers)


def _twisted(fields) -> Headers:
    headers = Headers()
    # As they are pickled: text may be of either coding, and Twisted's are the bytes that came.
    for name, value in fields.__reduce__()[1][0]:
        headers.addRawHeader(name.encode("latin-1"), value)
    return headers


def _length(original):
    """How long the body is once it is decoded, where that is known."""
    if original.request.method == "HEAD" or original.status_code in (204, 304):
        return 0
    coded = original.headers.get("Content-Encoding", "identity").strip().lower() != "identity"
    length = original.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and not coded else UNKNOWN_LENGTH


def collect(response, collector) -> Deferred:
    """Give `collector` the body's bytes as they come; the Deferred fires with None at the end.

    What the collector raises fails the Deferred, and closes the connection.
    """
    if response.length == 0:
        return succeed(None)
    finished: Deferred = Deferred()
    response.deliverBody(Collector(finished, collector))
    return finished


def content(response) -> Deferred:
    """The body, decoded by its Content-Encoding. May be asked for more than once, unless the response is unbuffered."""
    pieces: list[bytes] = []
    if isinstance(response, _Response):
        response._want_whole()
    return collect(response, pieces.append).addCallback(lambda _: b"".join(pieces))


def json_content(response, **kwargs) -> Deferred:
    """The body read as JSON; `kwargs` are those of `json.loads`."""
    return text_content(response, "utf-8").addCallback(lambda text: _json.loads(text, **kwargs))


def text_content(response, encoding: str = "ISO-8859-1") -> Deferred:
    """The body as text, by the charset of its Content-Type, else by `encoding`."""
    return content(response).addCallback(lambda body: body.decode(_charset(response.headers) or encoding))


def _charset(headers: Headers) -> str | None:
    from email.message import Message

    kinds = headers.getRawHeaders("content-type")
    if not kinds:
        return None
    message = Message()
    message["Content-Type"] = kinds[-1]
    charset = message.get_param("charset")
    if isinstance(charset, str) and charset:
        return charset.lower()
    return "utf-8" if message.get_content_type() == "application/json" else None


# Arguments, from treq's shapes to entreat's.


def _text(value) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _address(url) -> str:
    if hasattr(url, "to_uri"):
        url = url.to_uri().to_text()
    elif hasattr(url, "to_text"):
        url = url.to_text()
    return url.decode("ascii") if isinstance(url, bytes) else url


def _fields(headers) -> list[tuple[str, str | bytes]]:
    if headers is None:
        return []
    if isinstance(headers, Headers):
        items = headers.getAllRawHeaders()
    elif isinstance(headers, Mapping):
        items = headers.items()
    else:
        raise TypeError(f"headers are a dictionary or twisted.web.http_headers.Headers, not {headers!r}")
    fields: list[tuple[str, str | bytes]] = []
    for name, values in items:
        for value in values if isinstance(values, (list, tuple)) else [values]:
            if not isinstance(value, (str, bytes)):
                raise TypeError(f"a header's value is text or bytes, not {value!r}")
            fields.append((_text(name), value))
    return fields


def _body(data, with_files: bool) -> dict:
    if data is None:
        return {}
    if isinstance(data, (Mapping, list, tuple)):
        from urllib.parse import urlencode

        if with_files:
            return {"data": {_text(name): _text(value) for name, value in dict(data).items()}}
        form = urlencode(data, doseq=True)
        return {"content": form, "form": True}
    if IBodyProducer.providedBy(data):
        return {"content": Produced(data)}
    return {"content": data}


def _files(files) -> list[tuple[str, tuple]]:
    if isinstance(files, Mapping):
        files = files.items()
    made = []
    for field, value, *more in files:
        # A longer tuple has the file's name, and perhaps its type, before the file.
        parts = (value, *more) if more else value
        if not isinstance(parts, tuple):
            name = getattr(parts, "name", None)
            parts = (os.path.basename(name) if isinstance(name, str) else None, parts)
        if len(parts) not in (2, 3):
            raise TypeError(f"a file is (name, file) or (name, type, file), not {parts!r}")
        name, *kind, file = parts
        made.append((_text(field), (name, file, *kind)))
    return made


def _cookies(cookies, url: str) -> dict[str, str]:
    if not isinstance(cookies, CookieJar):
        return dict(cookies)
    from urllib.request import Request

    request = Request(url)
    cookies.add_cookie_header(request)
    pairs = (pair.partition("=") for pair in request.get_header("Cookie", "").split("; ") if pair)
    return {name: value for name, _, value in pairs}


class _Jar(CookieJar):
    """A jar that is asked for a cookie's value by its name."""

    def __getitem__(self, name: str) -> str:
        found = [cookie.value for cookie in self if cookie.name == name and cookie.value is not None]
        if not found:
            raise KeyError(name)
        if len(found) > 1:
            raise LookupError(f"several cookies are called {name}")
        return found[0]


def _jar_of(response) -> _Jar:
    from email.message import Message
    from urllib.request import Request

    class Answer:
        def __init__(self, headers) -> None:
            self._message = Message()
            for value in headers.get_list("Set-Cookie"):
                self._message["Set-Cookie"] = value

        def info(self) -> Message:
            return self._message

    jar = _Jar()
    for answer in [*response.history, response]:
        jar.extract_cookies(Answer(answer.headers), Request(answer.url))
    return jar


#: Of the functions below. It keeps no cookies, as treq's does not from one call to the next.
_shared = HTTPClient(cookies=False)


def request(method, url, data=None, **kwargs):
    """Send a request without a client of one's own; see `HTTPClient.request`."""
    return _shared.request(method, url, data, **kwargs)


def get(url, headers=None, **kwargs):
    """Send ``GET url``."""
    return _shared.get(url, headers=headers, **kwargs)


def options(url, **kwargs):
    """Send ``OPTIONS url``."""
    return _shared.options(url, **kwargs)


def head(url, **kwargs):
    """Send ``HEAD url``."""
    return _shared.head(url, **kwargs)


def post(url, data=None, **kwargs):
    """Send ``POST url``."""
    return _shared.post(url, data, **kwargs)


def put(url, data=None, **kwargs):
    """Send ``PUT url``."""
    return _shared.put(url, data, **kwargs)


def patch(url, data=None, **kwargs):
    """Send ``PATCH url``."""
    return _shared.patch(url, data, **kwargs)


def delete(url, **kwargs):
    """Send ``DELETE url``."""
    return _shared.delete(url, **kwargs)
