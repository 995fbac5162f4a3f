//! One connection: what carries its bytes, and those that were received but not yet consumed.
//!
//! Knows whether the peer is still there, and whether it refuses what it is being sent. What the bytes mean is decided
//! in core; which connection serves which request, in `engine`.

use crate::fork;
use crate::net::{Duplex, Net};
use crate::permits::Permit;
use crate::timings::Making;
use crate::tls;
use crate::transport::Transport;
use entreat_core::pool::Key;
use entreat_core::{Deadline, Deadlines, Result, TlsInfo};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Bytes received at once, at most. Large enough that a head and a small body come in one read.
const RECEIVE: usize = 16 * 1024;

/// Room for a usual request's head, and the most that is kept for the next one.
const HEAD: usize = 512;
const HEAD_KEPT: usize = 4 * 1024;

/// How long behind a read that left nothing on the socket a connection takes a request without a look at it, which is a
/// system call: only one that may be sent again, should the peer turn out to be gone (`exchange::recover`).
///
/// * Why: a look shows what the peer did half a round trip ago, and so did that read. Within the time that a message takes
///   anyhow, a second look closes no gap. What was sent along with an answer, or waits behind a long one, is found by the
///   read, or the read did not leave nothing; what a server says before it closes an idle connection comes seconds later
/// * Extremes: 0 looks each time, for a twentieth of a request's cost; much more, and a good-bye such as 408 might be taken
///   for the answer to a request that was sent behind it
const UNWATCHED: Duration = Duration::from_millis(1);

/// A connection that may serve several exchanges, one after the other.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    transport: Transport<S>,
    /// Received and not yet consumed.
    pub(crate) received: Received,
    /// Where heads are written before they go out: one piece of memory for all of them.
    head: Vec<u8>,
    /// What the pool files it under.
    pub(crate) origin: Arc<str>,
    pub(crate) settings: u64,
    pub(crate) born: Instant,
    /// When the last exchange gave it back.
    pub(crate) released: Instant,
    /// Exchanges begun on it.
    pub(crate) exchanges: u64,
    /// The process that made it.
    pub(crate) generation: u32,
    /// Among those that are open; counted off when the socket is closed.
    _counted: Counted,
    /// The right to be in use, where that is limited. Given back behind the socket.
    pub(crate) permit: Option<Permit>,
    /// How long it took to make, until the exchange that it was made for takes that.
    pub(crate) making: Option<Box<Making>>,
}

