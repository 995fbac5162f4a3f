//! Sockets in tokio's reactor, for [`crate::aio`]. Every method must run inside a tokio runtime, and says so where it does
//! not. A socket belongs to the runtime that it was made in: another one neither wakes it nor keeps its timers.
//!
//! Deadlines are tokio timers, made only where a wait really suspends: the common read tries first. A socket keeps its
//! timer from one wait to the next ([`Stream`]). Each attempt takes a unit of the task's budget, so that a fast peer does
//! not keep other tasks from running.

use super::blocking::io_error;
use super::lookup::{self, Permit};
use super::{Duplex, Net, Peeked, Spot, race, socket};
use entreat_core::names::Resolve;
use entreat_core::{Deadline, Error, Kind, Network, Result};
use socket2::{Domain, SockRef, Socket, Type};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::panic::{UnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::thread::LocalKey;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Id};
use tokio::time::{Sleep, sleep};

mod connect;

/// Sockets of the tokio runtime that the caller is in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokio;

impl Net for Tokio {
    type Stream = Stream;

    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn resolve(
        &self,
        host: &str,
        resolver: Option<&Arc<dyn Resolve>>,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>> {
        check_time()?;
        let permit = loop {
            match Permit::take() {
                Some(permit) => break permit,
                None => until(deadline, sleep(lookup::PAUSE)).await.map_err(lookup::too_many)?,
            }
        };
        let (name, resolver) = (host.to_owned(), resolver.cloned());
        let look_up = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            lookup::ask(&name, resolver.as_deref(), deadline)
        });
        until(deadline, look_up).await?.unwrap_or_else(|_| Err(lookup::panicked()))
    }

    async fn connect(
        &self,
        addresses: &[SocketAddr],
        network: &Network,
        deadline: Deadline,
    ) -> Result<Stream> {
        check_time()?;
        check_io()?;
        let attempts = connect::Attempts::default();
        race::first_connected(self, addresses, network, deadline, attempts).await.map(Stream::new)
    }

    async fn connect_unix(&self, path: &Path, deadline: Deadline) -> Result<Stream> {
        check_time()?;
        check_io()?;
        loop {
            match socket::open_unix(path)? {
                Some(socket) => return TcpStream::from_std(socket.into()).map(Stream::new).map_err(io_error),
                None => until(deadline, sleep(socket::QUEUE_PAUSE)).await?,
            }
        }
    }

    async fn read(&self, stream: &mut Stream, into: &mut [u8], mut deadline: Deadline) -> Result<usize> {
        deadline.begin(Instant::now)?;
        // Not by `try_read`: this one tells the reactor where a read has left nothing, so that the next does not ask the
        // system in vain. It takes its unit of the budget itself.
        let mut buffer = ReadBuf::new(into);
        stream.wait(deadline, |socket, context| Pin::new(socket).poll_read(context, &mut buffer)).await?;
        Ok(buffer.filled().len())
    }

    async fn write(&self, stream: &mut Stream, bytes: &[u8], mut deadline: Deadline) -> Result<usize> {
        loop {
            begin(&mut deadline).await?;
            match stream.socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.wait(deadline, |socket, context| socket.poll_write_ready(context)).await?;
                }
                outcome => return outcome.map_err(io_error),
            }
        }
    }

    async fn write_listening(
        &self,
        stream: &mut Stream,
        bytes: &[u8],
        mut deadline: Deadline,
    ) -> Result<usize> {
        let either = Interest::READABLE | Interest::WRITABLE;
        loop {
            begin(&mut deadline).await?;
            match stream.socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome.map_err(io_error),
            }
            let ready = until(deadline, stream.socket.ready(either)).await?.map_err(io_error)?;
            if ready.is_readable() && !ready.is_writable() {
                if self.peek(stream) != Peeked::Nothing {
                    return Ok(0);
                }
                forget_readable(&stream.socket);
            }
        }
    }

    async fn first_of<T: Send>(
        &self,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
        stream: Option<&mut Stream>,
        mut deadline: Deadline,
    ) -> Result<Option<T>> {
        begin(&mut deadline).await?;
        // What is there already needs no timer.
        if let Poll::Ready(value) = poll_fn(|context| Poll::Ready(other(context))).await {
            return Ok(Some(value));
        }
        let either = poll_fn(|context| match (other(context), &stream) {
            (Poll::Ready(value), _) => Poll::Ready(Ok(Some(value))),
            (Poll::Pending, Some(stream)) => poll_unread(&stream.socket, context).map_ok(|()| None),
            (Poll::Pending, None) => Poll::Pending,
        });
        until(deadline, either).await?.map_err(io_error)
    }

    async fn sleep_until(&self, until_then: Instant, mut deadline: Deadline) -> Result<()> {
        begin(&mut deadline).await?;
        check_time()?;
        until(deadline, tokio::time::sleep_until(until_then.into())).await
    }

    async fn park(&self, spot: &Spot, deadline: Deadline) -> Result<()> {
        until(deadline, poll_fn(|context| spot.poll_woken(context))).await
    }

    fn peek(&self, stream: &mut Stream) -> Peeked {
        peek_tokio(&stream.socket)
    }

    fn finish(&self, stream: &mut Stream) -> Result<()> {
        SockRef::from(&stream.socket).shutdown(Shutdown::Write).map_err(io_error)
    }

    fn is_drained(&self, stream: &Stream) -> bool {
        // The reactor takes back that there is something to read where a read found less than it had room for.
        stream.socket.try_io(Interest::READABLE, || Ok(())).is_err()
    }

    fn home(&self) -> u64 {
        current().map_or(0, |handle| {
            // An identifier shows its number to nothing but a hasher.
            let mut number = Number(0);
            handle.id().hash(&mut number);
            number.0
        })
    }

    fn is_lost(&self, stream: &Stream) -> bool {
        // Nobody waits for an idle connection, so nobody's waker is replaced.
        matches!(stream.socket.poll_read_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)))
    }
}

