"""`files=`: what goes over the wire is what requests sends, but files are read while they are sent, not into memory."""

import io
import pickle
import subprocess
import sys
import textwrap

import entreat
import pytest
from entreat import _multipart
from peers import CLOSE, OK, Answers, Peer, response

requests = pytest.importorskip("requests")

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def peer():
    with Peer(Answers()) as running:
        yield running


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data ü.bin"
    path.write_bytes(CONTENT)
    with open(path, "rb") as opened:
        yield opened


@pytest.fixture(autouse=True)
def boundary(monkeypatch):
    """Everybody's boundary: programs swap the function that chooses it."""
    monkeypatch.setattr("urllib3.filepost.choose_boundary", lambda: "fixed")


def moved(file):
    file.seek(100)
    return file


SHAPES = {
    "a file": lambda file: {"files": {"f": file}},
    "from where it stands": lambda file: {"files": {"f": moved(file)}},
    "with a name": lambda file: {"files": {"f": ("näme.txt", file)}},
    "with a type": lambda file: {"files": {"f": ("a.txt", file, "text/plain")}},
    "with headers": lambda file: {"files": [("f", ("a.txt", file, "text/plain", {"Expires": "0"}))]},
    "a buffer": lambda file: {"files": {"f": io.BytesIO(b"in memory")}},
    "an empty buffer": lambda file: {"files": {"f": io.BytesIO()}},
    "with a form": lambda file: {"files": {"f": file}, "data": {"a": "ü", "list": [1, 2], "none": None}},
    "with pairs": lambda file: {"files": [("f", file), ("g", ("g", "text"))], "data": [("a", "b"), ("a", "c")]},
    "text": lambda file: {"files": {"f": "text ü", "g": b"bytes"}},
    "several": lambda file: {"files": [("f", io.BytesIO(b"one")), ("f", file), ("f", ("x", io.BytesIO(b"two")))]},
    "with a Content-Type": lambda file: {"files": {"f": file}, "headers": {"Content-Type": "multipart/mixed"}},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_wire_sees_what_requests_sends(session, peer, file, shape, method):
    answer = session.request(method, peer.url, **shape(file))
    assert answer.lane == "express"
    file.seek(0)
    arguments = shape(file)
    with requests.Session() as real:
        real.request(method, peer.url, **arguments)
    ours, theirs = peer.requests
    assert ours == theirs
    body = theirs.partition(b"\r\n\r\n")[2]
    assert answer.request.body == body and vars(answer.request)["body"] == body


class Odd:
    def read(self, amount=-1):
        return b"odd"


@pytest.mark.parametrize("content", [io.StringIO("text"), Odd()], ids=["text mode", "only read"])
def test_other_objects_are_read_as_in_requests(session, peer, content):
    answer = session.post(peer.url, files={"f": ("name", content)})
    assert answer.lane == "open"
    assert peer.requests[0].endswith(answer.request.body)


def test_wrong_arguments_are_refused_as_in_requests(session, peer, file):
    with pytest.raises(ValueError, match="Data must not be a string"):
        session.post(peer.url, files={"f": file}, data="text")
    with pytest.raises(ValueError):
        session.post(peer.url, files={"f": (1, 2, 3, 4, 5)})
    assert file.tell() == 0


def test_a_file_is_left_at_its_end(session, peer, file):
    session.post(peer.url, files={"f": file})
    assert file.tell() == len(CONTENT)


def test_the_body_can_be_looked_at_though_the_file_was_closed(session, peer, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"content")
    with open(path, "rb") as opened:
        answer = session.post(peer.url, files={"f": opened})
    assert b"content" in answer.request.body
    with open(path, "rb") as opened:
        answer = session.post(peer.url, files={"f": opened})
    path.write_bytes(b"something else")
    with pytest.raises(entreat.exceptions.UnrewindableBodyError, match="is not what it was"):
        answer.request.body  # noqa: B018


def test_a_request_that_was_looked_at_can_be_changed_copied_and_pickled(session, peer, file):
    request = session.post(peer.url, files={"f": file}).request
    twin = request.copy()
    assert pickle.loads(pickle.dumps(request)).body == twin.body == request.body
    request.body = b"other"
    assert request.copy().body == b"other"
    with pytest.raises(AttributeError):
        request.missing  # noqa: B018


@pytest.mark.parametrize("status", ["307 Temporary", "308 Permanent"])
def test_a_redirect_that_keeps_the_body_sends_the_files_again(session, file, status):
    with Peer(Answers(response(status, Location="/two"))) as peer:
        answer = session.post(peer.url, files={"f": moved(file)})
    first, second = (request.partition(b"\r\n\r\n")[2] for request in peer.requests)
    assert first == second and CONTENT[100:] in first
    assert answer.lane == "express" and answer.request.body == second


def test_a_redirect_that_becomes_a_get_sends_none(session, file):
    with Peer(Answers(response("303 See Other", Location="/two"))) as peer:
        assert session.post(peer.url, files={"f": file}).request.body is None
    assert peer.requests[1].startswith(b"GET /two ") and b"Content-Length" not in peer.requests[1]


def test_a_stale_connection_is_replayed_with_the_whole_body(session, file):
    with Peer(Answers(OK, [CLOSE]), Answers()) as peer:
        session.get(peer.url)
        assert session.put(peer.url, files={"f": file}).ok
    assert CONTENT in peer.requests[-1]


def test_a_failure_is_the_same_error_and_reads_nothing(session, file, refused):
    with pytest.raises(entreat.ConnectionError) as raised:
        session.post(refused, files={"f": file})
    assert file.tell() == 0
    assert CONTENT in raised.value.request.body


def test_a_file_that_shrinks_while_it_is_sent_is_an_error(session, peer, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(CONTENT)
    with open(path, "rb") as opened:
        opened.seek(1)
        body = _multipart.encode({"f": opened}, None)
        path.write_bytes(b"short")
        with pytest.raises(OSError, match="has become shorter"):
            body.whole()


@pytest.mark.parametrize("target", ["encode_multipart_formdata", "RequestField", "guess_filename"])
def test_a_patched_function_is_called(session, peer, file, monkeypatch, target):
    from entreat import models

    models._fill()
    genuine, calls = getattr(models, target), []
    monkeypatch.setattr(models, target, lambda *given, **named: calls.append(1) or genuine(*given, **named))
    assert session.post(peer.url, files={"f": file}).lane == "open" and calls


def test_a_large_file_takes_no_memory(tmp_path, origin):
    path = tmp_path / "large"
    with open(path, "wb") as large:
        large.truncate(100_000_000)
    code = f"""
        import resource, entreat
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with entreat.Session() as session, open({str(path)!r}, "rb") as large:
            session.post({origin.http + "/status/200"!r}, files={{"f": b"warm"}})
            before = peak()
            answer = session.post({origin.http + "/status/200"!r}, files={{"f": large}})
            print(peak() - before, answer.status_code, answer.lane)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    grown, status, lane = done.stdout.split()
    assert (float(grown) < 2, status, lane) == (True, "200", "express"), done.stdout
