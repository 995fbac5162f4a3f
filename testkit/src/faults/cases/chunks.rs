//! The chunked transfer coding, malformed (RFC 9112 section 7.1).
//!
//! ```text
//! chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//! ```

use crate::faults::case::{
    Act, BROKEN, Body, Case, Failing::Malformed, MALFORMED, Outcome, POISON, TOO_LARGE, case, chunked, send,
    whole,
};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = sizes();
    cases.extend(ends());
    cases.extend(extensions());
    cases.extend(trailers());
    cases
}

const SIZE: &str = "RFC 9112 7.1: chunk-size is 1*HEXDIG, and a recipient must not read beyond its integers";
const END: &str = "RFC 9112 7.1: CRLF ends a chunk's size and its data, where its size says";
const EXTENSION: &str = "RFC 9112 7.1.1: extensions are ignored, and their length ought to be limited";
const TRAILER: &str = "RFC 9112 7.1.2, 5: trailers are field lines";

/// The body in one chunk, whose size line is as given.
fn with_size(line: &str) -> Vec<u8> {
    chunked(format!("{line}\r\nhello\r\n0\r\n\r\n"))
}

fn sizes() -> Vec<Case> {
    let refused = |name, line: &str| case(name, SIZE).says(with_size(line)).refused();
    vec![
        refused("chunk-size-negative", "-5"),
        refused("chunk-size-with-plus", "+5"),
        refused("chunk-size-with-0x", "0x5"),
        refused("chunk-size-with-letters", "5z"),
        refused("chunk-size-empty", ""),
        refused("chunk-size-of-spaces", "  "),
        refused("chunk-size-in-words", "five"),
        refused("chunk-size-with-an-underscore", "0_5"),
        refused("chunk-size-with-a-point", "5.0"),
        refused("chunk-size-with-a-comma", "5,5"),
        refused("chunk-size-in-other-digits", "\u{665}"),
        refused("chunk-size-with-nul", "5\0"),
        refused("chunk-size-behind-a-space", " 5"),
        refused("chunk-size-behind-a-line-end", "\r\n5"),
        refused("chunk-size-beyond-64-bits", "10000000000000005"),
        refused("chunk-size-beyond-128-bits", "100000000000000000000000000000005"),
        case(
            "chunk-size-largest",
            "RFC 9112 7.1: too large to be true; refused, or waited for until the end",
        )
        .says_and_closes(chunked("FFFFFFFFFFFFFFFF\r\nhello"))
        .gets([MALFORMED, BROKEN]),
        case("chunk-size-endless", SIZE)
            .plays([Act::Expect, send(chunked("")), Act::Flood(Arc::from([b'0'; 4096]), 16_384)])
            .gets([MALFORMED, TOO_LARGE]),
        case("chunk-size-with-leading-zeros", SIZE).says_in_order(with_size("00000005")).answers("hello"),
        case("chunk-size-with-many-zeros", SIZE)
            .says_in_order(with_size("000000000000000000000005"))
            .gets([whole("hello"), MALFORMED]),
        case(
            "chunk-size-before-a-space",
            "RFC 9112 7.1.1: white space may only precede an extension; padding is common",
        )
        .says_in_order(with_size("5  "))
        .gets([whole("hello"), MALFORMED]),
        case("chunk-size-in-upper-case", SIZE)
            .says_in_order(chunked("A\r\nhelloworld\r\n0\r\n\r\n"))
            .answers("helloworld"),
        case("chunk-last-of-many-zeros", "RFC 9112 7.1: last-chunk is 1*(\"0\")")
            .says_in_order(chunked("5\r\nhello\r\n0000\r\n\r\n"))
            .answers("hello"),
    ]
}

