//! A socket that two tasks use at once, one to read and one to write, once it speaks HTTP no more.
//!
//! Its place has a single waker: here that wakes whoever waits for either, and each tries for itself.

use super::slots::Events;
use super::{Nested, STREAK, Stream};
use crate::net::Duplex;
use crate::net::blocking::io_error;
use entreat_core::{Deadline, Result};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

/// Whoever waits to read, and to write.
#[derive(Debug, Default)]
pub(super) struct Both(Mutex<Wakers>);

#[derive(Debug, Default)]
struct Wakers {
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

impl Duplex for Nested {
    fn poll_read(
        &self,
        stream: &mut Stream,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize>> {
        stream.poll_direction(Direction::Read, context, |stream| stream.try_read(into))
    }

    fn poll_write(
        &self,
        stream: &mut Stream,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        stream.poll_direction(Direction::Write, context, |stream| stream.try_write(bytes))
    }
}

impl Stream {
    fn poll_direction(
        &mut self,
        direction: Direction,
        context: &Context<'_>,
        mut attempt: impl FnMut(&mut Stream) -> Option<io::Result<usize>>,
    ) -> Poll<Result<usize>> {
        if self.streak == STREAK {
            self.streak = 0;
            self.place.wake_next_turn(context);
            return Poll::Pending;
        }
        let both = Arc::clone(self.both.get_or_insert_default());
        loop {
            if let Some(outcome) = attempt(self) {
                self.streak += 1;
                return Poll::Ready(outcome.map_err(io_error));
            }
            self.streak = 0;
            both.set(direction, context.waker());
            let (waker, either) = (Waker::from(Arc::clone(&both)), Events::READABLE | Events::WRITABLE);
            let events =
                ready!(self.place.poll_ready(either, Deadline::NEVER, &Context::from_waker(&waker)))?;
            self.note(events);
            // That may have been what the other one waits for.
            both.wake_by_ref();
        }
    }
}

impl Both {
    fn set(&self, direction: Direction, waker: &Waker) {
        let mut wakers = self.wakers();
        let place = match direction {
            Direction::Read => &mut wakers.reader,
            Direction::Write => &mut wakers.writer,
        };
        let replaced = place.replace(waker.clone());
        // Dropping it may run any code: not under the lock.
        drop(wakers);
        drop(replaced);
    }

    fn wakers(&self) -> MutexGuard<'_, Wakers> {
        // Each change is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Wakers { reader, writer } = std::mem::take(&mut *self.wakers());
        [reader, writer].into_iter().flatten().for_each(Waker::wake);
    }
}
