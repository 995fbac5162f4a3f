//! Status lines that are none (RFC 9112 section 4), and answers that are not HTTP/1 at all.
//!
//! ```text
//! status-line = HTTP-version SP status-code SP [ reason-phrase ]
//! ```

use crate::faults::case::{Act, Body, Case, MALFORMED, Outcome, TOO_LARGE, case, own, send, whole};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = versions();
    cases.extend(codes());
    cases.extend(lines());
    cases.extend(other_protocols());
    cases
}

const VERSION: &str =
    "RFC 9112 2.3: HTTP-version is \"HTTP/\" DIGIT \".\" DIGIT, case-sensitive, and here of major version 1";
const CODE: &str = "RFC 9112 4: status-code is 3DIGIT, of which the first is at least 1 (RFC 9110 15)";

/// The status line in front of a short answer.
fn with_line(line: impl AsRef<[u8]>) -> Vec<u8> {
    [line.as_ref(), b"\r\nContent-Length: 5\r\n\r\nhello"].concat()
}

fn versions() -> Vec<Case> {
    let refused = |name, line: &str| case(name, VERSION).says(with_line(line)).refused();
    vec![
        refused("version-2.0", "HTTP/2.0 200 OK"),
        refused("version-2", "HTTP/2 200 OK"),
        refused("version-3.0", "HTTP/3.0 200 OK"),
        refused("version-0.9", "HTTP/0.9 200 OK"),
        refused("version-1.10", "HTTP/1.10 200 OK"),
        refused("version-11.1", "HTTP/11.1 200 OK"),
        refused("version-without-minor", "HTTP/1 200 OK"),
        refused("version-with-empty-minor", "HTTP/1. 200 OK"),
        refused("version-negative", "HTTP/-1.1 200 OK"),
        refused("version-of-letters", "HTTP/x.y 200 OK"),
        refused("version-with-a-comma", "HTTP/1,1 200 OK"),
        refused("version-in-lower-case", "http/1.1 200 OK"),
        refused("version-with-spaces", "HTTP / 1.1 200 OK"),
        refused("version-missing", "200 OK"),
        refused("version-of-another-protocol", "HTTPS/1.1 200 OK"),
        case("version-1.9", "RFC 9110 2.5: a higher minor version is read as the highest one known")
            .says_in_order(with_line("HTTP/1.9 200 OK"))
            .answers("hello"),
    ]
}

fn codes() -> Vec<Case> {
    let refused = |name, line: &str| case(name, CODE).says(with_line(line)).refused();
    let beyond = "RFC 9110 15: a status outside 100 to 599 is invalid; taken as 5xx, or refused";
    let given = |code| Outcome::Answer(code, Body::Bytes(b"hello".to_vec()));
    vec![
        refused("status-of-two-digits", "HTTP/1.1 20 OK"),
        refused("status-of-four-digits", "HTTP/1.1 2000 OK"),
        refused("status-1000", "HTTP/1.1 1000 OK"),
        refused("status-negative", "HTTP/1.1 -200 OK"),
        refused("status-with-plus", "HTTP/1.1 +200 OK"),
        refused("status-of-letters", "HTTP/1.1 2OO OK"),
        refused("status-in-words", "HTTP/1.1 OK"),
        refused("status-missing", "HTTP/1.1 "),
        refused("status-missing-with-its-space", "HTTP/1.1"),
        refused("status-hexadecimal", "HTTP/1.1 0xc8 OK"),
        refused("status-with-a-fraction", "HTTP/1.1 200.5 OK"),
        refused("status-that-touches-the-reason", "HTTP/1.1 200OK"),
        refused("status-000", "HTTP/1.1 000 OK"),
        refused("status-099", "HTTP/1.1 099 OK"),
        refused("status-in-other-digits", "HTTP/1.1 \u{662}\u{660}\u{660} OK"),
        case("status-600", beyond)
            .says_in_order(with_line("HTTP/1.1 600 What"))
            .gets([given(600), MALFORMED]),
        case("status-999", beyond)
            .says_in_order(with_line("HTTP/1.1 999 What"))
            .gets([given(999), MALFORMED]),
        case("status-299", "RFC 9110 15: an unknown status is treated as x00 of its class")
            .says_in_order(with_line("HTTP/1.1 299 What"))
            .gets([given(299)]),
    ]
}