fn ends() -> Vec<Case> {
    let refused = |name, body: &str| case(name, END).says(chunked(body)).refused();
    let bare =
        "RFC 9112 2.2 lets LF alone end field lines, not chunks: taken or refused, but never read otherwise";
    vec![
        refused("chunk-longer-than-its-size", "3\r\nhello\r\n0\r\n\r\n"),
        refused("chunk-shorter-than-its-size", "7\r\nhello\r\n0\r\n\r\n"),
        refused("chunk-without-its-end", "5\r\nhello0\r\n\r\n"),
        refused("chunk-with-other-bytes-at-its-end", "5\r\nhelloXX0\r\n\r\n"),
        refused("chunk-with-cr-alone-at-its-end", "5\r\nhello\r0\r\n\r\n"),
        refused("chunk-with-two-ends", "5\r\nhello\r\n\r\n0\r\n\r\n"),
        refused("chunk-size-with-cr-alone", "5\rhello\r\n0\r\n\r\n"),
        refused("chunk-size-with-two-cr", "5\r\r\nhello\r\n0\r\n\r\n"),
        refused("chunk-body-that-is-plain", "hello, world, this is plain text\r\n\r\n"),
        refused("chunk-body-that-is-another-response", POISON),
        case("chunk-size-with-lf-alone", bare)
            .says_in_order(chunked("5\nhello\r\n0\r\n\r\n"))
            .gets([MALFORMED, whole("hello")]),
        case("chunk-data-with-lf-alone", bare)
            .says_in_order(chunked("5\r\nhello\n0\r\n\r\n"))
            .gets([MALFORMED, whole("hello")]),
        case("chunk-last-with-lf-alone", bare)
            .says_in_order(chunked("5\r\nhello\r\n0\n\n"))
            .gets([MALFORMED, whole("hello")]),
        case("chunks-of-one-byte", "RFC 9112 7.1: any number of chunks of any size")
            .plays([
                Act::Expect,
                send(chunked("")),
                Act::Flood(Arc::from(&b"1\r\na\r\n"[..]), 20_000),
                send("0\r\n\r\n"),
                Act::Honest,
            ])
            .gets([Outcome::Answer(200, Body::Letters(20_000))]),
    ]
}

fn extensions() -> Vec<Case> {
    let taken = |name, line: &str| case(name, EXTENSION).says_in_order(with_size(line)).answers("hello");
    let doubtful = |name, rule, line: &str| {
        case(name, rule).says_in_order(with_size(line)).gets([whole("hello"), MALFORMED])
    };
    vec![
        taken("extension-plain", "5;name=value"),
        taken("extension-without-a-value", "5;name"),
        taken("extension-quoted", "5;name=\"a;b=c\""),
        taken("extension-behind-white-space", "5 ; name = value"),
        taken("extension-of-1000-bytes", &format!("5;name={}", "v".repeat(1000))),
        doubtful(
            "extension-empty",
            "RFC 9112 7.1.1: an extension has a name; ignored all the same, or refused",
            "5;",
        ),
        doubtful(
            "extension-with-an-open-quote",
            "RFC 9112 7.1.1: no quoted string; ignored, or refused",
            "5;name=\"a",
        ),
        case(
            "extension-with-a-line-end-in-quotes",
            "RFC 9110 5.6.4: a quoted string holds no line end: the line ends there",
        )
        .says_in_order(chunked("5;name=\"\r\nhello\r\n0\r\n\r\n"))
        .gets([whole("hello"), MALFORMED]),
        case("extension-with-nul", EXTENSION).says(with_size("5;na\0me")).refused(),
        case("extension-with-cr-alone", EXTENSION).says(with_size("5;na\rme")).refused(),
        case(
            "extension-with-lf-alone",
            "RFC 9112 7.1.1, 2.2: LF within an extension is no line end, or is one; then this is wrong",
        )
        .says(with_size("5;na\nme"))
        .refused(),
        case("extension-of-a-megabyte", EXTENSION)
            .says(with_size(&format!("5;name={}", "v".repeat(1 << 20))))
            .gets([MALFORMED, TOO_LARGE]),
        case("extension-endless", EXTENSION)
            .plays([Act::Expect, send(chunked("5;")), Act::Flood(Arc::from([b'v'; 4096]), 16_384)])
            .gets([MALFORMED, TOO_LARGE]),
        case("extensions-and-hardly-any-data", EXTENSION)
            .plays([
                Act::Expect,
                send(chunked("")),
                Act::Flood(Arc::from(format!("1;{}\r\na\r\n", "v".repeat(2000)).as_bytes()), 16_384),
            ])
            .gets([MALFORMED, TOO_LARGE]),
    ]
}

