//! Who waits for what: a slot for each socket, timer and name look-up of a net. No sockets and no clock here.
//!
//! An event sets a bit in its slot and takes the waker of whoever wants it; a wait takes the bits first. A slot has at
//! most one entry among the timers, which is no later than the deadline of its wait: a wait whose deadline is later finds
//! the entry of an earlier one and leaves it, and the entry is moved when its time comes. As most waits end long before
//! their deadline, a connection costs one entry in thirty seconds, not one for each wait.
//!
//! Wakers are dropped and woken outside of the lock over this: either may run any code. So what is replaced is returned.

use std::collections::BTreeSet;
use std::ops::{BitOr, BitOrAssign};
use std::task::{Poll, Waker};
use std::time::Instant;

/// What happened to a socket, or what somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Events(u8);

impl Events {
    pub(super) const NONE: Events = Events(0);
    /// There is something to read; or a name look-up is over.
    pub(super) const READABLE: Events = Events(1);
    /// The stream takes bytes; or connecting has ended, one way or the other.
    pub(super) const WRITABLE: Events = Events(2);
    /// The peer sends no more. Never alone: reading finds it out.
    pub(super) const ENDED: Events = Events(4);

    pub(super) fn intersects(self, other: Events) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn remove(&mut self, other: Events) {
        self.0 &= !other.0;
    }
}

impl BitOr for Events {
    type Output = Events;

    fn bitor(self, other: Events) -> Events {
        Events(self.0 | other.0)
    }
}

impl BitOrAssign for Events {
    fn bitor_assign(&mut self, other: Events) {
        self.0 |= other.0;
    }
}

/// The deadline of a wait has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Late;

/// Names a slot as long as it is taken; afterwards, nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

/// Of a token's bits, those for the index; the generation has the others.
const INDEX_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };

impl Key {
    /// As a number that epoll carries for us.
    pub(super) fn token(self) -> usize {
        (self.generation as usize) << INDEX_BITS | self.index as usize
    }
}

/// All slots, and the timers.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    timers: BTreeSet<(Instant, u32)>,
    /// The timers have changed since [`Slots::is_rearmed`].
    rearmed: bool,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// What happened and was not taken yet.
    happened: Events,
    /// What the waker is woken for.
    wanted: Events,
    waker: Option<Waker>,
    /// When the wait ends at the latest.
    due: Option<Instant>,
    /// That time came before anything that was wanted.
    is_late: bool,
    /// Where among the timers the slot stands: never later than `due`.
    armed: Option<Instant>,
}

