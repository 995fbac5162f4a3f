"""Adapters: what a session sends a prepared request through. `HTTPAdapter` serves http and https.

It speaks to urllib3's pools, in urllib3's terms, because programs override every step of it: they pass TLS contexts to
`init_poolmanager`, return pools of their own from `get_connection_with_tls_context`, wrap `urlopen`. What carries the
bytes below the pool is `_seam`'s affair. Importing this imports urllib3.
"""

from __future__ import annotations

import os.path
import socket
import warnings

from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    LocationValueError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    ResponseError,
)
from urllib3.exceptions import HTTPError as _HTTPError
from urllib3.exceptions import InvalidHeader as _InvalidHeader
from urllib3.exceptions import ProxyError as _ProxyError
from urllib3.exceptions import SSLError as _SSLError
from urllib3.poolmanager import PoolManager, proxy_from_url
from urllib3.util import Timeout as TimeoutSauce
from urllib3.util import parse_url
from urllib3.util.retry import Retry

from . import _lanes, _seam
from ._lazy import types as _t
from ._timeout import TimeLimits, is_total, started
from ._types import is_prepared as _is_prepared
from .auth import _basic_auth_str
from .compat import basestring, urlparse
from .cookies import extract_cookies_to_jar
from .exceptions import (
    ConnectionError,
    ConnectTimeout,
    InvalidHeader,
    InvalidProxyURL,
    InvalidSchema,
    InvalidURL,
    ProxyError,
    ReadTimeout,
    RetryError,
    SSLError,
)
from .models import PreparedRequest, Response
from .structures import CaseInsensitiveDict
from .utils import (
    DEFAULT_CA_BUNDLE_PATH,
    get_auth_from_url,
    get_encoding_from_headers,
    prepend_scheme_if_needed,
    select_proxy,
    urldefragauth,
)

try:
    from urllib3.contrib.socks import SOCKSProxyManager
except ImportError:

    def SOCKSProxyManager(*args: _t.Any, **kwargs: _t.Any) -> None:
        """Stands in where PySocks is missing."""
        raise InvalidSchema("Missing dependencies for SOCKS support.")


DEFAULT_POOLBLOCK = False
DEFAULT_POOLSIZE = 10
DEFAULT_RETRIES = 0
DEFAULT_POOL_TIMEOUT = None


class BaseAdapter:
    """What a session can mount: something with `send` and `close`."""

    def __init__(self) -> None:
        super().__init__()

    def send(
        self,
        request: _t.PreparedRequest,
        stream: bool = False,
        timeout: _t.TimeoutType = None,
        verify: _t.VerifyType = True,
        cert: _t.CertType = None,
        proxies: dict[str, str] | None = None,
    ) -> Response:
        """Send a prepared request and return its response.

        :param stream: (optional) whether the body is left unread.
        :param timeout: (optional) seconds: one number, or a tuple ``(connect, read)``.
        :param verify: (optional) whether to verify the server's certificate, or the path of a bundle of authorities.
        :param cert: (optional) a client certificate.
        :param proxies: (optional) the proxies, by URL scheme.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give up whatever is held open."""
        raise NotImplementedError


