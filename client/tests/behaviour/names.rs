//! Names: overrides, resolvers and their cache. The URL's own name goes to the server whatever it stands for.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::session::Session;
use entreat::{Config, Deadline, Error, Family, Kind, Request, Resolve, Result, Roots, Timeout, TlsRules};
use entreat_testkit::ca::Authority;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers with one list of addresses, and counts how often it was asked.
#[derive(Debug, Default)]
struct Table {
    addresses: Mutex<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Table {
    fn of(addresses: &[&str]) -> Arc<Table> {
        let addresses = addresses.iter().map(|address| format!("{address}:9").parse().unwrap()).collect();
        Arc::new(Table { addresses: Mutex::new(addresses), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Table {
    fn resolve(&self, host: &str, _: Deadline) -> Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match host {
            "gone.test" => Err(Error::new(Kind::Resolve).seen("gone.test")),
            _ => Ok(self.addresses.lock().unwrap().clone()),
        }
    }
}

/// Answers each request on a connection of its own.
fn close_after_each<B: Bench>(bench: &B) -> Peer {
    bench.peer_for_all([Step::Expect, response("200 OK", "Connection: close\r\n", "here")])
}

fn named(peer: &Peer) -> Request {
    Request::get(format!("http://name.test:{}/", peer.address.port()))
}

behaviour!(an_override_leads_elsewhere_and_the_host_field_stays, |bench| {
    let peer = bench.peer([Step::Expect, ok("here")]);
    let session = bench.session_with(Config::new().resolve_to("name.test:81", peer.address.to_string()));
    assert_eq!(fetch(&session, Request::get("http://name.test:81/")).await.unwrap().text(), "here");
    assert_eq!(peer.log.requests()[0].header("Host"), Some("name.test:81"));
    assert_eq!(failure(&session, Request::get("http://name.invalid:82/")).await.kind(), Kind::Resolve);
});

behaviour!(an_override_with_several_addresses_is_a_race, |bench| {
    let peer = bench.peer([Step::Expect, ok("here")]);
    let addresses = format!("[::1]:1,{}", peer.address);
    let session = bench.session_with(Config::new().resolve_to("*", addresses));
    assert_eq!(fetch(&session, Request::get("http://name.test/")).await.unwrap().text(), "here");
});

behaviour!(an_override_of_one_request_shares_no_connection_with_others, |bench| {
    let (first, second) =
        (bench.peer_for_all([Step::Expect, ok("1"), Step::Again]), bench.peer([Step::Expect, ok("2")]));
    let session = bench.session_with(Config::new().resolve_to("name.test", first.address.to_string()));
    let request = || Request::get("http://name.test/");
    let elsewhere = request().configure(|config| config.resolve_to("name.test", second.address.to_string()));
    assert_eq!(fetch(&session, request()).await.unwrap().text(), "1");
    assert_eq!(fetch(&session, elsewhere).await.unwrap().text(), "2");
    assert_eq!(fetch(&session, request()).await.unwrap().text(), "1");
    assert_eq!(first.log.requests_by_connection(), [2]);
});

behaviour!(under_an_override_the_certificate_must_be_the_urls, tls, |bench| {
    let authority = Authority::new();
    let peer = bench.tls_peers(&authority.leaf(&["name.test"]), [vec![Step::Expect, ok("here")], vec![]]);
    let session = |host: &str| {
        let roots = Roots::Pem(authority.pem().as_bytes().into());
        let config = Config::new().tls(TlsRules { roots, ..TlsRules::default() });
        bench.session_with(config.resolve_to(host, peer.address.to_string()))
    };
    let answer = fetch(&session("name.test"), Request::get("https://name.test/")).await.unwrap();
    assert_eq!(answer.text(), "here");
    let error = failure(&session("other.test"), Request::get("https://other.test/")).await;
    assert_eq!(error.kind(), Kind::InvalidCertificate, "{error}");
});

behaviour!(a_resolver_is_asked_once_in_a_while, |bench| {
    let (peer, table) = (close_after_each(bench), Table::of(&["127.0.0.1"]));
    let session = bench.session_with(Config::new().resolver(table.clone()).dns_cache(SHORT));
    for _ in 0..2 {
        assert_eq!(fetch(&session, named(&peer)).await.unwrap().text(), "here");
    }
    assert_eq!(table.asked(), 1);
    bench.pause(SHORT).await;
    fetch(&session, named(&peer)).await.unwrap();
    assert_eq!(table.asked(), 2);
});

behaviour!(without_a_cache_a_resolver_is_asked_each_time, |bench| {
    let (peer, table) = (close_after_each(bench), Table::of(&["127.0.0.1"]));
    let session = bench.session_with(Config::new().resolver(table.clone()).dns_cache(Duration::ZERO));
    for _ in 0..2 {
        fetch(&session, named(&peer)).await.unwrap();
    }
    assert_eq!(table.asked(), 2);
});

behaviour!(dead_addresses_and_failures_are_not_remembered, |bench| {
    let (peer, table) = (close_after_each(bench), Table::of(&["[::1]"]));
    let session = bench.session_with(Config::new().resolver(table.clone()));
    let dead = Request::get("http://name.test:1/");
    assert_eq!(failure(&session, dead).await.kind(), Kind::Connect);
    *table.addresses.lock().unwrap() = vec![peer.address];
    assert_eq!(fetch(&session, named(&peer)).await.unwrap().text(), "here");
    let asked = table.asked();
    for _ in 0..2 {
        let error = failure(&session, Request::get("http://gone.test/")).await;
        assert_eq!(error.kind(), Kind::Resolve, "{error}");
    }
    assert_eq!((asked, table.asked()), (2, 4));
});

behaviour!(literal_addresses_and_localhost_need_no_resolver, |bench| {
    let (peer, table) = (close_after_each(bench), Table::of(&[]));
    let session = bench.session_with(Config::new().resolver(table.clone()));
    let port = peer.address.port();
    for host in ["127.0.0.1", "0x7f.1", "localhost", "a.localhost"] {
        let answer = fetch(&session, Request::get(format!("http://{host}:{port}/"))).await;
        assert_eq!(answer.unwrap().text(), "here", "{host}");
    }
    assert_eq!(table.asked(), 0);
});

behaviour!(a_family_alone_leaves_the_other_out, |bench| {
    let (peer, table) = (close_after_each(bench), Table::of(&["[::1]", "127.0.0.1"]));
    let config = || Config::new().resolver(table.clone());
    let v4 = bench.session_with(config().address_family(Family::V4));
    assert_eq!(fetch(&v4, named(&peer)).await.unwrap().text(), "here");
    let v6 = bench.session_with(config().address_family(Family::V6));
    assert_eq!(failure(&v6, named(&peer)).await.kind(), Kind::Connect);
    let error = failure(&v6, peer.get("/")).await;
    assert!(error.kind() == Kind::Resolve && error.to_string().contains("an IPv6 address"), "{error}");
    let local = bench.session_with(config().local_address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert_eq!(fetch(&local, named(&peer)).await.unwrap().text(), "here");
});

/// Never answers in time.
#[derive(Debug)]
struct Stuck;

impl Resolve for Stuck {
    fn resolve(&self, _: &str, _: Deadline) -> Result<Vec<SocketAddr>> {
        std::thread::sleep(Duration::from_secs(2));
        Err(Error::new(Kind::Resolve))
    }
}

/// Look-ups beyond 64 wait for one of them to end, and no longer than their own deadline.
#[test]
fn look_ups_that_do_not_end_are_bounded_blocking() {
    guarded(|| {
        let session = stuck(&BlockingBench::default());
        let ask = || entreat::net::blocking::block(failure(&session, Request::get("http://a.test/")));
        let errors: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..80).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_bounded(&errors);
    });
}

#[cfg(unix)]
#[test]
fn look_ups_that_do_not_end_are_bounded_nested() {
    guarded(|| {
        let bench = NestedBench::default();
        let session = stuck(&bench);
        let errors = std::sync::Mutex::new(Vec::new());
        let ask = async || {
            let error = failure(&session, Request::get("http://a.test/")).await;
            errors.lock().unwrap().push(error);
        };
        bench.block_on(all((0..80).map(|_| ask())));
        assert_bounded(&errors.into_inner().unwrap());
    });
}

#[test]
fn look_ups_that_do_not_end_are_bounded_tokio() {
    guarded(|| {
        let runtime = runtime();
        let session = stuck(&TokioBench::default());
        let errors = runtime.block_on(async {
            let ask = || {
                let session = session.clone();
                tokio::spawn(async move { failure(&session, Request::get("http://a.test/")).await })
            };
            let asking: Vec<_> = (0..80).map(|_| ask()).collect();
            let mut errors = Vec::new();
            for task in asking {
                errors.push(task.await.unwrap());
            }
            errors
        });
        assert_bounded(&errors);
        runtime.shutdown_background();
    });
}

fn stuck<B: Bench>(bench: &B) -> Session<B::Net> {
    let limits = Timeout { connect: Some(SHORT), ..Timeout::NONE };
    bench.session_with(Config::new().resolver(Arc::new(Stuck)).timeout(limits))
}

fn assert_bounded(errors: &[Error]) {
    assert!(errors.iter().all(|error| error.kind() == Kind::ConnectTimeout));
    let waited = errors.iter().filter(|error| error.to_string().contains("look-ups")).count();
    assert!(waited > 0, "{waited}");
}
