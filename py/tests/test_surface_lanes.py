"""Which lane a request takes, and that whoever patches something below it gets to see the request."""

import http.client
import http.server
import socket
import subprocess
import sys
import threading
from unittest import mock

import entreat
import pytest
from peers import HOLD, OK, RECEIVE, Peer

pytest.importorskip("entreat._native")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def url():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Overriding(entreat.Session):
    def send(self, request, **settings):
        return super().send(request, **settings)


def test_an_overridden_method_takes_the_open_lane(url):
    assert Overriding().get(url).lane == "open"


@pytest.mark.parametrize(
    "target",
    [
        "socket.socket.connect",
        "socket.getaddrinfo",
        "http.client.HTTPResponse.begin",
        "urllib3.util.connection.create_connection",
    ],
)
def test_a_patch_below_the_seam_is_called_and_takes_the_classic_lane(url, target):
    import pkgutil

    genuine = pkgutil.resolve_name(target)
    calls = []

    def watching(*arguments, **keywords):
        calls.append(1)
        return genuine(*arguments, **keywords)

    session = Overriding()
    with mock.patch(target, watching):
        assert session.get(url).lane == "classic"
    assert calls
    assert Overriding().get(url).lane == "open"


@pytest.mark.parametrize("target", ["HTTPConnection.putrequest", "HTTPConnection.getresponse", "HTTPConnection.send"])
def test_a_patch_above_the_seam_is_called_in_the_open_lane(url, target):
    name = target.partition(".")[2]
    with mock.patch.object(
        http.client.HTTPConnection, name, autospec=True, side_effect=getattr(http.client.HTTPConnection, name)
    ) as seen:
        assert Overriding().get(url).lane == "open"
    assert seen.called


def test_the_head_below_has_each_field_apart(url):
    raw = Overriding().get(url).raw
    assert raw._original_response.msg.get_all("set-cookie") == ["a=1", "b=2"]
    assert raw.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_a_pool_of_ones_own_takes_the_classic_lane(url):
    class OwnPool(entreat.adapters.HTTPAdapter):
        def init_poolmanager(self, *arguments, **keywords):
            import urllib3

            self.poolmanager = urllib3.PoolManager(source_address=("127.0.0.1", 0))

    session = entreat.Session()
    session.mount("http://", OwnPool())
    assert session.get(url).lane == "classic"


def forced(lane, url, setup=""):
    code = f"import entreat\n{setup}\nprint(entreat.get({url!r}).lane)"
    environment = {"ENTREAT_LANE": lane, "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("lane", ["express", "open", "classic"])
def test_a_lane_can_be_forced(url, lane):
    assert forced(lane, url) == lane


def test_a_forced_lane_that_cannot_serve_says_why(url):
    said = forced("open", url, "import socket; socket.socket = type('S', (socket.socket,), {})")
    assert "LaneError" in said and "socket" in said


def test_an_unknown_lane_is_refused(url):
    assert "must be one of express, open, classic" in forced("fast", url)


def test_an_error_of_the_engine_leads_down_to_the_sockets_own():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(entreat.ConnectionError) as raised:
        Overriding().get(f"http://127.0.0.1:{port}/")
    reason = raised.value.args[0].reason
    assert isinstance(reason.__cause__, ConnectionRefusedError)
    assert reason.__context__ is reason.__cause__


def test_a_program_that_switches_protocols_goes_on_with_the_genuine_socket(session):
    """As docker's client does."""
    switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    with Peer([RECEIVE, switched, b"first", HOLD], [RECEIVE, OK]) as peer:
        fields = {"Connection": "Upgrade", "Upgrade": "echo"}
        answer = session.get(peer.url, headers=fields, stream=True)
        assert (answer.status_code, answer.lane) == (101, "classic")
        assert isinstance(answer.raw._fp.fp.raw._sock, socket.socket)
        answer.close()
        assert session.get(peer.url).lane == "express"
