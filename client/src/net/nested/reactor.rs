//! The epoll or kqueue of a net, with its slots, under one lock each.
//!
//! `turn` holds the selector's lock while it asks, without waiting, and the slots' lock while it notes what came; wakers
//! run after both. The slots' lock is held for a few instructions, and only the loop's own thread and the odd garbage
//! collector take it.

use super::slots::{Events, Key, Slots};
use crate::fork;
use entreat_core::{Deadline, Result};
use mio::unix::SourceFd;
use mio::{Interest, Poll as Selector, Registry, Token};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Events, and timers, that one turn takes: what is left is for the next. A turn of so many takes some hundred
/// microseconds; larger turns would not be cheaper for each event.
const TURN: usize = 1024;

/// Who [`Reactor::notify`] is to epoll: no key has this token, as no slot has the last index.
const NOTIFIED: Token = Token(usize::MAX);

/// No timer runs.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Reactor {
    descriptor: RawFd,
    registry: Registry,
    notifier: mio::Waker,
    /// The notifier was used, and no turn has begun since.
    is_notified: AtomicBool,
    selecting: Mutex<Selecting>,
    shared: Mutex<Shared>,
    /// The earliest timer in nanoseconds after `start`, so that looking needs no lock.
    next_timer: AtomicU64,
    start: Instant,
    /// Which process made it.
    generation: u32,
}

#[derive(Debug, Default)]
struct Shared {
    slots: Slots,
    /// Whoever is to be woken by the next turn: something ended on another thread, or they give way until then.
    next: Vec<Waker>,
}

#[derive(Debug)]
struct Selecting {
    selector: Selector,
    events: mio::Events,
    /// Kept for its capacity: empty between turns.
    woken: Vec<Waker>,
}

impl Reactor {
    pub(super) fn new() -> io::Result<Reactor> {
        fork::watch();
        let selector = Selector::new()?;
        let registry = selector.registry().try_clone()?;
        let notifier = mio::Waker::new(&registry, NOTIFIED)?;
        let descriptor = selector.as_raw_fd();
        let events = mio::Events::with_capacity(TURN);
        Ok(Reactor {
            descriptor,
            registry,
            notifier,
            is_notified: AtomicBool::new(false),
            selecting: Mutex::new(Selecting { selector, events, woken: Vec::new() }),
            shared: Mutex::default(),
            next_timer: AtomicU64::new(NEVER),
            start: Instant::now(),
            generation: fork::generation(),
        })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.descriptor
    }

    pub(super) fn turn(&self) -> io::Result<()> {
        if self.is_foreign() {
            return Ok(());
        }
        let mut woken = self.gather()?;
        for waker in woken.drain(..) {
            waker.wake();
        }
        self.selecting().woken = woken;
        Ok(())
    }

    /// The wakers of all to whom something happened.
    fn gather(&self) -> io::Result<Vec<Waker>> {
        let mut selecting = self.selecting();
        let Selecting { selector, events, woken } = &mut *selecting;
        // Before the look: whoever notifies after it makes the descriptor readable anew.
        self.is_notified.store(false, Ordering::SeqCst);
        match selector.poll(events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            looked => looked?,
        }
        let Shared { slots, next } = &mut *self.shared();
        woken.append(next);
        for event in events.iter().filter(|event| event.token() != NOTIFIED) {
            woken.extend(slots.note(event.token().0, happened(event)));
        }
        if slots.has_timers() {
            slots.expire(Instant::now(), TURN, woken);
            self.publish(slots);
        }
        Ok(std::mem::take(woken))
    }

    pub(super) fn next_timer(&self) -> Option<Instant> {
        match self.next_timer.load(Ordering::Relaxed) {
            NEVER => None,
            nanoseconds => Some(self.start + Duration::from_nanos(nanoseconds)),
        }
    }

    pub(super) fn notify(&self) {
        if !self.is_foreign() && !self.is_notified.swap(true, Ordering::SeqCst) {
            // Nothing is wrong with a descriptor of our own; and whoever notifies could not mend it.
            let _ = self.notifier.wake();
        }
    }

    /// An error in a child of the process that made this: there, nothing may be changed.
    pub(super) fn check_process(&self) -> io::Result<()> {
        match self.is_foreign() {
            true => Err(io::Error::other("this net belongs to the parent of this process")),
            false => Ok(()),
        }
    }

    /// True in a child of the process that made this.
    fn is_foreign(&self) -> bool {
        self.generation != fork::generation()
    }

