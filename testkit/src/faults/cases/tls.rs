//! TLS that breaks: before, in and behind the handshake (RFC 8446, RFC 9110 section 4.3, RFC 9112 section 9.8).

use crate::faults::case::{
    Act, BROKEN, Body, Case, Failing, Failing::Broken, MALFORMED, Outcome, POISON, TIME_OUT, Tls, case,
    chunked, in_one_chunk, milliseconds, ok, own, send, sized, whole,
};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = endings();
    cases.extend(handshakes());
    cases.extend(records());
    cases.into_iter().map(|case| if case.tls.is_some() { case } else { case.over_tls() }).collect()
}

const TLS: Outcome = Outcome::Failing(Failing::Tls);

fn endings() -> Vec<Case> {
    let truncation = "RFC 9112 9.8: without close_notify the end is not the server's word; what is not complete by its framing is incomplete";
    let rudely = |name, response: Vec<u8>| {
        case(name, truncation).plays([Act::Handshake, Act::Expect, send(response), Act::HalfClose])
    };
    vec![
        rudely("tls-ends-a-body-without-framing", ok("", "hello")).gets([BROKEN, TLS]),
        rudely("tls-ends-behind-a-sized-body", sized("", "hello")).answers("hello"),
        rudely("tls-ends-behind-a-chunked-body", chunked(in_one_chunk(b"hello"))).answers("hello"),
        rudely("tls-ends-in-a-sized-body", ok("Content-Length: 10\r\n", "hello")).gets([BROKEN, TLS]),
        rudely("tls-ends-in-a-chunked-body", chunked("5\r\nhel")).gets([BROKEN, TLS]),
        rudely("tls-ends-in-the-head", b"HTTP/1.1 200 OK\r\n".to_vec()).gets([BROKEN, TLS]),
        case("tls-says-good-bye-behind-a-body-without-framing", "RFC 9112 9.8: close_notify ends the body")
            .plays([Act::Handshake, Act::Expect, send(ok("", "hello"))])
            .answers("hello"),
        case(
            "tls-says-good-bye-in-a-sized-body",
            "RFC 9112 8: the good-bye does not make up for the missing bytes",
        )
        .plays([Act::Handshake, Act::Expect, send(ok("Content-Length: 10\r\n", "hello"))])
        .fails(Broken),
        case("tls-reset-in-a-body", "RFC 9112 8: broken off")
            .plays([
                Act::Handshake,
                Act::Expect,
                send(ok("", "hello")),
                Act::Sleep(milliseconds(30)),
                Act::Reset,
            ])
            .gets([BROKEN, TLS]),
        case(
            "tls-closed-on-an-idle-connection",
            "RFC 9112 9.6: a client watches an idle connection for its close",
        )
        .plays([Act::Handshake, Act::Expect, Act::Echo])
        .answers_own()
        .asks("POST", Some(5), [own()])
        .after_a_while(),
        case("tls-and-a-response-unasked", "RFC 9112 9.2: what comes unasked answers nothing")
            .plays([
                Act::Handshake,
                Act::Expect,
                Act::Echo,
                Act::Sleep(milliseconds(20)),
                send(POISON),
                Act::Poison,
            ])
            .answers_own()
            .gets([own()])
            .after_a_while(),
    ]
}

fn handshakes() -> Vec<Case> {
    let rule = "RFC 8446 4, 6: no handshake, no request; nothing of it is sent in the clear";
    let fails = |name, script: Vec<Act>| case(name, rule).plays(script).gets([TLS, BROKEN]);
    let name = "RFC 9110 4.3.4: the certificate must be for the host that was asked for";
    vec![
        fails("tls-closed-at-once", vec![]),
        fails("tls-reset-at-once", vec![Act::Reset]),
        fails(
            "tls-closed-in-the-handshake",
            vec![Act::Receive, Act::Raw(vec![0x16, 3, 3, 0, 100, 2, 0, 0]), Act::HalfClose],
        ),
        fails(
            "tls-answered-in-plain-http",
            vec![Act::Receive, Act::Raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec())],
        ),
        fails(
            "tls-answered-with-garbage",
            vec![Act::Receive, Act::Raw(b"\x8f\x12\xee\x0a\x0d\x0agarbage".to_vec()), Act::Hold],
        ),
        fails(
            "tls-answered-with-an-alert",
            vec![Act::Receive, Act::Raw(b"\x15\x03\x03\0\x02\x02\x28".to_vec())],
        ),
        fails("tls-answered-with-its-own-words", vec![Act::Parrot]),
        fails(
            "tls-record-of-64-kilobytes",
            vec![Act::Receive, Act::Raw([&[0x16, 3, 3, 0xff, 0xff][..], &[0; 65535]].concat()), Act::Hold],
        ),
        fails(
            "tls-records-of-nothing",
            vec![Act::Receive, Act::RawFlood(Arc::from([0x16, 3, 3, 0, 0].repeat(100)), 1000), Act::Hold],
        ),
        fails(
            "tls-flood-of-cipher-changes",
            vec![Act::Receive, Act::RawFlood(Arc::from([0x14, 3, 3, 0, 1, 1].repeat(100)), 1000), Act::Hold],
        ),
        case("tls-stall-in-the-handshake", "RFC 8446 4: the time-out of connecting holds for the handshake")
            .plays([Act::Receive, Act::Ignore])
            .patience(milliseconds(400))
            .gets([TIME_OUT]),
        case(
            "tls-drip-of-a-handshake",
            "RFC 8446 4: the time-out of connecting holds for the whole handshake",
        )
        .plays([
            Act::Receive,
            Act::RawDrip([&[0x16, 3, 3, 0, 100][..], &[2; 20]].concat(), milliseconds(100)),
            Act::Hold,
        ])
        .patience(milliseconds(600))
        .gets([TIME_OUT, TLS]),
        case("tls-for-another-host", name)
            .over_tls_with(Tls { names: &["example.org"], tickets: 2 })
            .plays([Act::Handshake, Act::Poison])
            .gets([TLS])
            .never_sends("GET /")
            .every_ask_fails_by_certificate(),
    ]
}

