//! The I/O that the engine needs, as one small trait, and its implementations.
//!
//! The engine is written once, as `async fn`s generic over [`Net`]. [`blocking::Blocking`] never suspends, so one
//! `poll` runs a whole exchange on the caller's thread; [`tokio`](self::tokio) suspends in tokio's reactor;
//! [`nested`](self::nested) in any event loop that can watch one descriptor; the scripted net plays a peer in memory on a
//! virtual clock and suspends at every await.
//!
//! A future that never suspends cannot race: never `select` two futures of a net. Whatever comes first of several
//! things is a method of the net. No lock is held across an await.

use entreat_core::names::Resolve;
use entreat_core::{Deadline, Network, Result};
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

pub mod blocking;
mod lookup;
#[cfg(all(feature = "nested", unix))]
pub mod nested;
mod race;
#[cfg(feature = "scripted")]
pub mod scripted;
mod socket;
mod spot;
#[cfg(feature = "aio")]
pub mod tokio;

pub use spot::Spot;

/// Sockets, names and time, as the engine sees them.
///
/// Every wait ends at its deadline with the deadline's own error, and none begins after it, even where bytes are
/// ready: a peer that never stops sending must not outlast a total time-out. Errors of the system are `Kind::Io`, or
/// `Kind::Connect` and `Kind::Resolve` from the methods of those names.
pub trait Net: Send + Sync + 'static {
    /// A connected byte stream. Dropping it closes it.
    type Stream: Send + 'static;

    /// False where its futures are ready at the first poll: then nothing can be waited for but what is the net's own.
    const SUSPENDS: bool = true;

    /// The clock that deadlines are measured against.
    fn now(&self) -> Instant;

    /// The addresses of `host` as `resolver` knows them, or the system: never empty, and their port is of no account.
    fn resolve(
        &self,
        host: &str,
        resolver: Option<&Arc<dyn Resolve>>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Vec<SocketAddr>>> + Send;

    /// Connects to whichever of the addresses answers first, by the rules of core's `dial`; closes its other attempts.
    fn connect(
        &self,
        addresses: &[SocketAddr],
        network: &Network,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Self::Stream>> + Send;

    /// Connects to a socket of the file system.
    fn connect_unix(
        &self,
        path: &Path,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Self::Stream>> + Send;

    /// Reads what is there, at least one byte; 0 means that the peer has closed.
    fn read(
        &self,
        stream: &mut Self::Stream,
        into: &mut [u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send;

    /// Writes as much as the stream takes, at least one byte.
    fn write(
        &self,
        stream: &mut Self::Stream,
        bytes: &[u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send;

    /// Writes as [`Net::write`] does; but where the stream takes nothing, bytes to read, or the peer's end, end the
    /// wait as well: then 0. Whoever sends a large body hears a refusal so, while the peer does not read.
    fn write_listening(
        &self,
        stream: &mut Self::Stream,
        bytes: &[u8],
        deadline: Deadline,
    ) -> impl Future<Output = Result<usize>> + Send;

    /// Waits until `other` is ready, which is not of this net: a source of the program's. With a `stream`, bytes to read
    /// there, or the peer's end, end the wait as well: then `None`.
    fn first_of<T: Send>(
        &self,
        other: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
        stream: Option<&mut Self::Stream>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Option<T>>> + Send;

    /// Waits until then.
    fn sleep_until(&self, until: Instant, deadline: Deadline) -> impl Future<Output = Result<()>> + Send;

    /// Waits until `spot` is woken.
    fn park(&self, spot: &Spot, deadline: Deadline) -> impl Future<Output = Result<()>> + Send;

    /// What a read would find, without waiting and without taking it.
    fn peek(&self, stream: &mut Self::Stream) -> Peeked;

    /// True where the last read took all that was there, and nothing has been heard of since: a peek then would have found
    /// nothing. Costs no system call, and says nothing about what has come without being told of.
    fn is_drained(&self, _stream: &Self::Stream) -> bool {
        false
    }

    /// Closes the sending side.
    fn finish(&self, stream: &mut Self::Stream) -> Result<()>;

    /// Stands for what wakes those who wait here and now, where there may be several: a stream serves only where it was made.
    fn home(&self) -> u64 {
        0
    }

    /// True where nothing will ever wake those who wait for this stream, as what did is gone.
    fn is_lost(&self, _stream: &Self::Stream) -> bool {
        false
    }
}

/// A net whose streams are read and written by two tasks at once, as protocols other than HTTP want it.
///
/// No deadlines: whoever polls has some of its own. Each direction wakes the task that polled it last.
pub trait Duplex: Net {
    /// As [`Net::read`].
    fn poll_read(
        &self,
        stream: &mut Self::Stream,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize>>;

    /// As [`Net::write`].
    fn poll_write(
        &self,
        stream: &mut Self::Stream,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>>;
}

/// What lies unread on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peeked {
    /// Nothing: an idle connection is as it should be.
    Nothing,
    /// Bytes that nobody has asked for yet.
    Bytes,
    /// The peer has closed, or the connection is broken.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    async fn only_a_short_read_has_drained_the_socket<N: Net>(net: &N) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (here, network) = ([listener.local_addr().unwrap()], Network::default());
        let mut stream = net.connect(&here, &network, Deadline::NEVER).await.unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        for (sent, drained) in [("twelve bytes", false), ("one", true)] {
            peer.write_all(sent.as_bytes()).unwrap();
            let mut room = [0; 12];
            assert_eq!(net.read(&mut stream, &mut room, Deadline::NEVER).await.unwrap(), sent.len());
            assert_eq!(net.is_drained(&stream), drained, "after {sent}");
        }
        drop(peer);
        assert_eq!(net.read(&mut stream, &mut [0], Deadline::NEVER).await.unwrap(), 0);
        assert!(!net.is_drained(&stream), "after the end");
    }

    #[cfg(unix)]
    #[test]
    fn only_a_short_read_has_drained_the_socket_blocking() {
        blocking::block(only_a_short_read_has_drained_the_socket(&blocking::Blocking::default()));
    }

    #[cfg(all(feature = "aio", unix))]
    #[test]
    fn only_a_short_read_has_drained_the_socket_tokio() {
        let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(only_a_short_read_has_drained_the_socket(&self::tokio::Tokio));
    }

    #[cfg(all(feature = "nested", unix))]
    #[test]
    fn only_a_short_read_has_drained_the_socket_nested() {
        let net = nested::Nested::new().unwrap();
        nested::block_on(&net, only_a_short_read_has_drained_the_socket(&net));
    }
}
