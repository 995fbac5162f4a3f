//! `entreat.aio.Upgraded`: a connection that speaks HTTP no more, for another protocol's bytes in both directions.
//!
//! `Response.upgrade` gives it, after 101 or a CONNECT that succeeded. One task may read while another writes. What a read
//! brings is kept in the connection until its coroutine goes on, so that a read that is cancelled loses nothing. Nothing here
//! has a time-out, as many protocols are silent for long: the loop's own (`asyncio.timeout`, a cancel scope) end a wait.

use crate::aio::call::Call;
use crate::aio::connections::Awaited;
use crate::aio::events::{self, Loop};
use crate::aio::operation;
use crate::aio::response::Response;
use crate::aio::work::{Next, Outcome, Work};
use crate::client;
use crate::client::upgraded::{MOST, bytes, closed, finished, torn};
use crate::session::current_generation;
use entreat::net::nested::Nested;
use entreat::net::tokio::Tokio;
use entreat::{Error, Result};
use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};
use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

/// A connection for both directions.
#[pyclass(module = "entreat.aio", frozen)]
pub(crate) struct Upgraded {
    response: Py<Response>,
    /// The loop that it belongs to.
    home: Py<PyWeakrefReference>,
    line: Arc<Line>,
}

/// What its operations share.
struct Line {
    state: Mutex<State>,
    /// The process, by forks, that it belongs to.
    generation: u64,
}

struct State {
    /// Absent once it was closed.
    wire: Option<Wire>,
    /// Read, and not given yet.
    received: Vec<u8>,
    /// What ended reading, to be told to each that reads: none at its good end.
    ended: Option<Option<Error>>,
    reading: Turn,
    writing: Turn,
    /// A write was given up when some of it was sent: what comes next would be taken for the rest.
    is_torn: bool,
    is_finished: bool,
}

/// Who uses one direction.
#[derive(Default)]
struct Turn {
    is_taken: bool,
    /// To be told when the connection is closed meanwhile.
    waiting: Option<Waker>,
}

/// The connection, over whichever net.
enum Wire {
    Nested(entreat::Upgraded<Nested>),
    Tokio(entreat::Upgraded<Tokio>),
}

impl Upgraded {
    /// That of a response which has one; once.
    pub(super) fn of(
        response: &Bound<'_, Response>,
        home: &Bound<'_, Loop>,
        body: Awaited,
    ) -> PyResult<Upgraded> {
        let wire = match body {
            Awaited::Nested(mut incoming) => incoming.upgrade().map(Wire::Nested),
            Awaited::Tokio(mut incoming) => incoming.upgrade().map(Wire::Tokio),
        };
        let state = State {
            wire,
            received: Vec::new(),
            ended: None,
            reading: Turn::default(),
            writing: Turn::default(),
            is_torn: false,
            is_finished: false,
        };
        Ok(Upgraded {
            response: response.clone().unbind(),
            home: PyWeakrefReference::new(home.as_any())?.unbind(),
            line: Arc::new(Line { state: Mutex::new(state), generation: current_generation() }),
        })
    }

    fn home<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Loop>> {
        let running = events::running(py)?;
        let home = self.home.bind(py).upgrade();
        match home.map(|home| home.cast_into::<Loop>()).transpose()? {
            Some(home) if home.get().is_for(&running) => Ok(home),
            Some(_) | None => Err(PyRuntimeError::new_err("the connection belongs to another event loop")),
        }
    }

    fn raise(&self, py: Python<'_>, error: Error) -> PyErr {
        client::Response::raise(self.response.bind(py).as_super(), error)
    }
}

#[pymethods]
impl Upgraded {
    /// What is there, at least one byte and at most `size`; nothing at the end.
    #[pyo3(signature = (size=65536))]
    fn read(slf: &Bound<'_, Self>, size: usize) -> PyResult<Call> {
        match size {
            0 => Err(PyValueError::new_err("size must be above 0")),
            size => Ok(Moving::call(slf, What::Read { size, or_stop: false })),
        }
    }

    /// Sends all of it; done when the system has taken it, so that whoever is faster than the peer waits.
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<Call> {
        Ok(Moving::call(slf, What::Write(Some(bytes(data)?))))
    }

    /// Says that nothing more will be sent. Reading goes on.
    fn write_eof(slf: &Bound<'_, Self>) -> Call {
        Moving::call(slf, What::Finish)
    }

