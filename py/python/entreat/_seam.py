"""Where the open lane leaves urllib3: its pools and connections, with the engine in the place of the socket.

All of urllib3 and http.client above the socket runs as it is: `urlopen`, retries, `HTTPConnection.request`, which writes
the head, `getresponse`, which builds the urllib3 response. So whoever wraps, overrides or reads any of that finds it. A
connection gets a stand-in for its socket that keeps what is sent; when the response is due, the whole exchange is handed
to the engine, and what comes back is presented to `http.client.HTTPResponse` as it would have come over the wire.

A connection that the engine cannot serve (`_why_classic`) opens a genuine socket instead: the classic lane. `adapters`
calls `adopt` for each pool manager that it makes. Errors of the engine become those that a socket would have raised.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import sys
from functools import cache, partial

import urllib3.connection
import urllib3.connectionpool
from urllib3.exceptions import (
    ConnectTimeoutError,
    InvalidHeader,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
)
from urllib3.exceptions import SSLError as Urllib3SSLError
from urllib3.poolmanager import PoolManager, ProxyManager
from urllib3.util.request import body_to_chunks
from urllib3.util.ssl_ import resolve_cert_reqs

from . import _lanes, _pristine
from ._timeout import TotalPassed

try:
    from urllib3.exceptions import NameResolutionError

    from . import _native
except ImportError:
    # No engine, or urllib3 before 2.0, which is laid out differently.
    _native = None


def adopt(manager: PoolManager) -> None:
    """Let a pool manager make pools whose connections may use the engine."""
    if type(manager) not in (PoolManager, ProxyManager) and not _is_socks(manager):
        _lanes.refuse("open", "its pool manager is not urllib3's")
    elif _native is None:
        _lanes.refuse("open", "the engine is not installed")
    elif _lanes.FORCED != "classic":
        manager.pool_classes_by_scheme = _socks_pools() if _is_socks(manager) else _POOLS


def _is_socks(manager: PoolManager) -> bool:
    return type(manager).__module__ == "urllib3.contrib.socks" and type(manager).__name__ == "SOCKSProxyManager"


def set_pool_rules(manager: PoolManager, rules: tuple[float | None, float | None], network) -> None:
    """How the engine makes connections of this manager's pools, and for how many seconds it keeps them: idle, and in all.

    Those that are there are given up. A manager that is the program's own is left alone.
    """
    pools = manager.pool_classes_by_scheme
    if _native is None or pools.keys() != _POOLS.keys():
        return
    if all(getattr(pool, "func", pool) is _POOLS[scheme] for scheme, pool in pools.items()):
        engine = partial(_native.Engine, rules, network)
        manager.pool_classes_by_scheme = {scheme: partial(pool, engine=engine) for scheme, pool in _POOLS.items()}
        manager.clear()


class _EngineSocket:
    """Stands for a connection's socket: keeps what is sent, and the time-out, until the response is due."""

    def __init__(self, connection: _EngineConnection) -> None:
        self._connection = connection
        self._timeout = connection.timeout
        self._sent: list[bytes] = []
        #: The exchange's response, as the engine gives it.
        self.raw = None

    def settimeout(self, timeout: float | None) -> None:
        _check_timeout(timeout)
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        return self._timeout

    def sendall(self, data: bytes) -> None:
        self._sent.append(bytes(data))

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Wire(self))

    def exchange(self) -> _Raw:
        """Hand over what has been sent, and wait for the response's head."""
        head, *rest = self._sent
        self._sent = []
        connection = self._connection
        body, connection.streamed_body = connection.streamed_body, None
        # Of a body that is streamed, only the end of chunked framing has been sent, if that was chosen.
        chunked = body is not None and bool(rest)
        if body is None:
            # This one carries its framing, if any.
            body = b"".join(rest) or None
        request_line, fields = _parse_head(head)
        limits = getattr(self._timeout, "limits", None)
        method, target = request_line.split(" ")[:2]
        scheme, host, port, proxy = connection._way()
        self.raw = connection.engine.exchange(
            method,
            scheme,
            host,
            port,
            target,
            fields,
            body,
            chunked,
            connection.connect_timeout,
            self._timeout,
            connection.verification,
            connection.identity,
            limits and limits.parts(),
            proxy,
        )
        return self.raw

    def close(self) -> None:
        """The engine's connection is given up with the response that has it, as a socket's is with its file."""

    def shutdown(self, how: int) -> None:
        if self.raw is not None:
            self.raw.close()

    def fileno(self) -> int:
        raise OSError("the connection belongs to the engine and has no file descriptor here")

    def getpeername(self):
        return self._ask("peer_address")

    def getsockname(self):
        return self._ask("local_address")

    def getpeercert(self, binary_form: bool = False):
        certificate = self._ask("peer_certificate")
        if binary_form or certificate is None:
            return certificate
        raise ValueError("the engine has the peer's certificate in binary form only")

    def _ask(self, what: str):
        if self.raw is None or not hasattr(self.raw, what):
            raise OSError("the connection belongs to the engine, which does not tell its " + what)
        return getattr(self.raw, what)


