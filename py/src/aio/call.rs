//! `Call`: the coroutine that a method of the client returns.
//!
//! A native object with the methods of a coroutine, so that `await` and every kind of task take it, without a frame of
//! Python's. Nothing happens before it is awaited. Its first step finds the event loop, begins the operation and polls it;
//! where that has to wait, it hands out a `Waiter`, and the next step finds what came. What is Python's to await in between (a
//! hook, the next piece of a body, trio's own way of waiting) it delegates to, as `yield from` does. An exception that is
//! thrown in, such as a cancellation, gives the operation up at once.

use crate::aio::events::Loop;
use crate::aio::question::{Answer, Question};
use crate::aio::task::{News, Task};
use crate::aio::waiter::Waiter;
use crate::aio::work::{Next, Work};
use pyo3::exceptions::{
    PyBaseException, PyException, PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError,
    PyValueError,
};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A coroutine.
#[pyclass(module = "entreat.aio", frozen)]
pub(crate) struct Call {
    name: &'static str,
    state: Mutex<State>,
}

enum State {
    Fresh(Work),
    Waiting(Work, Py<Waiter>),
    Delegating(Work, Delegate),
    /// A step is under way.
    Running,
    Over,
}

/// An awaitable of Python's that is awaited in between.
struct Delegate {
    iterator: Py<PyAny>,
    purpose: Purpose,
}

enum Purpose {
    /// It waits as its loop wants it.
    Suspend(Py<Waiter>),
    /// The engine has asked for its outcome. In a box, as few are asked and all coroutines would carry its room.
    Answer(Box<Wanted>),
    /// It is a step of the work.
    Work,
}

/// An outcome that the engine wants.
struct Wanted {
    home: Py<Loop>,
    task: Arc<Task>,
    answer: Arc<Answer>,
    /// What ends the wait for it, where the loop knows such a thing.
    interrupt: Option<Py<PyAny>>,
    /// Who hears meanwhile that the engine is done, and wants it no more.
    listening: Option<Py<Waiter>>,
}

/// How a coroutine goes on.
enum Resume<'a, 'py> {
    With(Option<&'a Bound<'py, PyAny>>),
    Throw(PyErr),
}

/// Where a step ends.
enum Step {
    Yield(Py<PyAny>),
    Return(Py<PyAny>),
}

/// What a step does next.
enum Turn<'a, 'py> {
    Go(PyResult<Next<'py>>),
    /// Looks what a task has to tell.
    Look(Bound<'py, Loop>, Arc<Task>),
    Delegate(Delegate, Resume<'a, 'py>),
}

impl Call {
    pub(super) fn new(work: Work) -> Call {
        Call { name: work.name(), state: Mutex::new(State::Fresh(work)) }
    }

    /// The next step, as Python sees it.
    pub(super) fn resume<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        told(slf.py(), slf.get().step(slf.py(), None)).map(|waiter| waiter.into_bound(slf.py()))
    }

    /// The next step, with what the event loop sends.
    fn step<'py>(&self, py: Python<'py>, sent: Option<&Bound<'py, PyAny>>) -> PyResult<Step> {
        match self.run()? {
            State::Fresh(work) if sent.is_some_and(|sent| !sent.is_none()) => {
                self.leave(State::Fresh(work));
                Err(PyTypeError::new_err("can't send non-None value to a just-started coroutine"))
            }
            State::Fresh(mut work) => {
                let next = work.begin(py);
                self.drive(py, work, Turn::Go(next))
            }
            State::Waiting(work, waiter) if !waiter.get().done() => {
                // Another task's step: the one that waits would never be told.
                self.leave(State::Waiting(work, waiter));
                Err(PyRuntimeError::new_err("coroutine is being awaited already"))
            }
            State::Waiting(work, waiter) => {
                let waiter = waiter.bind(py).get();
                let home = waiter.home().bind(py).clone();
                self.drive(py, work, Turn::Look(home, Arc::clone(waiter.task())))
            }
            State::Delegating(work, delegate) => {
                self.drive(py, work, Turn::Delegate(delegate, Resume::With(sent)))
            }
            State::Running | State::Over => unreachable!("run() gives neither"),
        }
    }

