//! Redirects that lead nowhere, back, or out of HTTP (RFC 9110 sections 10.2.2 and 15.4).

use crate::faults::case::{
    Act, BROKEN, Body, Case, Failing::Redirect, MALFORMED, Outcome, TOO_LARGE, answer, case, chunked,
    milliseconds, own, send, status,
};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = loops();
    cases.extend(targets());
    cases.extend(bodies());
    cases.extend(not_followed());
    cases
}

const CYCLE: &str = "RFC 9110 15.4: a client should detect and intervene in cyclical redirections";
const SCHEME: &str =
    "RFC 9110 15.4, 17.1: a redirect is followed to http and https, never to what the machine itself holds";
const INVALID: &str = "RFC 9110 10.2.2: Location is a URI-reference; what is none cannot be followed";

fn found(location: &str) -> Vec<u8> {
    answer("302 Found", &format!("Location: {location}\r\nContent-Length: 0\r\n"), "")
}

/// The same redirect for each of many requests.
fn over_and_over(location: &str) -> Vec<Act> {
    vec![Act::Loop(found(location))]
}

fn loops() -> Vec<Case> {
    let looping = |name, location: &str| {
        case(name, CYCLE).plays(over_and_over(location)).fails(Redirect).connections(2)
    };
    vec![
        looping("redirect-to-itself", "/redirect-to-itself/0"),
        case(
            "redirect-to-nothing",
            "RFC 3986 4.4: an empty reference is the same document; a loop, or no redirect",
        )
        .plays(over_and_over(""))
        .gets([Outcome::Failing(Redirect), status(302)]),
        looping("redirect-without-end", "next/x"),
        looping("redirect-back-and-forth", "/b"),
        looping("redirect-to-a-fragment-of-itself", "/redirect-to-a-fragment-of-itself/0#a"),
    ]
}

fn targets() -> Vec<Case> {
    let fails = |name, rule, location: &str| case(name, rule).says_in_order(found(location)).fails(Redirect);
    let follows = |name, rule, location: &str| case(name, rule).says_in_order(found(location)).answers_own();
    let text = "RFC 9110 10.2.2, RFC 3986 2.1: servers send what is no URI; it is repaired as browsers do, or refused";
    let either = |name, location: &str| {
        case(name, text).says_in_order(found(location)).gets([
            Outcome::Failing(Redirect),
            MALFORMED,
            own(),
            BROKEN,
        ])
    };
    vec![
        fails("redirect-to-javascript", SCHEME, "javascript:alert(1)"),
        fails("redirect-to-a-file", SCHEME, "file:///etc/passwd"),
        fails("redirect-to-data", SCHEME, "data:text/plain,hello"),
        fails("redirect-to-ftp", SCHEME, "ftp://127.0.0.1/file"),
        fails("redirect-to-gopher", SCHEME, "gopher://127.0.0.1:70/1"),
        fails("redirect-to-blank", SCHEME, "about:blank"),
        fails("redirect-to-a-unix-socket", SCHEME, "http+unix://%2Fvar%2Frun%2Fdocker.sock/"),
        fails("redirect-to-a-scheme-without-a-host", INVALID, "http://"),
        fails("redirect-to-a-port-without-a-host", INVALID, "http://:80/"),
        fails("redirect-to-half-an-address", INVALID, "http://[::1"),
        fails("redirect-to-a-port-of-letters", INVALID, "http://127.0.0.1:port/"),
        fails("redirect-to-a-port-too-large", INVALID, "http://127.0.0.1:99999/"),
        either("redirect-to-a-host-with-a-space", "http://127.0.0 .1/"),
        either("redirect-to-port-0", "http://127.0.0.1:0/"),
        either("redirect-with-backslashes", "\\landing"),
        either("redirect-with-a-space", "/land ing/landing"),
        either("redirect-in-latin-1", "/caf\u{e9}/landing"),
        either("redirect-with-a-tab", "/land\ting"),
        follows(
            "redirect-with-an-encoded-line-end",
            "RFC 3986 2.1: %0D%0A is data, and stays encoded",
            "/%0d%0aX-Injected:%20yes/landing",
        )
        .never_sends("\r\nX-Injected"),
        follows(
            "redirect-with-dots",
            "RFC 3986 5.2.4: dot segments are removed, and lead no higher than the root",
            "/../../landing",
        ),
        follows("redirect-with-a-fragment", "RFC 9110 10.2.2: the fragment is not sent", "/landing#fragment"),
        follows(
            "redirect-without-a-slash",
            "RFC 3986 5.2: a reference is relative to the request's URL",
            "landing",
        ),
        case("redirect-with-nul", "RFC 9110 5.5: NUL in a value").says(found("/land\0ing")).refused(),
        case("redirect-with-cr", "RFC 9110 5.5: CR in a value").says(found("/land\ring")).refused(),
        case("redirect-with-a-control-character", "RFC 9110 5.5: control characters in a value")
            .says(found("/land\u{1}ing"))
            .refused(),
        case("redirect-of-10-megabytes", "RFC 9110 4.1, 5.4: longer than any client needs to process")
            .plays([
                Act::Expect,
                send("HTTP/1.1 302 Found\r\nLocation: /"),
                Act::Flood(Arc::from([b'a'; 4096]), 2560),
                send("\r\nContent-Length: 0\r\n\r\n"),
            ])
            .gets([TOO_LARGE, MALFORMED, Outcome::Failing(Redirect)]),
        case("redirect-to-two-places", "RFC 9110 10.2.2: one Location; either is taken, or it is refused")
            .says_in_order(answer(
                "302 Found",
                "Location: /landing\r\nLocation: /also/landing\r\nContent-Length: 0\r\n",
                "",
            ))
            .gets([own(), Outcome::Failing(Redirect), MALFORMED]),
        case("redirect-to-nobody", "RFC 9110 15.4: followed, and nobody listens there")
            .says_in_order(found("http://127.0.0.1:1/"))
            .gets([BROKEN]),
    ]
}

