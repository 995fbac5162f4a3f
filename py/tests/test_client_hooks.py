"""The modern client: hooks, the logger, and many requests at once."""

import gc
import logging
import subprocess
import sys
import threading
import weakref

import entreat
import pytest
from entreat import errors
from entreat.mock import MockTransport
from peers import Answers, Peer, response


def test_hooks_see_each_request_and_response_in_their_order(origin):
    seen = []

    def sign(request):
        seen.append(request.method)
        request.headers["X-Signed"] = "yes"

    hooks = {"request": [sign, lambda request: seen.append("second")], "response": lambda r: seen.append(r.status_code)}
    with entreat.Client(origin.http, hooks=hooks) as client:
        assert client.get("/get").json()["headers"]["X-Signed"] == "yes"
    assert seen == ["GET", "second", 200]


def test_a_hook_may_put_another_request_in_its_place(origin):
    other = entreat.client.Request("POST", f"{origin.http}/post", json=[1])
    with entreat.Client(hooks={"request": lambda request: other}) as client:
        answer = client.get(f"{origin.http}/get")
    assert answer.json()["json"] == [1] and answer.request.method == "POST"


def test_what_a_hook_raises_is_what_the_call_raises(origin):
    with entreat.Client(origin.http, hooks={"response": entreat.client.Response.raise_for_status}) as client:
        assert client.get("/get").ok
        with pytest.raises(errors.StatusError):
            client.get("/status/500")


def test_redirects_are_shown_before_they_are_followed_and_may_be_refused(origin):
    seen = []

    def judge(next):
        seen.append((next.status_code, next.headers["Location"], next.url, next.next_method, next.next_url))
        if next.next_url.endswith("/get"):
            raise KeyError("no further")

    with entreat.Client(origin.http.replace("//", "//user:hidden@"), hooks={"redirect": judge}) as client:
        with pytest.raises(KeyError, match="no further"):
            client.get("/redirect/2")
        assert client.get("/redirect/1", follow_redirects=False).is_redirect
    first, second = seen
    assert first[2:] == (f"{origin.http}/redirect/2", "GET", f"{origin.http}/relative-redirect/1")
    assert second[4] == f"{origin.http}/get" and "hidden" not in repr(seen)


def test_retries_are_shown_before_they_are_waited_for_and_may_be_refused(refused):
    seen = []

    def count(next):
        seen.append(next)
        if next.attempt == 3:
            raise KeyError("enough")

    mock = MockTransport()
    mock.on("GET", "/").reply(503).reply(200)
    retries = entreat.Retry(5, backoff=0.001, jitter=0.0)
    with entreat.Client("http://a.test", transport=mock, retries=retries, hooks={"retry": [count]}) as client:
        assert client.get("/").attempts == 2
    assert seen == [(2, 0.001, "GET", "http://a.test/", 503, None)]
    with entreat.Client(retries=retries, hooks={"retry": count}) as client:
        with pytest.raises(KeyError, match="enough"):
            client.get(refused)
    assert isinstance(seen[-1].error, errors.ConnectError) and seen[-1].status_code is None


def test_early_hints_are_told_before_the_answer():
    told = []
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    with Peer(Answers(hints + response())) as peer:
        with entreat.Client(hooks={"early_hints": told.append}) as client:
            assert client.get(peer.url).ok
    assert told == [{"Link": "</a.css>"}]


@pytest.mark.parametrize(
    ("hooks", "error", "named"),
    [
        ({"response": 1}, TypeError, "callable"),
        ({"nothing": print}, errors.InvalidConfig, "nothing"),
        (print, TypeError, "hooks"),
    ],
)
def test_hooks_that_cannot_be_are_refused(hooks, error, named):
    with pytest.raises(error, match=named):
        entreat.Client(hooks=hooks)


@pytest.mark.parametrize("event", ["request", "redirect", "response"])
def test_a_coroutine_function_is_no_hook_of_a_client_that_blocks(event):
    async def refuse(_):
        raise AssertionError("nobody awaits this")

    with Peer(Answers(response("302 Found", b"", Location="/next"), response("200 OK", b"ok"))) as peer:
        with entreat.Client(hooks={event: refuse}) as client:
            with pytest.raises(TypeError, match=r"entreat\.aio"):
                client.get(peer.url)


