//! Hosts that want TLS (RFC 6797); which fields are believed is proved in core.

use crate::support::*;
use entreat::net::scripted::{Scripts, Step};
use entreat::{Config, Kind, Request, Roots, TlsRules};
use entreat_testkit::ca::{Authority, LOOPBACK};

fn trusting(authority: &Authority) -> Config {
    let roots = Roots::Pem(authority.pem().as_bytes().into());
    Config::new().tls(TlsRules { roots, ..TlsRules::default() })
}

fn wants_tls(max_age: u32) -> Step {
    let field = format!("Strict-Transport-Security: max-age={max_age}\r\n");
    response("200 OK", &field, "over TLS")
}

fn plain(peer: &Peer, host: &str) -> Request {
    Request::get(format!("http://{host}:{}/plain", peer.address.port()))
}

behaviour!(a_host_that_wants_tls_gets_it_from_then_on, tls, |bench| {
    let authority = Authority::new();
    let script = vec![Step::Expect, wants_tls(1000), Step::Again];
    let peer = bench.tls_peer_for(&authority.leaf(LOOPBACK), true, Scripts::All(script));
    let session = bench.session_with(trusting(&authority));
    fetch(&session, peer.https("/")).await.unwrap();
    let answer = fetch(&session, plain(&peer, "localhost")).await.unwrap();
    assert_eq!(answer.text(), "over TLS");
    assert_eq!(answer.url, format!("https://localhost:{}/plain", peer.address.port()));
});

behaviour!(a_redirect_to_such_a_host_is_over_tls_as_well, tls, |bench| {
    let authority = Authority::new();
    let script = vec![Step::Expect, wants_tls(1000), Step::Again];
    let peer = bench.tls_peer_for(&authority.leaf(LOOPBACK), true, Scripts::All(script));
    let location = format!("Location: http://localhost:{}/\r\n", peer.address.port());
    let from = bench.peer([Step::Expect, response("302 Found", &location, "")]);
    let session = bench.session_with(trusting(&authority));
    fetch(&session, peer.https("/")).await.unwrap();
    assert_eq!(fetch(&session, from.get("/")).await.unwrap().text(), "over TLS");
});

behaviour!(nobody_is_upgraded_who_forgets_it_or_where_it_is_switched_off, tls, |bench| {
    let authority = Authority::new();
    for (max_age, hsts) in [(0, true), (1000, false)] {
        let script = vec![Step::Expect, wants_tls(1000), Step::Expect, wants_tls(max_age), Step::Hold];
        let peer = bench.tls_peer_for(&authority.leaf(LOOPBACK), true, Scripts::All(script));
        let session = bench.session_with(trusting(&authority).hsts(hsts));
        fetch(&session, peer.https("/")).await.unwrap();
        fetch(&session, peer.https("/")).await.unwrap();
        // The peer speaks nothing but TLS, so that a plain request fails.
        let kind = failure(&session, plain(&peer, "localhost")).await.kind();
        assert!(matches!(kind, Kind::MalformedResponse | Kind::ClosedWithoutResponse | Kind::Io), "{kind:?}");
    }
});

behaviour!(what_is_said_without_tls_is_not_believed, |bench| {
    let peer = bench.peer_for_all([Step::Expect, wants_tls(1000), Step::Again]);
    let session = bench.session();
    for _ in 0..2 {
        let answer = fetch(&session, plain(&peer, "localhost")).await.unwrap();
        assert!(answer.url.starts_with("http://"), "{}", answer.url);
    }
});
