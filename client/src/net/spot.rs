//! A place to wait until somebody says go: what `Net::park` waits on, in the way of its net.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One who waits for a turn. Whoever wakes it does so once, and before or after the wait has begun.
#[derive(Debug, Default)]
pub struct Spot {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_woken: bool,
    waker: Option<Waker>,
}

impl Spot {
    /// Ends the wait.
    pub fn wake(&self) {
        let mut state = self.state();
        state.is_woken = true;
        let waker = state.waker.take();
        drop(state);
        self.woken.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready once woken; else the task is, when that happens.
    pub fn poll_woken(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.is_woken {
            return Poll::Ready(());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Blocks the thread for at most `limit`; true once woken.
    pub fn wait(&self, limit: Duration) -> bool {
        let waited = self.woken.wait_timeout_while(self.state(), limit, |state| !state.is_woken);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_woken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment: what a panicking thread leaves is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
