"""Transports of the modern client: a mock with routes and replies, a callable, and a WSGI app called in this process."""

import gc
import io
import weakref
from wsgiref.validate import validator

import entreat
import pytest
from entreat import errors
from entreat.mock import MockTransport, Reply


@pytest.fixture
def mock():
    return MockTransport()


@pytest.fixture
def client(mock):
    with entreat.Client("http://a.test", transport=mock) as made:
        yield made


def test_routes_answer_and_what_was_sent_can_be_looked_at(client, mock):
    mock.on("POST", "/users").reply(201, headers={"Location": "/users/1"})
    route = mock.on("GET", "http://a.test/users/1").reply("John")
    assert client.post("/users", data={"name": "John"}).status_code == 201
    assert client.get("/users/1", params={"full": 1}).text == "John"
    sent = mock.requests[0]
    assert (sent.method, sent.url, sent.content) == ("POST", "http://a.test/users", b"name=John")
    assert sent.headers["Host"] == "a.test" and sent.headers["Content-Length"] == "9"
    assert route.calls == 1 and route.requests[0].url == "http://a.test/users/1?full=1"
    mock.assert_all_used()


def test_replies_come_one_after_the_other_and_the_last_one_stays(client, mock):
    mock.on("GET", "/").reply(503).reply(json={"a": 1})
    assert [client.get("/").status_code for _ in range(3)] == [503, 200, 200]
    assert client.get("/").json() == {"a": 1}


def test_a_route_stands_for_what_its_url_and_conditions_say(client, mock):
    mock.on("*", "/a*").with_header("X-A", "b").times(1).reply("first")
    mock.on("GET", "/a?q=1").reply("query")
    mock.on("GET", "/a").when(lambda request: "secret" in request.url).reply("secret")
    mock.on("GET", "http://a.test").reply_with(lambda request: request.method)
    assert client.get("/abc", headers={"X-A": "b"}).text == "first"
    assert client.get("/a?q=1", headers={"X-A": "b"}).text == "query"
    assert client.get("/a?secret").text == "secret"
    assert client.get("/").text == "GET"


def test_a_request_that_no_route_answers_says_which_there_are(client, mock):
    mock.on("GET", "/there")
    with pytest.raises(
        errors.InvalidConfig, match=r"got GET http://a.test/elsewhere \(its routes: GET /there\)"
    ) as caught:
        client.get("/elsewhere")
    assert caught.value.request.method == "GET" and mock.requests
    with pytest.raises(AssertionError, match="GET /there: 0 of 1 calls"):
        mock.assert_all_used()
    mock.reset()
    assert not mock.requests


@pytest.mark.parametrize(
    ("answer", "status", "content"),
    [(204, 204, b""), ("text", 200, b"text"), (b"bytes", 200, b"bytes"), (Reply(404, content="x"), 404, b"x")],
)
def test_a_handler_answers_each_request(answer, status, content):
    for transport in (MockTransport(lambda request: answer), lambda request: answer):
        response = entreat.Client(transport=transport).get("http://a.test/")
        assert (response.status_code, response.content) == (status, content)


def test_a_handler_may_give_the_answer_of_another_client(mock):
    mock.on("GET", "/").reply("ä", headers={"Content-Type": "text/plain; charset=utf-8"})
    inner = entreat.Client(transport=mock)
    outer = entreat.Client(transport=lambda request: inner.get(request.url))
    assert outer.get("http://a.test/").text == "ä"


def test_what_is_no_transport_or_no_reply_is_refused(refused):
    with pytest.raises(TypeError, match="transport must be"):
        entreat.Client(transport=5)
    with pytest.raises(TypeError, match="a Reply, a status"):
        entreat.Client(transport=lambda request: None).get("http://a.test/")
    with pytest.raises(ValueError, match="200 to 999"):
        Reply(100)
    with pytest.raises(ValueError, match="one of content"):
        Reply(json=1, text="x")


