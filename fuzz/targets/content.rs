//! Content codings. Input: the coding, the size of a piece, the room for output, then a body.
//!
//! Corrupt bodies must be errors and nothing else; a body must unpack to the same content however it was cut;
//! what was coded must be given back.

#![no_main]

use std::io::Write;

use entreat_core::content::Decoder;
use entreat_core::{Kind, Result};
use libfuzzer_sys::fuzz_target;

const CODINGS: [&str; 6] = ["gzip", "deflate", "br", "zstd", "gzip, deflate", "deflate, zstd, br, gzip"];
/// Unpacking ends here: beyond, nothing new happens.
const LIMIT: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let [coding, size, room, body @ ..] = input else { return };
    let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
    let whole = decode(coding, body, usize::MAX, LIMIT);
    let (size, room) = (1 + usize::from(*size), 1 + 64 * usize::from(*room));
    match (&whole, &decode(coding, body, size, room)) {
        (Ok(whole), Ok(piecewise)) => {
            let common = whole.len().min(piecewise.len());
            assert_eq!(whole[..common], piecewise[..common]);
            assert!(whole.len() == piecewise.len() || common >= LIMIT);
        }
        (Err(whole), Err(piecewise)) => assert_eq!(whole, piecewise),
        // One reading met the limit just before the fault that the other one met.
        (Ok(content), Err(_)) | (Err(_), Ok(content)) => assert!(content.len() >= LIMIT, "{whole:?}"),
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let coded = encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes all");
    assert_eq!(decode("gzip", &coded, size, room).as_deref(), Ok(body));
});

fn decode(coding: &str, body: &[u8], size: usize, room: usize) -> Result<Vec<u8>, Kind> {
    let mut decoder = Decoder::for_encoding(std::iter::once(coding.as_bytes())).expect("the coding is known");
    let mut content = Vec::new();
    for mut piece in body.chunks(size) {
        loop {
            let before = content.len();
            let taken = decoder.decode(piece, &mut content, room).map_err(|error| error.kind())?;
            assert!(content.len() - before <= room, "more than there was room for");
            piece = &piece[taken..];
            if content.len() >= LIMIT {
                return Ok(content);
            }
            if taken == 0 && content.len() == before {
                break;
            }
        }
        assert!(piece.is_empty(), "a decoder that waits has taken all its input");
    }
    decoder.finish().map_err(|error| error.kind())?;
    Ok(content)
}
