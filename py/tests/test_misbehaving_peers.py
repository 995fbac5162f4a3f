"""Peers that break the protocol or stall: the right exception, in time, in bounded memory; and the next request works.

Each case is tried in both lanes that use the engine: the express lane, and the open lane (by a hook that does nothing).
"""

import gzip
import resource
import time

import pytest
from entreat import exceptions
from peers import CLOSE, HOLD, OK, RECEIVE, RESET, Peer

LANES = {"express": {}, "open": {"hooks": {"response": lambda answer, **_: None}}}
HEAD = b"HTTP/1.1 200 OK\r\n"
FLOOD = b"X-Filler: " + b"a" * 4000 + b"\r\n"


def flood(connection):
    connection.receive()
    connection.send(HEAD)
    for _ in range((64 << 20) // len(FLOOD)):
        connection.send(FLOOD)


def one_endless_header(connection):
    connection.receive()
    connection.send(HEAD + b"X-Filler: ")
    for _ in range(64):
        connection.send(b"a" * (1 << 20))


def interim_flood(connection):
    connection.receive()
    for _ in range(100_000):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 100)


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\n"
BROKEN = gzip.compress(b"content" * 100)[:-12] + b"\0" * 12

# What the peer does, and what that is to `requests`.
CASES = {
    "closes at once": ([CLOSE], exceptions.ConnectionError),
    "closes after the request": ([RECEIVE, CLOSE], exceptions.ConnectionError),
    "resets after the request": ([RECEIVE, RESET], exceptions.ConnectionError),
    "sends half a status line": ([RECEIVE, b"HTTP/1.1 2", CLOSE], exceptions.ConnectionError),
    "is not HTTP at all": ([RECEIVE, b"220 mail.example ESMTP\r\n", CLOSE], exceptions.ConnectionError),
    "sends a status of letters": ([RECEIVE, b"HTTP/1.1 OK\r\n\r\n", CLOSE], exceptions.ConnectionError),
    "floods the head": (flood, exceptions.ConnectionError),
    "sends an endless header": (one_endless_header, exceptions.ConnectionError),
    "sends a chunk size of letters": (
        [RECEIVE, CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n", CLOSE],
        exceptions.ChunkedEncodingError,
    ),
    "sends a huge chunk size": (
        [RECEIVE, CHUNKED + b"f" * 40 + b"\r\nabc\r\n0\r\n\r\n", CLOSE],
        exceptions.ChunkedEncodingError,
    ),
    "breaks off in a chunk": ([RECEIVE, CHUNKED + b"10\r\nabc", CLOSE], exceptions.ChunkedEncodingError),
    "breaks off between chunks": ([RECEIVE, CHUNKED + b"3\r\nabc\r\n", CLOSE], exceptions.ChunkedEncodingError),
    "sends a short body": ([RECEIVE, HEAD + b"Content-Length: 10\r\n\r\nabc", CLOSE], exceptions.ChunkedEncodingError),
    "resets in the body": (
        [RECEIVE, HEAD + b"Content-Length: 10\r\n\r\nabc", 0.1, RESET],
        exceptions.ChunkedEncodingError,
    ),
    "floods with interim responses": (interim_flood, exceptions.RequestException),
    "sends gzip that is none": (
        [RECEIVE, GZIP + b"Content-Length: 9\r\n\r\nnot gzip!", CLOSE],
        exceptions.ContentDecodingError,
    ),
    "sends gzip that breaks": (
        [RECEIVE, GZIP + b"Content-Length: %d\r\n\r\n" % len(BROKEN) + BROKEN, CLOSE],
        exceptions.ContentDecodingError,
    ),
    "never answers": ([RECEIVE, HOLD], exceptions.ReadTimeout),
    "stalls in the head": ([RECEIVE, HEAD, HOLD], exceptions.ReadTimeout),
    "stalls in the body": (
        [RECEIVE, HEAD + b"Content-Length: 10\r\n\r\nabc", HOLD],
        exceptions.ConnectionError,
    ),
    "stalls between chunks": ([RECEIVE, CHUNKED + b"3\r\nabc\r\n", HOLD], exceptions.ConnectionError),
}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(("script", "error"), CASES.values(), ids=CASES.keys())
def test_a_peer_that_breaks_the_rules_is_an_error_in_time(session, lane, script, error):
    with Peer(script, [RECEIVE, OK, HOLD]) as peer:
        started, before = time.monotonic(), peak_memory()
        with pytest.raises(error) as raised:
            session.get(peer.url, timeout=(2, 0.5), **LANES[lane])
        assert time.monotonic() - started < 10
        assert peak_memory() - before < 64 << 20
        assert raised.value.request is None or raised.value.request.url == f"{peer.url}/"
        assert session.get(peer.url, timeout=5, **LANES[lane]).text == "ok"


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("lane", LANES)
def test_a_read_time_out_is_kept_to(session, lane):
    with Peer([RECEIVE, HOLD]) as peer:
        started = time.monotonic()
        with pytest.raises(exceptions.ReadTimeout, match=r"Read timed out. \(read timeout=0.3\)"):
            session.get(peer.url, timeout=0.3, **LANES[lane])
        assert 0.3 <= time.monotonic() - started < 0.8


@pytest.mark.parametrize("lane", LANES)
def test_a_body_that_drips_within_the_time_out_arrives(session, lane):
    drops = [step for letter in b"slowly" for step in (0.15, bytes([letter]))]
    with Peer([RECEIVE, HEAD + b"Content-Length: 6\r\n\r\n", *drops, HOLD]) as peer:
        # Longer than the time-out as a whole, but never in one wait: requests' read time-out is for each.
        assert session.get(peer.url, timeout=0.4, **LANES[lane]).text == "slowly"


@pytest.mark.parametrize("lane", LANES)
def test_a_kept_connection_that_was_closed_is_not_used_again(session, lane):
    with Peer([RECEIVE, OK, CLOSE], [RECEIVE, OK, HOLD]) as peer:
        assert session.get(peer.url, **LANES[lane]).text == "ok"
        time.sleep(0.1)
        assert session.get(peer.url, **LANES[lane]).text == "ok"
    assert len(peer.connections) == 2


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    "answer",
    [
        OK + b"more than was announced",
        HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["too much", "announces to close", "HTTP/1.0"],
)
def test_a_connection_in_doubt_is_not_used_again(session, lane, answer):
    with Peer([RECEIVE, answer, HOLD], [RECEIVE, OK, HOLD]) as peer:
        assert session.get(peer.url, timeout=2, **LANES[lane]).text == "ok"
        time.sleep(0.05)
        assert session.get(peer.url, timeout=2, **LANES[lane]).text == "ok"
    assert len(peer.connections) == 2


@pytest.mark.parametrize("lane", LANES)
def test_a_streamed_body_that_breaks_off_gives_what_came_and_then_the_error(session, lane):
    with Peer([RECEIVE, HEAD + b"Content-Length: 10\r\n\r\nabcd", CLOSE]) as peer:
        pieces = session.get(peer.url, stream=True, **LANES[lane]).iter_content(2)
        assert [next(pieces), next(pieces)] == [b"ab", b"cd"]
        with pytest.raises(exceptions.ChunkedEncodingError, match=r"IncompleteRead\(4 bytes read, 6 more expected\)"):
            next(pieces)


@pytest.mark.parametrize("lane", LANES)
def test_a_small_answer_that_unpacks_to_very_much_can_be_read_in_pieces(session, lane):
    bomb = gzip.compress(b"\0" * (64 << 20))
    with Peer([RECEIVE, GZIP + b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb, HOLD]) as peer:
        before = peak_memory()
        answer = session.get(peer.url, stream=True, **LANES[lane])
        assert sum(len(piece) for piece in answer.iter_content(65536)) == 64 << 20
        assert peak_memory() - before < 48 << 20