def test_policies_run_over_a_transport(client, mock):
    mock.on("GET", "/login").reply(302, headers=[("Location", "/home"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")])
    mock.on("GET", "/home").reply(503).reply(200)
    answer = client.get("/login", retries=entreat.Retry(1, backoff=0.0), auth=("user", "pass"))
    assert (answer.status_code, answer.attempts, len(answer.history)) == (200, 2, 1)
    assert mock.requests[-1].headers["Cookie"] == "a=b; c=d" and "Authorization" in mock.requests[-1].headers
    assert client.cookies["a"] == "b"


def test_a_delay_is_waited_for_within_the_time_outs(client, mock):
    mock.on("GET", "/").reply(200, delay=5.0)
    with pytest.raises(errors.ReadTimeout):
        client.get("/", timeout=0.05)


def test_a_body_that_is_cut_short_is_an_error(client, mock):
    mock.on("GET", "/").reply(content=b"half", cut_short=True)
    with pytest.raises(errors.ConnectionClosed):
        client.get("/")


@pytest.mark.parametrize("kind", [kind for kind, known in errors._CLASSES.items() if kind not in ("Status",)])
def test_every_failure_can_be_asked_for(client, mock, kind):
    mock.on("GET", "/").reply(Reply.fail(kind))
    with pytest.raises(errors._CLASSES[kind]) as caught:
        client.get("/")
    assert caught.value.kind == kind and caught.value.request.url == "http://a.test/"


def test_failures_of_a_transport_are_retried_by_their_class(mock):
    tries = []

    def broken(request):
        tries.append(request)
        raise errors.ConnectError("mine") if len(tries) < 3 else KeyError("app")

    with pytest.raises(KeyError, match="app"):
        entreat.Client(transport=broken, retries=entreat.Retry(5, backoff=0.0)).get("http://a.test/")
    assert len(tries) == 3
    with pytest.raises(TypeError, match="fail takes"):
        Reply.fail(KeyError)


def test_a_reply_may_come_piece_by_piece(client, mock):
    asked, closed = [], []

    class Pieces:
        def __iter__(self):
            for each in (b"one", b"", b"two", b"three"):
                asked.append(each)
                yield each

        def close(self):
            closed.append(True)

    mock.on("GET", "/").reply_with(lambda request: Reply(content=Pieces()))
    with client.stream("GET", "/") as answer:
        assert next(answer.iter_bytes()) == b"one" and len(asked) == 1 and not closed
    assert closed == [True]
    assert client.get("/").content == b"onetwothree" and len(closed) == 2


def test_a_client_that_its_transport_holds_is_collected():
    mock = MockTransport()
    mock.client = entreat.Client(transport=mock)
    gone = weakref.ref(mock)
    del mock
    gc.collect()
    assert gone() is None


def wsgi(app, url="http://a.test", **options):
    return entreat.Client(url, transport=entreat.WSGITransport(app, **options))


def test_an_app_sees_what_pep_3333_says():
    seen = {}

    def app(environ, start_response):
        seen.update(environ, body=environ["wsgi.input"].read())
        start_response("201 Made", [("Content-Type", "text/plain"), ("Set-Cookie", "a=b")])
        return [b"a", b"b"]

    fields = [("X-A", "1"), ("X-A", "ü"), ("Content-Type", "text/x")]
    answer = wsgi(app, "https://a.test:8443", script_name="/mount").put(
        "/mount/p%C3%A4?q=%20", headers=fields, content="x"
    )
    assert (answer.status_code, answer.reason, answer.text) == (201, "Made", "ab") and answer.cookies == {"a": "b"}
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/mount", "/p\xc3\xa4", "q=%20")
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"], seen["wsgi.url_scheme"]) == ("a.test", "8443", "https")
    assert (seen["CONTENT_TYPE"], seen["CONTENT_LENGTH"], seen["body"]) == ("text/x", "1", b"x")
    assert seen["HTTP_HOST"] == "a.test:8443" and seen["HTTP_X_A"] == "1, \xc3\xbc"
    assert seen["REMOTE_ADDR"] == "127.0.0.1" and seen["REQUEST_METHOD"] == "PUT" and "HTTP_CONTENT_TYPE" not in seen


def test_an_app_passes_the_validator_of_the_standard_library():
    def app(environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"written,")
        return iter([body])

    client = wsgi(validator(app))
    assert client.post("/", content=iter([b"some", b"thing"])).content == b"written,something"
    assert client.get("/").content == b"written,"


def test_a_stream_of_an_app_is_one_and_is_closed():
    state = []

    def app(environ, start_response):
        try:
            start_response("200 OK", [("Content-Type", "text/plain")])
            for number in range(3):
                state.append(number)
                yield b"%d" % number
        finally:
            state.append("closed")

    with wsgi(app).stream("GET", "/") as answer:
        assert state == [0]
        assert next(answer.iter_bytes()) == b"0" and "closed" not in state
    assert state[-1] == "closed"
    assert wsgi(app).get("/").content == b"012"
    assert wsgi(app).head("/").content == b""


def failing(when):
    def app(environ, start_response):
        if when == "at once":
            raise KeyError("app")
        start_response("200 OK", [("Content-Type", "text/plain")])
        if when == "told":
            try:
                raise KeyError("app")
            except KeyError:
                import sys

                start_response("502 Sorry", [("Content-Type", "text/plain")], sys.exc_info())
            return iter([b"page"])
        return broken()

    def broken():
        yield b"some"
        raise KeyError("app")

    return app


@pytest.mark.parametrize("when", ["at once", "told", "later"])
def test_what_an_app_raises_is_what_the_call_raises(when):
    with pytest.raises(KeyError, match="app"):
        wsgi(failing(when)).get("/")


@pytest.mark.parametrize(("when", "status"), [("at once", 500), ("told", 502), ("later", None)])
def test_what_an_app_raises_may_be_answered_as_a_server_does(when, status):
    told = io.StringIO()
    client = wsgi(failing(when), raise_app_exceptions=False, wsgi_errors=told)
    if status is None:
        with pytest.raises(errors.ConnectionClosed):
            client.get("/")
    else:
        assert client.get("/").status_code == status
    assert "KeyError: 'app'" in told.getvalue()


def test_an_app_that_breaks_the_rules_is_told():
    def silent(environ, start_response):
        return [b"body"]

    def text(environ, start_response):
        start_response("200 OK", [])
        return ["text"]

    def twice(environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])

    for app, error, named in [
        (silent, RuntimeError, "before its body"),
        (text, TypeError, "bytes"),
        (twice, RuntimeError, "second"),
    ]:
        with pytest.raises(error, match=named):
            wsgi(app).get("/")
    with pytest.raises(TypeError, match="callable"):
        entreat.WSGITransport(1)