    /// Closes it, in both directions, at once. Whoever waits for it is told.
    fn close(&self) {
        self.line.close();
    }

    /// The same, to be awaited.
    fn aclose(&self, py: Python<'_>) -> Call {
        self.line.close();
        Call::new(Work::Give("Upgraded.aclose", py.None()))
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __anext__(slf: &Bound<'_, Self>) -> Call {
        Moving::call(slf, What::Read { size: MOST, or_stop: true })
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> Call {
        Call::new(Work::Give("Upgraded.__aenter__", slf.clone().into_any().unbind()))
    }

    fn __aexit__(
        &self,
        py: Python<'_>,
        _class: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> Call {
        self.line.close();
        Call::new(Work::Give("Upgraded.__aexit__", py.None()))
    }

    /// The answer that changed the protocol.
    #[getter]
    fn response(&self, py: Python<'_>) -> Py<Response> {
        self.response.clone_ref(py)
    }

    /// What is spoken now, as the answer's field ``Upgrade`` says; None behind CONNECT.
    #[getter]
    fn protocol(&self, py: Python<'_>) -> Option<String> {
        self.response.bind(py).as_super().get().protocol()
    }

    #[getter]
    fn is_closed(&self) -> bool {
        self.line.state().wire.is_none()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let url = self.response.bind(py).as_super().get().url_shown();
        format!("<Upgraded {url}{}>", if self.is_closed() { " (closed)" } else { "" })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.response)
    }
}

/// One read or write.
pub(super) struct Moving {
    upgraded: Py<Upgraded>,
    what: What,
    /// It has its direction to itself.
    has_turn: bool,
}

enum What {
    /// At the end, an iterator stops.
    Read {
        size: usize,
        or_stop: bool,
    },
    /// Taken when it begins.
    Write(Option<PyBackedBytes>),
    Finish,
}

impl Moving {
    fn call(upgraded: &Bound<'_, Upgraded>, what: What) -> Call {
        Call::new(Work::Move(Moving { upgraded: upgraded.clone().unbind(), what, has_turn: false }))
    }

    pub(super) fn begin<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        let upgraded = self.upgraded.bind(py).get();
        let home = upgraded.home(py)?;
        self.what.take_turn(&mut upgraded.line.state())?;
        self.has_turn = true;
        let line = Arc::clone(&upgraded.line);
        let operation = match &mut self.what {
            What::Read { .. } => operation::once(async move {
                Outcome::Moved(poll_fn(|context| line.state().poll_fill(context)).await)
            }),
            What::Write(bytes) => {
                let (bytes, mut sent) = (bytes.take(), 0);
                operation::once(async move {
                    let bytes = bytes.as_deref().unwrap_or_default();
                    Outcome::Moved(poll_fn(|context| line.state().poll_send(context, bytes, &mut sent)).await)
                })
            }
            What::Finish => operation::once(async move {
                Outcome::Moved(poll_fn(|context| line.state().poll_finish(context)).await)
            }),
        };
        Ok(Next::Operate(home, operation))
    }

    pub(super) fn advance<'py>(&mut self, py: Python<'py>, outcome: Result<()>) -> PyResult<Next<'py>> {
        self.leave_turn(py);
        let upgraded = self.upgraded.bind(py).get();
        outcome.map_err(|error| upgraded.raise(py, error))?;
        let value = match self.what {
            What::Read { size, or_stop } => {
                let piece = upgraded.line.state().give(py, size);
                if or_stop && piece.as_bytes().is_empty() {
                    return Err(PyStopAsyncIteration::new_err(()));
                }
                piece.into_any().unbind()
            }
            What::Write(_) | What::Finish => py.None(),
        };
        Ok(Next::Return(value))
    }

    /// Cancelled: what was read stays for the next read.
    pub(super) fn abandon(&mut self, py: Python<'_>) {
        self.leave_turn(py);
    }

    fn leave_turn(&mut self, py: Python<'_>) {
        if std::mem::take(&mut self.has_turn) {
            let line = &self.upgraded.bind(py).get().line;
            let left = std::mem::take(self.what.turn(&mut line.state()));
            drop(left);
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.what {
            What::Read { or_stop: false, .. } => "Upgraded.read",
            What::Read { or_stop: true, .. } => "Upgraded.__anext__",
            What::Write(_) => "Upgraded.write",
            What::Finish => "Upgraded.write_eof",
        }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.upgraded)
    }
}