def _parse_head(head: bytes) -> tuple[str, list[tuple[bytes, bytes]]]:
    request_line, *lines = head[:-4].split(b"\r\n")
    fields = []
    for line in lines:
        if line[:1] in b" \t":
            # A folded value (RFC 9112, 5.2): as the program wrote it.
            name, value = fields.pop()
            fields.append((name, value + b"\r\n" + line))
        else:
            name, _, value = line.partition(b": ")
            fields.append((name, value))
    return request_line.decode("ascii"), fields


class _Wire(io.RawIOBase):
    """The response's body as it was on the wire: chunked framing, which the engine has taken off, is put on again.

    `http.client` and urllib3 then take it off themselves, as programs patch and read that part of them too.
    """

    def __init__(self, engine_socket: _EngineSocket) -> None:
        super().__init__()
        # Under this name some authentication plugins look for the socket.
        self._sock = engine_socket
        self._raw: _Raw | None = None
        self._chunked = False
        #: Framing or data that is still to be handed out.
        self._pending = memoryview(b"")
        #: What is left of the chunk that is being handed out.
        self._chunk_left = 0
        self._ended = False

    def attach(self, raw: _Raw, chunked: bool) -> None:
        self._raw = raw
        self._chunked = chunked

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if not self._pending and not self._ended:
            self._pending = memoryview(self._receive(len(buffer)))
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def _receive(self, amount: int) -> bytes:
        try:
            data = self._raw.read1(amount)
        except _native.EngineError as error:
            failure = error
        else:
            failure = None
        if failure is not None:
            self._ended = True
            # A chunk that was announced, and of which nothing has come.
            left = 0 if self._chunk_left or not self._chunked else getattr(self._raw, "chunk_left", 0)
            return (b"%x\r\n" % left if left else b"") + _broken_body(failure)
        if not data:
            self._ended = True
            return self._last_chunk() if self._chunked else b""
        return self._framed(data) if self._chunked else data

    def _framed(self, data: bytes) -> bytes:
        start = b""
        if not self._chunk_left:
            # The engine knows how much of the chunk is still to come; a chunk is announced as the server did.
            self._chunk_left = len(data) + getattr(self._raw, "chunk_left", 0)
            start = b"%x\r\n" % self._chunk_left
        self._chunk_left -= len(data)
        return start + data if self._chunk_left else start + data + b"\r\n"

    def _last_chunk(self) -> bytes:
        trailers = getattr(self._raw, "trailers", ())
        fields = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        return b"0\r\n" + fields.encode("latin-1") + b"\r\n"

    def close(self) -> None:
        if not self.closed and self._raw is not None:
            self._raw.close()
        super().close()


