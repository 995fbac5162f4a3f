//! httpbin's origin in Rust: the routes, JSON shapes, header semantics and status codes of httpbin 0.10, over plain
//! TCP and TLS on loopback, and `/testkit/…` routes that tell what happened on the wire.
//!
//! [`spawn`] starts it for a Rust test on a thread of its own; the command `entreat-origin` calls [`start`]. A request
//! goes `connection` (bytes to `Request`), `routes` (path to handler), a file of `handlers` (pure functions from
//! request to `Response`), and back through `connection`, which alone writes and sleeps.
//!
//! HTTP/1.1 is written by hand here, because a test wants to see the head exactly as it arrived.

mod connection;
mod content;
mod handlers;
mod message;
mod python;
mod receive;
mod routes;
mod send;
mod status;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::ca::{Authority, LOOPBACK};
use crate::loopback;

/// What to listen on; the default is a free port for each of HTTP and HTTPS, without a log.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// 0 is any free port.
    pub http_port: u16,
    /// 0 is any free port.
    pub https_port: u16,
    /// Whether to print a line on standard error for every request.
    pub log: bool,
}

/// A running origin; dropping it stops it.
pub struct OriginHandle {
    /// Where it speaks HTTP, on 127.0.0.1 and, if this machine has it, on `::1`.
    pub http_port: u16,
    /// Where it speaks HTTPS, as `localhost`, `127.0.0.1` and `::1`.
    pub https_port: u16,
    /// The certificate of the authority to trust, in PEM.
    pub ca_pem: String,
    server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts an origin on free ports.
///
/// # Panics
/// If loopback cannot be listened on: no test can go on then.
pub fn spawn() -> OriginHandle {
    start(&Options::default()).expect("an origin can listen on loopback")
}

/// Starts an origin on the given ports.
///
/// # Errors
/// If a port is taken.
pub fn start(options: &Options) -> io::Result<OriginHandle> {
    let http = loopback::listen(options.http_port)?;
    let http_port = http[0].local_addr()?.port();
    let https = loopback::listen(options.https_port)?;
    let https_port = https[0].local_addr()?.port();
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(authority.leaf(LOOPBACK).server(&["http/1.1"]));
    let server = Arc::new(Server { log: options.log, ..Server::default() });
    let (stop, stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Arc::clone(&server);
    let thread = std::thread::Builder::new().name("entreat-origin".into()).spawn(move || {
        runtime.block_on(async move {
            for listener in http {
                tokio::spawn(accept(listener, Arc::clone(&shared), None));
            }
            for listener in https {
                tokio::spawn(accept(listener, Arc::clone(&shared), Some(acceptor.clone())));
            }
            let _ = stopped.await;
        });
    })?;
    Ok(OriginHandle {
        http_port,
        https_port,
        ca_pem: authority.pem().to_owned(),
        server,
        stop: Some(stop),
        thread: Some(thread),
    })
}

impl OriginHandle {
    /// An `http://` URL of this origin; the path begins with a slash.
    pub fn http_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http_port)
    }

    /// An `https://` URL of this origin; the path begins with a slash.
    pub fn https_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.https_port)
    }

    /// How many connections it has accepted so far.
    pub fn connections(&self) -> u64 {
        self.server.connections.load(Ordering::Relaxed)
    }

    /// How many requests it has read so far.
    pub fn requests(&self) -> u64 {
        self.server.requests.load(Ordering::Relaxed)
    }
}

impl Drop for OriginHandle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed already; a drop must not add its own.
            let _ = thread.join();
        }
    }
}

/// What every connection shares.
#[derive(Debug, Default)]
pub(crate) struct Server {
    connections: AtomicU64,
    requests: AtomicU64,
    log: bool,
}

async fn accept(listener: std::net::TcpListener, server: Arc<Server>, acceptor: Option<TlsAcceptor>) {
    let _ = listener.set_nonblocking(true);
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        // Out of descriptors, or a client that left at once: the next one may fare better.
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let number = server.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let facts = connection::Facts { number, peer: peer.ip(), secure: acceptor.is_some() };
        let server = Arc::clone(&server);
        match &acceptor {
            None => {
                tokio::spawn(connection::serve(stream, facts, server));
            }
            Some(acceptor) => {
                let handshake = acceptor.accept(stream);
                tokio::spawn(async move {
                    // A client that does not trust us is no failure of ours.
                    if let Ok(stream) = handshake.await {
                        connection::serve(stream, facts, server).await;
                    }
                });
            }
        }
    }
}
