"""The nouns: `Request` (what a program asks for), `PreparedRequest` (what will be sent), `Response` (what came back).

A light module: `import entreat` loads it, and its heavy imports wait (see `_lazy`). It decides how URL, headers, body
and auth of a request are written down, and how a body is handed out. Sending is the adapters' part, redirects and
session settings are `sessions`'.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

from . import _lanes
from ._lazy import Deferred
from ._lazy import types as _t
from ._native import ResponseBase as _ResponseBase
from ._native import fill as _fill_response
from ._native import is_express as _is_express
from ._native import replace_state as _replace_state
from ._native import state as _state
from .exceptions import (
    ChunkedEncodingError,
    ConnectionError,
    HTTPError,
    InvalidJSONError,
    InvalidURL,
    MissingSchema,
    ReadTimeout,
    StreamConsumedError,
)
from .exceptions import SSLError as RequestsSSLError
from .hooks import default_hooks
from .status_codes import codes
from .structures import CaseInsensitiveDict

#: The statuses of a redirect that can be followed.
REDIRECT_STATI: tuple[int, ...] = (
    codes.moved,
    codes.found,
    codes.other,
    codes.temporary_redirect,
    codes.permanent_redirect,
)

DEFAULT_REDIRECT_LIMIT: int = 30
CONTENT_CHUNK_SIZE: int = 10 * 1024
ITER_CHUNK_SIZE: int = 512


def _text_imports():
    """What reading a body that has arrived takes."""
    try:
        import simplejson as complexjson
        from simplejson import JSONDecodeError
    except ImportError:
        import json as complexjson
        from json import JSONDecodeError
    from ._received import guess_json_utf, iter_slices, parse_header_links, stream_decode_response_unicode
    from .exceptions import JSONDecodeError as RequestsJSONDecodeError

    return locals()


def _detection_imports():
    from ._detection import chardet

    return locals()


def _imports():
    """What making a request by hand, or reading a body from a stream, takes."""
    import datetime

    # Else the codec is imported by whichever thread needs it first, which fails where the library is in a zip file.
    import encodings.idna
    from io import UnsupportedOperation

    from urllib3.exceptions import DecodeError, LocationParseError, ProtocolError, ReadTimeoutError, SSLError
    from urllib3.fields import RequestField
    from urllib3.filepost import encode_multipart_formdata
    from urllib3.util import parse_url

    from ._internal_utils import to_native_string, unicode_is_ascii
    from ._timeout import TimeLimits, is_total
    from ._types import SupportsRead as _SupportsRead
    from .auth import HTTPBasicAuth
    from .compat import basestring, builtin_str, cookielib, urlencode, urlsplit, urlunparse
    from .cookies import _copy_cookie_jar, cookiejar_from_dict, get_cookie_header
    from .exceptions import ContentDecodingError
    from .utils import (
        check_header_validity,
        get_auth_from_url,
        guess_filename,
        requote_uri,
        super_len,
        to_key_val_list,
    )

    _fill_text()
    _fill_detection()
    return locals()


_fill_text = Deferred(globals(), _text_imports)
_fill_detection = Deferred(globals(), _detection_imports)
_fill = Deferred(globals(), _imports)


def __getattr__(name: str):
    for deferred in (_fill_text, _fill_detection):
        if name in deferred.names:
            return deferred.lookup(name)
    return _fill.lookup(name)


class RequestEncodingMixin:
    """How a request writes its target, its parameters and its files."""

    url: str | None

    @property
    def path_url(self) -> str:
        """The URL's path and query, as the request line has them."""
        _fill()
        parts = urlsplit(self.url)
        path = parts.path or "/"
        return f"{path}?{parts.query}" if parts.query else path

    @staticmethod
    def _encode_params(data: _t.EncodableDataType) -> str | bytes | _t.SupportsRead[str | bytes]:
        """Write parameters as a query string.

        Strings, bytes and file-like objects pass as they are. Mappings and lists of pairs keep their order; a value that
        is a list gives its name once for each element, ``None`` gives nothing.
        """
        _fill()
        if isinstance(data, (str, bytes)) or isinstance(data, _SupportsRead) or not hasattr(data, "__iter__"):
            return data
        pairs = [
            (_utf8(name), _utf8(value))
            for name, values in to_key_val_list(data)
            for value in _as_list(values)
            if value is not None
        ]
        return urlencode(pairs, doseq=True)

    @staticmethod
    def _encode_files(files: _t.FilesType, data: _t.RawDataType | None) -> tuple[bytes, str]:
        """Write fields and files as multipart/form-data: the body, and the Content-Type that names its boundary.

        A file is a file-like object, a string, or a tuple ``(filename, file)``, ``(filename, file, content_type)`` or
        ``(filename, file, content_type, headers)``.
        """
        _fill()
        if not files:
            raise ValueError("Files must be provided.")
        if isinstance(data, basestring):
            raise ValueError("Data must not be a string.")

        parts = [
            (_as_text(name), _field_bytes(value))
            for name, values in to_key_val_list(data or {})
            for value in _as_list(values)
            if value is not None
        ]
        for name, given in to_key_val_list(files or {}):
            part = _file_part(name, given)
            if part is not None:
                parts.append(part)
        return encode_multipart_formdata(parts)


