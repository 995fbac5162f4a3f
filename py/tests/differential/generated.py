"""Calls and answers that hypothesis makes up: plausible parts, put together in ways that nobody thought of."""

from hypothesis import strategies as st
from peers import CLOSE

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_WORD = st.one_of(
    st.sampled_from(["a", "b", "a b", "a+b", "a=b&c", "%41", "%", "/", "?", "#", "ü", "", "€", "~", ";,"]), _TEXT
)
_NAME = st.sampled_from(["X-A", "x-a", "Accept", "User-Agent", "Content-Type", "Host", "Cookie", "X_B", "Range"])
_VALUE = st.sampled_from(["", "a", "a b", "é", "x" * 30, None, "a,b;c=d", '"q"', "text/plain"])
_SCALAR = st.one_of(_WORD, st.integers(-3, 3), st.booleans(), st.none(), st.binary(max_size=3))
_PAIRS = st.dictionaries(_WORD, st.one_of(_SCALAR, st.lists(_SCALAR, max_size=2)), max_size=3)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _WORD),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_WORD, inner, max_size=2)),
    max_leaves=4,
)
_PATHS = st.lists(
    st.one_of(
        _WORD, st.sampled_from(["/", "/", "?", "&", "=", "#", "..", ".", "%2F", "%zz", "\\", "|", "[", "{", "'", " "])
    ),
    max_size=6,
).map("".join)

_ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "params": st.one_of(_PAIRS, st.lists(st.tuples(_WORD, _SCALAR), max_size=2), _WORD),
        "headers": st.dictionaries(_NAME, _VALUE, max_size=3),
        "data": st.one_of(_PAIRS, _WORD, st.binary(max_size=9), st.lists(st.tuples(_WORD, _SCALAR), max_size=2)),
        "json": _JSON,
        # Control characters are refused, see INTENDED.
        "cookies": st.dictionaries(st.sampled_from(["a", "b", "c d"]), _WORD.filter(str.isprintable), max_size=2),
        "auth": st.tuples(_WORD, _WORD),
        "allow_redirects": st.booleans(),
        "stream": st.booleans(),
        "timeout": st.sampled_from([None, 5, 5.5, (3, 5), (None, 5)]),
    },
)

_FIELDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Content-Type", "Set-Cookie", "X-A", "x-a", "Location", "Link", "ETag", "Content-Encoding", "Connection"]
        ),
        st.sampled_from(
            [
                "",
                "a",
                "text/plain",
                "text/html; charset=utf-8",
                "application/json",
                "a=b",
                "c=d; Path=/",
                "/two",
                "gzip",
            ]
            + ["<a>; rel=b", "identity", "é", "close", "keep-alive", "charset=latin-1", "deflate"]
        ),
    ),
    max_size=4,
)


@st.composite
def answers(draw, method):
    status = draw(
        st.sampled_from([200, 200, 201, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 404, 418, 500, 503])
    )
    reason = draw(st.sampled_from(["OK", "", "Not Found", "é"]))
    body = draw(st.one_of(st.just(b""), st.binary(max_size=20), st.sampled_from([b'{"a": 1}', "ü\n\r\nx".encode()])))
    lines = [f"HTTP/1.{draw(st.sampled_from('1110'))} {status} {reason}"]
    lines += [f"{name}: {value}" for name, value in draw(_FIELDS)]
    # urllib3 waits for chunks even where a response has no body (RFC 9112, 6.3).
    framings = ["length", "length", "close", "short"] + ["chunked"] * (status not in (204, 304))
    framing = draw(st.sampled_from(framings))
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    elif framing != "close":
        lines.append(f"Content-Length: {len(body) + (framing == 'short')}")
    bodiless = status in (204, 304) or method == "HEAD"
    answer = "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if bodiless else body)
    # Where the connection lives on, nothing may come behind the response, and nobody may close it unannounced.
    return [answer, CLOSE] if framing in ("close", "short") and not bodiless else [answer]


@st.composite
def tasks(draw):
    method = draw(st.sampled_from(["GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]))
    return {
        "method": method,
        "times": draw(st.sampled_from([1, 1, 2])),
        # Anything else at the beginning would belong to the host.
        "path": draw(
            st.one_of(st.just(""), st.sampled_from(["/", "/", "?", "#"]).flatmap(lambda at: _PATHS.map(at.__add__)))
        ),
        "arguments": draw(_ARGUMENTS),
        "session": draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "headers": st.dictionaries(_NAME, _VALUE.filter(lambda value: value is not None), max_size=2),
                    "params": st.dictionaries(_WORD, _WORD, max_size=2),
                    "cookies": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "x y"]), max_size=2),
                    "auth": st.tuples(st.just("u"), st.just("p")),
                    "trust_env": st.booleans(),
                },
            )
        ),
        "answers": draw(st.lists(answers(method), max_size=3)),
    }
