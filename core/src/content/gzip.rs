//! The gzip coding (RFC 9110 section 8.4.1.3, RFC 1952): one or more members, header and checksum verified.
//!
//! "A gzip file consists of a series of "members"" (RFC 1952 section 2.2), so another member may follow one.
//! Anything else behind a complete member is ignored, zero padding and garbage alike: its checksum has shown
//! the content to be whole, and browsers, curl and urllib3 deliver such bodies, which servers do send.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Step, corrupt};
use crate::error::Result;

/// What every member starts with: two magic bytes, and deflate as the only method that there is.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];
/// The largest window of deflate, as a power of two.
const WINDOW_BITS: u8 = 15;

pub(super) struct Gzip {
    inflate: Decompress,
    state: State,
}

enum State {
    /// In a member.
    Member,
    /// Behind a member; so many bytes of the next one's magic have come.
    Between { matched: usize },
    /// Behind the last member, in what is no member.
    Garbage,
}

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip { inflate: Decompress::new_gzip(WINDOW_BITS), state: State::Member }
    }

    pub(super) fn is_complete(&self) -> bool {
        match self.state {
            State::Member => false,
            State::Between { .. } | State::Garbage => true,
        }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        match self.state {
            State::Member => {
                let (step, ended) = inflate(&mut self.inflate, "gzip", input, output)?;
                if ended {
                    self.state = State::Between { matched: 0 };
                }
                Ok(step)
            }
            State::Between { matched } => {
                let consumed = self.look_for_member(matched, input)?;
                Ok(Step { consumed, produced: 0 })
            }
            State::Garbage => Ok(Step { consumed: input.len(), produced: 0 }),
        }
    }

    /// Takes bytes that follow a member, until they are known to start another one, or not to.
    fn look_for_member(&mut self, mut matched: usize, input: &[u8]) -> Result<usize> {
        for (index, &byte) in input.iter().enumerate() {
            if byte == MAGIC[matched] {
                matched += 1;
            } else if byte != 0 || matched > 0 {
                self.state = State::Garbage;
                return Ok(index + 1);
            }
            if matched == MAGIC.len() {
                self.inflate.reset(true);
                inflate(&mut self.inflate, "gzip", &MAGIC, &mut [])?;
                self.state = State::Member;
                return Ok(index + 1);
            }
        }
        self.state = State::Between { matched };
        Ok(input.len())
    }
}

/// One step of zlib, and whether its stream ended.
pub(super) fn inflate(
    decompress: &mut Decompress,
    name: &'static str,
    input: &[u8],
    output: &mut [u8],
) -> Result<(Step, bool)> {
    let (consumed, produced) = (decompress.total_in(), decompress.total_out());
    let status = decompress.decompress(input, output, FlushDecompress::None);
    let ended = match status {
        Ok(Status::StreamEnd) => true,
        Ok(Status::Ok | Status::BufError) => false,
        Err(error) => return Err(corrupt(name, error.message()).with_source(error)),
    };
    let step = Step {
        consumed: (decompress.total_in() - consumed) as usize,
        produced: (decompress.total_out() - produced) as usize,
    };
    Ok((step, ended))
}