def _as_list(values: _t.Any) -> Iterable[_t.Any]:
    if isinstance(values, basestring) or not hasattr(values, "__iter__"):
        return [values]
    return values


def _utf8(value: _t.Any) -> _t.Any:
    return value.encode("utf-8") if isinstance(value, str) else value


def _as_text(name: _t.Any) -> _t.Any:
    return name.decode("utf-8") if isinstance(name, bytes) else name


def _field_bytes(value: _t.Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8")


def _file_part(name: str, given: _t.Any) -> _t.Any:
    """One file as a part of a multipart body; ``None`` if its content is ``None``."""
    content_type = headers = None
    if isinstance(given, (tuple, list)):
        if len(given) == 2:
            filename, content = given
        elif len(given) == 3:
            filename, content, content_type = given
        else:
            filename, content, content_type, headers = given
    else:
        filename, content = guess_filename(given) or name, given

    if content is None:
        return None
    if not isinstance(content, (str, bytes, bytearray)) and isinstance(content, _SupportsRead):
        content = content.read()
    part = RequestField(name=name, data=content, filename=filename, headers=headers)
    part.make_multipart(content_type=content_type)
    return part


def _as_written(url: str, origin: str, added: str) -> str:
    """A URL whose path and query stay as they are, but for what no request line can hold."""
    from urllib.parse import quote

    target = url[url.index("//") + 2 :].lstrip("/")
    start = min((at for at in map(target.find, "/?#") if at >= 0), default=len(target))
    target, hash_sign, fragment = target[start:].partition("#")
    if not target.startswith("/"):
        target = f"/{target}"
    if added:
        target += f"{'&' if '?' in target else '?'}{added}"
    printable = "".join(map(chr, range(0x21, 0x7F)))
    return origin + quote(target, safe=printable) + hash_sign + fragment


class RequestHooksMixin:
    """A table of hooks: callables by event."""

    hooks: dict[str, list[_t.HookType]]

    def register_hook(self, event: str, hook: Iterable[_t.HookType] | _t.HookType) -> None:
        """Add a hook, or several, to an event."""
        if event not in self.hooks:
            raise ValueError(f'Unsupported event specified, with event name "{event}"')
        if isinstance(hook, Callable):
            self.hooks[event].append(hook)
        elif hasattr(hook, "__iter__"):
            self.hooks[event].extend(each for each in hook if isinstance(each, Callable))

    def deregister_hook(self, event: str, hook: _t.HookType) -> bool:
        """Remove a hook from an event, and tell whether it was there."""
        try:
            self.hooks[event].remove(hook)
        except ValueError:
            return False
        return True


class Request(RequestHooksMixin):
    """What a program asks for. `prepare` turns it into the `PreparedRequest` that is sent.

    :param method: the method.
    :param url: where to.
    :param headers: a dictionary of headers.
    :param files: files to upload, as `requests.request` takes them.
    :param data: the body: a dictionary or list of pairs (sent as a form), bytes, or a file-like object.
    :param params: what to add to the URL's query.
    :param auth: a ``(user, password)`` tuple, or a callable.
    :param cookies: a dictionary or a cookie jar.
    :param hooks: a dictionary of hooks by event.
    :param json: an object to send as JSON, if there are neither files nor data.

    Usage::

      >>> import requests
      >>> requests.Request("GET", "https://example.org/").prepare()
      <PreparedRequest [GET]>
    """

    method: str | None
    url: _t.UriType | None
    headers: Mapping[str, str | bytes]
    files: _t.FilesType
    data: _t.DataType
    json: _t.JsonType
    params: _t.ParamsType
    auth: _t.AuthType
    cookies: _t.RequestsCookieJar | _t.CookieJar | dict[str, str] | None

    def __init__(
        self,
        method: str | None = None,
        url: _t.UriType | None = None,
        headers: _t.HeadersType = None,
        files: _t.FilesType = None,
        data: _t.DataType = None,
        params: _t.ParamsType = None,
        auth: _t.AuthType = None,
        cookies: _t.RequestsCookieJar | _t.CookieJar | dict[str, str] | None = None,
        hooks: _t.HooksInputType | None = None,
        json: _t.JsonType = None,
    ) -> None:
        self.hooks = default_hooks()
        for event, hook in list({} if hooks is None else hooks.items()):
            self.register_hook(event=event, hook=hook)

        self.method = method
        self.url = url
        self.headers = {} if headers is None else headers
        self.files = [] if files is None else files
        self.data = [] if data is None else data
        self.json = json
        self.params = {} if params is None else params
        self.auth = auth
        self.cookies = cookies

    def __repr__(self) -> str:
        return f"<Request [{self.method}]>"

    def prepare(self) -> PreparedRequest:
        """Write the request down as it will be sent, without any session's settings."""
        prepared = PreparedRequest()
        prepared.prepare(
            method=self.method,
            url=self.url,
            headers=self.headers,
            files=self.files,
            data=self.data,
            json=self.json,
            params=self.params,
            auth=self.auth,
            cookies=self.cookies,
            hooks=self.hooks,
        )
        return prepared


class PreparedRequest(RequestEncodingMixin, RequestHooksMixin):
    """A request as it will be sent. Everything in it may be changed before it is.

    It comes from `Request.prepare` or `Session.prepare_request`; making one by hand may leave it incomplete.

    Usage::

      >>> import requests
      >>> prepared = requests.Request("GET", "https://example.org/").prepare()
      >>> requests.Session().send(prepared)
      <Response [200]>
    """

    method: str | None
    url: str | None
    headers: CaseInsensitiveDict[str | bytes]
    _cookies: _t.RequestsCookieJar | _t.CookieJar | None
    body: _t.BodyType
    hooks: dict[str, list[_t.HookType]]
    _body_position: int | object | None

    #: Whether the URL goes out as it is written (`session.options.urls_as_written`).
    _url_as_written = False

    def __init__(self) -> None:
        #: The method, in upper case.
        self.method = None
        #: Where to.
        self.url = None
        #: The headers, in the order in which they are sent.
        self.headers = None
        # The jar from which the Cookie header was written; redirects go on with it.
        self._cookies = None
        #: The body: bytes, text, a file-like object or an iterable.
        self.body = None
        #: Hooks by event.
        self.hooks = default_hooks()
        # Where a file-like body began, to rewind it; an `object()` if it cannot tell.
        self._body_position = None

    def prepare(
        self,
        method: str | None = None,
        url: _t.UriType | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        files: _t.FilesType = None,
        data: _t.DataType = None,
        params: _t.ParamsType = None,
        auth: _t.AuthType = None,
        cookies: _t.RequestsCookieJar | _t.CookieJar | dict[str, str] | None = None,
        hooks: _t.HooksInputType | None = None,
        json: _t.JsonType = None,
    ) -> None:
        """Write down every part of the request."""
        self.prepare_method(method)
        self.prepare_url(url, params)
        self.prepare_headers(headers)
        self.prepare_cookies(cookies)
        self.prepare_body(data, files, json)
        # Authentication may sign the whole request, so all else comes first; but it may also add hooks.
        self.prepare_auth(auth, url)
        self.prepare_hooks(hooks)

    def __repr__(self) -> str:
        return f"<PreparedRequest [{self.method}]>"

    def copy(self) -> PreparedRequest:
        _fill()
        twin = PreparedRequest()
        twin.method = self.method
        twin.url = self.url
        twin.headers = self.headers.copy() if self.headers is not None else None
        twin._cookies = _copy_cookie_jar(self._cookies)
        if (source := self._unread_body()) is None:
            twin.body = self.body
        else:
            twin._put_off(source)
        twin.hooks = self.hooks
        twin._body_position = self._body_position
        return twin

    def _put_off(self, source: _t.Any) -> None:
        """Let `body` be read, by `source.whole()`, when it is first looked at."""
        state = _state(self)
        state.pop("body", None)
        state["_body_source"] = source

    def _unread_body(self) -> _t.Any:
        """The source of a body that nobody has looked at, an iterable of its pieces; else None."""
        state = _state(self)
        return None if "body" in state else state.get("_body_source")

    def __getattr__(self, name: str) -> _t.Any:
        if name == "body" and (source := self._unread_body()) is not None:
            self.body = source.whole()
            _state(self).pop("_body_source", None)
            return self.body
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def __dict__(self) -> dict[str, _t.Any]:
        # Whoever looks at the whole state is to see the body in it.
        if self._unread_body() is not None:
            self.body
        return _state(self)

    @__dict__.setter
    def __dict__(self, state: dict[str, _t.Any]) -> None:
        _replace_state(self, state)

    def prepare_method(self, method: str | None) -> None:
        """Set the method, in upper case."""
        _fill()
        self.method = None if method is None else to_native_string(method.upper())

    @staticmethod
    def _get_idna_encoded_host(host: str) -> str:
        import idna

        try:
            return idna.encode(host, uts46=True).decode("utf-8")
        except idna.IDNAError:
            raise UnicodeError

    def prepare_url(self, url: _t.UriType, params: _t.ParamsType) -> None:
        """Set the URL: checked, its host in ASCII, `params` added to its query, illegal characters escaped."""
        _fill()
        # Anything that has a string representation will do.
        url = url.decode("utf8") if isinstance(url, bytes) else str(url)
        url = url.lstrip()

        # Not ours to change: `mailto:`, `data:` and the like. Whether any adapter serves it shows later.
        if ":" in url and not url.lower().startswith("http"):
            self.url = url
            return

        try:
            scheme, auth, host, port, path, query, fragment = parse_url(url)
        except LocationParseError as error:
            raise InvalidURL(*error.args)
        if not scheme:
            raise MissingSchema(f"Invalid URL {url!r}: No scheme supplied. Perhaps you meant https://{url}?")
        if not host:
            raise InvalidURL(f"Invalid URL {url!r}: No host supplied")

        netloc = self._ascii_host(host)
        if auth:
            netloc = f"{auth}@{netloc}"
        if port:
            netloc += f":{port}"

        added = (
            ""
            if params is None
            else self._encode_params(to_native_string(params) if isinstance(params, (str, bytes)) else params)
        )
        if added:
            query = f"{query}&{added}" if query else added
        if self._url_as_written:
            self.url = _as_written(url, f"{scheme}://{netloc}", added)
        else:
            self.url = requote_uri(urlunparse((scheme, netloc, path or "/", "", query, fragment)))

    def _ascii_host(self, host: str) -> str:
        if unicode_is_ascii(host):
            # IDNA would have refused these, which an ASCII host does not pass through.
            if host.startswith(("*", ".")):
                raise InvalidURL("URL has an invalid label.")
            return host
        try:
            return self._get_idna_encoded_host(host)
        except UnicodeError:
            raise InvalidURL("URL has an invalid label.")

    def prepare_headers(self, headers: Mapping[str, str | bytes] | None) -> None:
        """Set the headers, after a check that each can be sent."""
        _fill()
        self.headers = CaseInsensitiveDict()
        for header in headers.items() if headers else ():
            check_header_validity(header)
            name, value = header
            self.headers[to_native_string(name)] = value

    def prepare_body(self, data: _t.DataType, files: _t.FilesType, json: _t.JsonType = None) -> None:
        """Set the body, and the headers that describe it."""
        _fill()
        # Looked up by `hasattr` too, as proxies of other objects answer only that.
        is_iterable = isinstance(data, Iterable) or hasattr(data, "__iter__")
        if is_iterable and not isinstance(data, (str, bytes, list, tuple, Mapping)):
            body = self._prepare_streamed_body(data, files)
        else:
            body = self._prepare_whole_body(data, files, json)
        self.body = body

    def _prepare_streamed_body(self, data: _t.Any, files: _t.FilesType) -> _t.Any:
        """A body that is read while it is sent: a file-like object, a generator."""
        try:
            length = super_len(data)
        except (TypeError, AttributeError, UnsupportedOperation):
            length = None

        if getattr(data, "tell", None) is not None:
            # A redirect may have to send it again, from here.
            try:
                self._body_position = data.tell()
            except OSError:
                # Not None: so that rewinding fails with an error that says why.
                self._body_position = object()

        if files:
            raise NotImplementedError("Streamed bodies and files are mutually exclusive.")
        if length:
            self.headers["Content-Length"] = builtin_str(length)
        else:
            self.headers["Transfer-Encoding"] = "chunked"
        return data

    def _prepare_whole_body(self, data: _t.Any, files: _t.FilesType, json: _t.JsonType) -> _t.Any:
        """A body that is in memory: JSON, a form, a multipart form, or what the program gave."""
        body = content_type = None
        if not data and json is not None:
            body, content_type = self._encode_json(json), "application/json"
        if files:
            body, content_type = self._encode_files(files, data)
        elif data:
            body = self._encode_params(data)
            if isinstance(data, basestring) or isinstance(data, _SupportsRead):
                content_type = None
            else:
                content_type = "application/x-www-form-urlencoded"

        self.prepare_content_length(body)
        if content_type and "content-type" not in self.headers:
            self.headers["Content-Type"] = content_type
        return body

    def _encode_json(self, json: _t.JsonType) -> bytes:
        try:
            text = complexjson.dumps(json, allow_nan=False)
        except ValueError as error:
            raise InvalidJSONError(error, request=self)
        # Another library may stand in for `complexjson`, and write bytes.
        return text if isinstance(text, bytes) else text.encode("utf-8")

    def prepare_content_length(self, body: _t.BodyType) -> None:
        """Set Content-Length, as far as body and method call for it."""
        _fill()
        if body is not None:
            length = super_len(body)
            # A body of unknown length is sent in chunks.
            if length:
                self.headers["Content-Length"] = builtin_str(length)
        elif self.method not in ("GET", "HEAD") and self.headers.get("Content-Length") is None:
            # RFC 9110, 8.6: methods that expect content say that there is none.
            self.headers["Content-Length"] = "0"

    def prepare_auth(self, auth: _t.AuthType, url: _t.UriType = "") -> None:
        """Apply authentication: `auth`, or the credentials in the URL."""
        _fill()
        if auth is None:
            credentials = get_auth_from_url(self.url)
            auth = credentials if any(credentials) else None
        if not auth:
            return
        if isinstance(auth, tuple) and len(auth) == 2:
            auth = HTTPBasicAuth(*auth)
        # It may return another request: what that one holds becomes ours.
        self.__dict__.update(auth(self).__dict__)
        self.prepare_content_length(self.body)

    def prepare_cookies(self, cookies: _t.RequestsCookieJar | _t.CookieJar | dict[str, str] | None) -> None:
        """Write the Cookie header from a jar or dictionary.

        `http.cookiejar` leaves a Cookie header alone that is there already: to write it anew, remove it first.
        """
        _fill()
        self._cookies = cookies if isinstance(cookies, cookielib.CookieJar) else cookiejar_from_dict(cookies)
        header = get_cookie_header(self._cookies, self)
        if header is not None:
            self.headers["Cookie"] = header

    def prepare_hooks(self, hooks: _t.HooksInputType | None) -> None:
        """Register hooks, given by event."""
        for event in hooks or {}:
            self.register_hook(event, hooks[event])


class Response(_ResponseBase):
    """A server's answer to a request."""

    _content: bytes | _t.Literal[False] | None
    _content_consumed: bool
    _next: PreparedRequest | None
    status_code: int
    headers: CaseInsensitiveDict[str]
    raw: _t.Any
    url: str
    encoding: str | None
    history: list[Response]
    reason: str
    cookies: _t.RequestsCookieJar
    elapsed: _t.timedelta
    request: PreparedRequest
    connection: _t.HTTPAdapter

    #: The session's options, where they say something about reading the response.
    _options = None

    __attrs__: list[str] = [
        "_content",
        "status_code",
        "headers",
        "url",
        "history",
        "encoding",
        "reason",
        "cookies",
        "elapsed",
        "request",
    ]

    def __init__(self) -> None:
        _fill()
        # False: not read yet. None: there was nothing to read from.
        self._content = False
        self._content_consumed = False
        # Where a redirect that was not followed leads.
        self._next = None

        #: The status, such as 200 or 404.
        self.status_code = None

        #: The headers, found in any case: ``headers["content-encoding"]``.
        self.headers = CaseInsensitiveDict()

        #: The body as a file-like object, for `stream=True`.
        self.raw = None

        #: Where the response came from, after redirects.
        self.url = None

        #: The charset by which `text` is decoded. It may be set.
        self.encoding = None

        #: The redirects that led here, oldest first.
        self.history = []

        #: The status in words, such as "Not Found".
        self.reason = None

        #: The cookies that the server set.
        self.cookies = cookiejar_from_dict({})

        #: From sending the request to having parsed the response's headers; reading the body does not count.
        self.elapsed = datetime.timedelta(0)

        #: The request that this answers.
        self.request = None

    def __enter__(self) -> _t.Self:
        return self

    def __exit__(self, *args: _t.Any) -> None:
        self.close()

    def __reduce_ex__(self, protocol):
        # Protocols 0 and 1 cannot do with a native base class what they do with any other.
        return super().__reduce_ex__(max(protocol, 2))

    def __getstate__(self) -> dict[str, _t.Any]:
        # A pickle holds the whole body, as it cannot hold the connection.
        if not self._content_consumed:
            self.content
        return {name: getattr(self, name, None) for name in self.__attrs__}

    def __setstate__(self, state: dict[str, _t.Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        setattr(self, "_content_consumed", True)
        setattr(self, "raw", None)

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"

    def __bool__(self) -> bool:
        """Whether `status_code` is below 400: the same as `ok`, and not a check for 200."""
        return self.ok

    def __nonzero__(self) -> bool:
        """`__bool__` under its name in Python 2, for programs that call it."""
        return self.ok

    def __iter__(self) -> Iterator[bytes]:
        """The body in pieces of 128 bytes."""
        return self.iter_content(128)

    @property
    def __dict__(self) -> dict[str, _t.Any]:
        # Whoever looks at the whole state is to see the whole, though the express lane makes it piece by piece.
        state = _state(self)
        _fill_response(self)
        return state

    @__dict__.setter
    def __dict__(self, state: dict[str, _t.Any]) -> None:
        _replace_state(self, state)

    @property
    def lane(self) -> str | None:
        """How this response came about: ``"express"``, ``"open"`` or ``"classic"``; ``None`` if no server sent it."""
        if _is_express(self):
            return "express"
        return _lanes.of(self.raw)

    @property
    def ok(self) -> bool:
        """Whether `status_code` is below 400; not a check for 200."""
        try:
            self.raise_for_status()
        except HTTPError:
            return False
        return True

    @property
    def is_redirect(self) -> bool:
        """Whether this is a redirect that could be followed."""
        return "location" in self.headers and self.status_code in REDIRECT_STATI

    @property
    def is_permanent_redirect(self) -> bool:
        """Whether this is a redirect that is meant to last (301, 308)."""
        return "location" in self.headers and self.status_code in (codes.moved_permanently, codes.permanent_redirect)

    @property
    def next(self) -> PreparedRequest | None:
        """The request that would follow this redirect, where it was not followed."""
        return self._next

    @property
    def apparent_encoding(self) -> str | None:
        """The charset that the body looks like."""
        _fill_detection()
        return "utf-8" if chardet is None else chardet.detect(self.content)["encoding"]

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[str | bytes]:
        """The body in pieces, read as they are asked for if the request was made with `stream=True`.

        :param chunk_size: how many bytes to read at once; a piece may be longer once decompressed. ``None`` takes what
            arrives as it arrives, or the whole body if it has been read.
        :param decode_unicode: whether to decode pieces by `encoding`; without an encoding they stay bytes.
        """
        if self._content_consumed and isinstance(self._content, bool):
            raise StreamConsumedError()
        if chunk_size is not None and not isinstance(chunk_size, int):
            raise TypeError(f"chunk_size must be an int, it is instead a {type(chunk_size)}.")

        _fill_text()
        if self._content_consumed:
            pieces = iter_slices(self._content, chunk_size)
        else:
            pieces = self._read_pieces(chunk_size)
        return stream_decode_response_unicode(pieces, self) if decode_unicode else pieces

    def _read_pieces(self, chunk_size: int | None) -> Generator[bytes, None, None]:
        _fill()
        limits = getattr(self.raw, "limits", None)
        if hasattr(self.raw, "stream"):
            try:
                pieces = self.raw.stream(chunk_size, decode_content=True)
                if isinstance(limits, TimeLimits):
                    pieces = self._within(limits, pieces)
                yield from pieces if self._options is None else self._options.bounded(self, pieces)
            except ProtocolError as error:
                raise ChunkedEncodingError(error)
            except DecodeError as error:
                raise ContentDecodingError(error)
            except ReadTimeoutError as error:
                raise ReadTimeout(error, request=self.request) if is_total(error) else ConnectionError(error)
            except SSLError as error:
                raise RequestsSSLError(error)
        else:
            # Not urllib3's: any file-like object.
            while piece := self.raw.read(chunk_size):
                yield piece
        self._content_consumed = True

    def _within(self, limits: _t.Any, pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
        """The pieces that come before a total has passed."""
        for piece in pieces:
            if limits.has_passed():
                self.raw.close()
                raise ReadTimeout(f"Read timed out. (total timeout={limits.total})", request=self.request)
            yield piece

    def iter_lines(
        self,
        chunk_size: int = ITER_CHUNK_SIZE,
        decode_unicode: bool = False,
        delimiter: str | bytes | None = None,
    ) -> Iterator[str | bytes]:
        """The body line by line; `chunk_size` and `decode_unicode` as for `iter_content`.

        Two loops over one response at once get in each other's way.
        """
        if self._options is not None and self._options.exact_lines:
            from ._options import exact_lines

            yield from exact_lines(self.iter_content(chunk_size, decode_unicode), delimiter)
            return
        # The last line of a piece, which may go on in the next one.
        unfinished: str | bytes | None = None
        for piece in self.iter_content(chunk_size=chunk_size, decode_unicode=decode_unicode):
            if unfinished is not None:
                piece = unfinished + piece
            lines = piece.split(delimiter) if delimiter else piece.splitlines()
            if lines and lines[-1] and piece and lines[-1][-1] == piece[-1]:
                unfinished = lines.pop()
            else:
                unfinished = None
            yield from lines
        if unfinished is not None:
            yield unfinished

    @property
    def content(self) -> bytes:
        """The body, decompressed."""
        content = self._content
        if content is False:
            if self._content_consumed:
                raise RuntimeError("The content for this response was already consumed")
            if self.status_code == 0 or self.raw is None:
                content = None
            else:
                content = b"".join(self.iter_content(CONTENT_CHUNK_SIZE)) or b""
            self._content = content
        self._content_consumed = True
        return content

    @property
    def text(self) -> str:
        """The body as text, decoded by `encoding`; where that is ``None``, by what the body looks like.

        `encoding` comes from the headers alone, and may be set before this is read. What cannot be decoded is replaced.
        """
        content = self.content
        if not content:
            return ""
        encoding = self.encoding
        if encoding is None:
            encoding = self.apparent_encoding
        try:
            return str(content, encoding or "utf-8", errors="replace")
        except (LookupError, TypeError):
            # A server may name a charset that does not exist.
            return str(content, errors="replace")

    def json(self, **kwargs: _t.Any) -> _t.Any:
        r"""The body read as JSON.

        :param \*\*kwargs: whatever `json.loads` takes.
        :raises requests.exceptions.JSONDecodeError: if it is not JSON.
        """
        _fill_text()
        try:
            if not self.encoding and self.content and len(self.content) > 3:
                encoding = guess_json_utf(self.content)
                if encoding is not None:
                    try:
                        return complexjson.loads(self.content.decode(encoding), **kwargs)
                    except UnicodeDecodeError:
                        # Not one of Unicode's encodings after all: detection may still find it, below.
                        pass
            return complexjson.loads(self.text, **kwargs)
        except JSONDecodeError as error:
            raise RequestsJSONDecodeError(error.msg, error.doc, error.pos)

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """The Link header's links, by relation, or by URL where they have none."""
        header = self.headers.get("link")
        if not header:
            return {}
        _fill_text()
        by_relation: dict[str, dict[str, str]] = {}
        for link in parse_header_links(header):
            key = link.get("rel") or link.get("url")
            if key is not None:
                by_relation[key] = link
        return by_relation

    def raise_for_status(self) -> None:
        """Raise `HTTPError` if the status is 400 or above."""
        reason = self.reason
        if isinstance(reason, bytes):
            # Some servers write it in their own language: most in UTF-8, and any bytes at all are valid Latin-1.
            try:
                reason = reason.decode("utf-8")
            except UnicodeDecodeError:
                reason = reason.decode("iso-8859-1")
        if 400 <= self.status_code < 500:
            blame = "Client"
        elif 500 <= self.status_code < 600:
            blame = "Server"
        else:
            return
        excerpt = "" if self._options is None else self._options.excerpt(self)
        raise HTTPError(f"{self.status_code} {blame} Error: {reason} for url: {self.url}{excerpt}", response=self)

    def close(self) -> None:
        """Give the connection back. `raw` must not be used afterwards."""
        if not self._content_consumed:
            self.raw.close()
        release_connection = getattr(self.raw, "release_conn", None)
        if release_connection is not None:
            release_connection()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = sorted(
    name
    for name in {*globals(), *_fill.names, *_fill_text.names, *_fill_detection.names}
    if not name.startswith("_") and name not in ("annotations", "Deferred")
)
