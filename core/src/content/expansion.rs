//! How much a coded body may unpack to: the guard against bombs, bodies that are small on the wire and fill a disk.
//!
//! A pure rule over two counts; whoever decodes asks it after each step. It looks at the whole body so far, whatever
//! the number of its codings. What a body may hold in all is another limit, the caller's `max_body`.

use crate::error::{Error, Kind, Result};

/// The most that a body may unpack to, by what came over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expansion {
    /// Bytes of content for one coded byte, at most.
    ///
    /// * Default: 200, as in Apache's mod_deflate
    /// * Why: pages, JSON and logs shrink to a tenth, seldom to a hundredth; what gzip makes of zeros is a thousandth,
    ///   and two codings, or brotli, a millionth
    /// * Extremes: at 1,032 and more nothing that is coded once with gzip or deflate is refused; little above 1
    ///   refuses what is honest
    pub ratio: u32,
    /// Content that every body may have, whatever it was before.
    ///
    /// * Default: 32 MiB
    /// * Why: more than most bodies hold, and less than hurts
    /// * Extremes: 0 looks at the ratio from the first byte, where headers of codings count for nothing
    pub free: u64,
}

impl Expansion {
    /// Any body may unpack to anything.
    pub const fn unlimited() -> Expansion {
        Expansion { ratio: u32::MAX, free: u64::MAX }
    }

    /// After `coded` bytes of the body became `content` bytes.
    ///
    /// # Errors
    /// [`Kind::BodyTooLarge`].
    pub fn check(&self, coded: u64, content: u64) -> Result<()> {
        if content <= self.free || content <= coded.saturating_mul(u64::from(self.ratio)) {
            return Ok(());
        }
        Err(Error::new(Kind::BodyTooLarge)
            .expected(format!("at most {} bytes of content from each coded one", self.ratio))
            .seen(format!("{content} bytes from {coded}"))
            .hint("it unpacks like a bomb: raise the limit on expansion where the server can be trusted"))
    }
}

impl Default for Expansion {
    fn default() -> Expansion {
        Expansion { ratio: 200, free: 32 << 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_and_modest_ratios_pass() {
        let default = Expansion::default();
        for (coded, content) in [(1, 32 << 20), (1 << 20, 200 << 20), (u64::MAX, u64::MAX), (0, 0)] {
            assert!(default.check(coded, content).is_ok(), "{coded} {content}");
        }
    }

    #[test]
    fn ten_gigabytes_from_ten_megabytes_are_refused_long_before_their_end() {
        let error = Expansion::default().check(33 << 10, (32 << 20) + 1).unwrap_err();
        assert_eq!(error.kind(), Kind::BodyTooLarge);
        assert!(Expansion::default().check(10 << 20, 10 << 30).is_err());
        assert!(Expansion::unlimited().check(1, u64::MAX).is_ok());
    }
}
