"""The modern client: what it sends, what comes back, what its arguments may be."""

import datetime
import json
import os
import subprocess
import sys
import threading
import time

import entreat
import pytest
from entreat import errors
from peers import HOLD, RECEIVE, Answers, Peer, response


@pytest.fixture
def client():
    with entreat.Client() as made:
        yield made


def test_a_get_brings_status_headers_and_body(client, origin):
    answer = client.get(f"{origin.http}/get", params={"a": 1, "b": ["x", "y"], "c": None, "d": True})
    assert (answer.status_code, answer.reason, answer.ok, answer.http_version) == (200, "OK", True, "HTTP/1.1")
    assert answer.headers["content-TYPE"] == "application/json"
    assert answer.json()["args"] == {"a": "1", "b": ["x", "y"], "d": "true"}
    assert answer.url == f"{origin.http}/get?a=1&b=x&b=y&d=true"
    assert json.loads(answer.text) == json.loads(answer.content) == answer.json()
    assert isinstance(answer.elapsed, datetime.timedelta) and answer.elapsed.total_seconds() > 0


@pytest.mark.parametrize("method", ["get", "options", "head", "post", "put", "patch", "delete"])
def test_every_verb_is_sent_as_it_is_called(client, method):
    with Peer(Answers()) as peer:
        assert getattr(client, method)(peer.url).status_code == 200
    assert peer.requests[0].startswith(method.upper().encode() + b" / HTTP/1.1\r\n")


def test_any_method_can_be_sent(client):
    with Peer(Answers()) as peer:
        client.request("PROPFIND", peer.url)
    assert peer.requests[0].startswith(b"PROPFIND / ")


def test_json_is_compact_and_has_its_type(client, origin):
    sent = client.post(f"{origin.http}/post", json={"name": "Ünsal", "n": [1, None]}).json()
    assert sent["json"] == {"name": "Ünsal", "n": [1, None]}
    assert sent["data"] == '{"name":"Ünsal","n":[1,null]}'
    assert sent["headers"]["Content-Type"] == "application/json"


def test_nan_is_no_json(client, refused):
    with pytest.raises(ValueError, match="JSON"):
        client.post(refused, json=float("nan"))


def test_data_is_a_form(client, origin):
    assert client.post(f"{origin.http}/post", data={"a": "ä b", "c": [1, 2]}).json()["form"] == {
        "a": "ä b",
        "c": ["1", "2"],
    }


def pieces():
    yield b"one,"
    yield b""
    yield b"two"


@pytest.mark.parametrize("content", [b"one,two", "one,two", bytearray(b"one,two"), memoryview(b"one,two"), pieces])
def test_content_is_sent_as_it_is(client, origin, content):
    content = content() if callable(content) else content
    assert client.put(f"{origin.http}/put", content=content).json()["data"] == "one,two"


def test_a_file_is_read_from_where_it_stands(client, origin, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"skipped,sent")
    with open(path, "rb") as file:
        file.seek(8)
        sent = client.post(f"{origin.http}/post", content=file).json()
    assert (sent["data"], sent["headers"]["Content-Length"]) == ("sent", "4")


def test_a_file_is_sent_again_behind_a_redirect(client, origin, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"twice")
    with open(path, "rb") as file:
        url = f"{origin.http}/redirect-to"
        sent = client.put(url, params={"url": "/put", "status_code": 307}, content=file)
    assert sent.json()["data"] == "twice"


def test_a_file_opened_as_text_is_refused(client, refused, tmp_path):
    path = tmp_path / "file"
    path.write_text("text")
    with open(path) as file, pytest.raises(TypeError, match="binary mode"):
        client.post(refused, content=file)


def test_files_and_fields_make_a_form(client, origin, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"png")
    with open(path, "rb") as file:
        files = {"cat": file, "note": ("note.txt", "text", "text/plain", {"X-A": "b"})}
        sent = client.post(f"{origin.http}/post", data={"name": "Tom"}, files=files).json()
    assert (sent["files"], sent["form"]) == ({"cat": "png", "note": "text"}, {"name": "Tom"})


def test_bodies_exclude_each_other_by_name(client, refused):
    with pytest.raises(errors.InvalidConfig, match="json and content"):
        client.post(refused, json=1, content=b"")


