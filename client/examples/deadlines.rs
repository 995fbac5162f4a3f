//! How exactly deadlines are kept, whatever the peer does: `make deadlines` prints how late each one was noticed.
//!
//! Each case is a peer that never comes to an end, and the one time-out that must end it. Every row is tried by the
//! blocking client, by the blocking client while signals arrive every few milliseconds, by the async one, and by the net
//! that other event loops host. Not a test, as a machine may be busy; it ends with an error where a deadline was missed by more than 50 ms.

use entreat::net::nested::{self, Nested};
use entreat::session::Session;
use entreat::{Body, Client, Config, Error, Kind, PoolRules, Request, Timeout, TlsRules, aio};
use entreat_testkit::scripted::{Peer, Step};
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Each time-out.
const LIMIT: Duration = Duration::from_millis(700);
/// How late it may be noticed.
const LATE: Duration = Duration::from_millis(50);
/// Longer than any case lasts.
const HOLD: Step = Step::Sleep(Duration::from_secs(5));

struct Case {
    name: &'static str,
    expected: Kind,
    config: Config,
    request: Request,
    /// Keeps the peer.
    _peer: Option<Peer>,
}

fn main() {
    let backlog = Backlog::full();
    let mut missed = 0;
    println!("{:44} {:>10} {:>10} {:>10} {:>10}", "late, in ms", "blocking", "signals", "tokio", "nested");
    for index in 0..cases(&backlog).len() {
        let case = || cases(&backlog).swap_remove(index);
        let late = [blocking(case()), interrupted(case()), on_tokio(case()), in_a_loop(case())];
        let [a, b, c, d] = late.map(|late| late.as_secs_f64() * 1000.0);
        println!("{:44} {a:10.1} {b:10.1} {c:10.1} {d:10.1}", case().name);
        missed += late.iter().filter(|late| **late > LATE).count();
    }
    if missed > 0 {
        eprintln!("{missed} deadlines were missed by more than {LATE:?}");
        std::process::exit(1);
    }
}

fn cases(backlog: &Backlog) -> Vec<Case> {
    let mut cases = vec![Case {
        name: "connect: nobody answers",
        expected: Kind::ConnectTimeout,
        config: within(Timeout { connect: Some(LIMIT), ..Timeout::NONE }),
        request: Request::get(format!("http://{}/", backlog.address)),
        _peer: None,
    }];
    let read = Timeout { read: Some(LIMIT), ..Timeout::NONE };
    let total = Timeout { total: Some(LIMIT), ..Timeout::NONE };
    let connect = Timeout { connect: Some(LIMIT), ..Timeout::NONE };
    let second = Duration::from_secs(1);
    let mut add = |name, expected, timeout, script: Vec<Step>| {
        let peer = Peer::always(script);
        let request = Request::get(peer.url("/"));
        cases.push(Case { name, expected, config: within(timeout), request, _peer: Some(peer) });
    };
    add("read: no head", Kind::ReadTimeout, read, vec![Step::ExpectHead, HOLD]);
    let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    add("read: half a body", Kind::ReadTimeout, read, vec![Step::ExpectHead, half, HOLD]);
    let head = || Step::send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    let slow = drip(head(), "x", second);
    add("total: a body of a byte a second", Kind::TotalTimeout, total, slow);
    let fast = drip(head(), "x", Duration::from_millis(10));
    add("total: a body of a hundred bytes a second", Kind::TotalTimeout, total, fast);
    let chunks = Step::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunks = drip(chunks, "1\r\nx\r\n", Duration::from_millis(10));
    add("total: chunk after chunk", Kind::TotalTimeout, total, chunks);
    let head = drip(Step::send("HTTP/1.1 200 OK\r\n"), "a", second);
    add("total: a head of a byte a second", Kind::TotalTimeout, total, head);
    let informational = drip(Step::send(""), "HTTP/1.1 102 Processing\r\n\r\n", Duration::from_millis(20));
    add("total: one informational answer after another", Kind::TotalTimeout, total, informational);
    let again = Step::send("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    let round = vec![Step::ExpectHead, Step::Sleep(Duration::from_millis(100)), again, Step::Close];
    add("total: a redirect to itself", Kind::TotalTimeout, total, round);
    add_uploads(&mut cases, LIMIT);
    add_proxies(&mut cases, connect);
    let peer = Peer::always([HOLD]);
    let request = Request::get(peer.url("/").replace("http://", "https://"));
    let tls = TlsRules { accept_any_certificate: true, ..TlsRules::default() };
    let config = within(connect).tls(tls);
    let (name, expected) = ("connect: no TLS handshake", Kind::ConnectTimeout);
    cases.push(Case { name, expected, config, request, _peer: Some(peer) });
    cases
}

fn add_proxies(cases: &mut Vec<Case>, timeout: Timeout) {
    let head = drip(Step::send("HTTP/1.1 200 OK\r\n"), "a", Duration::from_millis(10));
    for (name, scheme, script) in [
        ("connect: no answer to CONNECT", "http", vec![HOLD]),
        ("connect: an answer to CONNECT without an end", "http", head),
        ("connect: no TLS handshake of a proxy", "https", vec![HOLD]),
        ("connect: no word from a SOCKS proxy", "socks5h", vec![HOLD]),
        ("connect: half a word from a SOCKS proxy", "socks5h", vec![Step::send([5]), HOLD]),
    ] {
        let peer = Peer::always(script);
        let config = within(timeout).proxy(&peer.url("").replace("http://", &format!("{scheme}://")));
        let request = Request::get("https://a.test/");
        cases.push(Case { name, expected: Kind::ConnectTimeout, config, request, _peer: Some(peer) });
    }
}

fn add_uploads(cases: &mut Vec<Case>, limit: Duration) {
    let write = Timeout { write: Some(limit), ..Timeout::NONE };
    let bodies = [Body::from(vec![0; 64 << 20]), Body::reader(std::io::repeat(0))];
    for (name, body) in
        ["write: bytes that nobody reads", "write: a stream that nobody reads"].into_iter().zip(bodies)
    {
        let peer = Peer::always([Step::ExpectHead, HOLD]);
        let request = Request::post(peer.url("/")).body(body);
        cases.push(Case {
            name,
            expected: Kind::WriteTimeout,
            config: within(write),
            request,
            _peer: Some(peer),
        });
    }
}

/// Ever the same piece, at intervals.
fn drip(first: Step, piece: &'static str, interval: Duration) -> Vec<Step> {
    let mut steps = vec![Step::ExpectHead, first];
    for _ in 0..(LIMIT * 3).div_duration_f64(interval).ceil() as usize {
        steps.extend([Step::send(piece), Step::Sleep(interval)]);
    }
    steps
}

fn within(timeout: Timeout) -> Config {
    Config::new().timeout(timeout).pool(PoolRules { per_origin: Some(1), ..PoolRules::default() })
}

fn blocking(case: Case) -> Duration {
    let client = Client::with_config(case.config).expect("the settings are valid");
    let start = Instant::now();
    let error = client.send(case.request).and_then(|response| response.bytes()).expect_err(case.name);
    late(case.name, case.expected, start, &error)
}

fn on_tokio(case: Case) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let client = aio::Client::with_config(case.config).expect("the settings are valid");
        let start = Instant::now();
        let answer = async { client.send(case.request).await?.bytes().await };
        let error = answer.await.expect_err(case.name);
        late(case.name, case.expected, start, &error)
    })
}

