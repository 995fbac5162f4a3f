//! Connections that serve more than one request, or should not (RFC 9112 sections 9.2, 9.3, 9.6 and 11.1).
//!
//! "The first response on a connection answers the first request": what a server says without having been asked must not
//! answer the next request, and a request that met a connection which was just being closed may be repeated only where
//! that does no harm.

use crate::faults::case::{
    Act, BROKEN, Body, Case, MALFORMED, Outcome, POISON, Script, TIME_OUT, answer, case, chunked,
    in_one_chunk, milliseconds, ok, own, send, sized, whole,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = closed_at_the_next_request();
    cases.extend(unasked());
    cases.extend(left_over());
    cases.extend(persistence());
    cases
}

const IDEMPOTENT: &str = "RFC 9112 9.3.1: a closed connection's idempotent requests may be repeated on a new one, by hand of nobody";
const OTHER: &str = "RFC 9112 9.3.1: a request that is not idempotent is not repeated unless it is known not to have been applied";
const UNASKED: &str = "RFC 9112 9.2: a client that receives data while no request is outstanding must not take it for a response";

/// An answer, then the next request and this in place of one.
fn then(end: impl Into<Script>) -> Script {
    [vec![Act::Expect, Act::Echo, Act::Expect], end.into()].concat()
}

fn closed_at_the_next_request() -> Vec<Case> {
    let repeated = |name, method, upload, end: Script| {
        case(name, IDEMPOTENT).plays(then(end)).answers_own().asks(method, upload, [own()])
    };
    let not_repeated = |name, method, end: Script| {
        case(name, OTHER).plays(then(end)).answers_own().asks(method, Some(5), [BROKEN])
    };
    vec![
        repeated("get-meets-the-close", "GET", None, vec![]),
        repeated("get-meets-a-reset", "GET", None, vec![Act::Reset]),
        repeated("put-meets-the-close", "PUT", Some(5), vec![]),
        repeated("delete-meets-the-close", "DELETE", None, vec![]),
        not_repeated("post-meets-the-close", "POST", vec![]),
        not_repeated("post-meets-a-reset", "POST", vec![Act::Reset]),
        not_repeated("patch-meets-the-close", "PATCH", vec![]),
        case(
            "get-meets-the-close-twice",
            "RFC 9112 9.3.1: a client should not retry a failed automatic retry",
        )
        .plays(then([]))
        .plays([Act::Expect])
        .answers_own()
        .gets([BROKEN])
        .connections(3),
        case(
            "get-meets-half-a-status-line",
            "RFC 9112 9.3.1: repeated, or the error of a response that broke off",
        )
        .plays(then([send("HTTP/1.1 2")]))
        .answers_own()
        .gets([BROKEN, own()]),
        case(
            "get-meets-half-a-body",
            "RFC 9112 8: the response had come; it is incomplete, not repeated unseen",
        )
        .plays(then([send(ok("Content-Length: 10\r\n", "hello"))]))
        .answers_own()
        .gets([BROKEN]),
        case(
            "post-after-a-close-in-silence",
            "RFC 9112 9.6: a client watches an idle connection for its close",
        )
        .plays([Act::Expect, Act::Echo])
        .answers_own()
        .asks("POST", Some(5), [own()])
        .after_a_while(),
        case(
            "post-after-a-reset-in-silence",
            "RFC 9112 9.6: a client watches an idle connection for its end",
        )
        .plays([Act::Expect, Act::Echo, Act::Sleep(milliseconds(20)), Act::Reset])
        .answers_own()
        .asks("POST", Some(5), [own()])
        .after_a_while(),
        case("keep-alive-that-lies", "RFC 9112 9.3: Keep-Alive is a hint; the server may close at any time")
            .plays([
                Act::Expect,
                send(sized("Connection: keep-alive\r\nKeep-Alive: timeout=60, max=1000\r\n", "hello")),
            ])
            .answers("hello")
            .asks("POST", Some(5), [own()])
            .after_a_while(),
    ]
}

