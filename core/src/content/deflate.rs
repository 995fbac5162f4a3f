//! The deflate coding (RFC 9110 section 8.4.1.2): zlib's format by the letter, raw deflate from servers that
//! took the name at its word.
//!
//! "Some non-conformant implementations send the "deflate" compressed data without the zlib wrapper." The first
//! two bytes tell: zlib's header (RFC 1950 section 2.2) holds the method and a check. What follows the end of the
//! data is ignored, as with `gzip`.

use flate2::Decompress;

use super::Step;
use super::gzip::inflate;
use crate::error::Result;

pub(super) struct Deflate {
    state: State,
}

enum State {
    /// Nothing came.
    Start,
    /// The first byte came.
    First(u8),
    /// The format is known, but its first bytes wait to be decoded from this offset on.
    Replay {
        decompress: Decompress,
        header: [u8; 2],
        position: usize,
    },
    Data(Decompress),
    Ended,
}

impl Deflate {
    pub(super) fn new() -> Deflate {
        Deflate { state: State::Start }
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        match &mut self.state {
            State::Start | State::First(_) if input.is_empty() => Ok(Step { consumed: 0, produced: 0 }),
            State::Start => {
                self.state = State::First(input[0]);
                Ok(Step { consumed: 1, produced: 0 })
            }
            State::First(first) => {
                let header = [*first, input[0]];
                let decompress = Decompress::new(is_zlib_header(header));
                self.state = State::Replay { decompress, header, position: 0 };
                self.replay(output).map(|produced| Step { consumed: 1, produced })
            }
            State::Replay { .. } => self.replay(output).map(|produced| Step { consumed: 0, produced }),
            State::Data(decompress) => {
                let (step, ended) = inflate(decompress, "deflate", input, output)?;
                if ended {
                    self.state = State::Ended;
                }
                Ok(step)
            }
            State::Ended => Ok(Step { consumed: input.len(), produced: 0 }),
        }
    }

    /// Decodes the bytes that told the format.
    fn replay(&mut self, output: &mut [u8]) -> Result<usize> {
        let State::Replay { decompress, header, position } = &mut self.state else { return Ok(0) };
        let (step, ended) = inflate(decompress, "deflate", &header[*position..], output)?;
        *position += step.consumed;
        if ended {
            self.state = State::Ended;
        } else if *position == header.len() {
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Replay { decompress, .. } => State::Data(decompress),
                other => other,
            };
        }
        Ok(step.produced)
    }
}

/// RFC 1950 section 2.2: method 8, a window of at most 32 KiB, and a header that is a multiple of 31.
fn is_zlib_header([method, flags]: [u8; 2]) -> bool {
    method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}