impl Slots {
    /// A slot to which nothing has happened.
    pub(super) fn take(&mut self) -> Key {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).expect("no process has that many sockets");
                self.slots.push(Slot {
                    generation: 0,
                    happened: Events::NONE,
                    wanted: Events::NONE,
                    waker: None,
                    due: None,
                    is_late: false,
                    armed: None,
                });
                index
            }
        };
        Key { index, generation: self.slots[index as usize].generation }
    }

    /// Gives a slot back: events for it mean nothing from here on.
    pub(super) fn give_back(&mut self, key: Key) -> Option<Waker> {
        let slot = &mut self.slots[key.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.happened = Events::NONE;
        if let Some(armed) = slot.armed.take() {
            self.timers.remove(&(armed, key.index));
            self.rearmed = true;
        }
        self.free.push(key.index);
        self.forget(key)
    }

    /// Takes what happened, where some of it is `wanted`; [`Late`] where `due` has come, by what [`Slots::expire`] was told.
    /// Where neither is so, `waker` will be woken when it is. The waker that was there before comes back.
    pub(super) fn poll(
        &mut self,
        key: Key,
        wanted: Events,
        due: Option<Instant>,
        waker: &Waker,
    ) -> (Poll<Result<Events, Late>>, Option<Waker>) {
        let slot = &mut self.slots[key.index as usize];
        if slot.is_late {
            return (Poll::Ready(Err(Late)), self.forget(key));
        }
        if slot.happened.intersects(wanted) {
            let happened = std::mem::replace(&mut slot.happened, Events::NONE);
            return (Poll::Ready(Ok(happened)), self.forget(key));
        }
        slot.wanted = wanted;
        slot.due = due;
        let same = slot.waker.as_ref().is_some_and(|old| old.will_wake(waker));
        let replaced = if same { None } else { slot.waker.replace(waker.clone()) };
        self.arm(key.index);
        (Poll::Pending, replaced)
    }

    /// True where some of `events` happened and was not taken.
    pub(super) fn has_happened(&self, key: Key, events: Events) -> bool {
        self.slots[key.index as usize].happened.intersects(events)
    }

    /// Nobody waits any more. What happened stays.
    pub(super) fn forget(&mut self, key: Key) -> Option<Waker> {
        let slot = &mut self.slots[key.index as usize];
        slot.wanted = Events::NONE;
        slot.due = None;
        slot.is_late = false;
        slot.waker.take()
    }

    /// Notes what happened to the slot whose key has this token; the waker of whoever waits for it comes back. Of a slot
    /// that was given back meanwhile, nothing.
    pub(super) fn note(&mut self, token: usize, events: Events) -> Option<Waker> {
        let index = token & ((1 << INDEX_BITS) - 1);
        let slot = self.slots.get_mut(index)?;
        let key = Key { index: index as u32, generation: slot.generation };
        if key.token() != token {
            return None;
        }
        slot.happened |= events;
        if events.intersects(slot.wanted) { slot.waker.take() } else { None }
    }

    /// Takes the wakers of those whose deadline has passed at `now`, from at most `limit` slots.
    pub(super) fn expire(&mut self, now: Instant, limit: usize, woken: &mut Vec<Waker>) {
        for _ in 0..limit {
            let Some((at, index)) = self.timers.pop_first() else { return };
            if at > now {
                self.timers.insert((at, index));
                return;
            }
            self.rearmed = true;
            let slot = &mut self.slots[index as usize];
            slot.armed = None;
            if slot.due.is_some_and(|due| due <= now) {
                slot.due = None;
                slot.is_late = true;
                woken.extend(slot.waker.take());
            }
            self.arm(index);
        }
    }

    /// False where [`Slots::expire`] has nothing to do, whatever the time.
    pub(super) fn has_timers(&self) -> bool {
        !self.timers.is_empty()
    }

    /// When [`Slots::expire`] has something to do at the earliest.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// True where [`Slots::next_timer`] may have changed since this was asked.
    pub(super) fn is_rearmed(&mut self) -> bool {
        std::mem::take(&mut self.rearmed)
    }

    /// Slots that are taken.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Sees to it that the slot stands among the timers, no later than it is due.
    fn arm(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(due) = slot.due else { return };
        if let Some(armed) = slot.armed {
            if armed <= due {
                return;
            }
            self.timers.remove(&(armed, index));
        }
        slot.armed = Some(due);
        self.timers.insert((due, index));
        self.rearmed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::<Count>::default();
        (Arc::clone(&count), count.into())
    }

    fn wait(slots: &mut Slots, key: Key, due: Option<Instant>) -> Arc<Count> {
        let (count, waker) = waker();
        let (polled, _) = slots.poll(key, Events::READABLE, due, &waker);
        assert!(polled.is_pending());
        count
    }

    /// Which of `waits` are woken at `now`.
    fn expired(slots: &mut Slots, now: Instant, waits: &[Arc<Count>]) -> Vec<usize> {
        let mut woken = Vec::new();
        slots.expire(now, usize::MAX, &mut woken);
        woken.into_iter().for_each(Waker::wake);
        waits.iter().map(|count| count.0.swap(0, Ordering::Relaxed)).collect()
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn timers_expire_in_their_order_and_once() {
        let (mut slots, start) = (Slots::default(), Instant::now());
        let waits: Vec<_> = [3, 1, 2]
            .map(|after| {
                let key = slots.take();
                wait(&mut slots, key, Some(start + seconds(after)))
            })
            .into();
        assert_eq!(slots.next_timer(), Some(start + seconds(1)));
        assert_eq!(expired(&mut slots, start, &waits), [0, 0, 0]);
        assert_eq!(expired(&mut slots, start + seconds(1), &waits), [0, 1, 0]);
        assert_eq!(expired(&mut slots, start + seconds(9), &waits), [1, 0, 1]);
        assert_eq!(expired(&mut slots, start + seconds(9), &waits), [0, 0, 0]);
        assert_eq!(slots.next_timer(), None);
    }

    #[test]
    fn a_later_deadline_leaves_the_timer_of_an_earlier_one() {
        let (mut slots, start) = (Slots::default(), Instant::now());
        let key = slots.take();
        for after in 1..100 {
            drop(wait(&mut slots, key, Some(start + seconds(after))));
            assert!(slots.forget(key).is_some());
        }
        let last = wait(&mut slots, key, Some(start + seconds(100)));
        assert_eq!((slots.next_timer(), slots.timers.len()), (Some(start + seconds(1)), 1));
        assert_eq!(expired(&mut slots, start + seconds(2), &[Arc::clone(&last)]), [0]);
        assert_eq!(slots.next_timer(), Some(start + seconds(100)));
        assert_eq!(expired(&mut slots, start + seconds(100), &[last]), [1]);
    }

    #[test]
    fn an_earlier_deadline_replaces_the_timer() {
        let (mut slots, start) = (Slots::default(), Instant::now());
        let key = slots.take();
        drop(wait(&mut slots, key, Some(start + seconds(30))));
        let wait = wait(&mut slots, key, Some(start + seconds(1)));
        assert_eq!((slots.next_timer(), slots.timers.len()), (Some(start + seconds(1)), 1));
        assert_eq!(expired(&mut slots, start + seconds(1), &[wait]), [1]);
        assert_eq!(slots.next_timer(), None);
    }

    #[test]
    fn a_cancelled_wait_is_not_woken_and_its_slot_leaves_no_timer() {
        let (mut slots, start) = (Slots::default(), Instant::now());
        let key = slots.take();
        let wait = wait(&mut slots, key, Some(start + seconds(1)));
        slots.forget(key);
        assert_eq!(expired(&mut slots, start + seconds(2), &[wait]), [0]);
        let _ = slots.poll(key, Events::READABLE, Some(start + seconds(3)), Waker::noop());
        slots.give_back(key);
        assert_eq!((slots.next_timer(), slots.len()), (None, 0));
    }

    #[test]
    fn one_turn_expires_no_more_than_its_share() {
        let (mut slots, start, mut woken) = (Slots::default(), Instant::now(), Vec::new());
        for _ in 0..10 {
            let key = slots.take();
            wait(&mut slots, key, Some(start));
        }
        slots.expire(start, 4, &mut woken);
        assert_eq!((woken.len(), slots.next_timer()), (4, Some(start)));
        slots.expire(start, 40, &mut woken);
        assert_eq!((woken.len(), slots.next_timer()), (10, None));
    }

    #[test]
    fn what_happened_before_the_wait_ends_it_at_once() {
        let mut slots = Slots::default();
        let key = slots.take();
        assert!(slots.note(key.token(), Events::READABLE | Events::ENDED).is_none());
        let (polled, _) = slots.poll(key, Events::READABLE, None, Waker::noop());
        assert_eq!(polled, Poll::Ready(Ok(Events::READABLE | Events::ENDED)));
        let (polled, _) = slots.poll(key, Events::READABLE, None, Waker::noop());
        assert_eq!(polled, Poll::Pending);
    }

    #[test]
    fn only_what_is_wanted_wakes() {
        let mut slots = Slots::default();
        let key = slots.take();
        wait(&mut slots, key, None);
        assert!(slots.note(key.token(), Events::WRITABLE).is_none());
        assert!(slots.note(key.token(), Events::READABLE).is_some());
        assert!(slots.note(key.token(), Events::READABLE).is_none(), "woken once");
    }

    #[test]
    fn an_event_for_a_socket_that_is_gone_is_not_one_for_its_successor() {
        let mut slots = Slots::default();
        let gone = slots.take();
        slots.give_back(gone);
        let next = slots.take();
        wait(&mut slots, next, None);
        assert_eq!((gone.index, slots.len()), (next.index, 1));
        assert!(slots.note(gone.token(), Events::READABLE).is_none());
        assert!(slots.note(usize::MAX, Events::READABLE).is_none());
        assert!(slots.poll(next, Events::READABLE, None, Waker::noop()).0.is_pending());
    }
}
