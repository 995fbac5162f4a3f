//! Response heads. Input: how many pieces the bytes arrive in, then the bytes.
//!
//! A head must read the same however it was cut, hold only names and values that may be shown and sent again,
//! survive being written and read again, and never make framing panic.

#![no_main]

use entreat_core::h1::{BodyDecoder, HeadLimits, HeadParser, decide};
use entreat_core::{Headers, ResponseHead, Result};
use libfuzzer_sys::fuzz_target;

const LIMITS: HeadLimits = HeadLimits { bytes: 4096, fields: 100 };

fuzz_target!(|input: &[u8]| {
    let Some((&pieces, wire)) = input.split_first() else { return };
    let whole = HeadParser::new(LIMITS).parse(wire);
    let piecewise = parse_in_pieces(wire, 1 + usize::from(pieces));
    match (&whole, &piecewise) {
        (Ok(whole), Ok(piecewise)) => assert_eq!(whole, piecewise),
        (Ok(Some(head)), Err(error)) => panic!("read whole {head:?}, in pieces {error:?}"),
        // Faults show when the bytes around them are there: at once, with the next piece, or not yet.
        (Ok(None) | Err(_), Err(_)) => {}
        (Err(_), Ok(found)) => assert_eq!(*found, None),
    }
    match whole {
        Ok(Some((head, consumed))) => check(&head, consumed, wire),
        Ok(None) => drop(HeadParser::new(LIMITS).end_of_input(wire)),
        Err(error) => drop(error.to_string()),
    }
});

fn parse_in_pieces(wire: &[u8], pieces: usize) -> Result<Option<(ResponseHead, usize)>> {
    let mut parser = HeadParser::new(LIMITS);
    for piece in 0..=pieces {
        if let Some(found) = parser.parse(&wire[..wire.len() * piece / pieces])? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn check(head: &ResponseHead, consumed: usize, wire: &[u8]) {
    assert!(consumed <= wire.len() && consumed <= LIMITS.bytes && head.headers.len() <= LIMITS.fields);
    assert!((100..=999).contains(&head.status));
    let mut copy = Headers::new();
    let mut written = format!("HTTP/1.1 {} ", head.status).into_bytes();
    written.extend_from_slice(&head.reason);
    for (name, value) in head.headers.iter() {
        copy.append(name, value).expect("what was read may be sent");
        written.extend_from_slice(&[b"\r\n", name.as_bytes(), b": ", value].concat());
    }
    assert_eq!(copy, head.headers);
    written.extend_from_slice(b"\r\n\r\n");
    let limits = HeadLimits { bytes: 2 * LIMITS.bytes, ..LIMITS };
    let (again, length) = HeadParser::new(limits).parse(&written).expect("sound").expect("complete");
    assert_eq!((again.status, &again.reason, &again.headers), (head.status, &head.reason, &head.headers));
    assert_eq!(length, written.len());
    for method in ["GET", "HEAD", "CONNECT"] {
        if let Ok(verdict) = decide(method, head) {
            let mut body = BodyDecoder::new(verdict.framing);
            let _ = body.decode(&wire[consumed..]);
            let _ = body.end_of_input();
        }
    }
}
