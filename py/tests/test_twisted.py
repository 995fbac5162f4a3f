"""`entreat.twisted`: treq's words over the engine, in each kind of reactor."""

import asyncio
import gc
import io
import json
from http.cookiejar import CookieJar

import pytest

pytest.importorskip("twisted")

import hyperlink
import treq as the_real_one
from entreat import errors
from entreat import twisted as treq
from entreat.mock import MockTransport
from peers import CLOSE, RECEIVE, Peer
from twisted.internet import defer, epollreactor, pollreactor, selectreactor
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer, ResponseDone
from twisted.web.http_headers import Headers


def _uvloop_reactor():
    uvloop = pytest.importorskip("uvloop")
    return AsyncioSelectorReactor(uvloop.new_event_loop())


REACTORS = {
    "epoll": epollreactor.EPollReactor,
    "poll": pollreactor.PollReactor,
    "select": selectreactor.SelectReactor,
    "asyncio": lambda: AsyncioSelectorReactor(asyncio.new_event_loop()),
    "uvloop": _uvloop_reactor,
}


class Running:
    """A reactor that runs only while something is waited for, so that one process can have several."""

    def __init__(self, reactor):
        self.reactor = reactor
        reactor.startRunning(installSignalHandlers=False)

    def wait(self, deferred, seconds=20):
        outcome = []
        deferred.addBoth(outcome.append)
        late = self.reactor.seconds() + seconds
        while not outcome and self.reactor.seconds() < late:
            self.reactor.iterate(0.05)
        assert outcome, "the deferred has not fired"
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]

    def leftovers(self):
        """What keeps a reactor busy, and trial unhappy."""
        return [*self.reactor.getReaders(), *self.reactor.getWriters()], self.reactor.getDelayedCalls()


@pytest.fixture(scope="module", params=REACTORS)
def any_reactor(request):
    return Running(REACTORS[request.param]())


@pytest.fixture(scope="module")
def running():
    return Running(epollreactor.EPollReactor())


@pytest.fixture
def client(running):
    made = treq.HTTPClient(reactor=running.reactor)
    yield made
    running.wait(made.close())


def test_every_reactor_serves(any_reactor, origin):
    client, wait = treq.HTTPClient(reactor=any_reactor.reactor), any_reactor.wait
    before = any_reactor.leftovers()
    for _ in range(3):
        answer = wait(client.get(f"{origin.http}/get", params={"a": ["1", "2"]}))
        assert (answer.code, answer.phrase, answer.version) == (200, b"OK", (b"HTTP", 1, 1))
        assert wait(answer.json())["args"] == {"a": ["1", "2"]}
    many = [client.get(f"{origin.http}/bytes/1000?seed={number}") for number in range(50)]
    answers = wait(defer.gatherResults(many))
    bodies = wait(defer.gatherResults([treq.content(answer) for answer in answers]))
    assert [len(body) for body in bodies] == [1000] * 50 and len(set(bodies)) == 50
    assert any_reactor.leftovers() == before
    wait(client.close())


def test_many_at_once_wait_together(any_reactor, origin):
    client = treq.HTTPClient(reactor=any_reactor.reactor)
    begun = any_reactor.reactor.seconds()
    any_reactor.wait(defer.gatherResults([client.get(f"{origin.http}/delay/0.4") for _ in range(20)]))
    assert 0.4 <= any_reactor.reactor.seconds() - begun < 4
    any_reactor.wait(client.close())


def test_tls(running, origin):
    client = treq.HTTPClient(reactor=running.reactor, verify=origin.ca_file)
    assert running.wait(running.wait(client.get(f"{origin.https}/get")).json())["url"].startswith("https://")
    with pytest.raises(errors.Error) as caught:
        running.wait(treq.get(f"{origin.https}/get", reactor=running.reactor))
    assert "certificate" in str(caught.value)


@pytest.mark.parametrize("method", ["get", "options", "head", "post", "put", "patch", "delete"])
def test_each_method_has_its_function(running, origin, method):
    answer = running.wait(getattr(treq, method)(f"{origin.http}/anything", reactor=running.reactor))
    body = running.wait(treq.content(answer))
    assert answer.code == 200
    assert body == b"" if method in ("head", "options") else json.loads(body)["method"] == method.upper()


def test_it_has_every_name_that_treq_has():
    assert set(the_real_one.__all__) <= set(treq.__all__)


def _sent(running, origin, **arguments):
    answer = running.wait(treq.post(f"{origin.http}/anything", reactor=running.reactor, **arguments))
    return running.wait(treq.json_content(answer))


def test_headers_come_in_every_shape(running, origin):
    for headers in ({b"X-One": b"1"}, {"X-One": ["1"]}, Headers({"X-One": ["1"]})):
        assert _sent(running, origin, headers=headers)["headers"]["X-One"] == "1"