fn records() -> Vec<Case> {
    let rule =
        "RFC 8446 5: what is not protected as it must be ends the connection; nothing of it is content";
    let breaks = |name, raw: &[u8]| {
        case(name, rule)
            .plays([
                Act::Handshake,
                Act::Expect,
                send(ok("Content-Length: 10\r\n", "hello")),
                Act::Raw(raw.to_vec()),
                Act::Hold,
            ])
            .gets([TLS, BROKEN])
    };
    vec![
        case("tls-garbage-behind-the-handshake", rule)
            .plays([
                Act::Handshake,
                Act::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()),
                Act::Hold,
            ])
            .gets([TLS, BROKEN]),
        breaks("tls-plain-http-in-the-body", POISON.as_bytes()),
        breaks("tls-plain-alert-in-the-body", b"\x15\x03\x03\0\x02\x02\x28"),
        breaks("tls-forged-record-in-the-body", &[&[0x17, 3, 3, 0, 32][..], &[7; 32]].concat()),
        breaks("tls-record-too-large-in-the-body", &[&[0x17, 3, 3, 0xff, 0xff][..], &[7; 65535]].concat()),
        breaks("tls-records-of-nothing-in-the-body", &[0x17, 3, 3, 0, 0].repeat(10_000)),
        case("tls-record-cut-in-the-body", "RFC 9112 9.8: the end is not the server's word")
            .plays([
                Act::Handshake,
                Act::Expect,
                send(ok("Content-Length: 10\r\n", "hello")),
                Act::Raw(vec![0x17, 3, 3, 0, 100, 1, 2, 3]),
                Act::HalfClose,
            ])
            .gets([TLS, BROKEN]),
        case("tls-records-of-one-byte", "RFC 8446 5.1: records of any size")
            .plays([Act::Handshake, Act::Expect, Act::Drip(sized("", "hello"), milliseconds(0)), Act::Honest])
            .answers("hello"),
        case("tls-flood-of-tickets", "RFC 8446 4.6.1: tickets may come at any time; a client keeps few")
            .over_tls_with(Tls { names: crate::ca::LOOPBACK, tickets: 100 })
            .plays([Act::Handshake, Act::Expect, send(sized("", "hello")), Act::Honest])
            .gets([whole("hello"), TLS, BROKEN]),
        case(
            "tls-flood-of-key-updates",
            "RFC 8446 4.6.3: keys may change; a client may end a connection that does nothing else",
        )
        .plays([Act::Handshake, Act::Expect, Act::KeyUpdates(20), send(sized("", "hello")), Act::Honest])
        .gets([whole("hello"), TLS, BROKEN]),
        case("tls-malformed-response", "RFC 9112 6.3, 5: TLS makes no malformed response better")
            .plays([Act::Handshake, Act::Expect, send(ok("Content-Length: -5\r\n", "hello")), Act::Poison])
            .gets([MALFORMED]),
        case(
            "tls-response-behind-a-response",
            "RFC 9112 9.2, 11.1: what lies behind a response's end belongs to no request",
        )
        .plays([Act::Handshake, Act::Expect, send([sized("", "hello"), POISON.into()].concat()), Act::Poison])
        .gets([Outcome::Answer(200, Body::Bytes(b"hello".to_vec()))]),
    ]
}

impl Case {
    /// With that certificate no request can be served, the last one neither.
    fn every_ask_fails_by_certificate(mut self) -> Case {
        self.hopeless = Some(TLS);
        self
    }
}
