//! Whom the client trusts, and TLS connections that end, stall or idle (RFC 8446, RFC 9112 section 9.8).

use crate::support::*;
use entreat::net::scripted::{Scripts, Step};
use entreat::session::Session;
use entreat::{Body, Config, Kind, Request, Roots, Timeout, TlsRules};
use entreat_testkit::ca::{Authority, LOOPBACK};
use std::time::Duration;

fn trusting(authority: &Authority) -> Config {
    Config::new()
        .tls(TlsRules { roots: Roots::Pem(authority.pem().as_bytes().into()), ..TlsRules::default() })
}

fn accepting_any(config: Config) -> Config {
    config.tls(TlsRules { accept_any_certificate: true, ..TlsRules::default() })
}

behaviour!(many_requests_go_over_one_tls_connection, tls, |bench| {
    let origin = entreat_testkit::origin::spawn();
    let roots = Roots::Pem(origin.ca_pem.as_bytes().into());
    let session = bench.session_with(Config::new().tls(TlsRules { roots, ..TlsRules::default() }));
    for _ in 0..5 {
        let answer = fetch(&session, Request::get(origin.https_url("/bytes/40000"))).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, 40_000));
        // Tickets have arrived by now, and do not count as unasked bytes.
        bench.pause(Duration::from_millis(10)).await;
    }
    assert_eq!(origin.connections(), 1);
});

behaviour!(a_file_may_hold_the_authority, tls, |bench| {
    let authority = Authority::new();
    let file = tempfile(authority.pem());
    let rules = TlsRules { roots: Roots::Path(file.path().to_owned()), ..TlsRules::default() };
    let peer = bench.tls_peers(&authority.leaf(LOOPBACK), [vec![Step::Expect, ok("trusted")]]);
    let session = bench.session_with(Config::new().tls(rules));
    assert_eq!(fetch(&session, peer.https("/")).await.unwrap().text(), "trusted");
});

