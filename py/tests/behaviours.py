"""Behaviours as data: reads the cases of testkit/behaviours, plays their peers, and judges what came of them.

Rust plays the same cases (client/tests/behaviour/cases); the README beside them says what each key means. Used by
`test_behaviours.py`, which says for which faces. A face is a class with the client's own words:
`request(method, url, **options)`, `glance` (the same, but the body is let go unread), and `close`, all coroutines.
"""

import base64
import contextlib
import json
import pathlib
import re
import socket
import struct
import threading
import time

import entreat
import entreat.client
from entreat import errors

try:
    import tomllib
except ImportError:
    # Before Python 3.11, pytest brings it.
    import tomli as tomllib

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "testkit" / "behaviours"
CASES = {
    f"{path.stem}: {case['name']}": case
    for path in sorted(FOLDER.glob("*.toml"))
    for case in tomllib.loads(path.read_text("utf-8"))["case"]
}


async def play(case, make_face, authority, folder):
    """Plays one case with a client of that face, and asserts all that it says."""
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(Peer(case.get("peer", [])))
        tls_peer = stack.enter_context(Peer(case.get("tls_peer", []), authority.context))
        # The entry that says most counts. Port 1 needs privileges that no test server has; 10.0.0.1 is never asked.
        hosts = {
            "*": f"127.0.0.1:{peer.port}",
            "*:443": f"127.0.0.1:{tls_peer.port}",
            "nobody.test": "127.0.0.1:1",
            "inside.test": "10.0.0.1",
        }
        try:
            face = make_face(resolve=hosts, verify=authority.path, **knobs(case.get("client", {}), folder))
        except errors.Error as error:
            assert error.kind == case.get("refused")
            return
        assert "refused" not in case, "a client in the place of a refusal"
        try:
            for ask in case.get("ask", []):
                if ask.get("after_close"):
                    for each in (peer, tls_peer):
                        each.wait_until_over()
                time.sleep(ask.get("pause", 0))
                await _ask(face, ask, folder)
            if "cookies" in case:
                assert dict(face.cookies()) == case["cookies"]
        finally:
            await face.close()
        peer.judge()
        tls_peer.judge()


async def _ask(face, ask, folder):
    method, url = ask["request"].split(" ", 1)
    send = face.glance if ask.get("unread") else face.request
    started = time.monotonic()
    try:
        answer = await send(method, url, **options(ask, folder))
    except errors.Error as error:
        assert "error" in ask, f"{error.kind}: {error}"
        assert (error.kind, error.attempts) == (ask["error"], ask.get("attempts", 1)), error
        assert fits(str(error), ask.get("message", "*")), error
    else:
        assert "error" not in ask, f"{answer.status_code} in the place of {ask['error']}"
        assert answer.status_code == ask["status"]
        assert [f"{step.status_code} {step.url}" for step in answer.history] == ask.get("history", [])
        assert answer.attempts == ask.get("attempts", 1)
        for line in ask.get("fields", []):
            name, value = line.split(": ", 1)
            assert fits(answer.headers.get(name, "nothing"), value), line
        assert not any(name in answer.headers for name in ask.get("lacks", []))
        assert "url" not in ask or answer.url == ask["url"]
        if not ask.get("unread"):
            assert same_bytes(answer.content, ask.get("body", ""))
    if "took" in ask:
        assert ask["took"] - 0.005 <= time.monotonic() - started < ask["took"] + 20


def knobs(given, folder):
    """The arguments of a client or a request for these knobs."""
    makers = {
        "timeout": lambda parts: entreat.Timeout(**parts),
        "retries": lambda parts: entreat.client.Retry(**parts),
        "limits": lambda parts: entreat.client.Limits(**parts),
        "auth": lambda parts: auth(parts, folder),
    }
    return {name: makers[name](value) if name in makers else value for name, value in given.items()}


def options(ask, folder):
    """The arguments of a request for what an ask says."""
    made = knobs(ask.get("knobs", {}), folder)
    if "headers" in ask:
        made["headers"] = [tuple(line.split(": ", 1)) for line in ask["headers"]]
    if "params" in ask:
        made["params"] = [tuple(pair) for pair in ask["params"]]
    if "auth" in ask:
        made["auth"] = auth(ask["auth"], folder)
    if "form" in ask:
        made["data"] = [tuple(pair) for pair in ask["form"]]
    if "multipart" in ask:
        made["files"] = [
            (part["name"], (part.get("file_name"), part["text"], part.get("media_type"))) for part in ask["multipart"]
        ]
    if "json" in ask:
        made["json"] = json.loads(ask["json"])
    if "pieces" in ask:
        made["content"] = (piece.encode() for piece in ask["pieces"])
    if "content" in ask:
        made["content"] = content(ask["content"])
    return made


def auth(given, folder):
    [(scheme, value)] = given.items()
    if scheme == "netrc":
        path = folder / "netrc"
        path.write_text(value)
        value = path
    schemes = {
        "basic": tuple,
        "bearer": str,
        "digest": lambda pair: entreat.Auth.digest(*pair),
        "netrc": entreat.Auth.netrc,
        "nothing": lambda _: entreat.Auth.nothing(),
    }
    return schemes[scheme](value)


def content(given):
    """Bytes, of text, of so many times the letter x, or of Base64."""
    if isinstance(given, str):
        return given.encode()
    return b"x" * given["letters"] if "letters" in given else base64.b64decode(given["base64"])


