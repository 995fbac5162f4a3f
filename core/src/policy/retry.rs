//! Whether a request that failed is sent again, and when: RFC 9110 sections 9.2.2 and 10.2.3.
//!
//! Decides from counts, never sleeps: the engine waits as long as [`Decision::Retry`] says and passes the
//! history of the request along. Sending once more on a connection that turned out to be dead is not a retry
//! and not decided here, but in `exchange`. The drop-in for requests asks urllib3's own `Retry` objects
//! instead.
//!
//! > 9.2.2: "Idempotent methods are distinguished because the request can be repeated automatically if a
//! > communication failure occurs before the client is able to read the server's response." "A client SHOULD
//! > NOT automatically retry a request with a non-idempotent method unless it has some means to know that the
//! > request semantics are actually idempotent, regardless of the method, or some means to detect that the
//! > original request was never applied."
//! > 10.2.3: "Retry-After = HTTP-date / delay-seconds", "how long the user agent ought to wait before making
//! > a follow-up request".

use super::date;
use crate::error::Kind;
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

/// How often, for what, and how far apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Retries in all.
    ///
    /// * Default: 0: a request is sent once
    /// * Why: only the program knows whether it would rather wait or be told
    /// * Extremes: many retries of many clients keep a server down
    pub total: u32,
    /// Of these, at most so many after no connection could be made.
    ///
    /// * Default: none: up to `total`
    /// * Why: most programs care how often, not for what
    /// * Extremes: 0 turns this kind of failure off
    pub connect: Option<u32>,
    /// Of these, at most so many after a connection broke or fell silent.
    ///
    /// * Default: none: up to `total`
    /// * Why: as `connect`
    /// * Extremes: as `connect`
    pub read: Option<u32>,
    /// Of these, at most so many after a status of `statuses`.
    ///
    /// * Default: none: up to `total`
    /// * Why: as `connect`
    /// * Extremes: as `connect`
    pub status: Option<u32>,
    /// Answers that are worth another try.
    ///
    /// * Default: 408, 429, 502, 503, 504
    /// * Why: the server says that it is not about this request; 500 says nothing of that
    /// * Extremes: with 500 in it, a request that breaks a server breaks it again
    pub statuses: Cow<'static, [u16]>,
    /// Methods that may be sent again once the server may have seen them.
    ///
    /// * Default: GET, HEAD, OPTIONS, TRACE, PUT, DELETE
    /// * Why: RFC 9110 9.2.2: these may be repeated. Where no connection was made, any method is
    /// * Extremes: with POST in it, orders are placed twice
    pub methods: Cow<'static, [&'static str]>,
    /// The wait before the first retry; it doubles with each one.
    ///
    /// * Default: 100 ms
    /// * Why: the first retry is for a blip, the later ones for a restart
    /// * Extremes: 0 hammers a server that is down
    pub backoff: Duration,
    /// The longest such wait.
    ///
    /// * Default: 20 s
    /// * Why: as `backoff`
    /// * Extremes: as `backoff`
    pub max_backoff: Duration,
    /// Which part of the wait is left to chance.
    ///
    /// * Default: 0.5: half of the wait to all of it
    /// * Why: clients that failed together must not return together
    /// * Extremes: 0 is exact; 1 may not wait at all
    pub jitter: f64,
    /// Wait as long as Retry-After says.
    ///
    /// * Default: true, in both forms
    /// * Why: the server knows best
    /// * Extremes: off: retries that it has announced to refuse
    pub retry_after: bool,
    /// The longest Retry-After that is waited for.
    ///
    /// * Default: 120 s
    /// * Why: longer is no answer to somebody who waits: the response is delivered instead
    /// * Extremes: the largest hangs for as long as a server likes
    pub max_retry_after: Duration,
}

/// RFC 9110 section 9.2.2: "PUT, DELETE, and safe request methods are idempotent".
const IDEMPOTENT: [&str; 6] = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];
const PASSING: [u16; 5] = [408, 429, 502, 503, 504];

impl Rules {
    /// No retries.
    pub const fn never() -> Rules {
        Rules::times(0)
    }

    /// At most `total` retries, for the default failures, after the default waits.
    pub const fn times(total: u32) -> Rules {
        Rules {
            total,
            connect: None,
            read: None,
            status: None,
            statuses: Cow::Borrowed(&PASSING),
            methods: Cow::Borrowed(&IDEMPOTENT),
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(20),
            jitter: 0.5,
            retry_after: true,
            max_retry_after: Duration::from_secs(120),
        }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::never()
    }
}

