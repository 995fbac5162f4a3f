//! Plays one case on a port of its own: a thread that accepts, and one for each connection.
//!
//! Blocking, and without an idea of HTTP beyond where a request ends. Counts connections and keeps the heads of the
//! requests, for whoever judges. Dropping a stage ends its connections.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;
use rustls::{ServerConfig, ServerConnection};
use socket2::SockRef;

use super::case::{Act, Case, POISON, Script};
use crate::ca::Authority;

/// How long a connection is read that was closed in good order: what arrives at a closed socket is answered with a
/// reset, which would take away what was sent before.
const DRAIN: Duration = Duration::from_secs(2);

/// A case that is being played.
pub struct Stage {
    address: SocketAddr,
    scheme: &'static str,
    name: &'static str,
    shared: Arc<Shared>,
}

/// What a stage has seen of its client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Connections that were accepted.
    pub connections: usize,
    /// The heads of the requests that came whole, bytes outside UTF-8 replaced.
    pub requests: Vec<String>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    seen: Mutex<Seen>,
    /// Connections in use, to end them with the stage.
    open: Mutex<HashMap<usize, Arc<TcpStream>>>,
}

impl Stage {
    /// Plays `case` on a free port of 127.0.0.1. `authority` signs the certificate where it needs one.
    ///
    /// # Panics
    /// If loopback cannot be listened on: nothing can be judged then.
    pub fn start(case: &Case, authority: &Authority) -> Stage {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be listened on");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let tls = case.tls.map(|tls| {
            let mut config = ServerConfig::clone(&authority.leaf(tls.names).server(&["http/1.1"]));
            config.send_tls13_tickets = tls.tickets;
            Arc::new(config)
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let scripts = case.scripts.clone();
        let with_thread = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &with_thread, &scripts, tls.as_ref()));
        Stage { address, scheme, name: case.name, shared }
    }

    /// The URL of the ask with that number.
    pub fn url(&self, ask: usize) -> String {
        let host = if self.scheme == "https" { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{}/{}/{ask}", self.scheme, self.address.port(), self.name)
    }

    /// What has been seen so far.
    pub fn seen(&self) -> Seen {
        self.shared.seen().clone()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
        for connection in self.shared.open().values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<usize, Arc<TcpStream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, scripts: &[Script], tls: Option<&Arc<ServerConfig>>) {
    for index in 0.. {
        let Ok((stream, _)) = listener.accept() else { return };
        if shared.is_stopping() {
            return;
        }
        let _ = stream.set_nodelay(true);
        shared.seen().connections += 1;
        let stream = Arc::new(stream);
        shared.open().insert(index, Arc::clone(&stream));
        let script = scripts.get(index).cloned().unwrap_or_else(|| honest(tls.is_some()));
        let connection = Connection {
            stream,
            config: tls.cloned(),
            tls: None,
            pending: Vec::new(),
            target: String::new(),
            shared: Arc::clone(shared),
        };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let mut connection = connection;
            // A client that leaves in the middle is part of many cases.
            let ended = connection.play(script).unwrap_or(End::Close);
            shared.open().remove(&index);
            if let End::Close = ended {
                let _ = connection.close();
            }
        });
    }
}

fn honest(tls: bool) -> Script {
    if tls { vec![Act::Handshake, Act::Honest] } else { vec![Act::Honest] }
}

/// How a connection ends.
enum End {
    /// In good order.
    Close,
    /// At once: the socket is dropped.
    Drop,
}

struct Connection {
    stream: Arc<TcpStream>,
    config: Option<Arc<ServerConfig>>,
    /// From the handshake on.
    tls: Option<Box<ServerConnection>>,
    /// Received beyond the last request.
    pending: Vec<u8>,
    /// Of the last request.
    target: String,
    shared: Arc<Shared>,
}

