"""The way of a request: proxies, bundles of authorities and client certificates, as requests has them, on the express lane.

Each program runs with the real requests and with entreat; answers, exceptions and what the servers were told must be
equal. On purpose two things are not: CONNECT goes out as HTTP/1.1, with the Host that RFC 9112 (3.2) asks for, and what a
SOCKS proxy refuses for is said in our words.
"""

from __future__ import annotations

import re

import entreat
import pytest
import requests
import trustme
from peers import Answers, Peer, response
from proxies import Network

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """An authority, and a directory with ca.pem, cert.pem, key.pem and both.pem."""
    folder, authority = tmp_path_factory.mktemp("ways"), trustme.CA()
    client = authority.issue_cert("me@example.org")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    client.private_key_pem.write_to_path(folder / "key.pem")
    client.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    return authority, folder


@pytest.fixture
def network(authority, monkeypatch):
    for name in (*VARIABLES, *map(str.upper, VARIABLES), "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with Network(authority[0]) as network:
        network.url = f"http://127.0.0.1:{network.origin}"
        network.secure_url = f"https://localhost:{network.secure}"
        network.folder = authority[1]
        network.bundle = str(authority[1] / "ca.pem")
        yield network


def through(network, credentials="", port=None):
    proxy = f"http://{credentials}127.0.0.1:{port or network.proxy}"
    return {"http": proxy, "https": proxy}


def observed(call, network):
    """What a program sees of a call, and what the servers saw."""
    try:
        response = call()
    except Exception as error:
        seen = [*chain(error)]
    else:
        history = [step.status_code for step in response.history]
        seen = [response.status_code, response.text, response.url, history, dict(response.request.headers)]
    told = network.told()
    return seen, re.sub(r"(CONNECT \S+ HTTP/1\.)[01](?:\r\nHost: \S+)?", r"\1x", told)


def chain(error):
    """Exceptions inside of one another: their classes, and their texts without addresses and our own explanations."""
    while isinstance(error, BaseException):
        text = re.sub(r"0x[0-9a-f]+|<[^>]*>", "", str(error))
        yield type(error).__name__, re.sub(r"\(1, ['\"]\[SSL.*|\[SSL.*", "", text)
        inner = [*error.args, getattr(error, "reason", None)]
        error = next((part for part in inner if isinstance(part, BaseException)), None)


def same(program, network):
    """Asserts that the program cannot tell the two apart; the lane that served it, None for an exception."""
    theirs = observed(lambda: program(requests, network), network)
    lanes = []

    def ours():
        response = program(entreat, network)
        lanes.append(response.lane)
        return response

    assert observed(ours, network) == theirs
    return lanes[0] if lanes else None


def get(library, url, **settings):
    with library.Session() as session:
        return session.get(url, **settings)


@pytest.mark.parametrize(
    "program",
    [
        lambda library, n: get(library, n.url + "/a?b=c", proxies=through(n)),
        lambda library, n: get(library, n.url, proxies=through(n, "user:p%40ss@")),
        lambda library, n: get(library, n.url + "/elsewhere", proxies=through(n, "user:pass@")),
        lambda library, n: get(library, "http://a.test/x?y", proxies={"http://a.test": through(n)["http"]}),
        lambda library, n: get(library, n.url, proxies={"http": None, "all": through(n)["http"]}),
        lambda library, n: get(library, n.url, proxies=through(n), stream=True),
        lambda library, n: library.Session().post(n.url, data={"a": "b"}, proxies=through(n)),
        lambda library, n: library.get(n.url, proxies=through(n)),
        lambda library, n: get(library, n.secure_url, proxies=through(n), verify=n.bundle),
        lambda library, n: get(library, n.secure_url, proxies=through(n), verify=False),
        lambda library, n: get(library, n.secure_url + "/elsewhere", proxies=through(n, "u:p@"), verify=n.bundle),
        lambda library, n: get(library, n.url, proxies={"all": f"socks5://127.0.0.1:{n.socks}"}),
        lambda library, n: get(library, n.secure_url, verify=n.bundle, proxies={"https": f"socks5h://u:p@127.0.0.1:{n.socks}"}),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Unverified HTTPS")
def test_a_proxy_is_used_on_the_express_lane(network, program):
    assert same(program, network) == "express"


def test_what_lies_below_a_forwarded_answer_is_as_with_requests(network):
    def below(library):
        response = get(library, network.url, proxies=through(network))
        return response.raw._request_url, response.raw.headers["content-length"], response.raw.read()

    assert below(entreat) == below(requests)


def test_the_sessions_proxies_count_unless_the_call_says_otherwise(network):
    def program(library, proxies):
        session = library.Session()
        session.proxies = through(network)
        return session.get(network.url, proxies=proxies)

    assert same(lambda library, _: program(library, None), network) == "express"
    assert same(lambda library, _: program(library, {"http": ""}), network) == "express"
    assert same(lambda library, _: program(library, {"http": None}), network) == "express"


@pytest.mark.parametrize(
    "variables",
    [
        {"http_proxy": "{}"},
        {"HTTP_PROXY": "{}", "no_proxy": "example.org"},
        {"ALL_PROXY": "{}"},
        {"http_proxy": "{}", "no_proxy": "127.0.0.0/8"},
        {"http_proxy": "{}", "NO_PROXY": "*"},
        {"http_proxy": "{}", "no_proxy": "127.0.0.1:1"},
        {"http_proxy": "", "HTTP_PROXY": "{}"},
    ],
)
def test_the_environments_proxies_are_used_on_the_express_lane(network, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(f"127.0.0.1:{network.proxy}"))
    assert same(lambda library, n: get(library, n.url), network) == "express"


def test_the_environments_proxies_are_put_into_the_programs_dictionary_as_ever(network, monkeypatch):
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{network.proxy}")
    given = {"https": "http://unused.test"}
    assert entreat.Session().get(network.url, proxies=given).text == "forwarded"
    assert given["http"] == f"127.0.0.1:{network.proxy}"


@pytest.mark.parametrize("mood", ["refuses", "garbles", "leaves"])
@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_that_fails_is_told_as_requests_tells_it(network, mood, secure):
    network.mood = mood
    url = network.secure_url if secure else network.url
    same(lambda library, n: get(library, url, proxies=through(n), verify=n.bundle), network)


@pytest.mark.parametrize(
    "proxies",
    [
        {"http": "http://127.0.0.1:1", "https": "http://127.0.0.1:1"},
        {"http": "http://nowhere.invalid:3128", "https": "http://nowhere.invalid:3128"},
        {"http": "http:///path", "https": "http:///path"},
        {"http": "gopher://a", "https": "gopher://a"},
        {"all": "socks5h://127.0.0.1:1"},
    ],
)
@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_that_is_not_there_is_told_as_requests_tells_it(network, proxies, secure):
    url = network.secure_url if secure else network.url
    assert same(lambda library, n: get(library, url, proxies=dict(proxies), verify=n.bundle), network) is None


def test_an_untrusted_origin_behind_a_proxy_is_refused_as_requests_refuses_it(network):
    assert same(lambda library, n: get(library, n.secure_url, proxies=through(n)), network) is None


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environments_bundle_counts_unless_a_path_is_given(network, monkeypatch, name):
    monkeypatch.setenv(name, network.bundle)
    assert same(lambda library, n: get(library, n.secure_url), network) == "express"
    assert same(lambda library, n: get(library, n.secure_url, verify=str(n.folder / "cert.pem")), network) is None
    monkeypatch.setenv(name, "/nonexistent")
    assert same(lambda library, n: get(library, n.secure_url), network) is None
    assert same(lambda library, n: get(library, n.secure_url, verify=n.bundle), network) == "express"


@pytest.mark.parametrize("names", ["both.pem", ("cert.pem", "key.pem")])
def test_a_client_certificate_is_shown_on_the_express_lane(network, names):
    paths = (
        tuple(str(network.folder / name) for name in names) if isinstance(names, tuple) else str(network.folder / names)
    )

    def of_call(library, n):
        return get(library, n.secure_url + "/elsewhere", verify=n.bundle, cert=paths)

    def of_session(library, n):
        session = library.Session()
        session.cert = paths
        session.verify = n.bundle
        return session.get(n.secure_url)

    assert (same(of_call, network), same(of_session, network)) == ("express", "express")


@pytest.mark.parametrize("cert", ["/nonexistent", ("/nonexistent", "/nonexistent")])
def test_a_certificate_that_is_not_there_is_told_as_requests_tells_it(network, cert):
    assert same(lambda library, n: get(library, n.url, cert=cert), network) is None


@pytest.mark.parametrize("hooks", [{}, {"response": lambda answer, **_: None}], ids=["express", "open"])
def test_connect_asks_for_the_path_as_requests_does(hooks):
    lines = []
    for module in (requests, entreat):
        with Peer(Answers(response(status="405 No"))) as peer:
            assert module.request("CONNECT", f"{peer.url}/path", hooks=hooks).status_code == 405
            lines.append(peer.requests[0].split(b"\r\n")[0])
    assert lines == [b"CONNECT /path HTTP/1.1"] * 2
