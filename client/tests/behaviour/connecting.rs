//! Happy eyeballs: dead addresses cost little, the first that answers gets the one connection, errors name them all.

use crate::support::*;
use entreat::net::Net;
use entreat::net::scripted::{Log, Scripts, Step};
use entreat::{Config, Deadline, Kind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Loopback over IPv6, or where a machine has none, as containers often have not, another address of IPv4.
fn v6() -> IpAddr {
    match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(_) => Ipv6Addr::LOCALHOST.into(),
        Err(_) => Ipv4Addr::new(127, 0, 0, 2).into(),
    }
}

/// A peer that takes connections, one of which it keeps open.
fn alive<B: Bench>(bench: &B, host: IpAddr) -> Peer {
    let log = Log::default();
    let address = bench.listen_at(host, Scripts::All(vec![Step::Expect]), &log);
    Peer { address, log }
}

/// Nobody listens there: port 1 needs privileges that no test server has.
fn dead(host: IpAddr) -> SocketAddr {
    SocketAddr::new(host, 1)
}

async fn connect<B: Bench>(
    bench: &B,
    addresses: &[SocketAddr],
    stagger: Duration,
    limit: Option<Duration>,
) -> Result<<B::Net as Net>::Stream> {
    let network = Config::new().happy_eyeballs(stagger).resolve()?.network;
    let at = limit.map(|limit| bench.now() + limit);
    bench.net().connect(addresses, &network, Deadline::new(at, Kind::ConnectTimeout)).await
}

behaviour!(a_silent_first_address_costs_one_stagger, |bench| {
    for (silent, answering) in [(v6(), V4), (V4, v6())] {
        let (silent, peer) = (bench.listen_silently_at(silent), alive(bench, answering));
        let start = bench.now();
        let stream = connect(bench, &[silent, peer.address], SHORT, Some(FOR_EVER)).await.unwrap();
        bench.assert_took(start, SHORT);
        bench.until(|| peer.log.connections() == 1).await;
        drop(stream);
    }
});

behaviour!(a_refused_first_address_costs_nothing, |bench| {
    for (refused, answering) in [(v6(), V4), (V4, v6())] {
        let peer = alive(bench, answering);
        connect(bench, &[dead(refused), peer.address], FOR_EVER, None).await.unwrap();
        bench.until(|| peer.log.connections() == 1).await;
    }
});

behaviour!(a_refusal_starts_the_next_attempt_beside_one_that_is_silent, |bench| {
    let (silent, peer) = (bench.listen_silently_at(v6()), alive(bench, V4));
    let start = bench.now();
    // The second begins after a stagger, and the third at once behind it.
    let addresses = [silent, dead(V4), peer.address];
    connect(bench, &addresses, SHORT, Some(FOR_EVER)).await.unwrap();
    bench.assert_took(start, SHORT);
});

behaviour!(the_first_to_answer_gets_the_only_connection, |bench| {
    let (first, second) = (alive(bench, v6()), alive(bench, V4));
    let stream = connect(bench, &[first.address, second.address], SHORT, None).await.unwrap();
    bench.until(|| first.log.connections() == 1).await;
    bench.pause(SHORT * 2).await;
    assert_eq!((first.log.connections(), second.log.connections()), (1, 0));
    drop(stream);
});

behaviour!(when_all_refuse_the_error_names_each_with_its_cause, |bench| {
    let error = connect(bench, &[dead(v6()), dead(V4)], FOR_EVER, None).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Connect, "{error}");
    let text = error.to_string().to_lowercase();
    let first = format!("{}: ", dead(v6()));
    assert!(text.contains(&first) && text.contains("; 127.0.0.1:1: connection refused"), "{text}");
});

behaviour!(when_all_are_silent_the_deadline_ends_it, |bench| {
    let addresses = [bench.listen_silently_at(v6()), bench.listen_silently_at(V4)];
    let start = bench.now();
    let error = connect(bench, &addresses, SHORT / 5, Some(SHORT)).await.err().unwrap();
    bench.assert_took(start, SHORT);
    assert_eq!(error.kind(), Kind::ConnectTimeout, "{error}");
    let names = addresses.map(|address| format!("{address}: no answer"));
    assert!(names.iter().all(|name| error.to_string().contains(name)), "{error}");
});

behaviour!(the_deadline_of_a_race_is_kept, |bench| {
    let addresses = [bench.listen_silently_at(v6()), bench.listen_silently_at(V4)];
    let mut least = FOR_EVER;
    // Of several, as the machine may be busy.
    for _ in 0..5 {
        let start = bench.now();
        connect(bench, &addresses, SHORT / 5, Some(SHORT)).await.err().unwrap();
        least = least.min(bench.now() - start);
    }
    assert!((SHORT..SHORT + Duration::from_millis(50)).contains(&least), "{least:?}");
});

behaviour!(without_a_stagger_one_silent_address_uses_up_the_deadline, |bench| {
    let (silent, peer) = (bench.listen_silently_at(v6()), alive(bench, V4));
    let start = bench.now();
    let error = connect(bench, &[silent, peer.address], Duration::MAX, Some(SHORT)).await.err().unwrap();
    bench.assert_took(start, SHORT);
    assert!(error.kind() == Kind::ConnectTimeout && peer.log.connections() == 0, "{error}");
});

behaviour!(losers_are_closed, |bench| {
    if std::env::var_os("NEXTEST").is_none() {
        return; // Other tests in this process open and close files meanwhile.
    }
    let (silent, peer) = ([(); 3].map(|()| bench.listen_silently_at(v6())), alive(bench, V4));
    let addresses: Vec<_> = silent.into_iter().chain([peer.address]).collect();
    let before = open_files();
    let stream = connect(bench, &addresses, SHORT / 5, None).await.unwrap();
    bench.until(|| peer.log.connections() == 1).await;
    // Ours and, where the peer is real, its two handles of the same connection.
    assert!(open_files() <= before + 3, "{} and then {}", before, open_files());
    drop(stream);
});

/// Descriptors of this process, where the system tells.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
