"""The programs of the differential test that somebody thought of: name, the server's script, what the client does.

A program is given the server's URL and returns what is to be compared: a response, or plain values.
"""

from __future__ import annotations

import gzip
import io
import pickle
import socket
import tempfile
import time
import zlib

import requests
import urllib3
from origin import CLOSE, answer, chunked
from requests.adapters import HTTPAdapter

OK = answer(b"hello", "200 OK", "Content-Type: text/plain")
ZIPPED = gzip.compress(b"hello gzip" * 100, mtime=0)
GZIP = "Content-Encoding: gzip"

CASES: list[tuple] = []


def case(name, script, program):
    CASES.append((name, script if isinstance(script, list) else [script], program))


def get(**arguments):
    return lambda url: requests.get(url, **arguments)


def post(**arguments):
    return lambda url: requests.post(url, **arguments)


def late(make):
    """A program whose argument can be used only once, and so is made when it runs."""
    return lambda url: requests.post(url, **make())


def twice(**arguments):
    def program(url):
        with requests.Session() as session:
            return [session.get(url, **arguments), session.get(url)]

    return program


def pieces(size, **arguments):
    return lambda url: list(requests.get(url, stream=True, **arguments).iter_content(size))


def lengths(size):
    return lambda url: [len(piece) for piece in requests.get(url, stream=True).iter_content(size)]


def raw(read):
    return lambda url: read(requests.get(url, stream=True).raw)


def scratch_file(content: bytes, start: int = 0):
    handle = tempfile.NamedTemporaryFile(prefix="entreat", delete=False)
    handle.write(content)
    handle.flush()
    handle.seek(start)
    return handle


# Requests: methods, URLs, parameters

case("a GET with a query", OK, lambda url: requests.get(url + "/a?b=c"))
case("parameters", OK, get(params={"a": [1, 2], "b": None, "c": "é x"}))
for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "FOO", "get"):
    case(f"method {method}", OK, lambda url, method=method: requests.request(method, url + "/x"))
case("method HEAD", answer(b"")[:-2] + b"\r\n", lambda url: requests.head(url))
case("a URL to be quoted", OK, lambda url: requests.get(url + "/a b/%zz/ü/%41?q=ä&x=%20 y#fr ag"))
case("a URL without a path", OK, lambda url: requests.get(url + "?x"))
case("a URL with dots", OK, lambda url: requests.get(url + "/a/../b/./c"))
case("a URL as bytes", OK, lambda url: requests.get(url.encode() + b"/x"))
case("no scheme", [], lambda url: requests.get("127.0.0.1/x"))
case("an unknown scheme", [], lambda url: requests.get("foo://127.0.0.1/x"))
case("no host", [], lambda url: requests.get("http:///x"))
case("a port out of range", [], lambda url: requests.get("http://127.0.0.1:99999/"))
case("a host too long for IDNA", [], lambda url: requests.get("http://" + "☃☃☃" * 30 + ".com/"))
case("a host with a wildcard", [], lambda url: requests.get("http://*.example.org/"))

# Headers

case(
    "headers in order and case", OK, get(headers={"x-lower": "1", "X-UPPER": "2", "Accept": "a/b", "User-Agent": None})
)
case("headers as bytes", OK, get(headers={b"x-b": b"v\xe9"}))
case("a Latin-1 header", OK, get(headers={"x": "é"}))
case("a header beyond Latin-1", OK, get(headers={"x": "☃"}))
case("a header with a line break", OK, get(headers={"x": "a\nb"}))
case("a header that is a number", OK, get(headers={"x": 1}))
case("a Host header", OK, get(headers={"Host": "example.org"}))
case("no default headers", OK, get(headers=dict.fromkeys(("User-Agent", "Accept-Encoding", "Accept", "Connection"))))
case("Connection: close", [OK, OK], twice(headers={"Connection": "close"}))
case("Transfer-Encoding by hand", OK, post(data=b"abc", headers={"Transfer-Encoding": "chunked"}))

