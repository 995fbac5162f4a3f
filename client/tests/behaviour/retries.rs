//! Requests that are sent again: when, how often, how far apart, and when not (RFC 9110 sections 9.2.2 and 10.2.3).

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Body, Config, Error, Kind, Request, RetryBudget, RetryRules, Timeout};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// At most so many retries, [`SHORT`] before the first, and nothing left to chance.
fn times(total: u32) -> RetryRules {
    RetryRules { backoff: SHORT, jitter: 0.0, ..RetryRules::times(total) }
}

fn config(rules: RetryRules) -> Config {
    Config::new().retries(rules)
}

fn unavailable(fields: &str) -> Step {
    response("503 Service Unavailable", fields, "not now")
}

behaviour!(an_answer_that_passes_is_asked_for_again, |bench| {
    let script = [Step::Expect, unavailable(""), Step::Expect, unavailable(""), Step::Expect, ok("now")];
    let peer = bench.peer(script);
    let (session, start) = (bench.session_with(config(times(5))), bench.now());
    let mut response = session.deliver(peer.get("/")).await.unwrap();
    assert_eq!(response.incoming().read_to_end().await.unwrap(), b"now");
    assert_eq!(response.attempts(), 3);
    let past = response.retries().iter().map(|retried| (retried.status(), retried.wait()));
    assert_eq!(past.collect::<Vec<_>>(), [(Some(503), SHORT), (Some(503), SHORT * 2)]);
    bench.assert_took(start, SHORT * 3);
    // Bodies that are thrown away are read to their end.
    assert_eq!(peer.log.connections(), 1);
});

behaviour!(whoever_is_asked_may_refuse_a_retry, |bench| {
    let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, unavailable("")]]);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let config = config(times(5)).on_retry(move |next| {
        let kind = next.error.map(|error| error.kind());
        seen.lock().unwrap().push((next.attempt, next.wait, next.status, kind));
        match next.attempt {
            3 => Err(Error::new(Kind::Status).seen("enough")),
            _ => Ok(()),
        }
    });
    let error = failure(&bench.session_with(config), peer.get("/")).await;
    assert_eq!((error.kind(), error.attempts()), (Kind::Status, 2));
    let gone = Some(Kind::ClosedWithoutResponse);
    assert_eq!(*asked.lock().unwrap(), [(2, SHORT, None, gone), (3, SHORT * 2, Some(503), None)]);
    assert_eq!(peer.log.requests().len(), 2);
});

behaviour!(whoever_is_asked_about_a_retry_may_be_waited_for, suspending, |bench| {
    let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, unavailable("")]]);
    let config = config(times(5)).on_retry_async(|next| {
        let refuses = next.attempt == 3;
        async move {
            suspend_once().await;
            if refuses { Err(Error::new(Kind::Status).seen("enough")) } else { Ok(()) }
        }
    });
    let error = failure(&bench.session_with(config), peer.get("/")).await;
    assert_eq!((error.kind(), error.attempts()), (Kind::Status, 2));
});

behaviour!(nothing_is_sent_again_unless_it_was_asked_for, |bench| {
    let peer = bench.peers([vec![Step::Expect, unavailable("Retry-After: 0\r\n")], vec![Step::Expect]]);
    let session = bench.session();
    let response = session.deliver(peer.get("/")).await.unwrap();
    assert_eq!((response.status(), response.attempts(), response.retries().len()), (503, 1, 0));
    drop(response);
    let error = failure(&session, peer.get("/")).await;
    assert_eq!((error.kind(), error.attempts()), (Kind::ClosedWithoutResponse, 1));
    assert_eq!(peer.log.requests().len(), 2);
});

behaviour!(a_request_has_rules_of_its_own, |bench| {
    let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, ok("now")], vec![Step::Expect]]);
    let session = bench.session_with(config(RetryRules::never()));
    let request = |rules| peer.get("/").configure(|config| config.retries(rules));
    let response = session.deliver(request(times(1))).await.unwrap();
    assert_eq!(response.retries()[0].error().unwrap().kind(), Kind::ClosedWithoutResponse);
    drop(response);
    assert_eq!(failure(&session, peer.get("/")).await.attempts(), 1);
});

behaviour!(where_no_connection_is_made_any_method_is_repeated, |bench| {
    let address = bench.listen_silently();
    let timeout = Timeout { connect: Some(SHORT), ..Timeout::NONE };
    let session = bench.session_with(config(times(2)).timeout(timeout));
    let start = bench.now();
    let error = failure(&session, Request::post(format!("http://{address}/")).body("x")).await;
    assert_eq!((error.kind(), error.attempts()), (Kind::ConnectTimeout, 3), "{error}");
    bench.assert_took(start, SHORT * 3 + SHORT * 3);
});

