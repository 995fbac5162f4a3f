//! One operation of the engine that a coroutine waits for, and the queues between the engine and an event loop.
//!
//! A [`Task`] is a future, polled once where its coroutine begins to wait, and later by [`Driver::run`], on the loop's
//! thread and without the GIL; or by tokio, on its own. It knows nothing of Python: `events` tells the coroutines whose
//! tasks are finished.

use crate::aio::connections::{Left, Way};
use crate::aio::operation::Operation;
use crate::aio::question::{self, Question};
use crate::aio::work::Outcome;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// Tasks that are polled in one go at most, before the loop may do other things.
const BATCH: usize = 1024;

/// An operation under way.
pub(super) struct Task {
    stage: Mutex<Stage>,
    /// It waits to be polled.
    is_queued: AtomicBool,
    /// Where its loop keeps who waits for it.
    seat: AtomicUsize,
    /// Where tokio polls it: by whom that is done once more.
    runner: Mutex<Option<Waker>>,
    driver: Arc<Driver>,
}

enum Stage {
    Idle(Operation),
    /// It has asked something, and nobody has been told yet.
    Asking(Operation, Question),
    /// Whoever polls it has it.
    Polled,
    Done(Outcome),
    /// Taken, or given up.
    Gone,
}

/// What a task has to tell.
pub(super) enum News {
    Done(Outcome),
    Asked(Question),
}

/// The net of one event loop, and which of its tasks are to be polled, and which are done.
pub(super) struct Driver {
    way: Way,
    /// Makes the loop call [`Driver::run`], from any thread.
    ring: Box<dyn Fn() + Send + Sync>,
    ready: Mutex<Ready>,
    finished: Mutex<VecDeque<Arc<Task>>>,
    /// Whose connections go with the loop.
    engines: Mutex<Vec<Left>>,
}

#[derive(Default)]
struct Ready {
    tasks: Vec<Arc<Task>>,
    /// [`Driver::run`] is at work and will look again: nobody need wake the loop.
    is_attended: bool,
}

impl Driver {
    pub(super) fn new(way: Way, ring: Box<dyn Fn() + Send + Sync>) -> Arc<Driver> {
        Arc::new(Driver {
            way,
            ring,
            ready: Mutex::default(),
            finished: Mutex::default(),
            engines: Mutex::default(),
        })
    }

    pub(super) fn way(&self) -> &Way {
        &self.way
    }