class HTTPAdapter(BaseAdapter):
    """The adapter for http and https.

    :param pool_connections: how many hosts to keep connection pools for.
    :param pool_maxsize: how many idle connections to keep in each.
    :param max_retries: how often to try again where no data has reached the server: a failed look-up, connection or
        connection timeout. For finer rules pass a `urllib3.Retry`. Without it, nothing is tried again.
    :param pool_block: whether to wait for an idle connection instead of opening more than `pool_maxsize`.

    Usage::

      >>> import requests
      >>> session = requests.Session()
      >>> session.mount("http://", requests.adapters.HTTPAdapter(max_retries=3))
    """

    __attrs__: list[str] = ["max_retries", "config", "_pool_connections", "_pool_maxsize", "_pool_block"]

    max_retries: Retry
    config: dict[str, _t.Any]
    proxy_manager: dict[str, _t.Any]
    _pool_connections: int
    _pool_maxsize: int
    _pool_block: bool
    poolmanager: PoolManager

    def __init__(
        self,
        pool_connections: int = DEFAULT_POOLSIZE,
        pool_maxsize: int = DEFAULT_POOLSIZE,
        max_retries: int | Retry = DEFAULT_RETRIES,
        pool_block: bool = DEFAULT_POOLBLOCK,
    ) -> None:
        if max_retries == DEFAULT_RETRIES:
            self.max_retries = Retry(0, read=False)
        else:
            self.max_retries = Retry.from_int(max_retries)
        self.config = {}
        self.proxy_manager = {}

        super().__init__()

        self._pool_connections = pool_connections
        self._pool_maxsize = pool_maxsize
        self._pool_block = pool_block
        self.init_poolmanager(pool_connections, pool_maxsize, block=pool_block)

    def __getstate__(self) -> dict[str, _t.Any]:
        return {name: getattr(self, name, None) for name in self.__attrs__}

    def __setstate__(self, state: dict[str, _t.Any]) -> None:
        # Connections cannot be pickled: pools are made anew.
        self.proxy_manager = {}
        self.config = {}
        for name, value in state.items():
            setattr(self, name, value)
        self.init_poolmanager(self._pool_connections, self._pool_maxsize, block=self._pool_block)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = DEFAULT_POOLBLOCK, **pool_kwargs: _t.Any
    ) -> None:
        """Make the pool manager. For subclasses to override, not to be called from elsewhere.

        :param connections: how many hosts to keep connection pools for.
        :param maxsize: how many idle connections to keep in each.
        :param block: whether to wait for an idle connection.
        :param pool_kwargs: whatever else `urllib3.PoolManager` takes, such as an `ssl_context`.
        """
        # For pickling.
        self._pool_connections = connections
        self._pool_maxsize = maxsize
        self._pool_block = block
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **pool_kwargs)
        _seam.adopt(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: _t.Any) -> _t.Any:
        """The pool manager for a proxy, made when first asked for. For subclasses to override.

        :param proxy: the proxy's URL.
        :param proxy_kwargs: whatever else `urllib3.ProxyManager` takes.
        :rtype: urllib3.ProxyManager
        """
        if proxy in self.proxy_manager:
            return self.proxy_manager[proxy]

        pool_settings = {
            "num_pools": self._pool_connections,
            "maxsize": self._pool_maxsize,
            "block": self._pool_block,
            **proxy_kwargs,
        }
        if proxy.lower().startswith("socks"):
            username, password = get_auth_from_url(proxy)
            manager = SOCKSProxyManager(proxy, username=username, password=password, **pool_settings)
        else:
            manager = proxy_from_url(proxy, proxy_headers=self.proxy_headers(proxy), **pool_settings)
        _seam.adopt(manager)
        self.proxy_manager[proxy] = manager
        return manager

    def cert_verify(self, conn: _t.Any, url: str, verify: _t.VerifyType, cert: _t.CertType) -> None:
        """Tell a urllib3 pool which certificates to accept and to show. For subclasses to override.

        :param conn: the pool.
        :param url: the URL of the request.
        :param verify: whether to verify the server's certificate, or the path of a bundle of authorities.
        :param cert: the path of a client certificate, or a tuple ``(certificate, key)``.
        """
        if url.lower().startswith("https") and verify:
            bundle = DEFAULT_CA_BUNDLE_PATH if verify is True else verify
            if not bundle or not os.path.exists(bundle):
                raise OSError(f"Could not find a suitable TLS CA certificate bundle, invalid path: {bundle}")
            conn.cert_reqs = "CERT_REQUIRED"
            if os.path.isdir(bundle):
                conn.ca_cert_dir = bundle
            else:
                conn.ca_certs = bundle
        else:
            conn.cert_reqs = "CERT_NONE"
            conn.ca_certs = None
            conn.ca_cert_dir = None

        if cert:
            if isinstance(cert, basestring):
                conn.cert_file, conn.key_file = cert, None
            else:
                conn.cert_file, conn.key_file = cert[0], cert[1]
            if conn.cert_file and not os.path.exists(conn.cert_file):
                raise OSError(f"Could not find the TLS certificate file, invalid path: {conn.cert_file}")
            if conn.key_file and not os.path.exists(conn.key_file):
                raise OSError(f"Could not find the TLS key file, invalid path: {conn.key_file}")

    def build_response(self, req: _t.PreparedRequest, resp: _t.Any) -> Response:
        """A `Response` from a urllib3 response. For subclasses to override, and for mocks to call."""
        response = Response()
        # What stands in for urllib3's may lack status and headers.
        response.status_code = getattr(resp, "status", None)
        response.headers = CaseInsensitiveDict(getattr(resp, "headers", {}))
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = resp
        response.reason = response.raw.reason
        response.url = req.url.decode("utf-8") if isinstance(req.url, bytes) else req.url
        extract_cookies_to_jar(response.cookies, req, resp)
        response.request = req
        response.connection = self
        return response

    def build_connection_pool_key_attributes(
        self, request: _t.PreparedRequest, verify: _t.VerifyType, cert: _t.CertType = None
    ) -> tuple[dict[str, _t.Any], dict[str, _t.Any]]:
        """Which of urllib3's pools serves a request. For subclasses to override, to add TLS settings of their own.

        :returns: two dictionaries. The first has ``scheme``, ``host`` and ``port``. The second has ``cert_reqs``;
            ``ca_certs`` or ``ca_cert_dir`` where `verify` is a path; ``cert_file`` where there is a `cert`, and
            ``key_file`` where that is a tuple. It may be given an ``ssl_context``.
        """
        return _urllib3_request_context(request, verify, cert, self.poolmanager)

    def get_connection_with_tls_context(
        self,
        request: _t.PreparedRequest,
        verify: _t.VerifyType,
        proxies: dict[str, str] | None = None,
        cert: _t.CertType = None,
    ) -> _t.HTTPConnectionPool:
        """The urllib3 pool that serves a request. For subclasses to override, to return pools of their own."""
        proxy = select_proxy(request.url, proxies)
        try:
            host_params, pool_kwargs = self.build_connection_pool_key_attributes(request, verify, cert)
        except ValueError as error:
            raise InvalidURL(error, request=request)
        manager = self._proxy_manager(proxy) if proxy else self.poolmanager
        return manager.connection_from_host(**host_params, pool_kwargs=pool_kwargs)

    def get_connection(self, url: str, proxies: dict[str, str] | None = None) -> _t.HTTPConnectionPool:
        """The urllib3 pool for a URL: the way of requests before 2.32, still called by old subclasses. Deprecated."""
        warnings.warn(
            "`get_connection` has been deprecated in favor of `get_connection_with_tls_context`. Custom HTTPAdapter "
            "subclasses will need to migrate for Requests>=2.32.2. Please see "
            "https://github.com/psf/requests/pull/6710 for more details.",
            DeprecationWarning,
        )
        proxy = select_proxy(url, proxies)
        if proxy:
            return self._proxy_manager(proxy).connection_from_url(url)
        # Written anew, as only the scheme may change case.
        return self.poolmanager.connection_from_url(urlparse(url).geturl())

    def _proxy_manager(self, proxy: str) -> _t.Any:
        proxy = prepend_scheme_if_needed(proxy, "http")
        if not parse_url(proxy).host:
            raise InvalidProxyURL("Please check proxy URL. It is malformed and could be missing the host.")
        return self.proxy_manager_for(proxy)

    def close(self) -> None:
        """Close every connection that is idle."""
        self.poolmanager.clear()
        for manager in self.proxy_manager.values():
            manager.clear()

    def request_url(self, request: _t.PreparedRequest, proxies: dict[str, str] | None) -> str:
        """What the request line says: path and query, but the whole URL to an HTTP proxy (RFC 9112, 3.2)."""
        proxy = select_proxy(request.url, proxies)
        if proxy and urlparse(request.url).scheme != "https":
            if not urlparse(proxy).scheme.lower().startswith("socks"):
                return urldefragauth(request.url)
        return request.path_url

    def add_headers(self, request: _t.PreparedRequest, **kwargs: _t.Any) -> None:
        """Add headers before a request is sent: nothing here, for subclasses to override."""

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The headers for the proxy alone: Proxy-Authorization, if its URL has credentials. For subclasses to override."""
        username, password = get_auth_from_url(proxy)
        return {"Proxy-Authorization": _basic_auth_str(username, password)} if username else {}

    def send(
        self,
        request: _t.PreparedRequest,
        stream: bool = False,
        timeout: _t.TimeoutType = None,
        verify: _t.VerifyType = True,
        cert: _t.CertType = None,
        proxies: dict[str, str] | None = None,
    ) -> Response:
        """Send a prepared request and return its response.

        :param stream: (optional) whether the body is left unread.
        :param timeout: (optional) seconds: one number, a tuple ``(connect, read)``, a `urllib3.Timeout`, or an
            `entreat.Timeout`.
        :param verify: (optional) whether to verify the server's certificate, or the path of a bundle of authorities.
        :param cert: (optional) the path of a client certificate, or a tuple ``(certificate, key)``.
        :param proxies: (optional) the proxies, by URL scheme.
        :rtype: requests.Response
        """
        timeout = started(timeout)
        try:
            conn = self.get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        except LocationValueError as error:
            raise InvalidURL(error, request=request)
        self.cert_verify(conn, request.url, verify, cert)
        url = self.request_url(request, proxies)
        body = _body_of(request)
        self.add_headers(request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies)

        try:
            resp = conn.urlopen(
                method=request.method,
                url=url,
                body=body,
                headers=request.headers,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                retries=self.max_retries,
                timeout=_as_urllib3_timeout(timeout),
                chunked=not (body is None or "Content-Length" in request.headers),
                **_pool_timeout(timeout),
            )
        except (ProtocolError, ClosedPoolError, MaxRetryError, _HTTPError, OSError) as error:
            if is_total(error):
                raise _total_timeout(conn, timeout, request) from error
            translated = _translate(error, request)
            if translated is error:
                raise
            raise translated
        _lanes.count(_lanes.of(resp))
        if isinstance(timeout, TimeLimits):
            # The classic lane has no engine that keeps a total: `Response` looks at the clock between pieces.
            resp.limits = timeout
        return self.build_response(request, resp)


def _urllib3_request_context(
    request: _t.PreparedRequest,
    verify: bool | str | None,
    client_cert: tuple[str, str] | str | None,
    poolmanager: PoolManager,
) -> tuple[dict[str, _t.Any], dict[str, _t.Any]]:
    parsed = urlparse(request.url)
    host_params = {"scheme": parsed.scheme.lower(), "host": parsed.hostname, "port": parsed.port}

    pool_kwargs: dict[str, _t.Any] = {}
    if isinstance(verify, str):
        pool_kwargs["ca_cert_dir" if os.path.isdir(verify) else "ca_certs"] = verify
    pool_kwargs["cert_reqs"] = "CERT_NONE" if verify is False else "CERT_REQUIRED"

    if isinstance(client_cert, tuple) and len(client_cert) == 2:
        pool_kwargs["cert_file"], pool_kwargs["key_file"] = client_cert
    elif client_cert is not None:
        # One file with both.
        pool_kwargs["cert_file"] = client_cert
    return host_params, pool_kwargs


def _as_urllib3_timeout(timeout: _t.Any) -> TimeoutSauce:
    if isinstance(timeout, TimeoutSauce):
        return timeout
    if isinstance(timeout, TimeLimits):
        return timeout.for_urllib3(TimeoutSauce)
    if not isinstance(timeout, tuple):
        return TimeoutSauce(connect=timeout, read=timeout)
    try:
        connect, read = timeout
        return TimeoutSauce(connect=connect, read=read)
    except ValueError:
        raise ValueError(
            f"Invalid timeout {timeout}. Pass a (connect, read) timeout tuple, or a single float to set both timeouts "
            "to the same value."
        )


def _body_of(request: _t.PreparedRequest) -> _t.BodyType:
    """A request's body; where it is to be read from files and nobody has looked at it, piece by piece."""
    unread = request._unread_body() if type(request) is PreparedRequest else None
    return request.body if unread is None else unread