def test_what_a_source_raises_comes_out(client, origin):
    def broken():
        yield b"some"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        client.post(f"{origin.http}/post", content=broken())


def test_an_unknown_keyword_is_refused_with_a_hint(client, refused):
    with pytest.raises(TypeError, match="follow_redirects"):
        client.get(refused, allow_redirects=False)
    with pytest.raises(TypeError, match="cheese"):
        entreat.Client(cheese=1)


def test_client_and_call_share_headers_params_and_auth(origin):
    defaults = {"headers": {"X-A": "client", "X-B": "client"}, "params": {"p": "client"}, "auth": ("user", "pass")}
    with entreat.Client(f"{origin.http}/", user_agent="mine/1", **defaults) as client:
        sent = client.get("get", headers={"x-a": "call", "X-B": None}, params={"q": "call"}).json()
    assert sent["args"] == {"p": "client", "q": "call"}
    assert sent["headers"]["Authorization"] == "Basic dXNlcjpwYXNz"
    assert sent["headers"]["User-Agent"] == "mine/1"
    assert sent["headers"]["X-A"] == "call" and "X-B" not in sent["headers"]


def test_auth_is_a_pair_or_a_token(client, origin):
    assert client.get(f"{origin.http}/basic-auth/ü/p", auth=("ü", "p")).ok
    assert client.get(f"{origin.http}/bearer", auth="t0ken").json()["token"] == "t0ken"


def test_digest_answers_the_challenge_and_is_kept_in_mind(origin):
    with entreat.Client(origin.http, auth=entreat.Auth.digest("user", "hidden")) as client:
        assert client.get("/digest-auth/auth/user/hidden").ok
        assert client.get("/digest-auth/auth/user/hidden", timeout=5).ok
        assert client.get("/digest-auth/auth/user/hidden", auth=entreat.Auth.nothing()).status_code == 401
    assert "hidden" not in repr(entreat.Auth.digest("user", "hidden"))


def test_netrc_is_asked_where_a_program_says_so(client, origin, tmp_path):
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login user password pass")
    assert client.get(f"{origin.http}/basic-auth/user/pass", auth=entreat.Auth.netrc(path)).ok


def test_credentials_of_a_client_stay_with_its_base_url():
    with Peer(Answers()) as ours, Peer(Answers()) as foreign:
        with entreat.Client(ours.url, auth="secret") as client:
            client.get("/")
            client.get(f"{foreign.url}/")
    assert b"Bearer secret" in ours.requests[0]
    assert b"Authorization" not in foreign.requests[0]


@pytest.mark.parametrize(
    ("base", "url", "target"),
    [
        ("/v1", "items", b"/v1/items"),
        ("/v1/", "/items?a=b", b"/v1/items?a=b"),
        ("/v1", "", b"/v1"),
        ("/v1", "?a=b", b"/v1?a=b"),
    ],
)
def test_relative_urls_go_below_the_base_url(base, url, target):
    with Peer(Answers()) as peer, entreat.Client(peer.url + base) as client:
        client.get(url)
    assert peer.requests[0].split(b" ")[1] == target


def test_cookies_are_kept_and_can_be_changed(client, origin):
    client.get(f"{origin.http}/cookies/set?a=1")
    assert client.cookies["a"] == "1" and "a" in client.cookies and len(client.cookies) == 1
    client.cookies.set("b", "2", "127.0.0.1")
    assert client.get(f"{origin.http}/cookies", cookies={"c": 3}).json()["cookies"] == {"a": "1", "b": "2", "c": "3"}
    assert client.cookies.remove("a") == 1
    assert client.get(f"{origin.http}/cookies").json()["cookies"] == {"b": "2"}


def test_one_object_as_url_is_what_each_client_and_each_call_makes_of_it():
    path = "items"
    with Peer(Answers()) as peer:
        with entreat.Client(base_url=f"{peer.url}/a") as first, entreat.Client(base_url=f"{peer.url}/b") as second:
            first.get(path)
            first.get(path, params={"q": "1"})
            first.get(path)
            second.get(path)
            second.post(path)
    targets = [request.split(b" HTTP")[0] for _, request in peer.completed]
    assert targets == [b"GET /a/items", b"GET /a/items?q=1", b"GET /a/items", b"GET /b/items", b"POST /b/items"]


