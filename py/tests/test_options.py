"""`session.options`: each switch does what it says, in the lane that it says, and nothing before it is set."""

import copy
import gzip
import pickle
import time
import types

import entreat
import pytest
from entreat import exceptions
from peers import HOLD, OK, RECEIVE, Answers, Peer, response


class Overriding(entreat.Session):
    def send(self, request, **settings):
        return super().send(request, **settings)


@pytest.fixture(params=["express", "open"])
def sending(request):
    """A session of each lane, and the lane's name."""
    with (entreat.Session if request.param == "express" else Overriding)() as made:
        yield made, request.param


# The object.


def test_the_method_of_requests_is_still_there(session):
    with Peer(Answers(OK)) as peer:
        assert session.options(peer.url).text == "ok"
        assert peer.requests[0].startswith(b"OPTIONS / ")
    assert isinstance(entreat.Session.options, types.FunctionType)
    assert session.options.__self__ is session and session.options.__name__ == "options"


def test_a_subclass_may_override_the_method():
    class Mine(entreat.Session):
        def options(self, url, **keywords):
            return super().options(url, headers={"X-Mine": "1"}, **keywords)

    with Peer(Answers(OK)) as peer:
        Mine().options(peer.url)
        assert b"X-Mine: 1" in peer.requests[0]


def test_a_session_that_was_not_touched_is_as_requests_has_it(session):
    assert session.options.timeout is None and not session.options.exact_lines
    assert "_options" not in vars(session)
    session.options.exact_lines = True
    del session.options.exact_lines
    assert "_options" not in vars(session)


def test_unknown_names_are_refused(session):
    with pytest.raises(AttributeError, match="no switch 'time_out': did you mean timeout"):
        session.options.time_out = 5
    with pytest.raises(AttributeError, match="no switch 'nothing': there are timeout, base_url"):
        session.options.update(timeout=5, nothing=1)
    assert session.options.timeout is None


