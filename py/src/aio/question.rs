//! What the engine has to ask Python for in the middle of an operation: the next piece of an asynchronous body, or what a
//! transport answers.
//!
//! Whatever answers must be awaited in the caller's own task, so that context variables, cancellation and the structure of
//! tasks hold. So a source that is polled leaves a [`Question`] on its thread and suspends; `task` finds it there behind the
//! poll, `call` awaits it, gives the answer, and polls again.

use crate::body::as_bytes;
use entreat::{AsyncSource, Body};
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

thread_local! {
    static ASKED: Cell<Option<Question>> = const { Cell::new(None) };
}

/// Something to be awaited, and where its outcome is wanted.
pub(super) struct Question {
    pub(super) awaitable: Py<PyAny>,
    pub(super) answer: Arc<Answer>,
}

impl Question {
    /// Closes what will not be awaited, as Python would warn of a coroutine.
    pub(super) fn discard(self) {
        Python::attach(|py| {
            let awaitable = self.awaitable.bind(py);
            let closed = match awaitable.getattr_opt(pyo3::intern!(py, "close")) {
                Ok(Some(close)) => close.call0().map(drop),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = closed {
                error.write_unraisable(py, Some(awaitable));
            }
        });
    }
}

/// Where the outcome goes.
#[derive(Default)]
pub(crate) struct Answer(Mutex<Option<PyResult<Py<PyAny>>>>);

impl Answer {
    pub(super) fn give(&self, outcome: PyResult<Py<PyAny>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    pub(crate) fn take(&self) -> Option<PyResult<Py<PyAny>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the operation that was polled on this thread just now has asked.
pub(super) fn asked() -> Option<Question> {
    ASKED.take()
}

/// Has an awaitable awaited in the caller's own task: whoever is polled on this thread waits for the answer.
pub(crate) fn ask(awaitable: Py<PyAny>) -> Arc<Answer> {
    let answer = Arc::new(Answer::default());
    ASKED.set(Some(Question { awaitable, answer: Arc::clone(&answer) }));
    answer
}

/// What an awaitable gives, awaited in the caller's own task.
pub(crate) async fn outcome(awaitable: Py<PyAny>) -> PyResult<Py<PyAny>> {
    let answer = ask(awaitable);
    poll_fn(|_| answer.take().map_or(Poll::Pending, Poll::Ready)).await
}

/// True for what is iterated over by awaiting, and only so.
pub(crate) fn is_asynchronous(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.hasattr("__aiter__")? && !value.hasattr("__iter__")?)
}

/// A body of the pieces of an asynchronous iterable, sent in chunks, once.
pub(crate) fn body(iterable: &Bound<'_, PyAny>) -> PyResult<Body> {
    let iterator = iterable.call_method0("__aiter__")?.unbind();
    Ok(Body::async_source(Pieces { iterator, rest: Vec::new(), given: 0, asked: None }, None))
}

struct Pieces {
    iterator: Py<PyAny>,
    rest: Vec<u8>,
    given: usize,
    /// The answer that is waited for.
    asked: Option<Arc<Answer>>,
}

impl Pieces {
    fn ask(&mut self) -> PyResult<()> {
        let awaitable = Python::attach(|py| {
            self.iterator.bind(py).call_method0(pyo3::intern!(py, "__anext__")).map(Bound::unbind)
        })?;
        self.asked = Some(ask(awaitable));
        Ok(())
    }

    /// True where there was one: false at the end.
    fn receive(&mut self, outcome: PyResult<Py<PyAny>>) -> io::Result<bool> {
        Python::attach(|py| match outcome {
            Ok(piece) => {
                (self.rest, self.given) = (as_bytes(piece.bind(py)).map_err(io::Error::other)?, 0);
                Ok(true)
            }
            Err(error) if error.is_instance_of::<PyStopAsyncIteration>(py) => Ok(false),
            Err(error) => Err(io::Error::other(error)),
        })
    }
}

impl AsyncSource for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // Empty pieces are passed over: in chunked coding they would end the body.
        while self.given == self.rest.len() {
            match &self.asked {
                None => {
                    self.ask().map_err(io::Error::other)?;
                    return Poll::Pending;
                }
                Some(answer) => {
                    let Some(outcome) = answer.take() else { return Poll::Pending };
                    self.asked = None;
                    if !self.receive(outcome)? {
                        return Poll::Ready(Ok(0));
                    }
                }
            }
        }
        let rest = &self.rest[self.given..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Poll::Ready(Ok(count))
    }
}
