//! The body of a response while it comes in: dechunked, decoded, bounded, and its connection's way home.
//!
//! A body read to its end gives its connection back to the pool; one that is dropped before closes it, since what
//! is left on the wire would answer the next request. A read may be cancelled at any await, and another one goes on
//! where it stopped. After an error every read repeats it: a body cut short never looks like one that ended.

use crate::body::{Body, Reading};
use crate::connection::{Connection, Received};
use crate::engine::{Engine, Outgoing};
use crate::net::Net;
use crate::rare::rarely;
use crate::timings::{Begun, Timings};
use crate::upgraded::Upgraded;
use entreat_core::content::{Decoder, Expansion};
use entreat_core::exchange;
use entreat_core::h1::{BodyDecoder, Framing, Verdict};
use entreat_core::{Deadline, Deadlines, Error, Headers, Kind, ResponseHead, Result, Scheme, TlsInfo};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least that a read straight from the socket should ask for; smaller ones go through the buffer.
const DIRECT: usize = 4 * 1024;

/// The body of a redirect is read up to this size, and for so long: cheaper than a new connection.
const SKIPPED: usize = 64 * 1024;
const SKIPPING: Duration = Duration::from_millis(250);

/// What an error keeps of a body, and how long that is waited for.
const START: usize = 16 * 1024;
const STARTING: Duration = Duration::from_millis(500);

/// Memory taken ahead for a body of known length, at most: the peer's word alone is not worth more.
const TRUSTED_LENGTH: usize = 1 << 20;

/// The body of one response, not yet read.
pub struct Incoming<N: Net> {
    raw: Raw<N>,
    /// A content coding being undone. In a box, as most have none and all would carry its room when they are moved.
    content: Option<Box<Content>>,
    max_body: Option<u64>,
    /// Bytes handed to the caller.
    delivered: u64,
    url: Arc<str>,
    /// How its connection was encrypted.
    tls: Option<Arc<TlsInfo>>,
    /// What ended it before its time.
    failure: Option<Error>,
    begun: Begun,
}

/// The body as it comes over the wire, content codings left alone.
struct Raw<N: Net> {
    engine: Arc<Engine<N>>,
    /// Absent once it went home or was closed.
    connection: Option<Box<Connection<N::Stream>>>,
    /// A connection that speaks HTTP no more, until somebody asks for it.
    switched: Option<Box<Connection<N::Stream>>>,
    keep_alive: bool,
    body: BodyDecoder,
    /// Its length was announced.
    sized: bool,
    deadlines: Deadlines,
    /// An end before those.
    patience: Option<Instant>,
    /// A body that did not come over a network; absent once it was read to its end.
    memory: Option<Box<Memory>>,
    /// When it came to its end.
    ended: Option<Instant>,
}

/// The body of a reply of this process.
pub(crate) struct Memory {
    reading: Reading,
    given: u64,
    /// So much was announced.
    length: Option<u64>,
    /// It ends as if the peer had closed.
    cut_short: bool,
}

/// A content coding being undone.
struct Content {
    decoder: Decoder,
    expansion: Expansion,
    /// So much was taken in so far, and became so much.
    coded: u64,
    content: u64,
    /// Raw bytes: those that the decoder has not taken yet are `raw[taken..filled]`.
    raw: Box<[u8]>,
    taken: usize,
    filled: usize,
    raw_done: bool,
    /// Decoded bytes not yet delivered, from `given` on.
    decoded: Vec<u8>,
    given: usize,
}

impl<N: Net> Incoming<N> {
    pub(crate) fn new(
        engine: &Arc<Engine<N>>,
        connection: Box<Connection<N::Stream>>,
        verdict: Verdict,
        head: &ResponseHead,
        outgoing: &Outgoing<'_>,
        begun: Begun,
    ) -> Box<Incoming<N>> {
        // Where a proxy forwards, what there is of TLS is with the proxy.
        let tls = connection.tls_info().filter(|_| outgoing.url.scheme() == Scheme::Https).cloned();
        let mut raw = Raw {
            keep_alive: verdict.keep_alive && outgoing.keep_alive,
            body: BodyDecoder::new(verdict.framing),
            sized: matches!(verdict.framing, Framing::Length(_)),
            connection: Some(connection),
            ..Raw::new(engine, outgoing)
        };
        if raw.body.is_done() {
            match exchange::is_switch(outgoing.method, head.status) {
                true => raw.switch(),
                false => raw.finish(),
            }
        }
        Incoming::of(raw, tls, head, outgoing, begun)
    }

