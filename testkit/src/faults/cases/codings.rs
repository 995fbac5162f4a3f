//! Content codings: cut short, corrupt, not what they are called, or bombs (RFC 9110 section 8.4).

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::faults::case::{
    Act, BROKEN, Body, Case, Failing::Coding, Outcome, answer, case, chunked, in_one_chunk, ok, send, sized,
    status, whole,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = wrong_gzip();
    cases.extend(odd_gzip());
    cases.extend(wrong_deflate());
    cases.extend(wrong_brotli_and_zstd());
    cases.extend(wrong_names());
    cases.extend(bombs());
    cases
}

const CORRUPT: &str =
    "RFC 9110 8.4: the coding cannot be undone; an error, never content that is short or wrong";

/// Longer than what any coder keeps to itself, and not the same all over.
fn content() -> String {
    (0..2000).map(|number| format!("line {number}\n")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 1, 20);
    encoder.write_all(bytes).expect("memory takes it");
    encoder.into_inner()
}

fn coded(coding: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    sized(&format!("Content-Encoding: {coding}\r\n"), body)
}

fn cut(mut bytes: Vec<u8>, missing: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - missing);
    bytes
}

/// The byte at so many from the end is another one.
fn spoilt(mut bytes: Vec<u8>, from_end: usize) -> Vec<u8> {
    let at = bytes.len() - from_end;
    bytes[at] ^= 0x55;
    bytes
}

fn wrong_gzip() -> Vec<Case> {
    let packed = || gzip(content().as_bytes());
    let fails = |name, body: Vec<u8>| case(name, CORRUPT).says_in_order(coded("gzip", body)).fails(Coding);
    vec![
        fails("gzip-cut-in-the-header", packed()[..5].to_vec()),
        fails("gzip-cut-behind-the-header", packed()[..10].to_vec()),
        fails("gzip-cut-in-the-middle", packed()[..packed().len() / 2].to_vec()),
        fails("gzip-cut-before-the-checksum", cut(packed(), 8)),
        fails("gzip-cut-in-the-checksum", cut(packed(), 5)),
        fails("gzip-cut-by-one-byte", cut(packed(), 1)),
        fails("gzip-with-a-wrong-checksum", spoilt(packed(), 8)),
        fails("gzip-with-a-wrong-length", spoilt(packed(), 4)),
        fails("gzip-corrupt", spoilt(packed(), packed().len() / 2)),
        fails("gzip-that-is-plain-text", content().into_bytes()),
        fails("gzip-that-is-zlib", zlib(content().as_bytes())),
        fails(
            "gzip-with-an-unknown-method",
            [&[0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 3], &packed()[10..]].concat(),
        ),
        fails("gzip-with-a-second-member-cut", [packed(), cut(packed(), 20)].concat()),
        case("gzip-cut-in-chunks", CORRUPT)
            .says_in_order(ok(
                "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                in_one_chunk(&cut(packed(), 100)),
            ))
            .fails(Coding),
        case("gzip-cut-by-the-close", "RFC 9112 8, RFC 9110 8.4: body and coding are incomplete")
            .says_and_closes(ok("Content-Encoding: gzip\r\nContent-Length: 100000\r\n", packed()))
            .gets([BROKEN, Outcome::Failing(Coding)]),
        case(
            "gzip-cut-where-only-the-coding-tells",
            "RFC 9112 6.3, 8, RFC 9110 8.4: without framing, the coding shows that something is missing",
        )
        .says_and_closes(ok("Content-Encoding: gzip\r\n", cut(packed(), 100)))
        .fails(Coding),
    ]
}

