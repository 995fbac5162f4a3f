//! Redirects as the engine follows them (RFC 9110 section 15.4); the rules themselves are proved in core.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Body, Config, Error, Kind, RedirectRules, Request};
use std::io::Cursor;
use std::sync::{Arc, Mutex};

fn redirect(status: u16, location: &str) -> Step {
    response(&format!("{status} Elsewhere"), &format!("Location: {location}\r\n"), "moved")
}

behaviour!(some_redirects_make_a_post_a_get_without_body, |bench| {
    for (status, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let peer = bench.peer([Step::Expect, redirect(status, "/there"), Step::Expect, ok("arrived")]);
        let request = peer.post("/here").form([("name", "John")]);
        let answer = fetch(&bench.session(), request).await.unwrap();
        assert_eq!((answer.text(), &answer.url), ("arrived", &peer.url("/there")));
        let second = &peer.log.requests()[1];
        assert_eq!(second.line(), format!("{method} /there"), "{status}");
        let kept = method == "POST";
        assert_eq!(second.body, if kept { &b"name=John"[..] } else { b"" }, "{status}");
        assert_eq!(second.header("Content-Type").is_some(), kept, "{status}");
        assert_eq!(second.header("Content-Length").is_some(), kept, "{status}");
    }
});

behaviour!(other_methods_stay_as_they_are, |bench| {
    for (status, method, then) in [(301, "PUT", "PUT"), (302, "HEAD", "HEAD"), (303, "PUT", "GET")] {
        let elsewhere =
            Step::send(format!("HTTP/1.1 {status} -\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"));
        let arrived = Step::send("HTTP/1.1 204 No Content\r\n\r\n");
        let peer = bench.peer([Step::Expect, elsewhere, Step::Expect, arrived]);
        fetch(&bench.session(), Request::new(method, peer.url("/a"))).await.unwrap();
        assert_eq!(peer.lines()[1], format!("{then} /b"), "{status}");
    }
});

behaviour!(a_relative_location_is_resolved, |bench| {
    for (location, target) in [("next", "/a/next"), ("../up?x", "/up?x"), ("?y", "/a/b?y"), ("//", "")] {
        let peer = bench.peer([Step::Expect, redirect(302, location), Step::Expect, ok("")]);
        let outcome = fetch(&bench.session(), peer.get("/a/b")).await;
        match target {
            "" => assert_eq!(outcome.err().unwrap().kind(), Kind::InvalidRedirect),
            target => assert_eq!(outcome.unwrap().url, peer.url(target)),
        }
    }
});

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

behaviour!(the_way_is_kept_in_the_history, |bench| {
    let peer = bench.peer([
        Step::Expect,
        redirect(301, "/b"),
        Step::Expect,
        redirect(302, "/c"),
        Step::Expect,
        ok(""),
    ]);
    let answer = fetch(&bench.session(), peer.get("/a#part")).await.unwrap();
    assert_eq!(answer.history, [(301, peer.url("/a#part")), (302, peer.url("/b#part"))]);
    assert_eq!(answer.url, peer.url("/c#part"));
    assert_eq!(peer.log.requests_by_connection(), [3]);
});

behaviour!(credentials_do_not_follow_to_another_origin, |bench| {
    let other = bench.peer([Step::Expect, ok("")]);
    let peer =
        bench.peer([Step::Expect, redirect(302, "/same"), Step::Expect, redirect(302, &other.url("/other"))]);
    let request = peer.get("/").bearer_auth("secret").header("Cookie", "a=b").header("X-Kept", "yes");
    fetch(&bench.session(), request).await.unwrap();
    let same = &peer.log.requests()[1];
    assert_eq!((same.header("Authorization"), same.header("Cookie")), (Some("Bearer secret"), Some("a=b")));
    let elsewhere = &other.log.requests()[0];
    assert_eq!((elsewhere.header("Authorization"), elsewhere.header("Cookie")), (None, None));
    assert_eq!(elsewhere.header("X-Kept"), Some("yes"));
    assert_eq!(elsewhere.header("Host"), Some(other.address.to_string().as_str()));
});

behaviour!(a_loop_ends_at_the_limit, |bench| {
    let peer = bench.peer_for_all([Step::Expect, redirect(302, "/again"), Step::Again]);
    let rules = RedirectRules { limit: 5, ..RedirectRules::modern() };
    let session = bench.session_with(Config::new().redirects(rules));
    let error = failure(&session, peer.get("/")).await;
    assert_eq!(error.kind(), Kind::TooManyRedirects, "{error}");
    assert_eq!(peer.log.requests().len(), 6);
});

behaviour!(a_redirect_that_is_not_to_be_followed_is_the_answer, |bench| {
    let no_target = response("302 Found", "", "no target");
    let peer = bench.peers([vec![Step::Expect, redirect(302, "/next")], vec![Step::Expect, no_target]]);
    let rules = RedirectRules { follow: false, ..RedirectRules::modern() };
    let request = peer.get("/").configure(|config| config.redirects(rules));
    let session = bench.session();
    assert_eq!(fetch(&session, request).await.unwrap().text(), "moved");
    bench.until(|| peer.log.steps_played(0) == 2).await;
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "no target");
});

behaviour!(a_target_that_cannot_be_followed_is_an_error, |bench| {
    for location in ["ftp://example.org/", "http://", "http://a b/", "javascript:alert(1)", "http://h:99999/"]
    {
        let peer = bench.peer([Step::Expect, redirect(302, location), Step::Hold]);
        let session = bench.session();
        let error = failure(&session, peer.get("/")).await;
        assert_eq!(error.kind(), Kind::InvalidRedirect, "{location}: {error}");
        assert_eq!(error.url(), Some(peer.url("/").as_str()));
        assert_eq!(peer.log.connections(), 1);
    }
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
