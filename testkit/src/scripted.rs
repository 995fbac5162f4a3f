//! A raw TCP peer that follows a list of steps: answers that no honest server gives, split where a test wants it.
//!
//! A thread for every connection, blocking; nothing here knows HTTP but where a head ends. For Rust tests of the other
//! crates:
//!
//! ```
//! use entreat_testkit::scripted::{Peer, Step};
//! use std::io::{Read, Write};
//!
//! let peer = Peer::always([
//!     Step::ExpectHead,
//!     Step::send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
//!     Step::Close,
//! ]);
//! let mut client = std::net::TcpStream::connect(peer.address()).unwrap();
//! client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
//! let mut answer = String::new();
//! client.read_to_string(&mut answer).unwrap();
//! assert!(answer.ends_with("hel"));
//! assert_eq!(peer.heads(), ["GET / HTTP/1.1\r\n\r\n"]);
//! ```

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use memchr::memmem;
use socket2::SockRef;

/// What a script does next with its connection. After the last step the connection is closed.
#[derive(Clone)]
pub enum Step {
    /// Reads up to and with the empty line, and keeps it for [`Peer::heads`].
    ExpectHead,
    /// Reads exactly this many bytes, and keeps them for [`Peer::bodies`].
    ExpectBytes(usize),
    /// Reads until the client closes its side, and keeps it for [`Peer::bodies`].
    ExpectEnd,
    /// Sends these bytes at once.
    Send(Vec<u8>),
    /// Sends these bytes one by one, each in a packet of its own.
    SendByteByByte(Vec<u8>),
    /// Waits.
    Sleep(Duration),
    /// Ends the sending side; the script goes on and may read.
    CloseSending,
    /// Closes in good order: the client reads the end after what was sent.
    Close,
    /// Breaks the connection off: the client meets "connection reset" (TCP RST).
    Reset,
    /// Does something of the test's own with the connection.
    Run(Action),
}

/// What [`Step::Run`] does.
pub type Action = Arc<dyn Fn(&mut TcpStream) -> io::Result<()> + Send + Sync>;

impl Step {
    /// [`Send`](Self::Send), of text or bytes.
    pub fn send(bytes: impl AsRef<[u8]>) -> Self {
        Self::Send(bytes.as_ref().to_vec())
    }

    /// [`Run`](Self::Run).
    pub fn run(action: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::Run(Arc::new(action))
    }
}

