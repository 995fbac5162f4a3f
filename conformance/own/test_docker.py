"""docker's client over whatever `requests` means here, against a daemon that is none: on a Unix socket, and by TCP.

Its own tests are not in its source distribution. Its sessions are a subclass with an adapter of its own for Unix
sockets; it streams, uploads, and takes the socket over where the daemon switches protocols.
"""

import http.server
import io
import json
import shutil
import socketserver
import struct
import tarfile
import tempfile
import threading
import time
import urllib.parse

import docker
import pytest
import requests

VERSION = {"Version": "28.0", "ApiVersion": "1.44", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}
CONTAINER = {
    "Id": "a" * 64,
    "Names": ["/one"],
    "Image": "image",
    "State": {"Status": "running"},
    "Config": {"Tty": False},
}


def frame(stream, data):
    return struct.pack(">BxxxL", stream, len(data)) + data


class Daemon(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "client"

    def log_message(self, *arguments):
        pass

    def handle_request(self):
        url = urllib.parse.urlsplit(self.path)
        path = url.path.partition("/v1.44")[2] or url.path
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.body = self.receive()
        self.server.seen.append((self.command, path, self.query, dict(self.headers), self.body))
        answer = ROUTES.get((self.command, path))
        if answer is None:
            self.json({"message": f"no such thing: {path}"}, 404)
        else:
            answer(self)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_request

    def receive(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def json(self, value, status=200):
        self.whole(json.dumps(value).encode(), status, "application/json")

    def whole(self, body, status=200, kind="application/octet-stream", **fields):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def pieces(self, *pieces, pause=0.0):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(pause)
        self.wfile.write(b"0\r\n\r\n")

    def takeover(self):
        """Frames on the bare connection, after what the client sends there has come back in upper case."""
        self.send_response(101, "UPGRADED")
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "tcp")
        self.end_headers()
        # A client that has not taken the connection over yet would read ahead.
        time.sleep(0.3)
        self.wfile.write(frame(1, b"out") + frame(2, b"err"))
        if self.server.interactive:
            self.wfile.write(frame(1, self.connection.recv(100).upper()))
        self.close_connection = True


LINES = [json.dumps({"status": f"step {number}"}).encode() + b"\r\n" for number in range(3)]
ROUTES = {
    ("GET", "/version"): lambda daemon: daemon.json(VERSION),
    ("GET", "/_ping"): lambda daemon: daemon.whole(b"OK", kind="text/plain"),
    ("GET", "/info"): lambda daemon: daemon.json({"Name": "none"}),
    ("GET", "/containers/json"): lambda daemon: daemon.json([CONTAINER]),
    ("GET", "/containers/one/json"): lambda daemon: daemon.json(CONTAINER),
    ("POST", "/containers/create"): lambda daemon: daemon.json({"Id": "b" * 64, "Warnings": []}, 201),
    ("POST", "/containers/one/start"): lambda daemon: daemon.whole(b"", 204),
    ("DELETE", "/containers/one"): lambda daemon: daemon.whole(b"", 204),
    ("GET", "/containers/slow/json"): lambda daemon: (time.sleep(1.5), daemon.json(CONTAINER)),
    ("GET", "/containers/one/logs"): lambda daemon: daemon.pieces(
        frame(1, b"first\n"), frame(2, b"second\n"), frame(1, b"third\n"), pause=0.05
    ),
    ("GET", "/containers/one/archive"): lambda daemon: daemon.whole(
        archive(), X_Docker_Container_Path_Stat="eyJuYW1lIjogImZpbGUifQ=="
    ),
    ("PUT", "/containers/one/archive"): lambda daemon: daemon.whole(b""),
    ("POST", "/containers/one/exec"): lambda daemon: daemon.json({"Id": "exec"}, 201),
    ("POST", "/exec/exec/start"): Daemon.takeover,
    ("POST", "/containers/one/attach"): Daemon.takeover,
    ("GET", "/events"): lambda daemon: daemon.pieces(*LINES, pause=0.05),
    ("POST", "/images/create"): lambda daemon: daemon.pieces(*LINES),
    ("POST", "/build"): lambda daemon: daemon.pieces(*LINES),
    ("GET", "/images/image/get"): lambda daemon: daemon.pieces(b"x" * 100_000, b"y" * 100_000),
    ("POST", "/images/load"): lambda daemon: daemon.pieces(*LINES),
}


def archive():
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            member = tarfile.TarInfo("file")
            member.size = 5
            tar.addfile(member, io.BytesIO(b"hello"))
        return file.getvalue()


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture(params=["unix", "tcp"])
def daemon(request):
    # Not in `tmp_path`: the path of a Unix socket has at most 107 bytes.
    folder = tempfile.mkdtemp(dir="/tmp")
    if request.param == "unix":
        server = UnixServer(f"{folder}/socket", Daemon)
        server.url = f"unix://{folder}/socket"
    else:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Daemon)
        server.url = f"tcp://127.0.0.1:{server.server_port}"
    server.seen, server.interactive = [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
    shutil.rmtree(folder)


@pytest.fixture
def client(daemon):
    made = docker.APIClient(base_url=daemon.url, version="1.44", timeout=5)
    yield made
    made.close()


def test_the_version_is_found_out(daemon):
    client = docker.APIClient(base_url=daemon.url)
    assert client.api_version == "1.44" and client.version()["Version"] == "28.0"
    client.close()


def test_the_high_level_client_lists_containers(daemon):
    client = docker.DockerClient(base_url=daemon.url, version="1.44")
    assert client.ping() and client.info()["Name"] == "none"
    assert client.containers.get("one").status == "running"
    client.close()


def test_containers_are_listed_with_their_filters(daemon, client):
    assert client.containers(all=True, filters={"status": "running"})[0]["Names"] == ["/one"]
    _, _, query, _, _ = daemon.seen[-1]
    assert query["all"] == "1" and json.loads(query["filters"]) == {"status": ["running"]}


def test_a_container_is_made_started_and_removed(daemon, client):
    assert client.create_container("image", "command", name="one")["Id"] == "b" * 64
    method, path, query, headers, body = daemon.seen[-1]
    assert (method, path, query["name"]) == ("POST", "/containers/create", "one")
    assert headers["Content-Type"] == "application/json" and json.loads(body)["Image"] == "image"
    client.start("one")
    client.remove_container("one", force=True)
    assert [each[:2] for each in daemon.seen[-2:]] == [("POST", "/containers/one/start"), ("DELETE", "/containers/one")]


def test_what_is_not_there_is_an_error_of_dockers(client):
    with pytest.raises(docker.errors.NotFound) as raised:
        client.inspect_container("two")
    assert "no such thing" in str(raised.value) and raised.value.response.status_code == 404


def test_logs_are_streamed_as_they_come(client):
    assert client.logs("one") == b"first\nsecond\nthird\n"
    arrived = [(time.monotonic(), line) for line in client.logs("one", stream=True, follow=True)]
    assert [line for _, line in arrived] == [b"first\n", b"second\n", b"third\n"]
    assert arrived[2][0] - arrived[0][0] > 0.05


def test_events_are_decoded_as_they_come(client):
    assert [each["status"] for each in client.events(decode=True)] == ["step 0", "step 1", "step 2"]


def test_an_image_is_pulled_built_saved_and_loaded(daemon, client):
    assert [each["status"] for each in client.pull("image", tag="1", stream=True, decode=True)][-1] == "step 2"
    context = io.BytesIO(archive())
    assert len(list(client.build(fileobj=context, custom_context=True, decode=True))) == 3
    assert daemon.seen[-1][4] == archive()
    assert sum(map(len, client.get_image("image"))) == 200_000
    assert len(list(client.load_image(iter([b"some", b"thing"])))) == 3
    assert daemon.seen[-1][4] == b"something"


def test_archives_go_in_and_out(daemon, client):
    pieces, stat = client.get_archive("one", "/file")
    assert b"".join(pieces) == archive() and stat == {"name": "file"}
    assert client.put_archive("one", "/", archive())
    assert daemon.seen[-1][4] == archive()


def test_the_output_of_a_command_comes_over_the_bare_connection(client):
    command = client.exec_create("one", "command")
    assert client.exec_start(command["Id"]) == b"outerr"
    assert client.exec_start(command["Id"], demux=True) == (b"out", b"err")
    assert list(client.exec_start(command["Id"], stream=True)) == [b"out", b"err"]


def test_a_socket_is_handed_over(daemon, client):
    daemon.interactive = True
    command = client.exec_create("one", "command", stdin=True)
    connection = client.exec_start(command["Id"], socket=True)
    sender = getattr(connection, "_sock", connection)
    sender.sendall(b"shout")
    received = b""
    while piece := sender.recv(100):
        received += piece
    assert received == frame(1, b"out") + frame(2, b"err") + frame(1, b"SHOUT")


def test_a_container_is_attached_to(client):
    assert list(client.attach("one", stream=True)) == [b"out", b"err"]


def test_patience_ends(daemon):
    impatient = docker.APIClient(base_url=daemon.url, version="1.44", timeout=0.5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        impatient.inspect_container("slow")
    impatient.close()


def test_threads_share_a_client(client):
    def ask():
        answers.append([client.version()["Version"] for _ in range(10)])

    answers = []
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [["28.0"] * 10] * 8
