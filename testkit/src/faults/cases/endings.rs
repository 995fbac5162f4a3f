//! Connections that end where they should not: closed, half-closed and reset at every point of a response.
//!
//! RFC 9112 section 8: "A client that receives an incomplete response message, which can occur when a connection is
//! closed prematurely or when decoding a supposedly chunked transfer coding fails, MUST record the message as
//! incomplete."

use crate::faults::case::{
    Act, BROKEN, Case, Failing::Broken, MALFORMED, case, chunked, milliseconds, ok, send, whole,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = before_the_body();
    cases.extend(in_a_sized_body());
    cases.extend(in_a_chunked_body());
    cases.extend(in_a_body_without_framing());
    cases
}

const NOTHING: &str = "RFC 9112 8: no response at all is an error, and on a new connection nothing to repeat";
const HEAD: &str = "RFC 9112 8: a head without its empty line is incomplete, whatever came of it";
const SIZED: &str = "RFC 9112 8: a body with a Content-Length is incomplete if fewer bytes come";
const CHUNKED: &str = "RFC 9112 8: a chunked body is incomplete if its zero-sized chunk is missing";

fn before_the_body() -> Vec<Case> {
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Field: va";
    vec![
        case("closed-at-once", NOTHING).plays([]).fails(Broken),
        case("reset-at-once", NOTHING).plays([Act::Reset]).fails(Broken),
        case("closed-after-the-request", NOTHING).plays([Act::Expect]).fails(Broken),
        case("reset-after-the-request", NOTHING).plays([Act::Expect, Act::Reset]).fails(Broken),
        case("half-closed-after-the-request", NOTHING).plays([Act::Expect, Act::HalfClose]).fails(Broken),
        case("closed-with-the-request-unread", NOTHING)
            .plays([Act::Sleep(milliseconds(30)), Act::Drop])
            .fails(Broken),
        case("closed-in-the-version", HEAD).says_and_closes("HTTP/1.").fails(Broken),
        case("closed-in-the-status", HEAD).says_and_closes("HTTP/1.1 20").fails(Broken),
        case("closed-after-the-status-line", HEAD).says_and_closes("HTTP/1.1 200 OK\r\n").fails(Broken),
        case("closed-in-a-name", HEAD).says_and_closes("HTTP/1.1 200 OK\r\nContent-Le").fails(Broken),
        case("closed-in-a-value", HEAD).says_and_closes(begun).fails(Broken),
        case("closed-before-the-empty-line", HEAD)
            .says_and_closes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
            .fails(Broken),
        case("closed-in-the-empty-line", HEAD)
            .says_and_closes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r")
            .fails(Broken),
        case("reset-in-the-head", HEAD)
            .plays([Act::Expect, send(begun), Act::Sleep(milliseconds(30)), Act::Reset])
            .fails(Broken),
        case("half-closed-in-the-head", HEAD).plays([Act::Expect, send(begun), Act::HalfClose]).fails(Broken),
    ]
}

fn in_a_sized_body() -> Vec<Case> {
    let length = "Content-Length: 10\r\n";
    vec![
        case("closed-before-the-body", SIZED).says_and_closes(ok(length, "")).fails(Broken),
        case("closed-in-the-body", SIZED).says_and_closes(ok(length, "hello")).fails(Broken),
        case("closed-one-byte-short", SIZED).says_and_closes(ok(length, "hello, wo")).fails(Broken),
        case("reset-before-the-body", SIZED)
            .plays([Act::Expect, send(ok(length, "")), Act::Sleep(milliseconds(30)), Act::Reset])
            .fails(Broken),
        case("reset-in-the-body", SIZED)
            .plays([Act::Expect, send(ok(length, "hello")), Act::Sleep(milliseconds(30)), Act::Reset])
            .fails(Broken),
        case("half-closed-in-the-body", SIZED)
            .plays([Act::Expect, send(ok(length, "hello")), Act::HalfClose])
            .fails(Broken),
        case(
            "closed-far-from-a-huge-length",
            "RFC 9112 8, RFC 9110 8.6: incomplete, and no memory taken on the word",
        )
        .says_and_closes(ok("Content-Length: 9223372036854775807\r\n", "hello"))
        .fails(Broken),
        case(
            "closed-far-from-the-largest-length",
            "RFC 9112 8, RFC 9110 8.6: a recipient must anticipate large numbers",
        )
        .says_and_closes(ok("Content-Length: 18446744073709551615\r\n", "hello"))
        .gets([BROKEN, MALFORMED]),
        case(
            "reset-behind-the-body",
            "RFC 9112 6.3: the body was complete; what happens then concerns later requests",
        )
        .plays([
            Act::Expect,
            send(ok("Content-Length: 5\r\n", "hello")),
            Act::Sleep(milliseconds(30)),
            Act::Reset,
        ])
        .answers("hello"),
        case(
            "half-closed-behind-the-body",
            "RFC 9112 9.6: the response was complete; the connection is not used again",
        )
        .plays([Act::Expect, send(ok("Content-Length: 5\r\n", "hello")), Act::HalfClose])
        .answers("hello"),
    ]
}

