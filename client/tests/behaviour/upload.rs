//! Bodies of requests: framing, sources that fail, and peers that do not want them (RFC 9112 sections 6, 7.1, 9.5).

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Body, Kind, Source, Timeout};
use std::io::{self, Cursor, Read};

/// Gives each piece in a read of its own.
struct Pieces(Vec<&'static [u8]>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let piece = self.0.remove(0);
        into[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

behaviour!(a_reader_is_sent_in_chunks, |bench| {
    let peer = bench.peer([Step::Expect, ok(""), Step::Expect, ok("")]);
    let session = bench.session();
    let request = peer.post("/").body(Body::reader(Pieces(vec![b"hello ", b"world"])));
    fetch(&session, request).await.unwrap();
    fetch(&session, peer.post("/").body(Body::reader(io::empty()))).await.unwrap();
    let requests = peer.log.requests();
    assert_eq!((&requests[0].body[..], &requests[1].body[..]), (&b"hello world"[..], &b""[..]));
    assert_eq!(requests[0].header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(requests[0].header("Content-Length"), None);
    let wire = peer.log.bytes(0);
    let chunks = b"\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\nPOST";
    assert!(wire.windows(chunks.len()).any(|window| window == chunks), "{}", wire.escape_ascii());
});

behaviour!(a_reader_of_known_length_is_sent_as_it_is, |bench| {
    let file = tempfile("from a file");
    let sized = Body::sized_reader(Pieces(vec![b"from ", b"a file"]), 11);
    for body in [sized, Body::path(file.path()).unwrap()] {
        let peer = bench.peer([Step::Expect, ok("")]);
        fetch(&bench.session(), peer.post("/").body(body)).await.unwrap();
        let request = &peer.log.requests()[0];
        assert_eq!((&request.body[..], request.header("Content-Length")), (&b"from a file"[..], Some("11")));
    }
});

behaviour!(chunked_is_what_the_caller_may_ask_for, |bench| {
    for length in [10, 100_000] {
        let peer = bench.peer([Step::Expect, ok("")]);
        let request = peer.post("/").header("Transfer-Encoding", "chunked").body(vec![b'x'; length]);
        fetch(&bench.session(), request).await.unwrap();
        assert_eq!(peer.log.requests()[0].body.len(), length);
        assert_eq!(peer.log.requests()[0].header("Content-Length"), None);
    }
});

behaviour!(a_source_of_another_length_than_announced_is_an_error, |bench| {
    for (announced, seen) in [(20, "11 from the source"), (4, "more from the source")] {
        let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, ok("next")]]);
        // Nothing else would ever end the wait.
        let session = bench.session_within(Timeout::NONE);
        let request = peer.post("/").body(Body::sized_reader(Cursor::new("hello world"), announced));
        let error = failure(&session, request).await;
        assert_eq!((error.kind(), error.seen_text()), (Kind::InvalidBody, Some(seen)), "{error}");
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
        bench.until(|| peer.log.client_closed(0)).await;
    }
});

behaviour!(a_source_that_fails_is_an_error, |bench| {
    struct Broken;
    impl Source for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, ok("next")]]);
    let session = bench.session_within(Timeout::NONE);
    let error = failure(&session, peer.post("/").body(Body::source(Broken, None))).await;
    assert_eq!(error.kind(), Kind::InvalidBody);
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
});

behaviour!(a_body_is_sent_once_at_a_time, |bench| {
    let body = Body::reader(Cursor::new("once"));
    let peer = bench.peer_for_all([Step::Expect, ok(""), Step::Again]);
    let session = bench.session_within(Timeout::NONE);
    fetch(&session, peer.post("/").body(body.clone())).await.unwrap();
    let error = failure(&session, peer.post("/").body(body)).await;
    assert_eq!(error.kind(), Kind::UnrewindableBody, "{error}");
    assert_eq!(peer.log.requests().len(), 1);
});

