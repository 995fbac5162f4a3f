"""`timeout=entreat.Timeout(…)`: limits on the parts of a request and on the whole, in the express and the open lane."""

import copy
import pickle
import time

import entreat
import pytest
from entreat import exceptions
from peers import HOLD, OK, RECEIVE, Answers, Peer, response

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
#: A byte each 20 ms: no read ever waits for long.
DRIP = [RECEIVE, HEAD, *[step for _ in range(200) for step in (b"x", 0.02)]]


class Overriding(entreat.Session):
    def send(self, request, **settings):
        return super().send(request, **settings)


@pytest.fixture(params=["express", "open"])
def sending(request):
    """A session of each lane, and the lane's name."""
    with (entreat.Session if request.param == "express" else Overriding)() as made:
        yield made, request.param


def took(seconds, began):
    """Whether it ended when it should: 50 ms, and what a busy machine adds."""
    return seconds - 0.01 <= time.monotonic() - began <= seconds + 0.15


def test_a_plain_answer_is_served_in_the_same_lane(sending):
    session, lane = sending
    with Peer(Answers(OK)) as peer:
        answer = session.get(peer.url, timeout=entreat.Timeout(connect=3, read=5, write=5, pool=1, total=10))
    assert (answer.text, answer.lane) == ("ok", lane)


def test_the_functions_of_the_module_take_it():
    with Peer(Answers(OK)) as peer:
        assert entreat.post(peer.url, data={"a": "b"}, timeout=entreat.Timeout(total=5)).lane == "express"


def test_the_total_ends_a_body_that_drips(sending):
    session, _ = sending
    with Peer(DRIP) as peer:
        began = time.monotonic()
        with pytest.raises(entreat.ReadTimeout, match=r"timed out") as raised:
            session.get(peer.url, timeout=entreat.Timeout(read=5, total=0.4))
    assert took(0.4, began)
    assert raised.value.request.url == f"{peer.url}/"


def test_the_total_ends_a_stream_that_drips(sending):
    session, lane = sending
    with Peer(DRIP) as peer:
        began = time.monotonic()
        answer = session.get(peer.url, timeout=entreat.Timeout(total=0.4), stream=True)
        assert answer.lane == lane
        with pytest.raises(entreat.Timeout):
            for _ in answer.iter_content(1):
                pass
    assert took(0.4, began)


def test_the_total_ends_a_wait_for_the_head(sending):
    session, _ = sending
    with Peer([RECEIVE, HOLD]) as peer:
        began = time.monotonic()
        with pytest.raises(entreat.ReadTimeout, match=r"total timeout=0\.3"):
            session.get(peer.url, timeout=entreat.Timeout(total=0.3))
    assert took(0.3, began)


def test_the_total_goes_on_through_redirects(sending):
    session, _ = sending
    slow = [0.15, response("302 Found", Location="/again")]
    with Peer(Answers(*[slow] * 9)) as peer:
        began = time.monotonic()
        with pytest.raises(entreat.ReadTimeout):
            session.get(peer.url, timeout=entreat.Timeout(total=0.4))
    assert took(0.4, began)


def test_the_total_goes_on_through_retries():
    from urllib3 import Retry

    with Peer([RECEIVE, HOLD]) as peer, entreat.Session() as session:
        session.mount("http://", entreat.adapters.HTTPAdapter(max_retries=Retry(5, read=5)))
        began = time.monotonic()
        with pytest.raises(entreat.ReadTimeout):
            session.get(peer.url, timeout=entreat.Timeout(read=0.2, total=0.5))
    assert took(0.5, began)


def test_an_adapter_takes_it():
    with Peer([RECEIVE, HOLD]) as peer:
        request = entreat.Request("GET", peer.url).prepare()
        with pytest.raises(entreat.ReadTimeout):
            entreat.adapters.HTTPAdapter().send(request, timeout=entreat.Timeout(total=0.2))


def test_the_read_limit_is_requests_own(sending):
    session, _ = sending
    with Peer([RECEIVE, HOLD]) as peer, pytest.raises(entreat.ReadTimeout, match=r"read timeout=0\.2"):
        session.get(peer.url, timeout=entreat.Timeout(read=0.2, total=10))


def test_a_total_that_passes_while_connecting_is_a_connect_timeout(sending):
    import socket

    session, _ = sending
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Whoever comes after these two is left waiting.
        waiting = [socket.socket() for _ in range(2)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        began = time.monotonic()
        with pytest.raises(entreat.ConnectTimeout, match=r"0\.3 in total"):
            session.get(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=entreat.Timeout(total=0.3))
        assert took(0.3, began)
        for each in waiting:
            each.close()


def test_urllib3s_timeout_keeps_its_own_meaning(session):
    from urllib3 import Timeout

    # Its total bounds connecting and the first read, and says nothing of the body.
    body = [step for _ in range(8) for step in (b"x", 0.05)]
    with Peer([RECEIVE, HEAD.replace(b"100000", b"8"), *body, HOLD]) as peer:
        assert session.get(peer.url, timeout=Timeout(total=0.2)).content == b"x" * 8


def test_in_the_classic_lane_a_total_is_kept_between_pieces(session, monkeypatch):
    import socket

    monkeypatch.setattr(socket, "create_connection", lambda *a, _real=socket.create_connection, **k: _real(*a, **k))
    with Peer(DRIP) as peer:
        answer = session.get(peer.url, timeout=entreat.Timeout(total=0.3), stream=True)
        assert answer.lane == "classic"
        with pytest.raises(entreat.ReadTimeout):
            for _ in answer.iter_content(1):
                pass


# The value.


def test_it_is_a_value():
    limits = entreat.Timeout(connect=1, total=2.5)
    assert limits == entreat.Timeout(connect=1.0, total=2.5) != entreat.Timeout(connect=1)
    assert hash(limits) == hash(entreat.Timeout(connect=1.0, total=2.5))
    assert repr(limits) == str(limits) == "entreat.Timeout(connect=1.0, total=2.5)"
    assert limits.read is None and isinstance(limits, entreat.Timeout)
    with pytest.raises(AttributeError, match="make another one"):
        limits.total = 3


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda limits: pickle.loads(pickle.dumps(limits))])
def test_it_survives_copying_and_pickling(again):
    limits = entreat.Timeout(read=1, pool=2)
    assert again(limits) == limits and repr(again(limits)) == "entreat.Timeout(read=1.0, pool=2.0)"


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e9])
def test_impossible_seconds_are_refused(seconds):
    with pytest.raises(ValueError, match="read must be above 0 and below 1e9 seconds, or None for no limit; it is"):
        entreat.Timeout(read=seconds)


@pytest.mark.parametrize("seconds", ["1", True, (1, 2)])
def test_what_is_no_number_is_refused(seconds):
    with pytest.raises(TypeError, match="total must be a number of seconds"):
        entreat.Timeout(total=seconds)


def test_the_exception_of_that_name_is_what_it_was():
    error = exceptions.Timeout("text", request="r")
    assert (error.args, error.request, type(error)) == (("text",), "r", exceptions.Timeout)
    with pytest.raises(TypeError):
        exceptions.ReadTimeout(read=1)
    with pytest.raises(TypeError):
        exceptions.Timeout(total=1, unknown=2)
