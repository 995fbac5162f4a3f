//! Where does the body end? Content-Length and Transfer-Encoding in every wrong form (RFC 9112 sections 6.1 to 6.3).
//!
//! Two readers that disagree about the end of a message are a security hole, so what is doubtful is refused, or read on a
//! connection that serves nothing else. The field lines that all recipients read alike are taken.

use crate::faults::case::{
    Body, Case, Failing::Malformed, MALFORMED, Outcome, POISON, answer, case, in_one_chunk, ok, whole,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = wrong_lengths();
    cases.extend(odd_lengths());
    cases.extend(codings());
    cases.extend(both());
    cases.extend(no_body_at_all());
    cases
}

const INVALID: &str =
    "RFC 9112 6.3, 5: an invalid Content-Length makes the framing invalid, an unrecoverable error";
const FINAL: &str = "RFC 9112 7.1: chunked is applied once, last, and without parameters";

fn wrong_lengths() -> Vec<Case> {
    let wrong = |name, value: &str| {
        case(name, INVALID).says(ok(&format!("Content-Length: {value}\r\n"), "hello")).refused()
    };
    vec![
        wrong("length-negative", "-5"),
        wrong("length-with-plus", "+5"),
        wrong("length-hexadecimal", "0x5"),
        wrong("length-with-letters", "5a"),
        wrong("length-with-a-space", "5 5"),
        wrong("length-with-a-point", "5.0"),
        wrong("length-with-an-exponent", "5e0"),
        wrong("length-with-an-underscore", "0_5"),
        wrong("length-with-a-semicolon", "5;a=b"),
        wrong("length-quoted", "\"5\""),
        wrong("length-in-words", "five"),
        wrong("length-empty", ""),
        wrong("length-in-other-digits", "\u{665}"),
        wrong("length-behind-a-vertical-tab", "\u{b}5"),
        wrong("length-beyond-64-bits", "18446744073709551616"),
        wrong("length-beyond-64-bits-by-5", "18446744073709551621"),
        wrong("length-beyond-128-bits", "340282366920938463463374607431768211461"),
        wrong("length-of-1000-digits", &"9".repeat(1000)),
        wrong("lengths-in-a-list-that-differ", "5, 6"),
        wrong("length-in-a-list-with-nothing", "5,"),
        wrong("lengths-in-a-list-one-wrong", "5, x"),
        case("lengths-that-differ", INVALID)
            .says(ok("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"))
            .refused(),
        case("lengths-that-differ-shorter-last", INVALID)
            .says(ok("Content-Length: 6\r\nContent-Length: 5\r\n", "hello!"))
            .refused(),
        case("lengths-one-of-them-empty", INVALID)
            .says(ok("Content-Length: 5\r\nContent-Length:\r\n", "hello"))
            .refused(),
        case(
            "length-on-a-line-of-its-own",
            "RFC 9112 5.2: a folded value is joined, and here joined it is no number",
        )
        .says(ok("Content-Length: 5\r\n 5\r\n", "hello"))
        .refused(),
        case("length-with-a-space-before-the-colon", "RFC 9112 5.1: no white space between name and colon")
            .says(ok("Content-Length : 5\r\n", "hello"))
            .refused(),
    ]
}

fn odd_lengths() -> Vec<Case> {
    let same = "RFC 9112 6.3, 5: equal values may be taken for one (RFC 9110 8.6)";
    let plain = "RFC 9110 8.6: 1*DIGIT, in white space that is not part of the value (5.5)";
    let taken =
        |name, rule, fields: &str| case(name, rule).says_in_order(ok(fields, "hello")).answers("hello");
    vec![
        taken("lengths-that-agree", same, "Content-Length: 5\r\nContent-Length: 5\r\n"),
        taken("lengths-in-a-list-that-agree", same, "Content-Length: 5, 5\r\n"),
        taken("length-with-leading-zeros", plain, "Content-Length: 0000000005\r\n"),
        taken("length-in-white-space", plain, "Content-Length: \t 5 \t \r\n"),
        taken("length-without-white-space", plain, "Content-Length:5\r\n"),
        taken("length-in-odd-case", "RFC 9110 5.1: names are case-insensitive", "cONTENT-lENGTH: 5\r\n"),
        taken(
            "length-folded",
            "RFC 9112 5.2: a user agent reads a fold as spaces",
            "Content-Length:\r\n 5\r\n",
        ),
    ]
}

