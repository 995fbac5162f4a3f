"""The modern client's responses: bodies whole and by pieces, text, headers, and the errors that carry them."""

import gc
import pickle
import threading

import entreat
import pytest
from entreat import errors
from entreat.client import Headers
from peers import CLOSE, RECEIVE, Answers, Peer, response


@pytest.fixture
def client():
    with entreat.Client() as made:
        yield made


def test_a_buffered_body_can_be_read_as_often_as_one_likes(client, origin):
    answer = client.get(f"{origin.http}/bytes/100?seed=1")
    assert answer.is_closed
    assert answer.content == answer.read() == b"".join(answer.iter_bytes(7)) == b"".join(answer.iter_bytes())
    assert [len(piece) for piece in answer.iter_bytes(60)] == [60, 40]
    answer.close()
    assert len(answer.content) == 100


def test_a_stream_is_read_once_by_pieces(client, origin):
    with client.stream("GET", f"{origin.http}/stream-bytes/100000?seed=1&chunk_size=1000") as answer:
        assert not answer.is_closed
        pieces = list(answer.iter_bytes(512))
        assert sum(map(len, pieces)) == 100000 and max(map(len, pieces)) <= 512
        with pytest.raises(errors.StreamConsumed, match="read by pieces"):
            answer.content  # noqa: B018
    assert client.pool_stats.idle == 1


def test_a_stream_that_was_begun_cannot_be_begun_again(client, origin):
    with client.stream("GET", f"{origin.http}/bytes/1000") as answer:
        pieces = answer.iter_bytes(10)
        next(pieces)
        with pytest.raises(errors.StreamConsumed, match="read\\(\\)"):
            next(answer.iter_bytes())
        assert sum(map(len, pieces)) == 990


def test_a_stream_can_be_read_whole_and_is_then_buffered(client, origin):
    with client.stream("GET", f"{origin.http}/get") as answer:
        assert answer.read() == answer.content and answer.json()["url"]
    assert answer.json()["url"]


def test_a_closed_stream_says_so_and_gives_its_connection_up(client, origin):
    with client.stream("GET", f"{origin.http}/bytes/10000000") as answer:
        next(answer.iter_bytes(10))
    assert answer.is_closed
    with pytest.raises(errors.StreamConsumed, match="closed"):
        answer.read()
    assert client.pool_stats[:2] == (0, 0)


def test_a_stream_left_open_is_closed_with_its_last_reference(client, origin):
    answer = client.stream("GET", f"{origin.http}/bytes/10000000")
    assert client.pool_stats.in_use == 1
    del answer
    gc.collect()
    assert client.pool_stats.in_use == 0


def test_lines_end_with_lf_or_crlf_wherever_they_are_cut(client):
    body = "ä\r\nb\n\nc\u2028d"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body.encode())
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    with Peer(Answers(answer, answer)) as peer:
        assert list(client.get(peer.url).iter_lines()) == ["ä", "b", "", "c\u2028d"]
        with client.stream("GET", peer.url) as streamed:
            assert list(streamed.iter_lines()) == ["ä", "b", "", "c\u2028d"]


def test_text_by_pieces_keeps_characters_whole(client):
    with Peer([RECEIVE, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\xc3", 0.1, b"\xa4b"]) as peer:
        with client.stream("GET", peer.url) as answer:
            assert "".join(answer.iter_text()) == "aäb"


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "ä".encode(), "ä"),
        ('text/plain; Charset="latin-1"', b"\xe4", "ä"),
        ("text/plain; charset=nonsense", "ä".encode(), "ä"),
        ("text/plain", b"\xff", "\ufffd"),
        ("text/plain", b"\xef\xbb\xbfa", "a"),
    ],
)
def test_text_is_of_the_charset_that_the_server_names_else_utf8(client, content_type, body, text):
    with Peer(Answers(response(body=body, Content_Type=content_type))) as peer:
        answer = client.get(peer.url)
    assert answer.text == "".join(answer.iter_text()) == text


def test_the_encoding_can_be_set(client):
    with Peer(Answers(response(body=b"\xe4"))) as peer:
        answer = client.get(peer.url)
    assert answer.encoding == "utf-8"
    answer.encoding = "latin-1"
    assert (answer.text, answer.encoding) == ("ä", "latin-1")


