//! Servers that answer, close or look away while a body is being sent (RFC 9112 sections 9.3 and 9.5, RFC 9110
//! section 10.1.1).

use crate::faults::case::{
    Act, BROKEN, Body, Case, MALFORMED, Outcome, TIME_OUT, answer, case, milliseconds, own, send, sized,
    whole,
};

/// More than any socket takes by itself.
const LARGE: Option<usize> = Some(16 << 20);
const SMALL: Option<usize> = Some(1000);

const MONITOR: &str =
    "RFC 9112 9.5: a client monitors the connection for an error while it sends, and ceases to send then";

pub(super) fn cases() -> Vec<Case> {
    let too_large = || answer("413 Content Too Large", "Connection: close\r\nContent-Length: 5\r\n", "large");
    let refused = || Outcome::Answer(413, Body::Bytes(b"large".to_vec()));
    let denied = || Outcome::Answer(401, Body::Bytes(b"hello".to_vec()));
    let mut cases = vec![
        case("413-and-the-rest-read", MONITOR)
            .plays([Act::ExpectHead, send(too_large()), Act::HalfClose])
            .asks("POST", LARGE, [refused()]),
        case("413-and-the-rest-unread", MONITOR)
            .plays([Act::ExpectHead, send(too_large()), Act::Ignore])
            .asks("POST", LARGE, [refused()]),
        case(
            "413-and-dropped",
            "RFC 9112 9.6: a close with data unread may take the answer along; if it came, it counts",
        )
        .plays([Act::ExpectHead, send(too_large()), Act::Sleep(milliseconds(200)), Act::Drop])
        .asks("POST", LARGE, [refused(), BROKEN]),
        case("413-to-a-small-body", MONITOR)
            .plays([Act::ExpectHead, send(too_large()), Act::HalfClose])
            .asks("POST", SMALL, [refused()]),
        case("401-in-the-middle", MONITOR)
            .plays([
                Act::ExpectHead,
                send(answer("401 Unauthorized", "Content-Length: 5\r\n", "hello")),
                Act::Hold,
            ])
            .asks("POST", LARGE, [denied()]),
        case(
            "200-in-the-middle-and-read",
            "RFC 9112 9.5: an early answer that is no refusal; the body is sent to its end, or not",
        )
        .plays([Act::ExpectHead, send(sized("", "hello")), Act::Drain(16 << 20), Act::Honest])
        .asks("POST", LARGE, [whole("hello")]),
        case(
            "200-in-the-middle-and-reset",
            "RFC 9112 9.5, 9.6: answered, then broken off: the answer, or the error",
        )
        .plays([Act::ExpectHead, send(sized("", "hello")), Act::Sleep(milliseconds(100)), Act::Reset])
        .asks("POST", LARGE, [whole("hello"), BROKEN]),
    ];
    cases.extend(without_an_answer());
    cases.extend(with_odd_answers());
    cases
}

fn without_an_answer() -> Vec<Case> {
    vec![
        case(
            "upload-never-read",
            "RFC 9112 9.5: the body does not go out; the client's time-out ends the wait",
        )
        .plays([Act::ExpectHead, Act::Ignore])
        .patience(milliseconds(400))
        .asks("POST", LARGE, [TIME_OUT]),
        case("upload-sipped", "RFC 9112 9.5: the body hardly goes out; the client's time-outs end the wait")
            .plays([Act::ExpectHead, Act::Sip(30, milliseconds(100)), Act::Ignore])
            .total(milliseconds(700))
            .patience(milliseconds(600))
            .asks("POST", LARGE, [TIME_OUT]),
        case("upload-closed", "RFC 9112 9.3.1: not idempotent, so not repeated")
            .plays([Act::ExpectHead])
            .asks("POST", LARGE, [BROKEN]),
        case("upload-dropped", "RFC 9112 9.3.1: not idempotent, so not repeated")
            .plays([Act::ExpectHead, Act::Sleep(milliseconds(50)), Act::Drop])
            .asks("POST", LARGE, [BROKEN]),
        case("upload-reset", "RFC 9112 9.3.1: not idempotent, so not repeated")
            .plays([Act::ExpectHead, Act::Sleep(milliseconds(50)), Act::Reset])
            .asks("POST", LARGE, [BROKEN]),
        case("upload-and-no-answer", "RFC 9112 9.5: the body went out; the answer does not come")
            .plays([Act::Expect, Act::Hold])
            .patience(milliseconds(400))
            .asks("POST", SMALL, [TIME_OUT]),
    ]
}

fn with_odd_answers() -> Vec<Case> {
    vec![
        case("upload-and-garbage", "RFC 9112 4: an answer that is none, while the body is being sent")
            .plays([Act::ExpectHead, send("garbage\r\n\r\n"), Act::Hold])
            .asks("POST", LARGE, [MALFORMED]),
        case("upload-with-interim-answers", "RFC 9110 15.2: 1xx while the body goes out, unasked")
            .plays([
                Act::ExpectHead,
                send("HTTP/1.1 102 Processing\r\n\r\n".repeat(3)),
                Act::Sleep(milliseconds(20)),
                Act::Drain(16 << 20),
                send(sized("", "hello")),
                Act::Honest,
            ])
            .asks("POST", LARGE, [whole("hello")]),
        case("upload-redirected", "RFC 9110 15.4.8: 307 keeps method and body")
            .plays([
                Act::Expect,
                send(answer("307 Temporary Redirect", "Location: /landing\r\nContent-Length: 0\r\n", "")),
                Act::Honest,
            ])
            .asks("POST", SMALL, [own()]),
        case(
            "upload-redirected-in-the-middle",
            "RFC 9112 9.5, RFC 9110 15.4.8: a redirect makes the rest pointless; the new request has all",
        )
        .plays([
            Act::ExpectHead,
            send(answer(
                "307 Temporary Redirect",
                "Location: /landing\r\nConnection: close\r\nContent-Length: 0\r\n",
                "",
            )),
            Act::HalfClose,
        ])
        .asks("POST", LARGE, [own()])
        .connections(3),
        case("upload-answered-twice", "RFC 9112 9.2: one answer for each request")
            .plays([Act::Expect, send([sized("", "hello"), sized("", "again")].concat()), Act::Poison])
            .asks("POST", SMALL, [whole("hello")]),
        case("upload-by-http-1.0", "RFC 9112 9.3: 1.0 closes after its answer")
            .plays([Act::Expect, send("HTTP/1.0 200 OK\r\n\r\nhello")])
            .asks("POST", SMALL, [whole("hello")]),
    ]
}