    /// The same of a body that is there.
    pub(crate) fn from_memory(
        engine: &Arc<Engine<N>>,
        memory: Memory,
        head: &ResponseHead,
        outgoing: &Outgoing<'_>,
        begun: Begun,
    ) -> Box<Incoming<N>> {
        let mut raw = Raw::new(engine, outgoing);
        match memory.is_done() {
            true => raw.ended = Some(engine.net.now()),
            false => raw.memory = Some(Box::new(memory)),
        }
        Incoming::of(raw, None, head, outgoing, begun)
    }

    fn of(
        raw: Raw<N>,
        tls: Option<Arc<TlsInfo>>,
        head: &ResponseHead,
        outgoing: &Outgoing<'_>,
        begun: Begun,
    ) -> Box<Incoming<N>> {
        let mut content = None;
        if !raw.is_done() && outgoing.settings.decompress && head.headers.contains("Content-Encoding") {
            let decoder = Decoder::for_encoding(head.headers.get_all("Content-Encoding"));
            let expansion = outgoing.settings.messages.expansion;
            content = decoder.map(|decoder| Box::new(Content::new(decoder, expansion)));
        }
        // In a box from here on: it is large, and handed up through many calls.
        let mut incoming = Box::new(Incoming {
            raw,
            content,
            begun,
            max_body: outgoing.settings.max_body,
            delivered: 0,
            url: outgoing.url.shared(),
            tls,
            failure: None,
        });
        incoming.refuse_announced();
        incoming
    }

    /// A body that says itself that it is too large is not read at all.
    fn refuse_announced(&mut self) {
        let Some(limit) = self.max_body else { return };
        if self.raw.sized && self.content.is_none() && self.raw.body.direct() > limit {
            let announced = self.raw.body.direct();
            self.fail(too_large(limit).seen(format!("{announced} announced")));
        }
    }