fn codings() -> Vec<Case> {
    let chunks = in_one_chunk(b"hello");
    let refused = |name, rule, value: &str| {
        case(name, rule).says(ok(&format!("Transfer-Encoding: {value}\r\n"), &chunks)).refused()
    };
    let taken =
        |name, rule, fields: &str| case(name, rule).says_in_order(ok(fields, &chunks)).answers("hello");
    let unasked = "RFC 9112 7.4: codings but chunked go to clients that asked by TE; a body coded so is not the content";
    vec![
        refused("chunked-twice", FINAL, "chunked, chunked"),
        refused("chunked-first", FINAL, "chunked, gzip"),
        refused("chunked-with-a-parameter", FINAL, "chunked;q=1"),
        refused(
            "chunked-quoted",
            "RFC 9112 7: a coding's name is a token; this is none that anybody knows",
            "\"chunked\"",
        ),
        refused("chunked-behind-gzip", unasked, "gzip, chunked"),
        refused("coding-unknown", unasked, "xchunked"),
        refused("coding-gzip-alone", unasked, "gzip"),
        refused("chunked-with-a-suffix", unasked, "chunkedx"),
        refused(
            "chunked-behind-a-vertical-tab",
            "RFC 9110 5.5: no control characters in a value",
            "\u{b}chunked",
        ),
        refused("chunked-and-nul", "RFC 9110 5.5: no NUL in a value", "chunked\0"),
        case("chunked-in-two-fields", FINAL)
            .says(ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", &chunks))
            .refused(),
        case("chunked-with-a-space-before-the-colon", "RFC 9112 5.1: no white space between name and colon")
            .says(ok("Transfer-Encoding : chunked\r\n", &chunks))
            .refused(),
        case(
            "chunked-behind-white-space",
            "RFC 9112 2.2: white space before the first field line is refused, or ignored",
        )
        .says_in_order("HTTP/1.1 200 OK\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello")
        .gets([MALFORMED, whole("hello")]),
        taken(
            "chunked-in-odd-case",
            "RFC 9112 7: names of codings are case-insensitive",
            "TRANSFER-encoding: cHunked\r\n",
        ),
        taken(
            "chunked-behind-a-tab",
            "RFC 9110 5.5: white space around a value is no part of it",
            "Transfer-Encoding:\tchunked \r\n",
        ),
        taken(
            "chunked-in-a-list-with-nothing",
            "RFC 9110 5.6.1.2: empty elements of a list are ignored",
            "Transfer-Encoding: , chunked,\r\n",
        ),
        taken(
            "chunked-folded",
            "RFC 9112 5.2: a user agent reads a fold as spaces",
            "Transfer-Encoding:\r\n chunked\r\n",
        ),
        case(
            "chunked-of-an-old-server",
            "RFC 9112 6.1: HTTP/1.0 with chunked is faulty framing: decoded or refused, then closed",
        )
        .says(
            [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", &chunks[..]]
                .concat(),
        )
        .gets([whole("hello"), MALFORMED]),
        case(
            "coding-identity",
            "RFC 9112 7: identity is gone; it said that there is no coding, so the length counts, or none",
        )
        .says_in_order(ok("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello"))
        .gets([whole("hello"), MALFORMED]),
        case(
            "coding-empty",
            "RFC 9110 5.6.1.2: an empty list names no coding, so the length counts, or none",
        )
        .says_in_order(ok("Transfer-Encoding:\r\nContent-Length: 5\r\n", "hello"))
        .gets([whole("hello"), MALFORMED]),
    ]
}

fn both() -> Vec<Case> {
    let chunks = in_one_chunk(b"hello");
    let rule = "RFC 9112 6.3, 3: Transfer-Encoding overrides, or the message is an error; the connection is not used again";
    let both =
        |name, fields: &str| case(name, rule).says(ok(fields, &chunks)).gets([whole("hello"), MALFORMED]);
    vec![
        both("chunked-and-a-length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        both("a-length-and-chunked", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
        both("chunked-and-a-wrong-length", "Transfer-Encoding: chunked\r\nContent-Length: -1\r\n"),
        case(
            "chunked-and-a-body-that-is-not",
            "RFC 9112 7.1: it says chunked, so what is no chunk is an error",
        )
        .says(ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "hello"))
        .fails(Malformed),
    ]
}

fn no_body_at_all() -> Vec<Case> {
    let rule = "RFC 9112 6.3, 1: HEAD, 1xx, 204 and 304 end with the empty line, whatever the fields say";
    let empty = |code, body: &[u8]| Outcome::Answer(code, Body::Bytes(body.to_vec()));
    vec![
        case("head-with-a-length", rule)
            .says_in_order(ok("Content-Length: 5\r\n", ""))
            .asks("HEAD", None, [empty(200, b"")])
            .connections(1),
        case("head-with-chunked", rule).says_in_order(ok("Transfer-Encoding: chunked\r\n", "")).asks(
            "HEAD",
            None,
            [empty(200, b"")],
        ),
        case("head-with-a-body", "RFC 9110 9.3.2: no content; what comes is no part of any response")
            .says(ok("Content-Length: 5\r\n", "hello"))
            .asks("HEAD", None, [empty(200, b"")]),
        case("head-with-a-chunked-body", "RFC 9110 9.3.2: no content; what comes is no part of any response")
            .says(ok("Transfer-Encoding: chunked\r\n", in_one_chunk(b"hello")))
            .asks("HEAD", None, [empty(200, b"")]),
        case(
            "head-with-another-response-in-its-body",
            "RFC 9110 9.3.2: no content; a response inside answers nothing",
        )
        .says(ok("Content-Length: 44\r\n", POISON))
        .asks("HEAD", None, [empty(200, b"")]),
        case("204-with-a-length-and-a-body", rule)
            .says(answer("204 No Content", "Content-Length: 5\r\n", "hello"))
            .gets([empty(204, b"")]),
        case("204-with-a-chunked-body", rule)
            .says(answer("204 No Content", "Transfer-Encoding: chunked\r\n", in_one_chunk(b"hello")))
            .gets([empty(204, b"")]),
        case("204-with-a-body-without-framing", rule)
            .says(answer("204 No Content", "", "hello"))
            .gets([empty(204, b"")]),
        case("204-with-another-response-behind-it", rule)
            .says(answer("204 No Content", "", POISON))
            .gets([empty(204, b"")]),
        case("304-with-a-length", rule)
            .says_in_order(answer("304 Not Modified", "Content-Length: 5\r\n", ""))
            .gets([empty(304, b"")]),
        case("304-with-a-body", rule)
            .says(answer("304 Not Modified", "Content-Length: 5\r\n", "hello"))
            .gets([empty(304, b"")]),
        case(
            "205-with-a-body",
            "RFC 9112 6.3: 205 is framed as any other; RFC 9110 15.3.6 forbids the body, no client needs to",
        )
        .says_in_order(answer("205 Reset Content", "Content-Length: 5\r\n", "hello"))
        .gets([empty(205, b"hello"), empty(205, b"")]),
    ]
}