    /// Goes on until there is something to wait for, or the answer.
    fn drive<'a, 'py>(&self, py: Python<'py>, mut work: Work, mut turn: Turn<'a, 'py>) -> PyResult<Step> {
        loop {
            turn = match turn {
                Turn::Go(next) => match self.or_over(next)? {
                    Next::Return(answer) => {
                        self.leave(State::Over);
                        return Ok(Step::Return(answer));
                    }
                    Next::Operate(home, operation) => {
                        let task = home.get().driver().begin(operation);
                        Turn::Look(home, task)
                    }
                    Next::Await(awaitable) => {
                        let iterator = self.or_over(iterator_of(&awaitable))?;
                        Turn::Delegate(Delegate { iterator, purpose: Purpose::Work }, Resume::With(None))
                    }
                },
                Turn::Look(home, task) => match task.take() {
                    Some(News::Done(outcome)) => Turn::Go(work.advance(&home, outcome)),
                    Some(News::Asked(question)) => ask(py, home, task, question),
                    None => {
                        let waiter = self.or_over(Loop::wait_for(&home, task))?;
                        match self.or_over(home.get().suspension(&waiter))? {
                            None => {
                                self.leave(State::Waiting(work, waiter.clone().unbind()));
                                return Ok(Step::Yield(waiter.into_any().unbind()));
                            }
                            Some(coroutine) => {
                                let purpose = Purpose::Suspend(waiter.unbind());
                                let iterator = self.or_over(iterator_of(&coroutine))?;
                                Turn::Delegate(Delegate { iterator, purpose }, Resume::With(None))
                            }
                        }
                    }
                },
                Turn::Delegate(mut delegate, resume) => match delegate.resume(py, resume) {
                    Ok(yielded) => {
                        if let Purpose::Answer(wanted) = &mut delegate.purpose {
                            self.or_over(wanted.listen(py))?;
                        }
                        self.leave(State::Delegating(work, delegate));
                        return Ok(Step::Yield(yielded));
                    }
                    Err(error) => match delegate.end(py, &mut work, returned(py, error)) {
                        Ok(turn) => turn,
                        Err(error) => {
                            self.leave(State::Over);
                            give_up(py, State::Delegating(work, delegate));
                            return Err(error);
                        }
                    },
                },
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
            ready @ (State::Fresh(_) | State::Waiting(..) | State::Delegating(..)) => Ok(ready),
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

/// Awaits what the engine has asked for.
fn ask<'a, 'py>(
    py: Python<'py>,
    home: Bound<'py, Loop>,
    task: Arc<Task>,
    question: Question,
) -> Turn<'a, 'py> {
    let Question { awaitable, answer } = question;
    let begun = home.get().interruptible(awaitable.bind(py)).and_then(|awaited| match awaited {
        None => Ok((iterator_of(awaitable.bind(py))?, None)),
        Some(awaited) => {
            let interrupt = awaited.getattr(pyo3::intern!(py, "interrupt"))?;
            Ok((iterator_of(&awaited)?, Some(interrupt.unbind())))
        }
    });
    match begun {
        Ok((iterator, interrupt)) => {
            let wanted = Wanted { home: home.unbind(), task, answer, interrupt, listening: None };
            let purpose = Purpose::Answer(Box::new(wanted));
            Turn::Delegate(Delegate { iterator, purpose }, Resume::With(None))
        }
        Err(error) => {
            answer.give(Err(error));
            task.go_on();
            Turn::Look(home, task)
        }
    }
}

/// What an awaitable is awaited by.
fn iterator_of(awaitable: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    Ok(awaitable.call_method0(pyo3::intern!(awaitable.py(), "__await__"))?.unbind())
}

/// A `StopIteration` is how a coroutine returns.
fn returned(py: Python<'_>, error: PyErr) -> PyResult<Py<PyAny>> {
    match error.value(py).cast::<PyStopIteration>() {
        Ok(stop) => Ok(stop.getattr(pyo3::intern!(py, "value"))?.unbind()),
        Err(_) => Err(error),
    }
}

impl Delegate {
    fn resume(&mut self, py: Python<'_>, resume: Resume<'_, '_>) -> PyResult<Py<PyAny>> {
        if let Purpose::Answer(wanted) = &mut self.purpose {
            wanted.stop_listening();
        }
        let iterator = self.iterator.bind(py);
        let yielded = match resume {
            Resume::With(sent) => match sent.filter(|sent| !sent.is_none()) {
                Some(sent) => iterator.call_method1(pyo3::intern!(py, "send"), (sent,)),
                None => iterator.call_method0(pyo3::intern!(py, "__next__")),
            },
            Resume::Throw(error) => match iterator.getattr_opt(pyo3::intern!(py, "throw"))? {
                Some(throw) => throw.call1((error.into_value(py),)),
                None => Err(error),
            },
        };
        yielded.map(Bound::unbind)
    }

    /// What follows from its outcome. An error ends the coroutine.
    fn end<'a, 'py>(
        &self,
        py: Python<'py>,
        work: &mut Work,
        outcome: PyResult<Py<PyAny>>,
    ) -> PyResult<Turn<'a, 'py>> {
        match &self.purpose {
            Purpose::Work => Ok(Turn::Go(work.answer(py, outcome))),
            Purpose::Suspend(waiter) => {
                outcome?;
                let waiter = waiter.bind(py).get();
                Ok(Turn::Look(waiter.home().bind(py).clone(), Arc::clone(waiter.task())))
            }
            Purpose::Answer(wanted) => {
                let Wanted { home, task, answer, .. } = &**wanted;
                // A cancellation is not the source's failure.
                let outcome = match outcome {
                    Err(error) if !error.is_instance_of::<PyException>(py) => return Err(error),
                    other => other,
                };
                answer.give(outcome);
                task.go_on();
                Ok(Turn::Look(home.bind(py).clone(), Arc::clone(task)))
            }
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.iterator)?;
        match &self.purpose {
            Purpose::Suspend(waiter) => visit.call(waiter),
            Purpose::Answer(wanted) => {
                visit.call(&wanted.home)?;
                wanted.listening.as_ref().map_or(Ok(()), |waiter| visit.call(waiter))?;
                wanted.interrupt.as_ref().map_or(Ok(()), |interrupt| visit.call(interrupt))
            }
            Purpose::Work => Ok(()),
        }
    }
}

/// True where Python tells it from the arguments of an exception, and from an exception.
fn is_plain(answer: &Bound<'_, PyAny>) -> bool {
    !answer.is_instance_of::<PyTuple>() && !answer.is_instance_of::<PyBaseException>()
}

impl Wanted {
    /// While it is awaited, the engine may come to its end: a server refuses the body whose next piece that is.
    fn listen(&mut self, py: Python<'_>) -> PyResult<()> {
        let Some(interrupt) = &self.interrupt else { return Ok(()) };
        if self.task.is_done() {
            return interrupt.bind(py).call0().map(drop);
        }
        let waiter = Loop::wait_for(self.home.bind(py), Arc::clone(&self.task))?;
        Waiter::add_done_callback(&waiter, interrupt.clone_ref(py), None)?;
        self.listening = Some(waiter.unbind());
        Ok(())
    }

    fn stop_listening(&mut self) {
        if let Some(waiter) = self.listening.take() {
            waiter.get().home().get().unseat(waiter.get());
        }
    }
}

/// To Python, a coroutine returns by an exception.
fn told(py: Python<'_>, step: PyResult<Step>) -> PyResult<Py<PyAny>> {
    match step.map_err(|error| raised(py, error))? {
        Step::Yield(waiter) => Ok(waiter),
        Step::Return(answer) => Err(match answer.bind(py).is_instance_of::<PyTuple>() {
            // Not in a tuple: so Python takes it as it is.
            false => PyStopIteration::new_err(answer),
            true => PyStopIteration::new_err((answer,)),
        }),
    }
}

/// What a step has raised. A `StopIteration` of the program's own, of a hook say, is no answer: Python says so of its own
/// coroutines in the same words.
fn raised(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyStopIteration>(py) {
        return error;
    }
    let told = PyRuntimeError::new_err("coroutine raised StopIteration");
    told.set_cause(py, Some(error));
    told
}

#[pymethods]
impl Call {
    fn send(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        told(py, self.step(py, Some(value)))
    }

    /// The cheap way to return: Python takes the answer out of an exception that need not be made.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.step(py, None).map_err(|error| raised(py, error))? {
            Step::Yield(waiter) => Ok(Some(waiter)),
            Step::Return(answer) if is_plain(answer.bind(py)) => {
                // SAFETY: the GIL is held, and both are objects. The null that goes along is made of `None`.
                unsafe { ffi::PyErr_SetObject(ffi::PyExc_StopIteration, answer.as_ptr()) };
                Ok(None)
            }
            returned => told(py, Ok(returned)).map(Some),
        }
    }

    /// Ends it with an exception, and what it was doing is given up; or gives the exception to what is awaited in between.
    #[pyo3(signature = (kind, value=None, trace=None, /))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        trace: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = kind.py();
        match self.run()? {
            State::Delegating(work, delegate) => {
                let thrown = self.or_over(exception(kind, value, trace))?;
                told(py, self.drive(py, work, Turn::Delegate(delegate, Resume::Throw(thrown))))
            }
            state => {
                self.leave(State::Over);
                give_up(py, state);
                Err(exception(kind, value, trace)?)
            }
        }
    }

    /// Ends it; what it was doing is given up.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let state = match self.run() {
            Ok(state) => state,
            Err(_) if matches!(*self.state(), State::Over) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.leave(State::Over);
        let closed = match &state {
            State::Delegating(_, delegate) => {
                let close = delegate.iterator.bind(py).getattr_opt(pyo3::intern!(py, "close"))?;
                close.map_or(Ok(()), |close| close.call0().map(drop))
            }
            State::Fresh(_) | State::Waiting(..) | State::Running | State::Over => Ok(()),
        };
        give_up(py, state);
        closed
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
            State::Delegating(_, delegate) => Some(delegate.iterator.clone_ref(py)),
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
            Ok(State::Delegating(work, delegate)) => {
                work.traverse(&visit)?;
                delegate.traverse(&visit)
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
            waiting @ (State::Waiting(..) | State::Delegating(..)) => {
                Python::try_attach(|py| give_up(py, waiting));
            }
            State::Running | State::Over => {}
        }
    }
}

fn give_up(py: Python<'_>, state: State) {
    let work = match state {
        State::Waiting(work, waiter) => {
            leave_waiter(&waiter);
            work
        }
        State::Delegating(work, delegate) => {
            match delegate.purpose {
                Purpose::Suspend(waiter) => leave_waiter(&waiter),
                Purpose::Answer(mut wanted) => {
                    wanted.stop_listening();
                    wanted.task.cancel();
                }
                Purpose::Work => {}
            }
            work
        }
        State::Fresh(_) | State::Running | State::Over => return,
    };
    work.abandon(py);
}

fn leave_waiter(waiter: &Py<Waiter>) {
    let waiter = waiter.get();
    waiter.task().cancel();
    waiter.home().get().unseat(waiter);
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
