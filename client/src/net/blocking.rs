//! Standard sockets on the caller's thread. Every future of this net is ready at its first poll.
//!
//! Waits are sliced: the kernel's socket time-out is at most [`SLICE`], so that a signal that landed on another
//! thread, or an interrupt asked for by the program, is noticed within that time. A socket's time-out is set when
//! it is made and changed only where less than a slice remains, so a request costs two system calls: send, receive.
//!
//! Attempts to connect race in one `poll`: `connect`. Names are resolved by `getaddrinfo` on a helper thread that is
//! abandoned when the deadline passes, since that call cannot be interrupted; numeric hosts need no thread.

use super::lookup::{self, Permit};
use super::{Net, Peeked, Spot, race, socket};
use entreat_core::names::Resolve;
use entreat_core::{Deadline, Error, Kind, Network, Result};
use socket2::{SockRef, Socket};
use std::future::{Future, ready};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

mod connect;

/// The longest that a wait goes on without looking for an interrupt.
pub const SLICE: Duration = Duration::from_millis(250);

/// Sockets that block the calling thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blocking {
    /// Asked at least once a slice, and after each signal: `true` ends the wait with `Kind::Interrupted`.
    /// Python's binding runs its signal handlers here.
    pub interrupt: Option<fn() -> bool>,
}

/// A blocking socket and the time-outs that the kernel knows for it. `TcpStream` stands for any stream socket here, also
/// one of the file system: what it does is the same for all.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    read_timeout: Duration,
    write_timeout: Duration,
    /// The last read found less than it had room for: all that was there.
    drained: bool,
}

/// Runs a future of the blocking net: it is ready at the first poll. One that is large had better come pinned, so that it
/// is made in its place and not moved there.
pub fn block<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a future of the blocking net never suspends"),
    }
}

