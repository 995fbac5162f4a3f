//! One request and its answer, as honest servers give it.

use crate::support::*;
use entreat::Request;
use entreat::net::scripted::Step;

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
