//! Cookies between the requests of one session (RFC 6265); the rules themselves are proved in core.

use crate::support::*;
use entreat::net::scripted::{ReceivedRequest, Step};
use entreat::{Config, Request};

fn set(cookies: &[&str]) -> Step {
    let fields: String = cookies.iter().map(|cookie| format!("Set-Cookie: {cookie}\r\n")).collect();
    response("200 OK", &fields, "")
}

fn cookie(request: &ReceivedRequest) -> Option<&str> {
    request.header("Cookie")
}

behaviour!(a_cookie_comes_back_to_who_set_it, |bench| {
    let peer = bench.peer([
        Step::Expect,
        set(&["a=1", "b=2; Path=/deep"]),
        Step::Expect,
        ok(""),
        Step::Expect,
        ok(""),
    ]);
    let session = bench.session();
    for path in ["/", "/", "/deep/er"] {
        fetch(&session, peer.get(path)).await.unwrap();
    }
    let requests = peer.log.requests();
    let sent: Vec<_> = requests.iter().map(cookie).collect();
    assert_eq!(sent, [None, Some("a=1"), Some("b=2; a=1")]);
});

behaviour!(a_cookie_set_by_a_redirect_is_sent_to_its_target, |bench| {
    let elsewhere = response("302 Found", "Location: /next\r\nSet-Cookie: a=1\r\n", "");
    let peer = bench.peer([Step::Expect, elsewhere, Step::Expect, ok("")]);
    fetch(&bench.session(), peer.get("/")).await.unwrap();
    assert_eq!(cookie(&peer.log.requests()[1]), Some("a=1"));
});

behaviour!(a_cookie_stays_with_its_host_and_for_its_time, |bench| {
    let cookies = ["a=1", "foreign=2; Domain=example.org", "gone=3; Max-Age=0"];
    let peer = bench.peer_for_all([Step::Expect, set(&cookies), Step::Expect, ok(""), Step::Again]);
    let session = bench.session();
    let by_name = format!("http://localhost:{}/", peer.address.port());
    for request in [peer.get("/"), peer.get("/"), Request::get(by_name)] {
        fetch(&session, request).await.unwrap();
    }
    let requests = peer.log.requests();
    let sent: Vec<_> = requests.iter().map(cookie).collect();
    assert_eq!(sent, [None, Some("a=1"), None]);
});

behaviour!(a_cookie_header_of_the_callers_own_goes_before_the_jar, |bench| {
    let peer = bench.peer([Step::Expect, set(&["a=1"]), Step::Expect, ok("")]);
    let session = bench.session();
    fetch(&session, peer.get("/")).await.unwrap();
    fetch(&session, peer.get("/").header("Cookie", "mine=1")).await.unwrap();
    assert_eq!(cookie(&peer.log.requests()[1]), Some("mine=1"));
});

behaviour!(without_cookies_none_are_kept, |bench| {
    let peer = bench.peer([Step::Expect, set(&["a=1"]), Step::Expect, ok("")]);
    let session = bench.session_with(Config::new().cookies(false));
    for _ in 0..2 {
        fetch(&session, peer.get("/")).await.unwrap();
    }
    assert_eq!(cookie(&peer.log.requests()[1]), None);
});
