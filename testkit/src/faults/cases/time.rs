//! Peers that are slow, or never done. Time-outs hold to within the time that a case allows.
//!
//! RFC 9112 section 9.5: "Servers will usually have some timeout value beyond which they will no longer maintain an
//! inactive connection"; a client's are its caller's choice, and neither a drip nor a stall may overrun them.

use crate::faults::case::{Act, Case, TIME_OUT, case, chunked, milliseconds, ok, send, sized, status, whole};
use std::time::Duration;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = stalls();
    cases.extend(drips());
    cases.extend(answers_in_time());
    cases
}

const STALL: &str = "RFC 9112 9.5: nothing comes; the client's time-out ends the wait";
const DRIP: &str = "RFC 9112 9.5: bytes come, but the whole takes longer than the caller allows";
const ENOUGH: &str = "RFC 9112 6.3: the message is complete by its own framing; nobody waits for the close";

fn stalls() -> Vec<Case> {
    let stall = |name, bytes: &[u8]| {
        case(name, STALL)
            .plays([Act::Expect, send(bytes), Act::Hold])
            .patience(milliseconds(300))
            .gets([TIME_OUT])
    };
    vec![
        case("stall-before-the-request", STALL)
            .plays([Act::Ignore])
            .patience(milliseconds(300))
            .gets([TIME_OUT]),
        stall("stall-before-the-response", b""),
        stall("stall-in-the-version", b"HTTP/1"),
        stall("stall-in-the-status", b"HTTP/1.1 2"),
        stall("stall-after-the-status-line", b"HTTP/1.1 200 OK\r\n"),
        stall("stall-in-a-field", b"HTTP/1.1 200 OK\r\nContent-Le"),
        stall("stall-before-the-empty-line", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
        stall("stall-before-the-body", &ok("Content-Length: 5\r\n", "")),
        stall("stall-in-the-body", &ok("Content-Length: 5\r\n", "hel")),
        stall("stall-before-the-first-chunk", &chunked("")),
        stall("stall-in-a-chunk-size", &chunked("5")),
        stall("stall-in-chunk-data", &chunked("5\r\nhel")),
        stall("stall-between-chunks", &chunked("5\r\nhello\r\n")),
        stall("stall-in-the-trailers", &chunked("5\r\nhello\r\n0\r\nX-Tr")),
        stall("stall-where-only-the-close-is-missing", &ok("", "hello")),
        case("stall-on-a-connection-that-served", STALL)
            .plays([Act::Expect, Act::Echo, Act::Expect, Act::Hold])
            .answers_own()
            .gets([TIME_OUT])
            .patience(milliseconds(300)),
    ]
}

/// Drips end after some seconds, for clients that have no time-out for the whole.
fn drips() -> Vec<Case> {
    let drip = |name, start: &[u8], bytes: &[u8], gap: Duration| {
        case(name, DRIP)
            .plays([Act::Expect, send(start), Act::Drip(bytes.to_vec(), gap), Act::Hold])
            .total(milliseconds(600))
            .gets([TIME_OUT])
    };
    let gap = milliseconds(100);
    vec![
        drip("drip-of-a-status-line", b"", b"HTTP/1.1 200 Very slowly\r\n", gap),
        drip("drip-of-a-head", b"HTTP/1.1 200 OK\r\n", b"X-Field: 0123456789012345\r\n", gap),
        drip("drip-of-a-body", &ok("Content-Length: 25\r\n", ""), &[b'a'; 25], gap),
        drip("drip-of-a-body-without-framing", &ok("", ""), &[b'a'; 25], gap),
        drip("drip-of-chunks", &chunked(""), &b"1\r\na\r\n".repeat(4), gap),
        drip("drip-of-a-chunk-size", &chunked(""), b"0000000000000001\r\n", gap),
        drip("drip-of-an-extension", &chunked("1;"), &[b'x'; 25], gap),
        drip("drip-of-trailers", &chunked("1\r\na\r\n0\r\n"), b"X-Trailer: 0123456789\r\n", gap),
        drip("drip-of-one-byte-a-second", &ok("Content-Length: 25\r\n", ""), b"aaa", milliseconds(1000)),
        drip("drip-of-empty-lines", b"", b"\r\n\r\n\r\n\r\n", milliseconds(300)),
        case(
            "drip-of-a-redirect",
            "RFC 9110 15.4: redirects belong to the same exchange, and to its time-out",
        )
        .plays([
            Act::Expect,
            send("HTTP/1.1 302 Found\r\nLocation: /landing\r\nContent-Length: 0\r\n"),
            Act::Drip(b"X-Field: 0123456789\r\n\r\n".to_vec(), gap),
            Act::Honest,
        ])
        .total(milliseconds(600))
        .gets([TIME_OUT]),
    ]
}

fn answers_in_time() -> Vec<Case> {
    let soon = |name, bytes: &[u8]| {
        case(name, ENOUGH).says_in_order(bytes).answers("hello").within(Duration::from_secs(3))
    };
    let slowly = |name, bytes: &[u8]| {
        case(name, "RFC 9112 2.1: a message is a stream of octets, however it was cut")
            .plays([Act::Expect, Act::Drip(bytes.to_vec(), milliseconds(2)), Act::Honest])
            .answers("hello")
    };
    vec![
        soon("complete-by-length-and-open", &sized("", "hello")),
        soon("complete-by-chunks-and-open", &chunked("5\r\nhello\r\n0\r\n\r\n")),
        case("complete-by-status-and-open", ENOUGH)
            .says_in_order("HTTP/1.1 204 No Content\r\n\r\n")
            .gets([status(204)])
            .within(Duration::from_secs(3)),
        slowly("byte-by-byte-with-a-length", &sized("", "hello")),
        slowly("byte-by-byte-in-chunks", &chunked("2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX-Trailer: a\r\n\r\n")),
        case("late-but-in-time", "RFC 9112 9.5: each byte comes within the client's time-out")
            .plays([
                Act::Expect,
                Act::Sleep(milliseconds(200)),
                send("HTTP/1.1 200 OK\r\nContent-"),
                Act::Sleep(milliseconds(200)),
                send("Length: 5\r\n\r\nhe"),
                Act::Sleep(milliseconds(200)),
                send("llo"),
                Act::Honest,
            ])
            .gets([whole("hello")]),
    ]
}
