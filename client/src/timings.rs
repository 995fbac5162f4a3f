//! Where the time of a request went: what `Response::timings` tells.
//!
//! Measured with the clock readings that deadlines need anyway; only the making of a connection takes three more. The
//! parts of a connection's making travel on it ([`Making`]) to the exchange that it was made for.

use std::time::{Duration, Instant};

/// Where the time of a request went.
///
/// The parts are those of the exchange that brought this answer; `total` begins with the call, and so holds redirects,
/// retries and the waits between them as well.
///
/// ```
/// use entreat::{Client, Config, mock::{Mock, Reply}};
/// let mock = Mock::new();
/// mock.on("GET", "/").reply(Reply::text("hello"));
/// let timings = Client::with_transport(mock, Config::new())?.get("http://example.org/")?.timings();
/// assert!(timings.connect.is_none() && timings.first_byte <= timings.total);
/// # Ok::<(), entreat::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Waiting for a turn, where the number of connections is limited, or how often a host may be asked.
    pub queue: Duration,
    /// Finding the host's addresses, or the proxy's. `None` where a kept connection served.
    pub resolve: Option<Duration>,
    /// Connecting, what a proxy was told and answered included. `None` where a kept connection served.
    pub connect: Option<Duration>,
    /// TLS handshakes: with the origin, and with a proxy. `None` where there was none.
    pub tls: Option<Duration>,
    /// From when the request began to go out until the head of this answer was there.
    pub first_byte: Duration,
    /// From the start of the call up to the end of the body; until that was read, up to now.
    pub total: Duration,
}

/// How long the making of a connection took, part by part.
#[derive(Debug)]
pub(crate) struct Making {
    resolve: Duration,
    connect: Duration,
    tls: Option<Duration>,
    /// Where the next part begins.
    since: Instant,
}

impl Making {
    /// A connection that was begun at `start` and is being dialled since `resolved`.
    pub(crate) fn new(start: Instant, resolved: Instant) -> Making {
        Making { resolve: resolved - start, connect: Duration::ZERO, tls: None, since: resolved }
    }

    /// What was done until `now` was connecting.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.connect += now - self.since;
        self.since = now;
    }

    /// What was done until `now` was a TLS handshake.
    pub(crate) fn secured(&mut self, now: Instant) {
        *self.tls.get_or_insert_default() += now - self.since;
        self.since = now;
    }
}

/// When the exchange of an answer began, and what it had to wait for before.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) at: Instant,
    pub(crate) queue: Duration,
    pub(crate) making: Option<Box<Making>>,
}

impl Begun {
    /// The timings of an answer whose head was there at `answered`, to a call of `started`.
    pub(crate) fn timings(&self, started: Instant, answered: Instant, until: Instant) -> Timings {
        let making = self.making.as_deref();
        Timings {
            queue: self.queue,
            resolve: making.map(|making| making.resolve),
            connect: making.map(|making| making.connect),
            tls: making.and_then(|making| making.tls),
            first_byte: answered.saturating_duration_since(self.at),
            total: until.saturating_duration_since(started),
        }
    }
}