    /// Reads decoded bytes; 0 at the end of the body.
    ///
    /// # Errors
    /// [`Kind::ClosedEarly`], [`Kind::MalformedChunk`], [`Kind::ContentDecoding`], [`Kind::BodyTooLarge`], time-outs.
    pub async fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let outcome = match &mut self.content {
            Some(content) => content.read(&mut self.raw, into).await,
            None => self.raw.read(into).await,
        };
        let counted = outcome.and_then(|count| self.count(count));
        counted.map_err(|error| self.fail(error))
    }

    /// Reads all that is left, decoded.
    ///
    /// # Errors
    /// As [`Incoming::read`].
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(&mut bytes).await?;
        Ok(bytes)
    }

    /// The same into `bytes`, which on an error holds what came before it.
    ///
    /// # Errors
    /// As [`Incoming::read`].
    pub async fn read_into(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.clear();
        let expected = usize::try_from(self.raw.body.direct()).unwrap_or(usize::MAX);
        if self.content.is_none() && expected <= TRUSTED_LENGTH {
            bytes.resize(expected, 0);
        }
        let mut filled = 0;
        loop {
            if filled == bytes.len() {
                match filled > 0 && self.is_done() {
                    // A coding has the last word: whether its data were whole.
                    true if self.content.is_none() => break,
                    true => {}
                    false => bytes.resize((filled * 2).clamp(8 * 1024, filled + TRUSTED_LENGTH), 0),
                }
            }
            match self.read(&mut bytes[filled..]).await {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => {
                    bytes.truncate(filled);
                    return Err(error);
                }
            }
        }
        bytes.truncate(filled);
        Ok(())
    }

    /// How the connection was encrypted; `None` where it was not.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_deref()
    }

    /// Where the time went, of a call of `started` whose final head was there at `answered`.
    pub fn timings(&self, started: Instant, answered: Instant) -> Timings {
        let until = self.raw.ended.unwrap_or_else(|| self.raw.engine.net.now());
        self.begun.timings(started, answered, until)
    }

    /// The same, of an exchange that waited for its turn before it began.
    pub(crate) fn behind(mut self: Box<Self>, waited: Duration) -> Box<Self> {
        self.begun.queue += waited;
        self
    }

    /// True once nothing more will come: everything was read, or the body was given up.
    pub fn is_done(&self) -> bool {
        let content_done =
            self.content.as_ref().is_none_or(|content| content.raw_done && content.is_drained());
        self.failure.is_none() && self.raw.is_done() && content_done
    }

    /// How much is still to come, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        match (&self.content, &self.raw.memory) {
            _ if self.is_done() => Some(0),
            (Some(_), _) => None,
            (None, Some(memory)) => memory.length.map(|length| length - memory.given),
            (None, None) => self.raw.sized.then(|| self.raw.body.direct()),
        }
    }

    /// The fields that came behind a chunked body, once it was read to its end (RFC 9110 section 6.5).
    pub fn trailers(&self) -> Option<&Headers> {
        self.raw.body.trailers()
    }

    /// Of the chunk whose data is coming in (RFC 9112 section 7.1): how much has come, and how much is missing.
    pub fn chunk(&self) -> (u64, u64) {
        self.raw.body.chunk()
    }

    /// Gives the body up: reads find its end. Its connection is closed, unless all of the body has arrived already.
    pub fn abandon(&mut self) {
        self.raw.abandon();
        self.content = None;
        self.failure = None;
    }

    /// Reads a small body to its end and throws it away, so that its connection may be used again; gives up on a
    /// larger or slower one, or on any error but that of an interrupt, and closes the connection.
    ///
    /// # Errors
    /// [`Kind::Interrupted`].
    pub(crate) async fn skip(&mut self) -> Result<()> {
        let skipped = self.raw.skip().await;
        self.abandon();
        skipped.map_err(|error| error.with_url(&self.url))
    }

    /// The start of the body, decoded, as far as it comes soon; what is left is given up.
    pub(crate) async fn start(&mut self) -> Vec<u8> {
        self.raw.patience = self.raw.engine.net.now().checked_add(STARTING);
        let (mut bytes, mut filled) = (vec![0; START], 0);
        while filled < START {
            match self.read(&mut bytes[filled..]).await {
                Ok(count) if count > 0 => filled += count,
                Ok(_) | Err(_) => break,
            }
        }
        self.abandon();
        bytes.truncate(filled);
        bytes
    }

    /// True where the connection speaks HTTP no more, and nobody has taken it yet.
    pub fn is_switched(&self) -> bool {
        self.raw.switched.is_some()
    }

    /// The connection, where it speaks HTTP no more; once.
    pub fn upgrade(&mut self) -> Option<Upgraded<N>> {
        let connection = self.raw.switched.take()?;
        Some(Upgraded::new(Arc::clone(&self.raw.engine), connection))
    }

    /// True where a content coding is being undone.
    pub(crate) fn is_decoded(&self) -> bool {
        self.content.is_some()
    }

    fn count(&mut self, count: usize) -> Result<usize> {
        self.delivered += count as u64;
        match self.max_body {
            Some(limit) if self.delivered > limit => Err(too_large(limit)),
            _ => Ok(count),
        }
    }

    /// After an error nothing of the connection can be trusted.
    fn fail(&mut self, error: Error) -> Error {
        self.raw.connection = None;
        let error = error.with_url(&self.url);
        self.failure = Some(error.clone());
        error
    }
}

impl<N: Net> Drop for Incoming<N> {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl Memory {
    pub(crate) fn new(body: &Body, length: Option<u64>, cut_short: bool) -> Result<Memory> {
        Ok(Memory { reading: Reading::of(body)?, given: 0, length, cut_short })
    }

    pub(crate) fn empty() -> Memory {
        Memory { reading: Reading::Ended, given: 0, length: Some(0), cut_short: false }
    }

    /// True where it is known that nothing more comes.
    fn is_done(&self) -> bool {
        self.length == Some(self.given) && !self.cut_short
    }