impl What {
    fn turn<'a>(&self, state: &'a mut State) -> &'a mut Turn {
        match self {
            What::Read { .. } => &mut state.reading,
            What::Write(_) | What::Finish => &mut state.writing,
        }
    }

    /// Two that read at once would get half of it each.
    fn take_turn(&self, state: &mut State) -> PyResult<()> {
        match std::mem::replace(&mut self.turn(state).is_taken, true) {
            false => Ok(()),
            true => Err(PyRuntimeError::new_err(match self {
                What::Read { .. } => "another task is reading from it",
                What::Write(_) | What::Finish => "another task is writing to it",
            })),
        }
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        // Never held while anything is waited for.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let (wire, waiting) = {
            let mut state = self.state();
            let waiting = [state.reading.waiting.take(), state.writing.waiting.take()];
            (state.wire.take(), waiting)
        };
        // A child leaves its parent's connection as it is.
        if let Some(mut wire) = wire
            && self.generation == current_generation()
        {
            // The good-bye, as far as it goes without waiting.
            let _ = wire.poll_finish(&mut Context::from_waker(Waker::noop()));
        }
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

thread_local! {
    /// Where bytes arrive before it is known how many: a connection that is silent needs no memory for them.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl State {
    /// Ready where there is something to give, or the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.received.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if let Some(ended) = &self.ended {
            return Poll::Ready(ended.clone().map_or(Ok(()), Err));
        }
        let Some(wire) = &mut self.wire else { return Poll::Ready(Err(closed())) };
        let polled = SCRATCH.with_borrow_mut(|scratch| {
            scratch.resize(MOST, 0);
            let polled = wire.poll_receive(context, scratch);
            if let Poll::Ready(Ok(count)) = polled {
                self.received.extend_from_slice(&scratch[..count]);
            }
            polled
        });
        match polled {
            Poll::Pending => {
                self.reading.waiting = Some(context.waker().clone());
                Poll::Pending
            }
            Poll::Ready(Ok(count)) => {
                if count == 0 {
                    self.ended = Some(None);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.ended = Some(Some(error.clone()));
                Poll::Ready(Err(error))
            }
        }
    }

    fn give<'py>(&mut self, py: Python<'py>, size: usize) -> Bound<'py, PyBytes> {
        let count = self.received.len().min(size);
        let piece = PyBytes::new(py, &self.received[..count]);
        if count == self.received.len() {
            self.received = Vec::new();
        } else {
            self.received.drain(..count);
        }
        piece
    }

    fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8], sent: &mut usize) -> Poll<Result<()>> {
        if self.is_finished {
            return Poll::Ready(Err(finished()));
        }
        if self.is_torn && *sent == 0 {
            return Poll::Ready(Err(torn()));
        }
        let polled = self.poll_rest(context, bytes, sent);
        self.is_torn = *sent > 0 && *sent < bytes.len();
        if polled.is_pending() {
            self.writing.waiting = Some(context.waker().clone());
        }
        polled
    }

    fn poll_rest(&mut self, context: &mut Context<'_>, bytes: &[u8], sent: &mut usize) -> Poll<Result<()>> {
        let Some(wire) = &mut self.wire else { return Poll::Ready(Err(closed())) };
        while *sent < bytes.len() {
            *sent += ready!(wire.poll_send(context, &bytes[*sent..]))?;
        }
        wire.poll_flush(context)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(wire) = &mut self.wire else { return Poll::Ready(Err(closed())) };
        if self.is_finished {
            return Poll::Ready(Ok(()));
        }
        let polled = wire.poll_finish(context);
        match polled {
            Poll::Pending => self.writing.waiting = Some(context.waker().clone()),
            Poll::Ready(_) => self.is_finished = true,
        }
        polled
    }
}

impl Wire {
    fn poll_receive(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
        match self {
            Wire::Nested(upgraded) => upgraded.poll_receive(context, into),
            Wire::Tokio(upgraded) => upgraded.poll_receive(context, into),
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        match self {
            Wire::Nested(upgraded) => upgraded.poll_send(context, bytes),
            Wire::Tokio(upgraded) => upgraded.poll_send(context, bytes),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Wire::Nested(upgraded) => upgraded.poll_flush(context),
            Wire::Tokio(upgraded) => upgraded.poll_flush(context),
        }
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Wire::Nested(upgraded) => upgraded.poll_finish(context),
            Wire::Tokio(upgraded) => upgraded.poll_finish(context),
        }
    }
}
