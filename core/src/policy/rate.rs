//! How often requests to one host may go out: a token bucket, as a value.
//!
//! A bucket holds up to `burst` tokens and is refilled evenly, `requests` of them in each `period`; a request takes one, or
//! waits until there is one. Who waits in which order, and for how long at most, is the client's `rates`. Kept as the one
//! instant at which the bucket will be full again (the generic cell rate algorithm), so that nothing is added up or rounded.

use crate::error::{Error, Kind, Result};
use std::time::{Duration, Instant};

/// Longer than this no period can be: 136 years.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// So many requests in so long a time.
///
/// ```
/// use entreat_core::policy::rate::Rules;
/// use std::time::Duration;
/// let ten_a_second = Rules::new(10, Duration::from_secs(1)); // one each 100 ms
/// let five_at_once = ten_a_second.burst(5);
/// assert_eq!(five_at_once, Rules { requests: 10, period: Duration::from_secs(1), burst: 5 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How many requests.
    pub requests: u32,
    /// In how long a time.
    pub period: Duration,
    /// How many may go at once after a time without any. With 1, which [`Rules::new`] sets, they go evenly apart, and no
    /// window as long as the period sees more than `requests`; a window may see up to `burst - 1` more.
    pub burst: u32,
}

impl Rules {
    /// `requests` in each `period`, evenly apart.
    pub fn new(requests: u32, period: Duration) -> Rules {
        Rules { requests, period, burst: 1 }
    }

    /// The same, with so many at once after a time without any.
    pub fn burst(self, burst: u32) -> Rules {
        Rules { burst, ..self }
    }

    /// Refuses limits under which no request could ever be sent, or all at once.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`].
    pub fn check(&self) -> Result<()> {
        let is_possible = self.requests > 0 && self.burst > 0 && self.period <= LONGEST;
        if is_possible && !self.interval().is_zero() {
            return Ok(());
        }
        Err(Error::new(Kind::InvalidConfig)
            .expected("a rate_limit of at least one request, one at once, in more than no time")
            .seen(format!("{} requests in {:?}, {} at once", self.requests, self.period, self.burst)))
    }

    /// In how long a time one token is refilled.
    fn interval(&self) -> Duration {
        self.period / self.requests.max(1)
    }
}

/// The tokens of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    /// When it is full again; it is now where that has passed, or nothing was ever taken.
    full: Option<Instant>,
}

/// Whether a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may: its token is taken.
    Go,
    /// There is no token before then.
    Wait(Instant),
}

impl Bucket {
    /// Takes a token, if there is one.
    pub fn decide(&mut self, rules: &Rules, now: Instant) -> Decision {
        let interval = rules.interval();
        let full = self.full.map_or(now, |full| full.max(now));
        let Some(next) = full.checked_add(interval) else { return Decision::Wait(full) };
        // A bucket is missing what it takes this long to refill.
        let capacity = interval.saturating_mul(rules.burst);
        match next.checked_sub(capacity) {
            Some(until) if until > now => Decision::Wait(until),
            Some(_) | None => {
                self.full = Some(next);
                Decision::Go
            }
        }
    }

    /// True where it may as well be forgotten.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full.is_none_or(|full| full <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// At which milliseconds requests go that all come at these ones, each waiting as it is told.
    fn gone(rules: Rules, come: &[u64]) -> Vec<u64> {
        #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made without a clock")]
        let start = Instant::now();
        let (mut bucket, mut now) = (Bucket::default(), start);
        let go = |milliseconds: &u64| {
            now = now.max(start + Duration::from_millis(*milliseconds));
            while let Decision::Wait(until) = bucket.decide(&rules, now) {
                assert!(until > now);
                now = until;
            }
            (now - start).as_millis() as u64
        };
        come.iter().map(go).collect()
    }

    #[test]
    fn requests_go_evenly_and_a_burst_only_after_a_time_without_any() {
        let four = Rules::new(4, SECOND);
        let table: &[(Rules, &[u64], &[u64])] = &[
            (four, &[0, 0, 0, 0, 0], &[0, 250, 500, 750, 1000]),
            (four, &[0, 250, 500], &[0, 250, 500]),
            (four, &[0, 249, 600], &[0, 250, 600]),
            (four, &[0, 9000, 9000], &[0, 9000, 9250]),
            (four.burst(3), &[0, 0, 0, 0, 0], &[0, 0, 0, 250, 500]),
            (four.burst(3), &[0, 0, 0, 500, 500, 500], &[0, 0, 0, 500, 500, 750]),
            (four.burst(3), &[0, 9000, 9000, 9000, 9000], &[0, 9000, 9000, 9000, 9250]),
            (Rules::new(1, SECOND * 60), &[0, 1], &[0, 60_000]),
        ];
        for (rules, come, expected) in table {
            assert_eq!(gone(*rules, come), *expected, "{rules:?} {come:?}");
        }
    }

    #[test]
    fn a_bucket_may_be_forgotten_once_it_is_full_again() {
        #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made without a clock")]
        let now = Instant::now();
        let (mut bucket, rules) = (Bucket::default(), Rules::new(2, SECOND));
        assert!(bucket.is_full(now));
        bucket.decide(&rules, now);
        assert!(!bucket.is_full(now) && bucket.is_full(now + SECOND / 2));
    }

    #[test]
    fn limits_that_allow_nothing_or_everything_are_refused() {
        let good = Rules::new(1, SECOND);
        good.check().unwrap();
        for rules in [
            Rules { requests: 0, ..good },
            Rules { burst: 0, ..good },
            Rules { period: Duration::ZERO, ..good },
            Rules { period: Duration::MAX, ..good },
            Rules::new(u32::MAX, Duration::from_nanos(1)),
        ] {
            assert_eq!(rules.check().unwrap_err().kind(), Kind::InvalidConfig, "{rules:?}");
        }
    }

    #[test]
    fn endless_periods_and_bursts_do_not_overflow() {
        let rules = Rules { requests: 1, period: LONGEST, burst: u32::MAX };
        assert_eq!(gone(rules, &[0; 100]), [0; 100]);
    }
}
