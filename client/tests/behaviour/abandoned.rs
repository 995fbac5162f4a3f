//! Requests dropped anywhere, at random but repeatably, many at once on one session: whatever was cut off, each answer
//! that is read to its end is the request's own, and each connection is idle or closed, counted at the server.

use crate::support::*;
use entreat::net::Net;
use entreat::net::scripted::Step;
use entreat::session::Session;
use entreat::{Config, PoolRules, Request, Timeout, TlsRules};
use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

const WORKERS: u32 = 8;
const REQUESTS: u32 = 40;
const CONNECTIONS: usize = 5;

/// Where a request ends.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// With its answer.
    Answered,
    /// After so many polls.
    Polled(u32),
    /// After that time.
    Timed(Duration),
    /// With so many bytes of the body read.
    Read(usize),
}

/// Numbers that look random and are the same each time: a xorshift.
struct Dice(u32);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % limit
    }

    fn fate(&mut self) -> Fate {
        match self.below(4) {
            0 => Fate::Answered,
            1 => Fate::Polled(self.below(30)),
            2 => Fate::Timed(Duration::from_micros(u64::from(self.below(3000)))),
            _ => Fate::Read(self.below(6) as usize),
        }
    }

    /// Of a body: none, one that fits everywhere, one that fills buffers.
    fn length(&mut self) -> usize {
        [0, 1000, 200_000][self.below(3) as usize]
    }
}

async fn work<B: Bench>(bench: &B, session: &Session<B::Net>, base: &str, worker: u32) {
    let mut dice = Dice(worker + 1);
    for number in 0..REQUESTS {
        let path = format!("/{worker}/{number}");
        let url = format!("{base}{path}");
        let request = match dice.length() {
            0 => Request::get(url),
            length => Request::post(url).body(vec![b'x'; length]),
        };
        let fate = dice.fate();
        let mut polls = match fate {
            Fate::Polled(limit) => limit,
            Fate::Answered | Fate::Timed(_) | Fate::Read(_) => u32::MAX,
        };
        let (mut sending, mut late) = (pin!(send(session, request, fate)), pin!(time(bench, fate)));
        let body = poll_fn(|context| {
            if polls == 0 || late.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            polls -= 1;
            sending.as_mut().poll(context).map(Some)
        });
        if let Some(body) = body.await {
            assert!(path.as_bytes().starts_with(&body), "{path} was answered with {body:?}");
            assert!(body.len() == path.len() || matches!(fate, Fate::Read(_)), "{path}: {body:?}");
        }
    }
}

async fn time<B: Bench>(bench: &B, fate: Fate) {
    match fate {
        Fate::Timed(limit) => bench.pause(limit).await,
        Fate::Answered | Fate::Polled(_) | Fate::Read(_) => std::future::pending().await,
    }
}

async fn send<N: Net>(session: &Session<N>, request: Request, fate: Fate) -> Vec<u8> {
    let mut response = session.deliver(request).await.unwrap();
    match fate {
        Fate::Read(most) => {
            let mut piece = vec![0; most];
            let count = response.incoming().read(&mut piece).await.unwrap();
            piece.truncate(count);
            piece
        }
        Fate::Answered | Fate::Polled(_) | Fate::Timed(_) => response.incoming().read_to_end().await.unwrap(),
    }
}

async fn abandon<B: Bench>(bench: &B, config: Config, peer: &Peer, base: &str) {
    let pool = PoolRules { total: Some(CONNECTIONS), ..PoolRules::default() };
    let session = bench.session_with(config.pool(pool).timeout(Timeout::total(Duration::from_secs(20))));
    all((0..WORKERS).map(|worker| work(bench, &session, base, worker))).await;
    let stats = session.engine().stats();
    assert_eq!((stats.in_use, stats.waiting), (0, 0));
    assert!(stats.idle <= CONNECTIONS && stats.opened > CONNECTIONS as u64, "{stats:?}");
    // No request was sent twice, on whatever connection.
    let lines = peer.lines();
    assert_eq!(lines.iter().collect::<HashSet<_>>().len(), lines.len());
    let open = || (0..peer.log.connections()).filter(|at| !peer.log.client_closed(*at)).count();
    bench.until(|| open() == stats.idle).await;
    // Each of those that are idle is good: so many at once make no new one.
    let again = async |number: usize| {
        let path = format!("/again/{number}");
        assert_eq!(fetch(&session, Request::get(format!("{base}{path}"))).await.unwrap().text(), path);
    };
    all((0..stats.idle).map(again)).await;
    assert_eq!(session.engine().stats().opened, stats.opened);
}

fn echo() -> [Step; 3] {
    [Step::Expect, Step::Echo, Step::Again]
}

behaviour!(whatever_is_dropped_leaves_connections_that_are_idle_or_closed, suspending, |bench| {
    let peer = bench.peer_for_all(echo());
    abandon(bench, Config::new(), &peer, &peer.url("")).await;
});

async fn abandon_in_tls<B: TlsBench>(bench: &B) {
    let leaf = entreat_testkit::ca::Authority::new().leaf(&["localhost"]);
    let peer = bench.tls_peer_by(leaf.server(&["http/1.1"]), echo());
    let rules = TlsRules { accept_any_certificate: true, ..TlsRules::default() };
    let base = format!("https://localhost:{}", peer.address.port());
    abandon(bench, Config::new().tls(rules), &peer, &base).await;
}

#[cfg(unix)]
#[test]
fn whatever_is_dropped_leaves_connections_over_tls_that_are_idle_or_closed_nested() {
    guarded(|| {
        let bench = NestedBench::default();
        bench.block_on(abandon_in_tls(&bench));
        assert_eq!(bench.net().next_timer(), None, "nothing is left with the net");
    });
}

#[test]
fn whatever_is_dropped_leaves_connections_over_tls_that_are_idle_or_closed_tokio() {
    guarded(|| runtime().block_on(async { abandon_in_tls(&TokioBench::default()).await }));
}