behaviour!(a_file_that_holds_no_authority_is_refused_before_connecting, tls, |bench| {
    let authority = Authority::new();
    let peer = bench.tls_peers(&authority.leaf(LOOPBACK), [vec![]]);
    let empty = tempfile("no certificate");
    for path in [empty.path(), "/nonexistent/ca.pem".as_ref()] {
        let rules = TlsRules { roots: Roots::Path(path.to_owned()), ..TlsRules::default() };
        let error = failure(&bench.session_with(Config::new().tls(rules)), peer.https("/")).await;
        assert_eq!(error.kind(), Kind::InvalidConfig, "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    assert_eq!(peer.log.connections(), 0);
});

behaviour!(a_certificate_that_does_not_fit_is_refused_with_a_hint, tls, |bench| {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let cases = [
        (stranger.leaf(LOOPBACK), "no trusted root"),
        (authority.leaf(&["example.org"]), "another host"),
        (authority.leaf_with(LOOPBACK, |params| params.not_after = params.not_before), "expired"),
    ];
    for (leaf, hint) in cases {
        let peer = bench.tls_peers(&leaf, [vec![Step::Expect, ok("")], vec![Step::Expect, ok("unsafe")]]);
        let session = bench.session_with(trusting(&authority));
        let error = failure(&session, peer.https("/")).await;
        assert_eq!(error.kind(), Kind::InvalidCertificate, "{error}");
        assert!(error.hint_text().unwrap().contains(hint) && error.is_connect(), "{error}");
        assert_eq!(peer.log.requests().len(), 0);
        let session = bench.session_with(accepting_any(Config::new()));
        assert_eq!(fetch(&session, peer.https("/")).await.unwrap().text(), "unsafe");
    }
});

behaviour!(a_connection_without_trust_serves_no_request_that_asks_for_it, tls, |bench| {
    let peer = bench.tls_peers(
        &Authority::new().leaf(LOOPBACK),
        [vec![Step::Expect, ok("unsafe"), Step::Hold], vec![Step::Expect, ok("")]],
    );
    let session = bench.session_with(trusting(&Authority::new()));
    let unsafe_request = peer.https("/").configure(accepting_any);
    assert_eq!(fetch(&session, unsafe_request).await.unwrap().text(), "unsafe");
    assert_eq!(failure(&session, peer.https("/")).await.kind(), Kind::InvalidCertificate);
});

/// A session that trusts one peer, which plays these scripts and closes with or without a good-bye.
fn trusted<B: TlsBench, const N: usize>(
    bench: &B,
    close_notify: bool,
    scripts: [Vec<Step>; N],
) -> (Session<B::Net>, Peer) {
    let authority = Authority::new();
    let scripts = Scripts::Each(scripts.into());
    let peer = bench.tls_peer_for(&authority.leaf(LOOPBACK), close_notify, scripts);
    (bench.session_with(trusting(&authority)), peer)
}

behaviour!(a_body_that_ends_with_the_connection_needs_a_good_bye, tls, |bench| {
    for (polite, kind) in [(true, None), (false, Some(Kind::ClosedEarly))] {
        let script = vec![Step::Expect, Step::send("HTTP/1.1 200 OK\r\n\r\nall?")];
        let (session, peer) = trusted(bench, polite, [script]);
        let outcome = fetch(&session, peer.https("/")).await;
        assert_eq!(outcome.as_ref().err().map(entreat::Error::kind), kind);
        assert_eq!(outcome.ok().map(|answer| answer.body), polite.then(|| b"all?".to_vec()));
    }
});

behaviour!(a_framed_body_needs_no_good_bye, tls, |bench| {
    let script = vec![Step::Expect, response("200 OK", "Connection: close\r\n", "whole")];
    let (session, peer) = trusted(bench, false, [script]);
    assert_eq!(fetch(&session, peer.https("/")).await.unwrap().text(), "whole");
    let script = vec![Step::Expect, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")];
    let (session, peer) = trusted(bench, false, [script]);
    let error = failure(&session, peer.https("/")).await;
    assert_eq!((error.kind(), error.expected_text()), (Kind::ClosedEarly, Some("a body of 9 bytes")));
});

behaviour!(a_stale_tls_connection_is_replayed, tls, |bench| {
    for polite in [true, false] {
        let stale = vec![Step::Expect, ok("first"), Step::Expect];
        let (session, peer) = trusted(bench, polite, [stale, vec![Step::Expect, ok("second")]]);
        fetch(&session, peer.https("/1")).await.unwrap();
        assert_eq!(fetch(&session, peer.https("/2")).await.unwrap().text(), "second", "{polite}");
    }
});

behaviour!(a_tls_connection_that_closed_while_idle_is_not_used, tls, |bench| {
    for polite in [true, false] {
        let (session, peer) =
            trusted(bench, polite, [vec![Step::Expect, ok("first")], vec![Step::Expect, ok("second")]]);
        fetch(&session, peer.https("/1")).await.unwrap();
        bench.until(|| peer.log.steps_played(0) == 2).await;
        let post = Request::post(peer.https("/2").url().unwrap().as_str());
        assert_eq!(fetch(&session, post).await.unwrap().text(), "second");
        assert_eq!(peer.log.requests_by_connection(), [1, 1]);
    }
});

behaviour!(plaintext_behind_an_answer_is_never_the_next_one, tls, |bench| {
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    // The second is read straight into the caller's buffer, and leaves the poison decrypted in the session.
    for body in ["small".to_owned(), "x".repeat(30_000)] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}{poison}", body.len());
        let poisoned = vec![Step::Expect, Step::send(answer), Step::Hold];
        let (session, peer) = trusted(bench, true, [poisoned, vec![Step::Expect, ok("second")]]);
        assert_eq!(fetch(&session, peer.https("/1")).await.unwrap().text(), body);
        assert_eq!(fetch(&session, peer.https("/2")).await.unwrap().text(), "second");
    }
});

behaviour!(megabytes_go_both_ways_over_tls, tls, |bench| {
    let body = "0123456789".repeat(300_000);
    let (session, peer) = trusted(bench, true, [vec![Step::Expect, ok(&body), Step::Expect, ok("next")]]);
    let request = Request::post(peer.https("/").url().unwrap().as_str()).body(Body::from(body.clone()));
    assert!(fetch(&session, request).await.unwrap().text() == body);
    assert!(peer.log.requests()[0].body == body.as_bytes());
    assert_eq!(fetch(&session, peer.https("/")).await.unwrap().text(), "next");
});

behaviour!(an_early_refusal_over_tls_is_the_answer, tls, |bench| {
    let refusal = response("413 Content Too Large", "", "too large");
    let (session, peer) = trusted(
        bench,
        true,
        [vec![Step::ExpectHead, Step::Sleep(SHORT * 3), refusal, Step::Sleep(FOR_EVER)]],
    );
    let request = Request::post(peer.https("/").url().unwrap().as_str())
        .body(Body::reader(std::io::repeat(b'x')))
        .configure(|config| config.timeout(Timeout::NONE));
    assert_eq!(fetch(&session, request).await.unwrap().text(), "too large");
});

behaviour!(a_handshake_that_stalls_meets_the_connect_time_out, tls, |bench| {
    let peer = bench.peer([Step::Hold]);
    let session = bench.session_within(Timeout { connect: Some(SHORT), ..Timeout::NONE });
    let start = bench.now();
    assert_eq!(failure(&session, peer.https("/")).await.kind(), Kind::ConnectTimeout);
    bench.assert_took(start, SHORT);
});

behaviour!(a_peer_that_speaks_no_tls_is_an_error_of_tls, tls, |bench| {
    let answer = Step::send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    for script in [vec![answer, Step::Hold], vec![]] {
        let peer = bench.peer(script);
        let error = failure(&bench.session(), peer.https("/")).await;
        assert_eq!(error.kind(), Kind::Tls, "{error}");
        assert!(error.is_connect());
        let hint = error.hint_text().unwrap_or_default();
        assert_eq!(hint.contains("http://"), peer.log.steps_played(0) > 0, "{error}");
    }
});