fn in_a_chunked_body() -> Vec<Case> {
    let cut = |name, body: &str| case(name, CHUNKED).says_and_closes(chunked(body)).fails(Broken);
    vec![
        cut("closed-before-the-first-chunk", ""),
        cut("closed-in-a-chunk-size", "1"),
        cut("closed-in-the-end-of-a-chunk-size", "5\r"),
        cut("closed-before-chunk-data", "5\r\n"),
        cut("closed-in-chunk-data", "5\r\nhel"),
        cut("closed-behind-chunk-data", "5\r\nhello"),
        cut("closed-in-the-end-of-a-chunk", "5\r\nhello\r"),
        cut("closed-between-chunks", "5\r\nhello\r\n"),
        cut("closed-in-the-last-chunk", "5\r\nhello\r\n0"),
        cut("closed-in-the-end-of-the-last-chunk", "5\r\nhello\r\n0\r"),
        case(
            "closed-before-the-final-line",
            "RFC 9112 8: the zero-sized chunk came, so nothing of the content is missing; the message is not whole, though",
        )
        .says_and_closes(chunked("5\r\nhello\r\n0\r\n"))
        .gets([whole("hello"), BROKEN]),
        cut("closed-in-the-trailers", "5\r\nhello\r\n0\r\nX-Trailer: val"),
        cut("closed-behind-the-trailers", "5\r\nhello\r\n0\r\nX-Trailer: value\r\n"),
        case("reset-in-a-chunk", CHUNKED)
            .plays([Act::Expect, send(chunked("5\r\nhel")), Act::Sleep(milliseconds(30)), Act::Reset])
            .fails(Broken),
        case("reset-between-chunks", CHUNKED)
            .plays([Act::Expect, send(chunked("5\r\nhello\r\n")), Act::Sleep(milliseconds(30)), Act::Reset])
            .fails(Broken),
        case("half-closed-between-chunks", CHUNKED)
            .plays([Act::Expect, send(chunked("5\r\nhello\r\n")), Act::HalfClose])
            .fails(Broken),
    ]
}

fn in_a_body_without_framing() -> Vec<Case> {
    vec![
        case(
            "closed-where-the-body-ends",
            "RFC 9112 6.3, 8: without framing the end of the connection ends the body",
        )
        .says_and_closes(ok("", "hello"))
        .answers("hello"),
        case(
            "half-closed-where-the-body-ends",
            "RFC 9112 6.3, 8: the server's side has ended, and with it the body",
        )
        .plays([Act::Expect, send(ok("", "hello")), Act::HalfClose])
        .answers("hello"),
        case("closed-where-an-old-body-ends", "RFC 9112 6.3, 8: the same from a server of HTTP/1.0")
            .says_and_closes("HTTP/1.0 200 OK\r\n\r\nhello")
            .answers("hello"),
        case("reset-where-the-body-may-end", "RFC 9112 8: a reset is no end; what came may not be all")
            .plays([Act::Expect, send(ok("", "hello")), Act::Sleep(milliseconds(30)), Act::Reset])
            .fails(Broken),
    ]
}
