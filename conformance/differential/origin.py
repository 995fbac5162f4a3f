"""A server that follows a script, and keeps what it was sent: the other side of the differential test."""

from __future__ import annotations

import socket
import threading
import time

CLOSE = None


class Origin:
    """Answers each request with the next entry of `script`: bytes, a list of bytes, pauses in seconds and `CLOSE`, or
    a function from the request to one of these."""

    def __init__(self, script) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._script = list(script)
        #: The requests as they were on the wire.
        self.received: list[bytes] = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(3)
        rest = b""
        with connection:
            try:
                while True:
                    request, rest = self._receive(connection, rest)
                    if request is None or not self._script:
                        return
                    self.received.append(request)
                    entry = self._script.pop(0)
                    if not self._answer(connection, entry(request) if callable(entry) else entry):
                        return
            except OSError:
                # The client went away, or waits for more than the script has.
                return

    def _receive(self, connection: socket.socket, data: bytes) -> tuple[bytes | None, bytes]:
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None, b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        fields = head.lower()
        length = 0
        if b"\r\ncontent-length:" in fields:
            length = int(fields.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
        chunked = b"\r\ntransfer-encoding: chunked" in fields and not length
        while len(body) < length or (chunked and not body.endswith(b"0\r\n\r\n")):
            more = connection.recv(65536)
            if not more:
                break
            body += more
        end = len(body) if chunked else length
        return head + b"\r\n\r\n" + body[:end], body[end:]

    def _answer(self, connection: socket.socket, answer) -> bool:
        for piece in answer if isinstance(answer, list) else [answer]:
            if piece is CLOSE:
                return False
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                connection.sendall(piece)
        return True


def answer(body: bytes = b"hello", status: str = "200 OK", *fields: str | bytes) -> bytes:
    """A response with a Content-Length."""
    lines = [field.encode("latin-1") if isinstance(field, str) else field for field in fields]
    lines.append(b"Content-Length: %d" % len(body))
    return b"HTTP/1.1 " + status.encode("latin-1") + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks: bytes, fields: str = "", trailers: str = "") -> bytes:
    """A response in chunks."""
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{fields}\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks) + f"0\r\n{trailers}\r\n".encode()
