//! The body of a response as something that is polled: a stream of chunks, and a reader.
//!
//! Over `Incoming`, whose reads are futures: one is made where something is asked for, kept until it is ready, and owns the
//! response meanwhile. So nothing is read ahead, and dropping either of them drops the response, at any point.

use super::Response;
use crate::consume::{PIECE, inside};
use entreat_core::{Headers, Result};
use futures_core::Stream;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// The body of a response, decoded, in pieces as they come. After an error there are no more.
#[must_use = "the body is only read while it is polled"]
pub struct Chunks {
    pieces: Pieces,
    /// What is still to come, where that is known.
    remaining: Option<u64>,
    ended: bool,
}

impl Chunks {
    pub(super) fn new(mut response: Response) -> Chunks {
        let remaining = response.incoming().remaining();
        Chunks { pieces: Pieces::new(response), remaining, ended: false }
    }

    /// How many bytes are still to come, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// The fields behind a chunked body, once it was read to its end.
    pub fn trailers(&self) -> Option<&Headers> {
        self.pieces.response()?.trailers()
    }
}

impl Stream for Chunks {
    type Item = Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let outcome = ready!(self.pieces.poll_fill(context));
        self.ended = !matches!(outcome, Ok(1..));
        let given = *outcome.as_ref().unwrap_or(&0) as u64;
        self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(given));
        Poll::Ready(match outcome {
            Ok(0) => None,
            Ok(count) => Some(Ok(fitting(self.pieces.take_piece(), count))),
            Err(error) => Some(Err(error)),
        })
    }
}

/// The body of a response, decoded, as a reader of tokio's.
#[must_use = "the body is only read while it is polled"]
pub struct Reader {
    pieces: Pieces,
    /// Bytes of the piece that were not given yet: `given..filled`.
    given: usize,
    filled: usize,
}

impl Reader {
    pub(super) fn new(response: Response) -> Reader {
        Reader { pieces: Pieces::new(response), given: 0, filled: 0 }
    }

    /// The fields behind a chunked body, once it was read to its end.
    pub fn trailers(&self) -> Option<&Headers> {
        self.pieces.response()?.trailers()
    }
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let reader = self.get_mut();
        if reader.given == reader.filled {
            let count = ready!(reader.pieces.poll_fill(context)).map_err(inside)?;
            (reader.given, reader.filled) = (0, count);
        }
        Poll::Ready(Ok(&reader.pieces.piece()[reader.given..reader.filled]))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        self.given = (self.given + count).min(self.filled);
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let piece = ready!(self.as_mut().poll_fill_buf(context))?;
        let count = piece.len().min(buffer.remaining());
        buffer.put_slice(&piece[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

/// A response that is read piece by piece.
struct Pieces(State);

enum State {
    /// Nothing is being read.
    Idle(Box<Read>),
    Reading(Reading),
    /// Only while one of the others is made of the other.
    Between,
}

type Reading = Pin<Box<dyn Future<Output = (Box<Read>, Result<usize>)> + Send>>;

struct Read {
    response: Response,
    piece: Vec<u8>,
}

impl Pieces {
    fn new(response: Response) -> Pieces {
        Pieces(State::Idle(Box::new(Read { response, piece: Vec::new() })))
    }

    /// Reads into the piece, and says how much; 0 at the end. An error comes again when it is asked for again.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<usize>> {
        let mut reading: Reading = match std::mem::replace(&mut self.0, State::Between) {
            State::Idle(mut read) => Box::pin(async move {
                read.piece.resize(PIECE, 0);
                let outcome = read.response.incoming().read(&mut read.piece).await;
                (read, outcome)
            }),
            State::Reading(reading) => reading,
            State::Between => unreachable!("a poll that panicked is not polled again"),
        };
        match reading.as_mut().poll(context) {
            Poll::Pending => {
                self.0 = State::Reading(reading);
                Poll::Pending
            }
            Poll::Ready((read, outcome)) => {
                self.0 = State::Idle(read);
                Poll::Ready(outcome)
            }
        }
    }

    /// What was read last.
    fn piece(&self) -> &[u8] {
        match &self.0 {
            State::Idle(read) => &read.piece,
            State::Reading(_) | State::Between => &[],
        }
    }

    fn take_piece(&mut self) -> Vec<u8> {
        match &mut self.0 {
            State::Idle(read) => std::mem::take(&mut read.piece),
            State::Reading(_) | State::Between => Vec::new(),
        }
    }

    /// The response, while nothing is being read.
    fn response(&self) -> Option<&Response> {
        match &self.0 {
            State::Idle(read) => Some(&read.response),
            State::Reading(_) | State::Between => None,
        }
    }
}

/// The first `count` bytes of a piece, in no more memory than about twice as much.
pub(super) fn fitting(mut piece: Vec<u8>, count: usize) -> Vec<u8> {
    piece.truncate(count);
    if count < PIECE / 2 {
        piece.shrink_to_fit();
    }
    piece
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("response", &self.pieces.response()).finish()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("response", &self.pieces.response()).finish()
    }
}