/// What went wrong, as far as another try is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure<'a> {
    /// No connection was made: the server saw nothing.
    Connect,
    /// The connection broke or fell silent: the server may have acted.
    Read,
    /// The server answered with this status, and perhaps with Retry-After.
    Status(u16, Option<&'a [u8]>),
}

impl Failure<'_> {
    /// The failure behind an error; None where another try would fail in the same way.
    pub fn of(kind: Kind) -> Option<Failure<'static>> {
        match kind {
            Kind::Resolve | Kind::Connect | Kind::ConnectTimeout => Some(Failure::Connect),
            Kind::Io
            | Kind::ClosedWithoutResponse
            | Kind::ClosedEarly
            | Kind::ReadTimeout
            | Kind::WriteTimeout => Some(Failure::Read),
            // The caller's, and the caller's limits.
            Kind::InvalidUrl
            | Kind::MissingScheme
            | Kind::UnsupportedScheme
            | Kind::InvalidMethod
            | Kind::InvalidHeader
            | Kind::InvalidTimeout
            | Kind::InvalidBody
            | Kind::InvalidConfig
            | Kind::UnrewindableBody
            | Kind::BodyConsumed
            | Kind::Closed
            | Kind::PoolTimeout
            | Kind::TotalTimeout
            | Kind::HeadTooLarge
            | Kind::BodyTooLarge
            | Kind::TooManyRedirects
            | Kind::BlockedAddress
            | Kind::Interrupted => None,
            // A peer that breaks a protocol or is not who it should be stays so.
            Kind::Tls
            | Kind::InvalidCertificate
            | Kind::MalformedResponse
            | Kind::MalformedChunk
            | Kind::ContentDecoding
            | Kind::InvalidRedirect
            | Kind::Proxy
            | Kind::InvalidContent
            | Kind::Status => None,
        }
    }
}

/// How often a request was retried, and for what. Starts at zero and grows by what [`Decision::Retry`]
/// returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// After no connection could be made.
    pub connect: u32,
    /// After a connection broke or fell silent.
    pub read: u32,
    /// After a status.
    pub status: u32,
}

impl History {
    /// All retries.
    pub fn total(self) -> u32 {
        self.connect.saturating_add(self.read).saturating_add(self.status)
    }
}

/// One failed request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What went wrong.
    pub failure: Failure<'a>,
    /// The request's method.
    pub method: &'a str,
    /// The body can be sent again, or there is none, or none of it was taken from its source.
    pub rewindable: bool,
    /// The retries before this one.
    pub history: History,
    /// What is left of the total time-out.
    pub remaining: Option<Duration>,
    /// From 0 up to 1, drawn anew for each decision.
    pub random: f64,
}

/// What becomes of a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send it again after this wait; the history to pass next time.
    Retry(Duration, History),
    /// The failure is the outcome.
    GiveUp(Reason),
}

/// Why a request is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The status is none of those that pass.
    NotPassing,
    /// The server may have acted on it, and its method is not one to repeat.
    UnsafeMethod,
    /// Its body was consumed and cannot be rewound.
    UnrewindableBody,
    /// It was retried as often as the rules say.
    Exhausted,
    /// The wait is longer than `max_retry_after` or than what remains of the total time-out.
    TooLong,
    /// Too many of the client's requests are retries already: [`Budget`].
    OverBudget,
}

/// Judges one failed request.
pub fn decide(rules: &Rules, facts: &Facts<'_>, now: SystemTime) -> Decision {
    match judge(rules, facts, now) {
        Ok((wait, history)) => Decision::Retry(wait, history),
        Err(reason) => Decision::GiveUp(reason),
    }
}

