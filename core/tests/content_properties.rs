//! Content codings against random data: what was coded is given back, wherever the network cuts it and however
//! little its reader takes at a time.

use std::io::Write;

use entreat_core::Result;
use entreat_core::content::Decoder;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Format {
    Gzip,
    Zlib,
    RawDeflate,
}

impl Format {
    fn coding(self) -> &'static str {
        match self {
            Format::Gzip => "gzip",
            Format::Zlib | Format::RawDeflate => "deflate",
        }
    }

    fn encode(self, data: &[u8], level: Compression) -> Vec<u8> {
        match self {
            Format::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
            Format::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
            Format::RawDeflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
        }
        .expect("writing to memory does not fail")
    }
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Gzip), Just(Format::Zlib), Just(Format::RawDeflate)]
}

/// Data that compresses, and data that does not.
fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..2000), vec(0..3u8, 0..20_000)]
}

fn decode(encoding: &str, body: &[u8], sizes: &[usize], room: usize) -> Result<Vec<u8>> {
    let mut decoder =
        Decoder::for_encoding(std::iter::once(encoding.as_bytes())).expect("the coding is known");
    let (mut content, mut rest, mut sizes) = (Vec::new(), body, sizes.iter().cycle());
    while !rest.is_empty() {
        let (mut piece, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        rest = after;
        loop {
            let before = content.len();
            let taken = decoder.decode(piece, &mut content, room)?;
            assert!(content.len() - before <= room);
            piece = &piece[taken..];
            if taken == 0 && content.len() == before {
                break;
            }
        }
        assert!(piece.is_empty());
    }
    decoder.finish()?;
    Ok(content)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_was_coded_is_given_back(
        data in data(),
        formats in vec(format(), 1..4),
        level in 0..=9u32,
        sizes in vec(1..500usize, 1..8),
        room in 1..5000usize,
    ) {
        let mut body = data.clone();
        for format in &formats {
            body = format.encode(&body, Compression::new(level));
        }
        let codings: Vec<_> = formats.iter().map(|format| format.coding()).collect();
        prop_assert_eq!(decode(&codings.join(", "), &body, &sizes, room).unwrap(), data);
    }

    #[test]
    fn a_body_that_lacks_its_end_is_an_error(
        data in data(),
        format in format(),
        cut in any::<prop::sample::Index>(),
        sizes in vec(1..500usize, 1..8),
    ) {
        let body = format.encode(&data, Compression::default());
        let cut = 1 + cut.index(body.len() - 1);
        prop_assert!(decode(format.coding(), &body[..cut], &sizes, 1 << 20).is_err());
    }

    #[test]
    fn a_changed_byte_of_gzip_never_changes_the_content_unnoticed(
        data in vec(0..3u8, 0..500),
        position in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut body = Format::Gzip.encode(&data, Compression::default());
        let position = position.index(body.len());
        body[position] ^= flip;
        if let Ok(content) = decode("gzip", &body, &[usize::MAX], 1 << 20) {
            prop_assert_eq!(content, data);
        }
    }
}