def fits(text, pattern):
    """Whether text fits a pattern in which each asterisk stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL)


def same_bytes(seen, wanted):
    """Text is compared with its asterisks standing for anything."""
    return fits(seen.decode("utf-8", "replace"), wanted) if isinstance(wanted, str) else seen == content(wanted)


class Gone(Exception):
    """The client has closed its connection."""


class Peer:
    """Plays a transcript on a port of loopback, connection by connection, over TLS where there is a context."""

    def __init__(self, steps, context=None):
        self.scripts = [[]] if steps else []
        for step in steps:
            if step == "next connection":
                self.scripts.append([])
            else:
                self.scripts[-1].append(step)
        self.connections = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        # Accepting ends where the listener does.
        for each in (self._listener, *(connection.socket for connection in self.connections)):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def wait_until_over(self):
        """Until each connection that was made has been played to its end, and the client can know it."""
        for connection in self.connections:
            assert connection.over.wait(10)
        time.sleep(0.01)

    def judge(self):
        """Exactly these connections, each with exactly these requests."""
        wanted = sum("expect" in step or "expect_head" in step for script in self.scripts for step in script)
        # Where the client did not wait for an answer, its request may be on the way.
        until = time.monotonic() + 5
        while sum(len(each.requests) for each in self.connections) < wanted and time.monotonic() < until:
            time.sleep(0.002)
        assert len(self.connections) == len(self.scripts), "connections"
        for connection, script in zip(self.connections, self.scripts):
            wanted = []
            for step in script:
                if "expect_body" in step:
                    wanted[-1] = {**wanted[-1], "body": step["expect_body"]}
                elif isinstance(step, dict) and ("expect" in step or "expect_head" in step):
                    wanted.append(step)
            lines = [step.get("expect", step.get("expect_head")) for step in wanted]
            assert [request.line for request in connection.requests] == lines
            for request, step in zip(connection.requests, wanted):
                request.judge(step)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                accepted = self._listener.accept()[0]
                index = len(self.connections)
                connection = Connection(accepted, self.scripts[index] if index < len(self.scripts) else [])
                self.connections.append(connection)
                threading.Thread(target=connection.play, args=(self._context,), daemon=True).start()


class Request:
    """A request as it arrived."""

    def __init__(self, head):
        line, *fields = head.decode("utf-8", "replace").split("\r\n")
        self.line = line.rpartition(" ")[0]
        self.fields = fields
        self.body = b""

    def header(self, wanted):
        found = [line.split(": ", 1)[1] for line in self.fields if line.split(":")[0].lower() == wanted.lower()]
        return found[0] if found else None

    def judge(self, wanted):
        for line in wanted.get("has", []):
            name, value = line.split(": ", 1)
            assert fits(self.header(name) or "nothing", value), f"{self.header(name)} in the place of {line}"
        for name in wanted.get("lacks", []):
            assert self.header(name) is None
        if "fields" in wanted:
            assert fits("\n".join(self.fields), "\n".join(wanted["fields"])), self.fields
        assert same_bytes(self.body, wanted.get("body", "")), self.body[:1000]


class Connection:
    """One accepted connection, and what came over it."""

    def __init__(self, accepted, script):
        self.socket = accepted
        self.requests = []
        #: Set once nothing is played to it any more.
        self.over = threading.Event()
        self._script = script
        self._buffer = b""
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def play(self, context):
        with contextlib.suppress(OSError, Gone):
            if context:
                self.socket = context.wrap_socket(self.socket, server_side=True)
            for step in self._script:
                self._step(step)
            # Bytes that arrive at a closed socket would turn the close into a reset: it is read for a while.
            self.socket.shutdown(socket.SHUT_WR)
            self.over.set()
            self.socket.settimeout(2)
            while self.socket.recv(65536):
                pass
        self.over.set()
        self.socket.close()

    def _step(self, step):
        if step == "hold":
            while True:
                self._more()
        elif step == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Gone
        elif "expect" in step or "expect_head" in step:
            request = Request(self._through(b"\r\n\r\n"))
            if "expect" in step:
                request.body = self._body(request)
            self.requests.append(request)
        elif "expect_body" in step:
            self.requests[-1].body = self._body(self.requests[-1])
        elif "reply" in step:
            body = content(step.get("body", ""))
            lines = [f"HTTP/1.1 {step['reply']} -", *step.get("fields", []), f"Content-Length: {len(body)}", "", ""]
            self.socket.sendall("\r\n".join(lines).encode() + body)
        elif "send" in step:
            self.socket.sendall(step["send"].encode())
        elif "drip" in step:
            for byte in step["drip"].encode():
                time.sleep(step["every"])
                self.socket.sendall(bytes([byte]))
        else:
            time.sleep(step["sleep"])

    def _body(self, request):
        if request.header("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self._through(b"\r\n"), 16):
                body += self._exactly(size)
                self._through(b"\r\n")
            while self._through(b"\r\n"):
                pass
            return body
        return self._exactly(int(request.header("Content-Length") or 0))

    def _through(self, end):
        """What comes before that, which is taken as well."""
        while end not in self._buffer:
            self._more()
        taken, _, self._buffer = self._buffer.partition(end)
        return taken

    def _exactly(self, count):
        while len(self._buffer) < count:
            self._more()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Gone
        self._buffer += data
