//! How many connections there may be at once, whose turn it is, and what the pool tells of itself.

use crate::support::*;
use entreat::net::Net;
use entreat::net::scripted::Step;
use entreat::session::Session;
use entreat::{Config, Kind, PoolRules, PoolStats, Request, Timeout};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

fn at_most(per_origin: usize) -> Config {
    Config::new().pool(PoolRules { per_origin: Some(per_origin), ..PoolRules::default() })
}

fn in_all(total: usize) -> Config {
    Config::new().pool(PoolRules { total: Some(total), ..PoolRules::default() })
}

fn echo<B: Bench>(bench: &B) -> Peer {
    bench.peer_for_all([Step::Expect, Step::Echo, Step::Again])
}

fn impatient() -> Timeout {
    Timeout { pool: Some(SHORT), ..Timeout::NONE }
}

behaviour!(whoever_waits_too_long_for_a_connection_is_told_who_has_them, |bench| {
    let peer = echo(bench);
    let session = bench.session_with(at_most(1).timeout(impatient()));
    let held = session.deliver(peer.get("/held")).await.unwrap();
    let start = bench.now();
    let error = failure(&session, peer.get("/waits")).await;
    assert_eq!(error.kind(), Kind::PoolTimeout, "{error}");
    assert!(error.to_string().contains("pool.per_origin"), "{error}");
    bench.assert_took(start, SHORT);
    drop(held);
    assert_eq!(fetch(&session, peer.get("/next")).await.unwrap().text(), "/next");
});

behaviour!(a_response_that_was_read_or_dropped_gives_its_turn_to_the_next, |bench| {
    let peer = echo(bench);
    let session = bench.session_with(at_most(1).timeout(impatient()));
    for number in 0..3 {
        let path = format!("/{number}");
        assert_eq!(fetch(&session, peer.get(&path)).await.unwrap().text(), path);
        drop(session.deliver(peer.get("/dropped")).await.unwrap());
    }
});

behaviour!(a_request_that_fails_gives_its_turn_to_the_next, |bench| {
    let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, ok("next")]]);
    let session = bench.session_with(at_most(1).timeout(impatient()));
    assert_eq!(failure(&session, peer.get("/")).await.kind(), Kind::ClosedWithoutResponse);
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
});

behaviour!(one_origin_at_its_limit_does_not_hold_up_another, |bench| {
    let (peer, other) = (echo(bench), echo(bench));
    let session = bench.session_with(at_most(1).timeout(impatient()));
    let _held = session.deliver(peer.get("/held")).await.unwrap();
    assert_eq!(fetch(&session, other.get("/other")).await.unwrap().text(), "/other");
});

behaviour!(idle_connections_of_other_origins_make_room, |bench| {
    let (peer, other) = (echo(bench), echo(bench));
    let session = bench.session_with(in_all(1).timeout(impatient()));
    for peer in [&peer, &other, &peer] {
        fetch(&session, peer.get("/")).await.unwrap();
        assert_eq!(session.engine().idle(), 1);
    }
    bench.until(|| peer.log.client_closed(0) && other.log.client_closed(0)).await;
});

behaviour!(a_redirect_needs_no_second_turn, |bench| {
    let there = response("302 Found", "Location: /there\r\n", "");
    let peer = bench.peer_for_all([Step::Expect, there, Step::Expect, ok("there")]);
    let session = bench.session_with(at_most(1).timeout(impatient()));
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "there");
});

behaviour!(the_pool_tells_what_its_connections_do, |bench| {
    let peer = echo(bench);
    let session = bench.session();
    let stats = || session.engine().stats();
    assert_eq!(stats(), PoolStats::default());
    let held = session.deliver(peer.get("/held")).await.unwrap();
    fetch(&session, peer.get("/read")).await.unwrap();
    fetch(&session, peer.get("/again")).await.unwrap();
    assert_eq!(stats(), PoolStats { idle: 1, in_use: 1, opened: 2, reused: 1, ..PoolStats::default() });
    drop(held);
    session.engine().close().await;
    assert_eq!(stats(), PoolStats { opened: 2, reused: 1, ..PoolStats::default() });
});

behaviour!(only_connections_that_were_made_and_served_again_are_counted, |bench| {
    let peer = bench.peers([vec![Step::Expect, ok("first")], vec![Step::Expect, ok("second")]]);
    let session = bench.session();
    assert_eq!(failure(&session, Request::get("http://127.0.0.1:1/")).await.kind(), Kind::Connect);
    assert_eq!(session.engine().stats(), PoolStats::default());
    fetch(&session, peer.get("/")).await.unwrap();
    bench.until(|| peer.log.steps_played(0) == 2).await;
    fetch(&session, peer.get("/")).await.unwrap();
    assert_eq!(session.engine().stats(), PoolStats { idle: 1, opened: 2, ..PoolStats::default() });
});

const WORKERS: usize = 12;
const LIMIT: usize = 3;

async fn work<N: Net>(session: &Session<N>, peer: &Peer, worker: usize) {
    for number in 0..10 {
        let path = format!("/{worker}/{number}");
        assert_eq!(fetch(session, peer.get(&path)).await.unwrap().text(), path);
        let stats = session.engine().stats();
        assert!(stats.idle + stats.in_use <= LIMIT, "{stats:?}");
    }
}

fn check<N: Net>(session: &Session<N>, peer: &Peer) {
    assert_eq!(peer.log.requests().len(), WORKERS * 10);
    let stats = session.engine().stats();
    assert_eq!((stats.in_use, stats.waiting), (0, 0));
    assert!(peer.log.connections() <= LIMIT && stats.opened <= LIMIT as u64, "{stats:?}");
}

