//! Field lines that are none, or too many (RFC 9112 section 5, RFC 9110 sections 5.1, 5.4 and 5.5).

use crate::faults::case::{Act, Case, MALFORMED, TOO_LARGE, case, ok, send, sized, whole};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = names();
    cases.extend(values());
    cases.extend(folds());
    cases.extend(sizes());
    cases
}

const LINE: &str = "RFC 9112 5: field-line is field-name \":\" OWS field-value OWS";
const NAME: &str = "RFC 9110 5.1, 5.6.2: field-name is a token";
const VALUE: &str =
    "RFC 9110 5.5: CR, LF and NUL are dangerous in a value, and the other control characters invalid";

fn with_line(line: impl AsRef<[u8]>) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", line.as_ref(), b"\r\nContent-Length: 5\r\n\r\nhello"].concat()
}

fn names() -> Vec<Case> {
    let refused = |name, rule, line: &str| case(name, rule).says(with_line(line)).refused();
    let space = "RFC 9112 5.1: no white space is allowed between name and colon; it has been used to smuggle";
    vec![
        refused("field-without-a-colon", LINE, "X-Field"),
        refused("field-without-a-name", LINE, ": value"),
        refused("field-with-a-space-before-the-colon", space, "X-Field : value"),
        refused("field-with-a-tab-before-the-colon", space, "X-Field\t: value"),
        refused("field-name-with-a-space", NAME, "X Field: value"),
        refused("field-name-with-nul", NAME, "X\0Field: value"),
        refused("field-name-with-a-control-character", NAME, "X\u{1}Field: value"),
        refused("field-name-with-cr", NAME, "X\rField: value"),
        refused("field-name-outside-ascii", NAME, "X-F\u{ef}eld: value"),
        refused("field-name-quoted", NAME, "\"X-Field\": value"),
        refused("field-name-in-brackets", NAME, "X[Field]: value"),
        refused("field-name-with-a-slash", NAME, "X/Field: value"),
        case("field-name-with-odd-token-characters", NAME)
            .says_in_order(with_line("!#$%&'*+-.^_`|~1aZ: value"))
            .answers("hello"),
    ]
}

fn values() -> Vec<Case> {
    let refused =
        |name, value: &[u8]| case(name, VALUE).says(with_line([b"X-Field: ", value].concat())).refused();
    let taken = |name, rule, value: &[u8]| {
        case(name, rule).says_in_order(with_line([b"X-Field:", value].concat())).answers("hello")
    };
    vec![
        refused("value-with-nul", b"va\0lue"),
        refused("value-with-cr", b"va\rlue"),
        refused("value-with-cr-at-its-end", b"value\r"),
        refused("value-with-a-control-character", b"va\x01lue"),
        refused("value-with-escape", b"va\x1b[31mlue"),
        refused("value-with-delete", b"va\x7flue"),
        taken("value-empty", "RFC 9110 5.5: a value may be empty", b""),
        taken("value-with-a-tab", "RFC 9110 5.5: tabs are allowed", b" va\tlue"),
        taken("value-in-latin-1", "RFC 9110 5.5: obs-text is opaque data", b" caf\xe9"),
        taken("value-in-utf-8", "RFC 9110 5.5: obs-text is opaque data", "caf\u{e9} \u{1f600}".as_bytes()),
        taken("value-with-colons", "RFC 9112 5: the first colon ends the name", b" a: b: c"),
    ]
}

fn folds() -> Vec<Case> {
    let fold = "RFC 9112 5.2: a user agent MUST replace each obs-fold with spaces";
    let taken = |name, rule, line: &str| case(name, rule).says_in_order(with_line(line)).answers("hello");
    vec![
        taken("field-folded", fold, "X-Field: value\r\n and more"),
        taken("field-folded-by-a-tab", fold, "X-Field: value\r\n\tand more"),
        taken("field-folded-thrice", fold, "X-Field: value\r\n and\r\n even\r\n more"),
        taken("field-folded-to-a-response", fold, "X-Field: a\r\n HTTP/1.1 200 OK\r\n Content-Length: 6"),
        case(
            "first-field-folded",
            "RFC 9112 2.2: white space before the first field line is refused, or the line ignored",
        )
        .says_in_order(with_line(" X-Field: value"))
        .gets([MALFORMED, whole("hello")]),
        case(
            "empty-line-of-spaces",
            "RFC 9112 5.2: it is a fold, and so the head goes on: taken, or refused",
        )
        .says_in_order("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Field: a\r\n \r\n\r\nhello")
        .gets([whole("hello"), MALFORMED]),
    ]
}

fn sizes() -> Vec<Case> {
    let limit =
        "RFC 9110 5.4: a client may refuse fields larger than it wishes to process; it may not take in all";
    let flood = |unit: &str, times| Act::Flood(Arc::from(unit.as_bytes()), times);
    vec![
        case("fields-90", "RFC 9110 5.4: what real servers send, and some")
            .says_in_order(sized(&"X-Field: value\r\n".repeat(89), "hello"))
            .answers("hello"),
        case("fields-of-60-kilobytes", "RFC 9110 5.4: large but bearable; taken, or refused")
            .says_in_order(sized(&format!("X-Field: {}\r\n", "v".repeat(60_000)), "hello"))
            .gets([whole("hello"), TOO_LARGE, MALFORMED]),
        case("fields-100000", limit)
            .plays([
                Act::Expect,
                send("HTTP/1.1 200 OK\r\n"),
                flood(&"X-Field: value\r\n".repeat(100), 1000),
                send("Content-Length: 5\r\n\r\nhello"),
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case("fields-without-end", limit)
            .plays([
                Act::Expect,
                send("HTTP/1.1 200 OK\r\n"),
                flood(&"X-Field: value\r\n".repeat(256), 50_000),
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case("field-of-10-megabytes", limit)
            .plays([
                Act::Expect,
                send("HTTP/1.1 200 OK\r\nX-Field: "),
                flood(&"v".repeat(4096), 2560),
                send("\r\nContent-Length: 5\r\n\r\nhello"),
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case("field-name-of-10-megabytes", limit)
            .plays([
                Act::Expect,
                send("HTTP/1.1 200 OK\r\n"),
                flood(&"n".repeat(4096), 2560),
                send(": value\r\nContent-Length: 5\r\n\r\nhello"),
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case("field-folded-without-end", limit)
            .plays([
                Act::Expect,
                send("HTTP/1.1 200 OK\r\nX-Field: v"),
                flood(&"\r\n v".repeat(1024), 16_384),
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case(
            "head-with-a-response-in-a-field",
            "RFC 9112 11.1: a response in the value of a field is no response",
        )
        .says_in_order(ok("X-Field: HTTP/1.1 404 No\r\nContent-Length: 5\r\n", "hello"))
        .answers("hello"),
    ]
}