fn unasked() -> Vec<Case> {
    let behind = |name, bytes: &[u8]| {
        case(name, UNASKED)
            .plays([Act::Expect, Act::Echo, Act::Sleep(milliseconds(20)), send(bytes), Act::Poison])
            .answers_own()
            .gets([own()])
            .after_a_while()
    };
    let timed_out = answer("408 Request Timeout", "Connection: close\r\nContent-Length: 0\r\n", "");
    vec![
        behind("idle-and-a-response", POISON.as_bytes()),
        behind("idle-and-half-a-response", b"HTTP/1.1 200 OK\r\nContent-Le"),
        behind("idle-and-408", &timed_out),
        behind("idle-and-an-interim-response", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        behind("idle-and-an-empty-line", b"\r\n"),
        behind("idle-and-garbage", b"\0"),
        case("idle-and-408-then-closed", UNASKED)
            .plays([Act::Expect, Act::Echo, Act::Sleep(milliseconds(20)), send(&timed_out)])
            .answers_own()
            .asks("POST", Some(5), [own()])
            .after_a_while(),
    ]
}

fn left_over() -> Vec<Case> {
    let rule = "RFC 9112 9.2, 11.1: what lies behind a response's end belongs to no request";
    let hello = |name, bytes: Vec<u8>| case(name, rule).says(bytes).answers("hello");
    let and_poison = |bytes: Vec<u8>| [bytes, POISON.into()].concat();
    let found = |location| answer("302 Found", &format!("Location: {location}\r\nContent-Length: 0\r\n"), "");
    vec![
        hello("response-behind-a-response", and_poison(sized("", "hello"))),
        hello("response-behind-a-chunked-one", and_poison(chunked(in_one_chunk(b"hello")))),
        hello(
            "half-a-response-behind-one",
            [sized("", "hello"), b"HTTP/1.1 200 OK\r\nX: ".to_vec()].concat(),
        ),
        hello("body-longer-than-its-length", ok("Content-Length: 5\r\n", "hello, world")),
        hello("body-longer-by-a-line-end", ok("Content-Length: 5\r\n", "hello\r\n")),
        hello("body-longer-by-a-response", ok("Content-Length: 5\r\n", format!("hello{POISON}"))),
        hello("chunked-body-longer-by-a-line-end", chunked("5\r\nhello\r\n0\r\n\r\n\r\n")),
        case("response-behind-an-empty-one", rule).says(and_poison(sized("", ""))).answers(""),
        case("response-behind-a-head", rule).says(and_poison(sized("", ""))).asks("HEAD", None, [whole("")]),
        case("response-behind-a-304", rule)
            .says(and_poison(answer("304 Not Modified", "", "")))
            .gets([Outcome::Answer(304, Body::Bytes(Vec::new()))]),
        case("response-behind-a-404", rule)
            .says(and_poison(answer("404 Not Found", "Content-Length: 0\r\n", "")))
            .gets([Outcome::Answer(404, Body::Bytes(Vec::new()))]),
        case("response-behind-a-redirect", rule).says(and_poison(found("/landing"))).answers_own(),
        case("response-behind-a-later-one", rule)
            .plays([Act::Expect, Act::Echo, Act::Expect, send(and_poison(sized("", "hello"))), Act::Poison])
            .answers_own()
            .answers("hello"),
        case(
            "response-cut-in-the-next-one",
            "RFC 9112 9.2: the rest of what lies there is refused, or not looked at",
        )
        .plays([
            Act::Expect,
            send([sized("", "hello"), b"HTTP/1.1 ".to_vec()].concat()),
            Act::Expect,
            send("200 OK\r\nContent-Length: 6\r\n\r\npoison"),
            Act::Hold,
        ])
        .gets([whole("hello")]),
        case("two-responses-to-a-post", rule).says(and_poison(sized("", "hello"))).asks(
            "POST",
            Some(5),
            [whole("hello")],
        ),
    ]
}

fn persistence() -> Vec<Case> {
    let close =
        "RFC 9112 9.6: after the option close no further request is sent, whether the server closes or not";
    let stays = |name, rule, fields: &str| case(name, rule).says(sized(fields, "hello")).answers("hello");
    let old = |name, fields: &str| {
        let head = format!("HTTP/1.0 200 OK\r\n{fields}Content-Length: 5\r\n\r\nhello");
        case(name, "RFC 9112 9.3: HTTP/1.0 persists only by the option keep-alive")
            .says(head)
            .answers("hello")
    };
    vec![
        stays("close-but-stays-open", close, "Connection: close\r\n"),
        stays("close-in-odd-case", close, "connection: CLOSE\r\n"),
        stays("close-in-a-list", close, "Connection: upgrade, close\r\n"),
        stays("close-in-a-second-field", close, "Connection: upgrade\r\nConnection: close\r\n"),
        stays("close-and-keep-alive", close, "Connection: close, keep-alive\r\n"),
        stays("keep-alive-and-close", close, "Connection: keep-alive\r\nConnection: close\r\n"),
        case(
            "close-without-a-length-that-stays-open",
            "RFC 9112 6.3, 8: the body ends with the connection, so the time-out holds",
        )
        .says(ok("Connection: close\r\n", "hello"))
        .patience(milliseconds(300))
        .gets([TIME_OUT]),
        old("old-and-stays-open", ""),
        old("old-with-proxy-connection", "Proxy-Connection: keep-alive\r\n"),
        case(
            "close-that-has-no-meaning",
            "RFC 9110 7.6.1: options are whole tokens; \"closed\" is another one",
        )
        .says_in_order(sized("Connection: closed\r\n", "hello"))
        .answers("hello"),
        case(
            "refused-and-used-again",
            "RFC 9112 8: a connection that brought a malformed response is not used again",
        )
        .says(ok("Content-Length: x\r\n", "hello"))
        .gets([MALFORMED]),
    ]
}
