//! Forms with files (RFC 7578): what arrives, how it is framed, and when it can be sent again.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Body, Form, Kind, Part};
use std::io::{self, Cursor, Read};

/// What stands between the parts, out of the request's Content-Type.
fn boundary(peer: &Peer) -> String {
    let requests = peer.log.requests();
    let media_type = requests[0].header("Content-Type").unwrap();
    media_type.strip_prefix("multipart/form-data; boundary=").unwrap().to_owned()
}

behaviour!(a_form_of_text_bytes_and_a_file_arrives_whole, |bench| {
    let file = tempfile("from a file");
    let peer = bench.peer([Step::Expect, ok("")]);
    let bytes = Part::new(b"\x00\r\n--".to_vec()).file_name("a\"b.bin").header("X-Part", "1");
    let form = Form::new().text("name", "Jos\u{e9}").part("bytes", bytes).file("file", file.path());
    fetch(&bench.session(), peer.post("/").multipart(form)).await.unwrap();
    let (request, b) = (&peer.log.requests()[0], boundary(&peer));
    let file_name = file.path().file_name().unwrap().to_str().unwrap();
    let expected = format!(
        "--{b}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nJos\u{e9}\r\n\
         --{b}\r\nContent-Disposition: form-data; name=\"bytes\"; filename=\"a%22b.bin\"\r\nX-Part: 1\r\n\r\n\
         \0\r\n--\r\n\
         --{b}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\nfrom a file\r\n--{b}--\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&request.body), expected);
    assert_eq!(request.header("Content-Length"), Some(&*expected.len().to_string()));
});

behaviour!(a_form_without_parts_is_only_its_end, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    fetch(&bench.session(), peer.post("/").multipart(Form::new())).await.unwrap();
    assert_eq!(peer.log.requests()[0].body, format!("--{}--\r\n", boundary(&peer)).into_bytes());
});

behaviour!(a_part_of_unknown_length_makes_the_form_go_in_chunks, |bench| {
    let sized = Part::new(Body::sized_reader(Cursor::new("known"), 5));
    let unknown = Part::new(Body::reader(io::repeat(b'x').take(300_000)));
    for (form, chunked) in
        [(Form::new().part("a", sized), None), (Form::new().part("a", unknown), Some("chunked"))]
    {
        let peer = bench.peer([Step::Expect, ok("")]);
        fetch(&bench.session(), peer.post("/").multipart(form)).await.unwrap();
        let request = &peer.log.requests()[0];
        assert_eq!(request.header("Transfer-Encoding"), chunked);
        assert_eq!(request.header("Content-Length").is_none(), chunked.is_some());
        assert!(request.body.ends_with(format!("\r\n--{}--\r\n", boundary(&peer)).as_bytes()));
    }
});

behaviour!(a_form_is_sent_again_where_all_its_parts_can_be, |bench| {
    let file = tempfile("from a file");
    let away = || response("307 Temporary Redirect", "Location: /there\r\n", "");
    let peer = bench.peer([Step::Expect, away(), Step::Expect, ok("")]);
    let form = Form::new().text("a", "1").file("b", file.path());
    fetch(&bench.session(), peer.post("/").multipart(form)).await.unwrap();
    let requests = peer.log.requests();
    assert!(requests.len() == 2 && requests[0].body == requests[1].body && !requests[0].body.is_empty());

    let peer = bench.peer([Step::Expect, away(), Step::Expect, ok("")]);
    let form = Form::new().text("a", "1").part("b", Part::new(Body::reader(Cursor::new("once"))));
    let error = failure(&bench.session(), peer.post("/").multipart(form)).await;
    assert_eq!((error.kind(), peer.log.requests().len()), (Kind::UnrewindableBody, 1), "{error}");
});

behaviour!(a_mistake_in_a_form_comes_back_before_anything_is_sent, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    let missing = Form::new().file("a", "/no/such/file").text("b", "1");
    refused(bench, &peer, peer.post("/").multipart(missing), Kind::InvalidBody).await;
    let header = Form::new().part("a", Part::new("x").media_type("text/plain\r\nX: 1"));
    refused(bench, &peer, peer.post("/").multipart(header), Kind::InvalidHeader).await;
    let twice = Form::new().part("a", Part::new("x").header("Content-Disposition", "form-data"));
    refused(bench, &peer, peer.post("/").multipart(twice), Kind::InvalidHeader).await;
});

behaviour!(a_part_of_another_length_than_it_said_breaks_the_form_off, |bench| {
    for (announced, seen) in [(3, "a part of 3 bytes"), (30, "a part of 30 bytes")] {
        let peer = bench.peer([Step::Expect]);
        let part = Part::new(Body::sized_reader(Cursor::new("eleven byte"), announced));
        let error = failure(&bench.session(), peer.post("/").multipart(Form::new().part("a", part))).await;
        assert_eq!(error.kind(), Kind::InvalidBody);
        assert!(error.to_string().contains(seen), "{error}");
        bench.until(|| peer.log.client_closed(0)).await;
        assert_eq!(peer.log.requests().len(), 0);
    }
});

behaviour!(what_is_appended_to_a_file_after_it_was_opened_is_not_sent, |bench| {
    let file = tempfile("first");
    let form = Form::new().file("a", file.path());
    std::fs::write(file.path(), "first and more").unwrap();
    let peer = bench.peer([Step::Expect, ok("")]);
    fetch(&bench.session(), peer.post("/").multipart(form)).await.unwrap();
    let body = String::from_utf8(peer.log.requests()[0].body.clone()).unwrap();
    assert!(body.contains("\r\n\r\nfirst\r\n--"), "{body}");
});
