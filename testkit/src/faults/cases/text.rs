//! Cookies and charsets that make no sense: whatever they say, the body arrives, and nothing is sent that should not be.

use crate::faults::case::{Act, Case, MALFORMED, TOO_LARGE, case, send, sized, whole};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cookies();
    cases.extend(many_cookies());
    cases.extend(charsets());
    cases
}

fn cookies() -> Vec<Case> {
    let ignored = |name, rule, cookie: &str, never| {
        case(name, rule)
            .says_in_order(sized(&format!("Set-Cookie: {cookie}\r\n"), "hello"))
            .answers("hello")
            .never_sends(never)
    };
    let odd = |name, rule, cookie: &str| {
        case(name, rule).says_in_order(sized(&format!("Set-Cookie: {cookie}\r\n"), "hello")).answers("hello")
    };
    let grammar =
        "RFC 6265 5.2: a user agent parses leniently; nothing that a server sets may fail the response";
    let foreign = "RFC 6265 5.3, 6: a domain that is not the request's is ignored, cookie and all";
    let prefix =
        "RFC 6265bis 4.1.3: the prefixes ask for Secure, and for the path /; what lacks them is ignored";
    vec![
        ignored("cookie-for-another-host", foreign, "bad=1; Domain=example.com", "bad=1"),
        ignored("cookie-for-a-part-of-an-address", foreign, "bad=1; Domain=0.0.1", "bad=1"),
        ignored("cookie-for-a-top-level-domain", foreign, "bad=1; Domain=com", "bad=1"),
        ignored("cookie-with-the-prefix-secure", prefix, "__Secure-bad=1", "bad=1"),
        ignored("cookie-with-the-prefix-host", prefix, "__Host-bad=1; Secure; Path=/sub", "bad=1"),
        ignored(
            "cookie-for-another-path",
            "RFC 6265 5.1.4: a path that does not match",
            "bad=1; Path=/elsewhere",
            "bad=1",
        ),
        ignored(
            "cookie-that-is-over",
            "RFC 6265 5.3: an expiry in the past removes",
            "bad=1; Max-Age=0; Path=/",
            "bad=1",
        ),
        ignored(
            "cookie-that-was-over-long-ago",
            "RFC 6265 5.3: an expiry in the past removes",
            "bad=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/",
            "bad=1",
        ),
        odd("cookie-empty", grammar, ""),
        odd("cookie-without-a-name", grammar, "=value; Path=/"),
        odd("cookie-without-an-equals-sign", grammar, "value"),
        odd("cookie-of-semicolons", grammar, ";;;;;;"),
        odd("cookie-of-equals-signs", grammar, "====="),
        odd("cookie-with-an-open-quote", grammar, "a=\"b; Path=/"),
        odd("cookie-with-a-wrong-date", grammar, "a=b; Expires=Sometime, 99 Foo 99999 99:99:99 GMT"),
        odd("cookie-with-a-huge-age", grammar, "a=b; Max-Age=99999999999999999999999999"),
        odd("cookie-with-a-wrong-age", grammar, "a=b; Max-Age=-1e99"),
        odd("cookie-with-a-huge-version", grammar, "a=b; Version=99999999999999999999"),
        odd("cookie-with-a-wrong-port", grammar, "a=b; Port=\"x\""),
        odd("cookie-outside-ascii", grammar, "n\u{e4}me=v\u{e4}lue; Path=/"),
        odd(
            "cookie-with-unknown-attributes",
            grammar,
            "a=b; SameSite=Whatever; Partitioned; Priority=High; X=Y",
        ),
        case("cookie-with-nul", "RFC 9110 5.5: NUL in a value, whichever field it is")
            .says(sized("Set-Cookie: a=b\0c\r\n", "hello"))
            .refused(),
        case(
            "cookie-with-a-control-character",
            "RFC 9110 5.5, RFC 6265bis 5.6: refused, or at least never sent back",
        )
        .says(sized("Set-Cookie: a=b\u{1}c; Path=/\r\n", "hello"))
        .gets([MALFORMED, whole("hello")])
        .never_sends("\u{1}"),
        case("cookie-with-cr", "RFC 9110 5.5: CR in a value, whichever field it is")
            .says(sized("Set-Cookie: a=b\rX-Injected: yes; Path=/\r\n", "hello"))
            .refused(),
    ]
}

