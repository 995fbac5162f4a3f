//! What carries the bytes of one connection: a stream, TLS over it where the URL says so, and TLS inside of TLS where
//! the way leads through a proxy that is spoken to in TLS itself.
//!
//! Layers hand bytes to each other without waiting; only the outermost one's bytes are read and written. Hides from
//! `connection` whether bytes are encrypted. Decides nothing about HTTP, and nothing about trust: that is `tls`. Reading
//! may be cancelled at any await; nothing that arrived is lost (RFC 8446 leaves no way to send again what was dropped
//! half-way, so records on their way out are kept as well).

use crate::net::{Duplex, Net, Peeked};
use crate::tls;
use entreat_core::{Deadline, Error, Kind, Result, TlsInfo};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How many batches of TLS messages without plaintext are taken in where nothing is waited for: servers send two tickets,
/// floods are endless.
const TICKET_BATCHES: usize = 16;

#[derive(Debug)]
pub(crate) struct Transport<S> {
    stream: S,
    tls: Option<Box<Tls>>,
    /// Bytes that the stream has taken so far.
    written: u64,
}

#[derive(Debug)]
struct Tls {
    session: tls::Session,
    /// What the handshake came to.
    info: Option<Arc<TlsInfo>>,
    /// Records on their way out, gone up to `sent`; empty where there is a layer outside, which takes them at once.
    outgoing: Vec<u8>,
    sent: usize,
    /// The TLS that this one's records travel in: that with a proxy.
    outer: Option<Box<Tls>>,
}

impl<S> Transport<S> {
    pub(crate) fn new(stream: S) -> Transport<S> {
        Transport { stream, tls: None, written: 0 }
    }

