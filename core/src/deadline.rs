//! All time-outs: what a caller may set, and the one instant that each wait of an exchange is bound by.
//!
//! Never reads a clock: whoever calls passes `now`. The engine asks for a [`Deadline`] before each wait, and the
//! deadline knows which time-out it stands for, so that the error names the right one.

use crate::error::{Error, Kind, Result};
use std::time::{Duration, Instant};

/// How long each part of an exchange may take. `None` waits for ever.
///
/// The default is finite for everything but the total: 10 s to connect, 30 s between bytes, 30 s for a slot in
/// the pool. A total would cut long downloads; without the others a dead peer hangs a program for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// Resolution, TCP connect and handshakes together.
    ///
    /// * Default: 10 s
    /// * Why: names, sockets, proxies and handshakes together: whoever takes longer is gone
    /// * Extremes: below the longest round trip times four, hosts far away cannot be reached
    pub connect: Option<Duration>,
    /// Between two reads that bring bytes.
    ///
    /// * Default: 30 s
    /// * Why: a dead peer is told from a slow one by its silence
    /// * Extremes: shorter than a server thinks before it answers, requests fail that were served
    pub read: Option<Duration>,
    /// Between two writes that take bytes.
    ///
    /// * Default: 30 s
    /// * Why: as `read`; what a peer says meanwhile does not count
    /// * Extremes: as `read`
    pub write: Option<Duration>,
    /// Waiting for a turn.
    ///
    /// * Default: 30 s
    /// * Why: where `PoolRules` limit connections, what waits longer waits for itself
    pub pool: Option<Duration>,
    /// Everything: redirects, retries, waits between them and the body included.
    ///
    /// * Default: none
    /// * Why: it would cut long downloads; yet it is the only one that bounds a peer that drips
    /// * Extremes: the time of a whole download must fit in
    pub total: Option<Duration>,
}

impl Default for Timeout {
    fn default() -> Timeout {
        let seconds = |n| Some(Duration::from_secs(n));
        Timeout {
            connect: seconds(10),
            read: seconds(30),
            write: seconds(30),
            pool: seconds(30),
            total: None,
        }
    }
}

impl Timeout {
    /// No limit on anything: what `requests` does where nothing is said.
    pub const NONE: Timeout = Timeout { connect: None, read: None, write: None, pool: None, total: None };

    /// A limit on the whole exchange, beside the defaults for its parts.
    pub fn total(limit: Duration) -> Timeout {
        Timeout { total: Some(limit), ..Timeout::default() }
    }

    /// Refuses time-outs of zero, which no exchange could meet.
    ///
    /// # Errors
    /// [`Kind::InvalidTimeout`], naming the part.
    pub fn check(&self) -> Result<()> {
        let parts = [
            ("connect", self.connect),
            ("read", self.read),
            ("write", self.write),
            ("pool", self.pool),
            ("total", self.total),
        ];
        match parts.iter().find(|(_, limit)| *limit == Some(Duration::ZERO)) {
            Some((name, _)) => Err(invalid(name, "0")),
            None => Ok(()),
        }
    }
}

/// Seconds as people write them, as a duration.
///
/// # Errors
/// [`Kind::InvalidTimeout`] for zero, negative numbers, NaN and infinity; use `None` for no limit.
pub fn seconds(part: &str, seconds: f64) -> Result<Duration> {
    if seconds.is_nan() || seconds <= 0.0 {
        return Err(invalid(part, &seconds.to_string()));
    }
    // From some 584 billion years on there is no Duration: as good as the longest there is. NaN is out above.
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|_| seconds.is_finite())
        .map(|duration| duration.max(Duration::from_nanos(1)))
        .ok_or_else(|| invalid(part, &seconds.to_string()))
}

fn invalid(part: &str, seen: &str) -> Error {
    Error::new(Kind::InvalidTimeout)
        .expected(format!("a finite number of seconds above zero for {part}"))
        .seen(seen.to_owned())
        .hint("leave a time-out out, or set it to none, to wait without limit")
}

/// An instant until which one wait may last, and what to call it when it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// `None` never passes.
    pub at: Option<Instant>,
    /// The kind of the error when it passes.
    pub kind: Kind,
    /// What a clock said a moment ago, for the first wait only: [`Deadline::just_read`].
    read: Option<Instant>,
}

impl Deadline {
    /// Never passes.
    pub const NEVER: Deadline = Deadline::new(None, Kind::TotalTimeout);

    /// Passes at `at`, with an error of that kind.
    pub const fn new(at: Option<Instant>, kind: Kind) -> Deadline {
        Deadline { at, kind, read: None }
    }

    /// The same for a wait that begins right now, when a clock says `now`: it need not be read once more. For one wait,
    /// and no second one.
    pub fn just_read(self, now: Instant) -> Deadline {
        Deadline { read: Some(now), ..self }
    }

    /// The same for several waits, or for one that does not begin yet.
    pub fn reread(self) -> Deadline {
        Deadline { read: None, ..self }
    }