WRONG = {
    "timeout": ["5", 0, (1, -1), True],
    "base_url": ["/relative", "ftp://host/", 5],
    "verify_before_environment": [1, None],
    "retries": ["3", -1, True],
    "pool_idle_timeout": [0, "1"],
    "key_passphrase": [5],
    "default_encoding": ["no-such-charset", 5],
    "max_body": [-1, 1.5, "1"],
    "body_in_errors": [True, -1],
    "exact_lines": ["yes"],
    "dns_cache": [-1, "1"],
    "resolve": [["a"], {"host": ""}, {"host": "not an address"}, {"": "127.0.0.1"}, {1: "127.0.0.1"}],
    "public_addresses_only": [1],
    "allow_addresses": ["10.0.0.0/8", ["10.0.0.0/99"], [1]],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_impossible_values_are_refused_when_they_are_assigned(session, name, value):
    with pytest.raises((ValueError, TypeError), match=rf"session\.options\.{name} must be"):
        setattr(session.options, name, value)


def test_every_switch_is_documented():
    from entreat._options import _KNOBS

    assert all("Default" in knob.__doc__ for knob in _KNOBS.values())


@pytest.mark.parametrize("again", [copy.copy, lambda session: pickle.loads(pickle.dumps(session))])
def test_options_survive_copying_and_pickling(session, again):
    session.options.update(timeout=entreat.Timeout(total=5), retries=2, max_body=10, key_passphrase="secret")
    other = again(session)
    assert other.options.timeout == entreat.Timeout(total=5) and other.options.max_body == 10
    assert other.get_adapter("http://a").max_retries.total == 2
    other.options.max_body = 20
    assert session.options.max_body == 10
    assert "secret" not in repr(session.options) and "max_body=10" in repr(session.options)


# Each switch.


def test_timeout_holds_for_requests_that_give_none(sending):
    session, lane = sending
    session.options.timeout = 0.2
    with Peer([RECEIVE, HOLD]) as peer:
        with pytest.raises(entreat.ReadTimeout):
            session.get(peer.url)
    with Peer(Answers([0.4, OK], OK)) as peer:
        assert session.get(peer.url, timeout=(None, None)).lane == lane
        assert session.get(peer.url).lane == lane


def test_a_default_total_bounds_redirects_too(sending):
    session, _ = sending
    session.options.timeout = entreat.Timeout(total=0.4)
    with Peer(Answers(*[[0.15, response("302 Found", Location="/")]] * 9)) as peer, pytest.raises(entreat.ReadTimeout):
        session.get(peer.url)


def test_base_url_makes_relative_urls_absolute(sending):
    session, lane = sending
    with Peer(Answers()) as peer:
        session.options.base_url = f"{peer.url}/api/"
        for url in ("users", "/root", "?q=1", f"{peer.url}/absolute"):
            assert session.get(url, params={"a": "b"}).lane == lane
        assert session.send(session.prepare_request(entreat.Request("GET", "prepared"))).ok
    targets = [request.split()[1] for request in peer.requests]
    assert targets == [b"/api/users?a=b", b"/root?a=b", b"/api/?q=1&a=b", b"/absolute?a=b", b"/api/prepared"]


def test_without_base_url_a_relative_url_is_refused(session):
    with pytest.raises(exceptions.MissingSchema):
        session.get("users")


def test_an_explicit_verify_goes_before_the_environment(sending, origin, monkeypatch, tmp_path):
    session, lane = sending
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    session.verify = origin.ca_file
    with pytest.raises(OSError, match=r"missing\.pem"):
        session.get(f"{origin.https}/get")
    session.options.verify_before_environment = True
    assert session.get(f"{origin.https}/get").lane == lane
    session.verify = True
    with pytest.raises(OSError, match=r"missing\.pem"):
        session.get(f"{origin.https}/get")
    with pytest.raises(exceptions.SSLError):
        session.get(f"{origin.https}/get", verify=True)


def test_a_header_goes_before_netrc(sending, monkeypatch, tmp_path):
    session, lane = sending
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Peer(Answers(OK, response("302 Found", Location="/"))) as peer:
        session.get(peer.url, headers={"Authorization": "Bearer x"})
        session.options.header_before_netrc = True
        answer = session.get(peer.url, headers={"authorization": "Bearer x"})
    assert answer.lane == lane
    assert b"Basic " in peer.requests[0]
    assert all(b"authorization: Bearer x" in request and b"Basic" not in request for request in peer.requests[1:])
    assert len(peer.requests) == 3


def test_a_sessions_proxies_go_before_the_environments(session, monkeypatch, refused):
    monkeypatch.setenv("HTTP_PROXY", refused)
    with Peer(Answers()) as proxy:
        session.proxies = {"http": proxy.url}
        with pytest.raises(exceptions.ProxyError):
            session.get("http://example.invalid/")
        session.options.proxies_before_environment = True
        assert session.get("http://example.invalid/").text == "ok"


def test_no_proxy_understands_ranges_of_ipv6(session, monkeypatch, refused):
    monkeypatch.setenv("HTTP_PROXY", refused)
    monkeypatch.setenv("NO_PROXY", "example.org, ::/64")
    with Peer(Answers(OK), host="127.0.0.1") as peer:
        url = peer.url.replace("127.0.0.1", "[::1]")
        with pytest.raises(exceptions.ProxyError):
            session.get(url)
        session.options.no_proxy_ipv6 = True
        # Not the proxy: this address, where nobody listens.
        with pytest.raises(exceptions.ConnectionError) as raised:
            session.get(url)
    assert not isinstance(raised.value, exceptions.ProxyError)


def test_retries_wait_as_retry_after_says():
    busy = response("503 Busy", Retry_After="0")
    with Peer(Answers(busy, busy, OK)) as peer, entreat.Session() as session:
        session.options.retries = 2
        answer = session.get(peer.url)
        assert (answer.text, answer.lane) == ("ok", "open")
    with Peer(Answers(busy, busy, OK)) as peer, entreat.Session() as session:
        session.options.retries = 1
        assert session.get(peer.url).status_code == 503
        assert session.post(peer.url).text == "ok"


def test_retries_leave_adapters_alone_that_have_their_own(session):
    session.mount("http://", entreat.adapters.HTTPAdapter(max_retries=7))
    session.options.retries = 2
    session.mount("http://later.example/", entreat.adapters.HTTPAdapter())
    totals = [session.get_adapter(url).max_retries.total for url in ("http://a", "https://a", "http://later.example/")]
    assert totals == [7, 2, 2]
    session.options.retries = None
    assert session.get_adapter("https://a").max_retries.total == 0


def test_a_connection_grows_no_older_than_pool_idle_timeout_and_pool_max_age(sending):
    session, lane = sending
    for name in ("pool_idle_timeout", "pool_max_age"):
        session.options.update(pool_idle_timeout=90, pool_max_age=None)
        with Peer(Answers()) as peer:
            for pause in (0, 0, 0.3):
                time.sleep(pause)
                assert session.get(peer.url).lane == lane
            assert len(peer.connections) == 1
            session.options.update(**{name: 0.1})
            for pause in (0, 0.3):
                time.sleep(pause)
                session.get(peer.url)
            assert len(peer.connections) == 3


def test_system_trust_means_the_store_that_openssl_knows(sending, origin, monkeypatch):
    session, lane = sending
    with pytest.raises(exceptions.SSLError):
        session.get(f"{origin.https}/get")
    monkeypatch.setenv("SSL_CERT_FILE", origin.ca_file)
    session.options.system_trust = True
    assert session.get(f"{origin.https}/get").lane == lane


HTML = response(body="häuser ü".encode(), Content_Type="text/html")


def test_default_encoding_takes_the_place_of_latin_1(sending):
    session, lane = sending
    with Peer(Answers(*[HTML] * 3)) as peer:
        assert session.get(peer.url).text == "hÃ¤user Ã¼"
        session.options.default_encoding = "utf-8"
        answer = session.get(peer.url)
        assert (answer.text, answer.encoding, answer.lane) == ("häuser ü", "utf-8", lane)
        session.options.default_encoding = "detect"
        assert session.get(peer.url).encoding is None


def test_default_encoding_leaves_a_declared_charset_alone(sending):
    session, _ = sending
    session.options.default_encoding = "utf-8"
    declared = response(body="ü".encode("latin-1"), Content_Type="text/html; charset=iso-8859-1")
    with Peer(Answers(declared)) as peer:
        assert session.get(peer.url).text == "ü"


def test_urls_go_out_as_they_are_written(session):
    session.options.urls_as_written = True
    with Peer(Answers()) as peer:
        for path in ("/a/../b/%7Ec/./d?x=%7e'", "/a b", ""):
            assert session.get(peer.url + path, params={"p": "1"}).lane == "open"
    targets = [request.split()[1] for request in peer.requests]
    assert targets == [b"/a/../b/%7Ec/./d?x=%7E'&p=1", b"/a%20b?p=1", b"/?p=1"]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found"])
def test_redirects_keep_their_method(sending, status):
    session, lane = sending
    session.options.redirects_keep_method = True
    with Peer(Answers(response(status, Location="/two"), OK)) as peer:
        assert session.post(peer.url, data="body").lane == lane
    assert peer.requests[1].startswith(b"POST /two ") and peer.requests[1].endswith(b"\r\n\r\nbody")


def test_a_body_larger_than_max_body_is_not_read(sending):
    session, lane = sending
    session.options.max_body = 10
    big = response(body=b"x" * 11)
    with Peer(Answers(response(body=b"x" * 10), big, big, response("302 Found", Location="/"), big)) as peer:
        assert (session.get(peer.url).text, session.get) and lane
        with pytest.raises(exceptions.BodyTooLarge, match="10 bytes: 11 bytes are announced"):
            session.get(peer.url)
        streamed = session.get(peer.url, stream=True)
        assert streamed.lane == lane
        with pytest.raises(exceptions.BodyTooLarge):
            streamed.content  # noqa: B018
        with pytest.raises(exceptions.BodyTooLarge):
            session.get(peer.url)


def test_max_body_counts_what_is_decompressed(sending):
    session, _ = sending
    session.options.max_body = 100_000
    bomb = response(body=gzip.compress(b"\0" * 10_000_000), Content_Encoding="gzip")
    with Peer(Answers(bomb)) as peer, pytest.raises(exceptions.BodyTooLarge, match="at least"):
        session.get(peer.url)


def test_errors_show_the_body(sending):
    session, lane = sending
    session.options.body_in_errors = 12
    with Peer(Answers(response("400 Bad", b'{"error": "no such field"}', Content_Type="application/json"))) as peer:
        answer = session.get(peer.url)
    assert answer.lane == lane
    with pytest.raises(entreat.HTTPError, match=r'400 Client Error: Bad for url: .*: \{"error": "n…$'):
        answer.raise_for_status()


LINES = b"one\r\ntwo\rthree\n\nfive"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 512])
def test_lines_are_the_same_whatever_the_size_of_the_pieces(sending, size):
    session, lane = sending
    session.options.exact_lines = True
    bodies = [LINES, LINES + b"\r\n", b"a||b||||c|", "ä\u2028b\n".encode()]
    with Peer(Answers(*[response(body=body, Content_Type="text/plain; charset=utf-8") for body in bodies])) as peer:
        for expected in (LINES.splitlines(), LINES.splitlines()):
            answer = session.get(peer.url, stream=True)
            assert (list(answer.iter_lines(size)), answer.lane) == (expected, lane)
        assert list(session.get(peer.url, stream=True).iter_lines(size, delimiter=b"||")) == [b"a", b"b", b"", b"c|"]
        assert list(session.get(peer.url, stream=True).iter_lines(size, decode_unicode=True)) == ["ä", "b"]