def test_bodies_come_in_every_shape(running, origin):
    assert _sent(running, origin, data=b"bytes")["data"] == "bytes"
    assert _sent(running, origin, data={"a": ["1", "2"]})["form"] == {"a": ["1", "2"]}
    assert _sent(running, origin, data=[("a", "ü")])["form"] == {"a": "ü"}
    assert _sent(running, origin, data=io.BytesIO(b"a file"))["data"] == "a file"
    assert _sent(running, origin, json={"a": [None]})["json"] == {"a": [None]}
    assert _sent(running, origin, json=None)["json"] is None


def test_files_are_sent_as_a_form(running, origin):
    for files in ({"f": ("n.txt", io.BytesIO(b"body"))}, [("f", "n.txt", "text/x-y", io.BytesIO(b"body"))]):
        sent = _sent(running, origin, files=files, data={"field": "value"})
        assert (sent["files"], sent["form"]) == ({"f": "body"}, {"field": "value"})


def test_a_body_producer_is_asked_piece_by_piece(running, origin):
    big = bytes(range(256)) * 4000
    producer = FileBodyProducer(io.BytesIO(big), cooperator=_cooperator(running.reactor))
    sent = _sent(running, origin, data=producer)
    assert sent["headers"]["Content-Length"] == str(len(big))
    assert len(sent["data"]) > len(big)  # base64


def _cooperator(reactor):
    from twisted.internet.task import Cooperator

    return Cooperator(scheduler=lambda function: reactor.callLater(0, function))


def test_a_producer_that_fails_breaks_the_request_off(running, origin):
    class Broken:
        length = 10

        def read(self, size):
            raise ZeroDivisionError("halfway")

        def close(self):
            pass

    broken = FileBodyProducer.__new__(FileBodyProducer)
    broken._inputFile, broken._cooperate = Broken(), _cooperator(running.reactor).cooperate
    broken._readSize, broken.length = 10, 10
    with pytest.raises((errors.Error, ZeroDivisionError), match="halfway"):
        _sent(running, origin, data=broken)


def test_coroutines_of_the_program_may_await_deferreds(running, origin):
    async def slowly(response):
        seen.append(await deferLater(running.reactor, 0.01, lambda: response.status_code))

    async def fails(response):
        await defer.maybeDeferred(lambda: 1 / 0)

    seen = []
    client = treq.HTTPClient(reactor=running.reactor, hooks={"response": slowly})
    assert running.wait(client.get(f"{origin.http}/get")).code == 200 and seen == [200]
    client = treq.HTTPClient(reactor=running.reactor, hooks={"response": fails})
    with pytest.raises(ZeroDivisionError):
        running.wait(client.get(f"{origin.http}/get"))


def test_credentials_cookies_and_urls(running, origin):
    wait, reactor = running.wait, running.reactor
    url = hyperlink.DecodedURL.from_text(f"{origin.http}/basic-auth/user/pass")
    assert wait(treq.get(url, auth=(b"user", "pass"), reactor=reactor)).code == 200
    assert wait(treq.get(f"{origin.http}/basic-auth/user/pass".encode(), reactor=reactor)).code == 401
    answer = wait(treq.get(f"{origin.http}/cookies", cookies={"a": "1"}, reactor=reactor))
    assert wait(answer.json()) == {"cookies": {"a": "1"}}


def test_a_client_keeps_cookies_and_the_functions_do_not(running, client, origin):
    answer = running.wait(client.get(f"{origin.http}/cookies/set/a/1"))
    assert answer.cookies()["a"] == "1" and isinstance(answer.cookies(), CookieJar)
    assert running.wait(answer.json()) == {"cookies": {"a": "1"}}
    assert [past.code for past in answer.history()] == [302]
    again = running.wait(client.get(f"{origin.http}/cookies", cookies=answer.cookies()))
    assert running.wait(again.json()) == {"cookies": {"a": "1"}}
    alone = running.wait(treq.get(f"{origin.http}/cookies", reactor=running.reactor))
    assert running.wait(alone.json()) == {"cookies": {}}


def test_fields_are_the_bytes_that_came(running, client):
    with Peer(
        [RECEIVE, b"HTTP/1.1 200 OK\r\nSnow: \xe2\x98\x83\r\nCafe: \xc3\xa9\r\nCafe: \xe9\r\nContent-Length: 0\r\n\r\n"]
    ) as peer:
        fields = running.wait(client.get(peer.url)).headers
    assert fields.getRawHeaders(b"snow") == ["\N{SNOWMAN}".encode()]
    assert fields.getRawHeaders(b"cafe") == [b"\xc3\xa9", b"\xe9"]


