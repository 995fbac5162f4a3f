"""The Python side of the express lane: what the native call asks for when it is rare, or made only when looked at.

`entreat._native.express` serves a whole `Session.request` and calls these functions by name: to write a Cookie field, to
build the attributes of a response, to follow a redirect, to find the exception for an error. Each does what the open
lane would have done at that point. Light at import: urllib3, http.cookiejar and the rest come with the first call that
needs them.

Here, too, it is arranged what the express lane takes for granted (`_watched` has the list): as long as all of it is as
its library made it, nobody can tell that its Python code was not run.
"""

from __future__ import annotations

import gc
import os
import sys

from . import _native, models, sessions
from ._watched import WATCHED, is_at_home
from .exceptions import Timeout
from .models import PreparedRequest, Response
from .sessions import Session, SessionRedirectMixin
from .structures import CaseInsensitiveDict


def encoding(content_type: str) -> str | None:
    """The charset that a Content-Type stands for, by requests' rules."""
    from .utils import get_encoding_from_headers

    return get_encoding_from_headers({"content-type": content_type})


def elapsed(seconds: float):
    from datetime import timedelta

    return timedelta(seconds=seconds)


def dump_json(value) -> bytes | None:
    """A JSON body, or None where it cannot be one: the open lane says why."""
    models._fill_text()
    try:
        body = models.complexjson.dumps(value, allow_nan=False)
    except ValueError:
        return None
    return body if isinstance(body, bytes) else body.encode("utf-8")


def started(timeout):
    """A timeout that is neither number nor pair, with the clock of its total running."""
    from . import _timeout

    return _timeout.started(timeout)


def limits(timeout) -> tuple | None:
    """The parts of an `entreat.Timeout`; None for anything else, which the open lane knows or refuses."""
    return timeout.parts() if isinstance(timeout, Timeout) and hasattr(timeout, "parts") else None


def multipart(files, data):
    """The body for `files=`, its length and its Content-Type; None where the open lane must read the files."""
    from . import _multipart

    body = _multipart.encode(files, data)
    return body and (body, body.length, body.content_type)


