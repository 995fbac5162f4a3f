"""The express lane serves what is plain, and nobody can tell: its responses behave as any, and a patch is always called.

Which requests take it is told by `Response.lane`. Whatever a program customises must be called, so it leaves the lane.
"""

import copy
import gc
import logging
import os
import pickle
import pkgutil
import weakref
from unittest import mock

import entreat
import pytest
from entreat import adapters, cookies, models, sessions
from peers import OK, Answers, Peer, response


@pytest.fixture
def peer():
    with Peer(Answers()) as running:
        yield running


PLAIN = {
    "nothing else": {},
    "headers": {"headers": {"X-One": "1", "Accept": None}},
    "params": {"params": {"q": "a b", "n": 1, "list": ["x", "y"], "none": None}},
    "json": {"json": {"a": [1, None, "ü"]}},
    "a form": {"data": {"name": "John", "job": "developer"}},
    "text": {"data": "plain text ü"},
    "bytes": {"data": b"\0\xff"},
    "a pair for auth": {"auth": ("user", "pass")},
    "cookies": {"cookies": {"a": "b"}},
    "a time-out": {"timeout": 5},
    "two time-outs": {"timeout": (3.05, 27)},
    "no time-out to connect": {"timeout": (None, 5.0)},
    "stream": {"stream": True},
    "no redirects": {"allow_redirects": False},
    "verify=False over http": {"verify": False},
}


@pytest.mark.parametrize("arguments", PLAIN.values(), ids=PLAIN.keys())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_plain_call_takes_the_express_lane(session, peer, method, arguments):
    answer = session.request(method, f"{peer.url}/path?query=1", **arguments)
    assert answer.lane == "express"
    assert answer.text == "ok"


def nothing(session):
    pass


#: What most programs do to a session, and the arguments of most calls: none of it costs the lane.
KEPT_WITH = {
    "headers of the session": (lambda session: session.headers.update({"X-Session": "1"}), {}),
    "a cookie in the jar": (lambda session: session.cookies.set("kept", "yes"), {}),
    "auth of the session": (lambda session: setattr(session, "auth", ("user", "pass")), {}),
    "auth=": (nothing, {"auth": ("user", "pass")}),
    "params=": (nothing, {"params": {"q": "a b", "list": [1, 2]}}),
    "json=": (nothing, {"json": {"a": [1, None, "ü"]}}),
    "data=": (nothing, {"data": {"name": "John"}}),
    "timeout=": (nothing, {"timeout": (3.05, 27)}),
    "stream=": (nothing, {"stream": True}),
    "a plain adapter that retries": (
        lambda session: session.mount("http://", adapters.HTTPAdapter(max_retries=3)),
        {},
    ),
    "such adapters for both schemes": (
        lambda session: [
            session.mount(f"{each}://", adapters.HTTPAdapter(max_retries=3)) for each in ("http", "https")
        ],
        {},
    ),
}


