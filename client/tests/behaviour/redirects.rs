//! Redirects as the engine follows them (RFC 9110 section 15.4); the rules themselves are proved in core.

use crate::support::*;
use entreat::net::blocking::block;
use entreat::net::scripted::Step;
use entreat::{Body, Config, Error, Kind};
use std::io::Cursor;
use std::sync::{Arc, Mutex};

fn redirect(status: u16, location: &str) -> Step {
    response(&format!("{status} Elsewhere"), &format!("Location: {location}\r\n"), "moved")
}

behaviour!(whoever_is_asked_may_refuse_a_redirect, |bench| {
    let peer =
        bench.peer([Step::Expect, redirect(301, "/b"), Step::Expect, redirect(302, "/c"), Step::Expect]);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let config = Config::new().on_redirect(move |next| {
        seen.lock().unwrap().push(format!("{} {} {}", next.head.status, next.method, next.to.path()));
        match next.from.path() {
            "/b" => Err(Error::new(Kind::InvalidRedirect).seen("refused")),
            _ => Ok(()),
        }
    });
    let error = failure(&bench.session_with(config), peer.post("/a").body("x")).await;
    assert_eq!((error.kind(), error.url()), (Kind::InvalidRedirect, Some(&*peer.url("/b"))));
    assert_eq!(*asked.lock().unwrap(), ["301 GET /b", "302 GET /c"]);
    assert_eq!(peer.lines(), ["POST /a", "GET /b"]);
});

behaviour!(whoever_is_asked_about_a_redirect_may_be_waited_for, suspending, |bench| {
    let peer =
        bench.peer([Step::Expect, redirect(301, "/b"), Step::Expect, redirect(301, "/c"), Step::Expect]);
    let config = Config::new().on_redirect_async(|next| {
        let refuses = next.from.path() == "/b";
        async move {
            suspend_once().await;
            if refuses { Err(Error::new(Kind::InvalidRedirect)) } else { Ok(()) }
        }
    });
    let error = failure(&bench.session_with(config), peer.get("/a")).await;
    assert_eq!((error.kind(), error.url()), (Kind::InvalidRedirect, Some(&*peer.url("/b"))));
});

#[test]
fn a_blocking_client_cannot_wait_for_whoever_is_asked() {
    let bench = BlockingBench::default();
    let peer = bench.peer([Step::Expect, redirect(301, "/b")]);
    let config = Config::new().on_redirect_async(|_| async {
        suspend_once().await;
        Ok(())
    });
    let error = block(bench.session_with(config).deliver(peer.get("/a"))).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidConfig, "{error}");
}

behaviour!(what_was_sent_can_be_looked_at_hop_by_hop, |bench| {
    let moved = response("302 Found", "Location: /b\r\nSet-Cookie: a=b\r\n", "");
    let peer = bench.peer([Step::Expect, moved, Step::Expect, ok("")]);
    let answer = bench.session().deliver(peer.post("/a").body("body")).await.unwrap();
    let first = &answer.history()[0];
    assert_eq!((first.request_method(), answer.request_method()), ("POST", "GET"));
    assert_eq!(first.request_headers().get_str("Content-Length"), Some("4"));
    assert_eq!(answer.request_headers().get_str("Cookie"), Some("a=b"));
    assert!(first.elapsed() <= answer.elapsed() && first.timings().connect.is_some());
});

behaviour!(a_body_follows_where_it_can_be_sent_again, |bench| {
    let file = tempfile("from a file");
    let once = Body::reader(Cursor::new("once"));
    for (body, again) in [(Body::path(file.path()).unwrap(), true), (once, false)] {
        let peer = bench.peer([Step::Expect, redirect(307, "/b"), Step::Expect, ok("")]);
        let outcome = fetch(&bench.session(), peer.post("/a").body(body)).await;
        if again {
            assert_eq!(peer.log.requests()[1].body, b"from a file");
        } else {
            assert_eq!(outcome.err().unwrap().kind(), Kind::UnrewindableBody);
        }
        assert_eq!(peer.log.requests().len(), if again { 2 } else { 1 });
    }
});

behaviour!(the_large_body_of_a_redirect_is_not_read, |bench| {
    let long = response("302 Found", "Location: /next\r\n", vec![b'x'; 10 << 20]);
    let peer = bench.peers([vec![Step::Expect, long], vec![Step::Expect, ok("next")]]);
    assert_eq!(fetch(&bench.session(), peer.get("/")).await.unwrap().text(), "next");
    assert_eq!(peer.log.requests_by_connection(), [1, 1]);
});

#[test]
fn the_wait_for_the_rest_of_a_redirect_can_be_interrupted() {
    let bench = BlockingBench::default();
    let half = Step::send("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 9\r\n\r\nhalf");
    let peer = bench.peer_for_all([Step::Expect, half, Step::Hold]);
    let net = entreat::net::blocking::Blocking { interrupt: Some(|| true) };
    let session = entreat::session::Session::new(net, Config::new()).unwrap();
    let error = entreat::net::blocking::block(session.deliver(peer.get("/"))).unwrap_err();
    assert_eq!((error.kind(), peer.log.connections()), (Kind::Interrupted, 1));
}