def _pool_timeout(timeout: _t.Any) -> dict[str, float]:
    """How long to wait for a connection, where that was said: requests waits without limit."""
    if isinstance(timeout, TimeLimits) and timeout.pool is not None:
        return {"pool_timeout": timeout.pool}
    return {}


def _total_timeout(conn: _t.HTTPConnectionPool, timeout: TimeLimits, request: _t.PreparedRequest) -> ReadTimeout:
    text = f"Read timed out. (total timeout={timeout.total})"
    return ReadTimeout(ReadTimeoutError(conn, request.url, text), request=request)


def _translate(error: Exception, request: _t.PreparedRequest) -> Exception:
    """This package's exception for one of urllib3's; the same one where there is none."""
    # urllib3's SSLError and the like may have OSError among their bases: the order below matters.
    if isinstance(error, (ProtocolError, OSError)):
        return ConnectionError(error, request=request)
    if isinstance(error, MaxRetryError):
        return _reason_class(error.reason)(error, request=request)
    if isinstance(error, ClosedPoolError):
        return ConnectionError(error, request=request)
    if isinstance(error, _ProxyError):
        return ProxyError(error)
    if isinstance(error, _SSLError):
        return SSLError(error, request=request)
    if isinstance(error, ReadTimeoutError):
        return ReadTimeout(error, request=request)
    if isinstance(error, _InvalidHeader):
        return InvalidHeader(error, request=request)
    return error


