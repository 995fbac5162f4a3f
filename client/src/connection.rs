//! One connection: a stream, perhaps TLS over it, and the bytes that were received but not yet consumed.
//!
//! Moves bytes and knows whether the peer is still there. What the bytes mean is decided in core; which connection
//! serves which request, in `engine`.

use crate::net::{Net, Peeked};
#[cfg(feature = "tls")]
use crate::tls;
use entreat_core::{Deadline, Deadlines, Error, Kind, Result};
use std::time::Instant;

/// Bytes received at once, at most. Large enough that a head and a small body come in one read.
const RECEIVE: usize = 16 * 1024;

/// A connection that may serve several exchanges, one after the other.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    #[cfg(feature = "tls")]
    tls: Option<Box<tls::Session>>,
    /// Received and not yet consumed.
    pub(crate) received: Received,
    /// What is about to be sent; kept for its capacity.
    outgoing: Vec<u8>,
    /// What the pool files it under.
    pub(crate) origin: Box<str>,
    pub(crate) settings: u64,
    pub(crate) born: Instant,
    /// Exchanges begun on it.
    pub(crate) exchanges: u64,
}

impl<S> Connection<S> {
    pub(crate) fn new(stream: S, origin: Box<str>, settings: u64, born: Instant) -> Connection<S> {
        Connection {
            stream,
            #[cfg(feature = "tls")]
            tls: None,
            received: Received::default(),
            outgoing: Vec::new(),
            origin,
            settings,
            born,
            exchanges: 0,
        }
    }

