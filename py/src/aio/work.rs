//! What a coroutine of this face does, step by step: each step ends in something to wait for, or in the answer.
//!
//! `call` drives it; `task` runs what the engine is to do. Nothing here knows how an event loop works.

use crate::aio::client::Client;
use crate::aio::connections::{Awaited, Body};
use crate::aio::events::Loop;
use crate::aio::operation::{self, Operation};
use crate::aio::pieces::Reading;
use crate::aio::response::Response;
use crate::aio::sending::Sending;
use crate::aio::upgraded::Moving;
use crate::client;
use entreat::{Downloaded, Error};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{PyTraverseError, PyVisit};

/// A coroutine's work.
pub(super) enum Work {
    /// Sends a request, or fetches it into a file.
    Send(Box<Sending>),
    /// Reads all of a body.
    Read(Py<Response>),
    /// Reads the next piece of one.
    Piece(Reading),
    /// Closes a client.
    Close(Py<Client>),
    /// Reads from a connection that speaks HTTP no more, or writes to it.
    Move(Moving),
    /// Gives what is there.
    Give(&'static str, Py<PyAny>),
}

/// What is next, and in which loop.
pub(super) enum Next<'py> {
    Operate(Bound<'py, Loop>, Operation),
    /// Something of Python's to be awaited.
    Await(Bound<'py, PyAny>),
    Return(Py<PyAny>),
}

/// What an operation of the engine brings.
pub(super) enum Outcome {
    Received(Result<Box<Received>, Error>),
    /// A body, and what was read of it.
    Read(Awaited, Result<Vec<u8>, Error>),
    Downloaded(Result<Downloaded, Error>),
    Moved(Result<(), Error>),
    Closed,
}

/// An answer, before Python sees it.
pub(super) struct Received {
    pub(super) response: client::Response,
    /// Or how it broke off.
    pub(super) body: Result<Body, Error>,
}

impl Work {
    pub(super) fn begin<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        match self {
            Work::Send(sending) => sending.begin(py),
            Work::Read(response) => {
                let response = response.bind(py);
                if let Some(bytes) = response.as_super().get().buffered(py) {
                    return Ok(Next::Return(bytes.into_any()));
                }
                let (home, mut body) = Response::take(response, true)?;
                let operation = async move {
                    let outcome = body.read_to_end().await;
                    Outcome::Read(body, outcome)
                };
                Ok(Next::Operate(home, operation::once(operation)))
            }
            Work::Piece(reading) => reading.begin(py),
            Work::Close(client) => Client::begin_close(client.bind(py)),
            Work::Move(moving) => moving.begin(py),
            Work::Give(_, value) => Ok(Next::Return(value.clone_ref(py))),
        }
    }

    /// Goes on with what the operation has brought.
    pub(super) fn advance<'py>(&mut self, home: &Bound<'py, Loop>, outcome: Outcome) -> PyResult<Next<'py>> {
        let py = home.py();
        match (self, outcome) {
            (Work::Send(sending), Outcome::Received(outcome)) => sending.receive(home, outcome),
            (Work::Read(response), Outcome::Read(body, outcome)) => {
                let response = response.bind(py);
                let bytes = outcome.map(|bytes| PyBytes::new(py, &bytes));
                match bytes {
                    Ok(bytes) => {
                        Response::settle(response, &body, Some(bytes.clone()));
                        Ok(Next::Return(bytes.into_any().unbind()))
                    }
                    Err(error) => {
                        Response::settle(response, &body, None);
                        Err(client::Response::raise(response.as_super(), error))
                    }
                }
            }
            (Work::Piece(reading), Outcome::Read(body, outcome)) => reading.advance(py, body, outcome),
            (Work::Send(sending), Outcome::Downloaded(outcome)) => sending.end(py, outcome).map(Next::Return),
            (Work::Move(moving), Outcome::Moved(outcome)) => moving.advance(py, outcome),
            (
                _,
                Outcome::Received(_)
                | Outcome::Read(..)
                | Outcome::Downloaded(_)
                | Outcome::Moved(_)
                | Outcome::Closed,
            ) => Ok(Next::Return(py.None())),
        }
    }

    /// Goes on with the outcome of what was awaited.
    pub(super) fn answer<'py>(
        &mut self,
        py: Python<'py>,
        outcome: PyResult<Py<PyAny>>,
    ) -> PyResult<Next<'py>> {
        let value = outcome?.into_bound(py);
        match self {
            Work::Send(sending) => sending.answer(py, value),
            // They await nothing.
            Work::Read(_) | Work::Piece(_) | Work::Close(_) | Work::Move(_) | Work::Give(..) => {
                Ok(Next::Return(value.unbind()))
            }
        }
    }

    /// It will not go on: what it has in hand is gone.
    pub(super) fn abandon(self, py: Python<'_>) {
        match self {
            Work::Read(response) => Response::close_now(response.bind(py)),
            Work::Piece(reading) => reading.abandon(py),
            Work::Move(mut moving) => moving.abandon(py),
            Work::Send(_) | Work::Close(_) | Work::Give(..) => {}
        }
    }

    /// What a warning calls the coroutine that does it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Work::Send(sending) => sending.name,
            Work::Read(_) => "Response.read",
            Work::Piece(reading) => reading.name(),
            Work::Close(_) => "Client.aclose",
            Work::Move(moving) => moving.name(),
            Work::Give(name, _) => name,
        }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Work::Send(sending) => sending.traverse(visit),
            Work::Read(response) => visit.call(response),
            Work::Piece(reading) => reading.traverse(visit),
            Work::Close(client) => visit.call(client),
            Work::Move(moving) => moving.traverse(visit),
            Work::Give(_, value) => visit.call(value),
        }
    }
}
