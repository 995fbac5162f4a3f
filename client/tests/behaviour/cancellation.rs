//! Futures dropped before their end: at every single await, on the net that suspends at every await.

use crate::support::*;
use entreat::net::scripted::{Scripted, Step};
use entreat::{AsyncSource, Body, Config, PoolRules, Proxies, Request, Resolve, aio};
use flate2::{Compression, write::GzEncoder};
use std::future::{Future, poll_fn};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Polls `future` at most so many times, then drops it.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

fn scripted(test: impl AsyncFnOnce(&ScriptedBench) + Send + 'static) {
    guarded(move || {
        let net = Scripted::default();
        net.run(test(&ScriptedBench(net.clone())));
    });
}

#[test]
fn a_request_cancelled_anywhere_leaves_a_session_that_works() {
    scripted(async |bench| {
        let mut cancelled = 0;
        loop {
            let peer = bench.peer_for_all([Step::Expect, Step::Echo, Step::Again]);
            let session = bench.session();
            fetch(&session, peer.get("/first")).await.unwrap();
            let upload = peer.post("/cancelled").body(Body::from(vec![b'x'; 2_000_000]));
            let finished = polled(cancelled, fetch(&session, upload)).await.is_some();
            assert_eq!(fetch(&session, peer.get("/next")).await.unwrap().text(), "/next", "{cancelled}");
            if finished {
                break;
            }
            cancelled += 1;
        }
        assert!(cancelled > 10, "{cancelled} awaits are too few to have tried any");
    });
}

#[test]
fn a_request_cancelled_on_its_way_closes_its_connection() {
    scripted(async |bench| {
        let peer = bench.peer([Step::Expect, Step::Hold]);
        let session = bench.session();
        assert!(polled(4, session.deliver(peer.get("/"))).await.is_none());
        assert!(peer.log.client_closed(0) && session.engine().idle() == 0);
    });
}

