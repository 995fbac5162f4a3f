//! Asking for a name's addresses on a thread that may block, and how many such threads there may be.
//!
//! A thread in `getaddrinfo` cannot be interrupted: where the deadline passes, it is left behind until the system gives
//! up, which with name servers that do not answer takes half a minute. [`LIMIT`] bounds how many pile up.

use entreat_core::names::Resolve;
use entreat_core::{Deadline, Error, Kind, Result};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Look-ups that run at once in this process. More wait for one of them, until their own deadline.
const LIMIT: u64 = 64;

/// How long to wait before asking again for a permit.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// Asks, and waits for the answer however long that takes.
pub(super) fn ask(host: &str, resolver: Option<&dyn Resolve>, deadline: Deadline) -> Result<Vec<SocketAddr>> {
    let found = match resolver {
        Some(resolver) => resolver.resolve(host, deadline)?,
        None => match (host, 0).to_socket_addrs() {
            Ok(found) => found.collect(),
            Err(error) => {
                return Err(Error::new(Kind::Resolve).seen(host.to_owned()).with_source(error));
            }
        },
    };
    if found.is_empty() {
        return Err(Error::new(Kind::Resolve).seen(format!("no address for {host}")));
    }
    Ok(found)
}

/// The error where a resolver's thread ended without an answer.
pub(super) fn panicked() -> Error {
    Error::new(Kind::Resolve).seen("the resolver's thread ended")
}

/// The time-out of someone who got no permit.
pub(super) fn too_many(error: Error) -> Error {
    error.seen(format!("{LIMIT} name look-ups that do not end"))
}

/// Leave to run one look-up; given back when it ends.
pub(super) struct Permit {
    process: u64,
}

/// The process in the upper half, the look-ups that run in the lower. Without a lock, and with the process, since the
/// threads, and whoever held a lock, are gone in a forked child.
static RUNNING: AtomicU64 = AtomicU64::new(0);

impl Permit {
    /// A permit, unless [`LIMIT`] of them are taken.
    pub(super) fn take() -> Option<Permit> {
        let process = u64::from(std::process::id());
        let taken = RUNNING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
            let running = if state >> 32 == process { state & u64::from(u32::MAX) } else { 0 };
            (running < LIMIT).then_some(process << 32 | (running + 1))
        });
        // Made only where one was taken, since dropping it gives one back.
        taken.is_ok().then(|| Permit { process })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let one_less = |state| (state >> 32 == self.process).then_some(state - 1);
        // In a forked child there is nothing to give back.
        let _ = RUNNING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_bounded_and_come_back() {
        let mut permits: Vec<_> = std::iter::from_fn(Permit::take).collect();
        assert!(permits.len() as u64 <= LIMIT && Permit::take().is_none());
        permits.pop();
        assert!(Permit::take().is_some());
    }
}