impl Net for Blocking {
    type Stream = Stream;
    const SUSPENDS: bool = false;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn resolve(
        &self,
        host: &str,
        resolver: Option<&Arc<dyn Resolve>>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Vec<SocketAddr>>> + Send {
        ready(self.resolve_now(host, resolver, deadline))
    }

    async fn connect(
        &self,
        addresses: &[SocketAddr],
        network: &Network,
        deadline: Deadline,
    ) -> Result<Stream> {
        let attempts = connect::Attempts::new(self);
        let socket = race::first_connected(self, addresses, network, deadline, attempts).await?;
        Stream::new(socket).map_err(io_error)
    }

    async fn connect_unix(&self, path: &Path, mut deadline: Deadline) -> Result<Stream> {
        loop {
            match socket::open_unix(path)? {
                Some(socket) => return Stream::blocking(socket).map_err(io_error),
                None => thread::sleep(self.slice(&mut deadline)?.min(socket::QUEUE_PAUSE)),
            }
            self.check_interrupt()?;
        }
    }

    fn read(
        &self,
        stream: &mut Stream,
        into: &mut [u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send {
        ready(self.read_now(stream, into, deadline))
    }

    fn write(
        &self,
        stream: &mut Stream,
        bytes: &[u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send {
        ready(self.write_now(stream, bytes, deadline))
    }

    fn write_listening(
        &self,
        stream: &mut Stream,
        bytes: &[u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send {
        ready(self.write_listening_now(stream, bytes, deadline))
    }

    fn first_of<T: Send>(
        &self,
        other: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
        _: Option<&mut Stream>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Option<T>>> + Send {
        ready(self.poll_now(other, deadline).map(Some))
    }

    fn sleep_until(&self, until: Instant, deadline: Deadline) -> impl Future<Output = Result<()>> + Send {
        ready(self.sleep_now(until, deadline))
    }

    fn park(&self, spot: &Spot, deadline: Deadline) -> impl Future<Output = Result<()>> + Send {
        ready(self.park_now(spot, deadline))
    }

    fn peek(&self, stream: &mut Stream) -> Peeked {
        peek_now(&stream.socket)
    }

    fn finish(&self, stream: &mut Stream) -> Result<()> {
        SockRef::from(&stream.socket).shutdown(Shutdown::Write).map_err(io_error)
    }

    fn is_drained(&self, stream: &Stream) -> bool {
        stream.drained
    }
}

impl Blocking {
    fn resolve_now(
        &self,
        host: &str,
        resolver: Option<&Arc<dyn Resolve>>,
        mut deadline: Deadline,
    ) -> Result<Vec<SocketAddr>> {
        let permit = loop {
            match Permit::take() {
                Some(permit) => break permit,
                None => {
                    thread::sleep(self.slice(&mut deadline).map_err(lookup::too_many)?.min(lookup::PAUSE))
                }
            }
            self.check_interrupt()?;
        };
        let (answer, wait) = mpsc::sync_channel(1);
        let (name, resolver) = (host.to_owned(), resolver.cloned());
        let look_up = move || {
            let _permit = permit;
            // Nobody listens any more where the deadline has passed: then the answer is of no use.
            let _ = answer.send(lookup::ask(&name, resolver.as_deref(), deadline));
        };
        thread::Builder::new()
            .name("entreat-resolve".into())
            .spawn(look_up)
            .map_err(|error| Error::new(Kind::Resolve).with_source(error))?;
        loop {
            match wait.recv_timeout(self.slice(&mut deadline)?) {
                Ok(found) => return found,
                Err(mpsc::RecvTimeoutError::Timeout) => self.check_interrupt()?,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(lookup::panicked()),
            }
        }
    }

    fn read_now(&self, stream: &mut Stream, into: &mut [u8], mut deadline: Deadline) -> Result<usize> {
        loop {
            stream.limit_read(self.slice(&mut deadline)?).map_err(io_error)?;
            match io::Read::read(&mut &stream.socket, into) {
                Ok(count) => {
                    stream.drained = cfg!(unix) && count < into.len() && count > 0;
                    return Ok(count);
                }
                Err(error) => self.after_wait(error)?,
            }
        }
    }

    fn write_now(&self, stream: &mut Stream, bytes: &[u8], mut deadline: Deadline) -> Result<usize> {
        loop {
            stream.limit_write(self.slice(&mut deadline)?).map_err(io_error)?;
            match io::Write::write(&mut &stream.socket, bytes) {
                Ok(count) => return Ok(count),
                Err(error) => self.after_wait(error)?,
            }
        }
    }

    #[cfg(unix)]
    fn write_listening_now(
        &self,
        stream: &mut Stream,
        bytes: &[u8],
        mut deadline: Deadline,
    ) -> Result<usize> {
        let socket = SockRef::from(&stream.socket);
        loop {
            self.slice(&mut deadline)?;
            match socket.send_with_flags(bytes, SEND_AT_ONCE) {
                Ok(count) => return Ok(count),
                Err(error) => self.after_wait(error)?,
            }
            // Anything but "readable" alone is for the next attempt to find out.
            if self.wait_for(&socket, libc::POLLIN | libc::POLLOUT, deadline)? == libc::POLLIN {
                return Ok(0);
            }
        }
    }

    /// Waits until there is something to do. No attempt is made before: the little room that a full buffer still has is
    /// no sign that the peer reads, and would begin the write time-out anew.
    #[cfg(unix)]
    fn wait_for(
        &self,
        socket: &SockRef<'_>,
        events: libc::c_short,
        mut deadline: Deadline,
    ) -> Result<libc::c_short> {
        loop {
            match wait_ready(socket, events, self.slice(&mut deadline)?).map_err(io_error)? {
                0 => self.check_interrupt()?,
                ready => return Ok(ready),
            }
        }
    }

    /// Where a socket cannot be asked for both, a peer that refuses without reading is found out by the time-out.
    #[cfg(not(unix))]
    fn write_listening_now(&self, stream: &mut Stream, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        self.write_now(stream, bytes, deadline)
    }

    /// Whoever asks for what may not be ready was refused before: `session` looks at [`Net::SUSPENDS`].
    fn poll_now<T>(
        &self,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T>,
        mut deadline: Deadline,
    ) -> Result<T> {
        self.slice(&mut deadline)?;
        match other(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Ok(value),
            Poll::Pending => Err(Error::new(Kind::InvalidBody).expected("a source that blocks")),
        }
    }

    fn sleep_now(&self, until: Instant, mut deadline: Deadline) -> Result<()> {
        loop {
            let slice = self.slice(&mut deadline)?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(slice));
            self.check_interrupt()?;
        }
    }

    fn park_now(&self, spot: &Spot, mut deadline: Deadline) -> Result<()> {
        while !spot.wait(self.slice(&mut deadline)?) {
            self.check_interrupt()?;
        }
        Ok(())
    }

    /// How long to wait before looking around again; the deadline's error where it has passed.
    fn slice(&self, deadline: &mut Deadline) -> Result<Duration> {
        Ok(deadline.begin(Instant::now)?.map_or(SLICE, |left| left.min(SLICE)))
    }

    /// After a wait that brought nothing: go on, unless something real happened.
    fn after_wait(&self, error: io::Error) -> Result<()> {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {
                self.check_interrupt()
            }
            _ => Err(io_error(error)),
        }
    }

    fn check_interrupt(&self) -> Result<()> {
        match self.interrupt {
            Some(interrupted) if interrupted() => Err(Error::new(Kind::Interrupted)),
            _ => Ok(()),
        }
    }
}

impl Stream {
    /// Of a socket that does not block yet.
    fn blocking(socket: Socket) -> io::Result<Stream> {
        socket.set_nonblocking(false)?;
        Stream::new(socket)
    }

    fn new(socket: Socket) -> io::Result<Stream> {
        socket.set_read_timeout(Some(SLICE))?;
        socket.set_write_timeout(Some(SLICE))?;
        Ok(Stream { socket: socket.into(), read_timeout: SLICE, write_timeout: SLICE, drained: false })
    }

    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    fn limit_read(&mut self, limit: Duration) -> io::Result<()> {
        if limit != self.read_timeout {
            self.socket.set_read_timeout(Some(limit))?;
            self.read_timeout = limit;
        }
        Ok(())
    }

    fn limit_write(&mut self, limit: Duration) -> io::Result<()> {
        if limit != self.write_timeout {
            self.socket.set_write_timeout(Some(limit))?;
            self.write_timeout = limit;
        }
        Ok(())
    }
}

pub(crate) fn io_error(error: io::Error) -> Error {
    Error::new(Kind::Io).with_source(error)
}

/// Without waiting; and without a signal where the peer is gone, where that is a flag of the call.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SEND_AT_ONCE: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const SEND_AT_ONCE: libc::c_int = libc::MSG_DONTWAIT;

/// `MSG_PEEK | MSG_DONTWAIT` costs a quarter of a microsecond: cheap enough before every reuse.
#[cfg(unix)]
pub(crate) fn peek_now(socket: &TcpStream) -> Peeked {
    let mut byte = [std::mem::MaybeUninit::<u8>::uninit()];
    let found = SockRef::from(socket).recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT);
    peeked(found)
}

#[cfg(not(unix))]
pub(crate) fn peek_now(socket: &TcpStream) -> Peeked {
    if socket.set_nonblocking(true).is_err() {
        return Peeked::Closed;
    }
    let found = socket.peek(&mut [0]);
    match socket.set_nonblocking(false) {
        Ok(()) => peeked(found),
        Err(_) => Peeked::Closed,
    }
}

pub(crate) fn peeked(found: io::Result<usize>) -> Peeked {
    match found {
        Ok(0) => Peeked::Closed,
        Ok(_) => Peeked::Bytes,
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Peeked::Nothing,
            _ => Peeked::Closed,
        },
    }
}

/// What of `events`, or of errors, there is to do with the socket; 0 where `limit` passed first, or a signal came.
#[cfg(unix)]
fn wait_ready(socket: &SockRef<'_>, events: libc::c_short, limit: Duration) -> io::Result<libc::c_short> {
    use std::os::fd::AsRawFd;
    let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events, revents: 0 };
    // Rounded up, so that less than a millisecond does not become a busy loop.
    let milliseconds = limit.as_micros().div_ceil(1000) as libc::c_int;
    // SAFETY: `poll` is one valid pollfd that lives across the call; the descriptor is open as `socket` is borrowed.
    match unsafe { libc::poll(&raw mut poll, 1, milliseconds) } {
        0.. => Ok(poll.revents),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            error => Err(error),
        },
    }
}