class HTTPResponse(http.client.HTTPResponse):
    """`http.client.HTTPResponse`, but that the head comes from the engine, parsed."""

    lane = "open"

    def begin(self) -> None:
        if self.headers is not None:
            return
        wire = self.fp.raw
        try:
            raw = wire._sock.exchange()
        except _native.EngineError as error:
            refusal = error
        else:
            self._accept(wire, raw)
            return
        connection = wire._sock._connection
        connection._has_connected_to_proxy = connection.proxy is not None and refusal.proxy is None
        # Outside the handler: programs follow `__context__` down to the socket's error, and find no other.
        if not self._read_refused_head(refusal):
            raise _as_raised_by_a_socket(refusal, connection)

    def _accept(self, wire: _Wire, raw: _Raw) -> None:
        connection = wire._sock._connection
        connection._has_connected_to_proxy = connection.proxy is not None
        fields = raw.headers
        _check_limits(fields)
        self.headers = self.msg = http.client.HTTPMessage()
        for name, value in fields:
            # Not by assignment, which would search for the name each time.
            self.msg._headers.append((name, value))

        self.code = self.status = raw.status
        self.reason = raw.reason.strip()
        self.version = raw.version
        self._frame()
        wire.attach(raw, bool(self.chunked))

    def _read_refused_head(self, error: _native.EngineError) -> bool:
        """Show http.client a head that the engine refuses: where it refuses too, programs expect its own exceptions.

        What it accepts is refused all the same (RFC 9112): a head that is cut short or has lines that are none may mean
        something else to whoever reads it next. Two lengths go on, since it is urllib3 that refuses those; so does a head
        that is cut short where a body had to follow, which is then found missing.
        """
        received = getattr(error, "received", None)
        if error.kind not in _REFUSED_HEAD or not received:
            return False
        self.fp = io.BufferedReader(io.BytesIO(received))
        super().begin()
        # There is nothing more to read behind these bytes.
        self.will_close = True
        lengths = {length.strip() for length in self.headers.get_all("content-length", ())}
        misses_its_body = error.kind == "ClosedEarly" and bool(self.chunked or self.length)
        return misses_its_body or len(lengths - {""}) > 1

    def _frame(self) -> None:
        """How long the body is, by the rules that http.client goes by (RFC 9112, 6.3)."""
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        if self.chunked:
            self.chunk_left = None
        self.will_close = self._check_close()
        self.length = None
        length = self.headers.get("content-length")
        if length and not self.chunked:
            try:
                self.length = int(length)
            except ValueError:
                self.length = None
            else:
                self.length = self.length if self.length >= 0 else None
        if self.status in (204, 304) or 100 <= self.status < 200 or self._method == "HEAD":
            self.length = 0
        if not self.will_close and not self.chunked and self.length is None:
            self.will_close = True


def _check_limits(fields: list[tuple[str, str]]) -> None:
    """http.client's limits on a head, which programs raise and rely on. It counts the empty line at the end too."""
    if len(fields) + 1 > http.client._MAXHEADERS:
        raise http.client.HTTPException(f"got more than {http.client._MAXHEADERS} headers")
    if any(len(value) > http.client._MAXLINE for _, value in fields):
        raise http.client.LineTooLong("header line")


class _EngineConnection:
    """What turns one of urllib3's connections into one that uses the engine where it can."""

    scheme = "http"

    #: The engine's connections for this pool; set by the pool.
    engine = None
    #: A body that is read while it is sent.
    streamed_body = None
    #: The time-out that urllib3 had set when the request was begun, before that for reading.
    connect_timeout: float | None = None
    #: Whether, or with which bundle, the engine verifies the server's certificate.
    verification: bool | str = True
    #: Whether the request asks to switch protocols.
    switches = False
    #: The paths of the client's certificate and of its key, None if they are in one file, and the key's passphrase.
    identity: tuple[str, str | None, str | None] | None = None

    def _why_classic(self) -> str | None:
        """Why the engine cannot serve this connection, or None."""
        if self.engine is None:
            return "its pool is not ours"
        if _lanes.FORCED == "classic":
            return "ENTREAT_LANE"
        if self.switches:
            # The program then goes on with the socket, as docker's client does.
            return "another protocol on its socket"
        if self._tunnel_host is not None and (self.proxy is None or self.scheme != "https"):
            return "a tunnel of the program's own"
        if self.proxy is not None and not _is_plain_proxy(self.proxy, self.proxy_config):
            return "a proxy with settings of its own"
        if self.source_address is not None:
            return "a source address"
        # To proxies urllib3 sets none.
        if self.socket_options != _DEFAULT_SOCKET_OPTIONS and not (self.proxy and self.socket_options == []):
            return "socket options"
        replaced = _pristine.replaced()
        return replaced and f"{replaced} has been replaced"

    def connect(self) -> None:
        reason = self._why_classic()
        if reason is None:
            _check_timeout(self.timeout)
            self._prepare_engine()
            self.sock = _EngineSocket(self)
            self.response_class = HTTPResponse
            sys.audit("http.client.connect", self, self.host, self.port)
        else:
            _lanes.refuse("open", reason)
            _lanes.explain(reason)
            if self.engine is not None and self.engine.has_network:
                text = f"session.options.resolve or .public_addresses_only cannot be kept in the classic lane: {reason}"
                raise NewConnectionError(self, text)
            self.__dict__.pop("response_class", None)
            super().connect()

    def _prepare_engine(self) -> None:
        """Set what the engine is to know beyond host and port."""
        if self.proxy is not None:
            self.proxy_is_verified = False

    def _way(self) -> tuple[str, str, int, tuple | None]:
        """Scheme, host and port of the origin, and the proxy: its URL, what it is told, user and password.

        Where a proxy forwards, the target says where to, and host and port are the proxy's.
        """
        if self.proxy is None:
            return self.scheme, self._dns_host, self.port, None
        url = f"{self.proxy.scheme}://{self.proxy.netloc.rpartition('@')[2]}"
        if self._tunnel_host is None:
            return self.scheme, self._dns_host, self.port, (url, [], None)
        # http.client of 3.12 adds Host, as the engine does itself.
        told = [(name, value) for name, value in self._tunnel_headers.items() if name.lower() != "host"]
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told]
        return self.scheme, self._tunnel_host, self._tunnel_port, (url, fields, None)

    @property
    def is_connected(self) -> bool:
        # The engine looks after its idle connections itself.
        return isinstance(self.sock, _EngineSocket) or super().is_connected

    def request(self, method, url, body=None, headers=None, *, chunked=False, **options) -> None:
        self.switches = any(name.lower() in ("upgrade", b"upgrade") for name in headers or ())
        if isinstance(self.sock, _EngineSocket) and self._why_classic() is not None:
            # Something has been patched, or set, since this connection was made.
            self.close()
        self.connect_timeout = self.timeout
        if self.sock is None:
            self.connect()
        if isinstance(self.sock, _EngineSocket) and not _is_whole(body):
            self.streamed_body = body_to_chunks(body, method=method, blocksize=self.blocksize).chunks
            # urllib3 writes the same head for this as for any iterable, and finds nothing to send.
            body = ()
        super().request(method, url, body=body, headers=headers, chunked=chunked, **options)


