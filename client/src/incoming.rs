//! The body of a response while it comes in: dechunked, decoded, bounded, and its connection's way home.
//!
//! A body read to its end gives its connection back to the pool; one that is dropped before closes it, since what
//! is left on the wire would answer the next request.

use crate::connection::Connection;
use crate::engine::{Engine, Outgoing};
use crate::net::Net;
use entreat_core::content::Decoder;
use entreat_core::h1::{BodyDecoder, Verdict};
use entreat_core::{Deadlines, Error, Headers, Kind, ResponseHead, Result};
use std::sync::Arc;

/// The least that a read straight from the socket should ask for; smaller ones go through the buffer.
const DIRECT: usize = 4 * 1024;

/// The body of a redirect is read up to this size: cheaper than a new connection.
const SKIPPED: usize = 64 * 1024;

/// Memory taken ahead for a body of known length, at most: the peer's word alone is not worth more.
const TRUSTED_LENGTH: usize = 1 << 20;

/// The body of one response, not yet read.
pub struct Incoming<N: Net> {
    engine: Arc<Engine<N>>,
    /// Absent once it went home or was closed.
    connection: Option<Connection<N::Stream>>,
    keep_alive: bool,
    body: BodyDecoder,
    content: Option<Content>,
    deadlines: Deadlines,
    max_body: Option<u64>,
    /// Bytes handed to the caller.
    delivered: u64,
    url: String,
}

/// A content coding being undone.
struct Content {
    decoder: Decoder,
    /// Raw bytes that the decoder has not taken yet, from `taken` on.
    raw: Vec<u8>,
    taken: usize,
    raw_done: bool,
    /// Decoded bytes not yet delivered, from `given` on.
    decoded: Vec<u8>,
    given: usize,
}

impl<N: Net> Incoming<N> {
    pub(crate) fn new(
        engine: &Arc<Engine<N>>,
        connection: Connection<N::Stream>,
        verdict: Verdict,
        head: &ResponseHead,
        outgoing: &Outgoing<'_>,
    ) -> Incoming<N> {
        let mut incoming = Incoming {
            engine: Arc::clone(engine),
            connection: Some(connection),
            keep_alive: verdict.keep_alive && outgoing.keep_alive,
            body: BodyDecoder::new(verdict.framing),
            content: None,
            deadlines: outgoing.deadlines,
            max_body: outgoing.settings.max_body,
            delivered: 0,
            url: outgoing.url.as_str().to_owned(),
        };
        if incoming.body.is_done() {
            incoming.finish();
        } else if outgoing.settings.decompress && head.headers.contains("Content-Encoding") {
            let decoder = Decoder::for_encoding(head.headers.get_all("Content-Encoding"));
            incoming.content = decoder.map(Content::new);
        }
        incoming
    }

