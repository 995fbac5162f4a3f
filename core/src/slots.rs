//! How many exchanges may hold a connection at once, and who is next when one is done. Counts and tickets; no sockets,
//! no clock, no lock.
//!
//! `pool` keeps connections that nobody uses; this counts those in use, by origin and in all. First come, first served:
//! whoever asks while others wait for the same never overtakes them. The client's `permits` puts this behind a mutex and
//! wakes whom [`Slots::release`] names.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Stands for one who waits. Tickets grow: the lower one came first.
pub type Ticket = u64;

/// The answer to one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go on: the slot is taken. Give it back with [`Slots::release`].
    Granted,
    /// Wait until [`Slots::release`] or [`Slots::cancel`] names this ticket; then the slot is taken.
    Wait(Ticket),
}

/// Slots for connections in use.
#[derive(Debug)]
pub struct Slots {
    per_origin: usize,
    total: usize,
    taken: usize,
    next: Ticket,
    /// Only those that have a slot, or wait for one.
    origins: HashMap<Arc<str>, Origin>,
}

#[derive(Debug, Default)]
struct Origin {
    taken: usize,
    waiting: VecDeque<Ticket>,
}

impl Slots {
    /// At most `per_origin` slots of one origin, and `total` of all; `None` for any number. At least one each.
    pub fn new(per_origin: Option<usize>, total: Option<usize>) -> Slots {
        let limit = |limit: Option<usize>| limit.unwrap_or(usize::MAX).max(1);
        Slots {
            per_origin: limit(per_origin),
            total: limit(total),
            taken: 0,
            next: 0,
            origins: HashMap::new(),
        }
    }

    /// Takes a slot of `origin`, or a place behind all who wait for one.
    pub fn acquire(&mut self, origin: &Arc<str>) -> Admission {
        let (total_is_free, per_origin) = (self.taken < self.total, self.per_origin);
        let entry = self.origins.entry(Arc::clone(origin)).or_default();
        // Whoever waits could not go: so nobody is overtaken who waits for what is free.
        if total_is_free && entry.taken < per_origin {
            entry.taken += 1;
            self.taken += 1;
            return Admission::Granted;
        }
        let ticket = self.next;
        self.next += 1;
        entry.waiting.push_back(ticket);
        Admission::Wait(ticket)
    }

    /// Gives a slot of `origin` back, and names the one whose turn it is now: that one has its slot.
    pub fn release(&mut self, origin: &str) -> Option<Ticket> {
        let was_full = self.taken == self.total;
        let entry = self.origins.get_mut(origin)?;
        entry.taken = entry.taken.saturating_sub(1);
        self.taken = self.taken.saturating_sub(1);
        if entry.taken == 0 && entry.waiting.is_empty() {
            self.origins.remove(origin);
        }
        // Where there was room in all, others waited for their own origins alone.
        let next = if was_full { self.first_in_line() } else { self.first_of(origin) };
        next.and_then(|origin| self.admit(&origin))
    }

    /// Takes `ticket` out of the line; false where it had its slot already: then that must be released.
    pub fn cancel(&mut self, ticket: Ticket, origin: &str) -> bool {
        let Some(entry) = self.origins.get_mut(origin) else { return false };
        let Ok(at) = entry.waiting.binary_search(&ticket) else { return false };
        entry.waiting.remove(at);
        if entry.taken == 0 && entry.waiting.is_empty() {
            self.origins.remove(origin);
        }
        true
    }

    /// Slots taken of `origin`, and in all.
    pub fn taken(&self, origin: &str) -> (usize, usize) {
        (self.origins.get(origin).map_or(0, |entry| entry.taken), self.taken)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.origins.values().map(|entry| entry.waiting.len()).sum()
    }

    fn first_in_line(&self) -> Option<Arc<str>> {
        let ready = self.origins.iter().filter(|(_, entry)| entry.taken < self.per_origin);
        let fronts = ready.filter_map(|(origin, entry)| Some((*entry.waiting.front()?, origin)));
        fronts.min_by_key(|(ticket, _)| *ticket).map(|(_, origin)| Arc::clone(origin))
    }

    fn first_of(&self, origin: &str) -> Option<Arc<str>> {
        let (origin, entry) = self.origins.get_key_value(origin)?;
        (entry.taken < self.per_origin && !entry.waiting.is_empty()).then(|| Arc::clone(origin))
    }

    fn admit(&mut self, origin: &str) -> Option<Ticket> {
        let entry = self.origins.get_mut(origin)?;
        let ticket = entry.waiting.pop_front()?;
        entry.taken += 1;
        self.taken += 1;
        Some(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    /// Asks for slots of these origins, and says who got one at once.
    fn ask(slots: &mut Slots, origins: &[&str]) -> Vec<bool> {
        origins.iter().map(|name| slots.acquire(&origin(name)) == Admission::Granted).collect()
    }

    #[test]
    fn without_limits_nobody_waits() {
        let mut slots = Slots::new(None, None);
        assert_eq!(ask(&mut slots, &["a"; 100]), [true; 100]);
        assert_eq!((slots.taken("a"), slots.taken("b"), slots.waiting()), ((100, 100), (0, 100), 0));
    }

    #[test]
    fn those_who_wait_go_in_the_order_in_which_they_came() {
        let mut slots = Slots::new(Some(1), None);
        assert_eq!(ask(&mut slots, &["a", "a", "a", "b"]), [true, false, false, true]);
        assert_eq!(slots.release("a"), Some(0));
        assert_eq!(slots.release("a"), Some(1));
        assert_eq!(slots.release("a"), None);
        assert_eq!(slots.taken("a"), (0, 1));
    }

    #[test]
    fn the_total_is_shared_in_order_across_origins() {
        let mut slots = Slots::new(Some(2), Some(2));
        assert_eq!(ask(&mut slots, &["a", "a", "a", "b", "a"]), [true, true, false, false, false]);
        assert_eq!(slots.release("a"), Some(0), "a's next came first");
        assert_eq!(slots.release("a"), Some(1), "then b, though a slot of a's has become free");
        assert_eq!(slots.release("b"), Some(2));
    }

    #[test]
    fn one_that_is_blocked_by_its_origin_does_not_block_others() {
        let mut slots = Slots::new(Some(1), Some(2));
        assert_eq!(ask(&mut slots, &["a", "c", "a", "b"]), [true, true, false, false]);
        assert_eq!(slots.release("c"), Some(1), "a is still at its limit");
    }

    #[test]
    fn nobody_overtakes_those_who_wait_for_the_same() {
        let mut slots = Slots::new(Some(1), None);
        ask(&mut slots, &["a", "a"]);
        assert_eq!(slots.release("a"), Some(0));
        assert_eq!(ask(&mut slots, &["a"]), [false]);
    }

    #[test]
    fn one_that_gives_up_leaves_the_line() {
        let mut slots = Slots::new(Some(1), None);
        ask(&mut slots, &["a", "a", "a"]);
        assert!(slots.cancel(0, "a"));
        assert_eq!(slots.release("a"), Some(1));
        assert!(!slots.cancel(1, "a"), "it has its slot");
        assert_eq!(slots.release("a"), None);
        assert_eq!((slots.origins.len(), slots.waiting()), (0, 0));
    }
}
