//! Chunked bodies. Input: how many pieces the bytes arrive in, then the bytes.
//!
//! A body must read the same however it was cut and whether its data goes through the decoder or past it; what
//! is accepted must be what a naive reading of RFC 9112 section 7.1 finds.

#![no_main]

use entreat_core::h1::{BodyDecoder, Framing};
use entreat_core::{Kind, Result};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&pieces, wire)) = input.split_first() else { return };
    let whole = decode(wire, 1, false);
    for direct in [false, true] {
        let piecewise = decode(wire, 1 + usize::from(pieces), direct);
        match (&whole, &piecewise) {
            (Ok(whole), Ok(piecewise)) => assert_eq!(whole, piecewise),
            (Err(whole), Err(piecewise)) => assert_eq!(whole, piecewise),
            (whole, piecewise) => panic!("whole {whole:?}, in pieces {piecewise:?}"),
        }
    }
    if let Ok((data, consumed, true)) = whole {
        assert_eq!(naive(&wire[..consumed]).as_ref(), Some(&data));
    }
});

/// Data, bytes consumed, and whether the body was complete.
fn decode(wire: &[u8], pieces: usize, direct: bool) -> Result<(Vec<u8>, usize, bool), Kind> {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let (mut data, mut position) = (Vec::new(), 0);
    for piece in 0..=pieces {
        let end = wire.len() * piece / pieces;
        while position < end && !decoder.is_done() {
            let count = decoder.direct().min((end - position) as u64) as usize;
            if direct && count > 0 {
                decoder.advance(count as u64);
                data.extend_from_slice(&wire[position..position + count]);
                position += count;
                continue;
            }
            let decoded = decoder.decode(&wire[position..end]).map_err(|error| error.kind())?;
            assert!(decoded.consumed > 0 && decoded.data.end <= decoded.consumed);
            data.extend_from_slice(&wire[position..end][decoded.data]);
            position += decoded.consumed;
        }
    }
    assert_eq!(decoder.received(), data.len() as u64);
    assert_eq!(decoder.trailers().is_some(), decoder.is_done());
    Ok((data, position, decoder.is_done()))
}

/// Reads a complete body the simple way.
fn naive(mut wire: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line_end = wire.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&wire[..line_end]);
        let size = String::from_utf8_lossy(&wire[..line_end]).split([';', ' ', '\t']).next()?.to_owned();
        assert!(line.is_err() || size.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let size = usize::from_str_radix(&size, 16).ok()?;
        wire = &wire[line_end + 2..];
        if size == 0 {
            let complete = wire == b"\r\n" || wire.ends_with(b"\r\n\r\n");
            return complete.then_some(data);
        }
        data.extend_from_slice(wire.get(..size)?);
        wire = wire[size..].strip_prefix(b"\r\n")?;
    }
}