def _check_timeout(timeout: float | None) -> None:
    """Refuse what a socket refuses, in its words: NaN, and more seconds than a clock has."""
    if isinstance(timeout, (int, float)) and not timeout < 1e9:
        with socket.socket() as probe:
            probe.settimeout(timeout)


class HTTPConnection(_EngineConnection, urllib3.connection.HTTPConnection):
    """A connection for http. Its name shows in messages, so it is urllib3's."""


class HTTPSConnection(_EngineConnection, urllib3.connection.HTTPSConnection):
    """A connection for https."""

    scheme = "https"

    def _why_classic(self) -> str | None:
        for name in _TLS_SETTINGS:
            if getattr(self, name, None) is not None:
                return f"{name} is set"
        if self.cert_file and _needs_openssl(self.key_file or self.cert_file, self.key_password):
            return "the client's key is encrypted"
        if self._verifies() and not self.ca_certs and not self.ca_cert_dir:
            return "urllib3's default certificates"
        if self._verifies() and self.ca_certs and self.ca_cert_dir:
            return "ca_certs and ca_cert_dir are both set"
        return super()._why_classic()

    def _prepare_engine(self) -> None:
        self.is_verified = self._verifies()
        if self.proxy is not None:
            self.proxy_is_verified = self.is_verified and self.proxy.scheme == "https"
            # Who forwards has verified the origin, or has not.
            self.is_verified = self.is_verified and self._tunnel_host is not None
        self.verification = (self.ca_certs or self.ca_cert_dir) if self._verifies() else False
        passphrase = self.key_password
        if isinstance(passphrase, bytes):
            passphrase = passphrase.decode("utf-8", "surrogateescape")
        self.identity = (self.cert_file, self.key_file, passphrase) if self.cert_file else None

    def _verifies(self) -> bool:
        return resolve_cert_reqs(self.cert_reqs) != ssl.CERT_NONE


def _needs_openssl(key_file: str, passphrase: str | bytes | None) -> bool:
    """Whether OpenSSL must read a key, since it asks for the passphrase. What cannot be read is left to it as well."""
    try:
        with open(key_file, "rb") as file:
            key = file.read()
    except OSError:
        return True
    return b"ENCRYPTED" in key and not passphrase


#: What OpenSSL can and the engine cannot, or not in the same way. A context is never translated.
_TLS_SETTINGS = (
    "ssl_context",
    "ca_cert_data",
    "assert_hostname",
    "assert_fingerprint",
    "server_hostname",
    "ssl_version",
    "ssl_minimum_version",
    "ssl_maximum_version",
)