def test_codings_are_undone(client, origin):
    for coding in ("gzip", "deflate", "brotli"):
        assert client.get(f"{origin.http}/{coding}").json()


def test_headers_are_a_multidict_without_case():
    headers = Headers([("Set-Cookie", "a"), ("X-A", "1"), ("x-a", "2")])
    assert headers["X-a"] == "1, 2" and headers.get_list("X-A") == ["1", "2"]
    assert list(headers) == ["Set-Cookie", "X-A"] and len(headers) == 2
    assert headers.multi_items() == [("Set-Cookie", "a"), ("X-A", "1"), ("x-a", "2")]
    assert dict(headers) == {"Set-Cookie": "a", "X-A": "1, 2"}
    assert headers.get("nothing") is None and headers.get("nothing", 1) == 1 and 5 not in headers
    with pytest.raises(KeyError, match="nothing"):
        headers["nothing"]
    copy = headers.copy()
    copy["x-A"] = "3"
    del copy["set-cookie"]
    assert copy == {"X-A": "3"} and copy != headers
    assert pickle.loads(pickle.dumps(headers)) == headers


def test_secrets_appear_in_no_repr(client, origin):
    url = origin.http.replace("//", "//user:hidden@")
    answer = client.get(f"{url}/cookies/set?a=hidden", headers={"Authorization": "hidden"})
    shown = [answer, answer.headers, answer.request, answer.request.headers, client.cookies, client, answer.history]
    assert "hidden" not in repr(shown).replace("a=hidden", "")


def test_the_request_of_a_response_is_what_was_sent(client):
    with Peer(Answers(response(Set_Cookie="a=hidden"))) as peer:
        client.get(peer.url)
        answer = client.post(peer.url, json=[1], headers={"X-A": "b"}, auth=("user", "hidden"))
    sent = answer.request.headers
    assert sent["Host"] == peer.url[7:] and sent["Content-Length"] == "3" and sent["Cookie"] == "a=hidden"
    assert sent["User-Agent"].startswith("entreat/") and "gzip" in sent["Accept-Encoding"] and sent["X-A"] == "b"
    assert f"X-A: {sent['X-A']}\r\n".encode() in peer.requests[1] and len(sent) == peer.requests[1].count(b": ")
    assert "hidden" not in repr(sent)


def test_each_hop_of_a_redirect_has_its_own_request(client):
    moved = response("302 Found", Location="/b")
    with Peer(Answers(moved)) as peer:
        answer = client.post(f"{peer.url}/a", json=[1])
    first = answer.history[0].request
    assert (first.method, first.url, first.headers["Content-Length"]) == ("POST", f"{peer.url}/a", "3")
    assert (answer.request.method, answer.request.url) == ("GET", f"{peer.url}/b")
    assert "Content-Length" not in answer.request.headers
    assert answer.history[0].elapsed < answer.elapsed


def test_the_request_of_a_response_can_be_sent_again(client, origin):
    url = f"{origin.http}/redirect-to?url=/post&status_code=307"
    answer = client.post(url, json=[1])
    assert answer.url == f"{origin.http}/post"
    assert client.send(answer.request).json()["json"] == client.send(answer.history[0].request).json()["json"] == [1]


def test_timings_say_where_the_time_went(client):
    slow = [0.05, response()]
    with Peer(Answers(slow, slow)) as peer:
        first, second = client.get(peer.url).timings, client.get(peer.url).timings
    assert first.queue == 0 and first.connect > 0 and first.tls is None
    assert (second.resolve, second.connect, second.tls) == (None, None, None)
    assert 0.05 <= first.first_byte < first.total < 5