/// A socket, and the timer of its waits. `TcpStream` stands for any stream socket, also one of the file system: what it does
/// here is the same for all.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    /// Stays set behind a wait that ended in time: the next one ends later, so the timer need not be moved before it rings.
    /// To set one for each wait costs as much as the rest of the wait.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    fn new(socket: TcpStream) -> Stream {
        Stream { socket, alarm: None }
    }

    /// Until `ready` is, or the deadline has passed.
    async fn wait(
        &mut self,
        deadline: Deadline,
        mut ready: impl FnMut(&mut TcpStream, &mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Result<()> {
        if deadline.at.is_some() {
            // A timer made anywhere else panics.
            check_time()?;
        }
        poll_fn(|context| match ready(&mut self.socket, context) {
            Poll::Ready(outcome) => Poll::Ready(outcome.map_err(io_error)),
            Poll::Pending => self.poll_late(deadline, context).map(Err),
        })
        .await
    }

    /// The deadline's error, once it has passed.
    fn poll_late(&mut self, deadline: Deadline, context: &mut Context<'_>) -> Poll<Error> {
        let Some(at) = deadline.at.map(tokio::time::Instant::from) else { return Poll::Pending };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if alarm.deadline() > at {
            alarm.as_mut().reset(at);
        }
        loop {
            ready!(alarm.as_mut().poll(context));
            if alarm.deadline() >= at {
                return Poll::Ready(deadline.error());
            }
            // It was set for an earlier wait.
            alarm.as_mut().reset(at);
        }
    }
}

impl Duplex for Tokio {
    fn poll_read(
        &self,
        stream: &mut Stream,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        ready!(Pin::new(&mut stream.socket).poll_read(context, &mut buffer)).map_err(io_error)?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(
        &self,
        stream: &mut Stream,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut stream.socket).poll_write(context, bytes).map_err(io_error)
    }
}

/// Keeps the number that it is given.
struct Number(u64);

impl Hasher for Number {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = (self.0 << 8) | u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The runtime that the caller is in.
fn current() -> Result<Handle> {
    Handle::try_current().map_err(|error| {
        Error::new(Kind::InvalidConfig)
            .expected("a tokio runtime around requests of entreat::aio")
            .hint("await them inside of Runtime::block_on or #[tokio::main], or use the blocking entreat::Client")
            .with_source(error)
    })
}

thread_local! {
    /// The runtimes that were found to keep time, and to watch sockets: those that this thread asked about last.
    static KEEPS_TIME: Cell<Option<Id>> = const { Cell::new(None) };
    static WATCHES: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Whether the runtime that the caller is in keeps time.
fn check_time() -> Result<()> {
    check(&KEEPS_TIME, "enable_time", || drop(sleep(Duration::ZERO)))
}

/// Whether it watches sockets.
fn check_io() -> Result<()> {
    let handle = current()?;
    if WATCHES.get() == Some(handle.id()) {
        return Ok(());
    }
    // Where there can be no socket, connecting says so better.
    let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, None) else { return Ok(()) };
    socket.set_nonblocking(true).map_err(io_error)?;
    check(&WATCHES, "enable_io", move || drop(TcpStream::from_std(socket.into())))
}

/// Tries once for each runtime whether it has what `name` gives it: what lacks is told before anything is sent. tokio cannot
/// be asked, and panics where it lacks (which prints a line): so where panics abort, this does as well.
fn check(
    known: &'static LocalKey<Cell<Option<Id>>>,
    name: &'static str,
    attempt: impl FnOnce() + UnwindSafe,
) -> Result<()> {
    let here = current()?.id();
    if known.get() == Some(here) {
        return Ok(());
    }
    catch_unwind(attempt).map_err(|_| {
        Error::new(Kind::InvalidConfig)
            .expected("a tokio runtime with I/O and time")
            .seen(format!("one that was built without {name}"))
            .hint("build it with Builder::enable_all, or use #[tokio::main]")
    })?;
    known.set(Some(here));
    Ok(())
}

/// Ready where there are bytes to read, or the peer has closed.
fn poll_unread(stream: &TcpStream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        if peek_tokio(stream) != Peeked::Nothing {
            return Poll::Ready(Ok(()));
        }
        forget_readable(stream);
    }
}

/// The reactor remembers an earlier readiness until it is told that there is nothing.
fn forget_readable(stream: &TcpStream) {
    let nothing = || Err(io::Error::from(io::ErrorKind::WouldBlock));
    let _: io::Result<()> = stream.try_io(Interest::READABLE, nothing);
}

#[cfg(unix)]
fn peek_tokio(stream: &TcpStream) -> Peeked {
    let mut byte = [std::mem::MaybeUninit::<u8>::uninit()];
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    super::blocking::peeked(SockRef::from(stream).recv_with_flags(&mut byte, flags))
}

#[cfg(not(unix))]
fn peek_tokio(stream: &TcpStream) -> Peeked {
    // The socket is non-blocking already.
    super::blocking::peeked(SockRef::from(stream).peek(&mut [std::mem::MaybeUninit::uninit()]))
}

/// Before each attempt: a deadline that has passed is an error even where bytes are ready.
async fn begin(deadline: &mut Deadline) -> Result<()> {
    deadline.begin(Instant::now)?;
    tokio::task::coop::consume_budget().await;
    Ok(())
}

/// The future's output, or the deadline's error where that passes first.
async fn until<F: Future>(deadline: Deadline, future: F) -> Result<F::Output> {
    let Some(at) = deadline.at else { return Ok(future.await) };
    // A timer made anywhere else panics.
    check_time()?;
    tokio::time::timeout_at(at.into(), future).await.map_err(|_| deadline.error())
}
