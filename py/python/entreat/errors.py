"""What `entreat.Client` raises, by who can mend it.

    Error
      CallerError (also ValueError)           found before anything is sent
        InvalidUrl, InvalidMethod, InvalidHeader, InvalidTimeout, InvalidBody, InvalidConfig
        StreamConsumed, ClientClosed
      NetworkError (also ConnectionError)     the way between
        ResolveError, ConnectError, ConnectionBroken
      PeerError                               the server, or a proxy
        ConnectionClosed (also ConnectionError)
        TlsError ─ CertificateError
        ProtocolError ─ InvalidRedirect
        DecodingError (also ValueError)
        ProxyError
        StatusError
      LimitError                              a limit that the program set, or left at its default
        TimeoutError (also the builtin) ─ ConnectTimeout, ReadTimeout, WriteTimeout, PoolTimeout, TotalTimeout
        TooLarge ─ HeadTooLarge, BodyTooLarge
        TooManyRedirects, BlockedAddress

The drop-in's exceptions are requests' own, in `entreat.exceptions`; none of these is one of those, nor the other way
round. `entreat.Error` is the base of these; the others are found here. The engine's `Kind` decides the class
(`_CLASSES`); nobody parses a message.
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from .client import Request, Response


class Error(Exception):
    """Why a request failed. The message says what was expected, what was seen, and the URL; secrets are left out."""

    #: What happened, in one word: a variant of the engine's `Kind`, such as ``"ReadTimeout"``.
    kind: str = ""
    #: Who can mend it.
    blame: Literal["caller", "network", "peer", "limit"] = "caller"
    #: The URL, without user name and password.
    url: str | None = None
    #: What the caller can do about it.
    hint: str | None = None
    #: What was expected, and what was seen instead, where something definite was.
    expected: str | None = None
    seen: str | None = None
    #: The operating system's number, where it is the cause.
    os_errno: int | None = None
    #: How often the request was tried.
    attempts: int = 1
    #: The proxy at which it happened, without credentials.
    proxy: str | None = None
    #: The request, where there was one by then.
    request: Request | None = None
    #: The response, where a head had arrived.
    response: Response | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.args, self.__dict__.copy())


class CallerError(Error, ValueError):
    """A mistake in the arguments, or in the order of calls: nothing was sent."""


class InvalidUrl(CallerError):
    """The URL cannot be used: no scheme, no host, one that is not spoken, or characters that no URL has."""


class InvalidMethod(CallerError):
    """The method is not a token."""


class InvalidHeader(CallerError):
    """A header's name or value cannot be sent."""


class InvalidTimeout(CallerError):
    """A time-out is zero, negative or not a number."""


class InvalidBody(CallerError):
    """The body could not be read, contradicts its length, or cannot be sent a second time."""


class InvalidConfig(CallerError):
    """Settings contradict each other, or one of them cannot be used. The message names them."""


class StreamConsumed(CallerError):
    """The body was read piece by piece, or the response was closed: it is not there any more."""


class ClientClosed(CallerError):
    """The client was closed."""


class NetworkError(Error, builtins.ConnectionError):
    """Something on the way between failed."""


class ResolveError(NetworkError):
    """The host's name has no address."""


class ConnectError(NetworkError):
    """No address of the host accepted a connection."""


class ConnectionBroken(NetworkError):
    """The connection broke while sending or receiving."""


class PeerError(Error):
    """The server or a proxy did something wrong."""


class ConnectionClosed(PeerError, builtins.ConnectionError):
    """The server closed the connection before the response was complete."""


class TlsError(PeerError):
    """The TLS handshake failed."""


class CertificateError(TlsError):
    """The server's certificate was refused."""


class ProtocolError(PeerError):
    """The response breaks HTTP's rules."""


class InvalidRedirect(ProtocolError):
    """A redirect leads to where nobody can go."""


class DecodingError(PeerError, ValueError):
    """The body is not what it says: a broken content coding, or no JSON."""


class ProxyError(PeerError):
    """A proxy refused, or broke its protocol."""


class StatusError(PeerError):
    """The status is 400 or above: raised by `Response.raise_for_status` alone."""


class LimitError(Error):
    """A limit was reached."""


class TimeoutError(LimitError, builtins.TimeoutError):
    """Time ran out."""


class ConnectTimeout(TimeoutError):
    """No connection, with its handshakes, in time. Nothing was sent."""


class ReadTimeout(TimeoutError):
    """The server sent nothing for too long."""


class WriteTimeout(TimeoutError):
    """The server took nothing for too long."""


class PoolTimeout(TimeoutError):
    """No connection became free in time."""


class TotalTimeout(TimeoutError):
    """The whole exchange, body included, took too long."""


class TooLarge(LimitError):
    """The server sent more than is allowed."""


class HeadTooLarge(TooLarge):
    """The head of the response is larger than 256 KiB, or has more than 1,000 fields."""


class BodyTooLarge(TooLarge):
    """The body is larger than `max_body`, or unpacks to far more than was sent."""


class TooManyRedirects(LimitError):
    """More redirects than `max_redirects`."""


class BlockedAddress(LimitError):
    """The guard does not let this address through."""


_CLASSES = {
    "InvalidUrl": InvalidUrl,
    "MissingScheme": InvalidUrl,
    "UnsupportedScheme": InvalidUrl,
    "InvalidMethod": InvalidMethod,
    "InvalidHeader": InvalidHeader,
    "InvalidTimeout": InvalidTimeout,
    "InvalidBody": InvalidBody,
    "UnrewindableBody": InvalidBody,
    "InvalidConfig": InvalidConfig,
    "BodyConsumed": StreamConsumed,
    "Closed": ClientClosed,
    "Resolve": ResolveError,
    "Connect": ConnectError,
    "Io": ConnectionBroken,
    "Tls": TlsError,
    "InvalidCertificate": CertificateError,
    "ClosedWithoutResponse": ConnectionClosed,
    "ClosedEarly": ConnectionClosed,
    "MalformedResponse": ProtocolError,
    "MalformedChunk": ProtocolError,
    "InvalidRedirect": InvalidRedirect,
    "ContentDecoding": DecodingError,
    "InvalidContent": DecodingError,
    "Proxy": ProxyError,
    "Status": StatusError,
    "ConnectTimeout": ConnectTimeout,
    "ReadTimeout": ReadTimeout,
    "WriteTimeout": WriteTimeout,
    "PoolTimeout": PoolTimeout,
    "TotalTimeout": TotalTimeout,
    "HeadTooLarge": HeadTooLarge,
    "BodyTooLarge": BodyTooLarge,
    "TooManyRedirects": TooManyRedirects,
    "BlockedAddress": BlockedAddress,
}

_BLAMED = {"caller": CallerError, "network": NetworkError, "peer": PeerError, "limit": LimitError}


def _make(message: str, **facts: Any) -> Error:
    """The exception for an error of the engine. A kind that is newer than this table is told by its blame."""
    made = _CLASSES.get(facts["kind"], _BLAMED[facts["blame"]])(message)
    made.__dict__.update(facts)
    return made


def _again(made_by: type[Error], arguments: tuple[Any, ...], state: dict[str, Any]) -> Error:
    made = made_by(*arguments)
    made.__dict__.update(state)
    return made
