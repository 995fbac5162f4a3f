//! A body piece by piece, awaited: bytes, text, or lines, as they come in; or out of a body that is here already.

use crate::aio::call::Call;
use crate::aio::connections::Awaited;
use crate::aio::operation;
use crate::aio::response::Response;
use crate::aio::work::{Next, Outcome, Work};
use crate::client;
use crate::client::pieces::{Cutter, Unit};
use entreat::Error;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An asynchronous iterator over a body.
#[pyclass(module = "entreat.aio", frozen)]
pub(crate) struct Pieces {
    response: Py<Response>,
    unit: Unit,
    size: usize,
    /// Taken out by the coroutine that asks: two at once get an error from the response.
    state: Mutex<Option<State>>,
}

struct State {
    cutter: Cutter,
    begun: bool,
    /// So much of a body that is here was given.
    given: usize,
}

impl Pieces {
    pub(super) fn new(response: Py<Response>, unit: Unit, size: usize) -> Pieces {
        let state = State { cutter: Cutter::new(unit), begun: false, given: 0 };
        Pieces { response, unit, size, state: Mutex::new(Some(state)) }
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Pieces {
    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __anext__(slf: &Bound<'_, Self>) -> Call {
        Call::new(Work::Piece(Reading { pieces: slf.clone().unbind(), state: None }))
    }
}

/// One piece being read.
pub(super) struct Reading {
    pieces: Py<Pieces>,
    state: Option<State>,
}

impl Reading {
    pub(super) fn begin<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        let pieces = self.pieces.bind(py).get();
        let fresh = || State { cutter: Cutter::new(pieces.unit), begun: false, given: 0 };
        let mut state = pieces.state().take().unwrap_or_else(fresh);
        let ready = state.cutter.ready(py);
        self.state = Some(state);
        match ready {
            Some(piece) => Ok(self.give(py, piece)),
            None => self.more(py),
        }
    }

    /// Gets bytes from where there are some.
    fn more<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        let pieces = self.pieces.bind(py).get();
        let response = pieces.response.bind(py);
        loop {
            let Some(state) = &mut self.state else { return Err(ended()) };
            if state.cutter.is_ended() {
                self.put_back(py);
                return Err(ended());
            }
            let base = response.as_super();
            // A body that was read while this was at work would be given from its start.
            let buffered = if state.begun && state.given == 0 { None } else { base.get().buffered(py) };
            let Some(buffered) = buffered else {
                let first = !std::mem::replace(&mut state.begun, true);
                let (home, mut body) = Response::take(response, first)?;
                let mut piece = vec![0; pieces.size];
                let operation = async move {
                    let outcome = body.read(&mut piece).await.map(|count| {
                        piece.truncate(count);
                        piece
                    });
                    Outcome::Read(body, outcome)
                };
                return Ok(Next::Operate(home, operation::once(operation)));
            };
            let rest = &buffered.as_bytes(py)[state.given..];
            let piece = &rest[..rest.len().min(pieces.size)];
            (state.begun, state.given) = (true, state.given + piece.len());
            if let Some(piece) = state.cutter.feed(base, piece)? {
                return Ok(self.give(py, piece));
            }
        }
    }

    pub(super) fn advance<'py>(
        &mut self,
        py: Python<'py>,
        body: Awaited,
        outcome: Result<Vec<u8>, Error>,
    ) -> PyResult<Next<'py>> {
        let response = self.pieces.bind(py).get().response.clone_ref(py).into_bound(py);
        let (response, base) = (&response, response.as_super());
        let bytes = match outcome {
            Ok(bytes) => bytes,
            Err(error) => {
                Response::settle(response, &body, None);
                self.end(py);
                return Err(client::Response::raise(base, error));
            }
        };
        match bytes.is_empty() {
            false => response.get().go_on(body),
            true => {
                Response::settle(response, &body, None);
                base.get().consume();
            }
        }
        let Some(state) = &mut self.state else { return Err(ended()) };
        match state.cutter.feed(base, &bytes)? {
            Some(piece) => Ok(self.give(py, piece)),
            None => self.more(py),
        }
    }

    fn give<'py>(&mut self, py: Python<'py>, piece: Bound<'py, PyAny>) -> Next<'py> {
        self.put_back(py);
        Next::Return(piece.unbind())
    }

    fn put_back(&mut self, py: Python<'_>) {
        *self.pieces.bind(py).get().state() = self.state.take();
    }

    /// After an error there is no more.
    fn end(&mut self, py: Python<'_>) {
        if let Some(state) = &mut self.state {
            state.cutter.end();
        }
        self.put_back(py);
    }

    /// Cancelled: what came last may be lost.
    pub(super) fn abandon(&self, py: Python<'_>) {
        if self.state.is_some() {
            Response::close_now(self.pieces.bind(py).get().response.bind(py));
        }
    }

    pub(super) fn name(&self) -> &'static str {
        "Response.__anext__"
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.pieces)
    }
}

fn ended() -> PyErr {
    PyStopAsyncIteration::new_err(())
}
