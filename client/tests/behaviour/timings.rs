//! Where the time of a request went, as `Response::timings` tells.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Config, PoolRules, RateLimit, TlsRules};
use entreat_testkit::ca::{Authority, LOOPBACK};
use std::time::Duration;

behaviour!(a_kept_connection_was_neither_resolved_nor_made, |bench| {
    let peer = bench.peer([Step::Expect, ok("x"), Step::Expect, ok("y")]);
    let session = bench.session();
    for kept in [false, true] {
        let mut response = session.deliver(peer.get("/")).await.unwrap();
        response.incoming().read_to_end().await.unwrap();
        let timings = response.timings();
        let made = (timings.resolve.is_none(), timings.connect.is_none(), timings.tls);
        assert_eq!(made, (kept, kept, None));
    }
});

behaviour!(the_first_byte_is_of_the_last_exchange_and_the_total_of_all, |bench| {
    let moved = response("302 Found", "Location: /b\r\n", "");
    let head = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
    let steps =
        [Step::Expect, Step::Sleep(SHORT), moved, Step::Expect, head, Step::Sleep(SHORT), Step::send("x")];
    let peer = bench.peer(steps);
    let mut response = bench.session().deliver(peer.get("/a")).await.unwrap();
    response.incoming().read_to_end().await.unwrap();
    let timings = response.timings();
    assert!(timings.total >= SHORT * 2 && response.elapsed() >= SHORT, "{timings:?}");
    assert!(timings.first_byte <= timings.total - SHORT, "{timings:?}");
    bench.pause(SHORT).await;
    assert_eq!(response.timings(), timings);
});

behaviour!(an_unread_body_has_no_end_yet, |bench| {
    let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    let peer = bench.peer([Step::Expect, half, Step::Hold]);
    let response = bench.session().deliver(peer.get("/")).await.unwrap();
    let before = response.timings();
    bench.pause(SHORT).await;
    let after = response.timings();
    assert!(after.total >= before.total + SHORT && after.first_byte == before.first_byte);
    assert_eq!(before.queue, Duration::ZERO);
});

behaviour!(a_turn_that_comes_at_once_is_no_wait, |bench| {
    let peer = bench.peer([Step::Expect, ok("x")]);
    let rules = PoolRules { per_origin: Some(1), ..PoolRules::default() };
    let session = bench.session_with(Config::new().pool(rules));
    let response = session.deliver(peer.get("/")).await.unwrap();
    assert_eq!(response.timings().queue, Duration::ZERO);
});

behaviour!(a_turn_at_a_host_that_is_seldom_asked_is_waited_for, |bench| {
    let peer = bench.peer([Step::Expect, ok("x"), Step::Expect, ok("y")]);
    let session = bench.session_with(Config::new().rate_limit(RateLimit::new(1, SHORT)));
    let mut queues = Vec::new();
    for _ in 0..2 {
        let mut response = session.deliver(peer.get("/")).await.unwrap();
        response.incoming().read_to_end().await.unwrap();
        queues.push(response.timings());
    }
    let (first, second) = (queues[0], queues[1]);
    assert_eq!(first.queue, Duration::ZERO);
    assert!(second.queue > Duration::ZERO && second.queue + second.first_byte <= second.total, "{second:?}");
});

behaviour!(a_handshake_is_a_part_of_its_own, tls, |bench| {
    let peer = bench
        .tls_peers(&Authority::new().leaf(LOOPBACK), [vec![Step::Expect, ok("x"), Step::Expect, ok("y")]]);
    let rules = TlsRules { accept_any_certificate: true, ..TlsRules::default() };
    let session = bench.session_with(Config::new().tls(rules));
    for made in [true, false] {
        let mut response = session.deliver(peer.https("/")).await.unwrap();
        response.incoming().read_to_end().await.unwrap();
        let timings = response.timings();
        assert_eq!((timings.connect.is_some(), timings.tls.is_some()), (made, made));
        assert!(timings.tls.unwrap_or_default() + timings.first_byte <= timings.total, "{timings:?}");
    }
});
