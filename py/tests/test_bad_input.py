"""Bad input gets requests' exception before a byte is sent: the peer that would have been asked sees no connection."""

import io
import re

import entreat
import pytest
from entreat import exceptions
from peers import Answers, Peer


@pytest.fixture(scope="module")
def peer():
    with Peer(Answers()) as running:
        yield running


def refuses(peer, error, message=None, /, **arguments):
    before = len(peer.connections)
    arguments = {"method": "GET", "url": peer.url, **arguments}
    with pytest.raises(error, match=message) as raised:
        entreat.request(**arguments)
    assert len(peer.connections) == before
    return raised.value


URLS = [
    ("", exceptions.MissingSchema, "Invalid URL '': No scheme supplied"),
    ("127.0.0.1/", exceptions.MissingSchema, "Perhaps you meant https://127.0.0.1/"),
    ("foo://127.0.0.1/", exceptions.InvalidSchema, "No connection adapters were found for 'foo://127.0.0.1/'"),
    ("mailto:john@example.org", exceptions.InvalidSchema, "No connection adapters"),
    ("file:///etc/passwd", exceptions.InvalidSchema, "No connection adapters"),
    ("http://", exceptions.InvalidURL, "No host supplied"),
    ("http:///path", exceptions.InvalidURL, "No host supplied"),
    ("http://?query", exceptions.InvalidURL, "No host supplied"),
    ("http://*example.org/", exceptions.InvalidURL, "invalid label"),
    ("http://.example.org/", exceptions.InvalidURL, "invalid label"),
    ("http://exam ple.org/", exceptions.InvalidURL, "Failed to parse"),
    ("http://exam\tple.org/", exceptions.InvalidURL, None),
    ("http://127.0.0.1:port/", exceptions.InvalidURL, "Failed to parse"),
    ("http://127.0.0.1:99999/", exceptions.InvalidURL, None),
    ("http://127.0.0.1:-1/", exceptions.InvalidURL, None),
    ("http://[::1/", exceptions.InvalidURL, None),
    ("http://[not:an:address]/", exceptions.InvalidURL, None),
    ("http://" + "ü" * 70 + ".example/", exceptions.InvalidURL, "Failed to parse"),
    (b"http://\xff/", UnicodeDecodeError, None),
    (None, exceptions.MissingSchema, "Invalid URL 'None'"),
    (5, exceptions.MissingSchema, "Invalid URL '5'"),
]


@pytest.mark.parametrize(("url", "error", "message"), URLS, ids=lambda value: repr(value)[:40])
def test_a_url_that_leads_nowhere_is_refused(peer, url, error, message):
    refuses(peer, error, message, url=url)


HEADERS = [
    ({"X": "a\r\nY: b"}, exceptions.InvalidHeader),
    ({"X": "a\nb"}, exceptions.InvalidHeader),
    ({"X": "a\rb"}, exceptions.InvalidHeader),
    ({"X": b"a\r\nY: b"}, exceptions.InvalidHeader),
    ({"X": " leading space"}, exceptions.InvalidHeader),
    ({"X\r\nY": "a"}, exceptions.InvalidHeader),
    ({"X:": "a"}, exceptions.InvalidHeader),
    ({" X": "a"}, exceptions.InvalidHeader),
    ({"": "a"}, exceptions.InvalidHeader),
    ({"X": 5}, exceptions.InvalidHeader),
    ({"X": ["a"]}, exceptions.InvalidHeader),
    ({5: "a"}, AttributeError),
    ({"X": "€"}, UnicodeEncodeError),
    ({"X": "a\0b"}, (exceptions.InvalidHeader, ValueError)),
    ("X: a", AttributeError),
    ([("X", "a")], AttributeError),
]


@pytest.mark.parametrize(("headers", "error"), HEADERS, ids=lambda value: repr(value)[:40])
def test_a_header_that_would_break_the_head_is_refused(peer, headers, error):
    refuses(peer, error, headers=headers)


def test_a_session_header_that_would_break_the_head_is_refused(peer):
    before = len(peer.connections)
    with entreat.Session() as session:
        session.headers["X"] = "a\r\nY: b"
        with pytest.raises(exceptions.InvalidHeader):
            session.get(peer.url)
    assert len(peer.connections) == before


TIMEOUTS = [-1, 0, -0.5, 0.0, float("nan"), True, "soon", b"5", [5], {}, (1, -1), (0, 1), (1, 2, 3), (1,), ("a", "b")]


@pytest.mark.parametrize("timeout", TIMEOUTS, ids=repr)
def test_a_time_out_that_is_none_is_refused(peer, timeout):
    refuses(peer, (ValueError, TypeError), timeout=timeout)