def test_a_url_that_cannot_be_is_refused_each_time(client):
    url = "http://[::1/"
    for _ in range(2):
        with pytest.raises(errors.InvalidUrl):
            client.get(url)


def test_cookies_of_a_dictionary_belong_to_the_base_url(origin):
    with entreat.Client(origin.http, cookies={"a": "1"}) as client:
        assert client.get("/cookies").json()["cookies"] == {"a": "1"}
    with pytest.raises(errors.InvalidConfig, match="base_url"):
        entreat.Client(cookies={"a": "1"})


def test_without_cookies_none_are_kept(origin):
    with entreat.Client(cookies=False) as client:
        assert client.get(f"{origin.http}/cookies/set?a=1").cookies == {}
        assert client.get(f"{origin.http}/cookies").json()["cookies"] == {}


def test_redirects_are_followed_and_remembered(client, origin):
    answer = client.get(f"{origin.http}/redirect/2")
    assert answer.url == f"{origin.http}/get"
    assert [each.status_code for each in answer.history] == [302, 302]
    assert answer.history[0].url == f"{origin.http}/redirect/2"
    answer = client.get(f"{origin.http}/redirect/2", follow_redirects=False)
    assert (answer.status_code, answer.is_redirect) == (302, True)
    with pytest.raises(errors.TooManyRedirects):
        client.get(f"{origin.http}/redirect/3", max_redirects=2)


def test_retries_wait_and_are_counted():
    unavailable = response("503 Service Unavailable")
    with Peer(Answers(unavailable, unavailable)) as peer:
        with entreat.Client(retries=entreat.Retry(2, backoff=0.01)) as client:
            assert client.get(peer.url).attempts == 3
    with Peer(Answers(unavailable)) as peer, entreat.Client() as client:
        assert client.get(peer.url).status_code == 503
        assert client.get(peer.url, retries=1).status_code == 200


def test_https_trusts_whom_it_is_told(origin):
    with entreat.Client() as client, pytest.raises(errors.CertificateError):
        client.get(f"{origin.https}/get")
    with open(origin.ca_file) as file:
        pem = file.read()
    for verify in (origin.ca_file, pem, pem.encode(), False):
        with entreat.Client(verify=verify) as client:
            assert client.get(f"{origin.https}/get").ok


def test_hosts_can_be_sent_elsewhere():
    with Peer(Answers()) as peer, entreat.Client(resolve={"example.test": "127.0.0.1"}) as client:
        assert client.get(f"http://example.test:{peer.port}/").ok
    assert b"Host: example.test" in peer.requests[0]


def test_the_guard_refuses_loopback(refused):
    with entreat.Client(guard="public") as client, pytest.raises(errors.BlockedAddress):
        client.get(refused)
    with Peer(Answers()) as peer, entreat.Client(guard="public", guard_allow="127.0.0.1") as client:
        assert client.get(peer.url).ok


def test_a_proxy_is_asked_by_name_or_for_everything():
    with Peer(Answers()) as proxy:
        for proxies in (proxy.url, {"http": proxy.url}, {"all://": proxy.url}):
            with entreat.Client(proxies=proxies) as client:
                client.get("http://example.test/")
    assert [request.split(b" ")[1] for request in proxy.requests] == [b"http://example.test/"] * 3