    async fn read<N: Net>(&mut self, net: &N, deadline: Deadline, into: &mut [u8]) -> Result<usize> {
        let left = self.length.map_or(u64::MAX, |length| length - self.given);
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let reading = &mut self.reading;
        let next = net.first_of(|context| reading.poll_read(context, &mut into[..room]), None, deadline);
        let unreadable = |error| Error::new(Kind::Io).expected("a reply that can be read").with_source(error);
        let count = next.await?.transpose().map_err(unreadable)?.unwrap_or_default();
        self.given += count as u64;
        if count > 0 || self.is_done() {
            return Ok(count);
        }
        match (self.length, self.cut_short) {
            (None, false) => {
                self.length = Some(self.given);
                Ok(0)
            }
            (Some(_), _) | (None, true) => {
                let seen = format!("the end of the reply after {} bytes", self.given);
                Err(Error::new(Kind::ClosedEarly).expected("the rest of the body").seen(seen))
            }
        }
    }
}

impl<N: Net> Raw<N> {
    /// A body that is at its end.
    fn new(engine: &Arc<Engine<N>>, outgoing: &Outgoing<'_>) -> Raw<N> {
        Raw {
            engine: Arc::clone(engine),
            connection: None,
            switched: None,
            keep_alive: false,
            body: BodyDecoder::new(Framing::Empty),
            sized: false,
            deadlines: outgoing.deadlines,
            patience: None,
            memory: None,
            ended: None,
        }
    }

    fn is_done(&self) -> bool {
        self.connection.is_none() && self.memory.is_none()
    }

    async fn read_memory(&mut self, into: &mut [u8]) -> Result<usize> {
        let deadline = self.deadline();
        let Some(memory) = &mut self.memory else { return Ok(0) };
        let count = memory.read(&self.engine.net, deadline, into).await?;
        if memory.is_done() {
            self.memory = None;
            self.ended = Some(self.engine.net.now());
        }
        Ok(count)
    }

    /// Reads at least one byte, or 0 at the end of the body.
    async fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        while !into.is_empty() {
            let Some(connection) = &mut self.connection else {
                return match self.memory {
                    None => Ok(0),
                    Some(_) => rarely(self.read_memory(into)).await,
                };
            };
            let received = take_received(&mut self.body, &mut connection.received, into)?;
            if self.body.is_done() {
                self.finish();
            }
            match received {
                0 => {}
                count => return Ok(count),
            }
            if self.connection.is_some() {
                let count = self.receive(into).await?;
                if count > 0 {
                    return Ok(count);
                }
            }
        }
        Ok(0)
    }