behaviour!(an_early_refusal_is_the_answer_though_nobody_reads, |bench| {
    let refusal = response("413 Content Too Large", "", "too large");
    let informed = Step::send("HTTP/1.1 100 Continue\r\n\r\n");
    for body in [Body::from(vec![b'x'; 64 << 20]), Body::reader(io::repeat(b'x'))] {
        // Late enough for the client to be waiting for room.
        let script = [
            Step::ExpectHead,
            informed.clone(),
            Step::Sleep(SHORT * 3),
            refusal.clone(),
            Step::Sleep(FOR_EVER),
        ];
        let peer = bench.peer(script);
        let session = bench.session_within(Timeout::NONE);
        let start = bench.now();
        let answer = fetch(&session, peer.post("/").body(body)).await.unwrap();
        assert_eq!((answer.status, answer.text()), (413, "too large"));
        bench.assert_took(start, SHORT * 3);
        assert_eq!(session.engine().idle(), 0);
    }
});

behaviour!(an_early_refusal_is_the_answer_though_the_connection_breaks, |bench| {
    let refusal = response("413 Content Too Large", "", "too large");
    let peer = bench.peer([Step::ExpectHead, refusal, Step::Sleep(SHORT), Step::Reset]);
    let request = peer.post("/").body(Body::from(vec![b'x'; 64 << 20]));
    assert_eq!(fetch(&bench.session_within(Timeout::NONE), request).await.unwrap().status, 413);
});

behaviour!(a_peer_that_only_talks_does_not_put_the_write_time_out_off, |bench| {
    let head = format!("HTTP/1.1 200 OK\r\nX-Talk: {}", "x".repeat(200));
    let talk = Step::Drip(head.into(), SHORT / 3);
    let peer = bench.peer([Step::ExpectHead, talk, Step::Sleep(FOR_EVER)]);
    let session = bench.session_within(Timeout { write: Some(SHORT), ..Timeout::NONE });
    let start = bench.now();
    let error = failure(&session, peer.post("/").body(Body::from(vec![b'x'; 64 << 20]))).await;
    assert_eq!(error.kind(), Kind::WriteTimeout, "{error}");
    bench.assert_took(start, SHORT);
    assert!(start.elapsed() < SHORT * 30, "{:?}", start.elapsed());
});

behaviour!(an_early_answer_that_is_no_refusal_does_not_stop_the_upload, |bench| {
    let peer = bench.peer([Step::ExpectHead, ok("early"), Step::Hold]);
    let request = peer.post("/").body(vec![b'x'; 3_000_000]);
    assert_eq!(fetch(&bench.session(), request).await.unwrap().text(), "early");
    bench.until(|| peer.log.bytes(0).len() > 3_000_000).await;
});

behaviour!(the_pieces_of_an_iterator_are_sent_in_chunks_or_as_long_as_they_were_said_to_be, |bench| {
    let pieces = || ["one ", "", "two"].into_iter().map(String::from);
    let peer = bench.peer([Step::Expect, ok(""), Step::Expect, ok("")]);
    let session = bench.session();
    fetch(&session, peer.post("/").body(Body::chunks(pieces()))).await.unwrap();
    fetch(&session, peer.post("/").body(Body::chunks(pieces()).sized(7))).await.unwrap();
    let requests = peer.log.requests();
    assert!(requests.iter().all(|request| request.body == b"one two"));
    assert_eq!(requests[0].header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(requests[1].header("Content-Length"), Some("7"));
});

behaviour!(an_iterator_that_fails_leaves_no_complete_request, |bench| {
    let pieces = || vec![Ok("begun"), Err(io::Error::other("the rest is gone"))];
    for body in [Body::try_chunks(pieces()), Body::try_chunks(pieces()).sized(9)] {
        let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, ok("next")]]);
        let session = bench.session_within(Timeout::NONE);
        let error = failure(&session, peer.post("/").body(body)).await;
        assert!(error.kind() == Kind::InvalidBody && error.to_string().contains("the rest"), "{error}");
        bench.until(|| peer.log.client_closed(0)).await;
        assert!(!peer.log.bytes(0).ends_with(b"0\r\n\r\n"));
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
    }
});

#[cfg(unix)]
behaviour!(a_device_is_sent_in_chunks, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    fetch(&bench.session(), peer.post("/").file("/dev/null")).await.unwrap();
    assert_eq!(peer.log.requests()[0].header("Transfer-Encoding"), Some("chunked"));
});
