//! What carries the bytes of one connection: a stream, and TLS over it where the URL says so.
//!
//! Hides from `connection` whether bytes are encrypted. Decides nothing about HTTP, and nothing about trust: that is
//! `tls`. Reading may be cancelled at any await; nothing that arrived is lost (RFC 8446 leaves no way to send again
//! what was dropped half-way, so records on their way out are kept as well).

use crate::net::{Net, Peeked};
use crate::tls;
use entreat_core::{Deadline, Error, Kind, Result, TlsInfo};
use std::sync::Arc;

/// How many batches of TLS messages may lie on an idle connection: servers send two tickets, floods are endless.
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
    /// Records on their way out, gone up to `sent`.
    outgoing: Vec<u8>,
    sent: usize,
}

impl<S> Transport<S> {
    pub(crate) fn new(stream: S) -> Transport<S> {
        Transport { stream, tls: None, written: 0 }
    }

    /// Runs the TLS handshake of `session` to its end.
    pub(crate) async fn secure<N: Net<Stream = S>>(
        &mut self,
        net: &N,
        session: tls::Session,
        deadline: Deadline,
    ) -> Result<()> {
        let mut tls = Box::new(Tls { session, info: None, outgoing: Vec::with_capacity(1024), sent: 0 });
        loop {
            tls.flush(net, &mut self.stream, deadline).await?;
            if !tls.session.is_handshaking() {
                tls.info = Some(Arc::new(tls.session.info()));
                self.tls = Some(tls);
                return Ok(());
            }
            let count = net.read(&mut self.stream, tls.session.incoming(), deadline).await?;
            if count == 0 {
                return Err(Error::new(Kind::Tls)
                    .expected("a TLS handshake")
                    .seen("the end of the connection"));
            }
            if let Err(error) = tls.session.received(count) {
                // The peer is told why, where it still listens; our own error matters more than that one.
                let _ = tls.flush(net, &mut self.stream, deadline).await;
                return Err(error);
            }
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
            return tls.sent == tls.outgoing.len();
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
            Some(tls) => tls.sent += count,
        }
        Ok(())
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
            loop {
                if let Some(count) = tls.session.read(into)? {
                    return Ok(count);
                }
                let count = net.read(&mut self.stream, tls.session.incoming(), deadline).await?;
                tls.session.received(count)?;
                // An answer to a key update (RFC 8446 section 4.6.3).
                tls.flush(net, &mut self.stream, deadline).await?;
            }
        }
        net.read(&mut self.stream, into, deadline).await
    }

    /// Reads what has arrived already, without waiting; 0 where that is nothing, or the end.
    pub(crate) async fn read_ready<N: Net<Stream = S>>(&mut self, net: &N, into: &mut [u8]) -> Result<usize> {
        if let Some(tls) = &mut self.tls {
            loop {
                if let Some(count) = tls.session.read(into)? {
                    return Ok(count);
                }
                if net.peek(&mut self.stream) != Peeked::Bytes {
                    return Ok(0);
                }
                let count = net.read(&mut self.stream, tls.session.incoming(), Deadline::NEVER).await?;
                tls.session.received(count)?;
            }
        }
        match net.peek(&mut self.stream) {
            Peeked::Bytes => net.read(&mut self.stream, into, Deadline::NEVER).await,
            Peeked::Nothing | Peeked::Closed => Ok(0),
        }
    }

    /// True where the peer has neither closed nor said anything unasked.
    ///
    /// On TLS, unasked bytes may be session tickets: only plaintext, an alert or the end mean that it is dead.
    /// Plaintext may have been decrypted before along with what was asked for: then nothing lies on the socket.
    pub(crate) async fn is_quiet<N: Net<Stream = S>>(&mut self, net: &N) -> bool {
        if let Some(tls) = &mut self.tls {
            for _ in 0..TICKET_BATCHES {
                match (tls.session.read(&mut [0]), net.peek(&mut self.stream)) {
                    (Ok(None), Peeked::Nothing) => return true,
                    (Ok(None), Peeked::Bytes) => {}
                    (Ok(Some(_)) | Err(_), _) | (Ok(None), Peeked::Closed) => return false,
                }
                match net.read(&mut self.stream, tls.session.incoming(), Deadline::NEVER).await {
                    Ok(count) if count > 0 && tls.session.received(count).is_ok() => {}
                    Ok(_) | Err(_) => return false,
                }
            }
            return false;
        }
        net.peek(&mut self.stream) == Peeked::Nothing
    }

    /// Says good-bye on TLS, as far as the stream takes it in time; dropping the transport then closes it.
    pub(crate) async fn close<N: Net<Stream = S>>(self, net: &N, deadline: Deadline) {
        if let Transport { mut stream, tls: Some(mut tls), .. } = self {
            tls.session.close();
            // Nobody can be told of a failure to say good-bye.
            let _ = tls.flush(net, &mut stream, deadline).await;
        }
    }
}

impl Tls {
    /// Records to send: what is left of earlier ones, else some of `bytes`, encrypted.
    fn encrypt(&mut self, bytes: &mut &[u8]) -> Result<&[u8]> {
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
            let taken = self.session.write(bytes)?;
            *bytes = &bytes[taken..];
            self.session.outgoing(&mut self.outgoing)?;
        }
        Ok(&self.outgoing[self.sent..])
    }

    /// Sends whatever the session wants sent.
    async fn flush<N: Net>(&mut self, net: &N, stream: &mut N::Stream, deadline: Deadline) -> Result<()> {
        self.session.outgoing(&mut self.outgoing)?;
        while self.sent < self.outgoing.len() {
            self.sent += net.write(stream, &self.outgoing[self.sent..], deadline).await?;
        }
        self.outgoing.clear();
        self.sent = 0;
        Ok(())
    }
}
