"""Whether anything below the seam has been replaced: by vcrpy, mocket, gevent, pytest-socket, a program's own patch.

In the open lane urllib3 and http.client run down to the connection, and the engine takes their place below it. Who
replaces something down there means to see each call of it, so those requests go the genuine way. What lies above, such
as `HTTPConnectionPool.urlopen` or `http.client.HTTPConnection.putrequest`, is called in either case.
"""

from __future__ import annotations

import _socket
import http.client
import select
import socket
import ssl
from operator import attrgetter
from types import FunctionType

import urllib3.connection
import urllib3.util.connection
import urllib3.util.ssl_
import urllib3.util.wait

from ._watched import is_at_home


def _methods(owner: type) -> tuple[str, ...]:
    """The names of what a class defines in Python."""
    return tuple(name for name, value in vars(owner).items() if isinstance(value, (FunctionType, property)))


#: Owner and names: everything below the seam that a request calls in the genuine stack. `conformance/run_wrappers.py`
#: finds out whether anything is missing here.
_BELOW = (
    (_socket, ("socket", "getaddrinfo")),
    (socket, ("socket", "create_connection", "getaddrinfo", "SocketIO", "_intenum_converter")),
    (
        socket.socket,
        (*_methods(socket.socket), "connect", "send", "sendall", "recv", "recv_into", "setsockopt", "settimeout"),
    ),
    (socket.SocketIO, _methods(socket.SocketIO)),
    (ssl, ("SSLContext", "SSLSocket", "create_default_context")),
    (ssl.SSLContext, (*_methods(ssl.SSLContext), "load_verify_locations", "load_default_certs")),
    (ssl.SSLSocket, _methods(ssl.SSLSocket)),
    (http.client, ("HTTPResponse", "parse_headers", "HTTPMessage", "_read_headers")),
    (http.client.HTTPConnection, ("connect", "response_class")),
    # Its other methods are called in the open lane too, since `_seam.HTTPResponse` inherits them.
    (http.client.HTTPResponse, ("begin", "_read_status")),
    (
        urllib3.connection,
        ("connection", "_ssl_wrap_socket_and_match_hostname", "ssl_wrap_socket", "create_urllib3_context"),
    ),
    (urllib3.connection.HTTPConnection, ("connect", "_new_conn", "close", "is_connected", "is_closed")),
    (urllib3.connection.HTTPSConnection, ("connect",)),
    (urllib3.util.connection, ("create_connection", "allowed_gai_family", "_set_socket_options")),
    (urllib3.util.ssl_, ("ssl_wrap_socket", "create_urllib3_context", "SSLContext", "IS_PYOPENSSL", "ALPN_PROTOCOLS")),
    (urllib3.util.wait, ("wait_for_read",)),
    (select, ("select", "poll")),
)

_PRESENT = tuple((owner, tuple(name for name in names if hasattr(owner, name))) for owner, names in _BELOW)

# Asked for at every request, so by one call for each owner. (The first name again: of one name there is no tuple.)
_GETTERS = tuple((attrgetter(*names, names[0]), owner) for owner, names in _PRESENT)


def _now() -> list:
    return [get(owner) for get, owner in _GETTERS]


_replaced_before_us = sorted(
    f"{owner.__name__}.{name}" for owner, names in _PRESENT for name in names if not is_at_home(owner, name)
)
_AS_FOUND = _now()


def replaced() -> str | None:
    """What has been replaced below the seam, or None."""
    if _replaced_before_us:
        return _replaced_before_us[0]
    if http.client.HTTPConnection.debuglevel != 0:
        return "http.client.HTTPConnection.debuglevel"
    now = _now()
    if now == _AS_FOUND:
        return None
    for (owner, names), values, before in zip(_PRESENT, now, _AS_FOUND):
        for name, value, found in zip(names, values, before):
            if value is not found:
                return f"{owner.__name__}.{name}"
    return None
