//! One request and its answer, as honest servers give it (RFC 9112 sections 6 and 7, RFC 9110 section 15.2).

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Body, Request};
use std::time::Duration;

behaviour!(a_get_is_answered, |bench| {
    let peer = bench.peer([Step::Expect, response("200 OK", "X-Test: 1\r\n", "hello")]);
    let answer = fetch(&bench.session(), peer.get("/path?a=b")).await.unwrap();
    assert_eq!((answer.status, answer.text(), answer.headers.get_str("x-test")), (200, "hello", Some("1")));
    let request = &peer.log.requests()[0];
    assert_eq!(request.line(), "GET /path?a=b");
    assert_eq!(request.header("Host"), Some(peer.address.to_string().as_str()));
    assert_eq!(request.header("Content-Length"), None);
});

behaviour!(a_post_carries_its_body_and_its_length, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    let form = [("name", "John"), ("job", "developer")];
    fetch(&bench.session(), peer.post("/post").form(form)).await.unwrap();
    let request = &peer.log.requests()[0];
    assert_eq!((request.line(), &request.body[..]), ("POST /post", &b"name=John&job=developer"[..]));
    assert_eq!(request.header("Content-Length"), Some("23"));
    assert_eq!(request.header("Content-Type"), Some("application/x-www-form-urlencoded"));
});

behaviour!(no_content_and_not_modified_have_no_body, |bench| {
    let empty = Step::send("HTTP/1.1 204 No Content\r\n\r\n");
    let unchanged = Step::send("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n");
    let peer = bench.peer([Step::Expect, empty, Step::Expect, unchanged, Step::Expect, ok("next")]);
    let session = bench.session();
    for (status, text) in [(204, ""), (304, ""), (200, "next")] {
        let answer = fetch(&session, peer.get("/")).await.unwrap();
        assert_eq!((answer.status, answer.text()), (status, text));
    }
});

behaviour!(a_chunked_body_and_its_trailers_are_read, |bench| {
    let chunks = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let peer = bench.peer([Step::Expect, Step::send(head.to_owned() + chunks), Step::Expect, ok("next")]);
    let session = bench.session();
    let answer = fetch(&session, peer.get("/")).await.unwrap();
    assert_eq!((answer.text(), answer.trailers.as_ref().unwrap().get_str("X-Sum")), ("abcde", Some("5")));
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
});

behaviour!(an_answer_in_single_bytes_is_the_same_answer, |bench| {
    let chunked = "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let sized = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello";
    for text in [chunked, sized] {
        let peer =
            bench.peer([Step::Expect, Step::Drip(text.into(), Duration::ZERO), Step::Expect, ok("next")]);
        let session = bench.session();
        let answer = fetch(&session, peer.get("/")).await.unwrap();
        assert_eq!((answer.text(), answer.headers.get_str("A")), ("hello", Some("b")));
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
    }
});

behaviour!(megabytes_arrive_whole_in_every_framing, |bench| {
    let body: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let chunks: Vec<u8> = body
        .chunks(70_000)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .chain(*b"0\r\n\r\n")
        .collect();
    let chunked = [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], &chunks].concat();
    let until_close = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &body].concat();
    for answer in [response("200 OK", "", &body), Step::Send(chunked), Step::Send(until_close)] {
        let peer = bench.peer([Step::Expect, answer]);
        let answer = fetch(&bench.session(), peer.get("/")).await.unwrap();
        assert!(answer.body == body, "{} bytes", answer.body.len());
    }
});

behaviour!(a_body_can_be_read_in_pieces_of_any_size, |bench| {
    let peer = bench.peer([Step::Expect, ok(&"0123456789".repeat(2_000))]);
    let mut response = bench.session().deliver(peer.get("/")).await.unwrap();
    let (mut body, mut size) = (Vec::new(), 1);
    loop {
        let mut piece = vec![0; size];
        let count = response.incoming().read(&mut piece).await.unwrap();
        body.extend_from_slice(&piece[..count]);
        size = size * 3 % 5_003 + 1;
        if count == 0 {
            break;
        }
    }
    assert_eq!(String::from_utf8(body).unwrap(), "0123456789".repeat(2_000));
});

behaviour!(a_megabyte_is_sent_whole, |bench| {
    let body = "0123456789".repeat(100_000);
    let peer = bench.peer([Step::Expect, ok("thanks")]);
    let request = peer.post("/").body(Body::from(body.clone()));
    assert_eq!(fetch(&bench.session(), request).await.unwrap().text(), "thanks");
    assert!(peer.log.requests()[0].body == body.as_bytes());
});

behaviour!(an_ipv6_less_name_finds_its_address, |bench| {
    let peer = bench.peer([Step::Expect, ok("found")]);
    let url = format!("http://localhost:{}/", peer.address.port());
    assert_eq!(fetch(&bench.session(), Request::get(url)).await.unwrap().text(), "found");
});