fn many_cookies() -> Vec<Case> {
    let limits = "RFC 6265 6.1: a user agent may limit number and size; RFC 9110 5.4: so may it with fields";
    let flood = |unit: &str, times| Act::Flood(Arc::from(unit.as_bytes()), times);
    vec![
        case("cookies-90", "RFC 6265 6.1: 50 cookies for each domain at least")
            .says_in_order(sized(
                &(0..90).map(|n| format!("Set-Cookie: c{n}=v; Path=/\r\n")).collect::<String>(),
                "hello",
            ))
            .answers("hello"),
        case("cookies-10000", limits)
            .plays([
                Act::Expect,
                send("HTTP/1.1 200 OK\r\n"),
                flood(&"Set-Cookie: a=b; Path=/\r\n".repeat(100), 100),
                send("Content-Length: 5\r\n\r\nhello"),
                Act::Poison,
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case("cookie-of-a-megabyte", limits)
            .plays([
                Act::Expect,
                send("HTTP/1.1 200 OK\r\nSet-Cookie: a="),
                flood(&"v".repeat(4096), 256),
                send("; Path=/\r\nContent-Length: 5\r\n\r\nhello"),
                Act::Poison,
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case(
            "cookie-of-10-kilobytes",
            "RFC 6265bis 5.6: more than 4096 bytes are ignored; at least the answer comes",
        )
        .says_in_order(sized(&format!("Set-Cookie: a={}; Path=/\r\n", "v".repeat(10_000)), "hello"))
        .answers("hello"),
    ]
}

fn charsets() -> Vec<Case> {
    let rule = "RFC 9110 8.3.2, WHATWG Encoding: a charset that does not fit spoils the text, never the body";
    let sent = |name, media_type: &str, body: &[u8]| {
        case(name, rule)
            .says_in_order(sized(&format!("Content-Type: {media_type}\r\n"), body))
            .gets([whole(body)])
    };
    vec![
        sent("charset-unknown", "text/plain; charset=klingon", b"hello"),
        sent("charset-empty", "text/plain; charset=", b"hello"),
        sent("charset-twice", "text/plain; charset=utf-8; charset=latin-1", "caf\u{e9}".as_bytes()),
        sent("charset-with-an-open-quote", "text/plain; charset=\"utf-8", b"hello"),
        sent("charset-of-control-characters", "text/plain; charset=a\tb", b"hello"),
        sent("charset-that-is-a-python-codec", "text/plain; charset=rot13", b"uryyb"),
        sent("charset-that-is-a-compression", "text/plain; charset=zlib", b"hello"),
        sent("charset-with-a-path", "text/plain; charset=../../etc/passwd", b"hello"),
        sent("charset-of-10000-letters", &format!("text/plain; charset={}", "x".repeat(10_000)), b"hello"),
        sent("media-type-empty", "", b"hello"),
        sent("media-type-of-semicolons", ";;;;;", b"hello"),
        sent("utf-8-that-is-none", "text/plain; charset=utf-8", b"\xff\xfe\xfd\xc3\x28"),
        sent("utf-8-that-is-cut", "text/plain; charset=utf-8", b"caf\xc3"),
        sent("utf-8-overlong", "text/plain; charset=utf-8", b"\xc0\xaf\xe0\x80\xaf"),
        sent("utf-16-without-a-mark", "text/plain; charset=utf-16", b"h\0e\0l\0l\0o\0"),
        sent("utf-16-with-an-odd-byte", "text/plain; charset=utf-16", b"\xff\xfeh\0e"),
        sent("utf-16-with-half-a-pair", "text/plain; charset=utf-16le", b"\x00\xd8h\0"),
        sent("utf-7", "text/html; charset=utf-7", b"+ADw-script+AD4-"),
        sent("mark-of-utf-8-in-latin-1", "text/plain; charset=latin-1", b"\xef\xbb\xbfhello"),
        sent("mark-of-utf-16-in-utf-8", "text/plain; charset=utf-8", b"\xff\xfeh\0i\0"),
    ]
}
