"""Every case of the testkit's fault server through the drop-in: outcome, time, memory, connections.

Each is tried in both lanes that use the engine: the express lane, and the open lane (by a hook that does nothing). Where
requests has habits that the drop-in must share, `QUIRKS` says which outcome is right here, and why.
"""

import tempfile
import time

import entreat
import faults
import pytest
from entreat import exceptions

LANES = {"express": {}, "open": {"hooks": {"response": lambda answer, **_: None}}}

ANY = {"status": 200, "any": True}
#: Cases in which the drop-in does what requests does: why, what else is right, and which.
HABITS = [
    (
        "urllib3 hands out what it could decode of a body that is cut short",
        [ANY],
        """gzip-cut-in-the-header gzip-cut-behind-the-header gzip-cut-in-the-middle gzip-cut-before-the-checksum
        gzip-cut-in-the-checksum gzip-cut-by-one-byte gzip-with-a-second-member-cut gzip-cut-in-chunks
        gzip-cut-where-only-the-coding-tells gzip-with-a-name-without-end deflate-cut deflate-cut-in-the-checksum
        deflate-of-one-byte deflate-raw-and-cut""",
    ),
    ("urllib3 does not know identity in a list of codings", [{"failing": "Coding"}], "gzip-with-identity"),
    (
        "br and zstd are not asked for, and so not undone, where their packages are not installed",
        [ANY],
        """br-cut br-cut-by-one-byte br-that-is-plain-text br-that-is-gzip zstd-cut zstd-cut-in-the-magic
        zstd-that-is-plain-text zstd-with-a-window-of-terabytes zstd-in-two-frames coding-zstd-thirty-thousand-times
        bomb-of-zstd bomb-of-brotli""",
    ),
    (
        "requests reads the body of a redirect before it follows",
        [{"failing": "TimeOut"}],
        "redirect-with-a-body-that-never-comes",
    ),
    ("requests reads Location by urllib.parse, not as browsers do", [ANY], "redirect-with-backslashes"),
    ("urljoin takes a URL without a host for a relative one", [ANY], "redirect-to-a-scheme-without-a-host"),
    (
        "urllib.parse's own exception passes through requests",
        [{"failing": "ValueError"}],
        "redirect-to-half-an-address",
    ),
    (
        "http.client takes nothing but the one word for chunked",
        [{"failing": "Malformed"}],
        "chunked-in-a-list-with-nothing",
    ),
    ("Python's ssl forgives a missing close_notify", [ANY], "tls-ends-a-body-without-framing"),
]
QUIRKS = {name: expected for _, expected, names in HABITS for name in names.split()}
#: Cookies are Python's `http.cookiejar`'s: it knows no prefixes, and takes an address for a name with domains.
UNGUARDED = {"cookie-with-the-prefix-secure", "cookie-with-the-prefix-host", "cookie-for-a-part-of-an-address"}

with faults.Server(tempfile.mkstemp()[1]) as _listed:
    CASES = list(_listed.cases)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with faults.Server(tmp_path_factory.mktemp("faults") / "ca.pem") as started:
        yield started


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("name", CASES)
def test_a_misbehaving_peer(server, session, name, lane):
    case = server.cases[name]
    if case["tls"]:
        session.verify = server.ca_file
    url = server.play(name)
    try:
        for number, ask in enumerate(case["asks"]):
            time.sleep(ask["pause"])
            started, memory = time.monotonic(), faults.Memory()
            outcome = send(session, case, ask, f"{url}{number}", LANES[lane])
            expected = ask["expected"] + (QUIRKS.get(name, []) if ask is not case["asks"][-1] else [])
            assert faults.is_right(outcome, expected, f"{url}{number}"), (
                f"{outcome} is none of {expected}: {case['rule']}"
            )
            assert time.monotonic() - started <= case["within"]
            assert memory.taken() <= case["memory"]
    finally:
        seen = server.stop(name)
    if name not in UNGUARDED:
        assert list(faults.peer_faults(case, seen)) == []


def send(session, case, ask, url, arguments):
    limits = {"timeout": (case["patience"], case["patience"])}
    if case["total"] < 10:
        limits["timeout"] = entreat.Timeout(connect=case["patience"], read=case["patience"], total=case["total"])
    body = UPLOAD[: ask["upload"]] if ask["upload"] else None
    try:
        with session.request(
            ask["method"], url, data=body, stream=case["limit"] is not None, **limits, **arguments
        ) as answer:
            if case["limit"] is None:
                # What the text may be is another matter; that there is one, is this one's.
                assert isinstance(answer.text, str)
                return "answer", answer.status_code, answer.content
            return read(answer, case["limit"])
    except (exceptions.RequestException, ValueError) as error:
        return "failing", classes(error), repr(error)


def read(answer, limit):
    body = b""
    for piece in answer.iter_content(65536):
        body += piece
        if len(body) > limit:
            return ("cut off",)
    return "answer", answer.status_code, body


#: Made once: the memory of an upload is the caller's.
UPLOAD = b"u" * (16 << 20)


def classes(error):
    """The classes of failures that an exception can mean: those of requests tell fewer apart."""
    if isinstance(error, exceptions.SSLError):
        return {"Tls"}
    if isinstance(error, exceptions.Timeout) or "timed out" in str(error):
        return {"TimeOut"}
    if isinstance(error, exceptions.ContentDecodingError):
        return {"Coding"}
    if isinstance(error, (exceptions.TooManyRedirects, exceptions.InvalidSchema, exceptions.InvalidURL)):
        return {"Redirect"}
    if isinstance(error, exceptions.InvalidHeader):
        return {"Malformed"}
    if isinstance(error, (exceptions.ConnectionError, exceptions.ChunkedEncodingError)):
        return {"Broken", "Malformed", "TooLarge"}
    return {type(error).__name__}
