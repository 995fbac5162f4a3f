//! Bodies that are compressed on their way out, where the program asks for it (RFC 9110 section 8.4).

use crate::support::*;
use entreat::net::scripted::{ReceivedRequest, Step};
use entreat::{Body, Coding, Kind, Request};
use entreat_core::content::Decoder;
use std::io::{self, Cursor, Read};

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

/// The body as the server has it, once it has undone the coding.
fn decoded(request: &ReceivedRequest) -> Vec<u8> {
    let coding = request.header("Content-Encoding").unwrap();
    let mut decoder = Decoder::for_encoding(std::iter::once(coding.as_bytes())).unwrap();
    let mut content = Vec::new();
    assert_eq!(decoder.decode(&request.body, &mut content, usize::MAX).unwrap(), request.body.len());
    decoder.finish().unwrap();
    content
}

behaviour!(a_body_in_memory_is_compressed_and_its_length_announced, |bench| {
    for coding in ALL {
        let peer = bench.peer([Step::Expect, ok("")]);
        let request = peer.post("/").compress(coding).body("hello, ".repeat(1000));
        fetch(&bench.session(), request).await.unwrap();
        let request = &peer.log.requests()[0];
        assert_eq!(request.header("Content-Encoding"), Some(coding.name()));
        assert_eq!(request.header("Content-Length"), Some(&*request.body.len().to_string()));
        assert!(request.body.len() < 200 && decoded(request) == "hello, ".repeat(1000).as_bytes());
    }
});

behaviour!(a_stream_is_compressed_while_it_is_sent, |bench| {
    for coding in ALL {
        let peer = bench.peer([Step::Expect, ok("")]);
        let body = Body::sized_reader(io::repeat(b'x').take(300_000), 300_000);
        fetch(&bench.session(), peer.post("/").body(body).compress(coding)).await.unwrap();
        let request = &peer.log.requests()[0];
        assert_eq!(request.header("Transfer-Encoding"), Some("chunked"));
        assert!(decoded(request) == vec![b'x'; 300_000], "{coding:?}");
    }
});

behaviour!(a_compressed_body_is_sent_again_where_what_it_is_made_of_can_be, |bench| {
    let file = tempfile("from a file");
    for body in [Body::from("from a file"), Body::path(file.path()).unwrap()] {
        let away = response("308 Permanent Redirect", "Location: /there\r\n", "");
        let peer = bench.peer([Step::Expect, away, Step::Expect, ok("")]);
        let request = peer.post("/").body(body).compress(Coding::Gzip);
        fetch(&bench.session(), request).await.unwrap();
        assert_eq!(peer.log.requests().iter().map(decoded).collect::<Vec<_>>(), [b"from a file"; 2]);
    }
});

behaviour!(a_body_that_says_it_is_coded_is_not_coded_again, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    let coded = peer.post("/").header("content-encoding", "gzip").body("x").compress(Coding::Gzip);
    refused(bench, &peer, coded, Kind::InvalidHeader).await;
    let sized = peer.post("/").header("Content-Length", "1").body("x").compress(Coding::Gzip);
    refused(bench, &peer, sized, Kind::InvalidBody).await;
});

behaviour!(where_there_is_no_body_there_is_nothing_to_compress, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    fetch(&bench.session(), peer.get("/").compress(Coding::Gzip)).await.unwrap();
    assert_eq!(peer.log.requests()[0].header("Content-Encoding"), None);
});

behaviour!(a_source_that_fails_leaves_no_complete_body, |bench| {
    let peer = bench.peer([Step::Expect]);
    let broken = Cursor::new("begun").chain(Failing);
    let request = Request::put(peer.url("/")).body(Body::reader(broken)).compress(Coding::Gzip);
    let error = failure(&bench.session(), request).await;
    assert!(error.kind() == Kind::InvalidBody && error.to_string().contains("the disk is gone"), "{error}");
    bench.until(|| peer.log.client_closed(0)).await;
    assert!(!peer.log.bytes(0).ends_with(b"0\r\n\r\n"));
});

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}