    /// As [`Deadline::remaining`], where a wait begins; `now` is asked only where it must be, and the next time it is.
    ///
    /// # Errors
    /// As [`Deadline::remaining`].
    pub fn begin(&mut self, now: impl FnOnce() -> Instant) -> Result<Option<Duration>> {
        match self.at {
            None => Ok(None),
            Some(_) => {
                let now = self.read.take().unwrap_or_else(now);
                self.remaining(now)
            }
        }
    }

    /// The time left at `now`: `Ok(None)` where there is no limit.
    ///
    /// # Errors
    /// The time-out that this deadline stands for, where it has passed.
    pub fn remaining(&self, now: Instant) -> Result<Option<Duration>> {
        match self.at {
            None => Ok(None),
            Some(at) => match at.checked_duration_since(now) {
                Some(left) if !left.is_zero() => Ok(Some(left)),
                _ => Err(self.error()),
            },
        }
    }

    /// The error to give when it has passed.
    pub fn error(&self) -> Error {
        Error::new(self.kind)
    }
}

/// The time-outs of one exchange, counted from when it began.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    timeout: Timeout,
    total: Option<Instant>,
}

impl Deadlines {
    /// Starts the clock of `timeout.total` at `now`.
    pub fn start(timeout: Timeout, now: Instant) -> Deadlines {
        // An instant too far away to be represented is as good as never.
        Deadlines { timeout, total: timeout.total.and_then(|limit| now.checked_add(limit)) }
    }

    /// For connecting, from resolution to the end of the handshakes.
    pub fn connect(&self, now: Instant) -> Deadline {
        self.earlier(self.timeout.connect, Kind::ConnectTimeout, now)
    }

    /// For the next bytes to arrive.
    pub fn read(&self, now: Instant) -> Deadline {
        self.earlier(self.timeout.read, Kind::ReadTimeout, now)
    }

    /// For the next bytes to leave.
    pub fn write(&self, now: Instant) -> Deadline {
        self.earlier(self.timeout.write, Kind::WriteTimeout, now)
    }

    /// For a slot in the pool.
    pub fn pool(&self, now: Instant) -> Deadline {
        self.earlier(self.timeout.pool, Kind::PoolTimeout, now)
    }

    /// For everything together.
    pub fn total(&self) -> Deadline {
        Deadline::new(self.total, Kind::TotalTimeout)
    }

    fn earlier(&self, part: Option<Duration>, kind: Kind, now: Instant) -> Deadline {
        let part = part.and_then(|limit| now.checked_add(limit));
        match (part, self.total) {
            (Some(part), Some(total)) if part < total => Deadline::new(Some(part), kind),
            (_, Some(total)) => Deadline::new(Some(total), Kind::TotalTimeout),
            (part, None) => Deadline::new(part, kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made without a clock")]
        Instant::now()
    }

    #[test]
    fn seconds_must_be_finite_and_above_zero() {
        for bad in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(seconds("read", bad).unwrap_err().kind(), Kind::InvalidTimeout, "{bad}");
        }
        assert_eq!(seconds("read", 0.5).unwrap(), Duration::from_millis(500));
        assert!(!seconds("read", 1e-300).unwrap().is_zero());
    }

    #[test]
    fn the_earlier_of_part_and_total_binds_and_names_the_error() {
        let now = now();
        let part = Duration::from_secs(5);
        let of = |total| Deadlines::start(Timeout { read: Some(part), total, ..Timeout::NONE }, now);
        assert_eq!(of(None).read(now).kind, Kind::ReadTimeout);
        assert_eq!(of(Some(part * 2)).read(now).kind, Kind::ReadTimeout);
        let later = now + part;
        let deadline = of(Some(part * 2)).read(later + Duration::from_secs(1));
        assert_eq!((deadline.kind, deadline.at), (Kind::TotalTimeout, Some(now + part * 2)));
    }

    #[test]
    fn a_deadline_that_passed_is_its_own_error() {
        let now = now();
        let deadline = Deadline::new(Some(now), Kind::WriteTimeout);
        assert_eq!(deadline.remaining(now).unwrap_err().kind(), Kind::WriteTimeout);
        assert_eq!(Deadline::NEVER.remaining(now).unwrap(), None);
    }

    #[test]
    fn a_reading_of_the_clock_serves_the_first_wait_only() {
        let now = now();
        let limit = Duration::from_secs(1);
        let mut deadline = Deadline::new(Some(now + limit), Kind::ReadTimeout).just_read(now);
        assert_eq!(deadline.reread().begin(|| now + limit).unwrap_err().kind(), Kind::ReadTimeout);
        assert_eq!(deadline.begin(|| unreachable!("it was read")).unwrap(), Some(limit));
        assert_eq!(deadline.begin(|| now + limit).unwrap_err().kind(), Kind::ReadTimeout);
    }

    #[test]
    fn endless_limits_do_not_overflow() {
        let now = now();
        let deadlines = Deadlines::start(Timeout::total(Duration::MAX), now);
        assert!(deadlines.read(now).at.is_some());
    }
}
