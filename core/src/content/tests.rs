//! Every coding, fed whole, byte by byte, with little room for output, and with bytes behind its end.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

fn text() -> Vec<u8> {
    (0..2000).flat_map(|number: u32| format!("line {number}, {}\n", number % 7).into_bytes()).collect()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[cfg(feature = "brotli")]
fn brotli(data: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    ::brotli::CompressorWriter::new(&mut coded, 4096, 5, 20).write_all(data).unwrap();
    coded
}

#[cfg(feature = "zstd")]
fn zstd(data: &[u8]) -> Vec<u8> {
    let mut coded = Vec::with_capacity(zstd_safe::compress_bound(data.len()));
    zstd_safe::compress(&mut coded, data, 3).unwrap();
    coded
}

/// The codings that are compiled in: name in Content-Encoding, and some data coded with it.
fn coded(data: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("gzip", gzip(data)),
        ("x-gzip", gzip(data)),
        ("deflate", zlib(data)),
        ("DEFLATE", raw_deflate(data)),
        #[cfg(feature = "brotli")]
        ("br", brotli(data)),
        #[cfg(feature = "zstd")]
        ("zstd", zstd(data)),
    ]
}

fn decoder(encoding: &str) -> Option<Decoder> {
    Decoder::for_encoding(std::iter::once(encoding.as_bytes()))
}

/// Feeds pieces of `size` bytes and gives `room` bytes at a time, as the engine does.
fn feed(encoding: &str, body: &[u8], size: usize, room: usize) -> Result<Vec<u8>> {
    let mut decoder = decoder(encoding).expect("the coding is known");
    let mut content = Vec::new();
    for mut piece in body.chunks(size) {
        loop {
            let before = content.len();
            let taken = decoder.decode(piece, &mut content, room)?;
            assert!(content.len() - before <= room, "no call appends more than it may");
            piece = &piece[taken..];
            if taken == 0 && content.len() == before {
                break;
            }
        }
        assert!(piece.is_empty(), "a decoder that waits has taken all its input");
    }
    decoder.finish()?;
    Ok(content)
}

fn decode(encoding: &str, body: &[u8]) -> Result<Vec<u8>> {
    let whole = feed(encoding, body, body.len().max(1), usize::MAX);
    for (size, room) in [(1, usize::MAX), (body.len().max(1), 100), (3, 1)] {
        match (&whole, feed(encoding, body, size, room)) {
            (Ok(whole), Ok(piecewise)) => assert_eq!(*whole, piecewise, "{size} {room}"),
            (Err(whole), Err(piecewise)) => assert_eq!(whole.kind(), piecewise.kind()),
            (whole, piecewise) => panic!("whole {whole:?}, pieces of {size} bytes {piecewise:?}"),
        }
    }
    whole
}

fn is_corrupt(encoding: &str, body: &[u8]) -> bool {
    decode(encoding, body).is_err_and(|error| error.kind() == Kind::ContentDecoding)
}

#[test]
fn every_coding_gives_back_what_was_coded() {
    for data in [&b""[..], b"x", &text()] {
        for (name, body) in coded(data) {
            assert_eq!(decode(name, &body).unwrap(), data, "{name}");
        }
    }
}

#[test]
fn an_empty_body_is_complete_whatever_its_coding() {
    for (name, _) in coded(b"") {
        assert_eq!(decode(name, b"").unwrap(), b"");
        assert_eq!(decode(&format!("{name}, gzip"), b"").unwrap(), b"");
        assert_eq!(decode(&format!("{name}, gzip"), &gzip(b"")).unwrap(), b"");
    }
}

#[test]
fn a_body_cut_short_is_an_error_wherever_it_was_cut() {
    for (name, body) in coded(&text()[..300]) {
        for end in 1..body.len() {
            assert!(is_corrupt(name, &body[..end]), "{name} cut at {end}");
        }
    }
}

#[test]
fn corrupt_bodies_are_errors() {
    for (name, body) in coded(&text()) {
        assert!(is_corrupt(name, b"<html>plain text, announced as coded</html>"), "{name}");
        let mut flipped = body.clone();
        flipped[0] ^= 0xff;
        assert!(is_corrupt(name, &flipped), "{name}");
    }
    let mut checksum = gzip(&text());
    let position = checksum.len() - 6;
    checksum[position] ^= 1;
    assert!(is_corrupt("gzip", &checksum));
}