def test_a_line_is_given_as_soon_as_it_has_ended(session):
    session.options.exact_lines = True
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    with Peer([RECEIVE, head, b"data: 1\n", HOLD]) as peer:
        lines = session.get(peer.url, stream=True).iter_lines(1)
        assert next(lines) == b"data: 1"


def test_resolve_leads_a_host_elsewhere(sending):
    session, lane = sending
    with Peer(Answers(OK, response("302 Found", Location="http://other.invalid/"))) as peer:
        session.options.resolve = {"example.invalid": f"127.0.0.1:{peer.port}", "*": [f"127.0.0.1:{peer.port}"]}
        for _ in range(2):
            answer = session.get("http://example.invalid/")
            assert (answer.text, answer.lane) == ("ok", lane)
    hosts = [request.split(b"Host: ")[1].split(b"\r\n")[0] for request in peer.requests]
    assert hosts == [b"example.invalid", b"example.invalid", b"other.invalid"]


def test_resolve_is_refused_where_it_cannot_be_kept(session, monkeypatch):
    import socket

    session.options.resolve = {"example.invalid": "127.0.0.1"}
    monkeypatch.setattr(socket, "create_connection", lambda *a, _real=socket.create_connection, **k: _real(*a, **k))
    with pytest.raises(entreat.ConnectionError, match="cannot be kept in the classic lane"):
        session.get("http://example.invalid/")


