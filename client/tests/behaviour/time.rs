//! Time-outs: each names its part, ends the wait when it should, and leaves a client that works.

use crate::support::*;
use entreat::net::scripted::{Scripted, Step};
use entreat::{Body, Kind, Request, Timeout};

fn read_timeout() -> Timeout {
    Timeout { read: Some(SHORT), ..Timeout::NONE }
}

fn total_timeout() -> Timeout {
    Timeout { total: Some(SHORT), ..Timeout::NONE }
}

behaviour!(a_peer_that_says_nothing_meets_the_read_time_out, |bench| {
    let peer = bench.peers([vec![Step::Expect, Step::Hold], vec![Step::Expect, ok("next")]]);
    let session = bench.session_within(read_timeout());
    let start = bench.now();
    assert_eq!(failure(&session, peer.get("/")).await.kind(), Kind::ReadTimeout);
    bench.assert_took(start, SHORT);
    bench.until(|| peer.log.client_closed(0)).await;
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
});

behaviour!(a_body_that_stalls_meets_the_read_time_out, |bench| {
    for head in ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 200 OK\r\n\r\nabc"] {
        let peer = bench.peer([Step::Expect, Step::send(head), Step::Hold]);
        let session = bench.session_within(read_timeout());
        let mut response = session.deliver(peer.get("/")).await.unwrap();
        let start = bench.now();
        let error = response.incoming().read_to_end().await.unwrap_err();
        assert_eq!(error.kind(), Kind::ReadTimeout, "{error}");
        bench.assert_took(start, SHORT);
        bench.until(|| peer.log.client_closed(0)).await;
    }
});

behaviour!(a_drip_of_bytes_does_not_outlast_the_total, |bench| {
    let head = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    let in_body = vec![Step::Expect, head, Step::Drip(vec![b'x'; 1_000], SHORT / 10)];
    let in_head = vec![Step::Expect, Step::Drip(b"HTTP/1.1 200 OK\r\nA: b".repeat(50), SHORT / 10)];
    for script in [in_body, in_head] {
        let peer = bench.peer(script);
        let limits = Timeout { total: Some(SHORT * 2), ..read_timeout() };
        let start = bench.now();
        let error = failure(&bench.session_within(limits), peer.get("/")).await;
        assert_eq!(error.kind(), Kind::TotalTimeout, "{error}");
        bench.assert_took(start, SHORT * 2);
    }
});

behaviour!(a_drip_of_bytes_keeps_the_read_time_out_from_passing, |bench| {
    let head = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    let peer = bench.peer([Step::Expect, head, Step::Drip(b"slow".to_vec(), SHORT / 3)]);
    let limits = Timeout { read: Some(SHORT * 4), ..Timeout::NONE };
    assert_eq!(fetch(&bench.session_within(limits), peer.get("/")).await.unwrap().text(), "slow");
});

behaviour!(the_total_holds_though_bytes_are_ready, |bench| {
    let peer = bench.peer([Step::Expect, ok(&"x".repeat(200_000)), Step::Hold]);
    let mut response = bench.session_within(total_timeout()).deliver(peer.get("/")).await.unwrap();
    bench.pause(SHORT).await;
    assert_eq!(response.incoming().read_to_end().await.unwrap_err().kind(), Kind::TotalTimeout);
});

behaviour!(a_host_that_does_not_answer_meets_the_connect_time_out, |bench| {
    let address = bench.listen_silently();
    let limits = Timeout { connect: Some(SHORT), ..Timeout::NONE };
    let start = bench.now();
    let error = failure(&bench.session_within(limits), Request::get(format!("http://{address}/"))).await;
    assert_eq!(error.kind(), Kind::ConnectTimeout, "{error}");
    assert!(error.is_timeout() && error.is_connect());
    bench.assert_took(start, SHORT);
});

behaviour!(a_name_that_does_not_exist_cannot_be_resolved, |bench| {
    let error = failure(&bench.session(), Request::get("http://nowhere.invalid/")).await;
    assert_eq!(error.kind(), Kind::Resolve, "{error}");
    assert!(error.to_string().contains("nowhere.invalid") && error.is_connect(), "{error}");
});

#[test]
fn a_name_server_that_does_not_answer_meets_the_connect_time_out() {
    guarded(|| {
        let net = Scripted::default();
        net.run(async {
            let bench = ScriptedBench(net.clone());
            let session = bench.session_within(Timeout { connect: Some(SHORT), ..Timeout::NONE });
            let start = bench.now();
            let error = failure(&session, Request::get("http://slow.test/")).await;
            assert_eq!(error.kind(), Kind::ConnectTimeout, "{error}");
            bench.assert_took(start, SHORT);
        });
    });
}

behaviour!(elapsed_ends_with_the_head, |bench| {
    let head = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    let peer = bench.peer([Step::Expect, Step::Sleep(SHORT), head, Step::Sleep(SHORT), Step::send("body")]);
    let start = bench.now();
    let mut response = bench.session().deliver(peer.get("/")).await.unwrap();
    bench.assert_took(start, response.elapsed());
    assert!(response.elapsed() >= SHORT);
    assert_eq!(response.incoming().read_to_end().await.unwrap(), b"body");
});

behaviour!(a_port_where_nobody_listens_refuses, |bench| {
    // Port 1 needs privileges that no test server has.
    let error = failure(&bench.session(), Request::get("http://127.0.0.1:1/")).await;
    assert_eq!(error.kind(), Kind::Connect, "{error}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
});

behaviour!(a_peer_that_does_not_read_meets_the_write_time_out, |bench| {
    let limits = Timeout { write: Some(SHORT), ..Timeout::NONE };
    for body in [Body::from(vec![0; 32 << 20]), Body::reader(std::io::repeat(b'x'))] {
        let peer = bench.peer([Step::ExpectHead, Step::Sleep(FOR_EVER)]);
        let error = failure(&bench.session_within(limits), peer.post("/").body(body)).await;
        assert_eq!(error.kind(), Kind::WriteTimeout, "{error}");
    }
});