    /// Runs the TLS handshake of `session` to its end, inside of what there is. `early` are bytes for it that came
    /// already.
    pub(crate) async fn secure<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        session: tls::Session,
        early: &[u8],
        deadline: Deadline,
    ) -> Result<()> {
        let outer = self.tls.take();
        let mut tls =
            Box::new(Tls { session, info: None, outgoing: Vec::with_capacity(1024), sent: 0, outer });
        let mut taken = tls.take_in(early);
        loop {
            // The peer is told why its bytes are refused, where it still listens; our own error matters more.
            let flushed = tls.flush(net, &mut self.stream, deadline).await;
            taken.and(flushed)?;
            if !tls.session.is_handshaking() {
                tls.info = Some(Arc::new(tls.session.info()));
                self.tls = Some(tls);
                return Ok(());
            }
            taken = tls.receive_handshake(net, &mut self.stream, deadline).await;
        }
    }

    /// What the handshake came to, where there was one.
    pub(crate) fn tls_info(&self) -> Option<&Arc<TlsInfo>> {
        self.tls.as_ref()?.info.as_ref()
    }

    /// Bytes that the stream has taken so far, handshakes not counted.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// True where nothing of what [`Transport::push`] took is on its way.
    pub(crate) fn is_flushed(&self) -> bool {
        if let Some(tls) = &self.tls {
            return tls.is_flushed();
        }
        true
    }

    /// Moves some of `bytes` out; with `listening`, none where the stream takes nothing while the peer has something to
    /// say.
    pub(crate) async fn push<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        bytes: &mut &[u8],
        listening: bool,
        deadline: Deadline,
    ) -> Result<()> {
        let ready = match &mut self.tls {
            None => *bytes,
            Some(tls) => tls.encrypt(bytes)?,
        };
        let count = match listening {
            true => net.write_listening(&mut self.stream, ready, deadline).await?,
            false => net.write(&mut self.stream, ready, deadline).await?,
        };
        self.written += count as u64;
        match &mut self.tls {
            None => *bytes = &bytes[count..],
            Some(tls) => tls.advance(count),
        }
        Ok(())
    }

    /// Waits until `other` is ready, which is not of the net; with `listening`, until there is something to read as well:
    /// then `None`.
    pub(crate) async fn first_of<N: Net<Stream = S>, T: Send>(
        &mut self,
        net: &N,
        other: impl FnMut(&mut Context<'_>) -> Poll<T> + Send,
        listening: bool,
        deadline: Deadline,
    ) -> Result<Option<T>> {
        net.first_of(other, listening.then_some(&mut self.stream), deadline).await
    }

    /// True where nothing would ever wake those who wait for it.
    pub(crate) fn is_lost<N: Net<Stream = S>>(&self, net: &N) -> bool {
        net.is_lost(&self.stream)
    }

    /// True where the peer has closed its side, and all it said was read.
    pub(crate) fn is_closed<N: Net<Stream = S>>(&mut self, net: &N) -> bool {
        net.peek(&mut self.stream) == Peeked::Closed
    }

    /// Reads at least one byte, or 0 at the end of the connection.
    ///
    /// # Errors
    /// As the net's; [`Kind::ClosedEarly`] where TLS ends without a good-bye.
    pub(crate) async fn read<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        into: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize> {
        if let Some(tls) = &mut self.tls {
            // Records come in pieces: each is a wait of its own.
            let deadline = deadline.reread();
            loop {
                if let Some(count) = tls.read(into)? {
                    return Ok(count);
                }
                let count = net.read(&mut self.stream, tls.incoming(), deadline).await?;
                tls.received(count)?;
                // An answer to a key update (RFC 8446 section 4.6.3).
                tls.flush(net, &mut self.stream, deadline).await?;
            }
        }
        net.read(&mut self.stream, into, deadline).await
    }

    /// Reads what has arrived already, without waiting; 0 where that is nothing, or the end.
    pub(crate) async fn read_ready<N: Net<Stream = S>>(&mut self, net: &N, into: &mut [u8]) -> Result<usize> {
        if let Some(tls) = &mut self.tls {
            for _ in 0..TICKET_BATCHES {
                if let Some(count) = tls.read(into)? {
                    return Ok(count);
                }
                if net.peek(&mut self.stream) != Peeked::Bytes {
                    return Ok(0);
                }
                let count = net.read(&mut self.stream, tls.incoming(), Deadline::NEVER).await?;
                tls.received(count)?;
            }
            return Ok(tls.read(into)?.unwrap_or_default());
        }
        match net.peek(&mut self.stream) {
            Peeked::Bytes => net.read(&mut self.stream, into, Deadline::NEVER).await,
            Peeked::Nothing | Peeked::Closed => Ok(0),
        }
    }

    /// True where the peer has neither closed nor said anything unasked; with `trusting`, as far as that was heard of when
    /// the last read was made, if that left nothing on the socket.
    ///
    /// On TLS, unasked bytes may be session tickets: only plaintext, an alert or the end mean that it is dead.
    /// Plaintext may have been decrypted before along with what was asked for: then nothing lies on the socket.
    pub(crate) async fn is_quiet<N: Net<Stream = S>>(&mut self, net: &N, trusting: bool) -> bool {
        let drained = trusting && net.is_drained(&self.stream);
        if let Some(tls) = &mut self.tls {
            for _ in 0..TICKET_BATCHES {
                let peeked = if drained { Peeked::Nothing } else { net.peek(&mut self.stream) };
                match (tls.read(&mut [0]), peeked) {
                    (Ok(None), Peeked::Nothing) => return true,
                    (Ok(None), Peeked::Bytes) => {}
                    (Ok(Some(_)) | Err(_), _) | (Ok(None), Peeked::Closed) => return false,
                }
                match net.read(&mut self.stream, tls.incoming(), Deadline::NEVER).await {
                    Ok(count) if count > 0 && tls.received(count).is_ok() => {}
                    Ok(_) | Err(_) => return false,
                }
            }
            return false;
        }
        drained || net.peek(&mut self.stream) == Peeked::Nothing
    }

    /// As [`Transport::read`], polled. Nothing is sent meanwhile, so that another task may wait for that: what TLS has to
    /// answer goes out before the next bytes (RFC 8446 section 4.6.3 asks for no more).
    pub(crate) fn poll_read<N: Duplex<Stream = S>>(
        &mut self,
        net: &N,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize>> {
        let Some(tls) = &mut self.tls else { return net.poll_read(&mut self.stream, context, into) };
        loop {
            if let Some(count) = tls.read(into)? {
                return Poll::Ready(Ok(count));
            }
            let count = ready!(net.poll_read(&mut self.stream, context, tls.incoming()))?;
            tls.received(count)?;
        }
    }

    /// Takes some of `bytes`, once what was taken before is sent; [`Transport::poll_flush`] sends the last of it.
    pub(crate) fn poll_write<N: Duplex<Stream = S>>(
        &mut self,
        net: &N,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        if self.tls.is_none() {
            return net.poll_write(&mut self.stream, context, bytes);
        }
        ready!(self.poll_flush(net, context))?;
        let mut rest = bytes;
        if let Some(tls) = &mut self.tls {
            tls.encrypt(&mut rest)?;
        }
        // At once, as far as that goes: few programs flush.
        if let Poll::Ready(flushed) = self.poll_flush(net, context) {
            flushed?;
        }
        Poll::Ready(Ok(bytes.len() - rest.len()))
    }

    /// Sends what is encrypted and waits.
    pub(crate) fn poll_flush<N: Duplex<Stream = S>>(
        &mut self,
        net: &N,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        let Some(tls) = &mut self.tls else { return Poll::Ready(Ok(())) };
        tls.pass_out()?;
        while !tls.is_flushed() {
            let count = ready!(net.poll_write(&mut self.stream, context, tls.pending()))?;
            tls.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Says good-bye, and closes the sending side.
    pub(crate) fn poll_finish<N: Duplex<Stream = S>>(
        &mut self,
        net: &N,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye()?;
        }
        ready!(self.poll_flush(net, context))?;
        Poll::Ready(net.finish(&mut self.stream))
    }

    /// The same, waited for until the deadline.
    pub(crate) async fn finish<N: Net<Stream = S>>(&mut self, net: &N, deadline: Deadline) -> Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye()?;
            tls.flush(net, &mut self.stream, deadline).await?;
        }
        net.finish(&mut self.stream)
    }

    /// Says good-bye on TLS, as far as the stream takes it in time; dropping the transport then closes it.
    pub(crate) async fn close<N: Net<Stream = S>>(self, net: &N, deadline: Deadline) {
        if let Transport { mut stream, tls: Some(mut tls), .. } = self {
            // Nobody can be told of a failure to say good-bye.
            if tls.say_goodbye().is_ok() {
                let _ = tls.flush(net, &mut stream, deadline).await;
            }
        }
    }
}