/// One of the connections that a client has open.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(open: &Arc<AtomicUsize>) -> Counted {
        open.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Connection<S> {
    pub(crate) fn new(
        stream: S,
        key: Key<'_>,
        counted: Counted,
        born: Instant,
        making: Making,
    ) -> Connection<S> {
        Connection {
            transport: Transport::new(stream),
            received: Received::default(),
            head: Vec::new(),
            origin: key.origin.into(),
            settings: key.settings,
            born,
            released: born,
            exchanges: 0,
            generation: fork::generation(),
            _counted: counted,
            permit: None,
            making: Some(Box::new(making)),
        }
    }

    /// Runs the TLS handshake of `session` to its end, inside of what there is. Bytes that were received already belong
    /// to it.
    pub(crate) async fn secure<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        session: tls::Session,
        deadline: Deadline,
    ) -> Result<()> {
        self.note(|making| making.connected(net.now()));
        let early = std::mem::take(&mut self.received);
        self.transport.secure(net, session, early.as_slice(), deadline).await?;
        self.note(|making| making.secured(net.now()));
        Ok(())
    }

    /// Notes how long a part of making it took.
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut Making)) {
        if let Some(making) = &mut self.making {
            change(making);
        }
    }

    /// Sends all of `bytes` while a connection is being made: all within one deadline.
    pub(crate) async fn send_until<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        mut bytes: &[u8],
        deadline: Deadline,
    ) -> Result<()> {
        while !bytes.is_empty() || !self.transport.is_flushed() {
            self.transport.push(net, &mut bytes, false, deadline).await?;
        }
        Ok(())
    }

    /// What its handshake came to, where there was one.
    pub(crate) fn tls_info(&self) -> Option<&Arc<TlsInfo>> {
        self.transport.tls_info()
    }

    /// True where the connection may carry another request at `now`: the peer has neither closed nor said anything unasked.
    /// One that is `repeatable` may go without a look at the socket, for [`UNWATCHED`].
    pub(crate) async fn is_alive<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        repeatable: bool,
        now: Instant,
    ) -> bool {
        let trusting = repeatable && now.saturating_duration_since(self.released) < UNWATCHED;
        self.received.is_empty() && self.transport.is_quiet(net, trusting).await
    }

    /// True where nothing would ever wake those who wait for it.
    pub(crate) fn is_lost<N: Net<Stream = S>>(&self, net: &N) -> bool {
        self.transport.is_lost(net)
    }

    /// Receives more behind what is there; 0 at the end of the connection.
    pub(crate) async fn receive<N: Net<Stream = S>>(&mut self, net: &N, deadline: Deadline) -> Result<usize> {
        let count = self.transport.read(net, self.received.spare(), deadline).await?;
        self.received.end += count;
        Ok(count)
    }

    /// Reads straight into the caller's buffer; `received` must be empty. 0 at the end of the connection.
    pub(crate) async fn read<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        into: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize> {
        self.transport.read(net, into, deadline).await
    }

    /// The memory that a head was written into before, emptied.
    pub(crate) fn take_head(&mut self) -> Vec<u8> {
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        head.reserve(HEAD);
        head
    }

    /// Keeps that memory for the next head, unless this one took much.
    pub(crate) fn keep_head(&mut self, head: Vec<u8>) {
        if head.capacity() <= HEAD_KEPT {
            self.head = head;
        }
    }

    /// Bytes that went out so far. What the stream has not taken, the peer cannot have seen.
    pub(crate) fn written(&self) -> u64 {
        self.transport.written()
    }

    /// Sends all of `bytes`. The write time-out starts anew whenever some were taken.
    pub(crate) async fn send<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        mut bytes: &[u8],
        deadlines: &Deadlines,
        mut now: Instant,
    ) -> Result<()> {
        while !bytes.is_empty() || !self.transport.is_flushed() {
            self.transport.push(net, &mut bytes, false, deadlines.write(now).just_read(now)).await?;
            if !bytes.is_empty() {
                now = net.now();
            }
        }
        Ok(())
    }

    /// Sends all of `bytes` as well, part of a body, and listens meanwhile: false where the peer refuses it. What the
    /// peer says otherwise puts the write time-out off no more than its silence does.
    ///
    /// RFC 9112 section 9.5: "A client sending a message body SHOULD monitor the open connection for an error
    /// response while it is transmitting the request. If the client sees a response that indicates the server does
    /// not wish to receive the message body and is closing the connection, the client SHOULD immediately cease
    /// transmitting the body and close its side of the connection."
    pub(crate) async fn upload<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        mut bytes: &[u8],
        deadlines: &Deadlines,
    ) -> Result<bool> {
        let mut since = net.now();
        while !bytes.is_empty() || !self.transport.is_flushed() {
            let listening = self.hear(net).await?;
            if is_refusal(self.received.as_slice()) {
                return Ok(false);
            }
            let written = self.transport.written();
            self.transport.push(net, &mut bytes, listening, deadlines.write(since)).await?;
            if self.transport.written() > written {
                since = net.now();
            }
        }
        Ok(true)
    }

    /// Waits until `source` is ready, and listens meanwhile: `None` where the peer refuses what comes from there, or has
    /// closed and so will not say what it made of it. One that is ready at once costs no look at the socket.
    pub(crate) async fn listen_until<N: Net<Stream = S>, T: Send>(
        &mut self,
        net: &N,
        mut source: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
        deadlines: &Deadlines,
    ) -> Result<Option<T>> {
        if let Poll::Ready(given) = poll_fn(|context| Poll::Ready(source(context))).await {
            return Ok(Some(given));
        }
        let deadline = deadlines.write(net.now());
        loop {
            let mut listening = self.hear(net).await?;
            if is_refusal(self.received.as_slice()) || self.transport.is_closed(net) {
                return Ok(None);
            }
            // Of a peer that says much no more is taken in.
            listening &= self.received.len() < RECEIVE;
            if let Some(given) = self.transport.first_of(net, &mut source, listening, deadline).await? {
                return Ok(Some(given));
            }
        }
    }

    /// Receives what has arrived already; true where more may come. A peer that has closed its side says no more but
    /// may read on, and of one that says much, more than can begin a refusal, no more is taken in.
    async fn hear<N: Net<Stream = S>>(&mut self, net: &N) -> Result<bool> {
        while self.received.len() < RECEIVE {
            match self.transport.read_ready(net, self.received.spare()).await? {
                0 => return Ok(!self.transport.is_closed(net)),
                count => self.received.end += count,
            }
        }
        Ok(false)
    }

    /// As [`Connection::read`], in parts that are polled.
    pub(crate) fn poll_read<N: Duplex<Stream = S>>(
        &mut self,
        net: &N,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.transport.poll_read(net, context, into)
    }

    /// Takes some of `bytes`; what is encrypted may wait to be flushed.
    pub(crate) fn poll_write<N: Duplex<Stream = S>>(
        &mut self,
        net: &N,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.transport.poll_write(net, context, bytes)
    }

    /// Sends what waits.
    pub(crate) fn poll_flush<N: Duplex<Stream = S>>(
        &mut self,
        net: &N,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        self.transport.poll_flush(net, context)
    }

    /// Sends what waits, and says that nothing more will come.
    pub(crate) fn poll_finish<N: Duplex<Stream = S>>(
        &mut self,
        net: &N,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        self.transport.poll_finish(net, context)
    }

    /// The same, waited for until the deadline.
    pub(crate) async fn finish<N: Net<Stream = S>>(&mut self, net: &N, deadline: Deadline) -> Result<()> {
        self.transport.finish(net, deadline).await
    }

    /// Says good-bye, as far as the peer takes it in time, and closes.
    pub(crate) async fn close<N: Net<Stream = S>>(self, net: &N, deadline: Deadline) {
        self.transport.close(net, deadline).await;
    }
}

/// True where `received` begins with a response, past informational ones, that makes the rest of a body pointless:
/// an error, or a redirect.
fn is_refusal(mut received: &[u8]) -> bool {
    loop {
        received = match received {
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'3'..=b'5', ..] => return true,
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'1', ..] => {
                match received.windows(4).position(|window| window == b"\r\n\r\n") {
                    Some(end) => &received[end + 4..],
                    None => return false,
                }
            }
            _ => return false,
        }
    }
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

    /// Gives back what a large head took: an idle connection keeps no more than it will need.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() && self.bytes.len() > RECEIVE {
            self.bytes = Vec::new();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_redirects_refuse_a_body_past_informational_answers() {
        for refusal in ["HTTP/1.1 413 Too Large\r\n", "HTTP/1.0 500", "HTTP/1.1 302 Found"] {
            assert!(is_refusal(refusal.as_bytes()));
            assert!(is_refusal(format!("HTTP/1.1 100 Continue\r\n\r\n{refusal}").as_bytes()));
        }
        for other in ["", "HTTP/1.1 ", "HTTP/1.1 200 OK", "HTTP/1.1 100 Continue\r\n", "garbage 4"] {
            assert!(!is_refusal(other.as_bytes()), "{other}");
        }
    }
}
