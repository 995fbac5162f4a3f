//! Whose request goes next to a host that may not be asked as often as one likes. Core's `policy::rate` decides when; this
//! keeps the line: first come, first served, and whoever gives up leaves it.
//!
//! Called by `session` before each exchange, redirects and retries included, and so before there is a connection to hold.

use crate::net::{Net, Spot};
use entreat_core::policy::rate::{Bucket, Decision, Rules};
use entreat_core::{Deadline, Error, Kind, Result};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Hosts that are remembered before those are forgotten that nobody has asked for a while.
const REMEMBERED: usize = 256;

/// The hosts of one client.
pub(crate) struct Rates {
    rules: Rules,
    hosts: Mutex<HashMap<Box<str>, Host>>,
}

#[derive(Default)]
struct Host {
    bucket: Bucket,
    /// Those who wait. The first one has been woken, and waits for the time to come.
    line: VecDeque<Arc<Spot>>,
}

/// A place in the line of a host; dropped, it is given up.
struct Place<'a> {
    rates: &'a Rates,
    host: &'a str,
    spot: Arc<Spot>,
}

impl Rates {
    pub(crate) fn new(rules: Rules) -> Rates {
        Rates { rules, hosts: Mutex::default() }
    }

    /// Waits until a request to `host` may go out, and says how long that took.
    ///
    /// # Errors
    /// [`Kind::PoolTimeout`], or the total time-out.
    pub(crate) async fn pass<N: Net>(&self, net: &N, host: &str, deadline: Deadline) -> Result<Duration> {
        let start = net.now();
        let Some(place) = self.enter(host, start) else { return Ok(Duration::ZERO) };
        net.park(&place.spot, deadline).await.map_err(|error| self.explain(error, host))?;
        while let Decision::Wait(until) = self.decide(host, net.now()) {
            net.sleep_until(until, deadline).await.map_err(|error| self.explain(error, host))?;
        }
        Ok(net.now().saturating_duration_since(start))
    }

    /// A place in the line; none where the request may go at once.
    fn enter<'a>(&'a self, host: &'a str, now: Instant) -> Option<Place<'a>> {
        let mut hosts = self.hosts();
        if hosts.len() >= REMEMBERED && !hosts.contains_key(host) {
            hosts.retain(|_, host| !host.line.is_empty() || !host.bucket.is_full(now));
        }
        let entry = hosts.entry(host.into()).or_default();
        if entry.line.is_empty() && entry.bucket.decide(&self.rules, now) == Decision::Go {
            return None;
        }
        let spot = Arc::<Spot>::default();
        if entry.line.is_empty() {
            spot.wake();
        }
        entry.line.push_back(Arc::clone(&spot));
        Some(Place { rates: self, host, spot })
    }

    fn decide(&self, host: &str, now: Instant) -> Decision {
        let mut hosts = self.hosts();
        hosts.entry(host.into()).or_default().bucket.decide(&self.rules, now)
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<Box<str>, Host>> {
        // Nothing between lock and unlock can panic half-way.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn explain(&self, error: Error, host: &str) -> Error {
        if error.kind() != Kind::PoolTimeout {
            return error;
        }
        let Rules { requests, period, .. } = self.rules;
        error
            .seen(format!("more to {host} than its rate_limit of {requests} requests in {period:?}"))
            .hint("send less at once, or raise rate_limit or Timeout::pool")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut hosts = self.rates.hosts();
        let Some(host) = hosts.get_mut(self.host) else { return };
        let Some(at) = host.line.iter().position(|spot| Arc::ptr_eq(spot, &self.spot)) else { return };
        host.line.remove(at);
        let next = if at == 0 { host.line.front().map(Arc::clone) } else { None };
        drop(hosts);
        if let Some(spot) = next {
            spot.wake();
        }
    }
}
