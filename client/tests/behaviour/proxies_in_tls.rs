//! TLS through tunnels, and inside of the TLS with a proxy.

use crate::support::*;
use entreat::net::scripted::{Scripts, Step};
use entreat::{Body, Config, Kind, Request, Roots, TlsRules};
use entreat_testkit::ca::{Authority, LOOPBACK};

const OPEN: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn trust(authority: &Authority) -> TlsRules {
    TlsRules { roots: Roots::Pem(authority.pem().as_bytes().into()), ..TlsRules::default() }
}

/// A relay over TLS or not, an authority that everybody has a certificate of, and the settings to go through it.
fn relay(tls: bool, answer: &'static str) -> (Relay, Authority, Config) {
    let authority = Authority::new();
    let relay = Relay::start(tls.then(|| authority.leaf(LOOPBACK).server(&["http/1.1"])), answer);
    let scheme = if tls { "https" } else { "http" };
    let proxy = format!("{scheme}://user:pass@localhost:{}", relay.address.port());
    let config = Config::new().tls(trust(&authority)).proxy(&proxy);
    (relay, authority, config)
}

behaviour!(https_goes_through_a_tunnel_and_the_origin_hears_nothing_of_it, tls, |bench| {
    for tls in [false, true] {
        let (relay, authority, config) = relay(tls, OPEN);
        let origin = bench
            .tls_peers(&authority.leaf(LOOPBACK), [vec![Step::Expect, ok("one"), Step::Expect, ok("two")]]);
        let session = bench.session_with(config);
        assert_eq!(fetch(&session, origin.https("/1")).await.unwrap().text(), "one");
        assert_eq!(fetch(&session, origin.https("/2")).await.unwrap().text(), "two");
        let heads = relay.heads();
        assert_eq!((heads.len(), origin.log.connections()), (1, 1));
        let port = origin.address.port();
        assert!(
            heads[0].starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n"))
        );
        assert!(heads[0].contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{}", heads[0]);
        assert_eq!(origin.lines(), ["GET /1", "GET /2"]);
        assert!(origin.log.requests().iter().all(|request| !request.head.contains("Proxy-")));
    }
});

behaviour!(a_proxy_authorization_of_the_caller_moves_to_the_connect, tls, |bench| {
    let (relay, authority, config) = relay(false, OPEN);
    let origin = bench.tls_peers(&authority.leaf(LOOPBACK), [vec![Step::Expect, ok("")]]);
    let request = origin.https("/").header("Proxy-Authorization", "Bearer own");
    fetch(&bench.session_with(config), request).await.unwrap();
    assert!(relay.heads()[0].contains("Proxy-Authorization: Bearer own\r\n"));
    assert_eq!(relay.heads()[0].matches("Proxy-Authorization").count(), 1);
    assert_eq!(origin.log.requests()[0].header("Proxy-Authorization"), None);
});

behaviour!(megabytes_go_both_ways_through_tls_in_tls, tls, |bench| {
    let (_relay, authority, config) = relay(true, OPEN);
    let body = "0123456789".repeat(300_000);
    let script = vec![Step::Expect, ok(&body), Step::Expect, ok("next")];
    let origin = bench.tls_peers(&authority.leaf(LOOPBACK), [script]);
    let session = bench.session_with(config);
    let request = Request::post(origin.https("/").url().unwrap().as_str()).body(Body::from(body.clone()));
    assert!(fetch(&session, request).await.unwrap().text() == body);
    assert!(origin.log.requests()[0].body == body.as_bytes());
    assert_eq!(fetch(&session, origin.https("/")).await.unwrap().text(), "next");
});

behaviour!(odd_answers_that_open_a_tunnel_open_it, tls, |bench| {
    for answer in [
        "HTTP/1.0 200\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    ] {
        let (_relay, authority, config) = relay(false, answer);
        let origin = bench.tls_peers(&authority.leaf(LOOPBACK), [vec![Step::Expect, ok("through")]]);
        assert_eq!(fetch(&bench.session_with(config), origin.https("/")).await.unwrap().text(), "through");
    }
});

behaviour!(a_proxy_over_tls_forwards_plain_requests, tls, |bench| {
    let authority = Authority::new();
    let script = vec![Step::Expect, Step::Echo, Step::Expect, Step::Echo];
    let proxy = bench.tls_peer_for(&authority.leaf(LOOPBACK), true, Scripts::Each(vec![script]));
    let url = format!("https://localhost:{}", proxy.address.port());
    let session = bench.session_with(Config::new().proxy(&url).proxy_tls(trust(&authority)));
    for url in ["http://a.test/1", "http://b.test/2"] {
        assert_eq!(fetch(&session, Request::get(url)).await.unwrap().text(), url);
    }
    assert_eq!(proxy.log.connections(), 1);
});

behaviour!(the_proxys_certificate_and_the_origins_are_judged_by_their_own_rules, tls, |bench| {
    let (relay, authority, config) = relay(true, OPEN);
    let stranger = Authority::new();
    let origin = || bench.tls_peers(&authority.leaf(LOOPBACK), [vec![Step::Expect, ok("")]]);
    let name = format!("https://localhost:{}", relay.address.port());
    let session = bench.session_with(config.clone().proxy_tls(trust(&stranger)));
    let error = failure(&session, origin().https("/")).await;
    assert_eq!((error.kind(), error.proxy()), (Kind::InvalidCertificate, Some(name.as_str())), "{error}");
    let session = bench.session_with(config.tls(trust(&stranger)).proxy_tls(trust(&authority)));
    let error = failure(&session, origin().https("/")).await;
    assert_eq!((error.kind(), error.proxy()), (Kind::InvalidCertificate, None), "{error}");
});

behaviour!(a_cut_inside_of_tls_in_tls_is_noticed, tls, |bench| {
    let (_relay, authority, config) = relay(true, OPEN);
    let script = vec![Step::Expect, Step::send("HTTP/1.1 200 OK\r\n\r\nall?")];
    let origin = bench.tls_peer_for(&authority.leaf(LOOPBACK), false, Scripts::Each(vec![script]));
    let error = failure(&bench.session_with(config), origin.https("/")).await;
    assert!(matches!(error.kind(), Kind::ClosedEarly | Kind::Io), "{error}");
});