fn in_a_loop(case: Case) -> Duration {
    let net = Nested::new().expect("descriptors are left");
    nested::block_on(&net, async {
        let session = Session::new(net.clone(), case.config).expect("the settings are valid");
        let start = Instant::now();
        let answer = async { session.deliver(case.request).await?.incoming().read_to_end().await };
        let error = answer.await.expect_err(case.name);
        late(case.name, case.expected, start, &error)
    })
}

/// The blocking client, on a thread that is sent a signal every five milliseconds.
fn interrupted(case: Case) -> Duration {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: the handler does nothing, and an action of zeros but for it is a valid one: no flags, so that system calls
    // are interrupted.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
    }
    // SAFETY: asks for this thread's own id.
    let thread = unsafe { libc::pthread_self() } as usize;
    let done = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&done);
    let signals = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            // SAFETY: the thread waits for this one to end before it ends itself.
            unsafe { libc::pthread_kill(thread as libc::pthread_t, libc::SIGUSR1) };
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let late = blocking(case);
    done.store(true, Ordering::Relaxed);
    signals.join().expect("that thread does not panic");
    late
}

fn late(name: &str, expected: Kind, start: Instant, error: &Error) -> Duration {
    let took = start.elapsed();
    assert_eq!(error.kind(), expected, "{name}: {error}");
    took.saturating_sub(LIMIT)
}

/// A listener whose queue is full: connecting to it never ends.
struct Backlog {
    address: SocketAddr,
    _sockets: Vec<Socket>,
}

impl Backlog {
    fn full() -> Backlog {
        let new = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("sockets can be made");
        let listener = new();
        let any = SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        listener.bind(&any).and_then(|()| listener.listen(0)).expect("loopback can be listened on");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut sockets = vec![listener];
        loop {
            let filler = new();
            let connected = filler.connect_timeout(&address, Duration::from_millis(50));
            sockets.push(filler);
            if connected.is_err() {
                let address = address.as_socket().expect("an address of IP");
                return Backlog { address, _sockets: sockets };
            }
        }
    }
}
