//! What a coroutine hands to its event loop while it waits: a future in the sense of asyncio.
//!
//! A task of asyncio asks it for its loop, leaves a callback, and may cancel it. It is not an `asyncio.Future`, since
//! that schedules its callbacks for a later turn of the loop, by two Python frames and a handle each: here the task goes
//! on at once, inside of the loop's call into `events`, in the task's own context. What its callback is given then is a
//! future of asyncio's that is done, since that is what a task can look into cheaply.

use crate::aio::events::Loop;
use crate::aio::task::Task;
use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Waits for one task.
#[pyclass(module = "entreat.aio", frozen)]
pub(crate) struct Waiter {
    home: Py<Loop>,
    task: Arc<Task>,
    /// asyncio's mark of what came by `yield from`, which it takes back.
    is_blocking: AtomicBool,
    state: Mutex<State>,
}

enum State {
    /// Nobody has left a callback yet.
    New,
    Awaited(Callback),
    Fired,
    Cancelled(Option<Py<PyAny>>),
}

struct Callback {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

impl Waiter {
    pub(super) fn new(home: &Bound<'_, Loop>, task: Arc<Task>) -> Waiter {
        let home = home.clone().unbind();
        Waiter { home, task, is_blocking: AtomicBool::new(true), state: Mutex::new(State::New) }
    }

    pub(super) fn home(&self) -> &Py<Loop> {
        &self.home
    }

    pub(super) fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Goes on with whoever waits, right here.
    ///
    /// # Errors
    /// What the callback raises: of an asyncio task only what is to end the loop.
    pub(super) fn fire(slf: &Bound<'_, Self>) -> PyResult<()> {
        let mut state = slf.get().state();
        match std::mem::replace(&mut *state, State::Fired) {
            State::Awaited(callback) => {
                drop(state);
                let home = slf.get().home.bind(slf.py()).get();
                callback.call(home.done().map_or(slf.as_any(), |done| done.bind(slf.py())))
            }
            State::New | State::Fired => Ok(()),
            cancelled @ State::Cancelled(_) => {
                *state = cancelled;
                Ok(())
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Locked with the GIL held and never across a call into Python.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callback {
    fn call(self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = future.py();
        match &self.context {
            Some(context) => {
                context.bind(py).call_method1(pyo3::intern!(py, "run"), (self.function, future))?;
            }
            None => {
                self.function.bind(py).call1((future,))?;
            }
        }
        Ok(())
    }

    /// Calls it in the loop's next turn.
    fn call_soon(self, waiter: &Bound<'_, Waiter>) -> PyResult<()> {
        let home = waiter.get().home.bind(waiter.py());
        home.get().call_soon(waiter.py(), &self.function, waiter, self.context.as_ref())
    }
}

#[pymethods]
impl Waiter {
    #[getter(_asyncio_future_blocking)]
    fn is_blocking(&self) -> bool {
        self.is_blocking.load(Ordering::Relaxed)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_is_blocking(&self, is_blocking: bool) {
        self.is_blocking.store(is_blocking, Ordering::Relaxed);
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.home.get().object(py)
    }

    #[pyo3(signature = (function, *, context=None))]
    pub(super) fn add_done_callback(
        slf: &Bound<'_, Self>,
        function: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let callback = Callback { function, context };
        let mut state = slf.get().state();
        match &*state {
            State::New | State::Awaited(_) => {
                let before = std::mem::replace(&mut *state, State::Awaited(callback));
                drop(state);
                drop(before);
                Ok(())
            }
            State::Fired | State::Cancelled(_) => {
                drop(state);
                callback.call_soon(slf)
            }
        }
    }

    /// Gives the operation up at once. Whoever waits goes on in the loop's next turn.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let this = slf.get();
        let mut state = this.state();
        let before = match &*state {
            State::Fired | State::Cancelled(_) => return Ok(false),
            State::New | State::Awaited(_) => std::mem::replace(&mut *state, State::Cancelled(msg)),
        };
        drop(state);
        this.task.cancel();
        this.home.get().unseat(this);
        match before {
            State::Awaited(callback) => callback.call_soon(slf)?,
            State::New | State::Fired | State::Cancelled(_) => {}
        }
        Ok(true)
    }

    /// The same, where whoever waits knows it already.
    fn abandon(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Cancelled(None));
        drop(before);
        self.task.cancel();
        self.home.get().unseat(self);
    }

    pub(super) fn done(&self) -> bool {
        matches!(*self.state(), State::Fired | State::Cancelled(_))
    }

    fn cancelled(&self) -> bool {
        matches!(*self.state(), State::Cancelled(_))
    }

    /// Nothing: the coroutine knows where its answer is.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &*self.state() {
            State::Fired => Ok(()),
            State::Cancelled(None) => Err(CancelledError::new_err(())),
            State::Cancelled(Some(message)) => Err(CancelledError::new_err((message.clone_ref(py),))),
            State::New | State::Awaited(_) => Err(InvalidStateError::new_err("Result is not ready.")),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.home)?;
        match self.state.try_lock().as_deref() {
            Ok(State::Awaited(callback)) => {
                visit.call(&callback.function)?;
                callback.context.as_ref().map_or(Ok(()), |context| visit.call(context))
            }
            Ok(State::Cancelled(Some(message))) => visit.call(message),
            Ok(State::New | State::Fired | State::Cancelled(None)) | Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Fired);
        drop(state);
    }
}