fn odd_gzip() -> Vec<Case> {
    let packed = || gzip(content().as_bytes());
    let taken =
        |name, rule, response: Vec<u8>| case(name, rule).says_in_order(response).gets([whole(content())]);
    let loose = |name, rule, response: Vec<u8>| {
        case(name, rule).says_in_order(response).gets([whole(content()), Outcome::Failing(Coding)])
    };
    let behind = "RFC 1952 2.3, RFC 9110 8.4.1.3: the content is whole; what follows is ignored, or refused";
    let half = content().len() / 2;
    let (first, second) = (content()[..half].to_owned(), content()[half..].to_owned());
    vec![
        taken(
            "gzip-in-two-members",
            "RFC 1952 2.2: a file is a series of members",
            coded("gzip", [gzip(first.as_bytes()), gzip(second.as_bytes())].concat()),
        ),
        taken("gzip-by-its-old-name", "RFC 9110 8.4.1.3: x-gzip is gzip", coded("x-gzip", packed())),
        taken("gzip-in-capitals", "RFC 9110 8.4.1: codings are case-insensitive", coded("GZIP", packed())),
        taken(
            "gzip-with-identity",
            "RFC 9110 12.5.3: identity says nothing",
            coded("identity, gzip", packed()),
        ),
        taken(
            "gzip-twice",
            "RFC 9110 8.4: codings in the order in which they were applied",
            coded("gzip, gzip", gzip(&packed())),
        ),
        loose("gzip-with-garbage-behind-it", behind, coded("gzip", [packed(), b"garbage".to_vec()].concat())),
        loose("gzip-with-nul-behind-it", behind, coded("gzip", [packed(), vec![0; 512]].concat())),
        case(
            "gzip-of-nothing-at-all",
            "RFC 9110 8.4: no bytes are no content; servers name codings of empty bodies",
        )
        .says_in_order(coded("gzip", ""))
        .gets([whole("")]),
        case("gzip-of-nothing-in-chunks", "RFC 9110 8.4: no bytes are no content")
            .says_in_order(ok("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"))
            .gets([whole("")]),
        case("gzip-of-empty-content", "RFC 9110 8.4: an empty body, coded")
            .says_in_order(coded("gzip", gzip(b"")))
            .gets([whole("")]),
        case("gzip-for-head", "RFC 9110 9.3.2: the fields are those of GET; there is no body to decode")
            .says_in_order(ok("Content-Encoding: gzip\r\nContent-Length: 100\r\n", ""))
            .asks("HEAD", None, [whole("")]),
        case("gzip-for-204", "RFC 9112 6.3, 1: there is no body to decode")
            .says_in_order(answer("204 No Content", "Content-Encoding: gzip\r\n", ""))
            .gets([status(204)]),
        case("gzip-for-304", "RFC 9112 6.3, 1: there is no body to decode")
            .says_in_order(answer("304 Not Modified", "Content-Encoding: gzip\r\n", ""))
            .gets([status(304)]),
        case(
            "gzip-with-a-name-without-end",
            "RFC 1952 2.3.1: the header's name may be of any length; memory may not",
        )
        .plays([
            Act::Expect,
            send(ok("Content-Encoding: gzip\r\n", [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3])),
            Act::Flood(Arc::from([b'n'; 4096]), 4096),
        ])
        .gets([Outcome::Failing(Coding), BROKEN]),
    ]
}

fn wrong_deflate() -> Vec<Case> {
    let packed = || zlib(content().as_bytes());
    let fails = |name, body: Vec<u8>| case(name, CORRUPT).says_in_order(coded("deflate", body)).fails(Coding);
    vec![
        fails("deflate-cut", cut(packed(), 100)),
        fails("deflate-cut-in-the-checksum", cut(packed(), 2)),
        fails("deflate-with-a-wrong-checksum", spoilt(packed(), 2)),
        fails("deflate-corrupt", spoilt(packed(), packed().len() / 2)),
        fails("deflate-of-one-byte", vec![0x78]),
        fails("deflate-raw-and-cut", cut(raw_deflate(content().as_bytes()), 100)),
        fails("deflate-that-is-plain-text", content().into_bytes()),
        case(
            "deflate-raw",
            "RFC 9110 8.4.1.2: some send deflate without zlib's wrapper; all clients take it",
        )
        .says_in_order(coded("deflate", raw_deflate(content().as_bytes())))
        .gets([whole(content())]),
    ]
}

fn wrong_brotli_and_zstd() -> Vec<Case> {
    let packed = || brotli(content().as_bytes());
    let fails = |name, coding: &str, body: Vec<u8>| {
        case(name, CORRUPT).says_in_order(coded(coding, body)).fails(Coding)
    };
    vec![
        fails("br-cut", "br", cut(packed(), 50)),
        fails("br-cut-by-one-byte", "br", cut(packed(), 1)),
        fails("br-that-is-plain-text", "br", content().into_bytes()),
        fails("br-that-is-gzip", "br", gzip(content().as_bytes())),
        fails("zstd-cut", "zstd", cut(zstd_of_letters(100), 3)),
        fails("zstd-cut-in-the-magic", "zstd", vec![0x28, 0xb5]),
        fails("zstd-that-is-plain-text", "zstd", content().into_bytes()),
        fails(
            "zstd-with-a-window-of-terabytes",
            "zstd",
            [&ZSTD_MAGIC[..], &[0x00, 0xff], &zstd_block(1, true)].concat(),
        ),
        case("zstd-in-two-frames", "RFC 8878 3.1: a series of frames")
            .says_in_order(coded("zstd", [zstd_of_letters(100), zstd_of_letters(50)].concat()))
            .gets([Outcome::Answer(200, Body::Letters(150))]),
    ]
}

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// RFC 8878 section 3.1.1: a frame with a window of 1 MiB, whose one block repeats a letter.
fn zstd_of_letters(count: u32) -> Vec<u8> {
    [&ZSTD_MAGIC[..], &[0x00, 0x50], &zstd_block(count, true)].concat()
}

/// Section 3.1.1.2: an RLE block.
fn zstd_block(count: u32, last: bool) -> [u8; 4] {
    let [low, middle, high, _] = (count << 3 | 1 << 1 | u32::from(last)).to_le_bytes();
    [low, middle, high, b'a']
}

