//! `Call`: the coroutine that a method of the client returns.
//!
//! A native object with the methods of a coroutine, so that `await` and every kind of task take it, without a frame of
//! Python's. Nothing happens before it is awaited. Its first step finds the event loop, begins the operation and polls it;
//! where that has to wait, it hands out a `Waiter`, and the next step finds what came. An exception that is thrown in,
//! such as a cancellation, gives the operation up at once.

use crate::aio::events::Loop;
use crate::aio::waiter::Waiter;
use crate::aio::work::{Next, Work};
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};
use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A coroutine.
#[pyclass(module = "entreat.aio", frozen)]
pub(crate) struct Call {
    name: &'static str,
    state: Mutex<State>,
}

enum State {
    Fresh(Work),
    Waiting(Work, Py<Waiter>),
    /// A step is under way.
    Running,
    Over,
}

/// Where a step ends.
enum Step {
    Yield(Py<PyAny>),
    Return(Py<PyAny>),
}

impl Call {
    pub(super) fn new(work: Work) -> Call {
        Call { name: work.name(), state: Mutex::new(State::Fresh(work)) }
    }

    /// The next step, as Python sees it.
    pub(super) fn resume<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        told(slf.get().step(slf.py(), None)).map(|waiter| waiter.into_bound(slf.py()))
    }

    /// The next step, with what the event loop sends.
    fn step(&self, py: Python<'_>, sent: Option<&Bound<'_, PyAny>>) -> PyResult<Step> {
        match self.run()? {
            State::Fresh(work) if sent.is_some_and(|sent| !sent.is_none()) => {
                self.leave(State::Fresh(work));
                Err(PyTypeError::new_err("can't send non-None value to a just-started coroutine"))
            }
            State::Fresh(mut work) => {
                let next = work.begin(py);
                self.proceed(py, work, next)
            }
            State::Waiting(mut work, waiter) => match waiter.get().task().take() {
                Some(outcome) => {
                    let next = work.advance(waiter.get().home().bind(py), outcome);
                    self.proceed(py, work, next)
                }
                None => {
                    // Somebody went on who had not been told to.
                    waiter.get().wait_again();
                    let again = waiter.clone_ref(py).into_any();
                    self.leave(State::Waiting(work, waiter));
                    Ok(Step::Yield(again))
                }
            },
            State::Running | State::Over => unreachable!("run() gives neither"),
        }
    }

    fn proceed<'py>(&self, py: Python<'py>, mut work: Work, mut next: PyResult<Next<'py>>) -> PyResult<Step> {
        loop {
            match self.or_over(next)? {
                Next::Return(answer) => {
                    self.leave(State::Over);
                    return Ok(Step::Return(answer));
                }
                Next::Operate(home, operation) => {
                    let task = home.get().driver().begin(operation);
                    if let Some(outcome) = task.take() {
                        next = work.advance(&home, outcome);
                        continue;
                    }
                    let waiter = self.or_over(Loop::wait_for(&home, task))?.unbind();
                    let yielded = waiter.clone_ref(py).into_any();
                    self.leave(State::Waiting(work, waiter));
                    return Ok(Step::Yield(yielded));
                }
            }
        }
    }

    /// Takes the state out, for as long as a step lasts.
    fn run(&self) -> PyResult<State> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Running) {
            State::Running => Err(PyValueError::new_err("coroutine already executing")),
            State::Over => {
                *state = State::Over;
                Err(PyRuntimeError::new_err("cannot reuse already awaited coroutine"))
            }
            fresh_or_waiting @ (State::Fresh(_) | State::Waiting(..)) => Ok(fresh_or_waiting),
        }
    }

    fn leave(&self, next: State) {
        *self.state() = next;
    }

    /// An error ends the coroutine.
    fn or_over<T>(&self, outcome: PyResult<T>) -> PyResult<T> {
        if outcome.is_err() {
            self.leave(State::Over);
        }
        outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Locked with the GIL held, and never across a call into Python.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// To Python, a coroutine returns by an exception.
fn told(step: PyResult<Step>) -> PyResult<Py<PyAny>> {
    match step? {
        Step::Yield(waiter) => Ok(waiter),
        // Not in a tuple: so Python takes it as it is.
        Step::Return(answer) => Err(PyStopIteration::new_err(answer)),
    }
}

#[pymethods]
impl Call {
    fn send(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        told(self.step(py, Some(value)))
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        told(self.step(py, None))
    }

    /// Ends it with an exception; what it was doing is given up.
    #[pyo3(signature = (kind, value=None, trace=None, /))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        trace: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let state = self.run()?;
        self.leave(State::Over);
        give_up(kind.py(), state);
        Err(exception(kind, value, trace)?)
    }

    /// Ends it; what it was doing is given up.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let state = match self.run() {
            Ok(state) => state,
            Err(_) if matches!(*self.state(), State::Over) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.leave(State::Over);
        give_up(py, state);
        Ok(())
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name
    }

    #[getter]
    fn cr_running(&self) -> bool {
        matches!(*self.state(), State::Running)
    }

    #[getter]
    fn cr_await(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &*self.state() {
            State::Waiting(_, waiter) => Some(waiter.clone_ref(py).into_any()),
            State::Fresh(_) | State::Running | State::Over => None,
        }
    }

    /// No code of Python's, and no frame.
    #[getter]
    fn cr_code(&self) -> Option<bool> {
        None
    }

    #[getter]
    fn cr_frame(&self) -> Option<bool> {
        None
    }

    fn __repr__(&self) -> String {
        format!("<coroutine {}>", self.name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.state.try_lock().as_deref() {
            Ok(State::Fresh(work)) => work.traverse(&visit),
            Ok(State::Waiting(work, waiter)) => {
                work.traverse(&visit)?;
                visit.call(waiter)
            }
            Ok(State::Running | State::Over) | Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Over);
        Python::try_attach(|py| give_up(py, state));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        match std::mem::replace(self.state.get_mut().unwrap_or_else(PoisonError::into_inner), State::Over) {
            State::Fresh(work) => warn(work.name()),
            waiting @ State::Waiting(..) => {
                Python::try_attach(|py| give_up(py, waiting));
            }
            State::Running | State::Over => {}
        }
    }
}

fn give_up(py: Python<'_>, state: State) {
    match state {
        State::Waiting(work, waiter) => {
            waiter.get().task().cancel();
            waiter.get().home().get().unseat(waiter.get());
            work.abandon(py);
        }
        State::Fresh(_) | State::Running | State::Over => {}
    }
}

/// As Python does for its own coroutines.
fn warn(name: &str) {
    Python::try_attach(|py| {
        let text = CString::new(format!("coroutine '{name}' was never awaited")).unwrap_or_default();
        if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1) {
            error.write_unraisable(py, None);
        }
    });
}

/// What `throw` was given, as one exception.
fn exception(
    kind: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    trace: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyErr> {
    let value = value.filter(|value| !value.is_none());
    let error = match (kind.cast::<PyType>(), value) {
        (Ok(class), Some(value)) if value.is_instance(class)? => PyErr::from_value(value.clone()),
        (Ok(class), Some(value)) => PyErr::from_value(class.call1((value,))?),
        (Ok(class), None) => PyErr::from_value(class.call0()?),
        (Err(_), _) => PyErr::from_value(kind.clone()),
    };
    if let Some(trace) = trace.filter(|trace| !trace.is_none()) {
        error.value(kind.py()).call_method1("with_traceback", (trace,))?;
    }
    Ok(error)
}
