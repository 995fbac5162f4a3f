//! Bodies of responses in the asynchronous face: as streams, as readers, no faster than they are wanted.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Kind, aio};
use futures_core::Stream;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

fn on_tokio<F: Future<Output = ()>>(test: impl FnOnce(TokioBench) -> F + Send + 'static) {
    guarded(|| runtime().block_on(test(TokioBench::default())));
}

#[test]
fn a_stream_gives_the_pieces_of_a_body_and_then_its_trailers() {
    on_tokio(async |bench| {
        let chunks = "2\r\nhe\r\n3\r\nllo\r\n0\r\nX-End: yes\r\n\r\n";
        let chunked = Step::send(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
        let peer = bench.peer([Step::Expect, chunked, Step::Expect, ok("next")]);
        let client = aio::Client::new();
        let mut stream = client.send(peer.get("/")).await.unwrap().into_stream();
        let mut body = Vec::new();
        while let Some(piece) = next(&mut stream).await {
            body.extend(piece.unwrap());
        }
        assert_eq!((&body[..], next(&mut stream).await.is_none()), (&b"hello"[..], true));
        assert_eq!(stream.trailers().unwrap().get_str("X-End"), Some("yes"));
        assert_eq!(client.send(peer.get("/")).await.unwrap().chunk().await.unwrap().unwrap(), b"next");
        assert_eq!(peer.log.connections(), 1);
    });
}

#[test]
fn a_stream_ends_behind_its_error() {
    on_tokio(async |bench| {
        let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        let peer = bench.peer([Step::Expect, half, Step::Sleep(SHORT)]);
        let mut stream = aio::Client::new().send(peer.get("/")).await.unwrap().into_stream();
        assert_eq!(next(&mut stream).await.unwrap().unwrap(), b"half");
        assert_eq!(next(&mut stream).await.unwrap().unwrap_err().kind(), Kind::ClosedEarly);
        assert!(next(&mut stream).await.is_none());
    });
}

#[test]
fn a_reader_gives_bytes_and_lines() {
    on_tokio(async |bench| {
        let peer = bench.peer_for_all([Step::Expect, ok("one\ntwo\n"), Step::Again]);
        let client = aio::Client::new();
        let mut text = String::new();
        client.send(peer.get("/")).await.unwrap().into_reader().read_to_string(&mut text).await.unwrap();
        let mut lines = client.send(peer.get("/")).await.unwrap().into_reader().lines();
        let first = lines.next_line().await.unwrap();
        assert_eq!((text.as_str(), first.as_deref()), ("one\ntwo\n", Some("one")));
        assert_eq!(peer.log.connections(), 1);
    });
}

#[test]
fn a_stream_that_is_dropped_while_it_waits_closes_its_connection_at_once() {
    on_tokio(async |bench| {
        let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        let peer = bench.peers([vec![Step::Expect, half, Step::Hold], vec![Step::Expect, ok("next")]]);
        let client = aio::Client::new();
        let mut stream = client.send(peer.get("/")).await.unwrap().into_stream();
        next(&mut stream).await.unwrap().unwrap();
        let polled = pin!(next(&mut stream)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending() && client.pool_stats().in_use == 1);
        drop(stream);
        assert_eq!((client.pool_stats().in_use, client.pool_stats().idle), (0, 0));
        bench.until(|| peer.log.client_closed(0)).await;
        assert_eq!(client.send(peer.get("/")).await.unwrap().text().await.unwrap(), "next");
    });
}

/// A server that sends a body as fast as it is taken; and how much it has got rid of.
fn pouring(length: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, sent) = (format!("http://{}/", listener.local_addr().unwrap()), Arc::default());
    let count: Arc<AtomicUsize> = Arc::clone(&sent);
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 4096]).unwrap();
        write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").unwrap();
        let piece = [0; 64 * 1024];
        while count.load(Ordering::Relaxed) < length {
            socket.write_all(&piece).unwrap();
            count.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    (url, sent)
}

/// On its way at once, at most: what the sockets hold, and a piece. A client that reads ahead would hold far more.
const UNDERWAY: usize = 16 << 20;

#[test]
fn a_slow_reader_holds_the_server_up_and_memory_stays_flat() {
    const LENGTH: usize = 256 << 20;
    on_tokio(async |_| {
        let (url, sent) = pouring(LENGTH);
        let mut stream = aio::get(url).await.unwrap().into_stream();
        let mut received = 0;
        let pauses = [1, 32 << 20, 128 << 20];
        let mut pauses = pauses.iter().peekable();
        while let Some(piece) = next(&mut stream).await {
            received += piece.unwrap().len();
            if pauses.next_if(|at| received >= **at).is_some() {
                tokio::time::sleep(SHORT).await;
            }
            assert!(sent.load(Ordering::Relaxed) < received + UNDERWAY);
        }
        assert_eq!(received, LENGTH);
    });
}

#[test]
fn what_a_task_awaits_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let client = aio::Client::new();
    is_sync(&client);
    is_send(&client.send(entreat::Request::get("http://a.test/")));
    is_send(&client.get("http://a.test/"));
    is_send(&client.download("http://a.test/", "a"));
    is_send(&client.close());
    is_send(&aio::get("http://a.test/"));
    is_send(&async |mut response: aio::Response| {
        let _ = (response.chunk().await, response.read(&mut [0]).await, response.lines().next().await);
        is_send(&response.text());
    });
    fn all_of<T: Send + Unpin>() {}
    all_of::<aio::Response>();
    all_of::<aio::Chunks>();
    all_of::<aio::Reader>();
    all_of::<aio::Upgraded>();
    fn future_of<F: Future + Send>(_: impl Fn(aio::Response) -> F) {}
    future_of(|mut response| async move {
        let _ = (response.chunk().await, response.read(&mut [0]).await, response.lines().next().await);
        let _ = response.copy_to(&mut tokio::io::sink()).await;
        response.bytes().await
    });
    future_of(|response| async move { response.error_for_status().await });
}