    /// Tells the earliest timer to whoever looks, where it may have changed.
    fn publish(&self, slots: &mut Slots) {
        if !slots.is_rearmed() {
            return;
        }
        let after = |at: Instant| at.saturating_duration_since(self.start).as_nanos();
        let next = slots.next_timer().map_or(NEVER, |at| u64::try_from(after(at)).unwrap_or(NEVER));
        self.next_timer.store(next, Ordering::Relaxed);
    }

    fn selecting(&self) -> MutexGuard<'_, Selecting> {
        // What a panicking thread leaves is whole: at worst it lost events of its own turn.
        self.selecting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics while this is held.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the slots. Whatever comes back is dropped or woken by the caller, with the lock no longer held.
    fn with_slots<T>(&self, change: impl FnOnce(&mut Slots) -> T) -> T {
        let slots = &mut self.shared().slots;
        let outcome = change(slots);
        self.publish(slots);
        outcome
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.shared().slots.len()
    }
}

fn happened(event: &mio::event::Event) -> Events {
    let mut events = Events::NONE;
    if event.is_error() {
        events |= Events::READABLE | Events::WRITABLE;
    }
    if event.is_readable() {
        events |= Events::READABLE;
    }
    if event.is_writable() || event.is_write_closed() {
        events |= Events::WRITABLE;
    }
    if event.is_read_closed() {
        events |= Events::READABLE | Events::ENDED;
    }
    events
}

/// A slot, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    reactor: Arc<Reactor>,
    key: Key,
}

impl Place {
    pub(super) fn new(reactor: &Arc<Reactor>) -> Place {
        Place { key: reactor.with_slots(Slots::take), reactor: Arc::clone(reactor) }
    }

    /// Events of this descriptor are events of this place, from here on.
    pub(super) fn register(&self, descriptor: RawFd) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.reactor.registry.register(&mut SourceFd(&descriptor), Token(self.key.token()), both)
    }

    /// Undoes [`Place::register`], where the descriptor is about to be closed. That alone would do, were it not for
    /// children that inherited it.
    pub(super) fn deregister(&self, descriptor: RawFd) {
        if !self.reactor.is_foreign() {
            let _ = self.reactor.registry.deregister(&mut SourceFd(&descriptor));
        }
    }

    /// Waits for one of `wanted`.
    ///
    /// # Errors
    /// The deadline's, where that passes first.
    pub(super) async fn ready(&self, wanted: Events, deadline: Deadline) -> Result<Events> {
        poll_fn(|context| self.poll_ready(wanted, deadline, context)).await
    }

    /// Ready once one of `wanted` came, or when a turn found that the deadline had passed, with its error. Reads no clock.
    pub(super) fn poll_ready(
        &self,
        wanted: Events,
        deadline: Deadline,
        context: &Context<'_>,
    ) -> Poll<Result<Events>> {
        let waker = context.waker();
        let (polled, replaced) =
            self.reactor.with_slots(|slots| slots.poll(self.key, wanted, deadline.at, waker));
        drop(replaced);
        polled.map_err(|_late| deadline.error())
    }

    /// True where some of `events` came, and nobody has waited for it.
    pub(super) fn has_happened(&self, events: Events) -> bool {
        self.reactor.shared().slots.has_happened(self.key, events)
    }

    /// Nobody waits here any more.
    pub(super) fn forget(&self) {
        if !self.reactor.is_foreign() {
            drop(self.reactor.with_slots(|slots| slots.forget(self.key)));
        }
    }

    /// Lets the loop do whatever else there is, and then wakes the task.
    pub(super) fn wake_next_turn(&self, context: &Context<'_>) {
        self.reactor.shared().next.push(context.waker().clone());
        self.reactor.notify();
    }

    /// What says from any thread that the place is ready, by being dropped.
    pub(super) fn finish(&self) -> Finish {
        Finish { reactor: Arc::downgrade(&self.reactor), key: self.key }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // In a forked child the lock may be held for ever, by a thread that is not there.
        if !self.reactor.is_foreign() {
            drop(self.reactor.with_slots(|slots| slots.give_back(self.key)));
        }
    }
}

/// Says when it is dropped that its place is ready. Does not keep the net alive.
pub(super) struct Finish {
    reactor: Weak<Reactor>,
    key: Key,
}

impl Drop for Finish {
    fn drop(&mut self) {
        // Where the net is gone, so is whoever waited.
        let Some(reactor) = self.reactor.upgrade() else { return };
        if reactor.is_foreign() {
            return;
        }
        let shared = &mut *reactor.shared();
        let waker = shared.slots.note(self.key.token(), Events::READABLE);
        shared.next.extend(waker);
        reactor.notify();
    }
}