@pytest.mark.parametrize("method", ["GET\r\nX: y", "GET\0", "GÉT", "GET /x HTTP/1.1\r\nA:"])
def test_a_method_that_would_break_the_request_line_is_refused(peer, method):
    refuses(peer, (ValueError, exceptions.RequestException), method=method)


@pytest.mark.parametrize("method", [None, 5])
def test_a_method_that_is_no_text_is_refused(peer, method):
    refuses(peer, AttributeError, method=method)


class Unreadable(io.RawIOBase):
    def readable(self):
        return True

    def readinto(self, buffer):
        raise OSError(5, "cannot be read")


def closed_file():
    file = io.BytesIO(b"content")
    file.close()
    return file


def named(value):
    """The same in each process that collects the tests: without addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))[:50]


BODIES = [
    ({"json": float("nan")}, exceptions.InvalidJSONError),
    ({"json": {"a": float("inf")}}, exceptions.InvalidJSONError),
    ({"json": object()}, TypeError),
    ({"json": {b"a": 1}}, TypeError),
    ({"data": "text", "files": {"a": "b"}}, ValueError),
    ({"data": iter([b"a"]), "files": {"a": "b"}}, NotImplementedError),
    ({"data": {"a": object()}, "files": {"b": closed_file()}}, ValueError),
    ({"data": closed_file()}, ValueError),
    ({"data": 5}, TypeError),
    ({"data": [1, 2]}, (TypeError, ValueError)),
    ({"files": {"a": Unreadable()}}, OSError),
    ({"files": {"a": (1, 2, 3, 4, 5)}}, ValueError),
    ({"auth": 5}, TypeError),
    ({"auth": ("only",)}, TypeError),
    ({"auth": ("a", "b", "c")}, TypeError),
    ({"cookies": 5}, (TypeError, AttributeError)),
    ({"hooks": {"unknown": print}}, ValueError),
    ({"params": 5}, TypeError),
    ({"unknown": 5}, TypeError),
]


@pytest.mark.parametrize(("arguments", "error"), BODIES, ids=named)
def test_an_argument_that_cannot_be_sent_is_refused(peer, arguments, error):
    refuses(peer, error, method="POST", **arguments)


def test_a_body_that_is_shorter_or_longer_than_announced_is_announced_anew(peer):
    for announced in ("2", "20"):
        answer = entreat.post(peer.url, data=b"eleven byte", headers={"Content-Length": announced})
        assert answer.request.headers["Content-Length"] == "11"


def test_a_file_that_is_shorter_than_announced_is_an_error(peer):
    class Shrunk(io.BytesIO):
        def read(self, size=-1):
            return super().read(size)[:3] if self.tell() == 0 else b""

    with pytest.raises(exceptions.RequestException):
        entreat.post(peer.url, data=Shrunk(b"a" * 100), timeout=2)


def test_a_certificate_or_a_bundle_that_is_not_there_is_refused(peer, origin):
    refuses(peer, OSError, "Could not find the TLS certificate file", url=f"{origin.https}/get", cert="/missing.pem")
    message = "Could not find a suitable TLS CA certificate bundle, invalid path: /missing.pem"
    refuses(peer, OSError, message, url=f"{origin.https}/get", verify="/missing.pem")


def test_a_bundle_that_holds_no_certificate_is_an_error(origin, tmp_path):
    bundle = tmp_path / "empty.pem"
    bundle.write_text("nothing")
    with pytest.raises((exceptions.SSLError, OSError)):
        entreat.get(f"{origin.https}/get", verify=str(bundle))


def test_a_certificate_of_an_unknown_authority_is_refused(origin):
    with pytest.raises(exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        entreat.get(f"{origin.https}/get")


def test_a_request_that_was_not_prepared_cannot_be_sent(session):
    with pytest.raises(ValueError, match="You can only send PreparedRequests."):
        session.send(entreat.Request("GET", "http://127.0.0.1/"))


def test_nobody_listening_is_a_connection_error_with_its_cause(refused):
    with pytest.raises(exceptions.ConnectionError, match="Connection refused") as raised:
        entreat.get(refused)
    assert raised.value.request.url == f"{refused}/"


def test_a_name_that_does_not_exist_is_a_connection_error():
    with pytest.raises(exceptions.ConnectionError, match=r"Failed to resolve 'nowhere\.invalid'"):
        entreat.get("http://nowhere.invalid/")


def test_a_proxy_without_a_host_is_refused(peer):
    refuses(peer, exceptions.InvalidProxyURL, proxies={"http": "http:///"})