#[test]
fn a_read_cancelled_anywhere_loses_no_byte() {
    let text: String = (0..2_000).map(|number| number.to_string()).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let coded = encoder.finish().unwrap();
    scripted(async move |bench| {
        for (fields, body) in [("", text.as_bytes()), ("Content-Encoding: gzip\r\n", &coded[..])] {
            let mut wire =
                format!("HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
            for chunk in body.chunks(100) {
                wire.extend_from_slice(
                    &[format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat(),
                );
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let pieces =
                wire.chunks(37).flat_map(|piece| [Step::send(piece), Step::Sleep(Duration::from_millis(1))]);
            let script = [Step::Expect].into_iter().chain(pieces).chain([Step::Expect, ok("next")]);
            let peer = bench.peer(script.collect::<Vec<_>>());
            let session = bench.session();
            let mut response = session.deliver(peer.get("/")).await.unwrap();
            let (mut read, mut patience) = (Vec::new(), 0);
            loop {
                let mut piece = [0; 50];
                patience = (patience + 1) % 4;
                match polled(patience, response.incoming().read(&mut piece)).await {
                    None => bench.pause(Duration::from_micros(300)).await,
                    Some(Ok(0)) => break,
                    Some(count) => read.extend_from_slice(&piece[..count.unwrap()]),
                }
            }
            assert_eq!(String::from_utf8(read).unwrap(), text);
            assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
            assert_eq!(peer.log.connections(), 1);
        }
    });
}

#[test]
fn an_abandoned_task_closes_its_connection() {
    guarded(|| {
        let bench = TokioBench::default();
        runtime().block_on(async {
            let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            let peer = bench.peers([vec![Step::Expect, half, Step::Hold], vec![Step::Expect, ok("next")]]);
            let session = bench.session();
            let late = tokio::time::timeout(SHORT, fetch(&session, peer.get("/"))).await;
            assert!(late.is_err());
            bench.until(|| peer.log.client_closed(0)).await;
            assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
        });
    });
}

/// Says where everything is only after a test has ended.
#[derive(Debug)]
struct Never;

impl Resolve for Never {
    fn resolve(&self, _: &str, _: entreat::Deadline) -> entreat::Result<Vec<SocketAddr>> {
        std::thread::sleep(Duration::from_millis(200));
        Err(entreat::Error::new(entreat::Kind::Resolve))
    }
}

/// Never has anything to give.
struct Stuck;

impl AsyncSource for Stuck {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<std::io::Result<usize>> {
        Poll::Pending
    }
}

fn limited(connections: usize) -> Config {
    let pool = PoolRules { total: Some(connections), ..PoolRules::default() };
    Config::new().pool(pool).timeout(entreat::Timeout::NONE)
}

/// Cancels a request that has come as far as `config` lets it, and sees that its turn is the next one's.
async fn cancelled_at(config: Config, request: impl Fn() -> Request, mark: impl Fn() -> bool) {
    let client = aio::Client::with_config(config).unwrap();
    let (first, second) = (client.clone(), client.clone());
    let (request, again) = (request(), request());
    let task = tokio::spawn(async move { first.send(request).await?.bytes().await });
    while !mark() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    let next = tokio::spawn(async move { second.send(again).await?.bytes().await });
    while client.pool_stats().waiting == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    while client.pool_stats().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    next.abort();
    assert!(next.await.unwrap_err().is_cancelled());
    assert_eq!((client.pool_stats().in_use, client.pool_stats().idle), (0, 0));
}

#[test]
fn a_request_cancelled_at_any_stage_frees_its_turn_and_closes_its_connection() {
    guarded(|| {
        let bench = TokioBench::default();
        runtime().block_on(async {
            let one = || limited(1);
            let at_once = || true;
            let name = || Request::get("http://name.test/");
            cancelled_at(one().resolver(Arc::new(Never)), name, at_once).await;

            let silent = bench.listen_silently_at(Ipv4Addr::LOCALHOST.into());
            cancelled_at(one(), || Request::get(format!("http://{silent}/")), at_once).await;

            let mute = || bench.peer_for_all([Step::Hold]);
            let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
            for (stage, peer) in [
                ("TLS", mute()),
                ("CONNECT", mute()),
                ("upload", bench.peer_for_all([Step::ExpectHead, Step::Sleep(SHORT), Step::Hold])),
                ("stream", mute()),
                ("head", bench.peer_for_all([Step::Expect, Step::Hold])),
                ("body", bench.peer_for_all([Step::Expect, half, Step::Hold])),
            ] {
                let mut proxies = Proxies::new();
                proxies.set("all", Some(&format!("http://{}", peer.address)));
                let config = if stage == "CONNECT" { one().proxies(proxies) } else { one() };
                let request = || match stage {
                    "TLS" => peer.https("/"),
                    "CONNECT" => Request::get("https://a.test/"),
                    "upload" => peer.post("/").body(vec![b'x'; 64 << 20]),
                    "stream" => peer.post("/").body(Body::async_source(Stuck, None)),
                    _ => peer.get("/"),
                };
                cancelled_at(config, request, || peer.log.connections() > 0).await;
                bench.until(|| (0..peer.log.connections()).all(|at| peer.log.client_closed(at))).await;
            }
        });
    });
}

const CANCELLED: u64 = 1000;
const CONNECTIONS: usize = 20;

#[test]
fn a_thousand_cancelled_requests_leave_connections_that_are_idle_or_closed() {
    guarded(|| {
        let bench = TokioBench::default();
        runtime().block_on(async {
            let pause = Step::Sleep(Duration::from_millis(1));
            let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            let script = [Step::Expect, pause.clone(), half, pause, Step::send("done"), Step::Again];
            let peer = bench.peer_for_all(script);
            let client = aio::Client::with_config(limited(CONNECTIONS)).unwrap();
            let tasks: Vec<_> = (0..CANCELLED)
                .map(|number| {
                    let upload = peer.post("/").body(vec![b'x'; 40_000 * (number as usize % 3)]);
                    let (client, limit) = (client.clone(), Duration::from_micros(number * 97 % 60_000));
                    tokio::spawn(tokio::time::timeout(limit, async move {
                        client.send(upload).await.unwrap().bytes().await.unwrap()
                    }))
                })
                .collect();
            let mut cancelled = 0;
            for task in tasks {
                cancelled += u64::from(task.await.unwrap().is_err());
            }
            assert!(cancelled > CANCELLED / 2, "{cancelled}");
            let stats = client.pool_stats();
            assert_eq!((stats.in_use, stats.waiting), (0, 0));
            let open = || (0..peer.log.connections()).filter(|at| !peer.log.client_closed(*at)).count();
            bench.until(|| open() == stats.idle).await;
            let again = || async {
                assert_eq!(client.send(peer.get("/")).await.unwrap().bytes().await.unwrap(), b"halfdone");
            };
            all((0..stats.idle).map(|_| again())).await;
            assert_eq!(client.pool_stats().opened, stats.opened, "each idle one is good");
            all((0..CONNECTIONS * 2).map(|_| again())).await;
            assert!(client.pool_stats().idle <= CONNECTIONS);
        });
    });
}
