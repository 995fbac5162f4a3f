//! What a coroutine of this face does, step by step: each step ends in something to wait for, or in the answer.
//!
//! `call` drives it; `task` runs what the engine is to do. Nothing here knows how an event loop works.

use crate::aio::client::Client;
use crate::aio::events::Loop;
use crate::aio::pieces::Reading;
use crate::aio::response::{Awaited, Opening, Response};
use crate::aio::task::Operation;
use crate::client::hooks::log;
use crate::client::{closed, failed, raise_with};
use entreat::net::nested::Nested;
use entreat::session::Session;
use entreat::{Error, Parts};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{PyTraverseError, PyVisit};

/// A coroutine's work.
pub(super) enum Work {
    /// Sends a request.
    Send(Box<Sending>),
    /// Reads all of a body.
    Read(Py<Response>),
    /// Reads the next piece of one.
    Piece(Reading),
    /// Closes a client.
    Close(Py<Client>),
    /// Gives what is there.
    Give(&'static str, Py<PyAny>),
}

/// What is next, and in which loop.
pub(super) enum Next<'py> {
    Operate(Bound<'py, Loop>, Operation),
    Return(Py<PyAny>),
}

/// What an operation of the engine brings.
pub(super) enum Outcome {
    Received(Box<Result<Received, Error>>),
    /// A body, and what was read of it.
    Read(Awaited, Result<Vec<u8>, Error>),
    Closed,
}

/// An answer, before it meets Python.
pub(super) struct Received {
    pub(super) parts: Parts<Nested>,
    /// The body, where it was to be read.
    pub(super) content: Option<Result<Vec<u8>, Error>>,
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
                Ok(Next::Operate(home, Box::pin(operation)))
            }
            Work::Piece(reading) => reading.begin(py),
            Work::Close(client) => Client::begin_close(client.bind(py)),
            Work::Give(_, value) => Ok(Next::Return(value.clone_ref(py))),
        }
    }

    /// Goes on with what the operation has brought.
    pub(super) fn advance<'py>(&mut self, home: &Bound<'py, Loop>, outcome: Outcome) -> PyResult<Next<'py>> {
        let py = home.py();
        match (self, outcome) {
            (Work::Send(sending), Outcome::Received(outcome)) => {
                sending.receive(home, *outcome).map(Next::Return)
            }
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
                        Err(crate::client::Response::raise(response.as_super(), error))
                    }
                }
            }
            (Work::Piece(reading), Outcome::Read(body, outcome)) => reading.advance(py, body, outcome),
            (_, Outcome::Received(_) | Outcome::Read(..) | Outcome::Closed) => Ok(Next::Return(py.None())),
        }
    }

    /// It will not go on: what it has in hand is gone.
    pub(super) fn abandon(self, py: Python<'_>) {
        match self {
            Work::Read(response) => Response::close_now(response.bind(py)),
            Work::Piece(reading) => reading.abandon(py),
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
            Work::Give(name, _) => name,
        }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Work::Send(sending) => sending.traverse(visit),
            Work::Read(response) => visit.call(response),
            Work::Piece(reading) => reading.traverse(visit),
            Work::Close(client) => visit.call(client),
            Work::Give(_, value) => visit.call(value),
        }
    }
}

/// One request, and its answer.
pub(super) struct Sending {
    pub(super) name: &'static str,
    pub(super) client: Py<Client>,
    pub(super) request: entreat::Request,
    pub(super) stream: bool,
    /// Who closes the answer.
    pub(super) opening: Option<Py<Opening>>,
}

impl Sending {
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.client)?;
        self.opening.as_ref().map_or(Ok(()), |opening| visit.call(opening))
    }

    fn begin<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        let client = self.client.bind(py).get();
        self.request = client.hooks().on_request(py, self.request.clone())?;
        if client.is_closed() {
            return Err(failed(py, &closed(), self.request.clone()));
        }
        let (home, session) = client.lane(py)?;
        Ok(Next::Operate(home, Box::pin(exchange(session, self.request.clone(), self.stream))))
    }

    fn receive(&mut self, home: &Bound<'_, Loop>, outcome: Result<Received, Error>) -> PyResult<Py<PyAny>> {
        let py = home.py();
        let told = outcome
            .as_ref()
            .map(|Received { parts, .. }| (parts.head.status, parts.answered - parts.started));
        log(py, &self.request, told)?;
        let Received { parts, content } =
            outcome.map_err(|error| failed(py, &error, self.request.clone()))?;
        match content.transpose() {
            Ok(content) => {
                let response = Response::make(home, self.request.clone(), parts, content.as_deref())?;
                self.client.bind(py).get().hooks().on_response(py, response.as_super())?;
                if let Some(opening) = &self.opening {
                    opening.get().opened(&response);
                }
                Ok(response.into_any().unbind())
            }
            Err(error) => {
                // The body broke off. What there is of the response goes with the error.
                let response = Response::make(home, self.request.clone(), parts, None)?;
                Response::close_now(&response);
                let request = response.as_super().get().request(py)?;
                Err(raise_with(py, &error, Some(request), Some(response.as_super())))
            }
        }
    }
}

/// One exchange, with its body unless it is to be streamed.
async fn exchange(session: Session<Nested>, request: entreat::Request, stream: bool) -> Outcome {
    let received = async {
        let mut parts = session.deliver(request).await?.into_parts();
        let content = if stream { None } else { Some(parts.incoming.read_to_end().await) };
        Ok(Received { parts, content })
    };
    Outcome::Received(Box::new(received.await))
}