def test_the_total_of_a_stream_goes_on_to_its_end(client):
    with Peer([RECEIVE, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", 0.05, b"x"]) as peer:
        with client.stream("GET", peer.url) as answer:
            begun = answer.timings
            answer.read()
    assert answer.timings.total >= begun.total + 0.04 and answer.timings.total == answer.timings.total
    assert answer.timings.first_byte == begun.first_byte


def test_raise_for_status_shows_the_head_of_the_body(client):
    with Peer(Answers(response("422 Unprocessable", b'{"error": "no name"}' + b" " * 10 + b"x" * 500))) as peer:
        answer = client.get(peer.url)
        assert not answer.ok
        with pytest.raises(errors.StatusError) as caught:
            answer.raise_for_status()
    message = str(caught.value)
    assert "422 Unprocessable" in message and "no name" in message and peer.url in message
    assert len(message) < 400
    assert caught.value.response is answer and caught.value.request.method == "GET"
    assert client.get is not None and caught.value.kind == "Status"


def test_raise_for_status_gives_the_response_where_there_is_nothing_to_raise(client, origin):
    assert client.get(f"{origin.http}/get").raise_for_status().status_code == 200


def test_what_is_no_json_is_told_with_its_head(client, origin):
    with pytest.raises(errors.DecodingError, match="expected JSON, got .*html") as caught:
        client.get(f"{origin.http}/html").json()
    assert isinstance(caught.value, ValueError) and isinstance(caught.value.__cause__, ValueError)


def broken(*script):
    return Peer([RECEIVE, *script, CLOSE])


@pytest.mark.parametrize(
    ("script", "kind", "also"),
    [
        ([], "ConnectionClosed", ConnectionError),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"], "ConnectionClosed", ConnectionError),
        ([b"nonsense\r\n\r\n"], "ProtocolError", entreat.Error),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"], "ProtocolError", entreat.Error),
        ([response(body=b"no gzip", Content_Encoding="gzip")], "DecodingError", ValueError),
    ],
)
def test_a_peer_that_is_wrong_is_blamed(client, script, kind, also):
    with broken(*script) as peer, pytest.raises(entreat.Error) as caught:
        client.post(f"{peer.url}/path")
    error = caught.value
    assert type(error).__name__ == kind and isinstance(error, also) and error.blame == "peer"
    assert error.url == error.request.url == f"{peer.url}/path" and error.request.method == "POST"


def test_a_body_that_breaks_off_brings_its_response_along(client):
    with broken(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc") as peer:
        with pytest.raises(errors.ConnectionClosed) as caught:
            client.get(peer.url)
    assert caught.value.response.status_code == 200


def test_nobody_listening_is_the_network_s_fault(client, refused):
    with pytest.raises(errors.ConnectError) as caught:
        client.get(f"{refused}/?secret", headers={"X": "y"})
    error = caught.value
    assert isinstance(error, ConnectionError) and error.blame == "network" and error.os_errno
    assert error.request.headers == {"X": "y"}


@pytest.mark.parametrize("name", [name for name, value in vars(errors).items() if isinstance(value, type)])
def test_every_error_can_be_pickled(name):
    error = getattr(errors, name)("message")
    error.kind, error.hint, error.request = "Kind", "hint", entreat.client.Request("GET", "http://example.org/")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == "message"
    assert (again.kind, again.hint, again.request.url) == ("Kind", "hint", "http://example.org/")


def test_a_response_can_be_pickled_with_its_error(client, origin):
    with pytest.raises(errors.StatusError) as caught:
        client.get(f"{origin.http}/status/404").raise_for_status()
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.response.status_code == 404 and again.response.request.url == f"{origin.http}/status/404"


def test_what_a_pickled_response_tells_is_the_same(client, origin):
    answer = client.post(f"{origin.http}/redirect-to?url=/get", json=[1])
    again = pickle.loads(pickle.dumps(answer))
    for one, other in [(answer, again), (answer.history[0], again.history[0])]:
        assert (one.status_code, one.url, one.headers, one.timings) == (
            other.status_code,
            other.url,
            other.headers,
            pytest.approx(other.timings),
        )
        assert (one.request.method, one.request.headers) == (other.request.method, other.request.headers)
    assert again.json() == answer.json() and again.elapsed == answer.elapsed


def test_every_kind_of_the_engine_has_a_class():
    import pathlib
    import re

    source = pathlib.Path(__file__).parents[2] / "core/src/error.rs"
    if not source.exists():
        pytest.skip("needs the sources")
    kinds = source.read_text().split("pub enum Kind {")[1].split("\n}")[0]
    kinds = set(re.findall(r"^    (\w+),$", kinds, re.M)) - {"Interrupted"}
    assert kinds == set(errors._CLASSES)


def test_another_thread_that_reads_at_once_is_told(client):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na"
    with Peer([RECEIVE, head, 1, b"bc"]) as peer, client.stream("GET", peer.url) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"a"
        reader = threading.Thread(target=lambda: next(pieces))
        reader.start()
        reader.join(0.2)
        with pytest.raises(errors.StreamConsumed, match="another thread"):
            answer.read()
        reader.join()
