//! Turns: who may have a connection when their number is limited. Core's `slots` decides; this locks it, and wakes.
//!
//! A [`Permit`] travels with a connection in use and is given back when that is dropped or goes home. `engine` asks for
//! one before each exchange, where the pool's rules have a limit at all.

use crate::net::{Net, Spot};
use entreat_core::slots::{Admission, Slots, Ticket};
use entreat_core::{Deadline, Error, Kind, Result, pool};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The turns of one client.
#[derive(Debug)]
pub(crate) struct Permits(Mutex<State>);

#[derive(Debug)]
struct State {
    slots: Slots,
    /// Those who wait.
    spots: HashMap<Ticket, Arc<Spot>>,
}

/// The right to have one connection to an origin in use.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Arc<Permits>,
    origin: Arc<str>,
    /// How long it was waited for.
    pub(crate) waited: Duration,
}

/// A place in the line; dropped, it is given up.
struct Waiting<'a> {
    permits: &'a Arc<Permits>,
    origin: &'a Arc<str>,
    /// Absent once its turn came and was used.
    ticket: Option<Ticket>,
    spot: Arc<Spot>,
}

impl Permits {
    /// The turns under `rules`; `None` where there is no limit.
    pub(crate) fn new(rules: &pool::Rules) -> Option<Arc<Permits>> {
        let slots = || Slots::new(rules.per_origin, rules.total);
        rules
            .is_limited()
            .then(|| Arc::new(Permits(Mutex::new(State { slots: slots(), spots: HashMap::new() }))))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Kind::PoolTimeout`], or the total time-out.
    pub(crate) async fn acquire<N: Net>(
        self: &Arc<Self>,
        net: &N,
        origin: &Arc<str>,
        deadline: Deadline,
    ) -> Result<Permit> {
        let mut waited = Duration::ZERO;
        if let Some(mut waiting) = self.line_up(origin) {
            let since = net.now();
            let turn = net.park(&waiting.spot, deadline).await;
            turn.map_err(|error| waiting.explain(error))?;
            waiting.ticket = None;
            waited = net.now() - since;
        }
        Ok(Permit { permits: Arc::clone(self), origin: Arc::clone(origin), waited })
    }

    /// Connections in use: to `origin`, and in all.
    pub(crate) fn in_use(&self, origin: &str) -> (usize, usize) {
        self.state().slots.taken(origin)
    }

    /// How many wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.state().slots.waiting()
    }

    /// Takes a slot, or a place in the line.
    fn line_up<'a>(self: &'a Arc<Self>, origin: &'a Arc<str>) -> Option<Waiting<'a>> {
        let mut state = self.state();
        match state.slots.acquire(origin) {
            Admission::Granted => None,
            Admission::Wait(ticket) => {
                let spot = Arc::<Spot>::default();
                state.spots.insert(ticket, Arc::clone(&spot));
                Some(Waiting { permits: self, origin, ticket: Some(ticket), spot })
            }
        }
    }

    fn release(&self, origin: &str) {
        let mut state = self.state();
        let next = state.slots.release(origin).and_then(|ticket| state.spots.remove(&ticket));
        drop(state);
        if let Some(spot) = next {
            spot.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.release(&self.origin);
    }
}

impl Waiting<'_> {
    #[cold]
    fn explain(&self, error: Error) -> Error {
        if error.kind() != Kind::PoolTimeout {
            return error;
        }
        let (of_origin, in_all) = self.permits.in_use(self.origin);
        error
            .seen(format!("{of_origin} connections to {} and {in_all} in all in use", self.origin))
            .hint("read or drop the responses that hold them, or raise pool.per_origin or pool.total")
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut state = self.permits.state();
        state.spots.remove(&ticket);
        let was_waiting = state.slots.cancel(ticket, self.origin);
        drop(state);
        if !was_waiting {
            // Its turn came just then: somebody else's now.
            self.permits.release(self.origin);
        }
    }
}