fn judge(rules: &Rules, facts: &Facts<'_>, now: SystemTime) -> Result<(Duration, History), Reason> {
    let reached_server = match facts.failure {
        Failure::Connect => false,
        Failure::Read => true,
        Failure::Status(status, _) if rules.statuses.contains(&status) => true,
        Failure::Status(..) => return Err(Reason::NotPassing),
    };
    if reached_server && !rules.methods.contains(&facts.method) {
        return Err(Reason::UnsafeMethod);
    }
    let mut history = facts.history;
    let (count, limit) = match facts.failure {
        Failure::Connect => (&mut history.connect, rules.connect),
        Failure::Read => (&mut history.read, rules.read),
        Failure::Status(..) => (&mut history.status, rules.status),
    };
    *count = count.saturating_add(1);
    if limit.is_some_and(|limit| *count > limit) || history.total() > rules.total {
        return Err(Reason::Exhausted);
    }
    // Last among the reasons that concern the request: with no retry left, the body is not to blame.
    if !facts.rewindable {
        return Err(Reason::UnrewindableBody);
    }
    let wait = match facts.failure {
        Failure::Status(_, Some(field)) if rules.retry_after => read_retry_after(field, now),
        Failure::Status(..) | Failure::Connect | Failure::Read => None,
    };
    let wait = match wait {
        Some(wait) if wait > rules.max_retry_after => return Err(Reason::TooLong),
        Some(wait) => wait,
        None => backoff(rules, facts.history.total(), facts.random),
    };
    if facts.remaining.is_some_and(|remaining| wait >= remaining) {
        return Err(Reason::TooLong);
    }
    Ok((wait, history))
}

/// The wait before the retry after `retries` others.
fn backoff(rules: &Rules, retries: u32, random: f64) -> Duration {
    let doubled = 2_u32.checked_pow(retries).and_then(|factor| rules.backoff.checked_mul(factor));
    let longest = doubled.map_or(rules.max_backoff, |wait| wait.min(rules.max_backoff));
    let share = 1.0 - rules.jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0);
    let wait = longest.as_secs_f64() * if share.is_nan() { 1.0 } else { share };
    // The longest of all durations is no fraction that a duration can hold.
    Duration::try_from_secs_f64(wait).unwrap_or(longest)
}

/// RFC 9110 section 10.2.3. A date that has passed is no wait; what is neither number nor date says nothing.
pub fn read_retry_after(field: &[u8], now: SystemTime) -> Option<Duration> {
    let field = field.trim_ascii();
    if !field.is_empty() && field.iter().all(u8::is_ascii_digit) {
        let seconds = field
            .iter()
            .fold(0_u64, |seconds, digit| seconds.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        return Some(Duration::from_secs(seconds));
    }
    Some(date::parse(field)?.duration_since(now).unwrap_or_default())
}

/// A bound on the share of retries among a client's requests, so that a server in trouble is not given more.
///
/// Each request puts in a part of a retry, each retry takes out a whole one; so over time at most that part
/// of the traffic is retries, whatever [`Rules::total`] says. Kept by the client, across its requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    ratio: f64,
    reserve: f64,
    balance: f64,
}

impl Budget {
    /// Allows `ratio` retries per request in the long run, and `reserve` of them at once.
    pub fn new(ratio: f64, reserve: u32) -> Budget {
        let ratio = if ratio.is_finite() { ratio.max(0.0) } else { 0.0 };
        Budget { ratio, reserve: f64::from(reserve), balance: f64::from(reserve) }
    }

    /// Allows any number.
    pub const fn unlimited() -> Budget {
        Budget { ratio: 0.0, reserve: f64::INFINITY, balance: f64::INFINITY }
    }

    /// A request begins.
    pub fn deposit(&mut self) {
        self.balance = (self.balance + self.ratio).min(self.reserve);
    }

    /// Takes a retry out, or says why not.
    ///
    /// # Errors
    /// [`Reason::OverBudget`], and the balance stays.
    pub fn withdraw(&mut self) -> Result<(), Reason> {
        if self.balance < 1.0 {
            return Err(Reason::OverBudget);
        }
        self.balance -= 1.0;
        Ok(())
    }
}