    /// Runs the TLS handshake of `session` to its end.
    #[cfg(feature = "tls")]
    pub(crate) async fn secure<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        mut session: tls::Session,
        deadline: Deadline,
    ) -> Result<()> {
        let mut bytes = Vec::with_capacity(1024);
        loop {
            bytes.clear();
            if session.outgoing(&mut bytes)? {
                write_all(net, &mut self.stream, &bytes, deadline).await?;
            }
            if !session.is_handshaking() {
                break;
            }
            let count = net.read(&mut self.stream, session.incoming(), deadline).await?;
            if count == 0 {
                return Err(Error::new(Kind::Tls)
                    .expected("a TLS handshake")
                    .seen("the end of the connection"));
            }
            if let Err(error) = session.received(count) {
                // The peer is told why, where it still listens; our own error matters more than that one.
                bytes.clear();
                if session.outgoing(&mut bytes).is_ok() {
                    let _ = write_all(net, &mut self.stream, &bytes, deadline).await;
                }
                return Err(error);
            }
        }
        self.tls = Some(Box::new(session));
        Ok(())
    }

    /// True where the connection may carry another request: the peer has neither closed nor said anything unasked.
    pub(crate) async fn is_alive<N: Net<Stream = S>>(&mut self, net: &N) -> bool {
        if !self.received.is_empty() {
            return false;
        }
        match net.peek(&mut self.stream) {
            Peeked::Nothing => true,
            Peeked::Closed => false,
            Peeked::Bytes => self.only_tickets(net).await,
        }
    }

    /// On TLS, unasked bytes may be session tickets: only plaintext, an alert or the end mean that it is dead.
    #[cfg(feature = "tls")]
    async fn only_tickets<N: Net<Stream = S>>(&mut self, net: &N) -> bool {
        let Some(session) = &mut self.tls else { return false };
        while net.peek(&mut self.stream) == Peeked::Bytes {
            // The bytes are there: this read does not wait.
            match net.read(&mut self.stream, session.incoming(), Deadline::NEVER).await {
                Ok(count) if count > 0 && session.received(count).is_ok() => {}
                _ => return false,
            }
        }
        matches!(session.read(&mut [0]), Ok(None)) && net.peek(&mut self.stream) == Peeked::Nothing
    }

    #[cfg(not(feature = "tls"))]
    async fn only_tickets<N: Net<Stream = S>>(&mut self, _net: &N) -> bool {
        false
    }

    /// Receives more behind what is there; 0 at the end of the connection.
    pub(crate) async fn receive<N: Net<Stream = S>>(&mut self, net: &N, deadline: Deadline) -> Result<usize> {
        let mut received = std::mem::take(&mut self.received);
        let outcome = self.read(net, received.spare(), deadline).await;
        if let Ok(count) = outcome {
            received.end += count;
        }
        self.received = received;
        outcome
    }

    /// Reads straight into the caller's buffer; `received` must be empty. 0 at the end of the connection.
    #[cfg(feature = "tls")]
    pub(crate) async fn read<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        into: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize> {
        let Some(session) = &mut self.tls else { return net.read(&mut self.stream, into, deadline).await };
        loop {
            if let Some(count) = session.read(into)? {
                return Ok(count);
            }
            let count = net.read(&mut self.stream, session.incoming(), deadline).await?;
            session.received(count)?;
            self.outgoing.clear();
            // An answer to a key update (RFC 8446 section 4.6.3).
            if session.outgoing(&mut self.outgoing)? {
                write_all(net, &mut self.stream, &self.outgoing, deadline).await?;
            }
        }
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) async fn read<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        into: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize> {
        net.read(&mut self.stream, into, deadline).await
    }

    /// Sends all of `bytes`. The write time-out starts anew whenever some were taken.
    pub(crate) async fn send<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        bytes: &[u8],
        deadlines: &Deadlines,
        now: Instant,
    ) -> Result<()> {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return self.send_encrypted(net, bytes, deadlines).await;
        }
        send_plain(net, &mut self.stream, bytes, deadlines, now).await
    }

    #[cfg(feature = "tls")]
    async fn send_encrypted<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        mut bytes: &[u8],
        deadlines: &Deadlines,
    ) -> Result<()> {
        let Some(session) = &mut self.tls else { return Ok(()) };
        while !bytes.is_empty() {
            let taken = session.write(bytes)?;
            bytes = &bytes[taken..];
            self.outgoing.clear();
            session.outgoing(&mut self.outgoing)?;
            send_plain(net, &mut self.stream, &self.outgoing, deadlines, net.now()).await?;
        }
        Ok(())
    }

    /// What the peer has said so far without being waited for, in the middle of an upload.
    pub(crate) async fn receive_ready<N: Net<Stream = S>>(&mut self, net: &N) -> Result<()> {
        while net.peek(&mut self.stream) == Peeked::Bytes && self.received.len() < RECEIVE {
            #[cfg(feature = "tls")]
            if let Some(session) = &mut self.tls {
                let count = net.read(&mut self.stream, session.incoming(), Deadline::NEVER).await?;
                session.received(count)?;
                let count = session.read(self.received.spare())?.unwrap_or_default();
                self.received.end += count;
                continue;
            }
            self.receive(net, Deadline::NEVER).await?;
        }
        Ok(())
    }

    /// Says good-bye on TLS, as far as the socket takes it at once; dropping the connection then closes it.
    #[cfg(feature = "tls")]
    pub(crate) async fn close<N: Net<Stream = S>>(mut self, net: &N) {
        if let Some(session) = &mut self.tls {
            self.outgoing.clear();
            session.close(&mut self.outgoing);
            let _ = net.write(&mut self.stream, &self.outgoing, Deadline::NEVER).await;
        }
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) async fn close<N: Net<Stream = S>>(self, _net: &N) {}
}

async fn send_plain<N: Net>(
    net: &N,
    stream: &mut N::Stream,
    mut bytes: &[u8],
    deadlines: &Deadlines,
    mut now: Instant,
) -> Result<()> {
    while !bytes.is_empty() {
        let count = net.write(stream, bytes, deadlines.write(now)).await?;
        bytes = &bytes[count..];
        if !bytes.is_empty() {
            now = net.now();
        }
    }
    Ok(())
}

#[cfg(feature = "tls")]
async fn write_all<N: Net>(
    net: &N,
    stream: &mut N::Stream,
    mut bytes: &[u8],
    deadline: Deadline,
) -> Result<()> {
    while !bytes.is_empty() {
        let count = net.write(stream, bytes, deadline).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

/// Received bytes: `bytes[start..end]` are not yet consumed.
#[derive(Debug, Default)]
pub(crate) struct Received {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Received {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end, "no more is consumed than was received");
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Room for at least one more byte, `RECEIVE` where memory is first taken, twice as much when that is full.
    fn spare(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                self.bytes.resize((self.bytes.len() * 2).max(RECEIVE), 0);
            }
        }
        &mut self.bytes[self.end..]
    }
}
