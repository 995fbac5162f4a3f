//! Connections that change to another protocol: 101, CONNECT, and answers that are neither (RFC 9110 sections 7.8, 9.3.6).

use crate::support::*;
use entreat::net::Duplex;
use entreat::net::scripted::{Scripted, Step};
use entreat::session::Session;
use entreat::{Client, Config, Kind, PoolRules, Request, Timeout, TlsRules, aio};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::pin::Pin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

fn asking(request: Request) -> Request {
    request.header("Connection", "Upgrade").header("Upgrade", "echo")
}

/// Greets along with its answer, and answers four bytes with four.
fn script() -> Vec<Step> {
    let greeting = Step::send(format!("{SWITCH}hello"));
    vec![Step::Expect, greeting, Step::ExpectBytes(4), Step::send("pong"), Step::Hold]
}

behaviour!(after_101_the_connection_is_the_programs_and_no_byte_is_lost, |bench| {
    let peer = bench.peer(script());
    let session = bench.session();
    let mut upgraded = session.deliver(asking(peer.get("/"))).await.unwrap().upgrade().unwrap();
    let mut piece = [0; 3];
    assert_eq!(upgraded.receive(&mut piece).await.unwrap(), 3);
    assert_eq!(upgraded.receive(&mut piece).await.unwrap(), 2);
    assert_eq!(&piece, b"lol");
    upgraded.send(b"ping").await.unwrap();
    let mut answer = [0; 10];
    assert_eq!(upgraded.receive(&mut answer).await.unwrap(), 4);
    assert_eq!(&answer[..4], b"pong");
    assert_eq!((session.engine().stats().in_use, session.engine().idle()), (1, 0));
    drop(upgraded);
    assert_eq!(session.engine().stats().in_use, 0);
    bench.until(|| peer.log.client_closed(0)).await;
});

behaviour!(connect_asks_for_host_and_port_and_gives_the_tunnel, |bench| {
    let established = Step::send("HTTP/1.1 200 Connection Established\r\n\r\nhello");
    let peer = bench.peer([Step::Expect, established, Step::Hold]);
    let request = Request::new("CONNECT", peer.url("/ignored"));
    let mut upgraded = bench.session().deliver(request).await.unwrap().upgrade().unwrap();
    let mut greeting = [0; 10];
    assert_eq!(upgraded.receive(&mut greeting).await.unwrap(), 5);
    assert_eq!(peer.lines(), [format!("CONNECT {}", peer.address)]);
});

behaviour!(whoever_has_ended_its_side_reads_on, |bench| {
    let peer = bench.peer([Step::Expect, Step::send(SWITCH), Step::ExpectBytes(4), Step::Hold]);
    let mut upgraded = bench.session().deliver(asking(peer.get("/"))).await.unwrap().upgrade().unwrap();
    upgraded.send(b"last").await.unwrap();
    upgraded.finish().await.unwrap();
    // The peer holds until it has heard the end.
    assert_eq!(upgraded.receive(&mut [0]).await.unwrap(), 0);
});

behaviour!(an_answer_that_changes_nothing_cannot_be_upgraded, |bench| {
    let peer = bench.peer([Step::Expect, response("403 Forbidden", "", ""), Step::Expect, ok("next")]);
    let session = bench.session();
    let error = session.deliver(asking(peer.get("/"))).await.unwrap().upgrade().unwrap_err();
    assert_eq!((error.kind(), error.status()), (Kind::Status, Some(403)), "{error}");
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
    assert_eq!(peer.log.connections(), 1);
});

behaviour!(a_switched_connection_that_nobody_wants_is_closed, |bench| {
    let peer = bench.peers([script(), vec![Step::Expect, ok("next")]]);
    let session = bench.session();
    fetch(&session, asking(peer.get("/"))).await.unwrap();
    assert_eq!((session.engine().stats().in_use, session.engine().idle()), (0, 0));
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
});

behaviour!(an_upgraded_connection_counts_among_those_in_use, |bench| {
    let peer = bench.peers([script(), vec![Step::Expect, ok("next")]]);
    let one = PoolRules { per_origin: Some(1), ..PoolRules::default() };
    let timeout = Timeout { pool: Some(SHORT), ..Timeout::NONE };
    let session = bench.session_with(Config::new().pool(one).timeout(timeout));
    let upgraded = session.deliver(asking(peer.get("/"))).await.unwrap().upgrade().unwrap();
    assert_eq!(failure(&session, peer.get("/")).await.kind(), Kind::PoolTimeout);
    drop(upgraded);
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
});