    /// Receives more of the body: straight into `into`, which is worth it for large reads and for the rest of a body,
    /// and says how much; or, with 0, into the connection's buffer.
    async fn receive(&mut self, into: &mut [u8]) -> Result<usize> {
        let deadline = self.deadline();
        let Some(connection) = &mut self.connection else { return Ok(0) };
        let net = &self.engine.net;
        let direct = usize::try_from(self.body.direct()).unwrap_or(usize::MAX).min(into.len());
        // The rest of a chunk is not the rest of the body: what comes next had better come along.
        let is_rest = self.sized && direct as u64 == self.body.direct();
        let straight = connection.received.is_empty() && direct > 0 && (direct >= DIRECT || is_rest);
        let received = match straight {
            true => connection.read(net, &mut into[..direct], deadline).await,
            false => connection.receive(net, deadline).await,
        };
        match received {
            Ok(0) => self.end(None),
            // TLS that ends without a good-bye: what is missing of a framed body says more.
            Err(error) if error.kind() == Kind::ClosedEarly => self.end(Some(error)),
            Ok(count) if straight => {
                self.body.advance(count as u64);
                if self.body.is_done() {
                    self.finish();
                }
                Ok(count)
            }
            Ok(_) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The connection has ended, with or without an error.
    fn end(&mut self, error: Option<Error>) -> Result<usize> {
        self.connection = None;
        self.ended = Some(self.engine.net.now());
        self.body.end_of_input()?;
        error.map_or(Ok(0), Err)
    }

    fn deadline(&self) -> Deadline {
        let now = self.engine.net.now();
        let mut deadline = self.deadlines.read(now).just_read(now);
        if let Some(patience) = self.patience {
            deadline.at = Some(deadline.at.map_or(patience, |at| at.min(patience)));
        }
        deadline
    }

    fn abandon(&mut self) {
        (self.memory, self.switched) = (None, None);
        while let Some(connection) = &mut self.connection {
            match self.body.decode(connection.received.as_slice()) {
                Ok(decoded) if decoded.consumed > 0 => connection.received.consume(decoded.consumed),
                Ok(_) | Err(_) => self.connection = None,
            }
            if self.body.is_done() {
                self.finish();
            }
        }
    }

    async fn skip(&mut self) -> Result<()> {
        self.patience = self.engine.net.now().checked_add(SKIPPING);
        // On the heap: an array would make the future of every request that much larger, and it is moved.
        let mut scratch = vec![0; DIRECT];
        let mut skipped = 0;
        while self.keep_alive && skipped < SKIPPED {
            match self.read(&mut scratch).await {
                Ok(count) if count > 0 => skipped += count,
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == Kind::Interrupted => return Err(error),
                Err(_) => break,
            }
        }
        self.connection = None;
        Ok(())
    }

    /// There is no body, and what follows the head is not HTTP.
    #[cold]
    fn switch(&mut self) {
        self.switched = self.connection.take();
        self.ended = Some(self.engine.net.now());
    }

    /// The body came to its end: its connection goes home, unless bytes that nobody asked for lie on it.
    fn finish(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        self.ended = Some(match self.keep_alive && connection.received.is_empty() {
            true => self.engine.release(connection),
            false => {
                drop(connection);
                self.engine.net.now()
            }
        });
    }
}

fn too_large(limit: u64) -> Error {
    let hint = "raise max_body where that much is wanted";
    Error::new(Kind::BodyTooLarge).expected(format!("at most {limit} bytes")).hint(hint)
}

/// Moves bytes of the body that were received before into `into`; 0 where there are none, or only framing.
fn take_received(body: &mut BodyDecoder, received: &mut Received, into: &mut [u8]) -> Result<usize> {
    loop {
        let bytes = received.as_slice();
        let input = &bytes[..bytes.len().min(into.len())];
        let decoded = body.decode(input)?;
        let data = &input[decoded.data];
        let count = data.len();
        into[..count].copy_from_slice(data);
        received.consume(decoded.consumed);
        if count > 0 || decoded.consumed == 0 {
            return Ok(count);
        }
    }
}

impl Content {
    fn new(decoder: Decoder, expansion: Expansion) -> Content {
        Content {
            decoder,
            expansion,
            coded: 0,
            content: 0,
            raw: vec![0; 4 * DIRECT].into_boxed_slice(),
            taken: 0,
            filled: 0,
            raw_done: false,
            decoded: Vec::new(),
            given: 0,
        }
    }

    /// Decodes until at least one byte can be given, or the body ends.
    async fn read<N: Net>(&mut self, raw: &mut Raw<N>, into: &mut [u8]) -> Result<usize> {
        while self.is_drained() && !into.is_empty() {
            if self.decode(into.len().max(DIRECT))? {
                continue;
            }
            if self.raw_done {
                return Ok(0);
            }
            self.raw.copy_within(self.taken..self.filled, 0);
            (self.taken, self.filled) = (0, self.filled - self.taken);
            let count = raw.read(&mut self.raw[self.filled..]).await?;
            self.filled += count;
            if count == 0 {
                self.raw_done = true;
                self.decoder.finish()?;
            }
        }
        Ok(self.give(into))
    }

    fn is_drained(&self) -> bool {
        self.given == self.decoded.len()
    }

    /// Decodes at most about `wanted` bytes of what was received; false where that made no progress.
    fn decode(&mut self, wanted: usize) -> Result<bool> {
        self.decoded.clear();
        self.given = 0;
        let input = &self.raw[self.taken..self.filled];
        let consumed = self.decoder.decode(input, &mut self.decoded, wanted)?;
        self.taken += consumed;
        self.coded += consumed as u64;
        self.content += self.decoded.len() as u64;
        self.expansion.check(self.coded, self.content)?;
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