/// One retry for five requests in the long run, ten at once.
impl Default for Budget {
    fn default() -> Budget {
        Budget::new(0.2, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const NOW: SystemTime = UNIX_EPOCH;
    const GET: Facts<'_> = Facts {
        failure: Failure::Read,
        method: "GET",
        rewindable: true,
        history: History { connect: 0, read: 0, status: 0 },
        remaining: None,
        random: 0.0,
    };

    fn reason(rules: &Rules, facts: &Facts<'_>) -> Option<Reason> {
        match decide(rules, facts, NOW) {
            Decision::Retry(..) => None,
            Decision::GiveUp(reason) => Some(reason),
        }
    }

    fn wait(rules: &Rules, facts: &Facts<'_>) -> Duration {
        match decide(rules, facts, NOW) {
            Decision::Retry(wait, _) => wait,
            Decision::GiveUp(reason) => panic!("{reason:?}"),
        }
    }

    #[test]
    fn what_is_retried() {
        let post = Facts { method: "POST", ..GET };
        let status = |status| Facts { failure: Failure::Status(status, None), ..GET };
        let connect = Facts { failure: Failure::Connect, ..post };
        for (facts, expected) in [
            (GET, None),
            (Facts { method: "PUT", ..GET }, None),
            (post, Some(Reason::UnsafeMethod)),
            (Facts { method: "get", ..GET }, Some(Reason::UnsafeMethod)),
            (connect, None),
            (Facts { rewindable: false, ..GET }, Some(Reason::UnrewindableBody)),
            (status(503), None),
            (status(429), None),
            (status(500), Some(Reason::NotPassing)),
            (status(200), Some(Reason::NotPassing)),
            (Facts { method: "POST", ..status(503) }, Some(Reason::UnsafeMethod)),
        ] {
            assert_eq!(reason(&Rules::times(3), &facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn nothing_is_retried_by_default() {
        assert_eq!(reason(&Rules::default(), &GET), Some(Reason::Exhausted));
    }

    #[test]
    fn each_limit_counts_its_own_and_the_total_counts_all() {
        let rules = Rules { connect: Some(1), ..Rules::times(3) };
        let mut history = History::default();
        let mut outcomes = Vec::new();
        for failure in [Failure::Connect, Failure::Connect, Failure::Read, Failure::Read, Failure::Read] {
            match decide(&rules, &Facts { failure, history, ..GET }, NOW) {
                Decision::Retry(_, next) => {
                    history = next;
                    outcomes.push(true);
                }
                Decision::GiveUp(_) => outcomes.push(false),
            }
        }
        assert_eq!(outcomes, [true, false, true, true, false]);
        assert_eq!((history.connect, history.read, history.total()), (1, 2, 3));
    }

    #[test]
    fn the_longest_of_waits_does_not_overflow() {
        let rules = Rules { backoff: Duration::MAX, max_backoff: Duration::MAX, ..Rules::times(1) };
        assert_eq!(wait(&rules, &GET), Duration::MAX);
    }

    #[test]
    fn waits_double_up_to_the_longest_and_chance_shortens_them() {
        let rules = Rules::times(u32::MAX);
        let after = |read, random| {
            wait(&rules, &Facts { history: History { read, ..History::default() }, random, ..GET })
        };
        for (retries, millis) in
            [(0, 100), (1, 200), (4, 1600), (8, 20_000), (40, 20_000), (u32::MAX - 1, 20_000)]
        {
            assert_eq!(after(retries, 0.0), Duration::from_millis(millis), "{retries}");
        }
        assert_eq!(after(1, 0.999_999).as_millis(), 100);
        assert_eq!(after(1, f64::NAN), Duration::from_millis(200));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        for (field, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Thu, 01 Jan 1970 00:01:00 GMT", Some(60)),
            ("Wed, 31 Dec 1969 00:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(read_retry_after(field.as_bytes(), NOW), seconds.map(Duration::from_secs), "{field}");
        }
    }

    #[test]
    fn retry_after_replaces_the_backoff_unless_it_asks_too_much() {
        let asks =
            |field: &'static str| Facts { failure: Failure::Status(503, Some(field.as_bytes())), ..GET };
        let rules = Rules::times(1);
        assert_eq!(wait(&rules, &asks("7")), Duration::from_secs(7));
        assert_eq!(wait(&rules, &asks("nonsense")), rules.backoff);
        assert_eq!(reason(&rules, &asks("121")), Some(Reason::TooLong));
        assert_eq!(wait(&Rules { retry_after: false, ..rules.clone() }, &asks("7")), rules.backoff);
        let late = Facts { remaining: Some(Duration::from_secs(7)), ..asks("7") };
        assert_eq!(reason(&rules, &late), Some(Reason::TooLong));
    }

    #[test]
    fn errors_that_would_come_again_are_no_failure_to_retry() {
        assert_eq!(Failure::of(Kind::Resolve), Some(Failure::Connect));
        assert_eq!(Failure::of(Kind::ReadTimeout), Some(Failure::Read));
        for kind in [Kind::InvalidCertificate, Kind::TotalTimeout, Kind::InvalidUrl, Kind::MalformedChunk] {
            assert_eq!(Failure::of(kind), None);
        }
    }

    #[test]
    fn a_budget_bounds_the_share_of_retries() {
        let mut budget = Budget::new(0.5, 2);
        let mut retried = 0;
        for _ in 0..100 {
            budget.deposit();
            retried += u32::from(budget.withdraw().is_ok());
        }
        assert_eq!(retried, 51);
        assert_eq!(Budget::new(0.5, 0).withdraw(), Err(Reason::OverBudget));
    }
}
