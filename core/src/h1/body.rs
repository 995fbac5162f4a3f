//! The bytes of a response's body, cut out of the bytes of the wire (RFC 9112 sections 6.3 and 8).
//!
//! [`BodyDecoder`] knows where a body ends and what an early end of the connection means. It copies nothing:
//! it tells which part of its input is data, or how many bytes the engine may read straight to where they
//! are wanted. Chunks are read by `chunked`, content codings by `content`.

use std::ops::Range;

use crate::error::{Error, Kind, Result};
use crate::h1::chunked::ChunkedDecoder;
use crate::h1::framing::Framing;
use crate::headers::Headers;

/// What one step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are dealt with, `data` included.
    pub consumed: usize,
    /// The part of the input that belongs to the body; often all of it, sometimes empty.
    pub data: Range<usize>,
}

/// Reads one body.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    received: u64,
}

#[derive(Debug)]
enum State {
    /// So many bytes are missing; 0 where the body is complete or there is none.
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
    /// Was `UntilClose`, and the peer closed.
    Closed,
}

impl BodyDecoder {
    /// A decoder for a body that is framed as [`decide`](crate::h1::framing::decide) found.
    pub fn new(framing: Framing) -> BodyDecoder {
        let state = match framing {
            Framing::Empty => State::Length(0),
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(ChunkedDecoder::new()),
            Framing::UntilClose => State::UntilClose,
        };
        BodyDecoder { state, received: 0 }
    }

    /// Takes bytes from the wire. Call again with what was not consumed, until nothing is consumed any more
    /// (then more bytes are needed) or [`is_done`](BodyDecoder::is_done).
    ///
    /// # Errors
    /// [`Kind::MalformedChunk`], and for trailers also [`Kind::MalformedResponse`] and [`Kind::HeadTooLarge`].
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded> {
        let decoded = match &mut self.state {
            State::Length(missing) => {
                let length =
                    usize::try_from(*missing).map_or(input.len(), |missing| missing.min(input.len()));
                *missing -= length as u64;
                Decoded { consumed: length, data: 0..length }
            }
            State::Chunked(chunked) => chunked.decode(input)?,
            State::UntilClose => Decoded { consumed: input.len(), data: 0..input.len() },
            State::Closed => Decoded { consumed: 0, data: 0..0 },
        };
        self.received += decoded.data.len() as u64;
        Ok(decoded)
    }

    /// True where the body is complete. Bytes behind it belong to the next response.
    pub fn is_done(&self) -> bool {
        match &self.state {
            State::Length(missing) => *missing == 0,
            State::Chunked(chunked) => chunked.is_done(),
            State::UntilClose => false,
            State::Closed => true,
        }
    }

    /// How many bytes at most the engine may read from the wire as data, past this decoder. 0 where the next
    /// bytes must go through [`decode`](BodyDecoder::decode).
    pub fn direct(&self) -> u64 {
        match &self.state {
            State::Length(missing) => *missing,
            State::Chunked(chunked) => chunked.direct(),
            State::UntilClose => u64::MAX,
            State::Closed => 0,
        }
    }

    /// Notes that `count` bytes of data were read directly; at most [`direct`](BodyDecoder::direct).
    pub fn advance(&mut self, count: u64) {
        debug_assert!(count <= self.direct(), "the engine reads no further than `direct`");
        match &mut self.state {
            State::Length(missing) => *missing = missing.saturating_sub(count),
            State::Chunked(chunked) => chunked.advance(count),
            State::UntilClose | State::Closed => {}
        }
        self.received += count;
    }

    /// Notes that the peer closed the connection.
    ///
    /// # Errors
    /// [`Kind::ClosedEarly`] where the body is not complete (RFC 9112 section 8).
    pub fn end_of_input(&mut self) -> Result<()> {
        let expected = match &mut self.state {
            State::Length(0) | State::Closed => return Ok(()),
            State::UntilClose => {
                self.state = State::Closed;
                return Ok(());
            }
            State::Length(missing) => format!("a body of {} bytes", self.received.saturating_add(*missing)),
            State::Chunked(chunked) => match chunked.end_of_input() {
                Ok(()) => return Ok(()),
                Err(awaited) => awaited.to_owned(),
            },
        };
        Err(Error::new(Kind::ClosedEarly)
            .expected(expected)
            .seen(format!("the end of input after {} bytes of body", self.received)))
    }

    /// The fields behind the last chunk, once a chunked body is done; mostly none.
    pub fn trailers(&self) -> Option<&Headers> {
        match &self.state {
            State::Chunked(chunked) => chunked.trailers(),
            State::Length(_) | State::UntilClose | State::Closed => None,
        }
    }

    /// Of the chunk whose data is coming in: how much of it has come, and how much is missing. Zeros between chunks.
    pub fn chunk(&self) -> (u64, u64) {
        match &self.state {
            State::Chunked(chunked) => chunked.chunk(),
            State::Length(_) | State::UntilClose | State::Closed => (0, 0),
        }
    }

    /// Bytes of data so far.
    pub fn received(&self) -> u64 {
        self.received
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_ends_the_body_and_leaves_what_follows() {
        let mut decoder = BodyDecoder::new(Framing::Length(5));
        assert_eq!(decoder.decode(b"abc").unwrap(), Decoded { consumed: 3, data: 0..3 });
        assert!(!decoder.is_done());
        assert_eq!(decoder.decode(b"dexyz").unwrap(), Decoded { consumed: 2, data: 0..2 });
        assert!(decoder.is_done());
        assert_eq!(decoder.decode(b"xyz").unwrap(), Decoded { consumed: 0, data: 0..0 });
        assert_eq!(decoder.received(), 5);
    }

    #[test]
    fn an_empty_body_is_done_at_once() {
        let mut decoder = BodyDecoder::new(Framing::Empty);
        assert!(decoder.is_done() && decoder.direct() == 0);
        decoder.end_of_input().unwrap();
    }

    #[test]
    fn data_read_directly_counts() {
        let mut decoder = BodyDecoder::new(Framing::Length(10));
        decoder.decode(b"ab").unwrap();
        assert_eq!(decoder.direct(), 8);
        decoder.advance(8);
        assert!(decoder.is_done() && decoder.received() == 10);
    }

    #[test]
    fn only_the_end_of_the_connection_ends_a_body_without_length() {
        let mut decoder = BodyDecoder::new(Framing::UntilClose);
        assert_eq!(decoder.decode(b"abc").unwrap(), Decoded { consumed: 3, data: 0..3 });
        assert_eq!(decoder.direct(), u64::MAX);
        decoder.advance(7);
        assert!(!decoder.is_done());
        decoder.end_of_input().unwrap();
        assert!(decoder.is_done() && decoder.received() == 10);
    }

    #[test]
    fn a_body_cut_short_says_how_much_of_it_came() {
        let mut decoder = BodyDecoder::new(Framing::Length(10));
        decoder.decode(b"abc").unwrap();
        let error = decoder.end_of_input().unwrap_err();
        assert_eq!(error.kind(), Kind::ClosedEarly);
        assert_eq!(error.expected_text(), Some("a body of 10 bytes"));
        assert_eq!(error.seen_text(), Some("the end of input after 3 bytes of body"));
    }
}