impl Connection {
    fn play(&mut self, script: Script) -> io::Result<End> {
        for act in script {
            match act {
                Act::Expect => self.expect(true)?,
                Act::ExpectHead => self.expect(false)?,
                Act::Send(bytes) => self.write(&bytes)?,
                Act::Flood(unit, times) => self.flood(&unit, times)?,
                Act::FloodOf(make, times) => self.flood(&make(), times)?,
                Act::Drip(bytes, gap) => bytes.iter().try_for_each(|byte| {
                    thread::sleep(gap);
                    self.write(&[*byte])
                })?,
                Act::Sip(count, gap) => (0..count).try_for_each(|_| {
                    thread::sleep(gap);
                    (&*self.stream).read(&mut [0]).map(|_| ())
                })?,
                Act::Sleep(duration) => thread::sleep(duration),
                Act::Echo => self.echo()?,
                Act::Honest => loop {
                    self.expect(true)?;
                    self.echo()?;
                },
                Act::Loop(bytes) => loop {
                    self.expect(true)?;
                    match self.target.ends_with("/1") {
                        true => self.echo()?,
                        false => self.write(&bytes)?,
                    }
                },
                Act::Poison => {
                    self.expect(true)?;
                    self.write(POISON.as_bytes())?;
                    self.hold()?;
                }
                Act::Hold => self.hold()?,
                Act::Ignore => self.ignore(),
                Act::HalfClose => {
                    self.stream.shutdown(Shutdown::Write)?;
                    self.hold()?;
                }
                Act::Drop => return Ok(End::Drop),
                Act::Reset => {
                    SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO))?;
                    return Ok(End::Drop);
                }
                Act::Handshake => self.handshake()?,
                Act::Raw(bytes) => (&*self.stream).write_all(&bytes)?,
                Act::Receive => self.receive()?,
                Act::Parrot => loop {
                    self.receive()?;
                    let heard = std::mem::take(&mut self.pending);
                    self.write(&heard)?;
                },
                Act::Drain(count) => self.drain(count)?,
                Act::RawFlood(unit, times) => {
                    (0..times).try_for_each(|_| (&*self.stream).write_all(&unit))?
                }
                Act::RawDrip(bytes, gap) => bytes.iter().try_for_each(|byte| {
                    thread::sleep(gap);
                    (&*self.stream).write_all(&[*byte])
                })?,
                Act::KeyUpdates(times) => self.key_updates(times)?,
            }
        }
        Ok(End::Close)
    }

    /// Receives one request, with its body or without.
    fn expect(&mut self, with_body: bool) -> io::Result<()> {
        let end = loop {
            match memmem::find(&self.pending, b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.receive()?,
            }
        };
        let head = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        self.pending.drain(..end);
        self.target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if with_body {
            self.drain(content_length(&head))?;
        }
        self.shared.seen().requests.push(head);
        Ok(())
    }

    fn drain(&mut self, mut missing: usize) -> io::Result<()> {
        while missing > self.pending.len() {
            missing -= self.pending.len();
            self.pending.clear();
            self.receive()?;
        }
        self.pending.drain(..missing);
        Ok(())
    }

    fn echo(&mut self) -> io::Result<()> {
        let target = &self.target;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
        self.write(answer.as_bytes())
    }

    fn hold(&mut self) -> io::Result<()> {
        loop {
            self.pending.clear();
            self.receive()?;
        }
    }

    /// Waits without reading. Whether the client has left cannot be seen so: at the latest the stage ends it.
    fn ignore(&mut self) {
        let start = Instant::now();
        while !self.shared.is_stopping() && start.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// At least one more byte, or the error that says that there will be none.
    fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16384];
        let count = match &mut self.tls {
            Some(tls) => rustls::Stream::new(&mut **tls, &mut &*self.stream).read(&mut buffer)?,
            None => (&*self.stream).read(&mut buffer)?,
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.pending.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => {
                let mut socket = &*self.stream;
                let mut stream = rustls::Stream::new(&mut **tls, &mut socket);
                stream.write_all(bytes)?;
                stream.flush()
            }
            None => (&*self.stream).write_all(bytes),
        }
    }

    fn flood(&mut self, unit: &[u8], times: u64) -> io::Result<()> {
        (0..times).try_for_each(|_| self.write(unit))
    }

    fn handshake(&mut self) -> io::Result<()> {
        let config = self.config.clone().ok_or(io::ErrorKind::InvalidInput)?;
        let mut tls = Box::new(ServerConnection::new(config).map_err(io::Error::other)?);
        while tls.is_handshaking() {
            tls.complete_io(&mut &*self.stream)?;
        }
        self.tls = Some(tls);
        Ok(())
    }

    fn key_updates(&mut self, times: usize) -> io::Result<()> {
        for _ in 0..times {
            let Some(tls) = &mut self.tls else { return Err(io::ErrorKind::InvalidInput.into()) };
            tls.refresh_traffic_keys().map_err(io::Error::other)?;
            self.write(b"")?;
        }
        Ok(())
    }

    /// Says good-bye, ends the sending side, and reads on for a moment.
    fn close(mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            tls.complete_io(&mut &*self.stream)?;
        }
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.set_read_timeout(Some(DRAIN))?;
        while (&*self.stream).read(&mut [0; 16384])? > 0 {}
        Ok(())
    }
}

fn content_length(head: &str) -> usize {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or_default()
}
