"""`WSGITransport`: a WSGI app (PEP 3333) called in this process, in the place of a network.

    with entreat.Client("http://app.test", transport=entreat.WSGITransport(app)) as client:
        assert client.get("/").status_code == 200

What a transport is stands in `mock`: redirects, cookies and all else are the client's own. The app runs on the thread that
sends the request; its iterable is asked while the body is read, so that a stream is one, and is closed behind that.
"""

from __future__ import annotations

import sys
from io import BytesIO
from urllib.parse import unquote_to_bytes, urlsplit

from .errors import _make
from .mock import Reply

__all__ = ("WSGITransport",)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TextIO

    from .client import Request

_PORTS = {"http": "80", "https": "443"}


class WSGITransport:
    """Requests are answered by `app`.

    What it raises, the call raises; also what it hands to ``start_response`` as `exc_info`. With
    ``raise_app_exceptions=False`` both are told to `wsgi_errors` (default `sys.stderr`), and the answer is what a server
    would send: the app's own error page, an empty 500, or a body that breaks off.

    `script_name` is where the app is mounted: in a path below it, it becomes ``SCRIPT_NAME`` and the rest ``PATH_INFO``.
    """

    def __init__(
        self,
        app: Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]],
        *,
        raise_app_exceptions: bool = True,
        script_name: str = "",
        remote_addr: str = "127.0.0.1",
        wsgi_errors: TextIO | None = None,
    ) -> None:
        if not callable(app):
            raise TypeError(f"app must be callable, not {type(app).__name__}")
        self.app = app
        self.raise_app_exceptions = raise_app_exceptions
        self.script_name = script_name.rstrip("/")
        self.remote_addr = remote_addr
        self.wsgi_errors = wsgi_errors

    def handle_request(self, request: Request) -> Reply:
        """The app's answer, as soon as its head is settled: called by the client."""
        call = _Call(self)
        try:
            return call.run(self._environ(request))
        except Exception as error:
            call.close()
            if self.raise_app_exceptions:
                raise
            call.tell(error)
            return Reply(500)

    def _environ(self, request: Request) -> dict[str, Any]:
        url = urlsplit(request.url)
        path, mount = unquote_to_bytes(url.path or "/").decode("latin-1"), _latin1(self.script_name)
        if mount and (path == mount or path.startswith(f"{mount}/")):
            path = path[len(mount) :]
        body = request.content or b""
        environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": mount,
            "PATH_INFO": path,
            "QUERY_STRING": url.query,
            "SERVER_NAME": (url.hostname or "").partition("%")[0],
            "SERVER_PORT": str(url.port or _PORTS.get(url.scheme, "80")),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.remote_addr,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": url.scheme,
            "wsgi.input": BytesIO(body),
            # All of the body is there, however it was sent: an app may read to its end.
            "wsgi.input_terminated": True,
            "wsgi.errors": self.wsgi_errors or sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.multi_items():
            _add_field(environ, name, _latin1(value))
        if "HTTP_TRANSFER_ENCODING" in environ:
            # As a server that buffers: the chunks are undone, and the length is known by now.
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(len(body))
        return environ


def _latin1(text: str) -> str:
    """PEP 3333 wants bytes as text in latin-1; ours is UTF-8 where it can be."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _add_field(environ: dict[str, Any], name: str, value: str) -> None:
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    joint = "; " if key == "HTTP_COOKIE" else ", "
    environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value


class _Call:
    """One call of the app: its head, what it has written, and its iterable, which is the body of the reply."""

    def __init__(self, transport: WSGITransport) -> None:
        self._transport = transport
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._written: list[bytes] = []
        self._sent = False
        self._iterable: Any = None
        self._iterator: Any = None

    def run(self, environ: dict[str, Any]) -> Reply:
        self._iterable = self._transport.app(environ, self._start_response)
        self._iterator = iter(self._iterable)
        # "The application … must invoke start_response() before the iterable yields its first body bytestring", and may
        # change its mind until one is not empty.
        while not any(self._written):
            piece = next(self._iterator, self)
            if piece is self:
                break
            self._written.append(_checked(piece))
        if self._head is None:
            raise RuntimeError("the WSGI app did not call start_response before its body")
        self._sent = True
        status, headers = self._head
        code, _, reason = status.partition(" ")
        return Reply(int(code), headers=headers, reason=reason, content=self)

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info:
            try:
                if self._sent or self._transport.raise_app_exceptions:
                    raise exc_info[1].with_traceback(exc_info[2])
                self.tell(exc_info[1])
            finally:
                # A cycle with the frame that it holds.
                exc_info = None
        elif self._head is not None:
            raise RuntimeError("the WSGI app called start_response a second time, without exc_info")
        self._head = status, list(headers)
        return self._write

    def _write(self, piece: bytes) -> None:
        if self._head is None:
            raise RuntimeError("the WSGI app wrote before it called start_response")
        self._written.append(_checked(piece))

    def __iter__(self) -> _Call:
        return self

    def __next__(self) -> bytes:
        if self._written:
            return b"".join(self._take())
        try:
            piece = _checked(next(self._iterator))
        except StopIteration:
            if self._written:
                return b"".join(self._take())
            raise
        except Exception as error:
            if self._transport.raise_app_exceptions:
                raise
            self.tell(error)
            raise _make("the WSGI app broke off its body", kind="ClosedEarly", blame="peer") from error
        # What was written while it was made goes first.
        return b"".join([*self._take(), piece])

    def _take(self) -> list[bytes]:
        written, self._written = self._written, []
        return written

    def close(self) -> None:
        """Tell the iterable that nobody asks any more: once, whatever happened."""
        iterable, self._iterable, self._iterator = self._iterable, None, iter(())
        if hasattr(iterable, "close"):
            iterable.close()

    def tell(self, error: BaseException) -> None:
        import traceback

        traceback.print_exception(error, file=self._transport.wsgi_errors or sys.stderr)


def _checked(piece: Any) -> bytes:
    if not isinstance(piece, bytes):
        raise TypeError(f"a WSGI app must give bytes, not {type(piece).__name__}")
    return piece