def test_proxies_of_the_environment_count_unless_it_is_not_trusted(origin):
    code = "import entreat, sys; print(entreat.Client(trust_env=sys.argv[1] == 'yes').get(sys.argv[2]).status_code)"
    with Peer(Answers(response("218 Proxy"), response("218 Proxy"))) as proxy:
        for trust, expected in (("yes", "218"), ("no", "200")):
            done = subprocess.run(
                [sys.executable, "-c", code, trust, f"{origin.http}/get"],
                env={**os.environ, "http_proxy": proxy.url},
                capture_output=True,
                text=True,
                check=True,
            )
            assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("knobs", "names"),
    [
        ({"guard_allow": "10.0.0.0/8"}, ["guard_allow", "guard"]),
        ({"auth": "t", "headers": {"authorization": "x"}}, ["auth", "Authorization"]),
        ({"auth": "t", "base_url": "http://u:p@example.test"}, ["auth", "base_url"]),
        ({"user_agent": "a", "headers": {"User-Agent": "b"}}, ["user_agent", "User-Agent"]),
        ({"limits": entreat.Limits(total=1, per_origin=2)}, ["limits.per_origin", "limits.total"]),
        ({"limits": entreat.Limits(total=0)}, ["pool.total"]),
        ({"rate_limit": (0, 1)}, ["rate_limit"]),
        ({"rate_limit": (1, -1)}, ["rate_limit"]),
        ({"verify": "/no/such/file"}, ["verify"]),
        ({"cert": "/no/such/file"}, ["cert"]),
        ({"guard": "private"}, ["guard"]),
        ({"resolve": {"example.test": "nonsense"}}, ["nonsense"]),
    ],
)
def test_settings_that_contradict_themselves_are_refused_by_name(knobs, names):
    with pytest.raises(errors.InvalidConfig) as caught:
        entreat.Client(**knobs)
    assert all(name in str(caught.value) for name in names), str(caught.value)
    assert caught.value.blame == "caller" and isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"auth": ("u", "p"), "headers": {"authorization": "x"}}, ["auth", "Authorization"]),
        ({"cookies": {"a": "b"}, "headers": {"cookie": "x"}}, ["cookies", "Cookie"]),
        ({"json": 1, "files": {"a": b""}}, ["json", "files"]),
        ({"guard_allow": "10.0.0.0/8"}, ["guard_allow", "guard"]),
    ],
)
def test_arguments_that_contradict_each_other_are_refused_by_name(client, refused, options, names):
    with pytest.raises(errors.InvalidConfig) as caught:
        client.post(refused, **options)
    assert all(name in str(caught.value) for name in names), str(caught.value)


@pytest.mark.parametrize(
    "knobs",
    [{"timeout": "1"}, {"timeout": True}, {"retries": "1"}, {"verify": 1}, {"headers": 1}, {"auth": 1}, {"limits": 1}]
    + [
        {"rate_limit": 5},
        {"rate_limit": (1,)},
        {"rate_limit": (1, 1, 1, 1)},
        {"follow_redirects": 1},
        {"resolve": 1},
        {"proxies": 1},
        {"max_body": "1"},
        {"cert": ("a", "b", "c", "d")},
    ],
)
def test_settings_of_a_wrong_type_are_refused_by_name(knobs):
    with pytest.raises(TypeError, match=next(iter(knobs))):
        entreat.Client(**knobs)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), (0, 1)])
def test_impossible_timeouts_are_refused(timeout):
    with pytest.raises(errors.InvalidTimeout):
        entreat.Client(timeout=timeout)


@pytest.mark.parametrize("timeout", [0.1, (5, 0.1), entreat.Timeout(read=0.1)])
def test_a_silent_server_is_given_up(client, timeout):
    with Peer([RECEIVE, 5]) as peer, pytest.raises(errors.ReadTimeout) as caught:
        client.get(peer.url, timeout=timeout)
    assert isinstance(caught.value, TimeoutError) and caught.value.blame == "limit"


def test_a_total_covers_the_body(client):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    with Peer([RECEIVE, head, *[b"x", 0.1] * 8]) as peer, pytest.raises(errors.TotalTimeout):
        client.get(peer.url, timeout=entreat.Timeout(total=0.3))


def test_timeouts_are_finite_by_default_and_can_be_none(client):
    with Peer(Answers()) as peer:
        assert client.get(peer.url, timeout=None).ok


def test_a_body_that_is_too_large_is_refused(client):
    with Peer(Answers(response(body=b"12345"))) as peer, pytest.raises(errors.BodyTooLarge, match="max_body"):
        client.get(peer.url, max_body=4)


def test_a_host_is_asked_no_more_often_than_it_may_be():
    with Peer(Answers()) as peer:
        with entreat.Client(rate_limit=(10, 1)) as client:
            started = time.monotonic()
            for _ in range(3):
                client.get(peer.url)
            assert time.monotonic() - started >= 0.2
        with entreat.Client(rate_limit=(1, 60, 2), timeout=entreat.Timeout(pool=0.05)) as client:
            client.get(peer.url)
            client.get(peer.url)
            with pytest.raises(errors.PoolTimeout, match="rate_limit"):
                client.get(peer.url)