#[test]
fn members_of_gzip_follow_each_other_with_or_without_padding() {
    let two = [gzip(b"one "), gzip(b"two")].concat();
    assert_eq!(decode("gzip", &two).unwrap(), b"one two");
    let padded = [&gzip(b"one ")[..], &[0; 20], &gzip(b"two"), &[0; 3]].concat();
    assert_eq!(decode("gzip", &padded).unwrap(), b"one two");
    let cut = &two[..two.len() - 1];
    assert!(is_corrupt("gzip", cut));
}

#[test]
fn what_follows_the_end_of_a_body_is_ignored() {
    for (name, body) in coded(b"content").into_iter().filter(|(name, _)| *name != "zstd") {
        for trailing in [&b"\0\0\0"[..], b"garbage", b"\r\n", b"\x1f", b"\x1f\x8b"] {
            let body = [&body[..], trailing].concat();
            assert_eq!(decode(name, &body).unwrap(), b"content", "{name} {}", trailing.escape_ascii());
        }
    }
}

#[test]
fn stacked_codings_are_undone_in_reverse_order() {
    let data = text();
    for (name, body) in coded(&data) {
        assert_eq!(decode(&format!("{name}, gzip"), &gzip(&body)).unwrap(), data, "{name}");
        assert_eq!(decode(&format!("{name}, identity,deflate"), &zlib(&body)).unwrap(), data, "{name}");
    }
    let thrice = gzip(&zlib(&gzip(&data)));
    let fields = [&b"gzip, deflate"[..], b"gzip"];
    let mut decoder = Decoder::for_encoding(fields.into_iter()).unwrap();
    let mut content = Vec::new();
    assert_eq!(decoder.decode(&thrice, &mut content, usize::MAX).unwrap(), thrice.len());
    decoder.finish().unwrap();
    assert_eq!(content, data);
}

#[test]
fn nothing_is_undone_where_there_is_nothing_known_to_undo() {
    for encoding in ["", "identity", " , Identity", "aws-chunked", "gzip, unknown", "unknown, gzip"] {
        assert!(decoder(encoding).is_none(), "{encoding:?}");
    }
    assert!(Decoder::for_encoding(std::iter::empty()).is_none());
}

#[test]
fn a_chain_of_codings_has_an_end() {
    assert!(!is_corrupt("gzip,gzip,gzip,gzip,gzip", b""));
    assert!(is_corrupt("gzip,gzip,gzip,gzip,gzip,gzip", b"x"));
}

#[cfg(all(feature = "brotli", feature = "zstd"))]
#[test]
fn the_windows_of_a_chain_of_codings_have_a_limit_together() {
    for (fits, exceeds) in [("br, br", "br, br, gzip"), ("zstd, zstd, br", "zstd, zstd, zstd, br")] {
        assert!(!is_corrupt(fits, b"") && is_corrupt(exceeds, b"x"));
    }
}

#[test]
fn a_bomb_unpacks_no_faster_than_its_reader_asks() {
    for (name, body) in coded(&vec![0; 20_000_000]) {
        for (coding, bomb) in [(name.to_owned(), body.clone()), (format!("{name}, gzip"), gzip(&body))] {
            let mut decoder = decoder(&coding).unwrap();
            let (mut content, mut rest) = (Vec::new(), &bomb[..]);
            for length in [10_000, 10_001, 30_000] {
                while content.len() < length {
                    let wanted = length - content.len();
                    let taken = decoder.decode(rest, &mut content, wanted).unwrap();
                    rest = &rest[taken..];
                }
                assert_eq!(content.len(), length, "{coding}");
            }
            assert!(content.capacity() < 200_000, "{coding}: {}", content.capacity());
        }
    }
}

#[test]
fn a_window_of_zstd_that_http_does_not_allow_is_refused() {
    // Frame header: magic, descriptor without content size, window of 2^27 bytes; an empty last block.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, 0x01, 0x00, 0x00];
    assert!(decoder("zstd").is_none() || is_corrupt("zstd", &frame));
    let allowed = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (23 - 10) << 3, 0x01, 0x00, 0x00];
    assert!(decoder("zstd").is_none() || !is_corrupt("zstd", &allowed));
}

#[test]
fn a_decoder_may_move_between_threads() {
    fn sendable<T: Send>() {}
    sendable::<Decoder>();
}