def _reason_class(reason: Exception | None) -> type[ConnectionError] | type[RetryError]:
    """Which exception tells why the retries were used up."""
    # urllib3 counts a refused connection among the connect timeouts.
    if isinstance(reason, ConnectTimeoutError) and not isinstance(reason, NewConnectionError):
        return ConnectTimeout
    if isinstance(reason, ResponseError):
        return RetryError
    if isinstance(reason, _ProxyError):
        return ProxyError
    if isinstance(reason, _SSLError):
        return SSLError
    return ConnectionError


_AS_SHIPPED = (HTTPAdapter.__init__, HTTPAdapter.init_poolmanager, PoolManager, PoolManager.__init__)


def constructs_as_shipped(adapter_class: type) -> bool:
    """Whether making an adapter is what this file says: then nobody can tell when a session makes its own."""
    return adapter_class is HTTPAdapter and _AS_SHIPPED == (
        HTTPAdapter.__init__,
        HTTPAdapter.init_poolmanager,
        PoolManager,
        PoolManager.__init__,
    )


_OWN_ATTRIBUTES = frozenset(
    ("max_retries", "config", "proxy_manager", "_pool_connections", "_pool_maxsize", "_pool_block", "poolmanager")
)


def is_as_made(adapter: HTTPAdapter) -> bool:
    """Whether an adapter would do for a request just what the engine does: nothing is set on it but its retries.

    Retries for certain statuses do not count as that: every response would have to be shown to them.
    """
    # First the class: what else is mounted need not have any of these attributes.
    return (
        type(adapter) is HTTPAdapter
        and adapter.__dict__.keys() == _OWN_ATTRIBUTES
        and not adapter._pool_block
        and type(adapter.max_retries) is Retry
        and not adapter.max_retries.status_forcelist
        and type(adapter.poolmanager) is PoolManager
        and adapter.poolmanager.connection_pool_kw.keys() == {"maxsize", "block"}
    )