def test_connections_are_kept_counted_and_closed():
    with Peer(Answers()) as peer:
        client = entreat.Client(limits=entreat.Limits(per_origin=1))
        for _ in range(3):
            client.get(peer.url)
        assert len(peer.connections) == 1
        assert client.pool_stats == (1, 0, 0, 1, 2)
        client.close()
        assert peer.connections[0].closed.wait(5)


def test_a_closed_client_says_so(refused):
    client = entreat.Client()
    client.close()
    client.close()
    assert client.is_closed and "closed" in repr(client)
    with pytest.raises(errors.ClientClosed, match="closed"):
        client.get(refused)
    with pytest.raises(errors.ClientClosed), client:
        pass


def test_whatever_is_asked_of_a_closed_client_it_says_so(origin, tmp_path):
    client = entreat.Client(origin.http)
    opened = client.stream("GET", "/bytes/100000")
    request = client.build_request("GET", "/get")
    client.close()
    client.close()
    calls = [
        lambda: client.stream("GET", "/get"),
        lambda: client.send(request),
        lambda: client.download("/get", tmp_path / "file"),
        lambda: next(client.map(["/get"])),
        client.__enter__,
    ]
    for call in calls:
        with pytest.raises(errors.ClientClosed, match="closed"):
            call()
    assert len(opened.read()) == 100000 and len(client.cookies) == 0
    assert list(tmp_path.iterdir()) == [] and repr(client).endswith("(closed)>")


def test_threads_share_a_client(client, origin):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(client.get(f"{origin.http}/get").status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own_and_keeps_the_cookies(client, origin):
    client.get(f"{origin.http}/cookies/set?a=1")
    child = os.fork()
    if not child:
        kept = client.get(f"{origin.http}/cookies").json()["cookies"] == {"a": "1"}
        os._exit(0 if kept and client.pool_stats.opened == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.get(f"{origin.http}/get").ok and client.pool_stats.opened == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_stream_is_read_by_the_process_that_asked_for_it(client, origin):
    with client.stream("GET", f"{origin.http}/bytes/100000") as answer:
        pieces = answer.iter_bytes(10)
        first = next(pieces)
        child = os.fork()
        if child == 0:
            try:
                next(pieces)
            except errors.StreamConsumed as error:
                answer.close()
                os._exit(0 if "forked" in str(error) else 2)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(first) + sum(map(len, pieces)) == 100000


def test_a_stream_left_open_at_the_end_of_the_program_is_no_matter():
    code = (
        "import entreat, sys; client = entreat.Client(); answer = client.stream('GET', sys.argv[1]); answer.status_code"
    )
    with Peer([RECEIVE, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", HOLD]) as peer:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", code, peer.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_request_can_be_built_changed_and_sent(origin):
    with entreat.Client(origin.http, headers={"X-A": "a"}) as client:
        request = client.build_request("POST", "/post", json=[1])
        assert (request.method, request.url) == ("POST", f"{origin.http}/post")
        request.headers["X-B"] = "b"
        for _ in range(2):
            sent = client.send(request).json()
            assert (sent["json"], sent["headers"]["X-A"], sent["headers"]["X-B"]) == ([1], "a", "b")
        assert client.send(entreat.client.Request("GET", f"{origin.http}/get", params={"a": 1})).json()["args"] == {
            "a": "1"
        }


def test_a_url_must_be_absolute_text(client):
    for url in ("example.org/path", "ftp://example.org", "http://", "http://a b/"):
        with pytest.raises(errors.InvalidUrl):
            client.get(url)
    with pytest.raises(TypeError, match="url must be str"):
        client.get(b"http://example.org")


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"a": "b\r\nc: d"}, [("a", "\0")]])
def test_headers_that_cannot_be_sent_are_refused(client, refused, headers):
    with pytest.raises(errors.InvalidHeader):
        client.get(refused, headers=headers)


def test_a_client_is_imported_when_it_is_asked_for():
    code = "import sys, entreat; a = 'entreat.client' in sys.modules; entreat.Client; print(a, 'entreat.client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