def adjust(given: tuple, session: tuple) -> tuple | None:
    """What the session's options make of a call: url, timeout, stream, verify, what of the environment is passed over, and
    how connections are made.

    None where another lane must serve it.
    """
    options, url, headers, timeout, stream, verify = given
    session_headers, session_stream, session_verify = session
    if options.urls_as_written:
        return None
    if options.max_body is not None:
        # The body is read, and bounded, piece by piece.
        stream = True
    ignores_bundle = options.ignores_environment_bundle(verify, session_verify)
    if ignores_bundle or not (os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")):
        verify = options.trusted(session_verify if verify is None else verify)
    ignored = options.ignores_netrc(headers, session_headers), ignores_bundle
    return options.absolute(url), options.timeout_for(timeout), stream, verify, ignored, options.network


def default_bundle() -> str | None:
    """The authorities that are trusted where nothing is said: certifi's, as in requests; None for the system's store."""
    from .utils import DEFAULT_CA_BUNDLE_PATH

    return DEFAULT_CA_BUNDLE_PATH


def request(
    method: str, url: str, headers: list[tuple[str, str]], body: str | bytes | Multipart | None, cookies
) -> PreparedRequest:
    """The `PreparedRequest` of a request that was never one."""
    sessions._fill()
    prepared = PreparedRequest()
    prepared.method = method
    prepared.url = url
    prepared.headers = CaseInsensitiveDict(headers)
    if body is None or isinstance(body, (str, bytes)):
        prepared.body = body
    else:
        prepared._put_off(body)
    if cookies is None:
        from .cookies import RequestsCookieJar

        cookies = RequestsCookieJar()
    prepared._cookies = cookies
    return prepared


def cookie_header(session: Session, cookies, method: str, url: str, headers: list[tuple[str, str]]):
    """The Cookie field for a request, or None, and the jar that it was written from."""
    sessions._fill()
    from .compat import cookielib
    from .cookies import RequestsCookieJar, cookiejar_from_dict, merge_cookies

    cookies = cookies or {}
    if not isinstance(cookies, cookielib.CookieJar):
        cookies = cookiejar_from_dict(cookies)
    merged = merge_cookies(merge_cookies(RequestsCookieJar(), session.cookies), cookies)
    prepared = PreparedRequest()
    prepared.method, prepared.url, prepared.headers = method, url, CaseInsensitiveDict(headers)
    prepared.prepare_cookies(merged)
    # One that the program wrote stays as it is.
    written = None if any(name.lower() == "cookie" for name, _ in headers) else prepared.headers.get("Cookie")
    return written, merged


class _Played:
    """Stands for the engine below the open lane, to tell it again in urllib3's terms what the engine has done.

    Asked once more, as by a retry, it passes the request on to an engine of its own.
    """

    def __init__(
        self,
        response=None,
        error: Exception | None = None,
        partial: bytes = b"",
        chunk: tuple[int, int] = (0, 0),
        network=None,
    ) -> None:
        #: Where the session's options let further requests go.
        self._network = network
        self.has_network = _native.Engine(None, network).has_network
        self._response = response
        self._error = error
        #: What came of the body, before the chunk in which it broke off, and of that chunk.
        taken, missing = chunk
        at = len(partial) - taken
        self._pieces = [(piece, left) for piece, left in ((partial[:at], 0), (partial[at:], missing)) if piece]
        self._missing = self.chunk_left = missing
        self._next = None

    def exchange(self, *arguments):
        if self._next is not None:
            return self._next.exchange(*arguments)
        self._next = _native.Engine(None, self._network)
        if self._response is None:
            raise self._error
        return self._response if self._error is None else self

    def __getattr__(self, name: str):
        return getattr(self._response, name)

    def read1(self, amount: int) -> bytes:
        if not self._pieces:
            # Of a chunk that was announced, nothing may have come.
            self.chunk_left = self._missing
            raise self._error
        piece, left = self._pieces.pop(0)
        piece, rest = piece[:amount], piece[amount:]
        if rest:
            self._pieces.insert(0, (rest, left))
        self.chunk_left = len(rest) + left
        return piece

    def close(self) -> None:
        pass


def _play(request: PreparedRequest, played: _Played, retries=0, **settings) -> Response:
    """Send a request by the open lane, over what the engine has done already."""
    sessions._fill()
    from .adapters import HTTPAdapter

    adapter = HTTPAdapter(max_retries=retries)
    # The same one that `send` will find.
    where = {name: settings.get(name) for name in ("proxies", "cert")}
    pool = adapter.get_connection_with_tls_context(request, settings.get("verify", True), **where)
    pool.engine = played
    started = sessions.preferred_clock()
    response = adapter.send(request, **settings)
    response.elapsed = elapsed(sessions.preferred_clock() - started)
    return response


def retry(session: Session, request: PreparedRequest, engine_response, error, settings: tuple) -> Response:
    """What an adapter with retries makes of an error, or of a response that asks to be tried again.

    The genuine `urllib3.Retry` decides, sleeps and counts; its further attempts take the open lane.
    """
    retries = session.get_adapter(request.url).max_retries
    network = None if session._options is None else session._options.network
    merged = _merged(session, request.url, settings)
    return _play_whole(request, _Played(engine_response, error, network=network), retries, merged)


def _merged(session: Session | None, url: str, given: tuple) -> dict:
    """The settings of a call, with those of its session and of the environment."""
    timeout, verify, stream, cert, proxies = given
    sessions._fill()
    merged = (session or Session()).merge_environment_settings(url, dict(proxies or {}), stream, verify, cert)
    return {"timeout": timeout, **merged}


def _play_whole(request: PreparedRequest, played: _Played, retries, settings: dict) -> Response:
    response = _play(request, played, retries, **settings)
    # `after` keeps cookies first, and a redirect's body is perhaps not needed.
    if not settings["stream"] and not response.is_redirect and "set-cookie" not in response.headers:
        response.content
    return response


def raw(response: Response, engine_response, length: int | None, proxy: str | None):
    """urllib3's response over the engine's.

    `length` is that of a body that has been read, as it was on the wire; `proxy` is the one that it came through.
    """
    proxies = proxy and {"all": proxy}
    made = _play(response.request, _Played(engine_response), stream=True, proxies=proxies).raw
    made._original_response.lane = "express"
    if length is not None:
        if not made.chunked:
            # urllib3 does not count what comes in chunks.
            made._fp_bytes_read = length
        if made.length_remaining is not None:
            made.length_remaining = 0
        made._fp.close()
        made.release_conn()
    return made


def explain(
    session: Session | None, request: PreparedRequest, error: Exception, broken: tuple, given: tuple
) -> Response:
    """What the open lane makes of an error of the engine: an exception, but for some answers that http.client accepts.

    `broken` are the response, as far as it came, what came of its body, and how far into which chunk.
    """
    engine_response, partial, chunk = broken
    settings = _merged(session, request.url, given)
    # There is nothing to verify any more, and nothing to warn of.
    settings["verify"] = settings["verify"] or True
    return _play_whole(request, _Played(engine_response, error, partial, chunk), 0, settings)


def warn_unverified(host: str) -> None:
    """urllib3's warning about a certificate that is not verified, as if it came from there: programs filter it so."""
    import warnings

    from urllib3 import connectionpool
    from urllib3.exceptions import InsecureRequestWarning

    text = (
        f"Unverified HTTPS request is being made to host '{host}'. Adding certificate verification is strongly advised. "
        "See: https://urllib3.readthedocs.io/en/latest/advanced-usage.html#tls-warnings"
    )
    line = connectionpool.HTTPSConnectionPool._validate_conn.__code__.co_firstlineno
    registry = connectionpool.__dict__.setdefault("__warningregistry__", {})
    warnings.warn_explicit(
        text, InsecureRequestWarning, connectionpool.__file__, line, connectionpool.__name__, registry
    )


def cookies(response: Response, has_some: bool):
    """The cookies that a response set."""
    from .cookies import RequestsCookieJar, extract_cookies_to_jar

    jar = RequestsCookieJar()
    if has_some:
        extract_cookies_to_jar(jar, response.request, response.raw)
    return jar


def speaks_socks() -> bool:
    """Whether SOCKS would be spoken: requests needs PySocks for that, and says so where it is missing."""
    from .adapters import SOCKSProxyManager

    return getattr(SOCKSProxyManager, "__module__", None) == "urllib3.contrib.socks"


def adapter(session: Session | None, url: str):
    return (session or Session()).get_adapter(url)


def adapters_are_plain(adapters) -> bool | None:
    """Whether a session's adapters are those that it came with, but for their retries: None if those try again."""
    from .adapters import is_as_made

    if list(adapters) != ["https://", "http://"] or not all(map(is_as_made, adapters.values())):
        return False
    return True if all(adapter.max_retries.total == 0 for adapter in adapters.values()) else None


def decode_content(response: Response, coded: bytes) -> bytes:
    """Undo a content coding as urllib3 does, or fail as it does."""
    import io

    sessions._fill()
    models._fill()
    from urllib3.exceptions import DecodeError
    from urllib3.response import HTTPResponse

    body = HTTPResponse(io.BytesIO(coded), headers=response.headers, status=response.status_code, preload_content=False)
    try:
        return b"".join(body.stream(models.CONTENT_CHUNK_SIZE, decode_content=True))
    except DecodeError as error:
        raise models.ContentDecodingError(error)


class _Hops(SessionRedirectMixin):
    """Follows redirects by requests' own steps, each request through the engine."""

    def __init__(self, session: Session, once: bool = False) -> None:
        self._session = session
        # A call without a session goes on with the connections that such calls share.
        self._owner = None if once else session
        self.max_redirects = session.max_redirects
        self.trust_env = session.trust_env
        self.cookies = session.cookies
        self._options = session._options

    def send(self, request: PreparedRequest, **settings) -> Response:
        stream, verify = settings["stream"], settings["verify"]
        if self._options is not None:
            stream = stream or self._options.max_body is not None
            verify = self._options.trusted(verify)
        way = verify, settings.get("cert"), settings.get("proxies")
        retries = self._tries_again(request.url)
        network = None if self._options is None else self._options.network
        response = _native.send_prepared(self._owner, request, stream, settings["timeout"], *way, retries, network)
        if response is None:
            return self._session.send(request, **settings)
        if self._options is not None:
            self._options.mark(response)
        keep_cookies(self._session, response)
        _read(response, settings["stream"])
        return response

    def _tries_again(self, url: str) -> bool:
        return "adapters" in _native.state(self._session) and self._session.get_adapter(url).max_retries.total != 0


def keep_cookies(session: Session, response: Response) -> None:
    from .cookies import extract_cookies_to_jar

    if "set-cookie" in response.headers:
        extract_cookies_to_jar(session.cookies, response.request, response.raw)


def after(
    session: Session, response: Response, allow_redirects: bool, stream, given: tuple, once: bool = False
) -> Response:
    """What `Session.send` does with a response that sets cookies or redirects.

    `stream` is what the call says; `given` has what its request was sent by, which the session's options may have changed.
    """
    sessions._fill()
    keep_cookies(session, response)
    stream = session.stream if stream is None else stream
    if allow_redirects and response.is_redirect:
        hops = _Hops(session, once)
        merged = {**_merged(session, response.url, given), "stream": stream}
        history = [response, *hops.resolve_redirects(response, response.request, **merged)]
        if len(history) > 1:
            # As requests has it of the one that was followed.
            history[0]._next = None
            response = history.pop()
            response.history = history
            return response
    _read(response, stream)
    return response


def _read(response: Response, stream: bool) -> None:
    """Read what is unread of a response that is not followed: the engine leaves a redirect that breaks off to Python."""
    if response.is_redirect and not response._content_consumed:
        # Where it leads is found out lazily, by `next_request`; but that also drains what is still to come.
        response._next = next_request(response)
    if not stream:
        response.content


def after_once(response: Response, allow_redirects: bool, stream, given: tuple, session: Session | None) -> Response:
    """The same for a call without a session; `session` has the connections of one that shares none."""
    with session or Session() as own:
        return after(own, response, allow_redirects, stream, given, once=session is None)


def next_request(response: Response) -> PreparedRequest | None:
    """Where a redirect that was not followed leads."""
    if not response.is_redirect:
        return None
    sessions._fill()
    following = _Hops.resolve_redirects(Session(), response, response.request, yield_requests=True)
    return next(following, None)


#: What serving a request by the other lanes would call in the modules that are always there, beside `WATCHED`.
_ALWAYS = {
    Session: (
        "__init__", "__enter__", "__exit__", "close", "mount", "request", "get", "prepare_request",
        "merge_environment_settings", "send", "get_adapter", "__getattr__", "cookies",
    ),
    SessionRedirectMixin: (
        "resolve_redirects", "get_redirect_target", "should_strip_auth", "rebuild_auth", "rebuild_method", "rebuild_proxies",
    ),
}  # fmt: skip

#: Globals of `sessions` and `models` that programs replace.
_GLOBALS = {
    sessions: (
        "HTTPAdapter", "PreparedRequest", "Request", "merge_setting", "merge_hooks", "merge_cookies", "dispatch_hook",
        "cookiejar_from_dict", "extract_cookies_to_jar", "get_environ_proxies", "get_netrc_auth", "preferred_clock",
        "default_headers", "Session",
    ),
    models: (
        "CaseInsensitiveDict", "HTTPBasicAuth", "get_cookie_header", "parse_url", "requote_uri", "super_len",
        "check_header_validity", "get_auth_from_url", "to_key_val_list", "to_native_string", "urlencode",
        "RequestField", "encode_multipart_formdata", "guess_filename",
    ),
}  # fmt: skip

_looked_at: set[str] = set()


def look_at_modules() -> None:
    """Watch what is in modules that have been loaded since; called whenever their number has changed."""
    for name, owners in WATCHED.items():
        if name in sys.modules and name not in _looked_at:
            module = sys.modules[name]
            if getattr(getattr(module, "__spec__", None), "_initializing", False):
                continue
            _looked_at.add(name)
            for owner, names in owners.items():
                thing = getattr(module, owner, None) if owner else module
                if isinstance(thing, (type, type(sys))):
                    _watch(thing, names.split())


def _watch(owner, names) -> None:
    """Take attributes of a module or a class for granted, as long as they are what they are now.

    What has been replaced before is never as it should be: requests take another lane until the program ends.
    """
    # The real dictionary of a class lies behind the read-only view that it shows.
    namespace = owner.__dict__ if not isinstance(owner, type) else gc.get_referents(owner.__dict__)[0]
    for name in names:
        if name in namespace:
            expected = namespace[name] if is_at_home(owner, name) else _NEVER
            _native.watch(namespace, name, expected)
        elif hasattr(owner, name):
            # Inherited: a patch would put it here.
            _native.watch(namespace, name, None)


_NEVER = object()


def _watch_deferred(module, deferred, names: tuple[str, ...]) -> None:
    """Take a deferred import for granted: absent, or what the import gave."""

    def bound() -> None:
        for name in names:
            if name in deferred.names:
                _native.watch(module.__dict__, name, deferred.value(name))

    deferred.when_bound(bound)


def _watch_from_the_start() -> None:
    # What it holds is watched by `environment.rs`.
    _native.watch(os.__dict__, "environ", os.environ)
    for owner, names in _ALWAYS.items():
        _watch(owner, names)
    for module, names in _GLOBALS.items():
        for name in names:
            _native.watch(module.__dict__, name, module.__dict__.get(name))
    _watch_deferred(sessions, sessions._fill, _GLOBALS[sessions])
    _watch_deferred(models, models._fill, _GLOBALS[models])


_native.set_up(sys.modules[__name__], Session, Response, CaseInsensitiveDict)
_watch_from_the_start()