/// A peer on a free port of 127.0.0.1; dropping it ends its connections and stops it.
pub struct Peer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Every connection gets the same steps.
    pub fn always(script: impl Into<Vec<Step>>) -> Self {
        let script = script.into();
        Self::start(move |_| script.clone())
    }

    /// The first script for the first connection, and so on; connections beyond the last are closed at once.
    pub fn sequence(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let scripts: Vec<_> = scripts.into_iter().collect();
        Self::start(move |index| scripts.get(index).cloned().unwrap_or_default())
    }

    /// The steps for a connection as the function decides by its index.
    ///
    /// # Panics
    /// If 127.0.0.1 cannot be listened on: no test can go on then.
    pub fn start(script: impl Fn(usize) -> Vec<Step> + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be listened on");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let shared_with_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, &shared_with_thread, script));
        Self { address, shared, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An `http://` URL of this peer; the path begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connections it has accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The heads read so far, over all connections; bytes outside UTF-8 replaced.
    pub fn heads(&self) -> Vec<String> {
        self.shared.record().heads.clone()
    }

    /// What `ExpectBytes` and `ExpectEnd` have read so far.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.shared.record().bodies.clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for connection in self.shared.record().open.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

#[derive(Default)]
struct Shared {
    connections: AtomicU64,
    stopping: AtomicBool,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    heads: Vec<String>,
    bodies: Vec<Vec<u8>>,
    /// A handle on every connection, to end those that a test left open.
    open: Vec<TcpStream>,
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, script: impl Fn(usize) -> Vec<Step>) {
    for index in 0.. {
        let Ok((stream, _)) = listener.accept() else { return };
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let _ = stream.set_nodelay(true);
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let connection = Connection { stream, pending: Vec::new(), shared: Arc::clone(shared) };
        let steps = script(index);
        thread::spawn(move || {
            let _ = connection.serve(steps);
        });
    }
}

struct Connection {
    stream: TcpStream,
    /// Read beyond the last head.
    pending: Vec<u8>,
    shared: Arc<Shared>,
}

impl Connection {
    fn serve(mut self, steps: Vec<Step>) -> io::Result<()> {
        // A reset works only if no other handle keeps the socket open: such a script cannot be ended from outside.
        if steps.iter().any(|step| matches!(step, Step::Reset)) {
            return self.follow(steps);
        }
        let handle = self.stream.try_clone()?;
        self.shared.record().open.push(handle);
        // A client that leaves in the middle is part of many tests.
        let _ = self.follow(steps);
        let _ = self.drain();
        self.stream.shutdown(Shutdown::Both)
    }

    fn follow(&mut self, steps: Vec<Step>) -> io::Result<()> {
        for step in steps {
            match step {
                Step::ExpectHead => self.expect_head()?,
                Step::ExpectBytes(count) => self.expect_body(|pending| pending.len() >= count, count)?,
                Step::ExpectEnd => self.expect_body(|_| false, usize::MAX)?,
                Step::Send(bytes) => self.stream.write_all(&bytes)?,
                Step::SendByteByByte(bytes) => {
                    bytes.iter().try_for_each(|byte| self.stream.write_all(&[*byte]))?
                }
                Step::Sleep(duration) => thread::sleep(duration),
                Step::CloseSending => self.stream.shutdown(Shutdown::Write)?,
                Step::Close => break,
                Step::Reset => return SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)),
                Step::Run(action) => action(&mut self.stream)?,
            }
        }
        Ok(())
    }

    fn expect_head(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = memmem::find(&self.pending, b"\r\n\r\n") {
                let head = self.pending.drain(..end + 4).collect::<Vec<u8>>();
                self.shared.record().heads.push(String::from_utf8_lossy(&head).into_owned());
                return Ok(());
            }
            if !self.read()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn expect_body(&mut self, complete: impl Fn(&[u8]) -> bool, limit: usize) -> io::Result<()> {
        while !complete(&self.pending) && self.read()? {}
        let count = limit.min(self.pending.len());
        let body = self.pending.drain(..count).collect();
        self.shared.record().bodies.push(body);
        Ok(())
    }

    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16384];
        let count = self.stream.read(&mut buffer)?;
        self.pending.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }

    /// Ends the sending side and reads on for a moment: bytes that arrive at a closed socket would turn the close
    /// into a reset.
    fn drain(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        while self.read()? {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(peer: &Peer, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut client = TcpStream::connect(peer.address())?;
        client.write_all(request)?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).map(|_| answer)
    }

    #[test]
    fn each_connection_has_its_script() {
        let peer = Peer::sequence([vec![Step::ExpectHead, Step::send("one")], vec![Step::send("two")]]);
        let request = b"GET / HTTP/1.1\r\n\r\n";
        let answers: Vec<_> =
            (0..3).map(|_| exchange(&peer, request).expect("closed in good order")).collect();
        assert_eq!(answers, [b"one".to_vec(), b"two".to_vec(), b"".to_vec()]);
        assert_eq!(peer.connections(), 3);
    }

    #[test]
    fn a_reset_is_seen_as_one() {
        let peer = Peer::always([Step::ExpectHead, Step::Reset]);
        let error = exchange(&peer, b"GET / HTTP/1.1\r\n\r\n").expect_err("the connection is broken off");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn bodies_are_kept_apart_from_heads() {
        let peer =
            Peer::always([Step::ExpectHead, Step::ExpectBytes(3), Step::SendByteByByte(b"ok".to_vec())]);
        assert_eq!(exchange(&peer, b"PUT / HTTP/1.1\r\n\r\nabcdef").expect("answered"), b"ok");
        assert_eq!((peer.heads().len(), peer.bodies()), (1, vec![b"abc".to_vec()]));
    }

    #[test]
    fn a_connection_left_open_ends_with_the_peer() {
        let peer = Peer::always([Step::ExpectHead, Step::ExpectEnd]);
        let mut client = TcpStream::connect(peer.address()).expect("accepts");
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("reads");
        while peer.heads().is_empty() {
            thread::yield_now();
        }
        drop(peer);
        assert_eq!(client.read(&mut [0; 8]).expect("ended in good order"), 0);
    }
}
