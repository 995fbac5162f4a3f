"""The testkit's origin answers as httpbin does: the same requests to both, with `http.client`, compared whole.

Every header counts but those of the server itself (`Date`, `Server`, `Connection`) and, where the body may differ by
nature, its length. The origin is the command `entreat-origin`, named by $ENTREAT_ORIGIN or built beforehand
(`cargo build -p entreat-testkit`); httpbin is served by Werkzeug. Neither is optional: without them this file fails.
requirements-httpbin.txt lists what it needs.
"""

import gzip
import hashlib
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import threading
import zlib
from dataclasses import dataclass, field

import brotlicffi
import httpbin
import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

HOST = "origin.test:8080"
OF_THE_SERVER = {"date", "server", "connection"}


@dataclass(frozen=True)
class Origin:
    http_port: int
    https_port: int
    ca_file: str


def origin_command():
    named = os.environ.get("ENTREAT_ORIGIN")
    if named:
        return named
    repository = pathlib.Path(__file__).resolve().parents[2]
    targets = [pathlib.Path(os.environ.get("CARGO_TARGET_DIR", repository / "target")), repository / "target"]
    built = [target / profile / "entreat-origin" for target in targets for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    assert built, "build the origin first: cargo build -p entreat-testkit (or name it in ENTREAT_ORIGIN)"
    return max(built, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="session")
def origin(tmp_path_factory):
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    command = [origin_command(), "--quiet", "--until-stdin-closes", "--ca-file", ca_file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        listening = json.loads(process.stdout.readline())
        assert listening["ca_file"] == str(ca_file)
        yield Origin(port_of(listening["http"]), port_of(listening["https"]), listening["ca_file"])
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.fixture(scope="session")
def reference():
    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *arguments):
            pass

    # Where its code raises, httpbin logs; those answers are wanted here.
    httpbin.app.logger.disabled = True

    def application(environ, start_response):
        # Werkzeug's server insists on bytes where /bytes hands out a bytearray.
        return map(bytes, httpbin.app(environ, start_response))

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(timeout=10)


def port_of(url):
    return int(url.rsplit(":", 1)[1])


@dataclass
class Answer:
    status: int
    reason: str
    headers: list
    body: bytes

    def header(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]


def ask(port, method, target, headers=(), body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", HOST)
        connection.putheader("Connection", "close")
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.reason, response.getheaders(), response.read())
    finally:
        connection.close()


@dataclass(frozen=True)
class Case:
    target: str
    method: str = "GET"
    headers: tuple = ()
    body: bytes | None = None
    #: What to compare of the body: a function from the answer.
    view: object = field(default=lambda answer: answer.body)
    #: Headers whose values differ by nature: presence is compared.
    varying: frozenset = frozenset()

    def __str__(self):
        headers = ",".join(f"{name}={value}" for name, value in self.headers)
        body = f" {self.body[:40]!r}" if self.body is not None else ""
        return f"{self.method} {self.target} {headers}{body}".strip()


def comparable_headers(answer, varying):
    headers = []
    for name, value in answer.headers:
        name = name.lower()
        if name in OF_THE_SERVER:
            continue
        if name in varying:
            value = "varies"
        elif name == "allow":
            # flask lists a set, in no particular order.
            value = sorted(set(value.split(", ")))
        elif name == "www-authenticate":
            value = re.sub(r'(nonce|opaque)="([0-9a-f]+)"', lambda found: f"{found[1]}={len(found[2])} digits", value)
        headers.append((name, value))
    return sorted(headers, key=str)


def assert_same(case, ours, theirs):
    assert (ours.status, ours.reason) == (theirs.status, theirs.reason)
    assert comparable_headers(ours, case.varying) == comparable_headers(theirs, case.varying)
    assert case.view(ours) == case.view(theirs)


def length_only(answer):
    return len(answer.body)


def status_only(_answer):
    return None


def decoded(answer):
    decoders = {"gzip": gzip.decompress, "deflate": zlib.decompress, "br": brotlicffi.decompress}
    return decoders[answer.header("Content-Encoding")[0]](answer.body)


def lines(text):
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


FORM = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=frontier")
JSON = ("Content-Type", "application/json")
LENGTH_VARIES = frozenset({"content-length"})

UPLOAD = lines(
    """--frontier
Content-Disposition: form-data; name="field"

value é
--frontier
Content-Disposition: form-data; name="field"

another
--frontier
Content-Disposition: form-data; name="latin"
Content-Type: text/plain; charset=iso-8859-1

\udce9
--frontier
Content-Disposition: form-data; name="file"; filename="a;b.txt"
Content-Type: text/plain

content
--frontier
Content-Disposition: form-data; name="binary"; filename="b"
Content-Type: image/x

\udcff\udcfe
--frontier
Content-Disposition: form-data; name="untyped"; filename=""

\udcff
--frontier--
"""
)

INSPECTION = [
    Case("/get"),
    Case("/get?b=2&a=1&a=3&%C3%A9=x+y%20z&empty=&bare&&x=%FF%zz"),
    Case("/get?a=b=c%26d;e"),
    Case("/get", headers=(("x-lower-CASE", "v"), ("X-Dup", "a"), ("X-Dup", "b"), ("X_Under", "no"), ("X-Empty", ""))),
    Case("/get", headers=(("X-Latin", "caf\xe9"),)),
    Case("/get", headers=(("Content-Type", ""),)),
    Case("/get", headers=(("X-Forwarded-For", "10.1.2.3"), ("X-Forwarded-Proto", "https"), ("Via", "1.1 x"))),
    Case("/get?show_env=1", headers=(("X-Forwarded-For", "10.1.2.3"), ("X-Forwarded-Ssl", "on"), ("Via", "1.1 x"))),
    Case("http://Other.TEST:80/get?absolute=form"),
    Case("/headers", headers=(("Accept", "*/*"), ("x2-y3z", "1"))),
    Case("/ip"),
    Case("/ip", headers=(("X-Forwarded-For", "1.2.3.4, 5.6.7.8"),)),
    Case("/user-agent"),
    Case("/user-agent", headers=(("User-Agent", "tester/1.0 (é)"),)),
    Case("/anything"),
    Case("/anything/a%20b/%C3%A9/c%2Fd%25?q=%20%C3%A9%26%23"),
    Case("/anything/a;b=c,d@e:f!$&'()*+~"),
    Case("/anything", method="TRACE"),
    Case("/anything", method="PATCH", headers=(JSON,), body=b'{"a": [1, 2.50, 1e3, "\\u00e9", null, true]}'),
    Case("/anything", method="DELETE", body=b"bare"),
    Case("/post", method="POST", body=b""),
    Case("/post", method="POST", headers=(FORM,), body=b"a=1&b=2&a=3&c=&d+e=%C3%A9&f=%FF"),
    Case("/post", method="POST", headers=(("Content-Type", FORM[1] + "; charset=utf-8"),), body=b"a=1"),
    Case("/post", method="POST", headers=(FORM,), body=b"a=\xff"),
    Case("/post", method="POST", headers=(MULTIPART,), body=UPLOAD),
    Case("/post", method="POST", headers=(MULTIPART,), body=UPLOAD[:-20]),
    Case("/post", method="POST", headers=(MULTIPART,), body=b"--frontier--\r\n"),
    Case("/post", method="POST", headers=(("Content-Type", "multipart/form-data"),), body=UPLOAD),
    Case("/post", method="POST", body=b"\xff\x00a"),
    Case("/post", method="POST", headers=(JSON,), body='{"b": 1, "a": {"d": "<&\'\\"/é😀", "c": []}}'.encode()),
    Case("/post", method="POST", headers=(JSON,), body=b"[NaN, -Infinity, 1E400, 0.00001, 12345678901234567890, -0.0]"),
    Case("/post", method="POST", headers=(JSON,), body=b"{not json}"),
    Case("/post", method="POST", headers=(JSON,), body=b' "text"\n'),
    Case("/put", method="PUT", headers=(("Content-Type", "text/plain"),), body=b"text"),
    Case("/patch", method="PATCH", body=b"1"),
    Case("/delete", method="DELETE", body=b"x=1"),
    Case("/delete?a=1", method="DELETE"),
]

METHODS = [
    Case("/get", method="HEAD"),
    Case("/get", method="POST", body=b""),
    Case("/post"),
    Case("/get", method="OPTIONS"),
    Case("/get", method="OPTIONS", headers=(("Origin", "http://a.test"), ("Access-Control-Request-Headers", "x-y"))),
    Case("/anything", method="OPTIONS"),
    Case("/get", headers=(("Origin", "http://a.test"),)),
    Case("/get", method="BREW"),
    Case("/nowhere"),
    Case("/get/"),
    Case("/cookies/set/"),
    Case("/status/"),
    Case("/bytes/-1"),
    Case("//get?a=1"),
    Case("/anything/a//b"),
    Case("/digest-auth//auth/u/p?a=%20&b"),
    Case("/anything//"),
    Case("/", view=status_only, varying=LENGTH_VARIES),
]

STATUS = [
    *(Case(f"/status/{status}") for status in (200, 201, 204, 205, 206, 226, 300, 301, 302, 303, 304, 305, 307, 308)),
    *(Case(f"/status/{status}") for status in (400, 401, 402, 403, 404, 406, 407, 410, 418, 429, 451, 499, 500, 503)),
    Case("/status/599", method="PUT", body=b"x"),
    Case("/status/404", method="HEAD"),
    Case("/status/abc"),
    Case("/status/200,x"),
    Case("/status/200,404:0"),
    Case("/status/200:1"),
]

REDIRECTS = [
    Case("/redirect/1"),
    Case("/redirect/5"),
    Case("/redirect/0"),
    Case("/redirect/x"),
    Case("/redirect/3?absolute=True"),
    Case("/redirect/1?absolute=true"),
    Case("/relative-redirect/1"),
    Case("/relative-redirect/4"),
    Case("/absolute-redirect/1"),
    Case("/absolute-redirect/4"),
    Case("/redirect-to?url=%2Fget%3Fa%3D1&status_code=307"),
    Case("/redirect-to?URL=http://a.test/b%20c/%C3%A9&Status_Code=308", method="POST", body=b"x"),
    Case("/redirect-to?url=/get&status_code=200"),
    Case("/redirect-to?url=/get&status_code=x"),
    Case("/redirect-to"),
    Case("/redirect-to?url=/put", method="PUT", body=b"x"),
    Case("/links/3"),
    Case("/links/10/4"),
    Case("/links/0/0"),
]

COOKIES = [
    Case("/cookies"),
    Case("/cookies", headers=(("Cookie", 'a=1; b="q;\\"x\\303\\251"; c=d=e; a=2; bare; =x; __utmz=1'),)),
    Case("/cookies?show_env", headers=(("Cookie", "a=x y; __utmz=1;b = 2"),)),
    Case("/cookies/set?k=v&k2=v%202%C3%A9&k=w&k3=a,b;c%22"),
    Case("/cookies/set/name/value"),
    Case("/cookies/set/name/va%20lue"),
    Case("/cookies/set"),
    Case("/cookies/delete?k=&k2=x"),
]

AUTHENTICATION = [
    Case("/basic-auth/u/p"),
    Case("/basic-auth/u/p", headers=(("Authorization", "Basic dTpw"),)),
    Case("/basic-auth/u/p", headers=(("Authorization", "basic dTpw"),)),
    Case("/basic-auth/u/p", headers=(("Authorization", "Basic dTp4"),)),
    Case("/basic-auth/u/p", headers=(("Authorization", "Basic !!"),)),
    Case("/hidden-basic-auth/u/p"),
    Case("/hidden-basic-auth/u/p", headers=(("Authorization", "Basic dTpw"),)),
    Case("/bearer"),
    Case("/bearer", headers=(("Authorization", "Bearer to.ken"),)),
    Case("/bearer", headers=(("Authorization", "Basic dTpw"),)),
    Case("/digest-auth/auth/u/p"),
    Case("/digest-auth/auth-int/u/p/SHA-256"),
    Case("/digest-auth/any/u/p/SHA-512/5"),
    Case("/digest-auth/auth/u/p/other"),
    Case("/digest-auth/auth/u/p", headers=(("Authorization", "Basic dTpw"),)),
    Case(
        "/digest-auth/auth/u/p",
        headers=(("Authorization", 'Digest username="u", nonce="n"'), ("Cookie", "stale_after=0")),
    ),
    Case("/digest-auth/auth/u/p", headers=(("Authorization", 'Digest username="u", nonce="n", qop=auth'),)),
    Case("/digest-auth/auth/u/p?require-cookie=1", headers=(("Authorization", 'Digest nonce="n"'), ("Cookie", "a=1"))),
]

FORMATS = [
    Case("/gzip", view=decoded, varying=LENGTH_VARIES),
    Case("/deflate", view=decoded, varying=LENGTH_VARIES),
    Case("/brotli", view=decoded, varying=LENGTH_VARIES),
    Case("/html"),
    Case("/json"),
    Case("/xml"),
    Case("/robots.txt"),
    Case("/deny"),
    Case("/encoding/utf8"),
    Case("/forms/post"),
    *(Case(f"/image/{kind}", view=status_only, varying=LENGTH_VARIES) for kind in ("png", "jpeg", "webp", "svg")),
    *(
        Case("/image", headers=(("Accept", kind),), view=status_only, varying=LENGTH_VARIES)
        for kind in ("image/png", "image/jpeg", "IMAGE/webp", "image/svg+xml", "image/*", "text/html, image/jpeg")
    ),
    Case("/image", headers=(("Accept", "text/html"),)),
    Case("/image", view=status_only, varying=LENGTH_VARIES),
]

DYNAMIC = [
    Case("/stream/3?a=1&b=2", headers=(("X-Z", "1"), ("A", "é"))),
    Case("/stream/0"),
    Case("/stream-bytes/100?seed=7&chunk_size=33"),
    Case("/stream-bytes/5", view=length_only),
    Case("/bytes/500?seed=12345678901234"),
    Case("/bytes/50?SEED=-3"),
    Case("/bytes/10?seed=x"),
    Case("/bytes/200000", view=length_only),
    Case("/range/30"),
    Case("/range/30?chunk_size=4&duration=0", headers=(("Range", "bytes=5-20"),)),
    Case("/range/30", headers=(("Range", "bytes=25-"),)),
    Case("/range/30", headers=(("Range", "bytes=-4"),)),
    Case("/range/30", headers=(("Range", "bytes=0-29"),)),
    Case("/range/30", headers=(("Range", "bytes=20-40"),)),
    Case("/range/30", headers=(("Range", "bytes=9-3"),)),
    Case("/range/30", headers=(("Range", "lines=1-2"),)),
    Case("/range/0"),
    Case("/range/102401"),
    Case("/delay/0"),
    Case("/delay/0.01", method="POST", headers=(FORM,), body=b"a=1"),
    Case("/delay/x"),
    Case("/delay/-1"),
    Case("/drip?duration=0.01&numbytes=5&code=201"),
    Case("/drip?numbytes=0"),
    Case("/drip?numbytes=x"),
    Case("/base64/SFRUUEJJTiBpcyBhd2Vzb21l"),
    Case("/base64/w6k_Pj4-"),
    Case("/base64/SGVsbG8"),
    Case("/base64/%2F%2F8="),
    Case("/uuid", view=length_only),
]

CACHING = [
    Case("/cache", varying=frozenset({"last-modified", "etag"})),
    Case("/cache", headers=(("If-None-Match", "x"),)),
    Case("/cache", headers=(("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),)),
    Case("/cache/60"),
    Case("/etag/abc"),
    Case("/etag/abc", headers=(("If-None-Match", '"x", W/"abc"'),)),
    Case("/etag/abc", headers=(("If-None-Match", "*"),)),
    Case("/etag/abc", headers=(("If-None-Match", '"x"'), ("If-Match", '"y"'))),
    Case("/etag/abc", headers=(("If-Match", '"x"'),)),
    Case("/etag/abc", headers=(("If-Match", '"x", "abc"'),)),
    Case("/response-headers"),
    Case("/response-headers?a=1&a=2&b=%C3%A9&Content-Type=text/plain"),
    Case("/response-headers?Server=x&x-y=z", method="POST", body=b""),
]

CASES = [*INSPECTION, *METHODS, *STATUS, *REDIRECTS, *COOKIES, *AUTHENTICATION, *FORMATS, *DYNAMIC, *CACHING]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_both_answer_alike(case, origin, reference):
    answers = [ask(port, case.method, case.target, case.headers, case.body) for port in (origin.http_port, reference)]
    assert_same(case, *answers)


def digest_credentials(challenge, method, target, password, qop, body):
    parts = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.split(" ", 1)[1]))
    algorithm = {"MD5": "md5", "SHA-256": "sha256", "SHA-512": "sha512"}[parts["algorithm"]]

    def digest(*words):
        joined = b":".join(word if isinstance(word, bytes) else word.encode() for word in words)
        return hashlib.new(algorithm, joined).hexdigest()

    secret = digest("u", parts["realm"], password)
    message = digest(method, target, digest(body)) if qop == "auth-int" else digest(method, target)
    response = digest(secret, parts["nonce"], "00000001", "cnonce", qop, message)
    return (
        f'Digest username="u", realm="{parts["realm"]}", nonce="{parts["nonce"]}", uri="{target}", qop={qop}, '
        f'nc=00000001, cnonce="cnonce", response="{response}", algorithm={parts["algorithm"]}'
    )


@pytest.mark.parametrize("password", ["p", "wrong"])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_both_accept_and_refuse_the_same_digests(qop, algorithm, password, origin, reference):
    target = f"/digest-auth/{qop}/u/p/{algorithm}/2"
    answers = []
    for port in (origin.http_port, reference):
        challenge = ask(port, "GET", target)
        cookies = "; ".join(cookie.split(";")[0] for cookie in challenge.header("Set-Cookie"))
        authorization = digest_credentials(challenge.header("WWW-Authenticate")[0], "GET", target, password, qop, b"")
        answers.append(ask(port, "GET", target, [("Authorization", authorization), ("Cookie", cookies)]))
        for answer in answers:
            answer.headers = [
                (name, re.sub("last_nonce=[0-9a-f]+", "last_nonce=...", value)) for name, value in answer.headers
            ]
    assert answers[0].status == (200 if password == "p" else 401)
    assert_same(Case(target), *answers)


def test_https_is_trusted_by_the_authority_and_only_by_it(origin):
    context = ssl.create_default_context(cafile=origin.ca_file)
    for host in ("localhost", "127.0.0.1"):
        connection = http.client.HTTPSConnection(host, origin.https_port, context=context, timeout=20)
        connection.request("GET", "/cookies/set/a/b")
        response = connection.getresponse()
        assert response.getheader("Set-Cookie") == "a=b; Secure; Path=/"
        connection.close()
    distrusting = http.client.HTTPSConnection("localhost", origin.https_port, context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        distrusting.request("GET", "/")


def test_a_chunked_upload_is_read_which_httpbin_leaves_to_its_server(origin):
    connection = http.client.HTTPConnection("127.0.0.1", origin.http_port, timeout=20)
    connection.request("POST", "/post", body=iter([b"he", b"llo"]), encode_chunked=True)
    assert json.loads(connection.getresponse().read())["data"] == "hello"
    connection.close()


def test_a_connection_is_kept_and_counted(origin):
    connection = http.client.HTTPConnection("127.0.0.1", origin.http_port, timeout=20)
    seen = []
    for _ in range(2):
        connection.request("GET", "/testkit/connections")
        seen.append(json.loads(connection.getresponse().read()))
    connection.close()
    assert seen[0]["connection"] == seen[1]["connection"]
    assert [facts["request_on_connection"] for facts in seen] == [1, 2]


def test_the_head_is_echoed_byte_for_byte(origin):
    connection = http.client.HTTPConnection("127.0.0.1", origin.http_port, timeout=20)
    connection.putrequest("GET", "/testkit/echo-raw?x", skip_host=True, skip_accept_encoding=True)
    connection.putheader("hOST", "a")
    connection.putheader("B", " spaced ")
    connection.endheaders()
    assert connection.getresponse().read() == b"GET /testkit/echo-raw?x HTTP/1.1\r\nhOST: a\r\nB:  spaced \r\n\r\n"
    connection.close()
