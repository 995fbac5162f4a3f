//! Asking before a body is sent, and what is heard before the answer (RFC 9110 sections 10.1.1 and 15.2).

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Body, Config, ExpectRules, Kind, Request, Timeout};
use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Asks before every body and waits long.
fn asking() -> Config {
    Config::new()
        .expect_continue(ExpectRules { wait: FOR_EVER, ..ExpectRules::from(0) })
        .timeout(Timeout::NONE)
}

fn go_on() -> Step {
    Step::send("HTTP/1.1 100 Continue\r\n\r\n")
}

/// Bodies of both kinds: in memory, small and large, and from a reader.
fn bodies() -> [Body; 3] {
    [Body::from("wanted"), Body::from(vec![b'x'; 300_000]), Body::reader(Cursor::new("wanted"))]
}

/// What a connection received behind the first head.
fn behind_the_head(peer: &Peer, connection: usize) -> Vec<u8> {
    let bytes = peer.log.bytes(connection);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    bytes[end..].to_vec()
}

behaviour!(a_body_waits_until_it_is_asked_for, |bench| {
    for body in bodies() {
        let script = [Step::ExpectHead, Step::Sleep(SHORT), go_on(), Step::ExpectBody, ok("thanks")];
        let peer = bench.peer([&script[..], &[Step::Expect, ok("next")]].concat());
        let (session, start) = (bench.session_with(asking()), bench.now());
        assert_eq!(fetch(&session, peer.post("/").body(body)).await.unwrap().text(), "thanks");
        bench.assert_took(start, SHORT);
        let request = &peer.log.requests()[0];
        assert_eq!(request.header("Expect"), Some("100-continue"));
        assert!(request.body == b"wanted" || request.body == vec![b'x'; 300_000]);
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
    }
});

behaviour!(an_answer_in_place_of_100_costs_no_upload, |bench| {
    for body in bodies() {
        let refusal = response("401 Unauthorized", "", "who are you?");
        let peer = bench.peers([vec![Step::ExpectHead, refusal, Step::Hold], vec![Step::Expect, ok("next")]]);
        let session = bench.session_with(asking());
        let answer = fetch(&session, peer.post("/").body(body)).await.unwrap();
        assert_eq!((answer.status, answer.text()), (401, "who are you?"));
        // The body was announced, so what comes next on this connection would be taken for it.
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
        assert_eq!(behind_the_head(&peer, 0), b"");
    }
});

behaviour!(a_server_that_does_not_answer_the_question_gets_the_body_after_a_while, |bench| {
    let peer = bench.peer([Step::ExpectHead, Step::ExpectBody, ok("thanks")]);
    let rules = ExpectRules { wait: SHORT, ..ExpectRules::from(0) };
    let (session, start) = (bench.session_with(Config::new().expect_continue(rules)), bench.now());
    fetch(&session, peer.post("/").body("unasked")).await.unwrap();
    bench.assert_took(start, SHORT);
    assert_eq!(peer.log.requests()[0].body, b"unasked");
});

behaviour!(a_server_that_does_not_know_the_question_is_not_asked_again, |bench| {
    for (config, field) in [(asking(), None), (Config::new(), Some("100-continue"))] {
        let peer = bench.peers([
            vec![Step::ExpectHead, response("417 Expectation Failed", "", "what?")],
            vec![Step::Expect, ok("thanks")],
        ]);
        let mut request = peer.post("/").body(Body::reader(Cursor::new("once")));
        if let Some(field) = field {
            request = request.header("Expect", field);
        }
        let answer = fetch(&bench.session_with(config), request).await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, "thanks"));
        let requests = peer.log.requests();
        assert_eq!((requests[1].header("Expect"), &requests[1].body[..]), (None, &b"once"[..]));
    }
});

behaviour!(a_417_that_comes_twice_is_the_answer, |bench| {
    let failed = response("417 Expectation Failed", "", "no");
    let peer = bench.peers([vec![Step::ExpectHead, failed.clone()], vec![Step::Expect, failed]]);
    assert_eq!(fetch(&bench.session_with(asking()), peer.post("/").body("x")).await.unwrap().status, 417);
    assert_eq!(peer.log.connections(), 2);
});

behaviour!(who_sets_the_field_waits_as_well, |bench| {
    let peer = bench.peer([Step::ExpectHead, response("403 Forbidden", "", ""), Step::Hold]);
    let request = peer.post("/").header("expect", "100-Continue").body("unwanted");
    assert_eq!(fetch(&bench.session(), request).await.unwrap().status, 403);
    assert_eq!(behind_the_head(&peer, 0), b"");
});

behaviour!(small_bodies_and_none_are_not_asked_before, |bench| {
    let peer = bench.peer_for_all([Step::Expect, ok(""), Step::Again]);
    let session = bench.session_with(Config::new().expect_continue(ExpectRules::from(10)));
    let start = bench.now();
    for request in [peer.get("/"), peer.post("/"), peer.post("/").body("123456789")] {
        fetch(&session, request).await.unwrap();
    }
    assert!(peer.log.requests().iter().all(|request| request.header("Expect").is_none()));
    bench.assert_took(start, Duration::ZERO);
});

behaviour!(a_server_that_leaves_instead_of_answering_is_an_error, |bench| {
    let peer = bench.peer([Step::ExpectHead]);
    let error = failure(&bench.session_with(asking()), peer.post("/").body("x")).await;
    assert_eq!(error.kind(), Kind::ClosedWithoutResponse, "{error}");
});

behaviour!(the_total_bounds_the_wait_for_permission, |bench| {
    let peer = bench.peer([Step::ExpectHead, Step::Sleep(FOR_EVER)]);
    let timeout = Timeout { total: Some(SHORT), ..Timeout::NONE };
    let (session, start) = (bench.session_with(asking().timeout(timeout)), bench.now());
    let error = failure(&session, peer.post("/").body("x")).await;
    assert_eq!(error.kind(), Kind::TotalTimeout, "{error}");
    bench.assert_took(start, SHORT);
});

behaviour!(informational_answers_are_told_of_in_order, |bench| {
    let hints = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let peer = bench.peer([Step::ExpectHead, Step::send(hints), go_on(), Step::ExpectBody, ok("answer")]);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&heard);
    let config = asking().on_informational(move |head| {
        noted.lock().unwrap().push((head.status, head.headers.get_str("Link").map(str::to_owned)));
    });
    let answer = fetch(&bench.session_with(config), peer.post("/").body("x")).await.unwrap();
    assert_eq!(answer.text(), "answer");
    assert_eq!(*heard.lock().unwrap(), [(102, None), (103, Some("</a.css>".to_owned())), (100, None)]);
});

behaviour!(a_switch_of_protocols_that_nobody_asked_for_is_an_error, |bench| {
    let switch = Step::send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nother bytes");
    let peer = bench.peer_for_all([Step::Expect, switch]);
    let error = failure(&bench.session(), peer.get("/")).await;
    assert_eq!(error.kind(), Kind::MalformedResponse, "{error}");
    let asked = Request::get(peer.url("/")).header("Connection", "upgrade").header("Upgrade", "x");
    assert_eq!(fetch(&bench.session(), asked).await.unwrap().status, 101);
});
