"""Servers that do exactly what a test says, byte by byte, and keep what they received.

`Peer` listens on loopback and plays a script to each connection; `Answers` answers each request with the next of a list.
No HTTP library is involved: what is recorded is what was on the wire. Used by the tests of misbehaving peers, of bad
input and by the differential test.
"""

import re
import socket
import struct
import threading
import time

#: Steps of a script, beside bytes (to be sent) and numbers (seconds to wait).
RECEIVE, CLOSE, RESET, HOLD = "receive", "close", "reset", "hold"

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Gone(Exception):
    """The client has closed its connection."""


class Connection:
    """One accepted connection, and every byte that came over it, split into requests."""

    def __init__(self, accepted, completed=None):
        self.socket = accepted
        self.requests = []
        #: Set once nothing is played to it any more, as when the client has gone.
        self.closed = threading.Event()
        self._completed = [] if completed is None else completed
        self._buffer = b""
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self):
        """One request, head and body; it is recorded even where it stays incomplete."""
        self.requests.append(b"")
        head = self._through(b"\r\n\r\n")
        fields = head.decode("latin-1").lower()
        length = re.search(r"\r\ncontent-length: *(\d+)", fields)
        if length:
            self._exactly(int(length[1]))
        elif re.search(r"\r\ntransfer-encoding: *chunked", fields):
            while size := int(self._through(b"\r\n").split(b";")[0], 16):
                self._exactly(size + 2)
            while self._through(b"\r\n") != b"\r\n":
                pass
        self._completed.append((self, self.requests[-1]))
        return self.requests[-1]

    def _through(self, end):
        while end not in self._buffer:
            self._more()
        at = self._buffer.index(end) + len(end)
        return self._take(at)

    def _exactly(self, count):
        while len(self._buffer) < count:
            self._more()
        return self._take(count)

    def _take(self, count):
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        self.requests[-1] += taken
        return taken

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.requests[-1] += self._buffer
            raise Gone
        self._buffer += data

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Peer:
    """A server on loopback. Each connection plays the next script, and those beyond the last one play the last again.

    A script is a list of steps, or a function of the `Connection`.
    """

    def __init__(self, *scripts, host="127.0.0.1", wrap=None):
        self._scripts = scripts
        self._wrap = wrap
        self.connections = []
        #: Pairs of a connection and a request, once all of it has come, in that order.
        self.completed = []
        self._stopping = threading.Event()
        self._listener = socket.create_server((host, 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'s' if wrap else ''}://{host}:{self.port}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._accepting.start()
        return self

    def __exit__(self, *exception):
        self._stopping.set()
        # So that it looks.
        socket.create_connection(self._listener.getsockname()).close()
        self._accepting.join()
        self._listener.close()
        for connection in self.connections:
            connection.socket.close()

    @property
    def requests(self):
        """All requests of which anything has come, in the order of their connections."""
        return [request for connection in self.connections for request in connection.requests if request]

    def _accept(self):
        while True:
            accepted = self._listener.accept()[0]
            if self._stopping.is_set():
                accepted.close()
                return
            connection = Connection(accepted, self.completed)
            script = self._scripts[min(len(self.connections), len(self._scripts) - 1)]
            self.connections.append(connection)
            threading.Thread(target=self._play, args=(connection, script), daemon=True).start()

    def _play(self, connection, script):
        try:
            if self._wrap:
                connection.socket = self._wrap(connection.socket)
            if callable(script):
                script(connection)
            else:
                for step in script:
                    self._step(connection, step)
        except (Gone, OSError):
            pass
        finally:
            connection.socket.close()
            connection.closed.set()

    def _step(self, connection, step):
        if isinstance(step, bytes):
            connection.send(step)
        elif step == RECEIVE:
            connection.receive()
        elif step == RESET:
            connection.reset()
            raise Gone
        elif step == CLOSE:
            raise Gone
        elif step == HOLD:
            self._stopping.wait(30)
        else:
            self._stopping.wait(step)


class Answers:
    """A script, for any number of connections: the next answer to each request, whichever connection it comes by.

    An answer is bytes, or a list of steps; after `CLOSE` in it the connection ends. Where answers run out, `OK`.
    """

    def __init__(self, *answers):
        self._answers = list(answers)

    def __call__(self, connection):
        while True:
            request = connection.receive()
            answer = self._answers.pop(0) if self._answers else OK[: -2 if request.startswith(b"HEAD") else None]
            if callable(answer):
                answer = answer(request)
            for step in answer if isinstance(answer, list) else [answer]:
                if isinstance(step, bytes):
                    connection.send(step)
                elif step == RESET:
                    connection.reset()
                    return
                elif step == CLOSE:
                    return
                else:
                    time.sleep(step)


def response(status="200 OK", body=b"", **fields):
    """A response with Content-Length; the names of `fields` have underscores for hyphens."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode("latin-1") + body
