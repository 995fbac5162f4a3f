//! Many at once on one session: threads, tasks, and futures of one thread.

use crate::support::*;
use entreat::net::Net;
use entreat::net::scripted::{Scripted, Step};
use entreat::session::Session;

const WORKERS: usize = 8;
const REQUESTS: usize = 50;

fn echo<B: Bench>(bench: &B) -> Peer {
    bench.peer_for_all([Step::Expect, Step::Echo, Step::Again])
}

async fn work<N: Net>(session: Session<N>, url: String, worker: usize) {
    for number in 0..REQUESTS {
        let path = format!("/{worker}/{number}");
        let request = entreat::Request::get(format!("{url}{path}"));
        assert_eq!(fetch(&session, request).await.unwrap().text(), path);
    }
}

fn check<N: Net>(session: &Session<N>, peer: &Peer) {
    assert_eq!(peer.log.requests().len(), WORKERS * REQUESTS);
    assert!(peer.log.connections() <= WORKERS, "{}", peer.log.connections());
    assert!(session.engine().idle() <= WORKERS);
}

#[test]
fn threads_share_a_blocking_session() {
    guarded(|| {
        let bench = BlockingBench::default();
        let (session, peer) = (bench.session(), echo(&bench));
        std::thread::scope(|scope| {
            for worker in 0..WORKERS {
                let (session, url) = (session.clone(), peer.url(""));
                scope.spawn(move || entreat::net::blocking::block(work(session, url, worker)));
            }
        });
        check(&session, &peer);
    });
}

#[test]
fn tasks_that_end_together_leave_their_connections_to_the_next_ones() {
    guarded(|| {
        runtime().block_on(async {
            let wait = Step::Sleep(std::time::Duration::from_millis(30));
            let (bench, client) = (TokioBench::default(), entreat::aio::Client::new());
            let peer = bench.peer_for_all([Step::Expect, wait, Step::Echo, Step::Again]);
            for _ in 0..2 {
                let ask = |_| {
                    let (client, request) = (client.clone(), peer.get("/"));
                    tokio::spawn(async move { client.send(request).await?.bytes().await })
                };
                for task in (0..14).map(ask).collect::<Vec<_>>() {
                    task.await.unwrap().unwrap();
                }
            }
            assert_eq!((peer.log.connections(), client.pool_stats().idle), (14, 14));
        });
    });
}

#[test]
fn tasks_share_a_session_of_tokio() {
    guarded(|| {
        let bench = TokioBench::default();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (session, peer) = (bench.session(), echo(&bench));
            let tasks: Vec<_> = (0..WORKERS)
                .map(|worker| tokio::spawn(work(session.clone(), peer.url(""), worker)))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            check(&session, &peer);
        });
    });
}

#[cfg(unix)]
#[test]
fn futures_of_one_loop_share_a_nested_session() {
    guarded(|| {
        let bench = NestedBench::default();
        let (session, peer) = (bench.session(), echo(&bench));
        bench.block_on(all((0..WORKERS).map(|worker| work(session.clone(), peer.url(""), worker))));
        check(&session, &peer);
    });
}

#[test]
fn futures_that_suspend_everywhere_share_a_session() {
    guarded(|| {
        let net = Scripted::default();
        let bench = ScriptedBench(net.clone());
        let (session, peer) = (bench.session(), echo(&bench));
        net.run(all((0..WORKERS).map(|worker| work(session.clone(), peer.url(""), worker))));
        check(&session, &peer);
    });
}
