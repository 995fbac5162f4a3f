//! What the engine is to do, as a future in a box; those of one kind in boxes that are used again.
//!
//! The future of an exchange has room for all that it may come to need, some kilobytes: more than an allocator keeps at
//! hand. Whoever polls one to its end gives its box back, and the next exchange of that client has it.

use crate::aio::work::Outcome;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

/// How many boxes of one kind are kept at most, while they are empty.
const SPARE: usize = 64;

/// What the engine is to do.
pub(super) type Operation = Pin<Box<dyn Operate>>;

/// A future that leaves its box to another.
pub(super) trait Operate: Future<Output = Outcome> + Send {
    /// It is done.
    fn retire(self: Pin<Box<Self>>);
}

/// Makes operations of one kind.
pub(super) type Maker<A> = Arc<dyn Fn(A) -> Operation + Send + Sync>;

pin_project! {
    struct Slot<F> {
        #[pin]
        future: Option<F>,
        home: Weak<Spare<F>>,
    }
}

struct Spare<F>(Mutex<Vec<Pin<Box<Slot<F>>>>>);

/// An operation of a kind that is rare.
pub(super) fn once<F: Future<Output = Outcome> + Send + 'static>(future: F) -> Operation {
    Box::pin(Slot { future: Some(future), home: Weak::new() })
}

/// A maker of such as `make` makes, which keeps their boxes.
pub(super) fn recycled<A, F>(make: impl Fn(A) -> F + Send + Sync + 'static) -> Maker<A>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let spare = Arc::new(Spare(Mutex::default()));
    Arc::new(move |arguments| {
        let kept = spare.kept().pop();
        let mut slot = kept.unwrap_or_else(|| Box::pin(Slot { future: None, home: Arc::downgrade(&spare) }));
        slot.as_mut().project().future.set(Some(make(arguments)));
        slot
    })
}

impl<F: Future<Output = Outcome> + Send + 'static> Operate for Slot<F> {
    fn retire(mut self: Pin<Box<Self>>) {
        self.as_mut().project().future.set(None);
        let Some(home) = self.home.upgrade() else { return };
        let mut kept = home.kept();
        if kept.len() < SPARE {
            kept.push(self);
        }
    }
}

impl<F: Future<Output = Outcome>> Future for Slot<F> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        match self.project().future.as_pin_mut() {
            Some(future) => future.poll(context),
            // It was retired: nobody polls it.
            None => Poll::Pending,
        }
    }
}

impl<F> Spare<F> {
    fn kept(&self) -> MutexGuard<'_, Vec<Pin<Box<Slot<F>>>>> {
        // Held for a push or a pop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
