//! The other direction: a request's body is coded while it is sent, where the caller asks for it.
//!
//! [`Encoder`] takes the pieces of a body and appends what they become. Which body is coded, and what its fields say,
//! is the caller's. Levels are those at which coding keeps up with a network: the authors' defaults, but for brotli,
//! whose own takes fifty times as long.

use crate::error::{Error, Kind, Result};
use flate2::{Compress, Compression, FlushCompress, Status};
#[cfg(any(feature = "brotli", feature = "zstd"))]
use std::io;

/// A content coding that can be applied (RFC 9110 section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 1952. What most servers that take coded requests at all understand.
    Gzip,
    /// zlib's format (RFC 1950), as the standard says; some servers want it without the header that this has.
    Deflate,
    /// RFC 7932.
    #[cfg(feature = "brotli")]
    Brotli,
    /// RFC 8878.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// Room made for output at once.
const ROOM: usize = 16 * 1024;
/// The largest window of deflate, as a power of two.
const WINDOW_BITS: u8 = 15;
#[cfg(feature = "brotli")]
const BROTLI_QUALITY: u32 = 5;
/// The window of brotli, as a power of two: what zstd has at its default, too.
#[cfg(feature = "brotli")]
const BROTLI_WINDOW: u32 = 21;

impl Coding {
    /// Its name in Content-Encoding.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            #[cfg(feature = "brotli")]
            Coding::Brotli => "br",
            #[cfg(feature = "zstd")]
            Coding::Zstd => "zstd",
        }
    }
}

/// Codes one body.
pub struct Encoder {
    state: State,
}

enum State {
    Flate(Compress),
    #[cfg(feature = "brotli")]
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    #[cfg(feature = "zstd")]
    Zstd(zstd_safe::CCtx<'static>),
    Ended,
}

impl Encoder {
    /// At the start of a body.
    pub fn new(coding: Coding) -> Encoder {
        let state = match coding {
            Coding::Gzip => State::Flate(Compress::new_gzip(Compression::default(), WINDOW_BITS)),
            Coding::Deflate => State::Flate(Compress::new(Compression::default(), true)),
            #[cfg(feature = "brotli")]
            Coding::Brotli => {
                let writer = brotli::CompressorWriter::new(Vec::new(), 4096, BROTLI_QUALITY, BROTLI_WINDOW);
                State::Brotli(Box::new(writer))
            }
            #[cfg(feature = "zstd")]
            Coding::Zstd => State::Zstd(zstd_safe::CCtx::create()),
        };
        Encoder { state }
    }

    /// Takes in all of `input` and appends what is ready to `output`, often nothing.
    ///
    /// # Errors
    /// [`Kind::InvalidBody`] where the coder fails, as for want of memory, or after [`Encoder::finish`].
    pub fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        match &mut self.state {
            State::Flate(compress) => deflate(compress, input, output, FlushCompress::None),
            #[cfg(feature = "brotli")]
            State::Brotli(writer) => {
                io::Write::write_all(&mut **writer, input).map_err(failed)?;
                output.append(writer.get_mut());
                Ok(())
            }
            #[cfg(feature = "zstd")]
            State::Zstd(context) => {
                let mut source = zstd_safe::InBuffer::around(input);
                while source.pos() < input.len() {
                    fill(output, |room| context.compress_stream(room, &mut source))?;
                }
                Ok(())
            }
            State::Ended => Err(failed("the body has ended")),
        }
    }

    /// Appends the end of the body.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn finish(&mut self, output: &mut Vec<u8>) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Flate(mut compress) => deflate(&mut compress, b"", output, FlushCompress::Finish),
            #[cfg(feature = "brotli")]
            State::Brotli(writer) => {
                output.append(&mut writer.into_inner());
                Ok(())
            }
            #[cfg(feature = "zstd")]
            State::Zstd(mut context) => {
                while fill(output, |room| context.end_stream(room))? > 0 {}
                Ok(())
            }
            State::Ended => Err(failed("the body has ended")),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

/// All of `input`; with [`FlushCompress::Finish`] up to the end of the body.
fn deflate(
    compress: &mut Compress,
    mut input: &[u8],
    output: &mut Vec<u8>,
    flush: FlushCompress,
) -> Result<()> {
    loop {
        output.reserve(ROOM);
        let (taken, given) = (compress.total_in(), output.len());
        let status = compress.compress_vec(input, output, flush).map_err(failed)?;
        input = &input[(compress.total_in() - taken) as usize..];
        let finishing = matches!(flush, FlushCompress::Finish) && status != Status::StreamEnd;
        // Room that was left over says that nothing waits inside.
        let more = input.is_empty() && (output.len() == given || output.len() < output.capacity());
        if !finishing && more {
            return Ok(());
        }
    }
}

/// Lets `step` append to `output`, and returns what it says.
#[cfg(feature = "zstd")]
fn fill(
    output: &mut Vec<u8>,
    step: impl FnOnce(&mut zstd_safe::OutBuffer<'_, [u8]>) -> zstd_safe::SafeResult,
) -> Result<usize> {
    let start = output.len();
    output.resize(start + ROOM, 0);
    let mut room = zstd_safe::OutBuffer::around(&mut output[start..]);
    let outcome = step(&mut room);
    let produced = room.pos();
    output.truncate(start + produced);
    outcome.map_err(|code| failed(zstd_safe::get_error_name(code)))
}

#[cold]
fn failed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::InvalidBody).expected("a body that can be coded").with_source(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Decoder;

    const ALL: &[Coding] = &[
        Coding::Gzip,
        Coding::Deflate,
        #[cfg(feature = "brotli")]
        Coding::Brotli,
        #[cfg(feature = "zstd")]
        Coding::Zstd,
    ];

    fn coded(coding: Coding, body: &[u8], size: usize) -> Vec<u8> {
        let (mut encoder, mut output) = (Encoder::new(coding), Vec::new());
        for piece in body.chunks(size) {
            encoder.encode(piece, &mut output).unwrap();
        }
        encoder.finish(&mut output).unwrap();
        output
    }

    fn decoded(coding: Coding, body: &[u8]) -> Vec<u8> {
        let mut decoder = Decoder::for_encoding(std::iter::once(coding.name().as_bytes())).unwrap();
        let mut output = Vec::new();
        assert_eq!(decoder.decode(body, &mut output, usize::MAX).unwrap(), body.len());
        decoder.finish().unwrap();
        output
    }

    #[test]
    fn what_was_coded_in_any_pieces_is_decoded_to_the_same() {
        let text = (0..60_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes());
        let text: Vec<u8> = text.collect();
        for &coding in ALL {
            for (body, size) in [(&text[..], 100_000), (&text[..], 4096), (&text[..300], 1), (b"", 1)] {
                assert!(decoded(coding, &coded(coding, body, size)) == body, "{coding:?} {size}");
            }
        }
    }

    #[test]
    fn coding_makes_bodies_smaller() {
        for &coding in ALL {
            assert!(coded(coding, &[b'x'; 100_000], 1000).len() < 1000, "{coding:?}");
        }
    }

    #[test]
    fn nothing_follows_the_end() {
        for &coding in ALL {
            let (mut encoder, mut output) = (Encoder::new(coding), Vec::new());
            encoder.finish(&mut output).unwrap();
            assert_eq!(encoder.encode(b"x", &mut output).unwrap_err().kind(), Kind::InvalidBody);
            assert_eq!(encoder.finish(&mut output).unwrap_err().kind(), Kind::InvalidBody);
        }
    }
}
