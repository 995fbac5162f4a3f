//! Responses before the response: 1xx, wanted by nobody (RFC 9110 section 15.2).
//!
//! "A client MUST be able to parse one or more 1xx responses received prior to a final response, even if the client does
//! not expect one. A user agent MAY ignore unexpected 1xx responses."

use crate::faults::case::{
    Act, Case, Failing::Broken, MALFORMED, TIME_OUT, TOO_LARGE, case, milliseconds, send, sized, status,
    whole,
};
use std::sync::Arc;

const SKIP: &str = "RFC 9110 15.2: a client must be able to parse 1xx responses, and may ignore them";
const END: &str = "RFC 9112 6.3, 1: a 1xx response ends with its empty line, whatever its fields say";

pub(super) fn cases() -> Vec<Case> {
    let behind = |interim: &str| [interim.as_bytes(), &sized("", "hello")].concat();
    let taken = |name, interim: &str| case(name, SKIP).says_in_order(behind(interim)).answers("hello");
    let flood = "RFC 9110 15.2 sets no limit; without one a server keeps a client for ever";
    vec![
        taken("100-unasked", "HTTP/1.1 100 Continue\r\n\r\n"),
        taken("102-unasked", "HTTP/1.1 102 Processing\r\n\r\n"),
        taken("103-with-links", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"),
        taken("199-unknown", "HTTP/1.1 199 Whatever\r\n\r\n"),
        taken("100-ten-times", &"HTTP/1.1 100 Continue\r\n\r\n".repeat(10)),
        taken("100-without-a-reason", "HTTP/1.1 100\r\n\r\n"),
        taken("103-with-a-length", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n"),
        taken("103-with-chunked", "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n"),
        case("100-with-a-body", END)
            .says(behind("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nworld"))
            .refused(),
        case("103-with-a-chunked-body", END)
            .says(behind(
                "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n",
            ))
            .refused(),
        case("103-with-a-wrong-field", "RFC 9112 5.1: a malformed head is one in an interim response, too")
            .says(behind("HTTP/1.1 103 Early Hints\r\nLink : </a.css>\r\n\r\n"))
            .refused(),
        case("100-and-the-end", "RFC 9112 8: an interim response is not the response")
            .says_and_closes("HTTP/1.1 100 Continue\r\n\r\n")
            .fails(Broken),
        case("100-and-nothing", "RFC 9110 15.2: the final response is still to come; the time-out holds")
            .says("HTTP/1.1 100 Continue\r\n\r\n")
            .patience(milliseconds(300))
            .gets([TIME_OUT]),
        case("103-in-a-flood", flood)
            .plays([
                Act::Expect,
                Act::Flood(Arc::from("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100).as_bytes()), 20_000),
            ])
            .gets([MALFORMED, TOO_LARGE]),
        case("103-with-much-in-it", "RFC 9110 5.4: the limit on a head holds for interim ones")
            .plays([
                Act::Expect,
                send("HTTP/1.1 103 Early Hints\r\n"),
                Act::Flood(Arc::from("Link: </a.css>; rel=preload\r\n".repeat(100).as_bytes()), 10_000),
            ])
            .gets([TOO_LARGE, MALFORMED]),
        case(
            "103-again-and-again",
            "RFC 9110 15.2: interim responses do not make the answer come; the total time-out holds",
        )
        .plays([
            Act::Expect,
            Act::Drip("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(3).into(), milliseconds(30)),
            Act::Hold,
        ])
        .total(milliseconds(700))
        .patience(milliseconds(600))
        .gets([TIME_OUT]),
        case("101-unasked", "RFC 9110 15.2.2: no upgrade was asked for; the protocol changes for nobody")
            .says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
            .gets([MALFORMED, status(101)]),
        case(
            "101-unasked-and-an-answer",
            "RFC 9110 15.2.2: what follows 101 is no HTTP/1.1; it answers nothing",
        )
        .says(behind("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"))
        .gets([MALFORMED, status(101)]),
        case("100-in-http-1.0", "RFC 9110 15.2: 1.0 has no 1xx; ignored, or refused")
            .says_in_order(behind("HTTP/1.0 100 Continue\r\n\r\n"))
            .gets([whole("hello"), MALFORMED]),
    ]
}