def _is_plain_proxy(proxy, config) -> bool:
    """Whether a proxy is used in the way that needs no settings."""
    if proxy.scheme not in ("http", "https"):
        return False
    return config is None or not (
        config.ssl_context or config.use_forwarding_for_https or config.assert_hostname or config.assert_fingerprint
    )


_DEFAULT_SOCKET_OPTIONS = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


def _is_whole(body) -> bool:
    """Whether a body is in memory, as `body_to_chunks` sees it."""
    if body is None or isinstance(body, (bytes, str)):
        return True
    if hasattr(body, "read"):
        return False
    try:
        memoryview(body)
    except TypeError:
        return False
    return True


class _ConnectionClass:
    """A pool's `ConnectionCls`: ours, unless the genuine pool's has been replaced, as vcrpy does."""

    def __init__(self, ours: type, pool_class: type) -> None:
        self._ours = ours
        self._pool_class = pool_class
        self._genuine = pool_class.ConnectionCls

    def __get__(self, pool, pool_class=None) -> type:
        now = self._pool_class.ConnectionCls
        return self._ours if now is self._genuine else now


class _EnginePool:
    """What turns one of urllib3's pools into one whose connections share an engine."""

    def __init__(self, *args, engine=None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.engine = _native.Engine() if engine is None else engine()

    def _new_conn(self):
        connection = super()._new_conn()
        if isinstance(connection, _EngineConnection):
            connection.engine = self.engine
        else:
            _lanes.refuse("open", "the class of its connections has been replaced")
        return connection

    def close(self) -> None:
        super().close()
        self.engine.close()


class HTTPConnectionPool(_EnginePool, urllib3.connectionpool.HTTPConnectionPool):
    """A pool for http. Its name shows in messages, so it is urllib3's."""

    ConnectionCls = _ConnectionClass(HTTPConnection, urllib3.connectionpool.HTTPConnectionPool)


class HTTPSConnectionPool(_EnginePool, urllib3.connectionpool.HTTPSConnectionPool):
    """A pool for https."""

    ConnectionCls = _ConnectionClass(HTTPSConnection, urllib3.connectionpool.HTTPSConnectionPool)


_POOLS = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}


@cache
def _socks_pools() -> dict[str, type]:
    """The same through a SOCKS proxy; made when first needed, since that takes PySocks."""
    from urllib3.contrib import socks

    class _Socks:
        def _way(self) -> tuple[str, str, int, tuple | None]:
            options = self._socks_options
            version = "4" if options["socks_version"] == socks.socks.PROXY_TYPE_SOCKS4 else "5"
            by_name = options["rdns"] and {"4": "a", "5": "h"}[version]
            host = options["proxy_host"]
            url = f"socks{version}{by_name or ''}://{f'[{host}]' if ':' in host.strip('[]') else host}"
            port = f":{options['proxy_port']}" if options["proxy_port"] else ""
            user = options["username"], options["password"] or ""
            return self.scheme, self._dns_host, self.port, (url + port, [], user if user[0] else None)

    # Their names show in messages, so they are urllib3's.
    class SOCKSConnection(_Socks, _EngineConnection, socks.SOCKSConnection):
        pass

    class SOCKSHTTPSConnection(_Socks, HTTPSConnection, socks.SOCKSHTTPSConnection):
        pass

    class SOCKSHTTPConnectionPool(_EnginePool, socks.SOCKSHTTPConnectionPool):
        ConnectionCls = _ConnectionClass(SOCKSConnection, socks.SOCKSHTTPConnectionPool)

    class SOCKSHTTPSConnectionPool(_EnginePool, socks.SOCKSHTTPSConnectionPool):
        ConnectionCls = _ConnectionClass(SOCKSHTTPSConnection, socks.SOCKSHTTPSConnectionPool)

    return {"http": SOCKSHTTPConnectionPool, "https": SOCKSHTTPSConnectionPool}


_REFUSED_HEAD = ("MalformedResponse", "ClosedEarly", "HeadTooLarge")


def _as_raised_by_a_socket(error: _native.EngineError, connection: _EngineConnection) -> Exception:
    """What a genuine connection raises in place of an error of the engine, before the response's head is there."""
    make = _BEFORE_HEAD.get(error.kind)
    return http.client.HTTPException(error.message) if make is None else make(error, connection)