fn trailers() -> Vec<Case> {
    let with = |trailers: &str| chunked(format!("5\r\nhello\r\n0\r\n{trailers}\r\n"));
    let taken = |name, rule, trailers: &str| case(name, rule).says_in_order(with(trailers)).answers("hello");
    let refused = |name, trailers: &str| case(name, TRAILER).says(with(trailers)).refused();
    let forbidden = "RFC 9110 6.5.1: framing fields in trailers mean nothing; this one least of all";
    vec![
        taken("trailer-plain", TRAILER, "X-Trailer: value\r\n"),
        taken("trailer-content-length", forbidden, "Content-Length: 3\r\n"),
        taken("trailer-transfer-encoding", forbidden, "Transfer-Encoding: chunked\r\n"),
        taken(
            "trailer-connection-close",
            "RFC 9110 6.5.1: Connection in trailers means nothing",
            "Connection: close\r\n",
        ),
        refused("trailer-without-a-colon", "X-Trailer\r\n"),
        refused("trailer-with-a-space-before-the-colon", "X-Trailer : value\r\n"),
        refused("trailer-without-a-name", ": value\r\n"),
        refused("trailer-with-nul", "X-Trailer: va\0lue\r\n"),
        refused("trailer-with-cr-alone", "X-Trailer: va\rlue\r\n"),
        case("trailer-folded", "RFC 9112 5.2: a fold is read as spaces, or refused")
            .says_in_order(with("X-Trailer: a\r\n b\r\n"))
            .gets([whole("hello"), MALFORMED]),
        case("trailer-with-lf-alone", "RFC 9112 2.2: LF alone may end a field line")
            .says_in_order(with("X-Trailer: value\n"))
            .gets([whole("hello"), MALFORMED]),
        case(
            "trailer-of-a-megabyte",
            "RFC 9110 5.4, 6.5: more than a client should keep; refused, or ignored",
        )
        .says_in_order(with(&format!("X-Trailer: {}\r\n", "v".repeat(1 << 20))))
        .gets([TOO_LARGE, MALFORMED, whole("hello")]),
        case("trailers-endless", "RFC 9110 5.4, 6.5: a limit on trailers, as on the head")
            .plays([
                Act::Expect,
                send(chunked("5\r\nhello\r\n0\r\n")),
                Act::Flood(Arc::from("X-Trailer: value\r\n".repeat(100).as_bytes()), 50_000),
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case("trailer-endless", "RFC 9110 5.4, 6.5: a limit on trailers, as on the head")
            .plays([
                Act::Expect,
                send(chunked("5\r\nhello\r\n0\r\nX-Trailer: ")),
                Act::Flood(Arc::from([b'v'; 4096]), 16_384),
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case(
            "trailers-then-another-response",
            "RFC 9112 9.3: what lies behind a response answers no other request",
        )
        .says([with("X-Trailer: value\r\n"), POISON.into()].concat())
        .answers("hello"),
        case(
            "chunk-behind-the-last-one",
            "RFC 9112 7.1: the zero-sized chunk is the last; the rest is not the body's",
        )
        .says(chunked("5\r\nhello\r\n0\r\n\r\n5\r\nworld\r\n0\r\n\r\n"))
        .answers("hello"),
        case(
            "trailer-that-is-a-chunk",
            "RFC 9112 7.1: behind the last chunk come field lines, and this is none",
        )
        .says(chunked("5\r\nhello\r\n0\r\n5\r\nworld\r\n0\r\n\r\n"))
        .fails(Malformed),
    ]
}
