//! The Brotli coding "br" (RFC 7932), by the decoder of Brotli's own authors in Rust, without unsafe code.
//!
//! Windows are those of the RFC, 16 MiB at most: the "large window" variant is no content coding. What follows
//! the end of the data is ignored, as with `gzip`.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Step, corrupt};
use crate::error::Result;

/// The decoder counts its input in 32 bits.
const MAX_INPUT: usize = 1 << 20;

pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Brotli {
        let memory = StandardAlloc::default;
        Brotli { state: Box::new(BrotliState::new_strict(memory(), memory(), memory())), ended: false }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.ended
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        if self.ended {
            return Ok(Step { consumed: input.len(), produced: 0 });
        }
        let input = &input[..input.len().min(MAX_INPUT)];
        let (mut available, mut consumed) = (input.len(), 0);
        let (mut room, mut produced) = (output.len(), 0);
        let mut total = 0;
        let result = BrotliDecompressStream(
            &mut available,
            &mut consumed,
            input,
            &mut room,
            &mut produced,
            output,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultSuccess => {
                self.ended = true;
                consumed = input.len();
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(corrupt("brotli", None)),
        }
        Ok(Step { consumed, produced })
    }
}