behaviour!(a_body_that_can_be_rewound_is_sent_whole_again, |bench| {
    let file = tempfile("from a file");
    for body in [Body::from("from a file"), Body::path(file.path()).unwrap()] {
        let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, ok("")]]);
        let request = Request::put(peer.url("/")).body(body);
        fetch(&bench.session_with(config(times(1))), request).await.unwrap();
        assert!(peer.log.requests().iter().all(|request| request.body == b"from a file"));
        assert_eq!(peer.log.requests().len(), 2);
    }
});

behaviour!(a_retry_after_too_long_to_wait_for_delivers_the_answer_at_once, |bench| {
    let total = Timeout::total(Duration::from_secs(50));
    let date = "Retry-After: Fri, 31 Dec 2199 23:59:59 GMT\r\n";
    for (field, timeout) in [(date, Timeout::NONE), ("Retry-After: 51\r\n", total)] {
        let peer = bench.peer([Step::Expect, unavailable(field), Step::Expect, ok("now")]);
        let session = bench.session_with(config(times(1)).timeout(timeout));
        let start = bench.now();
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().status, 503);
        bench.assert_took(start, Duration::ZERO);
    }
});

behaviour!(a_wait_that_would_outlast_the_total_is_not_begun, |bench| {
    let peer = bench.peer_for_all([Step::Expect]);
    let rules = RetryRules { backoff: Duration::from_secs(51), max_backoff: Duration::MAX, ..times(3) };
    let session = bench.session_with(config(rules).timeout(Timeout::total(Duration::from_secs(50))));
    let start = bench.now();
    let error = failure(&session, peer.get("/")).await;
    assert_eq!((error.kind(), error.attempts()), (Kind::ClosedWithoutResponse, 1));
    assert!(error.to_string().contains("outlast the total time-out"), "{error}");
    bench.assert_took(start, Duration::ZERO);
});

behaviour!(the_total_bounds_all_attempts_together, |bench| {
    let peer = bench.peer_for_all([Step::Expect, Step::Sleep(FOR_EVER)]);
    let timeout = Timeout { read: Some(SHORT), total: Some(SHORT * 3), ..Timeout::NONE };
    let rules = RetryRules { backoff: Duration::ZERO, ..times(100) };
    let (session, start) = (bench.session_with(config(rules).timeout(timeout)), bench.now());
    let error = failure(&session, peer.get("/")).await;
    assert_eq!(error.kind(), Kind::TotalTimeout, "{error}");
    bench.assert_took(start, SHORT * 3);
});

behaviour!(a_client_out_of_budget_gives_up, |bench| {
    let peer = bench.peer_for_all([Step::Expect, unavailable(""), Step::Again]);
    let session = bench.session_with(config(times(5)).retry_budget(RetryBudget::new(0.5, 2)));
    let mut attempts = Vec::new();
    for _ in 0..4 {
        attempts.push(session.deliver(peer.get("/")).await.unwrap().attempts());
    }
    assert_eq!(attempts, [3, 1, 2, 1]);
    let broken = bench.peer_for_all([Step::Expect]);
    fetch(&session, peer.get("/")).await.unwrap();
    let error = failure(&session, broken.get("/")).await;
    assert!(error.to_string().contains("budget"), "{error}");
});

behaviour!(an_answer_too_large_to_throw_away_costs_its_connection, |bench| {
    let large = response("503 Service Unavailable", "", vec![b'x'; 1 << 20]);
    let peer = bench.peers([vec![Step::Expect, large], vec![Step::Expect, ok("now")]]);
    let session = bench.session_with(config(times(1)));
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "now");
    assert_eq!(peer.log.requests_by_connection(), [1, 1]);
});

#[test]
fn a_wait_between_attempts_can_be_interrupted() {
    let bench = BlockingBench::default();
    let peer = bench.peer_for_all([Step::Expect, unavailable("Retry-After: 100\r\n"), Step::Again]);
    let net = entreat::net::blocking::Blocking { interrupt: Some(|| true) };
    let session = entreat::session::Session::new(net, config(times(3))).unwrap();
    let start = bench.now();
    let error = entreat::net::blocking::block(session.deliver(peer.get("/"))).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    assert!(start.elapsed() < Duration::from_secs(20));
}