    /// When [`Driver::run`] must be called at the latest, if so.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        match &self.way {
            Way::Nested(net) => net.next_timer(),
            Way::Tokio(_) => None,
        }
    }

    pub(super) fn ring(&self) {
        (self.ring)();
    }

    /// Remembers whose connections go with the loop.
    pub(super) fn serve(&self, engine: Left) {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.retain(Left::is_there);
        engines.push(engine);
    }

    /// The loop is gone: closes what is idle in it.
    pub(super) fn close(&self) {
        let engines = std::mem::take(&mut *self.engines.lock().unwrap_or_else(PoisonError::into_inner));
        engines.iter().for_each(Left::close_idle);
    }

    /// Begins an operation, and polls it once.
    pub(super) fn begin(self: &Arc<Driver>, operation: Operation) -> Arc<Task> {
        let task = Arc::new(Task {
            stage: Mutex::new(Stage::Idle(operation)),
            is_queued: AtomicBool::new(false),
            seat: AtomicUsize::new(0),
            runner: Mutex::default(),
            driver: Arc::clone(self),
        });
        task.go_on();
        task
    }

    /// Looks what happened and polls whom it concerns. What is done by then is [`Driver::next_finished`].
    ///
    /// # Errors
    /// Those of [`Nested::turn`].
    pub(super) fn run(&self) -> entreat::Result<()> {
        self.ready().is_attended = true;
        let turned = match &self.way {
            Way::Nested(net) => net.turn(),
            Way::Tokio(_) => Ok(()),
        };
        let mut polled = 0;
        let is_more = loop {
            let mut ready = self.ready();
            if ready.tasks.is_empty() || polled >= BATCH {
                ready.is_attended = false;
                break !ready.tasks.is_empty();
            }
            let tasks = std::mem::take(&mut ready.tasks);
            drop(ready);
            polled += tasks.len();
            for task in tasks {
                if task.poll() {
                    self.finished().push_back(task);
                }
            }
        };
        if is_more {
            self.ring();
        }
        turned
    }

    /// A task that has something to tell, whose coroutine does not know it yet.
    pub(super) fn next_finished(&self) -> Option<Arc<Task>> {
        self.finished().pop_front()
    }

    fn ready(&self) -> MutexGuard<'_, Ready> {
        // Held for a few instructions, none of which panics.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finished(&self) -> MutexGuard<'_, VecDeque<Arc<Task>>> {
        // As above.
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    /// What there is to tell, once.
    pub(super) fn take(&self) -> Option<News> {
        let mut stage = self.stage();
        match std::mem::replace(&mut *stage, Stage::Gone) {
            Stage::Done(outcome) => Some(News::Done(outcome)),
            Stage::Asking(operation, question) => {
                *stage = Stage::Idle(operation);
                Some(News::Asked(question))
            }
            other @ (Stage::Idle(_) | Stage::Polled | Stage::Gone) => {
                *stage = other;
                None
            }
        }
    }

    /// Begins the operation, or goes on where it had to ask.
    pub(super) fn go_on(self: &Arc<Task>) {
        match &self.driver.way {
            Way::Nested(_) => {
                self.poll();
            }
            Way::Tokio(runtime) => match self.runner().take() {
                Some(runner) => runner.wake(),
                None => drop(runtime.spawn(Running(Arc::clone(self)))),
            },
        }
    }

    /// Gives the operation up: what it held is closed at once, unless another thread is polling it just now and does so.
    pub(super) fn cancel(&self) {
        let given_up = std::mem::replace(&mut *self.stage(), Stage::Gone);
        // Not under the lock: it may wake others.
        drop(given_up);
        if let Some(runner) = self.runner().take() {
            runner.wake();
        }
    }

    /// True where its outcome is there, and was not taken.
    pub(super) fn is_done(&self) -> bool {
        matches!(*self.stage(), Stage::Done(_))
    }

    pub(super) fn seat(&self) -> usize {
        self.seat.load(Ordering::Relaxed)
    }

    pub(super) fn take_seat(&self, seat: usize) {
        self.seat.store(seat, Ordering::Relaxed);
    }

    /// True where there is something to tell by now.
    fn poll(self: &Arc<Task>) -> bool {
        self.poll_by(&Waker::from(Arc::clone(self)))
    }

    fn poll_by(&self, waker: &Waker) -> bool {
        self.is_queued.store(false, Ordering::Release);
        let mut stage = self.stage();
        let (mut operation, before) = match std::mem::replace(&mut *stage, Stage::Polled) {
            Stage::Idle(operation) => (operation, None),
            Stage::Asking(operation, question) => (operation, Some(question)),
            other @ (Stage::Polled | Stage::Done(_) | Stage::Gone) => {
                *stage = other;
                return false;
            }
        };
        drop(stage);
        let polled = operation.as_mut().poll(&mut Context::from_waker(waker));
        let asked = question::asked().or(before);
        let next = match (polled, asked) {
            (Poll::Ready(outcome), asked) => {
                // Nobody has begun to await it.
                asked.into_iter().for_each(Question::discard);
                operation.retire();
                Stage::Done(outcome)
            }
            (Poll::Pending, Some(question)) => Stage::Asking(operation, question),
            (Poll::Pending, None) => Stage::Idle(operation),
        };
        let is_news = !matches!(next, Stage::Idle(_));
        let mut stage = self.stage();
        match *stage {
            // It was given up meanwhile.
            Stage::Gone => {
                drop(stage);
                drop(next);
                false
            }
            Stage::Polled | Stage::Idle(_) | Stage::Asking(..) | Stage::Done(_) => {
                *stage = next;
                is_news
            }
        }
    }

    fn runner(&self) -> MutexGuard<'_, Option<Waker>> {
        // As below.
        self.runner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        // Held for a few instructions, none of which panics.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that tokio polls.
struct Running(Arc<Task>);

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let task = &self.0;
        *task.runner() = Some(context.waker().clone());
        if task.poll_by(context.waker()) {
            let was_empty = {
                let mut finished = task.driver.finished();
                finished.push_back(Arc::clone(task));
                finished.len() == 1
            };
            // Whoever takes the first takes them all.
            if was_empty {
                task.driver.ring();
            }
        }
        match *task.stage() {
            Stage::Done(_) | Stage::Gone => Poll::Ready(()),
            Stage::Idle(_) | Stage::Asking(..) | Stage::Polled => Poll::Pending,
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Task>) {
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let driver = Arc::clone(&self.driver);
        let mut ready = driver.ready();
        ready.tasks.push(self);
        let is_attended = ready.is_attended;
        drop(ready);
        if !is_attended {
            // From another thread, or from a task that the loop's own thread began or gave up.
            driver.ring();
        }
    }

    fn wake_by_ref(self: &Arc<Task>) {
        Arc::clone(self).wake();
    }
}
