//! Content codings (RFC 9110 section 8.4): what Content-Encoding did to a body is undone here.
//!
//! [`Decoder`] takes the pieces of a body as they arrive and appends what they hold, a bounded amount per call,
//! so that a small body that unpacks to a huge one never surprises its reader. It decides which codings are
//! known, in which order stacked ones are undone, what counts as a complete body, and what is ignored behind
//! its end. How much a body may unpack to in total is the caller's limit. One file per coding: [`gzip`],
//! `deflate`, and behind features of the same names `brotli` and `zstd`. The other direction is [`encode`].

#[cfg(feature = "brotli")]
mod brotli;
mod deflate;
pub mod encode;
mod expansion;
mod gzip;
#[cfg(feature = "zstd")]
mod zstd;

pub use expansion::Expansion;

use std::fmt;

use crate::error::{Error, Kind, Result};

/// Codings in one Content-Encoding. More than one is rare already, and each may multiply the work.
const MAX_CODINGS: usize = 5;
/// Memory for the windows of all of them together: two of the largest.
const MAX_WINDOWS: usize = 32 << 20;
/// Bytes that wait between two codings, at most.
const BETWEEN: usize = 32 * 1024;
/// Room that a coding is given at once, at least and at most.
const ROOM: std::ops::RangeInclusive<usize> = 1024..=64 * 1024;

/// Undoes the content codings of one body.
pub struct Decoder {
    /// In the order in which they are undone: the last one applied first.
    stages: Vec<Stage>,
    /// What the stage of the same index has put out and the next one has not taken in.
    between: Vec<Buffer>,
}

struct Stage {
    coding: Coding,
    /// At least one byte was taken in. A body without any is complete whatever its coding: servers announce
    /// codings for bodies that they then leave empty.
    fed: bool,
    /// The last step took in everything and left room: without new input there is nothing more to come.
    starved: bool,
}

enum Coding {
    Gzip(gzip::Gzip),
    Deflate(deflate::Deflate),
    #[cfg(feature = "brotli")]
    Brotli(brotli::Brotli),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Zstd),
    /// So many, which are more than [`MAX_CODINGS`], or take more than [`MAX_WINDOWS`].
    TooMany(usize),
}

/// A coding that can be undone, before anything is set up for it.
struct Known {
    /// How much of the content it looks back on, in bytes, at most.
    window: usize,
    make: fn() -> Coding,
}

/// What a coding did with one piece of input and some room for output. Neither: it waits for more input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    consumed: usize,
    produced: usize,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    position: usize,
}

impl Decoder {
    /// The decoder for the values of all Content-Encoding fields of a response, in order.
    ///
    /// `None` where there is nothing to undo, or a coding that we do not know: then the body is delivered as it
    /// is, since undoing only a part of its codings would help nobody.
    pub fn for_encoding<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Decoder> {
        let mut found = Vec::new();
        let codings = values.flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
        for name in codings.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity")) {
            found.push(Known::named(name)?);
        }
        if found.is_empty() {
            return None;
        }
        let windows: usize = found.iter().map(|known| known.window).sum();
        // None is made before they are known to be few: a head has room for tens of thousands.
        let stages: Vec<_> = match found.len() > MAX_CODINGS || windows > MAX_WINDOWS {
            true => vec![Stage::new(Coding::TooMany(found.len()))],
            // RFC 9110 section 8.4: codings are listed "in the order in which they were applied".
            false => found.iter().rev().map(|known| Stage::new((known.make)())).collect(),
        };
        let between = stages[1..].iter().map(|_| Buffer::default()).collect();
        Some(Decoder { stages, between })
    }

    /// Takes in bytes of the body and appends at most `max_output` bytes of content to `output`. Returns how
    /// many bytes of `input` it took.
    ///
    /// Call again with the rest, even where that is empty, until a call neither takes nor appends anything.
    ///
    /// # Errors
    /// [`Kind::ContentDecoding`] where the bytes are not what Content-Encoding says. What was appended before
    /// stays.
    pub fn decode(&mut self, input: &[u8], output: &mut Vec<u8>, max_output: usize) -> Result<usize> {
        if let [only] = &mut self.stages[..] {
            return only.run(input, output, max_output);
        }
        let (mut rest, end) = (input, output.len().saturating_add(max_output));
        loop {
            let mut progress = false;
            for index in 0..self.stages.len() {
                progress |= self.run_stage(index, &mut rest, output, end)?;
            }
            if !progress {
                return Ok(input.len() - rest.len());
            }
        }
    }

    /// Says that the body is over. Call after [`decode`](Decoder::decode) has nothing more to append.
    ///
    /// # Errors
    /// [`Kind::ContentDecoding`] where the body was cut short: the end that its coding puts is missing.
    pub fn finish(&mut self) -> Result<()> {
        let incomplete = self.stages.iter().find(|stage| stage.fed && !stage.coding.is_complete());
        match incomplete {
            None => Ok(()),
            Some(stage) => Err(Error::new(Kind::ContentDecoding)
                .expected(format!("a complete {} body", stage.coding.name()))
                .seen("one that was cut short")),
        }
    }

    /// Lets one of several stages work: the first on the input, the others on what the one before them put
    /// out. The last one may fill `output` up to the length `end`. True where it did anything.
    fn run_stage(
        &mut self,
        index: usize,
        rest: &mut &[u8],
        output: &mut Vec<u8>,
        end: usize,
    ) -> Result<bool> {
        let stage = &mut self.stages[index];
        let (before, behind) = self.between.split_at_mut(index);
        let (target, room) = match behind.first_mut() {
            None => {
                let room = end - output.len();
                (output, room)
            }
            Some(buffer) if buffer.rest().is_empty() => {
                buffer.bytes.clear();
                buffer.position = 0;
                (&mut buffer.bytes, BETWEEN)
            }
            Some(_) => return Ok(false),
        };
        let length = target.len();
        let taken = match before.last_mut() {
            None => {
                let taken = stage.run(rest, target, room)?;
                *rest = &rest[taken..];
                taken
            }
            Some(buffer) => {
                let taken = stage.run(buffer.rest(), target, room)?;
                buffer.position += taken;
                taken
            }
        };
        Ok(taken > 0 || target.len() > length)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.stages.iter().map(|stage| stage.coding.name())).finish()
    }
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.position..]
    }
}