impl Tls {
    /// Records to send: what is left of earlier ones, else some of `bytes`, encrypted.
    fn encrypt(&mut self, bytes: &mut &[u8]) -> Result<&[u8]> {
        if self.is_flushed() {
            let taken = self.session.write(bytes)?;
            *bytes = &bytes[taken..];
            self.pass_out()?;
        }
        Ok(self.pending())
    }

    /// Sends whatever the session wants sent.
    async fn flush<N: Net>(&mut self, net: &N, stream: &mut N::Stream, deadline: Deadline) -> Result<()> {
        self.pass_out()?;
        while !self.is_flushed() {
            let count = net.write(stream, self.pending(), deadline).await?;
            self.advance(count);
        }
        Ok(())
    }

    /// Takes in something that this session's handshake needs, and waits for it.
    async fn receive_handshake<N: Net>(
        &mut self,
        net: &N,
        stream: &mut N::Stream,
        deadline: Deadline,
    ) -> Result<()> {
        let end = || Error::new(Kind::Tls).expected("a TLS handshake").seen("the end of the connection");
        while let Some(outer) = &mut self.outer {
            match outer.read(self.session.incoming())? {
                Some(0) => return Err(end()),
                Some(count) => return self.session.received(count),
                None => {}
            }
            let count = net.read(stream, outer.incoming(), deadline).await?;
            outer.received(count)?;
        }
        match net.read(stream, self.session.incoming(), deadline).await? {
            0 => Err(end()),
            count => self.session.received(count),
        }
    }

    /// Takes in bytes that came before this layer did.
    fn take_in(&mut self, mut early: &[u8]) -> Result<()> {
        while !early.is_empty() {
            let room = self.session.incoming();
            let count = room.len().min(early.len());
            room[..count].copy_from_slice(&early[..count]);
            early = &early[count..];
            self.session.received(count)?;
        }
        Ok(())
    }

    /// Decrypted bytes, as [`tls::Session::read`] gives them, out of all that has arrived.
    fn read(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        loop {
            if let Some(count) = self.session.read(into)? {
                return Ok(Some(count));
            }
            let Some(outer) = &mut self.outer else { return Ok(None) };
            match outer.read(self.session.incoming())? {
                Some(count) => self.session.received(count)?,
                None => return Ok(None),
            }
        }
    }

    /// Where the next bytes of the stream go: to the outermost layer.
    fn incoming(&mut self) -> &mut [u8] {
        match &mut self.outer {
            Some(outer) => outer.incoming(),
            None => self.session.incoming(),
        }
    }

    /// Takes in `count` bytes of [`Tls::incoming`].
    fn received(&mut self, count: usize) -> Result<()> {
        match &mut self.outer {
            Some(outer) => outer.received(count),
            None => self.session.received(count),
        }
    }

    /// Says good-bye in each layer, from the inside out.
    fn say_goodbye(&mut self) -> Result<()> {
        self.session.close();
        self.pass_out()?;
        self.outer.as_mut().map_or(Ok(()), |outer| outer.say_goodbye())
    }

    /// Moves what the session wants sent to the outermost layer.
    fn pass_out(&mut self) -> Result<()> {
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
        self.session.outgoing(&mut self.outgoing)?;
        let Some(outer) = &mut self.outer else { return Ok(()) };
        let mut records = self.outgoing.as_slice();
        while !records.is_empty() {
            let taken = outer.session.write(records)?;
            records = &records[taken..];
            outer.pass_out()?;
        }
        self.outgoing.clear();
        outer.pass_out()
    }

    /// What the stream is to take next.
    fn pending(&self) -> &[u8] {
        match &self.outer {
            Some(outer) => outer.pending(),
            None => &self.outgoing[self.sent..],
        }
    }

    /// Notes that the stream took `count` bytes of [`Tls::pending`].
    fn advance(&mut self, count: usize) {
        match &mut self.outer {
            Some(outer) => outer.advance(count),
            None => self.sent += count,
        }
    }

    fn is_flushed(&self) -> bool {
        self.pending().is_empty()
    }
}