@pytest.mark.parametrize(("prepare", "arguments"), KEPT_WITH.values(), ids=KEPT_WITH.keys())
@pytest.mark.parametrize("redirected", [False, True], ids=["at once", "by a redirect"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_keeps_the_express_lane_with(session, method, redirected, prepare, arguments):
    prepare(session)
    hops = [response("302 Found", Location="/next"), OK] * 2 if redirected else [OK, OK]
    with Peer(Answers(*hops)) as peer:
        for _ in range(2):
            answer = session.request(method, peer.url, **arguments)
            seen = [(each.lane, each.text) for each in (*answer.history, answer)]
            assert seen == ([("express", ""), ("express", "ok")] if redirected else [("express", "ok")])
        assert len(peer.connections) == 1


def test_all_of_it_together_keeps_the_express_lane(session, peer):
    together = {}
    for prepare, arguments in KEPT_WITH.values():
        prepare(session)
        together |= arguments
    del together["json"]
    answer = session.post(peer.url, **together)
    assert (answer.lane, answer.text) == ("express", "ok")


def test_so_do_the_functions_of_the_module(peer):
    assert entreat.get(peer.url).lane == "express"
    assert entreat.post(peer.url, data={"a": "b"}).lane == "express"


def test_so_does_a_session_with_headers_auth_and_a_cookie_in_its_jar(session, peer):
    session.headers.update({"X-Session": "1"})
    session.cookies.set("kept", "yes")
    session.auth = ("user", "pass")
    assert session.get(peer.url).lane == "express"
    (request,) = peer.requests
    assert b"\r\nX-Session: 1\r\nCookie: kept=yes\r\nAuthorization: Basic dXNlcjpwYXNz\r\n\r\n" in request


def test_each_call_sends_what_the_session_says_by_then(session, peer):
    url = f"{peer.url}/same"
    session.get(url)
    session.headers["X-Later"] = "1"
    session.get(url)
    session.headers = type(entreat.Session().headers)({**entreat.Session().headers, "Accept": "x/y"})
    assert session.get(url).lane == "express"
    first, second, third = peer.requests
    assert b"X-Later: 1" in second and b"Accept: */*" in second
    assert b"X-Later" not in first + third and b"Accept: x/y" in third


def test_one_object_as_url_goes_to_the_host_that_it_names_each_time(session, peer):
    one, other = f"{peer.url}/", f"http://localhost:{peer.url.rpartition(':')[2]}/"
    for url in (one, other, one):
        assert session.get(url).lane == "express"
    session.headers["Host"] = "else.where"
    session.get(one)
    hosts = [request.lower().partition(b"host: ")[2].partition(b":")[0] for _, request in peer.completed]
    assert hosts[:3] == [b"127.0.0.1", b"localhost", b"127.0.0.1"]
    assert hosts[3].startswith(b"else.where\r\n")


def test_settings_are_found_in_whatever_order_they_were_set(session, peer):
    session.get(peer.url)
    del session.auth
    session.auth = ("user", "pass")
    assert session.get(peer.url).lane == "express"
    assert b"Authorization: Basic dXNlcjpwYXNz" in peer.requests[1]


def test_a_setting_that_is_missing_is_missed_as_in_requests(session, peer):
    session.get(peer.url)
    del session.verify
    with pytest.raises(AttributeError, match="verify"):
        session.get(peer.url)


def test_the_environment_counts_as_it_is_at_each_call(session, peer, monkeypatch, tmp_path):
    url = "http://host.invalid/"
    monkeypatch.setenv("HTTP_PROXY", peer.url)
    assert session.get(url).text == "ok"
    monkeypatch.delenv("HTTP_PROXY")
    with pytest.raises(entreat.ConnectionError):
        session.get(url)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password pass")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    session.get(peer.url)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login second password pass")
    monkeypatch.delenv("NETRC")
    monkeypatch.setenv("HOME", str(tmp_path))
    session.get(peer.url)
    monkeypatch.setenv("HOME", str(tmp_path / "empty"))
    session.get(peer.url)
    told = [b"Authorization: " in request for request in peer.requests]
    assert told == [False, True, True, False]


def test_so_it_does_where_another_object_stands_in_its_place(session, peer, monkeypatch):
    session.get(peer.url)
    monkeypatch.setattr(os, "environ", {**os.environ, "http_proxy": peer.url})
    assert session.get("http://host.invalid/").text == "ok"


def test_a_session_that_does_not_trust_the_environment_does_not_hear_of_it(session, peer, monkeypatch):
    session.get(peer.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    session.trust_env = False
    assert session.get(peer.url).lane == "express"
    session.trust_env = True
    with pytest.raises(entreat.exceptions.ProxyError):
        session.get(peer.url)


def test_get_takes_all_keywords_of_request(session, peer):
    answer = session.get(peer.url, {"q": "1"}, headers={"X-One": "1"}, cookies={"a": "b"}, timeout=5, stream=True)
    assert answer.lane == "express" and not answer._content_consumed
    request = peer.requests[0]
    assert b"GET /?q=1 HTTP/1.1" in request and b"X-One: 1" in request and b"Cookie: a=b" in request
    with pytest.raises(TypeError, match="unknown"):
        session.get(peer.url, unknown=1)


def test_so_does_a_session_whose_adapters_were_looked_at(session, peer):
    session.get_adapter(peer.url)
    assert session.get(peer.url).lane == "express"


def test_so_does_every_hop_of_a_redirect(session):
    hops = Answers(response("302 Found", Location="/two"), response("301 Moved", Location="/three"), OK)
    with Peer(hops) as peer:
        answer = session.get(peer.url)
    assert [each.lane for each in (*answer.history, answer)] == ["express"] * 3
    assert [each.status_code for each in answer.history] == [302, 301]
    assert answer.history[0].next is None
    assert answer.url == f"{peer.url}/three"


CALLS_OF_THEIR_OWN = {
    "POST": lambda url: entreat.post(url, data={"a": "b"}),
    "a GET with credentials": lambda url: entreat.get(url, auth=("user", "pass")),
    "a streamed POST": lambda url: entreat.post(url, stream=True),
}


@pytest.mark.parametrize("call", CALLS_OF_THEIR_OWN.values(), ids=CALLS_OF_THEIR_OWN.keys())
def test_a_call_without_a_session_follows_a_redirect_on_its_connection_and_shares_it_with_no_other(call):
    hops = response("302 Found", Location="/two"), OK
    with Peer(Answers(*hops, *hops)) as peer:
        for _ in range(2):
            answer = call(peer.url)
            assert [each.lane for each in (*answer.history, answer)] == ["express"] * 2
            assert answer.text == "ok"
        assert [len(list(filter(None, each.requests))) for each in peer.connections] == [2, 2]
        for connection in peer.connections:
            assert connection.closed.wait(2)


def test_a_cookie_that_came_is_sent_again(session):
    with Peer(Answers(response(Set_Cookie="a=b; Path=/"))) as peer:
        first = session.get(peer.url)
        second = session.get(peer.url)
    assert first.lane == second.lane == "express"
    assert dict(first.cookies) == dict(session.cookies) == {"a": "b"} and dict(second.cookies) == {}
    assert b"\r\nCookie: a=b\r\n" in peer.requests[1]


def test_https_takes_it_with_the_path_of_an_authority(session, origin):
    assert session.get(f"{origin.https}/get", verify=origin.ca_file).lane == "express"
    session.verify = origin.ca_file
    assert session.get(f"{origin.https}/get").lane == "express"


def test_unverified_https_takes_it_and_still_warns(session, origin):
    from urllib3.exceptions import InsecureRequestWarning

    with pytest.warns(InsecureRequestWarning, match="Unverified HTTPS request is being made to host 'localhost'"):
        assert session.get(f"{origin.https}/get", verify=False).lane == "express"


# A response of the express lane is a Response like any other.


def test_attributes_are_made_when_looked_at_and_then_stay(session, peer):
    answer = session.get(peer.url)
    assert answer.headers is answer.headers and answer.request is answer.request and answer.raw is answer.raw
    answer.encoding = "utf-16"
    assert answer.encoding == "utf-16"
    answer.custom = 1
    assert vars(answer)["custom"] == 1
    with pytest.raises(AttributeError, match="'Response' object has no attribute 'missing'"):
        answer.missing  # noqa: B018


def test_vars_of_a_response_show_what_a_response_has(session, peer):
    by_hand = entreat.Response()
    assert set(vars(session.get(peer.url))) == {*vars(by_hand), "connection"}


def test_a_deleted_attribute_stays_deleted(session, peer):
    answer = session.get(peer.url)
    assert answer.reason == "OK"
    del answer.reason
    assert not hasattr(answer, "reason")


def test_an_attribute_that_a_program_sets_first_is_what_it_set(session, peer):
    answer = session.get(peer.url)
    answer.status_code, answer._content = 404, b"mine"
    assert (answer.status_code, answer.text, answer.ok) == (404, "mine", False)
    assert vars(answer)["status_code"] == 404


def test_attributes_are_found_by_names_that_are_made_up_as_the_program_runs(session, peer):
    answer = session.get(peer.url)
    assert getattr(answer, "".join(["status", "_code"])) == 200
    assert getattr(answer, "".join(["_con", "tent"])) == b"ok"


def test_the_names_of_fields_are_spelt_as_they_came(session):
    spelt = [response(**{name: "1"}) for name in ("X_Name", "x_name", "X_NAME")] * 2
    with Peer(Answers(*spelt)) as peer:
        headers = [session.get(peer.url).headers for _ in spelt]
    assert [list(each)[0] for each in headers] == ["X-Name", "x-name", "X-NAME"] * 2
    assert all(each["x-Name"] == "1" for each in headers)


def test_a_class_put_in_the_place_of_a_responses_own_has_its_say(session, peer):
    class Mine(entreat.Response):
        reason = property(lambda self: "mine")

    answer = session.get(peer.url)
    answer.__class__ = Mine
    assert (answer.reason, answer.status_code, answer.text) == ("mine", 200, "ok")


def test_a_property_that_a_program_puts_into_the_class_has_its_say(session, peer):
    answer = session.get(peer.url)
    with mock.patch.object(entreat.Response, "status_code", mock.PropertyMock(return_value=503), create=True):
        assert (answer.status_code, session.get(peer.url).ok, answer.reason) == (503, False, "OK")
    assert answer.status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_survives_pickling(session, peer, stream):
    answer = session.get(peer.url, stream=stream)
    again = pickle.loads(pickle.dumps(answer))
    assert (again.status_code, again.text, again.url) == (200, "ok", f"{peer.url}/")
    assert again.headers == answer.headers and again.request.url == answer.url
    assert again.raw is None and again.lane is None


def test_a_response_can_be_copied(session, peer):
    answer = session.get(peer.url)
    assert copy.copy(answer).text == "ok"
    assert copy.deepcopy(answer).headers == answer.headers


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_session_and_its_response_survive_pickling(session, peer, protocol):
    answer = session.get(peer.url)
    assert pickle.loads(pickle.dumps(answer, protocol)).text == "ok"
    session.headers["X-Kept"] = "1"
    again = pickle.loads(pickle.dumps(session, protocol))
    assert again.get(peer.url).lane == "express"
    assert b"X-Kept: 1" in peer.requests[1]


def test_a_response_made_by_hand_holds_what_it_is_given():
    by_hand = entreat.Response()
    by_hand.status_code, by_hand._content, by_hand.encoding = 201, b"made", "ascii"
    by_hand.headers["Content-Type"] = "text/plain"
    assert (by_hand.ok, by_hand.text, by_hand.lane) == (True, "made", None)


def test_a_response_leaves_no_cycle_behind(session, peer):
    answer = session.get(peer.url)
    answer.text, answer.headers, answer.request  # noqa: B018
    seen = weakref.ref(answer)
    gc.disable()
    try:
        del answer
        assert seen() is None
    finally:
        gc.enable()


# Whatever is replaced is called.

METHODS = [
    (sessions.Session, "send"),
    (sessions.Session, "prepare_request"),
    (sessions.Session, "merge_environment_settings"),
    (sessions.Session, "get_adapter"),
    (adapters.HTTPAdapter, "send"),
    (adapters.HTTPAdapter, "build_response"),
    (adapters.HTTPAdapter, "cert_verify"),
    (adapters.HTTPAdapter, "add_headers"),
    (adapters.HTTPAdapter, "request_url"),
    (adapters.HTTPAdapter, "get_connection_with_tls_context"),
    (models.PreparedRequest, "prepare"),
    (models.PreparedRequest, "prepare_url"),
    (models.PreparedRequest, "prepare_headers"),
    (models.PreparedRequest, "prepare_body"),
    (models.PreparedRequest, "prepare_auth"),
]


@pytest.mark.parametrize(("owner", "name"), METHODS, ids=lambda value: getattr(value, "__name__", value))
def test_a_patched_method_is_called(session, peer, owner, name):
    with mock.patch.object(owner, name, autospec=True, side_effect=getattr(owner, name)) as patched:
        answer = session.get(peer.url)
    assert patched.called
    assert answer.lane == "open"
    assert session.get(peer.url).lane == "express"


FUNCTIONS = [
    (sessions, "merge_cookies"),
    (sessions, "merge_setting"),
    (sessions, "dispatch_hook"),
    (sessions, "extract_cookies_to_jar"),
    (sessions, "get_netrc_auth"),
    (sessions, "get_environ_proxies"),
    (models, "requote_uri"),
    (models, "parse_url"),
    (models, "check_header_validity"),
    (adapters, "extract_cookies_to_jar"),
    (adapters, "get_encoding_from_headers"),
    (adapters, "select_proxy"),
]


@pytest.mark.parametrize(("module", "name"), FUNCTIONS, ids=lambda value: getattr(value, "__name__", value))
def test_a_patched_function_is_called(session, peer, module, name):
    with mock.patch.object(module, name, side_effect=getattr(module, name)) as patched:
        answer = session.get(peer.url)
    assert patched.called
    assert answer.lane == "open"
    assert session.get(peer.url).lane == "express"


def test_a_function_put_in_the_place_of_the_modules_request_is_called_by_get(peer):
    entreat.get(peer.url)
    with mock.patch.object(entreat.api, "request", side_effect=entreat.api.request) as patched:
        assert entreat.get(peer.url, {"a": "b"}, timeout=5).text == "ok"
    patched.assert_called_once_with("get", peer.url, params={"a": "b"}, timeout=5)


@pytest.mark.parametrize("name", ["request", "send", "prepare_request", "get_adapter", "merge_environment_settings"])
def test_a_method_replaced_on_one_session_is_called(session, peer, name):
    session_with_patch = entreat.Session()
    with mock.patch.object(session_with_patch, name, side_effect=getattr(session_with_patch, name)) as patched:
        session_with_patch.get(peer.url)
        assert patched.called
        assert session.get(peer.url).lane == "express"


def test_a_method_replaced_on_one_adapter_is_called(session, peer):
    adapter = session.get_adapter(peer.url)
    with mock.patch.object(adapter, "send", side_effect=adapter.send) as patched:
        assert session.get(peer.url).lane == "open"
    assert patched.called


def test_a_send_that_is_mocked_away_answers(session):
    made = entreat.Response()
    made.status_code = 299
    with mock.patch("entreat.sessions.Session.send", return_value=made):
        assert session.get("http://nowhere.invalid/") is made
    with mock.patch("entreat.adapters.HTTPAdapter.send", return_value=made):
        made.raw = None
        assert session.get("http://nowhere.invalid/", stream=True) is made


@pytest.mark.parametrize(
    "target",
    [
        "urllib3.connectionpool.HTTPConnectionPool.urlopen",
        "urllib3.connectionpool.HTTPConnectionPool._make_request",
        "urllib3.connectionpool.HTTPConnectionPool._get_conn",
        "urllib3.connection.HTTPConnection.request",
        "urllib3.connection.HTTPConnection.getresponse",
        "http.client.HTTPConnection.putrequest",
        "http.client.HTTPConnection.getresponse",
        "http.client.HTTPConnection.endheaders",
        "socket.getaddrinfo",
        "socket.socket.connect",
    ],
)
def test_a_patch_below_requests_is_called_where_requests_would_call_it(peer, target):
    owner, _, name = target.rpartition(".")
    calls = []

    def wrapper(*arguments, **keywords):
        calls.append(name)
        return function(*arguments, **keywords)

    function = getattr(pkgutil.resolve_name(owner), name)
    with mock.patch(target, wrapper), entreat.Session() as session:
        session.get(peer.url)
    assert calls


def test_subclasses_and_hooks_are_called(peer):
    class Mine(entreat.Session):
        def send(self, request, **settings):
            seen.append(request.url)
            return super().send(request, **settings)

    seen = []
    assert Mine().get(peer.url).lane == "open"
    assert entreat.get(peer.url, hooks={"response": lambda answer, **_: seen.append(answer)}).lane == "open"
    assert len(seen) == 2


def test_debugging_shows_what_urllib3_logs(session, peer, caplog):
    with caplog.at_level(logging.DEBUG):
        session.get(peer.url)
    assert f'{peer.url} "GET / HTTP/1.1" 200 2' in caplog.text
    with caplog.at_level(logging.INFO):
        assert session.get(peer.url).lane == "express"


def test_debugging_by_http_client_shows_the_request(session, peer, capsys):
    import http.client

    with mock.patch.object(http.client.HTTPConnection, "debuglevel", 1):
        session.get(peer.url)
    assert "send: b'GET / HTTP/1.1" in capsys.readouterr().out


def test_a_jar_of_the_programs_own_is_asked(session, peer):
    class Jar(cookies.RequestsCookieJar):
        def add_cookie_header(self, request):
            asked.append(request)
            super().add_cookie_header(request)

    asked = []
    jar = Jar()
    jar.set("a", "b")
    session.cookies = jar
    assert session.get(peer.url).status_code == 200
    assert b"\r\nCookie: a=b\r\n" in peer.requests[0]
