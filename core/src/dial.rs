//! In which order a host's addresses are tried, and when: happy eyeballs (RFC 8305), without sockets and clock.
//!
//! [`order`] mixes the families; a [`Race`] is told `now` and says what to do next: start an attempt, wait, or give up.
//! The nets do it (`net/race.rs` in the client), each in its own way. The order within a family is the resolver's, which
//! knows the machine's routes (RFC 6724: getaddrinfo sorts by it).
//!
//! ```text
//!              step: Start            failed
//!   Waiting ───────────────► Running ────────► Failed
//!                               │
//!                               └─ the first to connect ends the race; whoever drives it closes the others
//! ```

use crate::deadline::Deadline;
use crate::error::{Error, Kind};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Which addresses of a host are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Family {
    /// Both kinds, in turn.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// True where addresses of this kind are wanted.
    pub fn includes(self, address: &SocketAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// The addresses in the order in which they are tried: each once, families in turn, beginning with that of the first
/// (RFC 8305 section 4, with a First Address Family Count of 1); at most [`TRIED`].
pub fn order(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (like_first, others): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| address.is_ipv4() == first.is_ipv4());
    let (mut like_first, mut others) = (like_first.into_iter(), others.into_iter());
    let mut ordered = Vec::with_capacity(addresses.len().min(TRIED));
    while ordered.len() < TRIED {
        let pair = [like_first.next(), others.next()];
        if pair == [None, None] {
            break;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(address) {
                ordered.push(*address);
            }
        }
    }
    ordered
}

/// More than any honest name has; whoever answers for a name may give thousands.
pub const TRIED: usize = 64;

/// Attempts to connect to one host, of which the first to succeed wins.
#[derive(Debug)]
pub struct Race {
    attempts: Vec<Attempt>,
    stagger: Duration,
    /// When the next attempt may start though others run; `None` for at once.
    due: Option<Instant>,
}

#[derive(Debug)]
struct Attempt {
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Running,
    Failed(io::Error),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Begin to connect to this address, and ask again.
    Start(SocketAddr),
    /// Wait for one of those that run, until the instant at most, and ask again.
    Wait(Option<Instant>),
    /// Every attempt has failed.
    Lost,
}

impl Race {
    /// A race over `addresses`, in that order, of which one is begun each `stagger`, or when one has failed.
    pub fn new(addresses: &[SocketAddr], stagger: Duration) -> Race {
        let waiting = |address: &SocketAddr| Attempt { address: *address, state: State::Waiting };
        Race { attempts: addresses.iter().map(waiting).collect(), stagger, due: None }
    }

    /// What to do at `now`.
    pub fn step(&mut self, now: Instant) -> Step {
        let due = self.due.is_none_or(|due| now >= due);
        match self.attempts.iter_mut().find(|attempt| matches!(attempt.state, State::Waiting)) {
            Some(next) if due => {
                next.state = State::Running;
                // A stagger beyond all clocks: one after the other.
                self.due = now.checked_add(self.stagger).or(Some(now + FAR));
                Step::Start(next.address)
            }
            Some(_) => Step::Wait(self.due),
            None => match self.is_running() {
                true => Step::Wait(None),
                false => Step::Lost,
            },
        }
    }

    /// Notes that the attempt at `address` failed: the next one need not wait any longer.
    pub fn failed(&mut self, address: SocketAddr, error: io::Error) {
        let attempt = self.attempts.iter_mut().find(|attempt| attempt.address == address);
        if let Some(attempt) = attempt {
            attempt.state = State::Failed(error);
            self.due = None;
        }
    }

    /// The error for a race that is [`Step::Lost`]: every address with its own cause.
    pub fn lost(self) -> Error {
        self.explain(Error::new(Kind::Connect))
    }

    /// The error for a race that `deadline` ended: what became of each address that was tried.
    pub fn timed_out(self, deadline: &Deadline) -> Error {
        self.explain(deadline.error())
    }

    fn is_running(&self) -> bool {
        self.attempts.iter().any(|attempt| matches!(attempt.state, State::Running))
    }

    /// Lists the attempts. The cause of the last failure is the error's source, so that its number can be asked for, and
    /// therefore ends the text.
    fn explain(self, error: Error) -> Error {
        let tried = self.attempts.into_iter().filter_map(|Attempt { address, state }| match state {
            State::Waiting => None,
            State::Running => Some((address, None)),
            State::Failed(cause) => Some((address, Some(cause))),
        });
        let mut tried: Vec<_> = tried.collect();
        let last = tried.iter().rposition(|(_, cause)| cause.is_some()).map(|at| tried.remove(at));
        let mut told: Vec<_> = tried.iter().take(SHOWN).map(tell).collect();
        if tried.len() > SHOWN {
            told.push(format!("{} more", tried.len() - SHOWN));
        }
        told.extend(last.iter().map(|(address, _)| address.to_string()));
        match last.and_then(|(_, cause)| cause) {
            Some(cause) => error.seen(told.join("; ")).with_source(cause),
            None if told.is_empty() => error.seen("no address to connect to"),
            None => error.seen(told.join("; ")),
        }
    }
}

fn tell((address, cause): &(SocketAddr, Option<io::Error>)) -> String {
    match cause {
        Some(cause) => format!("{address}: {cause}"),
        None => format!("{address}: no answer"),
    }
}

/// Addresses that an error names one by one.
const SHOWN: usize = 16;

/// As good as never, and yet an instant.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    const STAGGER: Duration = Duration::from_millis(250);

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn race(texts: &[&str]) -> (Race, Vec<SocketAddr>, Instant) {
        #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made without a clock")]
        let now = Instant::now();
        let addresses = addresses(texts);
        (Race::new(&addresses, STAGGER), addresses, now)
    }

    fn refused() -> io::Error {
        ErrorKind::ConnectionRefused.into()
    }

    #[test]
    fn families_take_turns_and_no_address_comes_twice() {
        for (given, ordered) in [
            (&["[2::1]:1", "[2::2]:1", "1.1.1.1:1"][..], &["[2::1]:1", "1.1.1.1:1", "[2::2]:1"][..]),
            (&["1.1.1.1:1", "2.2.2.2:1", "[2::1]:1"], &["1.1.1.1:1", "[2::1]:1", "2.2.2.2:1"]),
            (&["1.1.1.1:1", "1.1.1.1:1"], &["1.1.1.1:1"]),
            (&[], &[]),
        ] {
            assert_eq!(order(&addresses(given)), addresses(ordered));
        }
        let thousands: Vec<_> = (0..5_000).map(|port| SocketAddr::from(([1, 1, 1, 1], port))).collect();
        assert_eq!(order(&thousands).len(), TRIED);
    }

    #[test]
    fn the_next_attempt_starts_when_the_stagger_has_passed() {
        let (mut race, addresses, now) = race(&["[2::1]:1", "1.1.1.1:1"]);
        assert_eq!(race.step(now), Step::Start(addresses[0]));
        assert_eq!(race.step(now), Step::Wait(Some(now + STAGGER)));
        assert_eq!(race.step(now + STAGGER), Step::Start(addresses[1]));
        assert_eq!(race.step(now + STAGGER), Step::Wait(None));
    }

    #[test]
    fn the_next_attempt_starts_at_once_when_one_has_failed() {
        let (mut race, addresses, now) = race(&["[2::1]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        assert_eq!(race.step(now), Step::Start(addresses[0]));
        race.failed(addresses[0], refused());
        assert_eq!(race.step(now), Step::Start(addresses[1]));
        assert_eq!(race.step(now), Step::Wait(Some(now + STAGGER)), "one failure starts one attempt");
    }

    #[test]
    fn the_race_is_lost_when_all_have_failed_and_every_cause_is_told() {
        let (mut race, addresses, now) = race(&["[2::1]:1", "1.1.1.1:1"]);
        for address in &addresses {
            assert_eq!(race.step(now), Step::Start(*address));
            race.failed(*address, refused());
        }
        assert_eq!(race.step(now), Step::Lost);
        let text = race.lost().to_string();
        assert_eq!(text, "could not connect: [2::1]:1: connection refused; 1.1.1.1:1: connection refused");
    }

    #[test]
    fn a_deadline_tells_who_did_not_answer() {
        let (mut race, addresses, now) = race(&["[2::1]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        race.step(now);
        race.step(now + STAGGER);
        race.failed(addresses[0], refused());
        let error = race.timed_out(&Deadline::new(Some(now), Kind::ConnectTimeout));
        let text = "connecting took too long: 1.1.1.1:1: no answer; [2::1]:1: connection refused";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn an_error_about_many_addresses_stays_short() {
        let many: Vec<_> = (1..60).map(|port| SocketAddr::from(([1, 1, 1, 1], port))).collect();
        let (_, _, now) = race(&[]);
        let mut race = Race::new(&many, STAGGER);
        while let Step::Start(address) = race.step(now) {
            race.failed(address, refused());
        }
        let text = race.lost().to_string();
        assert!(text.contains("42 more; 1.1.1.1:59: connection refused"), "{text}");
    }

    #[test]
    fn a_stagger_beyond_all_clocks_tries_one_after_the_other() {
        let (_, addresses, now) = race(&["[2::1]:1", "1.1.1.1:1"]);
        let mut race = Race::new(&addresses, Duration::MAX);
        assert_eq!(race.step(now), Step::Start(addresses[0]));
        assert_eq!(race.step(now + FAR / 2), Step::Wait(Some(now + FAR)));
    }

    #[test]
    fn without_addresses_there_is_nothing_to_win() {
        let (mut race, _, now) = race(&[]);
        assert_eq!(race.step(now), Step::Lost);
        assert_eq!(race.lost().to_string(), "could not connect: no address to connect to");
    }
}
