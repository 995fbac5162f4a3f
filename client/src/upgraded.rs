//! A connection that speaks HTTP no more: what `Response::upgrade` gives, after 101 (RFC 9110 section 7.8) or a CONNECT that
//! succeeded (section 9.3.6).
//!
//! It has left the pool for good, counts among the connections in use until it is dropped, and begins with the bytes that came
//! along with the answer's head. What is said on it is the program's affair, WebSocket or anything else; so are its time-outs.

use crate::connection::Connection;
use crate::engine::Engine;
use crate::net::blocking::{Blocking, block};
use crate::net::{Duplex, Net};
use crate::response::Response;
use entreat_core::error::Answer;
use entreat_core::{Deadline, Error, Kind, Result, TlsInfo};
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A connection for both directions; TLS, where there is any, stays under it. Dropping it closes it.
///
/// That of the blocking client is [`Read`] and [`Write`]; that of the asynchronous one is `AsyncRead` and `AsyncWrite` of
/// tokio's, which `tokio::io::split` divides between two tasks.
pub struct Upgraded<N: Net = Blocking> {
    engine: Arc<Engine<N>>,
    connection: Box<Connection<N::Stream>>,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl<N: Net> Response<N> {
    /// The connection itself, once the server has changed to another protocol: it answered 101 to a request with the fields
    /// `Connection: Upgrade` and `Upgrade`, or 2xx to CONNECT. Bytes that came with the answer's head are the first ones read.
    ///
    /// A request for another protocol goes out as it is, through proxies as well (through the tunnel, where the URL is
    /// `https`). CONNECT asks for the host and port of its URL.
    ///
    /// # Errors
    /// [`Kind::Status`] for any other answer, whose head is in [`Error::answer`].
    pub fn upgrade(mut self) -> Result<Upgraded<N>> {
        if let Some(upgraded) = self.incoming().upgrade() {
            return Ok(upgraded);
        }
        let seen = format!("{} {}", self.status(), self.reason());
        let url = self.url().clone();
        let answer = Answer { head: self.into_parts().head, body: Vec::new() };
        Err(Error::new(Kind::Status)
            .expected("101 Switching Protocols, or 2xx to CONNECT")
            .seen(seen.trim_end().to_owned())
            .with_url(url.as_str())
            .with_answer(answer))
    }
}

impl<N: Net> Upgraded<N> {
    pub(crate) fn new(engine: Arc<Engine<N>>, connection: Box<Connection<N::Stream>>) -> Upgraded<N> {
        Upgraded { engine, connection, read_timeout: None, write_timeout: None }
    }

    /// How the connection is encrypted; `None` where it is not.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.connection.tls_info().map(AsRef::as_ref)
    }

    /// How long a read, and a write, may take before it fails with [`Kind::ReadTimeout`] or [`Kind::WriteTimeout`]. Default:
    /// for ever, as many protocols are silent for long. Only the blocking client's: futures are limited from outside.
    pub fn set_timeouts(&mut self, read: Option<Duration>, write: Option<Duration>) {
        (self.read_timeout, self.write_timeout) = (read, write);
    }

    /// Reads what is there, at least one byte; 0 at the end.
    #[doc(hidden)]
    pub async fn receive(&mut self, into: &mut [u8]) -> Result<usize> {
        if let Some(count) = self.take_received(into) {
            return Ok(count);
        }
        let deadline = self.deadline(self.read_timeout, Kind::ReadTimeout);
        self.connection.read(&self.engine.net, into, deadline).await
    }

    /// Writes all of it.
    #[doc(hidden)]
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let deadline = self.deadline(self.write_timeout, Kind::WriteTimeout);
        self.connection.send_until(&self.engine.net, bytes, deadline).await
    }

    /// Says that nothing more will be sent. Reading goes on.
    #[doc(hidden)]
    pub async fn finish(&mut self) -> Result<()> {
        let deadline = self.deadline(self.write_timeout, Kind::WriteTimeout);
        self.connection.finish(&self.engine.net, deadline).await
    }

    fn deadline(&self, limit: Option<Duration>, kind: Kind) -> Deadline {
        Deadline::new(limit.and_then(|limit| self.engine.net.now().checked_add(limit)), kind)
    }

    /// Bytes that came with the head, while there are any.
    fn take_received(&mut self, into: &mut [u8]) -> Option<usize> {
        let received = &mut self.connection.received;
        if received.is_empty() && !into.is_empty() {
            return None;
        }
        let count = received.len().min(into.len());
        into[..count].copy_from_slice(&received.as_slice()[..count]);
        received.consume(count);
        Some(count)
    }
}

impl<N: Duplex> Upgraded<N> {
    /// As `AsyncRead::poll_read`. Reading and writing may be waited for by two tasks.
    #[doc(hidden)]
    pub fn poll_receive(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
        match self.take_received(into) {
            Some(count) => Poll::Ready(Ok(count)),
            None => self.connection.poll_read(&self.engine.net, context, into),
        }
    }

    /// As `AsyncWrite::poll_write`: what was taken may wait for [`Upgraded::poll_flush`].
    #[doc(hidden)]
    pub fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.connection.poll_write(&self.engine.net, context, bytes)
    }

    /// As `AsyncWrite::poll_flush`.
    #[doc(hidden)]
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.connection.poll_flush(&self.engine.net, context)
    }

    /// As [`Upgraded::finish`], which is `AsyncWrite::poll_shutdown`.
    #[doc(hidden)]
    pub fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.connection.poll_finish(&self.engine.net, context)
    }
}

impl Read for Upgraded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        block(self.receive(into)).map_err(crate::consume::inside)
    }
}

/// Writes all that it is given, at once.
impl Write for Upgraded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        block(self.send(bytes)).map_err(crate::consume::inside)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<N: Net> fmt::Debug for Upgraded<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("origin", &self.connection.origin).finish_non_exhaustive()
    }
}
