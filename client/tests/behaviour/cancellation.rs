//! Futures dropped before their end: at every single await, on the net that suspends at every await.

use crate::support::*;
use entreat::Body;
use entreat::net::scripted::{Scripted, Step};
use flate2::{Compression, write::GzEncoder};
use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::pin;
use std::task::Poll;
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
