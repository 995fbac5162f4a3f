//! What tests stand on: a bench for each net, peers that play scripts, and answers read to their end.

mod relay;
mod tcp;

use entreat::net::blocking::Blocking;
#[cfg(unix)]
use entreat::net::nested::{self, Nested};
use entreat::net::scripted::{Log, Script, Scripted, Scripts, Step};
use entreat::net::{Net, tokio::Tokio};
use entreat::session::Session;
use entreat::{Config, Deadline, Error, Headers, Kind, Request, Result, Timeout};
use entreat_testkit::ca::Leaf;
use rustls::ServerConfig;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::time::{Duration, Instant};

pub(crate) use relay::Relay;
pub(crate) use tcp::{Tcp, TlsPeer};

/// A time-out that tests wait for; on the virtual clock it costs nothing.
pub(crate) const SHORT: Duration = Duration::from_millis(150);

/// Much longer than anything takes on the slowest machine: what reaches it hangs.
const HANG: Duration = Duration::from_secs(30);

/// Longer than any test lasts: a peer that sleeps so reads nothing more.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(3600);

/// Makes a test per net of one body, a block that may await and sees the bench under the given name: four, or three
/// where it needs TLS, which the scripted net does not speak.
macro_rules! behaviour {
    ($name:ident, |$bench:ident| $body:block) => {
        mod $name {
            use super::*;

            async fn body<B: $crate::support::Bench>($bench: &B) $body

            $crate::support::behaviour!(@real);
            $crate::support::behaviour!(@scripted);
        }
    };
    ($name:ident, tls, |$bench:ident| $body:block) => {
        mod $name {
            use super::*;

            async fn body<B: $crate::support::TlsBench>($bench: &B) $body

            $crate::support::behaviour!(@real);
        }
    };
    // Only nets whose futures may suspend.
    ($name:ident, suspending, |$bench:ident| $body:block) => {
        mod $name {
            use super::*;

            async fn body<B: $crate::support::Bench>($bench: &B) $body

            $crate::support::behaviour!(@suspending);
            $crate::support::behaviour!(@scripted);
        }
    };
    (@real) => {
        #[test]
        fn blocking() {
            $crate::support::guarded(|| {
                entreat::net::blocking::block(body(&$crate::support::BlockingBench::default()));
            });
        }

        $crate::support::behaviour!(@suspending);
    };
    (@suspending) => {
        #[test]
        fn tokio() {
            $crate::support::guarded(|| {
                $crate::support::runtime().block_on(body(&$crate::support::TokioBench::default()));
            });
        }

        #[cfg(unix)]
        #[test]
        fn nested() {
            $crate::support::guarded(|| {
                let bench = $crate::support::NestedBench::default();
                bench.block_on(body(&bench));
            });
        }
    };
    (@scripted) => {
        #[test]
        fn scripted() {
            $crate::support::guarded(|| {
                let net = entreat::net::scripted::Scripted::default();
                net.run(body(&$crate::support::ScriptedBench(net.clone())));
            });
        }
    };
}
pub(crate) use behaviour;

/// One net, and peers for it.
pub(crate) trait Bench {
    type Net: Net;

    fn net(&self) -> Self::Net;
    fn listen(&self, scripts: Scripts, log: &Log) -> SocketAddr;
    /// As [`Bench::listen`], on an address of this machine of its own choice.
    fn listen_at(&self, host: IpAddr, scripts: Scripts, log: &Log) -> SocketAddr;
    /// Where connecting never ends.
    fn listen_silently_at(&self, host: IpAddr) -> SocketAddr;
    async fn pause(&self, duration: Duration);
    /// Asserts that what began at `start` took as long as it should: exactly, where time is virtual.
    fn assert_took(&self, start: Instant, expected: Duration);

    /// A peer that plays one script for each connection.
    fn peers<const N: usize>(&self, scripts: [Script; N]) -> Peer {
        self.peer_for(Scripts::Each(scripts.into()))
    }

    /// A peer for one connection.
    fn peer(&self, script: impl Into<Script>) -> Peer {
        self.peers([script.into()])
    }

    /// A peer that plays the same for every connection.
    fn peer_for_all(&self, script: impl Into<Script>) -> Peer {
        self.peer_for(Scripts::All(script.into()))
    }

    fn peer_for(&self, scripts: Scripts) -> Peer {
        let log = Log::default();
        Peer { address: self.listen(scripts, &log), log }
    }

    fn listen_silently(&self) -> SocketAddr {
        self.listen_silently_at(Ipv4Addr::LOCALHOST.into())
    }