fn bodies() -> Vec<Case> {
    let rule = "RFC 9110 15.4: the body of a redirect is of no use; whatever is wrong with it must not keep the client";
    let moved =
        |fields: &str, body: &[u8]| answer("302 Found", &format!("Location: /landing\r\n{fields}"), body);
    let follows = |name, script: Vec<Act>| {
        case(name, rule).plays([vec![Act::Expect], script].concat()).answers_own().connections(3)
    };
    let strictly = |name, script: Vec<Act>| {
        case(name, rule)
            .plays([vec![Act::Expect], script].concat())
            .gets([own(), BROKEN, MALFORMED])
            .connections(3)
    };
    vec![
        follows(
            "redirect-with-an-endless-body",
            vec![send(moved("", b"")), Act::Flood(Arc::from([b'a'; 4096]), 1 << 16)],
        ),
        follows(
            "redirect-with-an-endless-chunked-body",
            vec![
                send(moved("Transfer-Encoding: chunked\r\n", b"")),
                Act::Flood(Arc::from(in_a_chunk(4096)), 1 << 16),
            ],
        ),
        follows(
            "redirect-with-a-body-that-never-comes",
            vec![send(moved("Content-Length: 1000\r\n", b"")), Act::Hold],
        )
        .patience(milliseconds(1500)),
        follows(
            "redirect-with-a-body-of-a-terabyte",
            vec![
                send(moved("Content-Length: 1099511627776\r\n", b"abc")),
                Act::Flood(Arc::from([b'a'; 4096]), 1 << 16),
            ],
        ),
        strictly("redirect-with-a-short-body", vec![send(moved("Content-Length: 10\r\n", b"abc"))]),
        strictly(
            "redirect-with-a-broken-chunk",
            vec![send(moved("Transfer-Encoding: chunked\r\n", b"zz\r\nabc")), Act::Poison],
        ),
        strictly(
            "redirect-and-a-reset",
            vec![send(moved("Content-Length: 10\r\n", b"abc")), Act::Sleep(milliseconds(20)), Act::Reset],
        ),
        case(
            "redirect-with-a-wrong-length",
            "RFC 9112 6.3, 5: framing that is invalid is so in a redirect, too",
        )
        .says(moved("Content-Length: -1\r\n", b""))
        .refused(),
        case(
            "redirect-and-the-close",
            "RFC 9112 9.6: the connection is closed; the next request goes by another",
        )
        .says_and_closes(moved("Connection: close\r\nContent-Length: 0\r\n", b""))
        .answers_own(),
        case(
            "redirect-and-a-close-unannounced",
            "RFC 9112 9.3.1: closed just when the next request comes; a GET is repeated",
        )
        .plays([Act::Expect, send(moved("Content-Length: 0\r\n", b"")), Act::Expect])
        .answers_own()
        .connections(3),
        case("redirect-of-chunks-with-trailers", "RFC 9112 7.1.2: trailers are read, as of any chunked body")
            .says_in_order(
                [moved("Transfer-Encoding: chunked\r\n", b""), chunked_body_with_trailers()].concat(),
            )
            .answers_own(),
    ]
}

fn in_a_chunk(length: usize) -> Vec<u8> {
    format!("{length:x}\r\n{}\r\n", "a".repeat(length)).into_bytes()
}

fn chunked_body_with_trailers() -> Vec<u8> {
    let whole = chunked("5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n");
    let head = chunked("").len();
    whole[head..].to_vec()
}

fn not_followed() -> Vec<Case> {
    let delivered = |name, rule, code: u16, fields: &str| {
        let line = format!("{code} Odd");
        case(name, rule)
            .says_in_order(answer(&line, &format!("{fields}Content-Length: 5\r\n"), "hello"))
            .gets([Outcome::Answer(code, Body::Bytes(b"hello".to_vec()))])
    };
    let missing = "RFC 9110 15.4: without Location there is nowhere to go; the response is the answer";
    vec![
        delivered("redirect-without-location", missing, 302, ""),
        delivered("redirect-308-without-location", missing, 308, ""),
        delivered(
            "location-in-200",
            "RFC 9110 10.2.2: only 3xx sends a client elsewhere",
            200,
            "Location: /landing\r\n",
        ),
        delivered(
            "location-in-201",
            "RFC 9110 15.3.2: Location names what was made; it is no redirect",
            201,
            "Location: /landing\r\n",
        ),
        delivered(
            "location-in-300",
            "RFC 9110 15.4.1: a choice, which a client may leave to its caller",
            300,
            "",
        ),
        delivered(
            "location-in-305",
            "RFC 9110 15.4.6: Use Proxy is deprecated, and was a hole",
            305,
            "Location: http://127.0.0.1:1/\r\n",
        ),
        delivered("location-in-306", "RFC 9110 15.4.7: unused", 306, "Location: /landing\r\n"),
        case("location-in-304", "RFC 9110 15.4.5: 304 answers a condition; it redirects nowhere")
            .says_in_order(answer("304 Not Modified", "Location: /landing\r\n", ""))
            .gets([status(304)]),
    ]
}