fn wrong_names() -> Vec<Case> {
    let as_it_is = |name, rule, coding: &str| {
        case(name, rule)
            .says_in_order(coded(coding, "hello"))
            .gets([whole("hello"), Outcome::Failing(Coding)])
    };
    let unknown = "RFC 9110 8.4: a coding that nobody knows; the body is delivered as it is, or refused";
    vec![
        as_it_is("coding-of-no-name-known", unknown, "x-unknown"),
        as_it_is("coding-of-no-name", "RFC 9110 5.6.1.2: an empty list names no coding", ""),
        as_it_is("coding-utf-8", "RFC 9110 8.4: a charset is no coding; servers confuse them", "utf-8"),
        as_it_is("coding-chunked", "RFC 9110 8.4: a transfer coding is no content coding", "chunked"),
        as_it_is("coding-of-a-thousand-names", unknown, &"x, ".repeat(1000)),
        case("coding-gzip-that-was-not-applied", CORRUPT).says_in_order(coded("gzip", "hello")).fails(Coding),
        case("coding-gzip-twice-applied-once", CORRUPT)
            .says_in_order(coded("gzip, gzip", gzip(content().as_bytes())))
            .fails(Coding),
        case("coding-gzip-and-unknown", unknown)
            .says_in_order(coded("gzip, x-unknown", "hello"))
            .gets([whole("hello"), Outcome::Failing(Coding)]),
        case(
            "coding-gzip-a-hundred-times",
            "RFC 9110 8.4: no limit is named; each level multiplies the work",
        )
        .says_in_order(coded(&["gzip"; 100].join(", "), gzip(content().as_bytes())))
        .fails(Coding),
        case(
            "coding-zstd-thirty-thousand-times",
            "RFC 9110 8.4: nothing need be set up for codings that are too many",
        )
        .says_in_order(sized(&format!("Content-Encoding: {}\r\n", "zstd, ".repeat(1000)).repeat(30), "hello"))
        .fails(Coding),
        case("coding-in-two-fields", "RFC 9110 5.3: two fields are one list")
            .says_in_order(sized(
                "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n",
                gzip(&gzip(content().as_bytes())),
            ))
            .gets([whole(content())]),
    ]
}

fn bombs() -> Vec<Case> {
    let rule = "RFC 9110 17.1, 8.4: a small body may unpack to any size; a caller who reads a megabyte gets no more, and pays for no more";
    let bomb = |name, coding: &str, start: &[u8], unit: fn() -> Vec<u8>, times| {
        case(name, rule)
            .plays([
                Act::Expect,
                send(ok(&format!("Content-Encoding: {coding}\r\n"), start)),
                Act::FloodOf(unit, times),
            ])
            .limit(1 << 20)
            .gets([Outcome::CutOff, Outcome::Failing(Coding)])
    };
    // A unit of each is a megabyte; 10,240 of them are 10 GB.
    vec![
        bomb("bomb-of-gzip", "gzip", b"", || gzip(&zeros(1)), 10_240),
        bomb("bomb-of-deflate", "deflate", &[0x78, 0x9c], || full_flushed(&zeros(1)), 10_240),
        bomb(
            "bomb-of-zstd",
            "zstd",
            &[&ZSTD_MAGIC[..], &[0x00, 0x50]].concat(),
            || zstd_block(1 << 17, false).repeat(8),
            10_240,
        ),
        bomb("bomb-of-brotli", "br", b"", || brotli(&zeros(16)), 1),
        bomb("bomb-of-gzip-in-gzip", "gzip, gzip", b"", || gzip(&gzip(&zeros(1)).repeat(1000)), 10),
        case("body-without-end", "RFC 9112 6.3, 8: the caller reads as much as it wants, and leaves")
            .plays([Act::Expect, send(ok("", "")), Act::Flood(Arc::from([b'a'; 4096]), 1 << 20)])
            .limit(1 << 20)
            .gets([Outcome::CutOff]),
        case("chunks-without-end", "RFC 9112 7.1: the caller reads as much as it wants, and leaves")
            .plays([
                Act::Expect,
                send(chunked("")),
                Act::Flood(Arc::from(in_one_chunk(&[b'a'; 4096])[..4096 + 8].to_vec()), 1 << 20),
            ])
            .limit(1 << 20)
            .gets([Outcome::CutOff]),
    ]
}

fn zeros(megabytes: usize) -> Vec<u8> {
    vec![0; megabytes << 20]
}

/// Deflate blocks for these bytes that any other may follow.
fn full_flushed(bytes: &[u8]) -> Vec<u8> {
    let mut compress = flate2::Compress::new(Compression::fast(), false);
    let mut output = Vec::with_capacity(bytes.len());
    compress.compress_vec(bytes, &mut output, flate2::FlushCompress::Full).expect("there is room");
    output
}