    fn session(&self) -> Session<Self::Net> {
        self.session_with(Config::new())
    }

    fn session_with(&self, config: Config) -> Session<Self::Net> {
        Session::new(self.net(), config).expect("the settings are valid")
    }

    fn session_within(&self, timeout: Timeout) -> Session<Self::Net> {
        self.session_with(Config::new().timeout(timeout))
    }

    fn now(&self) -> Instant {
        self.net().now()
    }

    /// Waits until `condition` holds.
    async fn until(&self, condition: impl Fn() -> bool) {
        while !condition() {
            self.pause(Duration::from_millis(2)).await;
        }
        // What a real peer did has reached the client's socket by now.
        self.pause(Duration::from_millis(10)).await;
    }
}

/// A bench whose peers may speak TLS.
pub(crate) trait TlsBench: Bench {
    fn listen_tls(&self, scripts: Scripts, log: &Log, tls: TlsPeer) -> SocketAddr;

    /// A peer with that certificate that plays one script for each connection, and says good-bye before it closes.
    fn tls_peers<const N: usize>(&self, leaf: &Leaf, scripts: [Script; N]) -> Peer {
        self.tls_peer_for(leaf, true, Scripts::Each(scripts.into()))
    }

    /// A peer that speaks TLS by this configuration, and plays the same for every connection.
    fn tls_peer_by(&self, config: Arc<ServerConfig>, script: impl Into<Script>) -> Peer {
        let log = Log::default();
        let tls = TlsPeer { config, close_notify: true };
        Peer { address: self.listen_tls(Scripts::All(script.into()), &log, tls), log }
    }

    fn tls_peer_for(&self, leaf: &Leaf, close_notify: bool, scripts: Scripts) -> Peer {
        let log = Log::default();
        let tls = TlsPeer { config: leaf.server(&["http/1.1"]), close_notify };
        Peer { address: self.listen_tls(scripts, &log, tls), log }
    }
}

impl TlsBench for BlockingBench {
    fn listen_tls(&self, scripts: Scripts, log: &Log, tls: TlsPeer) -> SocketAddr {
        self.0.listen(scripts, log, Some(tls))
    }
}

impl TlsBench for TokioBench {
    fn listen_tls(&self, scripts: Scripts, log: &Log, tls: TlsPeer) -> SocketAddr {
        self.0.listen(scripts, log, Some(tls))
    }
}

#[cfg(unix)]
impl TlsBench for NestedBench {
    fn listen_tls(&self, scripts: Scripts, log: &Log, tls: TlsPeer) -> SocketAddr {
        self.peers.listen(scripts, log, Some(tls))
    }
}

/// Someone to connect to.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
}

impl Peer {
    /// A URL of this peer; the path begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// As [`Peer::url`], over TLS.
    pub(crate) fn https(&self, path: &str) -> Request {
        Request::get(format!("https://localhost:{}{path}", self.address.port()))
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        Request::get(self.url(path))
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        Request::post(self.url(path))
    }

    /// The lines of the requests that arrived, such as `GET /`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.requests().iter().map(|request| request.line().to_owned()).collect()
    }
}

/// A response and its whole body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) url: String,
    pub(crate) trailers: Option<Headers>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("tests send UTF-8")
    }
}

/// Sends, and reads the answer to its end.
pub(crate) async fn fetch<N: Net>(session: &Session<N>, request: Request) -> Result<Answer> {
    let mut response = session.deliver(request).await?;
    let body = response.incoming().read_to_end().await?;
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body,
        url: response.url().as_str().to_owned(),
        trailers: response.trailers().cloned(),
    })
}

/// The kind of the error that `request` ends with.
pub(crate) async fn failure<N: Net>(session: &Session<N>, request: Request) -> Error {
    match fetch(session, request).await {
        Ok(answer) => panic!("an answer with status {}", answer.status),
        Err(error) => error,
    }
}

/// Asserts that `request` is refused with `kind` before anyone is bothered.
pub(crate) async fn refused<B: Bench>(bench: &B, peer: &Peer, request: Request, kind: Kind) {
    let error = failure(&bench.session(), request).await;
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(peer.log.connections(), 0, "{error}");
}

/// A whole response: a status line without its version, fields that end with CRLF each, and a body.
pub(crate) fn response(status: &str, fields: &str, body: impl AsRef<[u8]>) -> Step {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    Step::Send([head.as_bytes(), body].concat())
}

pub(crate) fn ok(body: &str) -> Step {
    response("200 OK", "", body)
}

