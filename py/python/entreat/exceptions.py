"""Every exception and warning that the drop-in raises, under requests' names and in requests' tree.

    IOError
      RequestException
        InvalidJSONError ─ JSONDecodeError (also json.JSONDecodeError)
        HTTPError
        ConnectionError ─ ProxyError, SSLError, ConnectTimeout (also Timeout)
        Timeout ─ ReadTimeout
        URLRequired, TooManyRedirects, RetryError, UnrewindableBodyError, ChunkedEncodingError
        MissingSchema, InvalidSchema, InvalidHeader, InvalidURL ─ InvalidProxyURL   (all also ValueError)
        ContentDecodingError (also urllib3's HTTPError), StreamConsumedError (also TypeError), BodyTooLarge (ours)

A light module. The two classes whose other base lives in `json` or in urllib3 are made once, when first asked for.
"""

from __future__ import annotations

from ._lazy import Deferred
from ._lazy import types as _t


class RequestException(IOError):
    """Something went wrong while a request was made: the base of all that this package raises on its own account."""

    response: _t.Response | None
    request: _t.Request | _t.PreparedRequest | None

    def __init__(self, *args: _t.Any, **kwargs: _t.Any) -> None:
        """Take `request` and `response` from the keywords; a response brings its request along."""
        response: _t.Response | None = kwargs.pop("response", None)
        self.response = response
        self.request = kwargs.pop("request", None)
        if response is not None and not self.request and hasattr(response, "request"):
            self.request = response.request
        super().__init__(*args, **kwargs)


class InvalidJSONError(RequestException):
    """JSON could not be written or read."""


class HTTPError(RequestException):
    """The response has a status of 400 or above: raised by `Response.raise_for_status` only."""


class ConnectionError(RequestException):
    """The connection could not be made, or broke."""


class ProxyError(ConnectionError):
    """The proxy could not be reached or refused."""


class SSLError(ConnectionError):
    """TLS failed: most often the certificate was not accepted."""


#: The keywords with which `Timeout` is a value.
_LIMITS = frozenset(("connect", "read", "write", "pool", "total"))


class Timeout(RequestException):
    """Time ran out: the base of `ConnectTimeout` and `ReadTimeout`.

    Called with nothing but keywords among ``connect``, ``read``, ``write``, ``pool`` and ``total``, it makes a value for
    `timeout=` instead, as no exception takes those: ``entreat.Timeout(connect=3, total=10)``. See `_timeout.TimeLimits`.
    """

    def __init__(self, *args: _t.Any, **kwargs: _t.Any) -> None:
        """As every exception here; or limits."""
        if kwargs and not args and type(self) is Timeout and _LIMITS.issuperset(kwargs):
            from ._timeout import TimeLimits

            # Not by `__new__` or a metaclass, which would show in the exceptions that programs derive from this one.
            self.__class__ = TimeLimits
            TimeLimits.__init__(self, **kwargs)
        else:
            super().__init__(*args, **kwargs)


class ConnectTimeout(ConnectionError, Timeout):
    """Time ran out before there was a connection. Nothing was sent: safe to try again."""


class ReadTimeout(Timeout):
    """The server sent nothing for as long as the read timeout allows."""


class URLRequired(RequestException):
    """A request needs a valid URL."""


class TooManyRedirects(RequestException):
    """More redirects than `Session.max_redirects`."""


class MissingSchema(RequestException, ValueError):
    """The URL has no scheme, such as ``https``."""


class InvalidSchema(RequestException, ValueError):
    """The URL's scheme is malformed, or no adapter is mounted for it."""


class InvalidURL(RequestException, ValueError):
    """The URL cannot be used."""


class InvalidHeader(RequestException, ValueError):
    """A header's name or value cannot be sent."""


class InvalidProxyURL(InvalidURL):
    """The proxy's URL cannot be used."""


class ChunkedEncodingError(RequestException):
    """The body broke off, or its chunks were malformed."""


class StreamConsumedError(RequestException, TypeError):
    """The body has been read already, and was not kept."""


class RetryError(RequestException):
    """The retries that a program configured are used up."""


class UnrewindableBodyError(RequestException):
    """The request's body cannot be sent again, as it cannot be rewound."""


class BodyTooLarge(RequestException):
    """The body is larger than `session.options.max_body` allows. Not one of requests' own."""


class RequestsWarning(Warning):
    """The base of this package's warnings."""


class FileModeWarning(RequestsWarning, DeprecationWarning):
    """A file was opened in text mode, though its length was taken in bytes."""


class RequestsDependencyWarning(RequestsWarning):
    """A dependency has a version outside the expected range."""


def _make_json_decode_error(base: type) -> type:
    class JSONDecodeError(InvalidJSONError, base):
        """The text is not JSON."""

        def __init__(self, *args: _t.Any, **kwargs: _t.Any) -> None:
            """Let the JSON base read the arguments, then give `IOError` the message that it composed."""
            base.__init__(self, *args)
            InvalidJSONError.__init__(self, *self.args, **kwargs)

        def __reduce__(self) -> tuple[_t.Any, ...] | str:
            """Pickle as the JSON base does: it needs message, document and position, which `IOError` would lose."""
            return base.__reduce__(self)

    return JSONDecodeError


def _make_content_decoding_error(base: type) -> type:
    class ContentDecodingError(RequestException, base):
        """The body could not be decompressed."""

    return ContentDecodingError


def _at_home(error_class: type) -> type:
    # As if the class statement stood at the top of this module: pickle looks it up by these.
    error_class.__qualname__ = error_class.__name__
    error_class.__module__ = RequestException.__module__
    return error_class


def _json_decode_error():
    # As `compat` chooses it, which is not asked because it imports urllib3.
    try:
        from simplejson import JSONDecodeError as CompatJSONDecodeError
    except ImportError:
        from json import JSONDecodeError as CompatJSONDecodeError

    JSONDecodeError = _at_home(_make_json_decode_error(CompatJSONDecodeError))
    return locals()


def _content_decoding_error():
    from urllib3.exceptions import HTTPError as BaseHTTPError

    ContentDecodingError = _at_home(_make_content_decoding_error(BaseHTTPError))
    return locals()


_json = Deferred(globals(), _json_decode_error)
_content = Deferred(globals(), _content_decoding_error)


def __getattr__(name: str):
    # Not together: a wrong JSON text must not bring in urllib3.
    return (_json if name in _json.names else _content).lookup(name)


__all__ = sorted(
    {name for name, value in globals().items() if isinstance(value, type) and issubclass(value, Warning | Exception)}
    | {"BaseHTTPError", "CompatJSONDecodeError", "ContentDecodingError", "JSONDecodeError"}
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
