//! Which connection a request takes, and what happens when it turns out to be stale (RFC 9112 section 9).

use crate::support::*;
use entreat::net::scripted::{Script, Step};
use entreat::{Body, Config, Kind, PoolRules, Request};
use std::io::Cursor;
use std::time::Duration;

/// Answers one request, then closes at the next one without a word.
fn stale() -> Script {
    vec![Step::Expect, ok("first"), Step::Expect]
}

behaviour!(a_connection_serves_many_requests, |bench| {
    let peer = bench.peer([Step::Expect, Step::Echo, Step::Again]);
    let session = bench.session();
    for number in 0..20 {
        let path = format!("/{number}");
        assert_eq!(fetch(&session, peer.get(&path)).await.unwrap().text(), path);
    }
    assert_eq!(peer.log.requests_by_connection(), [20]);
});

behaviour!(an_answer_that_breaks_off_is_not_replayed, |bench| {
    for ending in [vec![], vec![Step::Sleep(Duration::from_millis(20)), Step::Reset]] {
        let half = [stale(), vec![Step::send("HTTP/1.1 200 OK\r\nA: b")], ending].concat();
        let peer = bench.peers([half, vec![Step::Expect, ok("second")]]);
        let session = bench.session();
        fetch(&session, peer.get("/1")).await.unwrap();
        let error = failure(&session, peer.get("/2")).await;
        assert!(matches!(error.kind(), Kind::ClosedEarly | Kind::Io), "{error:?}");
        assert_eq!(peer.log.connections(), 1);
    }
});

behaviour!(a_replay_sends_the_body_from_its_start, |bench| {
    let rewindable = tempfile("rewound");
    for body in [Body::from("rewound"), Body::path(rewindable.path()).unwrap()] {
        let peer = bench.peers([stale(), vec![Step::Expect, ok("second")]]);
        let session = bench.session();
        fetch(&session, peer.get("/1")).await.unwrap();
        let request = Request::put(peer.url("/2")).body(body);
        assert_eq!(fetch(&session, request).await.unwrap().text(), "second");
        assert_eq!(peer.log.requests()[2].body, b"rewound");
    }
});

behaviour!(a_body_that_was_read_cannot_be_replayed, |bench| {
    let peer = bench.peers([stale(), vec![Step::Expect, ok("second")]]);
    let session = bench.session();
    fetch(&session, peer.get("/1")).await.unwrap();
    let request = Request::put(peer.url("/2")).body(Body::reader(Cursor::new("once")));
    let error = failure(&session, request).await;
    assert_eq!(error.kind(), Kind::ClosedWithoutResponse);
    assert!(error.hint_text().unwrap().contains("cannot be sent a second time"), "{error}");
    assert_eq!(peer.log.connections(), 1);
});

behaviour!(unsolicited_bytes_are_never_taken_for_the_next_answer, |bench| {
    let pause = Step::Sleep(Duration::from_millis(30));
    let poisoned = vec![Step::Expect, ok("first"), pause, ok("poison"), Step::Hold];
    let peer = bench.peers([poisoned, vec![Step::Expect, ok("second")]]);
    let session = bench.session();
    fetch(&session, peer.get("/1")).await.unwrap();
    bench.until(|| peer.log.steps_played(0) == 4).await;
    assert_eq!(fetch(&session, peer.get("/2")).await.unwrap().text(), "second");
});

behaviour!(bytes_behind_an_answer_close_the_connection, |bench| {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n";
    let empty = "HTTP/1.1 204 No Content\r\n\r\n";
    let sized = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
    for answer in [chunked, empty, sized] {
        let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
        let poisoned = vec![Step::Expect, Step::send(answer.to_owned() + poison), Step::Hold];
        let peer = bench.peers([poisoned, vec![Step::Expect, ok("second")]]);
        let session = bench.session();
        fetch(&session, peer.get("/1")).await.unwrap();
        assert_eq!(fetch(&session, peer.get("/2")).await.unwrap().text(), "second", "{answer}");
    }
});

behaviour!(an_answer_dropped_unread_closes_its_connection, |bench| {
    let unfinished = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nsome");
    let peer = bench.peers([vec![Step::Expect, unfinished, Step::Hold], vec![Step::Expect, ok("second")]]);
    let session = bench.session();
    drop(session.deliver(peer.get("/1")).await.unwrap());
    bench.until(|| peer.log.client_closed(0)).await;
    assert_eq!(fetch(&session, peer.get("/2")).await.unwrap().text(), "second");
});

behaviour!(an_answer_dropped_after_its_small_body_arrived_keeps_its_connection, |bench| {
    let peer = bench.peer([Step::Expect, ok("small"), Step::Again]);
    let session = bench.session();
    for _ in 0..3 {
        drop(session.deliver(peer.get("/")).await.unwrap());
    }
    assert_eq!(peer.log.requests_by_connection(), [3]);
});

behaviour!(no_more_connections_idle_than_the_rules_allow, |bench| {
    let rules = PoolRules { idle_per_origin: 2, idle_total: 3, ..PoolRules::default() };
    let session = bench.session_with(Config::new().pool(rules));
    let peers = [(); 2].map(|()| bench.peer_for_all([Step::Expect, ok("kept"), Step::Again]));
    let closed = |peer: &Peer| (0..5).filter(|&index| peer.log.client_closed(index)).count();
    for (peer, kept) in peers.iter().zip([2, 3]) {
        let mut open = Vec::new();
        for _ in 0..5 {
            open.push(session.deliver(peer.get("/")).await.unwrap());
        }
        drop(open);
        assert_eq!(session.engine().idle(), kept);
        bench.until(|| closed(peer) == 3).await;
    }
    bench.until(|| closed(&peers[0]) == 4).await;
});

behaviour!(a_connection_that_idled_too_long_is_closed, |bench| {
    let rules = PoolRules { idle_timeout: Some(SHORT), ..PoolRules::default() };
    let session = bench.session_with(Config::new().pool(rules));
    let peer = bench.peer_for_all([Step::Expect, ok("kept"), Step::Again]);
    fetch(&session, peer.get("/")).await.unwrap();
    bench.pause(SHORT).await;
    fetch(&session, peer.get("/")).await.unwrap();
    assert_eq!(peer.log.requests_by_connection(), [1, 1]);
    bench.until(|| peer.log.client_closed(0)).await;
});

behaviour!(a_connection_past_its_age_is_not_kept, |bench| {
    let rules = PoolRules { max_age: Some(SHORT), ..PoolRules::default() };
    let session = bench.session_with(Config::new().pool(rules));
    let peer = bench.peer_for_all([Step::Expect, Step::Sleep(SHORT), ok("late"), Step::Again]);
    fetch(&session, peer.get("/")).await.unwrap();
    assert_eq!(session.engine().idle(), 0);
});

behaviour!(a_closed_session_refuses_requests_and_closes_its_connections, |bench| {
    let peer = bench.peer_for_all([Step::Expect, ok("kept"), Step::Again]);
    let session = bench.session();
    let in_use = session.deliver(peer.get("/1")).await.unwrap();
    fetch(&session, peer.get("/2")).await.unwrap();
    session.engine().close().await;
    assert_eq!(failure(&session, peer.get("/3")).await.kind(), Kind::Closed);
    assert_eq!(peer.log.connections(), 2);
    drop(in_use);
    bench.until(|| peer.log.client_closed(0) && peer.log.client_closed(1)).await;
    assert_eq!(session.engine().idle(), 0);
});