def test_a_client_that_its_own_hook_holds_is_collected():
    holder = []
    client = entreat.Client(hooks={"response": lambda answer: holder})
    gone = weakref.ref(client)
    client.mine = client
    del client
    gc.collect()
    assert gone() is None


def test_exchanges_are_logged_without_secrets(origin, refused, caplog):
    caplog.set_level(logging.DEBUG, "entreat")
    with entreat.Client() as client:
        client.get(origin.http.replace("//", "//user:hidden@") + "/get")
        with pytest.raises(errors.ConnectError):
            client.get(refused)
    first, second = (record.getMessage() for record in caplog.records if record.name == "entreat")
    assert first.startswith(f"GET {origin.http}/get: 200 after 0.") and "hidden" not in caplog.text
    assert second.startswith(f"GET {refused}/: could not connect")


def test_whoever_begins_to_listen_hears_from_then_on(origin, caplog):
    def heard():
        # Three times: what was found the first time may be kept.
        for _ in range(3):
            client.get(f"{origin.http}/get")
        return len([record for record in caplog.records if record.name == "entreat"])

    with entreat.Client() as client:
        for level, number in ((logging.WARNING, 0), (logging.DEBUG, 3), (logging.WARNING, 3), (logging.DEBUG, 6)):
            caplog.set_level(level, "entreat")
            assert heard() == number
        logging.disable()
        assert heard() == 6
        logging.disable(logging.NOTSET)
        assert heard() == 9


def test_logging_is_not_imported_for_nobody(origin):
    code = "import sys, entreat; entreat.Client().get(sys.argv[1]); print('logging' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, f"{origin.http}/get"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"]


def test_logging_that_is_imported_later_hears_from_then_on(origin):
    code = """if 1:
        import sys, entreat
        client = entreat.Client()
        for _ in range(3):
            client.get(sys.argv[1])
        import logging
        logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(name)s")
        client.get(sys.argv[1])
    """
    command = [sys.executable, "-c", code, f"{origin.http}/get"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["entreat"]


@pytest.fixture
def client(origin):
    with entreat.Client(origin.http) as made:
        yield made


def test_many_requests_are_answered_as_the_answers_come(client):
    urls = ["/delay/1", *[f"/get?n={n}" for n in range(20)]]
    found = [answer.url.rpartition("/")[2] for answer in client.map(urls, concurrency=4)]
    assert found[-1] == "1" and sorted(found[:-1]) == sorted(f"get?n={n}" for n in range(20))


def test_many_requests_may_be_of_any_kind(client):
    requests = ["/get", client.build_request("PUT", "/put"), {"method": "POST", "url": "/post", "json": 1}]
    found = {answer.request.method for answer in client.map(requests)}
    assert found == {"GET", "PUT", "POST"}


def test_what_fails_is_raised_in_its_turn_or_given(client, refused):
    answers = client.map([refused, "/get", "/get"], concurrency=1)
    with pytest.raises(errors.ConnectError):
        next(answers)
    assert [answer.status_code for answer in answers] == [200, 200]
    found = list(client.map([refused, "/get"], return_exceptions=True))
    assert sorted(type(each).__name__ for each in found) == ["ConnectError", "Response"]


def test_requests_are_taken_no_further_ahead_than_they_are_sent(client):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield "/get"

    with client.map(endless(), concurrency=3) as answers:
        for _ in range(5):
            next(answers)
        assert len(taken) <= 8
    assert list(answers) == []


def test_what_the_requests_raise_comes_behind_their_answers(client):
    def broken():
        yield "/get"
        raise KeyError("mine")

    answers = client.map(broken())
    assert next(answers).ok
    with pytest.raises(KeyError, match="mine"):
        next(answers)
    assert list(answers) == []


def test_threads_of_a_map_end_with_it(client):
    list(client.map(["/get"] * 4))
    for thread in threading.enumerate():
        if thread.name.startswith("entreat-map"):
            thread.join(5)
            assert not thread.is_alive()


def test_concurrency_must_be_a_number_above_0(client):
    for wrong in (0, True, "1"):
        with pytest.raises(ValueError, match="concurrency"):
            client.map([], concurrency=wrong)
