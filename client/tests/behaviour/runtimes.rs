//! The asynchronous client and runtimes: outside of one, in several, and behind the end of one.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Kind, Timeout, aio};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn echo(bench: &TokioBench) -> Peer {
    bench.peer_for_all([Step::Expect, Step::Echo, Step::Again])
}

async fn text(client: &aio::Client, peer: &Peer, path: &str) -> String {
    client.send(peer.get(path)).await.unwrap().text().await.unwrap()
}

#[test]
fn outside_of_a_runtime_there_is_an_error_and_no_panic() {
    let bench = TokioBench::default();
    let peer = echo(&bench);
    let client = aio::Client::new();
    let outside = |url: String| match pin!(client.get(url)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome.unwrap_err(),
        Poll::Pending => panic!("it waits for nobody"),
    };
    for url in [peer.url("/"), "http://localhost:9/".to_owned(), "http+unix://%2Fnone/".to_owned()] {
        let error = outside(url);
        assert!(error.kind() == Kind::InvalidConfig && error.to_string().contains("tokio"), "{error}");
    }
    // A connection that is idle is none of this place.
    let runtime = runtime();
    assert_eq!(runtime.block_on(text(&client, &peer, "/a")), "/a");
    assert_eq!(outside(peer.url("/")).kind(), Kind::InvalidConfig);
    assert_eq!(runtime.block_on(text(&client, &peer, "/b")), "/b");
    assert_eq!(peer.log.connections(), 1);
}

#[test]
fn a_runtime_without_time_or_sockets_is_an_error_before_anything_is_sent() {
    let bench = TokioBench::default();
    let (peer, client) = (echo(&bench), aio::Client::new());
    let without_time = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let without_io = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for (runtime, lacks) in [(without_time, "enable_time"), (without_io, "enable_io")] {
        let error = runtime.block_on(client.get(peer.url("/"))).unwrap_err();
        assert!(error.kind() == Kind::InvalidConfig && error.to_string().contains(lacks), "{error}");
    }
    assert_eq!(peer.log.connections(), 0);
    assert_eq!(runtime().block_on(text(&client, &peer, "/a")), "/a");
}

#[test]
fn connections_of_a_runtime_that_ended_are_dropped_and_not_used() {
    guarded(|| {
        let bench = TokioBench::default();
        let (peer, client) = (echo(&bench), aio::Client::new());
        runtime().block_on(text(&client, &peer, "/first"));
        assert_eq!(client.pool_stats().idle, 1);
        let post = async || client.send(peer.post("/second")).await.unwrap().text().await.unwrap();
        let runtime = runtime();
        assert_eq!(runtime.block_on(post()), "/second");
        assert_eq!((client.pool_stats().idle, client.pool_stats().opened), (1, 2));
        runtime.block_on(bench.until(|| peer.log.client_closed(0)));
    });
}

#[test]
fn a_response_whose_runtime_ended_is_an_error() {
    guarded(|| {
        let bench = TokioBench::default();
        let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        let peer = bench.peer([Step::Expect, half, Step::Hold]);
        let mut response = runtime().block_on(aio::get(peer.url("/"))).unwrap();
        let error = runtime().block_on(async {
            let mut read = [0; 9];
            response.read(&mut read).await?;
            response.read(&mut read).await
        });
        assert_eq!(error.unwrap_err().kind(), Kind::Io);
    });
}

#[test]
fn two_runtimes_share_a_client_and_no_connection() {
    guarded(|| {
        let bench = TokioBench::default();
        let (peer, client) = (echo(&bench), aio::Client::new());
        let (one, other) = (runtime(), runtime());
        for _ in 0..3 {
            // Neither is driven while the other runs: a connection of the other one would never wake.
            assert_eq!(one.block_on(text(&client, &peer, "/one")), "/one");
            assert_eq!(other.block_on(text(&client, &peer, "/other")), "/other");
        }
        assert_eq!((peer.log.connections(), client.pool_stats().idle), (2, 2));
    });
}

#[test]
fn threads_of_their_own_runtimes_share_a_client() {
    guarded(|| {
        let bench = TokioBench::default();
        let peer = echo(&bench);
        let timeout = Timeout { read: Some(SHORT * 100), ..Timeout::NONE };
        let client = aio::Client::with_config(entreat::Config::new().timeout(timeout)).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (client, peer) = (client.clone(), &peer);
                scope.spawn(move || {
                    runtime().block_on(async {
                        for number in 0..20 {
                            let path = format!("/{thread}/{number}");
                            assert_eq!(text(&client, peer, &path).await, path);
                        }
                    });
                });
            }
        });
        assert_eq!(peer.log.requests().len(), 80);
        assert!(peer.log.connections() <= 4, "{}", peer.log.connections());
    });
}
