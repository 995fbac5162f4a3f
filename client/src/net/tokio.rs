//! Sockets in tokio's reactor, for [`crate::aio`]. Every method must run inside a tokio runtime.
//!
//! Deadlines are tokio timers, made only where a wait really suspends: the common read tries first. Each attempt takes
//! a unit of the task's budget, so that a fast peer does not keep other tasks from running.

use super::blocking::io_error;
use super::lookup::{self, Permit};
use super::{Net, Peeked, Spot, race, socket};
use entreat_core::names::Resolve;
use entreat_core::{Deadline, Network, Result};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::Interest;
use tokio::net::TcpStream;
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
        let attempts = connect::Attempts::default();
        race::first_connected(self, addresses, network, deadline, attempts).await
    }

    async fn connect_unix(&self, path: &Path, deadline: Deadline) -> Result<TcpStream> {
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
        let either = poll_fn(|context| match (other(context), &stream) {
            (Poll::Ready(value), _) => Poll::Ready(Ok(Some(value))),
            (Poll::Pending, Some(stream)) => poll_unread(stream, context).map_ok(|()| None),
            (Poll::Pending, None) => Poll::Pending,
        });
        until(deadline, either).await?.map_err(io_error)
    }

    async fn sleep_until(&self, until_then: Instant, deadline: Deadline) -> Result<()> {
        begin(deadline).await?;
        until(deadline, tokio::time::sleep_until(until_then.into())).await
    }

    async fn park(&self, spot: &Spot, deadline: Deadline) -> Result<()> {
        until(deadline, poll_fn(|context| spot.poll_woken(context))).await
    }

    fn peek(&self, stream: &mut TcpStream) -> Peeked {
        peek_tokio(stream)
    }
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
    super::blocking::peeked(socket2::SockRef::from(stream).recv_with_flags(&mut byte, flags))
}

#[cfg(not(unix))]
fn peek_tokio(stream: &TcpStream) -> Peeked {
    // The socket is non-blocking already.
    super::blocking::peeked(socket2::SockRef::from(stream).peek(&mut [std::mem::MaybeUninit::uninit()]))
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
    match deadline.at {
        None => Ok(future.await),
        Some(at) => tokio::time::timeout_at(at.into(), future).await.map_err(|_| deadline.error()),
    }
}