impl Stage {
    fn new(coding: Coding) -> Stage {
        Stage { coding, fed: false, starved: true }
    }

    /// Appends at most `max_output` bytes to `output`; returns how many bytes of `input` were taken.
    fn run(&mut self, input: &[u8], output: &mut Vec<u8>, max_output: usize) -> Result<usize> {
        if input.is_empty() && self.starved {
            return Ok(0);
        }
        self.fed |= !input.is_empty();
        let end = output.len().saturating_add(max_output);
        let (mut taken, mut room) = (0, 0);
        while output.len() < end {
            let rest = &input[taken..];
            let start = output.len();
            // Room costs its zeroing, a second step costs more: JSON and HTML unpack to eight times their size.
            room = rest.len().saturating_mul(8).max(2 * room).clamp(*ROOM.start(), *ROOM.end());
            room = room.min(end - start);
            output.resize(start + room, 0);
            let step = self.coding.step(rest, &mut output[start..]);
            output.truncate(start + step.as_ref().map_or(0, |step| step.produced));
            let Step { consumed, produced } = step?;
            taken += consumed;
            self.starved = taken == input.len() && produced < room;
            if self.starved || (consumed == 0 && produced == 0) {
                break;
            }
        }
        Ok(taken)
    }
}

impl Known {
    /// RFC 9110 section 8.4.1: "All content codings are case-insensitive".
    fn named(name: &[u8]) -> Option<Known> {
        let (window, make): (_, fn() -> Coding) = match &name.to_ascii_lowercase()[..] {
            // RFC 9110 section 8.4.1.3: "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"."
            b"gzip" | b"x-gzip" => (32 << 10, || Coding::Gzip(gzip::Gzip::new())),
            b"deflate" => (32 << 10, || Coding::Deflate(deflate::Deflate::new())),
            #[cfg(feature = "brotli")]
            b"br" => (16 << 20, || Coding::Brotli(brotli::Brotli::new())),
            #[cfg(feature = "zstd")]
            b"zstd" => (8 << 20, || Coding::Zstd(zstd::Zstd::new())),
            _ => return None,
        };
        Some(Known { window, make })
    }
}

impl Coding {
    fn name(&self) -> &'static str {
        match self {
            Coding::Gzip(_) => "gzip",
            Coding::Deflate(_) => "deflate",
            #[cfg(feature = "brotli")]
            Coding::Brotli(_) => "brotli",
            #[cfg(feature = "zstd")]
            Coding::Zstd(_) => "zstd",
            Coding::TooMany(_) => "multiply coded",
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        match self {
            Coding::Gzip(gzip) => gzip.step(input, output),
            Coding::Deflate(deflate) => deflate.step(input, output),
            #[cfg(feature = "brotli")]
            Coding::Brotli(brotli) => brotli.step(input, output),
            #[cfg(feature = "zstd")]
            Coding::Zstd(zstd) => zstd.step(input, output),
            Coding::TooMany(count) => Err(Error::new(Kind::ContentDecoding)
                .expected(format!("at most {MAX_CODINGS} content codings, and windows of 32 MiB in all"))
                .seen(format!("{count} of them"))),
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Coding::Gzip(gzip) => gzip.is_complete(),
            Coding::Deflate(deflate) => deflate.is_complete(),
            #[cfg(feature = "brotli")]
            Coding::Brotli(brotli) => brotli.is_complete(),
            #[cfg(feature = "zstd")]
            Coding::Zstd(zstd) => zstd.is_complete(),
            Coding::TooMany(_) => true,
        }
    }
}

/// The error for bytes that are not what the coding `name` makes; `reason` is the decoder's.
#[cold]
fn corrupt(name: &'static str, reason: Option<&str>) -> Error {
    Error::new(Kind::ContentDecoding)
        .expected(format!("a body coded with {name}"))
        .seen(reason.unwrap_or("corrupt data").to_owned())
}

#[cfg(test)]
mod tests;