# Bodies

case("a form", OK, post(data={"a": "b", "c": ["d", "e"]}))
case("a form of pairs", OK, post(data=[("a", "b"), ("a", "c")]))
case("bytes", OK, post(data=b"\x00\xff"))
case("text", OK, post(data="héllo"))
case("a bytearray", OK, post(data=bytearray(b"abc")))
case("a memoryview", OK, post(data=memoryview(b"abc")))
case("JSON", OK, post(json={"a": [1, "é", None]}))
case("empty JSON", OK, post(json={}))
case("JSON with NaN", OK, post(json=float("nan")))
case("a generator", OK, late(lambda: {"data": (piece for piece in [b"ab", b"", b"cde"])}))
case("a generator of text", OK, late(lambda: {"data": (piece for piece in ["ab", "cdé"])}))
case("an empty generator", OK, late(lambda: {"data": (piece for piece in [])}))
case("a generator that fails", OK, late(lambda: {"data": (1 / 0 for _ in [1])}))
case(
    "a generator with a length",
    OK,
    late(lambda: {"data": (piece for piece in [b"ab", b"cde"]), "headers": {"Content-Length": "5"}}),
)
case("a BytesIO", OK, late(lambda: {"data": io.BytesIO(b"x" * 100)}))
case("a large BytesIO", OK, late(lambda: {"data": io.BytesIO(b"x" * 100000)}))
case("an empty BytesIO", OK, late(lambda: {"data": io.BytesIO(b"")}))
case("a StringIO", OK, late(lambda: {"data": io.StringIO("abc")}))
case("a file", OK, late(lambda: {"data": scratch_file(b"0123456789" * 3000)}))
case("the rest of a file", OK, late(lambda: {"data": scratch_file(b"0123456789" * 3000, 29990)}))
case("a multipart form", OK, post(files={"f": ("n.txt", b"data")}, data={"a": "b"}))
case(
    "a multipart form with headers",
    OK,
    late(lambda: {"files": [("f", ("n.txt", io.BytesIO(b"data"), "text/x", {"X-A": "b"})), ("g", "text")]}),
)
case("a body on GET", OK, get(data=b"body"))


def mutated(url):
    prepared = requests.Request("POST", url, data=b"old").prepare()
    prepared.headers["X"] = "y"
    prepared.body = b"new"
    prepared.prepare_content_length(prepared.body)
    return requests.Session().send(prepared)


def wrong_length(url):
    prepared = requests.Request("POST", url, data=b"abcdef").prepare()
    prepared.headers["Content-Length"] = "3"
    return requests.Session().send(prepared)


case("a prepared request that was changed", OK, mutated)
case("a wrong Content-Length", OK, wrong_length)

# Authentication, cookies, sessions

case("Basic authentication", OK, get(auth=("u", "p")))
case("credentials in the URL", OK, lambda url: requests.get(url.replace("http://", "http://us%40er:pa@")))
case("cookies", OK, get(cookies={"a": "b", "c": "d"}))
case("cookies that come back", [answer(b"x", "200 OK", "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d"), OK], twice())


def digest(url):
    response = requests.get(url, auth=requests.auth.HTTPDigestAuth("u", "p"))
    return response.status_code, [each.status_code for each in response.history]


def defaults(url):
    session = requests.Session()
    session.params["k"] = "v"
    session.headers["X-S"] = "1"
    return session.get(url, headers={"X-S": None}), session.get(url, params={"k": None})


def hooked(url):
    seen = []
    hook = {"response": lambda response, **settings: seen.append([response.status_code, sorted(settings)])}
    return requests.get(url, hooks=hook).status_code, seen