def _resolve_error(error, connection) -> Exception:
    try:
        # For the resolver's own number and words.
        socket.getaddrinfo(connection._dns_host, connection.port, 0, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as found:
        failure = found
    else:
        failure = socket.gaierror(socket.EAI_NONAME, error.message)
    if isinstance(failure, UnicodeError):
        refused = _caused(LocationParseError(f"'{connection._dns_host}', label empty or too long"), None)
        refused.__context__ = failure
        return refused
    return _caused(NameResolutionError(connection.host, connection, failure), failure)


def _connect_error(error, connection) -> Exception:
    cause = _os_error(error)
    return _caused(NewConnectionError(connection, f"Failed to establish a new connection: {cause}"), cause)


def _proxy_error(error, connection) -> Exception:
    """A proxy that refuses, or breaks its protocol."""
    if error.status is not None:
        return OSError(f"Tunnel connection failed: {error.status} {error.reason.strip()}")
    if connection.proxy is None:
        # SOCKS, in PySocks' way.
        return NewConnectionError(connection, f"Failed to establish a new connection: {error.message}")
    answer = bytes(error.received or b"").partition(b"\n")[:2]
    gone = http.client.RemoteDisconnected("Remote end closed connection without response")
    broken = http.client.BadStatusLine(b"".join(answer).decode("latin-1")) if any(answer) else gone
    # As urllib3 wraps it, that connections which are closed not be taken for refused ones.
    return ProtocolError("Connection aborted.", broken)


def _connect_timeout(error, connection) -> Exception:
    text = f"Connection to {connection.host} timed out. (connect timeout={connection.connect_timeout})"
    return _caused(ConnectTimeoutError(connection, text), TimeoutError("timed out"))


def _os_error(error, connection=None) -> OSError:
    if error.errno is None:
        return OSError(error.message)
    # Of the subclass that goes with the number, such as ConnectionRefusedError.
    return OSError(error.errno, os.strerror(error.errno))


def _caused(raised: Exception, cause: BaseException) -> Exception:
    raised.__cause__ = raised.__context__ = cause
    return raised


def _certificate_error(error, connection) -> Exception:
    text = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {error.message}"
    return ssl.SSLCertVerificationError(1, text)


_BEFORE_HEAD = {
    "Resolve": _resolve_error,
    "Connect": _connect_error,
    "BlockedAddress": _connect_error,
    "ConnectTimeout": _connect_timeout,
    "Proxy": _proxy_error,
    "Io": _os_error,
    "ReadTimeout": lambda error, connection: TimeoutError("timed out"),
    "TotalTimeout": lambda error, connection: TotalPassed("timed out"),
    "WriteTimeout": lambda error, connection: ProtocolError("Connection aborted.", TimeoutError("timed out")),
    "Tls": lambda error, connection: ssl.SSLError(1, error.message),
    "InvalidCertificate": _certificate_error,
    "InvalidConfig": lambda error, connection: Urllib3SSLError(error.message),
    "ClosedWithoutResponse": lambda error, connection: http.client.RemoteDisconnected(
        "Remote end closed connection without response"
    ),
    "ClosedEarly": lambda error, connection: http.client.IncompleteRead(b""),
    "MalformedResponse": lambda error, connection: http.client.BadStatusLine(error.message),
    "InvalidUrl": lambda error, connection: http.client.InvalidURL(error.message),
    "InvalidHeader": lambda error, connection: InvalidHeader(error.message),
    "InvalidMethod": lambda error, connection: ValueError(error.message),
}


def _broken_body(error: _native.EngineError) -> bytes:
    """What a socket gives in place of an error of the engine while a body is read.

    Whatever the engine could make no sense of: urllib3 is to see it, and what is missing, for itself. But not what it
    would take for a chunk's size, as Python takes "-5", "+5" and "0x5" for numbers.
    """
    if error.kind in ("ClosedEarly", "ClosedWithoutResponse"):
        return getattr(error, "received", None) or b""
    if error.kind == "MalformedChunk":
        received = getattr(error, "received", None) or b""
        return b"malformed\r\n" if _is_number(received) else received
    if error.kind == "ReadTimeout":
        raise TimeoutError("timed out")
    if error.kind == "TotalTimeout":
        raise TotalPassed("timed out")
    raise _os_error(error)


def _is_number(line: bytes) -> bool:
    """True also of nothing."""
    try:
        int(line.split(b"\n", 1)[0].split(b";", 1)[0] or b"0", 16)
    except ValueError:
        return False
    return True
