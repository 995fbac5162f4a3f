"""Credentials of the modern client that take more than a pair or a token, its cookies' files, and hosts that want TLS."""

import base64
import gc
import json
import os
import weakref

import entreat
import pytest
from entreat import Auth, errors
from entreat.mock import MockTransport


@pytest.fixture
def mock():
    return MockTransport()


@pytest.fixture
def client(mock):
    with entreat.Client("http://a.test", transport=mock) as made:
        yield made


def test_basic_is_in_utf8_or_in_latin1(client, mock):
    mock.on("*", "*")
    for encoding in ("utf-8", "latin-1"):
        client.get("/", auth=Auth.basic("ü", "p", encoding))
        sent = mock.requests[-1].headers["Authorization"].removeprefix("Basic ")
        assert base64.b64decode(sent) == "ü:p".encode(encoding)
    client.get("/", auth=Auth.bearer("t0ken"))
    assert mock.requests[-1].headers["Authorization"] == "Bearer t0ken"
    with pytest.raises(errors.InvalidConfig, match="utf-16"):
        Auth.basic("u", "p", "utf-16")
    with pytest.raises(errors.InvalidHeader):
        Auth.basic("€", "p", "latin-1")


def test_sigv4_signs_fields_and_body(mock):
    mock.on("*", "*")
    auth = Auth.sigv4("AKID", "hidden", "eu-west-1", "execute-api", session_token="hidden")
    with entreat.Client("https://a.test", transport=mock, auth=auth) as client:
        client.post("/x?b=1&a=2", json=[1])
    sent = mock.requests[0].headers
    assert sent["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/") and "host" in sent["Authorization"]
    assert sent["X-Amz-Security-Token"] == "hidden" and "hidden" not in repr([auth, sent])
    with pytest.raises(errors.InvalidHeader):
        Auth.sigv4("", "s", "r", "x")


def test_a_callable_signs_each_request_with_all_its_fields(mock):
    mock.on("GET", "/a").reply(302, headers={"Location": "/b"})
    mock.on("GET", "/b")
    mock.on("PUT", "/c")
    seen = []

    def sign(request):
        seen.append((request.method, request.url, request.content, request.headers["Host"]))
        request.headers["X-Signed"] = str(len(seen))

    with entreat.Client("http://a.test", transport=mock, auth=sign) as client:
        answer = client.get("/a")
        client.put("/c", content=b"body", auth=lambda request: seen.append("own"))
        client.put("/c", content=iter([b"body"]))
        client.get("http://b.test/b")
    assert seen[:3] == [("GET", "http://a.test/a", b"", "a.test"), ("GET", "http://a.test/b", b"", "a.test"), "own"]
    assert [each[2] for each in seen[3:]] == [None]
    assert [each.headers.get("X-Signed") for each in mock.requests] == ["1", "2", None, "4", None]
    assert answer.request.headers["X-Signed"] == "2"


class Rounds:
    """Answers a challenge, as an `httpx.Auth` does."""

    def __init__(self, rounds=1):
        self.rounds, self.seen = rounds, []

    def auth_flow(self, request):
        for number in range(self.rounds + 1):
            response = yield request
            self.seen.append((response.status_code, response.headers.get("X-Nonce"), response.url))
            if response.status_code != 401:
                return
            request.headers["Authorization"] = f"Mine {response.headers['X-Nonce']}"
            request.headers[f"X-Round-{number}"] = "yes"


def challenge(mock, accepted="Mine two"):
    mock.on("POST", "/").with_header("Authorization", accepted).reply("in")
    mock.on("POST", "/").reply(401, headers={"X-Nonce": "one"}).reply(401, headers={"X-Nonce": "two"})


def test_a_flow_of_several_rounds_answers_challenges(client, mock):
    challenge(mock)
    rounds = Rounds(2)
    answer = client.post("/", content=b"body", auth=rounds)
    assert answer.text == "in" and [each[:2] for each in rounds.seen] == [(401, "one"), (401, "two"), (200, None)]
    assert [each.content for each in mock.requests] == [b"body"] * 3
    assert mock.requests[-1].headers["X-Round-0"] == mock.requests[-1].headers["X-Round-1"] == "yes"


def test_a_flow_that_gives_up_leaves_the_answer_to_the_program(client, mock):
    challenge(mock)
    assert client.post("/", auth=Rounds(0)).status_code == 401
    with pytest.raises(errors.InvalidBody, match="sent already"):
        client.post("/", content=iter([b"once"]), auth=Rounds(1))


@pytest.mark.parametrize("when", ["called", "resumed"])
def test_what_an_auth_raises_is_what_the_call_raises(client, mock, when):
    mock.on("GET", "/")

    class Broken:
        def auth_flow(self, request):
            if when == "called":
                raise KeyError("mine")
            yield request
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        client.get("/", auth=Broken())
    assert len(mock.requests) == (when == "resumed")


def test_an_auth_gives_back_its_own_request(client, mock):
    mock.on("GET", "/")
    with pytest.raises(errors.InvalidConfig, match="another client"):
        client.get("/", auth=lambda request: entreat.client.Request("GET", "http://b.test/"))

    class Reads(Rounds):
        requires_response_body = True

    with pytest.raises(TypeError, match="requires_response_body"):
        client.get("/", auth=Reads())
    with pytest.raises(TypeError, match="a callable"):
        client.get("/", auth=5)


def test_a_client_that_its_own_auth_holds_is_collected():
    rounds = Rounds()
    rounds.client = entreat.Client(auth=rounds)
    gone = weakref.ref(rounds)
    del rounds
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("name", ["cookies.txt", "cookies.json"])
def test_cookies_are_kept_in_files(client, mock, tmp_path, name):
    mock.on("GET", "/set").reply(headers={"Set-Cookie": "a=hidden; Max-Age=100; Path=/"})
    mock.on("GET", "/")
    client.get("/set")
    path = tmp_path / name
    client.cookies.save(path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with entreat.Client("http://a.test", transport=mock) as other:
        other.cookies.load(str(path))
        other.get("/")
    assert mock.requests[-1].headers["Cookie"] == "a=hidden"
    with pytest.raises(errors.InvalidConfig, match="nothing"):
        client.cookies.load(tmp_path / "nothing.txt")


def test_cookies_are_read_and_written_as_json(client):
    client.cookies.set("a", "b", "a.test")
    text = client.cookies.to_json()
    assert [(each["name"], each["value"], each["domain"]) for each in json.loads(text)] == [("a", "b", "a.test")]
    client.cookies.clear()
    client.cookies.add_json(text)
    assert client.cookies["a"] == "b"
    with pytest.raises(errors.InvalidConfig):
        client.cookies.add_json("[")


@pytest.mark.parametrize(("hsts", "scheme"), [(True, "https"), (False, "http")])
def test_a_host_that_wants_tls_gets_it_unless_hsts_is_off(mock, hsts, scheme):
    mock.on("GET", "*").reply(headers={"Strict-Transport-Security": "max-age=100"})
    with entreat.Client(transport=mock, hsts=hsts) as client:
        client.get("https://a.test/")
        assert client.get("http://a.test/").url == f"{scheme}://a.test/"
