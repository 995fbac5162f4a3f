//! The codec's cost per response, for an instruction counter: parse a head, decide its framing, decode its body.
//!
//! `valgrind --tool=callgrind --toggle-collect='*one_exchange*' target/release/examples/parse_head 10000`
//! divided by the count; or compare the totals of two counts.

use entreat_core::Headers;
use entreat_core::h1::{BodyDecoder, HeadLimits, HeadParser, decide, write_head};
use std::hint::black_box;

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: application/json\r\nContent-Length: 13\r\nConnection: keep-alive\r\n\r\n{\"a\": [1, 2]}";

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let mut request = Headers::new();
    for (name, value) in [("Host", "example.org"), ("User-Agent", "entreat"), ("Accept", "*/*")] {
        request.append(name, value).expect("the field is sound");
    }
    let mut written = Vec::new();
    let mut parser = HeadParser::new(HeadLimits::default());
    let mut bytes = 0;
    for _ in 0..count {
        bytes += one_exchange(&mut parser, &mut written, &request, black_box(RESPONSE));
    }
    println!("{count} responses, {bytes} bytes of body");
}

#[inline(never)]
fn one_exchange(parser: &mut HeadParser, written: &mut Vec<u8>, request: &Headers, response: &[u8]) -> u64 {
    written.clear();
    write_head(written, "GET", "/get?a=b", request);
    parser.reset();
    let (head, consumed) = parser.parse(response).expect("the head is sound").expect("the head is complete");
    let verdict = decide("GET", &head).expect("the framing is sound");
    let mut body = BodyDecoder::new(verdict.framing);
    body.decode(&response[consumed..]).expect("the body is sound");
    assert!(body.is_done() && verdict.keep_alive);
    black_box(head);
    body.received()
}