case("Digest, refused", [answer(b"", "401 U", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth-int"')], digest)
case("defaults of a session", [OK, OK], defaults)
case("a hook", OK, hooked)
case(
    "an HTTP proxy",
    OK,
    lambda url: requests.get("http://example.invalid/x", proxies={"http": url.replace("//", "//us:pw@")}),
)

# Redirects

case("302 after POST", [answer(b"r", "302 Found", "Location: /b", "Set-Cookie: q=1"), OK], post(data={"x": "y"}))
case("307 after POST", [answer(b"r", "307 T", "Location: /b"), OK], post(data={"x": "y"}))
case("307 with a file", [answer(b"r", "307 T", "Location: /b"), OK], late(lambda: {"data": io.BytesIO(b"zzzz")}))
case("307 with a generator", [answer(b"r", "307 T", "Location: /b"), OK], late(lambda: {"data": (p for p in [b"a"])}))
case(
    "303, relative, with a fragment",
    [answer(b"", "303 T", "Location: b?c"), OK],
    lambda url: requests.put(url + "/a/x#frag"),
)
case("301 not followed", answer(b"r", "301 T", "Location: //example.org/q"), post(data=b"1", allow_redirects=False))
case("a redirect to itself", [answer(b"r", "302 T", "Location: /b")] * 40, get())
case("a redirect in UTF-8", ["HTTP/1.1 302 F\r\nLocation: /é%20x y\r\nContent-Length: 0\r\n\r\n".encode(), OK], get())
case(
    "a redirect with a broken body",
    [b"HTTP/1.1 302 F\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", OK],
    get(),
)
case("a redirect to nowhere", answer(b"", "302 T", "Location: foo://x/"), get())

# Framing of responses

TWO_CHUNKS = chunked(b"abc", b"de")
MANY_CHUNKS = chunked(b"abc", b"de" * 3000, b"x" * 20000)

case("chunks", TWO_CHUNKS, get())
case("chunks in pieces", MANY_CHUNKS, lengths(4096))
case("chunks as they come", MANY_CHUNKS, lengths(None))
case("chunks byte by byte", TWO_CHUNKS, pieces(1))
case("chunks with a pause", [[TWO_CHUNKS[:-12], 0.2, TWO_CHUNKS[-12:]]], pieces(100))
case("trailers", [chunked(b"abc", trailers="X-T: 1\r\n"), OK], twice())
case("a chunk extension", TWO_CHUNKS.replace(b"\r\n\r\n3\r\n", b"\r\n\r\n3;a=b\r\n"), get())
case("a chunk of bad size", [[TWO_CHUNKS[:-12] + b"zz\r\n", CLOSE]], get())
case("chunks without an end", [[TWO_CHUNKS[:-5], CLOSE]], get())
case("a chunk cut short", [[TWO_CHUNKS[:-9], CLOSE]], get())
case("chunks and a length", chunked(b"abc", fields="Content-Length: 7\r\n"), get())
case("a body cut short", [[answer(b"0123456789")[:-5], CLOSE]], get())
case("a body cut short, streamed", [[answer(b"0123456789")[:-5], CLOSE]], pieces(2))
case("a body to the end", [[b"HTTP/1.1 200 OK\r\n\r\nabc", CLOSE]], get())
case("HTTP/1.0", [[b"HTTP/1.0 200 OK\r\n\r\nabc", CLOSE]], get())
case("HTTP/1.0, kept alive", [answer(b"abc", "200 OK", "Connection: keep-alive").replace(b"1.1", b"1.0"), OK], twice())
case("204", [b"HTTP/1.1 204 No Content\r\n\r\n", OK], twice())
case("304 with a length", [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", OK], twice())
case("100 before", b"HTTP/1.1 100 Continue\r\n\r\n" + OK, get())
case("101", [[b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", CLOSE]], get())
case("no reason", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", get())
case("a reason in Latin-1", answer(b"", "404 Pas trouv\xe9"), get())
case("an unknown status", answer(b"x", "999 Odd"), get())
case("the same length twice", answer(b"hello", "200 OK", "Content-Length: 5"), get())
case("many fields", answer(b"x", "200 OK", *[f"X-{number}: 1" for number in range(150)]), get())
case("as many fields as allowed", answer(b"x", "200 OK", *[f"X-{number}: 1" for number in range(98)]), get())
case("repeated fields", answer(b"x", "200 OK", "X-A: 1", "x-a: 2", "X-B: z"), get())
case("a field in UTF-8", answer(b"x", "200 OK", "X-A: é☃".encode()), get())
case("empty fields", answer(b"x", "200 OK", "X-E:", "X-F: "), get())
case("a folded field", answer(b"x", "200 OK", "X-A: b\r\n  c"), get())
case("line feeds alone", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", get())
case("closed without a response", [[CLOSE]], get())
case("closed without a response to POST", [[CLOSE]], post(data=b"a"))

# Content

case("gzip", answer(ZIPPED, "200 OK", GZIP), get())
case("gzip in pieces", answer(ZIPPED, "200 OK", GZIP), pieces(64))
case("gzip in chunks", chunked(ZIPPED[:10], ZIPPED[10:], fields=GZIP + "\r\n"), get())
case("not gzip", answer(b"not gzip", "200 OK", GZIP), get())
case("gzip cut short", answer(ZIPPED[:20], "200 OK", GZIP), get())
case("deflate", answer(zlib.compress(b"hey"), "200 OK", "Content-Encoding: deflate"), get())
case("a guessed charset", answer("żółw".encode() * 20, "200 OK", "Content-Type: foo/bar"), get())
case("JSON that is none", answer(b"{bad"), lambda url: requests.get(url).json())
case("JSON with a byte order mark", answer(b'\xef\xbb\xbf{"a":1}'), lambda url: requests.get(url).json())
case(
    "links",
    answer(b"x", "200 OK", 'Link: <http://a/b>; rel="next", </c>;rel=prev'),
    lambda url: requests.get(url).links,
)
case("lines", answer(b"a\nb\r\nc"), lambda url: list(requests.get(url, stream=True).iter_lines(chunk_size=2)))
case("a large body", answer(b"z" * 3000000), lambda url: len(requests.get(url).content))
case("a large body in pieces", answer(b"z" * 300000), lengths(65536))
case("a status of 404", answer(b"x", "404 Not Found"), lambda url: requests.get(url).raise_for_status())
case("a status of 503", answer(b"x", "503 Nope"), lambda url: requests.get(url).raise_for_status())
case("a pickle", OK, lambda url: pickle.loads(pickle.dumps(requests.get(url))).text)

# The response below the response

case("raw: read", OK, raw(lambda r: [r.read(2), r.tell(), r.length_remaining, r.read(), r.isclosed()]))
case("raw: read of chunks", TWO_CHUNKS, raw(lambda r: [r.read(2), r.read(2), r.read(), r.read(), r.closed]))
case("raw: read1", TWO_CHUNKS, raw(lambda r: [r.read1(2), r.read1(), r.closed]))
case("raw: readinto", OK, raw(lambda r: r.readinto(bytearray(3))))
case("raw: readline", answer(b"a\nbc\n"), raw(lambda r: [r.readline(), r._fp.peek(2)]))
case(
    "raw: gzip as it came", answer(ZIPPED, "200 OK", GZIP), raw(lambda r: b"".join(r.stream(10, decode_content=False)))
)
case("raw: gzip decoded", answer(ZIPPED, "200 OK", GZIP), raw(lambda r: r.read(decode_content=True)))
case(
    "raw: http.client's",
    OK,
    raw(lambda r: [r._fp.chunked, r._fp.chunk_left, r._fp.will_close, r._fp.length, r._fp._method]),
)
case(
    "raw: http.client's headers",
    OK,
    raw(lambda r: [r._fp.getheader("content-type"), r._fp.getheaders(), r._fp.info().items()]),
)
case("raw: http.client's file", OK, raw(lambda r: [type(r._fp.fp).__name__, r._fp.readable(), r._fp.fp.readline()]))

# Time-outs, connections, retries

case("a read timeout", [[1.0, OK]], get(timeout=0.1))
case("a read timeout of a pair", [[1.0, OK]], get(timeout=(1, 0.1)))
case("a read timeout in the body", [[OK[:-3], 1.0, OK[-3:]]], get(timeout=0.2))
case("a read timeout in a chunk", [[TWO_CHUNKS[:-8], 1.0, b"x"]], get(timeout=0.2))
case("three timeouts", OK, get(timeout=(1, 2, 3)))
case("a timeout of zero", OK, get(timeout=0))
case("a timeout that is text", OK, get(timeout="x"))
case("urllib3's Timeout", OK, get(timeout=urllib3.Timeout(total=3)))
case("kept alive", [OK, OK], twice())


def after_a_while(url):
    with requests.Session() as session:
        first = session.get(url)
        time.sleep(0.1)
        return first, session.get(url)


case("a connection that the server closed", [[OK, CLOSE], OK], after_a_while)


def with_retries(**rules):
    def program(url):
        session = requests.Session()
        session.mount("http://", HTTPAdapter(max_retries=urllib3.Retry(backoff_factor=0, **rules)))
        return session.post(url, data=b"x") if rules.pop("post", False) else session.get(url)

    return program


UNAVAILABLE = answer(b"x", "503 N")
case("a retry by status", [UNAVAILABLE, UNAVAILABLE, OK], with_retries(total=3, status_forcelist=[503]))
case("retries used up", [UNAVAILABLE] * 3, with_retries(total=1, status_forcelist=[503]))
case("a retry after no response", [[CLOSE], OK], with_retries(total=1))


def refused(**adapter):
    def program(url):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        session = requests.Session()
        session.mount("http://", HTTPAdapter(**adapter))
        try:
            session.get(f"http://127.0.0.1:{port}/")
        except requests.ConnectionError as error:
            reason = error.args[0].reason
            return [
                type(error).__name__,
                type(reason).__name__,
                type(reason.__cause__).__name__,
                reason.__cause__.errno,
            ]

    return program


case("refused", [], refused())
case("refused, with retries", [], refused(max_retries=2))
case("an unknown host", [], lambda url: requests.get("http://nonexistent.invalid/"))
case("refused over IPv6", [], lambda url: requests.get("http://[::1]:1/"))


def pools(url):
    session = requests.Session()
    session.get(url, hooks={"response": lambda response, **settings: None})
    found = session.adapters["http://"].poolmanager.pools._container.values()
    return [[type(pool).__name__, pool.num_connections, pool.num_requests] for pool in found]


case("the pools of a session", OK, pools)

# The responses that break the protocol

case("a status that is no number", answer(b"x", "abc Odd"), get())
case("a status of two digits", answer(b"x", "99 Odd"), get())
case("no HTTP", [[b"garbage\r\n\r\n", CLOSE]], get())
case("a head cut short", [[b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE]], get())
case("lengths that differ", answer(b"hello!", "200 OK", "Content-Length: 5"), get())
case("a length that is no number", [[b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nhello", CLOSE]], get())
case("a negative length", [[b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", CLOSE]], get())
case("a long field", answer(b"x", "200 OK", "X-A: " + "a" * 70000), get())
case("103 before", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, get())
case("white space behind a field", answer(b"x", "200 OK", "X-A:  \t padded \t "), get())
case("white space before a colon", [[answer(b"hello", "200 OK", "X-A : b"), CLOSE]], get(timeout=2))
case("a field without a colon", [[answer(b"hello", "200 OK", "nocolon"), CLOSE]], get(timeout=2))
case("text longer than announced", OK, late(lambda: {"data": io.StringIO("abcé")}))