fn lines() -> Vec<Case> {
    let taken = |name, rule, line: &str| case(name, rule).says_in_order(with_line(line)).answers("hello");
    let spaces = "RFC 9112 4: single spaces; recipients may be lenient (RFC 9112 3 says so of requests)";
    let flood = || Act::Flood(Arc::from([b'a'; 4096]), 16_384);
    vec![
        taken(
            "reason-missing",
            "RFC 9112 4: the reason may be absent, and real servers leave out its space",
            "HTTP/1.1 200",
        ),
        taken("reason-empty", "RFC 9112 4: the reason may be absent, its space may not", "HTTP/1.1 200 "),
        taken(
            "reason-in-utf-8",
            "RFC 9112 4: obs-text is allowed in a reason",
            "HTTP/1.1 200 D\u{e9}j\u{e0} vu",
        ),
        case("reason-with-nul", "RFC 9112 4: a reason holds visible characters, spaces and tabs")
            .says(with_line("HTTP/1.1 200 O\0K"))
            .refused(),
        case("reason-with-cr-alone", "RFC 9112 2.2: bare CR makes an element invalid, or is read as a space")
            .says(with_line("HTTP/1.1 200 O\rK"))
            .gets([MALFORMED]),
        case("reason-endless", "RFC 9110 5.4, 15: a head is limited in size, its first line too")
            .plays([Act::Expect, send("HTTP/1.1 200 "), flood()])
            .gets([TOO_LARGE, MALFORMED]),
        case("status-line-after-two-spaces", spaces)
            .says_in_order(with_line("HTTP/1.1  200 OK"))
            .gets([whole("hello"), MALFORMED]),
        case("status-line-with-tabs", spaces)
            .says_in_order(with_line("HTTP/1.1\t200\tOK"))
            .gets([whole("hello"), MALFORMED]),
        case("status-line-behind-a-space", "RFC 9112 2.2: no white space before the start line")
            .says(with_line(" HTTP/1.1 200 OK"))
            .refused(),
        taken(
            "status-line-behind-an-empty-line",
            "RFC 9112 2.2: an empty line before a message is ignored",
            "\r\nHTTP/1.1 200 OK",
        ),
        case(
            "status-line-behind-many-empty-lines",
            "RFC 9112 2.2: at least one is ignored; how many is the recipient's choice",
        )
        .says_in_order(with_line("\r\n".repeat(100) + "HTTP/1.1 200 OK"))
        .gets([MALFORMED, whole("hello")]),
        case("empty-lines-without-end", "RFC 9112 2.2, 8: a limit, or the end of the client's patience")
            .plays([Act::Expect, Act::Flood(Arc::from("\r\n".repeat(2048).as_bytes()), 16_384)])
            .gets([MALFORMED, TOO_LARGE]),
        case("status-line-behind-a-byte-order-mark", "RFC 9112 4: nothing comes before HTTP-version")
            .says(with_line("\u{feff}HTTP/1.1 200 OK"))
            .refused(),
        case("status-line-behind-nul", "RFC 9112 4: nothing comes before HTTP-version")
            .says(with_line("\0HTTP/1.1 200 OK"))
            .refused(),
        case(
            "status-line-twice",
            "RFC 9112 5: the second is no field line, since \"HTTP/1.1 200 OK\" has no colon",
        )
        .says(with_line("HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK"))
        .refused(),
        case(
            "lines-that-end-with-lf",
            "RFC 9112 2.2: a recipient may recognise LF alone as a line's end; all clients do",
        )
        .says_in_order("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello")
        .answers("hello"),
        case("lines-that-end-with-cr", "RFC 9112 2.2: a bare CR is no line's end")
            .says("HTTP/1.1 200 OK\rContent-Length: 5\r\rhello\r\n\r\n")
            .refused(),
        case("lines-that-end-with-two-cr", "RFC 9112 2.2: a bare CR makes the element invalid")
            .says("HTTP/1.1 200 OK\r\r\nContent-Length: 5\r\r\n\r\r\nhello")
            .refused(),
    ]
}

fn other_protocols() -> Vec<Case> {
    let rule =
        "RFC 9112 4: a response begins with HTTP-version; anything else is an answer by something else";
    let refused = |name, bytes: &[u8]| case(name, rule).says(bytes).refused();
    vec![
        refused("html-without-a-head", b"<html><body>HTTP/0.9 is gone</body></html>\r\n\r\n"),
        refused("smtp", b"220 mail.example ESMTP\r\n"),
        refused("ssh", b"SSH-2.0-OpenSSH_9.6\r\n"),
        refused("icy", b"ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        refused("rtsp", b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        refused("http-2-settings", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\x40\0\0\0\0\x05\0\x40\0\0"),
        refused("tls-alert", b"\x15\x03\x01\0\x02\x02\x0a"),
        refused("an-http-request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused("nothing-but-nul", &[0; 4096]),
        refused("random-bytes", &[0x8f, 0x12, 0xee, 0x0a, 0x0d, 0x0a, 0xc3, 0x28, 0x0d, 0x0a, 0x0d, 0x0a]),
        case("garbage-without-end", rule)
            .plays([Act::Expect, Act::Flood(Arc::from([b'a'; 4096]), 16_384)])
            .gets([MALFORMED, TOO_LARGE]),
        case(
            "garbage-before-the-request",
            "RFC 9112 9.2: a response answers a request; what came before answers none",
        )
        .plays([send("garbage\r\n\r\n"), Act::Expect, Act::Echo, Act::Poison])
        .refused(),
        case(
            "response-before-the-request",
            "RFC 9112 9.2: it cannot be the answer; a client may not be able to tell, though",
        )
        .plays([send(with_line("HTTP/1.1 200 OK")), Act::Expect])
        .gets([whole("hello"), MALFORMED, own()]),
    ]
}