#[test]
fn many_threads_share_few_connections() {
    guarded(|| {
        let bench = BlockingBench::default();
        let (session, peer) = (bench.session_with(at_most(LIMIT)), echo(&bench));
        std::thread::scope(|scope| {
            for worker in 0..WORKERS {
                let (session, peer) = (&session, &peer);
                scope.spawn(move || entreat::net::blocking::block(work(session, peer, worker)));
            }
        });
        check(&session, &peer);
    });
}

#[test]
fn many_futures_share_few_connections() {
    guarded(|| {
        let net = entreat::net::scripted::Scripted::default();
        let bench = ScriptedBench(net.clone());
        let (session, peer) = (bench.session_with(at_most(LIMIT)), echo(&bench));
        net.run(all((0..WORKERS).map(|worker| work(&session, &peer, worker))));
        check(&session, &peer);

        let bench = TokioBench::default();
        runtime().block_on(async {
            let (session, peer) = (bench.session_with(at_most(LIMIT)), echo(&bench));
            all((0..WORKERS).map(|worker| work(&session, &peer, worker))).await;
            check(&session, &peer);
        });

        #[cfg(unix)]
        {
            let bench = NestedBench::default();
            let (session, peer) = (bench.session_with(at_most(LIMIT)), echo(&bench));
            bench.block_on(all((0..WORKERS).map(|worker| work(&session, &peer, worker))));
            check(&session, &peer);
        }
    });
}

#[test]
fn those_who_wait_are_served_in_order_and_one_that_is_cancelled_is_passed_over() {
    guarded(|| {
        let net = entreat::net::scripted::Scripted::default();
        net.run(async {
            let bench = ScriptedBench(net.clone());
            let (session, peer) = (bench.session_with(at_most(1)), echo(&bench));
            let held = session.deliver(peer.get("/held")).await.unwrap();
            let mut waiting: Vec<_> =
                ["/0", "/1", "/2"].map(|path| Box::pin(fetch(&session, peer.get(path)))).into();
            poll_fn(|context| {
                for future in &mut waiting {
                    while session.engine().stats().waiting < 3 && future.as_mut().poll(context).is_pending() {
                        if future.as_mut().poll(context).is_pending() {
                            break;
                        }
                    }
                }
                Poll::Ready(())
            })
            .await;
            assert_eq!(session.engine().stats().waiting, 3);
            drop(waiting.remove(1));
            drop(held);
            // The last is polled first, and still has to wait for the one that came before it.
            waiting.reverse();
            all(waiting.into_iter().map(|future| async { drop(future.await.unwrap()) })).await;
            assert_eq!(peer.lines(), ["GET /held", "GET /0", "GET /2"]);
        });
    });
}

#[test]
fn a_turn_that_came_while_its_request_was_being_cancelled_goes_to_the_next() {
    guarded(|| {
        let net = entreat::net::scripted::Scripted::default();
        net.run(async {
            let bench = ScriptedBench(net.clone());
            let (session, peer) = (bench.session_with(at_most(1).timeout(impatient())), echo(&bench));
            let held = session.deliver(peer.get("/held")).await.unwrap();
            {
                let mut waits = pin!(session.deliver(peer.get("/cancelled")));
                poll_fn(|context| {
                    while session.engine().stats().waiting == 0 {
                        assert!(waits.as_mut().poll(context).is_pending());
                    }
                    Poll::Ready(())
                })
                .await;
                // Its turn comes here, and nobody polls it any more.
                drop(held);
            }
            assert_eq!(fetch(&session, peer.get("/next")).await.unwrap().text(), "/next");
        });
    });
}

#[test]
fn whoever_waits_while_the_client_is_closed_is_refused_when_its_turn_comes() {
    guarded(|| {
        let net = entreat::net::scripted::Scripted::default();
        net.run(async {
            let bench = ScriptedBench(net.clone());
            let (session, peer) = (bench.session_with(at_most(1)), echo(&bench));
            let held = session.deliver(peer.get("/held")).await.unwrap();
            let mut waits = Box::pin(fetch(&session, peer.get("/waits")));
            poll_fn(|context| {
                while session.engine().stats().waiting == 0 {
                    assert!(waits.as_mut().poll(context).is_pending());
                }
                Poll::Ready(())
            })
            .await;
            session.engine().close().await;
            drop(held);
            assert_eq!(waits.await.err().unwrap().kind(), Kind::Closed);
            assert_eq!(peer.log.connections(), 1);
        });
    });
}

#[cfg(unix)]
#[test]
fn a_forked_child_does_not_touch_the_connections_of_its_parent() {
    guarded(|| {
        let bench = BlockingBench::default();
        let (client, peer) = (entreat::Client::new(), echo(&bench));
        assert_eq!(client.get(peer.url("/parent")).unwrap().text().unwrap(), "/parent");
        // SAFETY: the child only sends a request, with a client that no other thread uses, and exits.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let answer = client.get(peer.url("/child")).and_then(|response| response.text());
            let fine = answer.is_ok_and(|text| text == "/child") && client.pool_stats().opened == 2;
            // SAFETY: ends the child at once, without the parent's destructors.
            unsafe { libc::_exit(i32::from(!fine)) };
        }
        let mut status = 0;
        // SAFETY: `child` is a child of this process, and `status` outlives the call.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
        assert_eq!(client.get(peer.url("/parent")).unwrap().text().unwrap(), "/parent");
        assert_eq!(client.pool_stats().opened, 1);
        assert_eq!(peer.log.connections(), 2);
    });
}