#[test]
fn the_blocking_client_reads_and_writes_it_within_time_outs_of_its_own() {
    let bench = BlockingBench::default();
    let peer = bench.peer(script());
    let mut upgraded = Client::new().send(asking(peer.get("/"))).unwrap().upgrade().unwrap();
    upgraded.set_timeouts(Some(SHORT), None);
    upgraded.write_all(b"ping").unwrap();
    let mut text = [0; 9];
    upgraded.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"hellopong");
    let error = upgraded.read(&mut text).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
}

/// Reads and writes as two tasks would, each as far as it comes.
async fn in_parts<N: Duplex>(session: &Session<N>, peer: &Peer) {
    let upgraded = session.deliver(asking(peer.get("/"))).await.unwrap().upgrade().unwrap();
    let upgraded = &RefCell::new(upgraded);
    let writing = async {
        let (bytes, mut sent) = (vec![b'x'; SOME], 0);
        while sent < SOME {
            sent +=
                poll_fn(|context| upgraded.borrow_mut().poll_send(context, &bytes[sent..])).await.unwrap();
        }
        poll_fn(|context| upgraded.borrow_mut().poll_flush(context)).await.unwrap();
    };
    let reading = async {
        let (mut piece, mut received) = (vec![0; 100_000], 0);
        while received < SOME {
            received +=
                poll_fn(|context| upgraded.borrow_mut().poll_receive(context, &mut piece)).await.unwrap();
        }
    };
    let futures: [Pin<Box<dyn Future<Output = ()>>>; 2] = [Box::pin(writing), Box::pin(reading)];
    all(futures.into_iter()).await;
    poll_fn(|context| upgraded.borrow_mut().poll_finish(context)).await.unwrap();
    assert_eq!(poll_fn(|context| upgraded.borrow_mut().poll_receive(context, &mut [0])).await.unwrap(), 0);
}

const SOME: usize = 1 << 20;

fn in_exchange() -> Vec<Step> {
    vec![Step::Expect, Step::send(SWITCH), Step::send(vec![b'y'; SOME]), Step::ExpectBytes(SOME)]
}

#[test]
fn every_net_that_suspends_uses_both_directions_at_once() {
    guarded(|| {
        let net = Scripted::default();
        let bench = ScriptedBench(net.clone());
        net.run(async { in_parts(&bench.session(), &bench.peer(in_exchange())).await });
        let bench = TokioBench::default();
        runtime().block_on(async { in_parts(&bench.session(), &bench.peer(in_exchange())).await });
    });
    #[cfg(unix)]
    guarded(|| {
        let bench = NestedBench::default();
        bench.block_on(async { in_parts(&bench.session(), &bench.peer(in_exchange())).await });
    });
}

/// Far more than sockets hold: whoever writes it all before reading waits for ever.
const MUCH: usize = 8 << 20;

async fn both_ways_at_once(client: &aio::Client, request: Request) {
    let upgraded = client.send(asking(request)).await.unwrap().upgrade().unwrap();
    let (mut reader, mut writer) = tokio::io::split(upgraded);
    let writing = tokio::spawn(async move {
        writer.write_all(&vec![b'x'; MUCH]).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    let read = reader.read_to_end(&mut received).await;
    writing.await.unwrap();
    assert_eq!((read.unwrap(), received[0], received[MUCH - 1]), (MUCH, b'y', b'y'));
}

#[test]
fn both_directions_are_used_at_once() {
    let bench = TokioBench::default();
    runtime().block_on(async {
        let much = || {
            let answer = Step::send(vec![b'y'; MUCH]);
            vec![Step::Expect, Step::send(SWITCH), answer, Step::ExpectBytes(MUCH)]
        };
        let peer = bench.peer(much());
        both_ways_at_once(&aio::Client::new(), peer.get("/")).await;
        let leaf = entreat_testkit::ca::Authority::new().leaf(&["localhost"]);
        let peer = bench.tls_peers(&leaf, [much()]);
        let rules = TlsRules { accept_any_certificate: true, ..TlsRules::default() };
        let client = aio::Client::with_config(Config::new().tls(rules)).unwrap();
        both_ways_at_once(&client, peer.https("/")).await;
    });
}