/// Waits once, for nothing.
pub(crate) async fn suspend_once() {
    let mut has_waited = false;
    poll_fn(|context| match std::mem::replace(&mut has_waited, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// Polls all of them until all are done.
pub(crate) async fn all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Runs a test on a thread of its own; one that does not end fails instead of blocking all others.
pub(crate) fn guarded(test: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = wait.recv_timeout(HANG) {
        panic!("the test hangs");
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}

#[derive(Default)]
pub(crate) struct BlockingBench(Tcp);

impl Bench for BlockingBench {
    type Net = Blocking;

    fn net(&self) -> Blocking {
        Blocking::default()
    }

    fn listen(&self, scripts: Scripts, log: &Log) -> SocketAddr {
        self.0.listen(scripts, log, None)
    }

    fn listen_at(&self, host: IpAddr, scripts: Scripts, log: &Log) -> SocketAddr {
        self.0.listen_at(host, scripts, log, None)
    }

    fn listen_silently_at(&self, host: IpAddr) -> SocketAddr {
        self.0.listen_silently_at(host)
    }

    async fn pause(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn assert_took(&self, start: Instant, expected: Duration) {
        assert_took_about(start, expected);
    }
}

#[derive(Default)]
pub(crate) struct TokioBench(Tcp);

impl Bench for TokioBench {
    type Net = Tokio;

    fn net(&self) -> Tokio {
        Tokio
    }

    fn listen(&self, scripts: Scripts, log: &Log) -> SocketAddr {
        self.0.listen(scripts, log, None)
    }

    fn listen_at(&self, host: IpAddr, scripts: Scripts, log: &Log) -> SocketAddr {
        self.0.listen_at(host, scripts, log, None)
    }

    fn listen_silently_at(&self, host: IpAddr) -> SocketAddr {
        self.0.listen_silently_at(host)
    }

    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn assert_took(&self, start: Instant, expected: Duration) {
        assert_took_about(start, expected);
    }
}

#[cfg(unix)]
pub(crate) struct NestedBench {
    peers: Tcp,
    net: Nested,
}

#[cfg(unix)]
impl Default for NestedBench {
    fn default() -> NestedBench {
        NestedBench { peers: Tcp::default(), net: Nested::new().expect("descriptors are left") }
    }
}

#[cfg(unix)]
impl NestedBench {
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        nested::block_on(&self.net, future)
    }
}

#[cfg(unix)]
impl Bench for NestedBench {
    type Net = Nested;

    fn net(&self) -> Nested {
        self.net.clone()
    }

    fn listen(&self, scripts: Scripts, log: &Log) -> SocketAddr {
        self.peers.listen(scripts, log, None)
    }

    fn listen_at(&self, host: IpAddr, scripts: Scripts, log: &Log) -> SocketAddr {
        self.peers.listen_at(host, scripts, log, None)
    }

    fn listen_silently_at(&self, host: IpAddr) -> SocketAddr {
        self.peers.listen_silently_at(host)
    }

    async fn pause(&self, duration: Duration) {
        let slept = self.net.sleep_until(Instant::now() + duration, Deadline::NEVER).await;
        slept.expect("there is no deadline");
    }

    fn assert_took(&self, start: Instant, expected: Duration) {
        assert_took_about(start, expected);
    }
}

pub(crate) struct ScriptedBench(pub Scripted);

impl Bench for ScriptedBench {
    type Net = Scripted;

    fn net(&self) -> Scripted {
        self.0.clone()
    }

    fn listen(&self, scripts: Scripts, log: &Log) -> SocketAddr {
        self.0.listen(scripts, log.clone())
    }

    fn listen_at(&self, host: IpAddr, scripts: Scripts, log: &Log) -> SocketAddr {
        self.0.listen_at(host, scripts, log.clone())
    }

    fn listen_silently_at(&self, host: IpAddr) -> SocketAddr {
        self.0.listen_silently_at(host)
    }

    async fn pause(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }

    fn assert_took(&self, start: Instant, expected: Duration) {
        assert_eq!(self.now() - start, expected);
    }
}

/// Real clocks: long enough, and nowhere near the next longer time-out.
fn assert_took_about(start: Instant, expected: Duration) {
    let took = start.elapsed();
    assert!(took + Duration::from_millis(5) >= expected, "{took:?} is less than {expected:?}");
    assert!(took < expected + Duration::from_secs(20), "{took:?} is far more than {expected:?}");
}

/// A file that is there while its handle is.
pub(crate) struct TemporaryFile(std::path::PathBuf);

impl TemporaryFile {
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) fn tempfile(content: &str) -> TemporaryFile {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("entreat-behaviour-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, content).expect("the temporary directory can be written");
    TemporaryFile(path)
}
