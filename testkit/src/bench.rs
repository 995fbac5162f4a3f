//! An origin for measuring clients: it finds the end of the head, skips the body, and writes fixed bytes.
//!
//! `/10k` answers 10 KB of JSON, `/bytes/N` N bytes, everything else 171 bytes of JSON; always five headers. One
//! blocking thread per connection is the default: two system calls per request, the cheapest for one kept-alive
//! connection. One thread with epoll is for hundreds of connections. `bench/exchange.rs` holds the protocol.
//! Called by the command `entreat-bench-origin`.

mod exchange;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use mio::{Events, Interest, Poll, Token};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::loopback;
use exchange::{Exchange, Turn};

/// Listens on a port (0 is any free one) and serves on threads of its own until the process ends.
///
/// # Errors
/// If the port is taken.
pub fn start(port: u16, driver: Driver) -> io::Result<u16> {
    let listeners = loopback::listen(port)?;
    let port = listeners[0].local_addr()?.port();
    match driver {
        Driver::Epoll => {
            let poll = Poll::new()?;
            thread::spawn(move || serve_by_epoll(poll, listeners));
        }
        Driver::Threads => {
            listeners.into_iter().for_each(|listener| accept(listener, |mut stream| serve(&mut stream)));
        }
        Driver::Tls(config) => {
            for listener in listeners {
                let config = Arc::clone(&config);
                accept(listener, move |stream| {
                    let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else { return };
                    let mut stream = StreamOwned::new(connection, stream);
                    serve(&mut stream);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                });
            }
        }
    }
    Ok(port)
}

/// How connections are served.
#[derive(Clone, Debug)]
pub enum Driver {
    /// A blocking thread for each.
    Threads,
    /// One thread for all, by epoll.
    Epoll,
    /// A blocking thread for each, with TLS.
    Tls(Arc<ServerConfig>),
}

fn accept(listener: TcpListener, serve: impl Fn(TcpStream) + Send + Sync + 'static) {
    let serve = Arc::new(serve);
    thread::spawn(move || {
        loop {
            let Ok((stream, _)) = listener.accept() else { continue };
            let _ = stream.set_nodelay(true);
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
}

fn serve<S: Read + Write>(stream: &mut S) {
    let mut exchange = Exchange::default();
    while let Ok(Turn::Again) = exchange.turn(stream) {}
}

fn serve_by_epoll(mut poll: Poll, listeners: Vec<TcpListener>) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut listeners: Vec<mio::net::TcpListener> = listeners
        .into_iter()
        .map(|listener| listener.set_nonblocking(true).map(|()| mio::net::TcpListener::from_std(listener)))
        .collect::<io::Result<_>>()?;
    for (index, listener) in listeners.iter_mut().enumerate() {
        poll.registry().register(listener, Token(index), Interest::READABLE)?;
    }
    let mut connections: HashMap<Token, (mio::net::TcpStream, Exchange)> = HashMap::new();
    let mut next = listeners.len();
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if let Some(listener) = listeners.get(event.token().0) {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.set_nodelay(true);
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(next), interest)?;
                    connections.insert(Token(next), (stream, Exchange::default()));
                    next += 1;
                }
            } else if let Some((stream, exchange)) = connections.get_mut(&event.token())
                && !turns(stream, exchange, event.is_read_closed())
            {
                connections.remove(&event.token());
            }
        }
    }
}

/// Turns until there is nothing left to do; false when the connection is over. Mio's events are edge-triggered:
/// the buffer was drained only if a read was short (epoll(7)), unless the peer has closed its side.
fn turns(stream: &mut mio::net::TcpStream, exchange: &mut Exchange, peer_closed: bool) -> bool {
    loop {
        match exchange.turn(stream) {
            Ok(Turn::Again) if exchange.drained() && !peer_closed => return true,
            Ok(Turn::Again) => {}
            Ok(Turn::Over) => return false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
    }
}
