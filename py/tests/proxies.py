"""Proxies and origins on loopback that keep what they are told: for tests of the way that a request takes.

`Network` has an origin, one over TLS, an HTTP proxy and a SOCKS proxy, each on a port of its own, and one log of all that
came to them. What a proxy does is chosen by its `mood`.
"""

import contextlib
import re
import socket
import ssl
import struct
import threading

REFUSAL = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!"
ELSEWHERE = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"


def answer(text):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


class Network:
    """Servers that run until the `with` block ends."""

    def __init__(self, authority):
        self.log = []
        self.mood = "helpful"
        self._stack = contextlib.ExitStack()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        authority.configure_trust(self._context)
        self._context.verify_mode = ssl.CERT_OPTIONAL
        servers = self._origin, self._secure_origin, self._proxy, self._socks
        self.origin, self.secure, self.proxy, self.socks = map(self._serve, servers)

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self._stack.close()

    def told(self):
        """The log so far, which is emptied, without ports: they differ from run to run."""
        ports = {self.origin: "O", self.secure: "T", self.proxy: "P", self.socks: "S"}
        text = "\n".join(f"{who}: {what}" for who, what in self.log)
        self.log.clear()
        return re.sub(r"\d{4,5}", lambda found: ports.get(int(found[0]), found[0]), text)

    def _serve(self, serve):
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        # Accepting ends where the listener does.
        self._stack.callback(listener.shutdown, socket.SHUT_RDWR)
        threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()
        return listener.getsockname()[1]

    def _accept(self, listener, serve):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._one, args=(listener.accept()[0], serve), daemon=True).start()

    def _one(self, connection, serve):
        with connection, contextlib.suppress(OSError, ssl.SSLError):
            serve(connection)

    def _heads(self, connection, who):
        while head := receive_head(connection):
            self.log.append((who, head.decode("latin-1")))
            yield head.split(b" ")[:2]

    def _origin(self, connection):
        for _, target in self._heads(connection, "origin"):
            connection.sendall(ELSEWHERE if target.endswith(b"/elsewhere") else answer(b"origin"))

    def _secure_origin(self, connection):
        with self._context.wrap_socket(connection, server_side=True) as secure:
            for _, target in self._heads(secure, "secure"):
                shown = b" shown" if secure.getpeercert() else b""
                secure.sendall(ELSEWHERE if target.endswith(b"/elsewhere") else answer(b"secure" + shown))

    def _proxy(self, connection):
        for method, target in self._heads(connection, "proxy"):
            if self.mood == "refuses":
                connection.sendall(REFUSAL)
            elif self.mood == "garbles":
                return connection.sendall(b"\x00\x01 garbage\r\n\r\n")
            elif self.mood == "leaves":
                return None
            elif method == b"CONNECT":
                host, port = target.rsplit(b":", 1)
                return self._relay(connection, host.decode(), int(port), b"HTTP/1.1 200 Established\r\n\r\n")
            else:
                connection.sendall(ELSEWHERE if target.endswith(b"/elsewhere") else answer(b"forwarded"))

    def _socks(self, connection):
        count = receive(connection, 2)[1]
        if 2 in receive(connection, count):
            connection.sendall(b"\x05\x02")
            user = receive(connection, receive(connection, 2)[1])
            self.log.append(("socks", f"{user} {receive(connection, receive(connection, 1)[0])}"))
            connection.sendall(b"\x01\x00")
        else:
            connection.sendall(b"\x05\x00")
        kind = receive(connection, 4)[3]
        by_name = kind == 3
        host = receive(connection, receive(connection, 1)[0] if by_name else 4)
        host = host.decode() if by_name else socket.inet_ntoa(host)
        port = struct.unpack("!H", receive(connection, 2))[0]
        self.log.append(("socks", f"{'name' if by_name else 'address'} {host}:{port}"))
        if self.mood == "refuses":
            return connection.sendall(b"\x05\x05\x00\x01" + bytes(6))
        return self._relay(connection, host, port, b"\x05\x00\x00\x01" + bytes(6))

    def _relay(self, connection, host, port, greeting):
        with socket.create_connection((host, port)) as other:
            connection.sendall(greeting)
            back = threading.Thread(target=copy, args=(other, connection), daemon=True)
            back.start()
            copy(connection, other)
            back.join()


def receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise OSError("the client has gone")
        data += more
    return data


def receive_head(connection):
    """A request's head, and of its body what came along; empty at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    return data.partition(b"\r\n\r\n")[0]


def copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
