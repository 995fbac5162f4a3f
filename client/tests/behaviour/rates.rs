//! How often a host may be asked: evenly, in order, and no longer waited for than time-outs allow.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Config, Kind, RateLimit, RetryRules, Timeout};
use std::cell::RefCell;
use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::time::Duration;

fn echo<B: Bench>(bench: &B) -> Peer {
    bench.peer_for_all([Step::Expect, Step::Echo, Step::Again])
}

/// One request in each [`SHORT`] time.
fn one() -> Config {
    Config::new().rate_limit(RateLimit::new(1, SHORT)).timeout(Timeout::NONE)
}

behaviour!(requests_go_out_evenly_apart, |bench| {
    let (peer, session, start) = (echo(bench), bench.session_with(one()), bench.now());
    for path in ["/a", "/b", "/c"] {
        assert_eq!(fetch(&session, peer.get(path)).await.unwrap().text(), path);
    }
    bench.assert_took(start, SHORT * 2);
});

behaviour!(a_burst_goes_at_once, |bench| {
    let three = Config::new().rate_limit(RateLimit::new(1, FOR_EVER).burst(3)).timeout(impatient());
    let (peer, session) = (echo(bench), bench.session_with(three));
    for _ in 0..3 {
        fetch(&session, peer.get("/")).await.unwrap();
    }
    assert_eq!(failure(&session, peer.get("/")).await.kind(), Kind::PoolTimeout);
});

behaviour!(each_redirect_and_each_retry_counts, |bench| {
    let there = response("302 Found", "Location: /there\r\n", "");
    let failed = response("503 Unavailable", "", "");
    let peer = bench.peer([Step::Expect, there, Step::Expect, failed, Step::Expect, ok("there")]);
    let retries = RetryRules { backoff: Duration::from_millis(1), ..RetryRules::times(1) };
    let session = bench.session_with(one().retries(retries));
    let start = bench.now();
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "there");
    assert!(bench.now() - start >= SHORT * 2);
});

behaviour!(each_host_has_a_rate_of_its_own, |bench| {
    let peer = echo(bench);
    let log = peer.log.clone();
    let scripts = entreat::net::scripted::Scripts::All(vec![Step::Expect, Step::Echo, Step::Again]);
    let address = bench.listen_at(Ipv4Addr::new(127, 0, 0, 2).into(), scripts, &log);
    let other = Peer { address, log };
    let rate = Config::new().rate_limit(RateLimit::new(1, FOR_EVER)).timeout(impatient());
    let session = bench.session_with(rate);
    for peer in [&peer, &other] {
        fetch(&session, peer.get("/")).await.unwrap();
        assert_eq!(failure(&session, peer.get("/")).await.kind(), Kind::PoolTimeout);
    }
});

fn impatient() -> Timeout {
    Timeout { pool: Some(SHORT), ..Timeout::NONE }
}

behaviour!(whoever_waits_too_long_for_a_turn_is_told_of_the_limit, |bench| {
    let rate = Config::new().rate_limit(RateLimit::new(1, SHORT * 2));
    for (timeout, kind) in [
        (impatient(), Kind::PoolTimeout),
        (Timeout { total: Some(SHORT), ..Timeout::NONE }, Kind::TotalTimeout),
    ] {
        let (peer, session) = (echo(bench), bench.session_with(rate.clone().timeout(timeout)));
        fetch(&session, peer.get("/")).await.unwrap();
        let start = bench.now();
        let error = failure(&session, peer.get("/")).await;
        bench.assert_took(start, SHORT);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(kind != Kind::PoolTimeout || error.to_string().contains("rate_limit"), "{error}");
        assert_eq!(peer.log.connections(), 1);
        // Whoever gave up has taken nothing from those who come.
        bench.pause(SHORT).await;
        fetch(&session, peer.get("/")).await.unwrap();
    }
});

behaviour!(those_who_wait_go_in_order_and_whoever_gives_up_leaves_the_line, suspending, |bench| {
    let (peer, session) = (echo(bench), bench.session_with(one()));
    fetch(&session, peer.get("/first")).await.unwrap();
    let (start, ended) = (bench.now(), RefCell::new(Vec::new()));
    let in_time = async |number: u32| {
        fetch(&session, peer.get("/")).await.unwrap();
        ended.borrow_mut().push(number);
    };
    let late = async |number: u32, limit: Duration| {
        let request =
            peer.get("/").configure(|config| config.timeout(Timeout { pool: Some(limit), ..Timeout::NONE }));
        assert_eq!(failure(&session, request).await.kind(), Kind::PoolTimeout);
        ended.borrow_mut().push(number);
    };
    let futures: [Pin<Box<dyn Future<Output = ()>>>; 5] = [
        Box::pin(late(1, SHORT / 4)),
        Box::pin(in_time(2)),
        Box::pin(late(3, SHORT / 2)),
        Box::pin(in_time(4)),
        Box::pin(in_time(5)),
    ];
    all(futures.into_iter()).await;
    assert_eq!(*ended.borrow(), [1, 3, 2, 4, 5]);
    bench.assert_took(start, SHORT * 3);
});

#[test]
fn a_rate_of_nothing_is_refused() {
    let config = Config::new().rate_limit(RateLimit::new(0, SHORT));
    assert_eq!(entreat::Client::with_config(config).unwrap_err().kind(), Kind::InvalidConfig);
}
