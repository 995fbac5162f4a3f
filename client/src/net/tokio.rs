//! Sockets in tokio's reactor, for [`crate::aio`]. Every method must run inside a tokio runtime, and says so where it does
//! not. A socket belongs to the runtime that it was made in: another one neither wakes it nor keeps its timers.
//!
//! Deadlines are tokio timers, made only where a wait really suspends: the common read tries first. Each attempt takes
//! a unit of the task's budget, so that a fast peer does not keep other tasks from running.

use super::blocking::io_error;
use super::lookup::{self, Permit};
use super::{Duplex, Net, Peeked, Spot, race, socket};
use entreat_core::names::Resolve;
use entreat_core::{Deadline, Error, Kind, Network, Result};
use socket2::SockRef;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::sleep;

mod connect;

/// Sockets of the tokio runtime that the caller is in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokio;

impl Net for Tokio {
    /// Stands for any stream socket, also one of the file system: what it does here is the same for all.
    type Stream = TcpStream;

    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn resolve(
        &self,
        host: &str,
        resolver: Option<&Arc<dyn Resolve>>,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>> {
        current()?;
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
    ) -> Result<TcpStream> {
        current()?;
        let attempts = connect::Attempts::default();
        race::first_connected(self, addresses, network, deadline, attempts).await
    }

    async fn connect_unix(&self, path: &Path, deadline: Deadline) -> Result<TcpStream> {
        current()?;
        loop {
            match socket::open_unix(path)? {
                Some(socket) => return TcpStream::from_std(socket.into()).map_err(io_error),
                None => until(deadline, sleep(socket::QUEUE_PAUSE)).await?,
            }
        }
    }

    async fn read(&self, stream: &mut TcpStream, into: &mut [u8], deadline: Deadline) -> Result<usize> {
        loop {
            begin(deadline).await?;
            match stream.try_read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    until(deadline, stream.readable()).await?.map_err(io_error)?;
                }
                outcome => return outcome.map_err(io_error),
            }
        }
    }

    async fn write(&self, stream: &mut TcpStream, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        loop {
            begin(deadline).await?;
            match stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    until(deadline, stream.writable()).await?.map_err(io_error)?;
                }
                outcome => return outcome.map_err(io_error),
            }
        }
    }

    async fn write_listening(
        &self,
        stream: &mut TcpStream,
        bytes: &[u8],
        deadline: Deadline,
    ) -> Result<usize> {
        let either = Interest::READABLE | Interest::WRITABLE;
        loop {
            begin(deadline).await?;
            match stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome.map_err(io_error),
            }
            let ready = until(deadline, stream.ready(either)).await?.map_err(io_error)?;
            if ready.is_readable() && !ready.is_writable() {
                if self.peek(stream) != Peeked::Nothing {
                    return Ok(0);
                }
                forget_readable(stream);
            }
        }
    }

    async fn first_of<T: Send>(
        &self,
        mut other: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
        stream: Option<&mut TcpStream>,
        deadline: Deadline,
    ) -> Result<Option<T>> {
        begin(deadline).await?;
        // What is there already needs no timer.
        if let Poll::Ready(value) = poll_fn(|context| Poll::Ready(other(context))).await {
            return Ok(Some(value));
        }
        let either = poll_fn(|context| match (other(context), &stream) {
            (Poll::Ready(value), _) => Poll::Ready(Ok(Some(value))),
            (Poll::Pending, Some(stream)) => poll_unread(stream, context).map_ok(|()| None),
            (Poll::Pending, None) => Poll::Pending,
        });
        until(deadline, either).await?.map_err(io_error)
    }

    async fn sleep_until(&self, until_then: Instant, deadline: Deadline) -> Result<()> {
        begin(deadline).await?;
        current()?;
        until(deadline, tokio::time::sleep_until(until_then.into())).await
    }

    async fn park(&self, spot: &Spot, deadline: Deadline) -> Result<()> {
        until(deadline, poll_fn(|context| spot.poll_woken(context))).await
    }

    fn peek(&self, stream: &mut TcpStream) -> Peeked {
        peek_tokio(stream)
    }

    fn home(&self) -> u64 {
        current().map_or(0, |handle| {
            // An identifier shows its number to nothing but a hasher.
            let mut number = Number(0);
            handle.id().hash(&mut number);
            number.0
        })
    }

    fn is_lost(&self, stream: &TcpStream) -> bool {
        // Nobody waits for an idle connection, so nobody's waker is replaced.
        matches!(stream.poll_read_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)))
    }
}

impl Duplex for Tokio {
    fn poll_read(
        &self,
        stream: &mut TcpStream,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        ready!(Pin::new(stream).poll_read(context, &mut buffer)).map_err(io_error)?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(
        &self,
        stream: &mut TcpStream,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(stream).poll_write(context, bytes).map_err(io_error)
    }

    fn finish(&self, stream: &mut TcpStream) -> Result<()> {
        SockRef::from(&*stream).shutdown(std::net::Shutdown::Write).map_err(io_error)
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
async fn begin(deadline: Deadline) -> Result<()> {
    if deadline.at.is_some() {
        deadline.remaining(Instant::now())?;
    }
    tokio::task::coop::consume_budget().await;
    Ok(())
}

/// The future's output, or the deadline's error where that passes first.
async fn until<F: Future>(deadline: Deadline, future: F) -> Result<F::Output> {
    let Some(at) = deadline.at else { return Ok(future.await) };
    // A timer made anywhere else panics.
    current()?;
    tokio::time::timeout_at(at.into(), future).await.map_err(|_| deadline.error())
}