def test_only_public_addresses_are_connected_to(sending):
    session, lane = sending
    session.options.public_addresses_only = True
    with Peer(Answers(*[response("302 Found", Location="http://localhost/")] * 2)) as peer:
        for url in (peer.url, peer.url.replace("127.0.0.1", "localhost")):
            with pytest.raises(entreat.ConnectionError, match="the guard does not let this address through"):
                session.get(url)
        assert not peer.requests
        session.options.allow_addresses = ["127.0.0.1/32"]
        assert session.get(peer.url, allow_redirects=False).lane == lane
        session.options.allow_addresses = ["127.0.0.2"]
        with pytest.raises(entreat.ConnectionError):
            session.get(peer.url)


def test_a_redirect_to_a_private_address_is_refused(sending):
    session, _ = sending
    with Peer(Answers(response("302 Found", Location="http://127.0.0.2/"))) as peer:
        session.options.update(public_addresses_only=True, allow_addresses=["127.0.0.1"])
        with pytest.raises(entreat.ConnectionError, match="the guard does not let this address through"):
            session.get(peer.url)
        assert len(peer.requests) == 1


def test_a_retry_goes_by_the_guard_as_well(session):
    session.options.public_addresses_only = True
    session.mount("http://", entreat.adapters.HTTPAdapter(max_retries=2))
    with Peer(Answers()) as peer:
        with pytest.raises(entreat.ConnectionError, match="the guard does not let this address through"):
            session.get(peer.url)
        assert not peer.connections


def test_what_nobody_could_judge_is_refused(session, refused):
    session.options.public_addresses_only = True
    with pytest.raises(entreat.ConnectionError, match="cannot be kept: a proxy would connect"):
        session.get("http://example.org/", proxies={"http": refused})
    session.mount("http://", type("Own", (entreat.adapters.HTTPAdapter,), {})())
    with pytest.raises(entreat.ConnectionError, match="cannot be kept: the adapter is a Own"):
        session.get("http://example.org/")


def test_the_key_of_a_client_certificate_may_be_encrypted(session, tmp_path):
    session.options.key_passphrase = b"secret"
    assert session.get_adapter("https://a").poolmanager.connection_pool_kw["key_password"] == b"secret"
    with Peer(Answers()) as peer:
        assert session.get(peer.url).text == "ok"