def test_redirects_can_be_left_alone(running, client, origin):
    assert running.wait(client.get(f"{origin.http}/redirect/2", allow_redirects=False)).code == 302
    answer = running.wait(client.get(f"{origin.http}/redirect/2"))
    assert len(answer.history()) == 2 and answer.previousResponse.code == 302
    assert running.wait(answer.previousResponse.content()) == b""
    assert answer.request.absoluteURI.endswith(b"/get")


def test_text_goes_by_the_charset(running, client, origin):
    answer = running.wait(client.get(f"{origin.http}/encoding/utf8"))
    assert "∮" in running.wait(treq.text_content(answer))
    assert "∮" in running.wait(answer.text())


def test_a_buffered_body_can_be_asked_for_again_and_an_unbuffered_one_once(running, client, origin):
    answer = running.wait(client.get(f"{origin.http}/bytes/70000?seed=1"))
    first, second = running.wait(answer.content()), running.wait(treq.content(answer))
    assert first == second and len(first) == answer.length == 70000
    answer = running.wait(client.get(f"{origin.http}/bytes/70000?seed=1", unbuffered=True))
    assert running.wait(answer.content()) == first
    with pytest.raises(RuntimeError, match="once"):
        answer.content()


def test_whoever_asks_while_a_body_is_on_its_way_gets_all_of_it(running, client, origin):
    answer = running.wait(client.get(f"{origin.http}/testkit/large/1000000"))
    pieces = []
    whole, collected = answer.content(), answer.collect(pieces.append)
    assert not whole.called
    assert running.wait(whole) == b"".join(pieces) != b""
    assert running.wait(collected) is None and answer.length == 1000000


def test_what_a_collector_raises_fails_the_deferred(running, client, origin):
    answer = running.wait(client.get(f"{origin.http}/bytes/100000", unbuffered=True))
    with pytest.raises(ZeroDivisionError):
        running.wait(treq.collect(answer, lambda piece: 1 / 0))
    assert client._client.pool_stats.in_use == 0


def test_a_protocol_holds_the_server_back(running, client, origin):
    class Slow(Protocol):
        def __init__(self):
            self.pieces, self.ended = [], defer.Deferred()

        def dataReceived(self, data):
            self.pieces.append(data)
            self.transport.pauseProducing()

        def connectionLost(self, reason):
            self.ended.callback(reason)

    answer = running.wait(client.get(f"{origin.http}/testkit/large/1000000", unbuffered=True))
    slow = Slow()
    answer.deliverBody(slow)
    for _ in range(5):
        running.reactor.iterate(0.02)
    assert len(slow.pieces) <= 1
    while not slow.ended.called:
        slow.transport.resumeProducing()
        running.reactor.iterate(0.01)
    slow.ended.addCallback(lambda reason: reason.trap(ResponseDone))
    assert sum(map(len, slow.pieces)) == 1000000


def test_cancelling_frees_the_connection_at_once(running, client, origin):
    before = running.leftovers()
    waiting = client.get(f"{origin.http}/delay/10")
    running.reactor.iterate(0.05)
    waiting.cancel()
    with pytest.raises(defer.CancelledError):
        running.wait(waiting)
    assert client._client.pool_stats[:3] == (0, 0, 0)
    assert running.leftovers() == before


def test_a_time_out_is_of_the_whole_request(running, client, origin):
    with pytest.raises(errors.TimeoutError):
        running.wait(client.get(f"{origin.http}/delay/10", timeout=0.1))


def test_errors_are_entreats(running, client, refused):
    with pytest.raises(errors.ConnectError) as caught:
        running.wait(client.get(refused))
    assert caught.value.request.url.startswith(refused)


def test_a_body_cut_short_fails_the_deferred(running, client):
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"
    with Peer([RECEIVE, cut, CLOSE]) as peer:
        answer = running.wait(client.get(peer.url))
        with pytest.raises(errors.Error):
            running.wait(answer.content())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"agent": object()}, "HTTPClient"),
        ({"pool": object()}, "limits"),
        ({"jsn": {}}, "jsn"),
        ({"json": {}, "data": b"x"}, "json"),
        ({"headers": 1}, "headers"),
        ({"headers": {"a": 1}}, "text or bytes"),
    ],
)
def test_mistakes_in_the_arguments_fail_the_deferred(running, client, arguments, what):
    with pytest.raises(TypeError, match=what):
        running.wait(client.get("http://localhost/", **arguments))


def test_a_client_may_be_over_a_mock(running):
    mock = MockTransport()
    mock.on("GET", "/items").reply(json={"a": 1})
    client = treq.HTTPClient(reactor=running.reactor, transport=mock)
    assert running.wait(running.wait(client.get("http://example.org/items")).json()) == {"a": 1}


def test_nothing_stays_behind(running, origin):
    before = running.leftovers()
    client = treq.HTTPClient(reactor=running.reactor)
    running.wait(client.get(f"{origin.http}/get"))
    del client
    gc.collect()
    assert running.leftovers() == before
