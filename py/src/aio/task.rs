//! One operation of the engine that a coroutine waits for, and the queues between the engine and an event loop.
//!
//! A [`Task`] is a future, polled once where its coroutine begins to wait, and later by [`Driver::run`], on the loop's
//! thread and without the GIL. It knows nothing of Python: `events` tells the coroutines whose tasks are finished.

use crate::aio::question::{self, Question};
use crate::aio::work::Outcome;
use entreat::engine::Engine;
use entreat::net::nested::Nested;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

/// What the engine is to do.
pub(super) type Operation = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Tasks that are polled in one go at most, before the loop may do other things.
const BATCH: usize = 1024;

/// An operation under way.
pub(super) struct Task {
    stage: Mutex<Stage>,
    /// It waits to be polled.
    is_queued: AtomicBool,
    /// Where its loop keeps who waits for it.
    seat: AtomicUsize,
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
    net: Nested,
    ready: Mutex<Ready>,
    finished: Mutex<VecDeque<Arc<Task>>>,
    /// Whose connections go with the loop.
    engines: Mutex<Vec<Weak<Engine<Nested>>>>,
}

#[derive(Default)]
struct Ready {
    tasks: Vec<Arc<Task>>,
    /// [`Driver::run`] is at work and will look again: nobody need wake the loop.
    is_attended: bool,
}

impl Driver {
    pub(super) fn new(net: Nested) -> Arc<Driver> {
        Arc::new(Driver {
            net,
            ready: Mutex::default(),
            finished: Mutex::default(),
            engines: Mutex::default(),
        })
    }

    pub(super) fn net(&self) -> &Nested {
        &self.net
    }

    /// Remembers whose connections go with the loop.
    pub(super) fn serve(&self, engine: &Arc<Engine<Nested>>) {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.retain(|engine| engine.strong_count() > 0);
        engines.push(Arc::downgrade(engine));
    }

    /// The loop is gone: closes what is idle in it.
    pub(super) fn close(&self) {
        let engines = std::mem::take(&mut *self.engines.lock().unwrap_or_else(PoisonError::into_inner));
        engines.iter().filter_map(Weak::upgrade).for_each(|engine| engine.close_idle());
    }

    /// Begins an operation, and polls it once.
    pub(super) fn begin(self: &Arc<Driver>, operation: Operation) -> Arc<Task> {
        let task = Arc::new(Task {
            stage: Mutex::new(Stage::Idle(operation)),
            is_queued: AtomicBool::new(false),
            seat: AtomicUsize::new(0),
            driver: Arc::clone(self),
        });
        task.poll();
        task
    }

    /// Looks what happened and polls whom it concerns. What is done by then is [`Driver::next_finished`].
    ///
    /// # Errors
    /// Those of [`Nested::turn`].
    pub(super) fn run(&self) -> entreat::Result<()> {
        self.ready().is_attended = true;
        let turned = self.net.turn();
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
            self.net.notify();
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

    /// Gives the operation up: what it held is closed at once, unless another thread is polling it just now and does so.
    pub(super) fn cancel(&self) {
        let given_up = std::mem::replace(&mut *self.stage(), Stage::Gone);
        // Not under the lock: it may wake others.
        drop(given_up);
    }

    pub(super) fn seat(&self) -> usize {
        self.seat.load(Ordering::Relaxed)
    }

    pub(super) fn take_seat(&self, seat: usize) {
        self.seat.store(seat, Ordering::Relaxed);
    }

    /// True where there is something to tell by now.
    pub(super) fn poll(self: &Arc<Task>) -> bool {
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
        let waker = Waker::from(Arc::clone(self));
        let polled = operation.as_mut().poll(&mut Context::from_waker(&waker));
        let asked = question::asked().or(before);
        let next = match (polled, asked) {
            (Poll::Ready(outcome), _) => Stage::Done(outcome),
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

    fn stage(&self) -> MutexGuard<'_, Stage> {
        // Held for a few instructions, none of which panics.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
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
            driver.net.notify();
        }
    }

    fn wake_by_ref(self: &Arc<Task>) {
        Arc::clone(self).wake();
    }
}
