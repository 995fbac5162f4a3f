//! A request's body that is compressed while it is sent, where `Request::compress` asks for it.
//!
//! The coding itself is core's `content::encode`. Bytes in memory are coded at once, so that their length is known: many
//! servers take no chunks. Anything else is coded piece by piece, and sent in chunks.

use crate::body::{AsyncSource, Body, Content, Reading, rewind_inner};
use entreat_core::content::encode::{Coding, Encoder};
use entreat_core::{Error, Headers, Kind, Result};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A source is read in pieces of this size.
const PIECE: usize = 16 * 1024;

/// Codes `body`, and says so in `headers`. A request without a body stays as it is.
///
/// # Errors
/// [`Kind::InvalidHeader`] where Content-Encoding is there already; [`Kind::InvalidBody`] where a length is announced,
/// which would be that of the body before it is coded.
pub(crate) fn compress(body: &Body, coding: Coding, headers: &mut Headers) -> Result<Body> {
    if headers.contains("Content-Encoding") {
        return Err(Error::new(Kind::InvalidHeader)
            .expected("no Content-Encoding beside a body to be compressed")
            .hint("leave one of them out: compress() sets the field itself"));
    }
    if headers.contains("Content-Length") {
        return Err(Error::new(Kind::InvalidBody)
            .expected("no Content-Length beside a body to be compressed")
            .hint("leave it out: how long the body becomes is not known before"));
    }
    let coded = match &body.0 {
        Content::Empty => return Ok(Body::empty()),
        Content::Bytes(bytes) => {
            let (mut encoder, mut coded) = (Encoder::new(coding), Vec::new());
            encoder.encode((**bytes).as_ref(), &mut coded)?;
            encoder.finish(&mut coded)?;
            Body::from(coded)
        }
        Content::Stream(_) => Body::polled(Compressed::new(body.clone(), coding), None, body.suspends()),
    };
    headers.append("Content-Encoding", coding.name())?;
    Ok(coded)
}

struct Compressed {
    body: Body,
    coding: Coding,
    encoder: Encoder,
    /// Absent before the first read.
    reading: Option<Reading>,
    ended: bool,
    piece: Vec<u8>,
    /// Coded bytes, given up to `given`.
    coded: Vec<u8>,
    given: usize,
}

impl Compressed {
    fn new(body: Body, coding: Coding) -> Compressed {
        Compressed {
            body,
            coding,
            encoder: Encoder::new(coding),
            reading: None,
            ended: false,
            piece: vec![0; PIECE],
            coded: Vec::new(),
            given: 0,
        }
    }

    /// Codes another piece, or the end.
    fn poll_advance(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => self.reading.insert(Reading::of(&self.body).map_err(io::Error::other)?),
        };
        let count = ready!(reading.poll_read(context, &mut self.piece))?;
        self.coded.clear();
        self.given = 0;
        let outcome = match count {
            0 => {
                self.ended = true;
                self.encoder.finish(&mut self.coded)
            }
            count => self.encoder.encode(&self.piece[..count], &mut self.coded),
        };
        Poll::Ready(outcome.map_err(io::Error::other))
    }
}

impl AsyncSource for Compressed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        while self.given == self.coded.len() && !self.ended {
            ready!(self.poll_advance(context))?;
        }
        let rest = &self.coded[self.given..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Poll::Ready(Ok(count))
    }

    fn rewind(mut self: Pin<&mut Self>) -> io::Result<bool> {
        self.reading = None;
        if !rewind_inner(&self.body)? {
            return Ok(false);
        }
        self.encoder = Encoder::new(self.coding);
        (self.ended, self.given) = (false, 0);
        self.coded.clear();
        Ok(true)
    }
}