    /// Reads decoded bytes; 0 at the end of the body.
    ///
    /// # Errors
    /// [`Kind::ClosedEarly`], [`Kind::MalformedChunk`], [`Kind::ContentDecoding`], [`Kind::BodyTooLarge`], time-outs.
    pub async fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let outcome = match self.content.is_some() {
            true => self.read_decoded(into).await,
            false => self.read_raw(into).await,
        };
        let counted = outcome.and_then(|count| self.count(count));
        counted.map_err(|error| self.fail(error))
    }

    /// Reads all that is left, decoded.
    ///
    /// # Errors
    /// As [`Incoming::read`].
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>> {
        let expected = usize::try_from(self.body.direct()).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        if self.content.is_none() && expected <= TRUSTED_LENGTH {
            bytes.resize(expected, 0);
        }
        let mut filled = 0;
        loop {
            if filled == bytes.len() && !(filled > 0 && self.is_done()) {
                bytes.resize((filled * 2).clamp(8 * 1024, filled + TRUSTED_LENGTH), 0);
            }
            match self.read(&mut bytes[filled..]).await? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// True once everything was read: nothing more will come.
    pub fn is_done(&self) -> bool {
        let content_done =
            self.content.as_ref().is_none_or(|content| content.raw_done && content.is_drained());
        self.connection.is_none() && content_done
    }

    /// The fields that came behind a chunked body, once it was read to its end (RFC 9110 section 6.5).
    pub fn trailers(&self) -> Option<&Headers> {
        self.body.trailers()
    }

    /// Gives the body up. Its connection is closed, unless all of the body has arrived already.
    pub fn abandon(&mut self) {
        while let Some(connection) = &mut self.connection {
            let received = connection.received.as_slice();
            match self.body.decode(received) {
                Ok(decoded) if decoded.consumed > 0 => connection.received.consume(decoded.consumed),
                _ => self.connection = None,
            }
            if self.body.is_done() {
                self.finish();
            }
        }
        self.content = None;
    }

    /// Reads a small body to its end and throws it away, so that its connection may be used again; gives up on a
    /// larger one, or on any error, and closes the connection.
    pub(crate) async fn skip(&mut self) {
        self.content = None;
        let mut scratch = [0; DIRECT];
        let mut skipped = 0;
        while skipped < SKIPPED {
            match self.read_raw(&mut scratch).await {
                Ok(count) if count > 0 => skipped += count,
                Ok(_) => return,
                Err(_) => break,
            }
        }
        self.connection = None;
    }

    /// Bytes of the body as they come, content codings left alone.
    async fn read_raw(&mut self, into: &mut [u8]) -> Result<usize> {
        while !into.is_empty() {
            let Some(connection) = &mut self.connection else { return Ok(0) };
            if self.body.is_done() {
                self.finish();
                return Ok(0);
            }
            let direct = usize::try_from(self.body.direct()).unwrap_or(usize::MAX).min(into.len());
            if !connection.received.is_empty() {
                let received = connection.received.as_slice();
                let input = &received[..received.len().min(into.len())];
                let decoded = self.body.decode(input)?;
                let data = &input[decoded.data];
                let count = data.len();
                into[..count].copy_from_slice(data);
                connection.received.consume(decoded.consumed);
                if self.body.is_done() {
                    self.finish();
                }
                if count > 0 {
                    return Ok(count);
                }
                if decoded.consumed > 0 {
                    continue;
                }
            }
            let deadline = self.deadlines.read(self.engine.net.now());
            let Some(connection) = &mut self.connection else { return Ok(0) };
            let straight =
                connection.received.is_empty() && (direct >= DIRECT || direct as u64 == self.body.direct());
            if straight && direct > 0 {
                let count = connection.read(&self.engine.net, &mut into[..direct], deadline).await?;
                if count > 0 {
                    self.body.advance(count as u64);
                    if self.body.is_done() {
                        self.finish();
                    }
                    return Ok(count);
                }
                self.body.end_of_input()?;
            } else if connection.receive(&self.engine.net, deadline).await? == 0 {
                self.body.end_of_input()?;
            }
        }
        Ok(0)
    }

    async fn read_decoded(&mut self, into: &mut [u8]) -> Result<usize> {
        let Some(mut content) = self.content.take() else { return Ok(0) };
        let outcome = self.fill_decoded(&mut content, into.len()).await;
        let count = content.give(into);
        self.content = Some(content);
        outcome.map(|()| count)
    }

    /// Decodes until at least one byte can be given, or the body ends.
    async fn fill_decoded(&mut self, content: &mut Content, wanted: usize) -> Result<()> {
        while content.is_drained() {
            if content.decode(wanted.max(DIRECT))? {
                continue;
            }
            if content.raw_done {
                return Ok(());
            }
            let mut raw = std::mem::take(&mut content.raw);
            raw.resize(4 * DIRECT, 0);
            let count = self.read_raw(&mut raw).await?;
            raw.truncate(count);
            (content.raw, content.taken) = (raw, 0);
            if count == 0 {
                content.raw_done = true;
                content.decoder.finish()?;
            }
        }
        Ok(())
    }

    fn count(&mut self, count: usize) -> Result<usize> {
        self.delivered += count as u64;
        match self.max_body {
            Some(limit) if self.delivered > limit => Err(Error::new(Kind::BodyTooLarge)
                .expected(format!("at most {limit} bytes"))
                .hint("raise max_body, or read the body in pieces")),
            _ => Ok(count),
        }
    }

    /// The body came to its end: its connection goes home, unless bytes that nobody asked for lie on it.
    fn finish(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.keep_alive
            && connection.received.is_empty()
        {
            self.engine.release(connection);
        }
    }

    /// After an error nothing of the connection can be trusted.
    fn fail(&mut self, error: Error) -> Error {
        self.connection = None;
        error.with_url(&self.url)
    }
}

impl<N: Net> Drop for Incoming<N> {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl Content {
    fn new(decoder: Decoder) -> Content {
        Content { decoder, raw: Vec::new(), taken: 0, raw_done: false, decoded: Vec::new(), given: 0 }
    }

    fn is_drained(&self) -> bool {
        self.given == self.decoded.len()
    }

    /// Decodes at most about `wanted` bytes of what was received; false where that made no progress.
    fn decode(&mut self, wanted: usize) -> Result<bool> {
        self.decoded.clear();
        self.given = 0;
        let consumed = self.decoder.decode(&self.raw[self.taken..], &mut self.decoded, wanted)?;
        self.taken += consumed;
        Ok(consumed > 0 || !self.decoded.is_empty())
    }

    fn give(&mut self, into: &mut [u8]) -> usize {
        let ready = &self.decoded[self.given..];
        let count = ready.len().min(into.len());
        into[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        count
    }
}
