//! The Zstandard coding (RFC 8878, RFC 9659): one or more frames, by the reference implementation.
//!
//! That is C, where a decoder in Rust exists (`ruzstd`), since the latter needs whole blocks in memory, is
//! two to three times slower, and is not what the format's authors fuzz. Frames may follow each other; unlike
//! with `gzip`, anything else behind a frame is an error, as nobody sends it.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::{Step, corrupt};
use crate::error::Result;

/// RFC 9659 section 4: the coding is zstd "with a Window_Size of not more than 8 MB". 2 to the power of this.
const WINDOW_LOG_MAX: u32 = 23;

pub(super) struct Zstd {
    context: DCtx<'static>,
    /// Between frames: the last one is complete and all of it was handed out.
    between_frames: bool,
}

impl Zstd {
    pub(super) fn new() -> Zstd {
        let mut context = DCtx::create();
        context
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .expect("the limit is within zstd's range");
        Zstd { context, between_frames: false }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.between_frames
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        if input.is_empty() && self.between_frames {
            return Ok(Step { consumed: 0, produced: 0 });
        }
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        match self.context.decompress_stream(&mut target, &mut source) {
            Ok(hint) => self.between_frames = hint == 0,
            Err(code) => return Err(corrupt("zstd", Some(zstd_safe::get_error_name(code)))),
        }
        Ok(Step { consumed: source.pos(), produced: target.pos() })
    }
}
