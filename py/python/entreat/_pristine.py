"""Whether anything below the seam has been replaced: by vcrpy, mocket, gevent, pytest-socket, a program's own patch.

In the open lane urllib3 and http.client run down to the connection, and the engine takes their place below it. Who
replaces something down there means to see each call of it, so those requests go the genuine way. What lies above, such
as `HTTPConnectionPool.urlopen` or `http.client.HTTPConnection.putrequest`, is called in either case.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl

import urllib3.connection
import urllib3.util.connection
import urllib3.util.ssl_
import urllib3.util.wait

from ._watched import is_at_home

#: Owner and names: everything below the seam that a request calls in the genuine stack.
_BELOW = (
    (
        socket,
        ("socket", "create_connection", "getaddrinfo", "SocketIO", "has_ipv6", "setdefaulttimeout"),
    ),
    (
        socket.socket,
        ("connect", "send", "sendall", "recv", "recv_into", "setsockopt", "settimeout", "makefile", "close", "shutdown"),
    ),
    (socket.SocketIO, ("readinto", "close")),
    (ssl, ("SSLContext", "SSLSocket", "create_default_context")),
    (ssl.SSLContext, ("wrap_socket", "load_verify_locations", "load_default_certs", "set_alpn_protocols")),
    (ssl.SSLSocket, ("connect", "do_handshake", "read", "write", "send", "sendall", "recv", "recv_into", "getpeercert")),
    (http.client, ("HTTPResponse", "parse_headers", "HTTPMessage", "_read_headers")),
    (http.client.HTTPConnection, ("connect", "response_class")),
    (
        http.client.HTTPResponse,
        ("__init__", "begin", "_read_status", "_check_close", "read", "read1", "readinto", "close", "_close_conn"),
    ),
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

_FLAT = tuple((owner, name) for owner, names in _BELOW for name in names if hasattr(owner, name))


def _now() -> list:
    return [getattr(owner, name) for owner, name in _FLAT]


_replaced_before_us = sorted(f"{owner.__name__}.{name}" for owner, name in _FLAT if not is_at_home(owner, name))
_AS_FOUND = _now()


def replaced() -> str | None:
    """What has been replaced below the seam, or None."""
    if _replaced_before_us:
        return _replaced_before_us[0]
    now = _now()
    # Compared by identity first, so that this costs a few nanoseconds a name.
    if now == _AS_FOUND and http.client.HTTPConnection.debuglevel == 0:
        return None
    for (owner, name), value, before in zip(_FLAT, now, _AS_FOUND):
        if value is not before:
            return f"{owner.__name__}.{name}"
    return None if http.client.HTTPConnection.debuglevel == 0 else "http.client.HTTPConnection.debuglevel"
