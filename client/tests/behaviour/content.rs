//! Content codings and limits on what they unpack to (RFC 9110 section 8.4).

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Coding, Config, Expansion, Kind, Request};
use entreat_core::content::encode::Encoder;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write;
use std::time::Duration;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn encoded(coding: Coding, content: &[u8]) -> Vec<u8> {
    let (mut encoder, mut output) = (Encoder::new(coding), Vec::new());
    encoder.encode(content, &mut output).unwrap();
    encoder.finish(&mut output).unwrap();
    output
}

fn coded(coding: &str, body: &[u8]) -> Step {
    response("200 OK", &format!("Content-Encoding: {coding}\r\n"), body)
}

fn text() -> Vec<u8> {
    (0..20_000u32).flat_map(|number| number.to_string().into_bytes()).collect()
}

behaviour!(coded_bodies_are_decoded, |bench| {
    let text = text();
    let codings = [
        ("gzip", gzip(&text)),
        ("deflate", zlib(&text)),
        ("deflate", deflate(&text)),
        ("identity", text.clone()),
        ("br", encoded(Coding::Brotli, &text)),
        ("zstd", encoded(Coding::Zstd, &text)),
        ("br, zstd", encoded(Coding::Zstd, &encoded(Coding::Brotli, &text))),
    ];
    for (coding, body) in codings {
        let peer = bench.peer([Step::Expect, coded(coding, &body), Step::Expect, ok("next")]);
        let session = bench.session();
        assert!(fetch(&session, peer.get("/")).await.unwrap().body == text, "{coding}");
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
    }
});

behaviour!(a_coded_body_in_single_bytes_and_chunks_is_decoded, |bench| {
    let body = gzip(b"hello, hello, hello");
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut wire = head.to_vec();
    for chunk in body.chunks(7) {
        wire.extend_from_slice(&[format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    let peer = bench.peer([Step::Expect, Step::Drip(wire, Duration::ZERO), Step::Expect, ok("next")]);
    let session = bench.session();
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "hello, hello, hello");
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
});

behaviour!(corrupt_and_truncated_bodies_are_errors, |bench| {
    let whole = gzip(&text());
    let mut corrupt = whole.clone();
    corrupt[whole.len() / 2] ^= 0x55;
    for body in [&corrupt[..], &whole[..whole.len() - 9], &whole[..20], b"no gzip at all"] {
        let peer = bench.peer([Step::Expect, coded("gzip", body), Step::Expect, ok("next")]);
        let error = failure(&bench.session(), peer.get("/")).await;
        assert_eq!(error.kind(), Kind::ContentDecoding, "{error}");
    }
});

behaviour!(an_empty_coded_body_is_empty, |bench| {
    let chunked = Step::send(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    let peer = bench.peer([Step::Expect, coded("gzip", b""), Step::Expect, chunked]);
    let session = bench.session();
    for _ in 0..2 {
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "");
    }
});

behaviour!(without_decompression_bodies_come_as_they_are, |bench| {
    let body = gzip(b"hello");
    let peer = bench.peer([Step::Expect, coded("gzip", &body)]);
    let session = bench.session_with(Config::new().decompress(false));
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().body, body);
    assert_eq!(peer.log.requests()[0].header("Accept-Encoding"), None);
});

behaviour!(a_body_above_the_limit_is_an_error, |bench| {
    let bomb = gzip(&vec![0; 20 << 20]);
    for (answer, limit) in [(ok("12345"), 4), (coded("gzip", &bomb), 100_000)] {
        let peer = bench.peers([vec![Step::Expect, answer], vec![Step::Expect, ok("1234")]]);
        let session = bench.session_with(Config::new().max_body(limit));
        let error = failure(&session, peer.get("/")).await;
        assert_eq!(error.kind(), Kind::BodyTooLarge, "{error}");
        assert!(error.to_string().contains(&limit.to_string()));
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "1234");
    }
});

behaviour!(a_bomb_is_refused_unless_its_server_is_trusted, |bench| {
    let size = 48 << 20;
    let bomb = coded("gzip", &gzip(&vec![0; size]));
    let peer = bench.peer_for_all([Step::Expect, bomb]);
    let session = bench.session();
    let mut response = session.deliver(peer.get("/")).await.unwrap();
    let mut body = Vec::new();
    let error = response.incoming().read_into(&mut body).await.unwrap_err();
    assert_eq!(error.kind(), Kind::BodyTooLarge);
    assert!(error.to_string().contains("like a bomb"), "{error}");
    assert!(body.len() <= 32 << 20, "{}", body.len());
    let trusting = peer.get("/").configure(|config| config.expansion(Expansion::unlimited()));
    assert_eq!(fetch(&session, trusting).await.unwrap().body.len(), size);
});

behaviour!(a_bomb_of_two_codings_is_refused_by_its_content, |bench| {
    let bomb = gzip(&gzip(&vec![0; 8 << 20]));
    let peer = bench.peer([Step::Expect, coded("gzip, gzip", &bomb)]);
    let limit = Expansion { ratio: 1032, free: 1 << 20 };
    let error = failure(&bench.session_with(Config::new().expansion(limit)), peer.get("/")).await;
    assert_eq!(error.kind(), Kind::BodyTooLarge, "{error}");
});

behaviour!(answers_without_a_body_may_name_a_coding, |bench| {
    let head = |status: &str| Step::send(format!("HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\n\r\n"));
    let sized = Step::send("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 99\r\n\r\n");
    let script =
        [Step::Expect, head("204 No Content"), Step::Expect, head("304 Not Modified"), Step::Expect, sized];
    let peer = bench.peer(script);
    let session = bench.session();
    for request in [peer.get("/"), peer.get("/"), Request::head(peer.url("/"))] {
        assert_eq!(fetch(&session, request).await.unwrap().text(), "");
    }
    assert_eq!(peer.log.connections(), 1);
});

behaviour!(stacked_codings_and_members_of_gzip_are_decoded, |bench| {
    let text = text();
    let members = [gzip(&text[..1000]), gzip(&text[1000..])].concat();
    for (coding, body) in [("x-gzip, deflate", zlib(&gzip(&text))), ("gzip", members)] {
        let peer = bench.peer([Step::Expect, coded(coding, &body)]);
        assert!(fetch(&bench.session(), peer.get("/")).await.unwrap().body == text, "{coding}");
    }
});
