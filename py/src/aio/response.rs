//! `entreat.aio.Response`: `entreat.client.Response`, whose body may have to be awaited.
//!
//! Where the body was read with the head, the base has it, and nothing is different. Else it is read when it is asked
//! for, and no further: what nobody reads stays with the peer. A read that is cancelled closes the response, and so its
//! connection, as what came last may be lost.

use crate::aio::call::Call;
use crate::aio::connections::{self, Awaited};
use crate::aio::events::{self, Loop};
use crate::aio::pieces::Pieces;
use crate::aio::sending::Sending;
use crate::aio::upgraded::Upgraded;
use crate::aio::work::Work;
use crate::client;
use crate::client::pieces::Unit;
use entreat::{Error, Kind};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An answer.
#[pyclass(module = "entreat.aio", frozen, extends = client::Response)]
pub(crate) struct Response {
    body: Mutex<Body>,
    /// The loop in which the body comes in; absent where it is here.
    home: Option<Py<PyWeakrefReference>>,
}

enum Body {
    /// The base has it, or it is gone.
    Settled,
    /// Nothing was read yet.
    Arriving(Awaited),
    /// Some of it was, by pieces.
    Begun(Awaited),
    /// A task waits for more.
    Busy,
    /// There is none, but a connection that speaks HTTP no more.
    Switched(Awaited),
}

impl Response {
    /// Of a response of the base, and its body.
    pub(super) fn make<'py>(
        home: &Bound<'py, Loop>,
        base: client::Response,
        body: connections::Body,
    ) -> PyResult<Bound<'py, Response>> {
        let py = home.py();
        let made = match body {
            connections::Body::Read(bytes) => {
                base.put(PyBytes::new(py, &bytes));
                Response { body: Mutex::new(Body::Settled), home: None }
            }
            connections::Body::Arriving(incoming) => Response {
                body: Mutex::new(Body::Arriving(incoming)),
                home: Some(PyWeakrefReference::new(home.as_any())?.unbind()),
            },
            connections::Body::Switched(incoming) => {
                base.put(PyBytes::new(py, b""));
                Response {
                    body: Mutex::new(Body::Switched(incoming)),
                    home: Some(PyWeakrefReference::new(home.as_any())?.unbind()),
                }
            }
        };
        Bound::new(py, PyClassInitializer::from(base).add_subclass(made))
    }

    /// One whose body broke off while it was read with the head.
    pub(super) fn broken<'py>(py: Python<'py>, base: client::Response) -> PyResult<Bound<'py, Response>> {
        base.close_now();
        let made = Response { body: Mutex::new(Body::Settled), home: None };
        Bound::new(py, PyClassInitializer::from(base).add_subclass(made))
    }

    /// Takes the body out of its place, to be read in this loop. A new reader must be the first one.
    pub(super) fn take<'py>(slf: &Bound<'py, Self>, first: bool) -> PyResult<(Bound<'py, Loop>, Awaited)> {
        let home = match slf.get().home {
            None => return Err(client::Response::refuse(slf.as_super())),
            Some(_) => slf.get().home(slf.py())?,
        };
        let mut body = slf.get().body();
        let (left, seen) = match std::mem::replace(&mut *body, Body::Busy) {
            left @ Body::Begun(_) if first => (left, "some of it was read by pieces"),
            Body::Arriving(incoming) | Body::Begun(incoming) => return Ok((home, incoming)),
            Body::Busy => (Body::Busy, "another task is reading it"),
            left @ Body::Switched(_) => (left, "the connection speaks another protocol"),
            Body::Settled => {
                *body = Body::Settled;
                drop(body);
                return Err(client::Response::refuse(slf.as_super()));
            }
        };
        *body = left;
        drop(body);
        Err(client::Response::raise(slf.as_super(), Error::new(Kind::BodyConsumed).seen(seen)))
    }

    fn home<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Loop>> {
        let running = events::running(py)?;
        let home = self.home.as_ref().and_then(|home| home.bind(py).upgrade());
        match home.map(|home| home.cast_into::<Loop>()).transpose()? {
            Some(home) if home.get().is_for(&running) => Ok(home),
            Some(_) | None => Err(PyRuntimeError::new_err("the body comes in in another event loop")),
        }
    }

    /// Puts back a body of which there is more.
    pub(super) fn go_on(&self, body: Awaited) {
        *self.body() = Body::Begun(body);
    }

    /// The body has come to its end: all of it, or by pieces, or by an error.
    pub(super) fn settle(slf: &Bound<'_, Self>, body: &Awaited, content: Option<Bound<'_, PyBytes>>) {
        let base = slf.as_super().get();
        body.note_end(base);
        *slf.get().body() = Body::Settled;
        match content {
            Some(bytes) => base.put(bytes),
            None => base.close_now(),
        }
    }

    /// Gives up what has not been read.
    pub(super) fn close_now(slf: &Bound<'_, Self>) {
        slf.as_super().get().close_now();
        let left = std::mem::replace(&mut *slf.get().body(), Body::Settled);
        if let Body::Arriving(incoming) | Body::Begun(incoming) = &left {
            incoming.note_end(slf.as_super().get());
        }
        drop(left);
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        // Never held while anything is waited for.
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Response {
    /// Reads all of the body, and keeps it.
    fn read(slf: &Bound<'_, Self>) -> Call {
        Call::new(Work::Read(slf.clone().unbind()))
    }

    /// The body by pieces of at most so many bytes, as they come.
    #[pyo3(signature = (size=65536))]
    fn aiter_bytes(slf: &Bound<'_, Self>, size: usize) -> PyResult<Pieces> {
        match size {
            0 => Err(PyValueError::new_err("size must be above 0")),
            // A buffer of that size is made for each piece.
            size => Ok(Pieces::new(slf.clone().unbind(), Unit::Bytes, size.min(16 << 20))),
        }
    }

    /// The body as text, by pieces as they come.
    fn aiter_text(slf: &Bound<'_, Self>) -> Pieces {
        Pieces::new(slf.clone().unbind(), Unit::Text, 65536)
    }

    /// The body line by line, without line ends, which are LF or CRLF.
    fn aiter_lines(slf: &Bound<'_, Self>) -> Pieces {
        Pieces::new(slf.clone().unbind(), Unit::Lines, 8192)
    }

    fn __aiter__(slf: &Bound<'_, Self>) -> PyResult<Pieces> {
        Response::aiter_bytes(slf, 65536)
    }

    /// The connection itself, once the server has changed to another protocol; once.
    fn upgrade(slf: &Bound<'_, Self>) -> PyResult<Upgraded> {
        let home = match slf.get().home {
            None => return Err(client::Response::refuse_upgrade(slf.as_super())),
            Some(_) => slf.get().home(slf.py())?,
        };
        let mut body = slf.get().body();
        match std::mem::replace(&mut *body, Body::Settled) {
            Body::Switched(incoming) => {
                drop(body);
                Upgraded::of(slf, &home, incoming)
            }
            left @ (Body::Settled | Body::Arriving(_) | Body::Begun(_) | Body::Busy) => {
                *body = left;
                drop(body);
                Err(client::Response::refuse_upgrade(slf.as_super()))
            }
        }
    }

    /// Gives up what has not been read; its connection is closed, unless all of the body has arrived.
    fn close(slf: &Bound<'_, Self>) {
        Response::close_now(slf);
    }

    /// The same, to be awaited.
    fn aclose(slf: &Bound<'_, Self>) -> Call {
        Response::close_now(slf);
        Call::new(Work::Give("Response.aclose", slf.py().None()))
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> Call {
        Call::new(Work::Give("Response.__aenter__", slf.clone().into_any().unbind()))
    }

    fn __aexit__(
        slf: &Bound<'_, Self>,
        _class: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> Call {
        Response::close_now(slf);
        Call::new(Work::Give("Response.__aexit__", slf.py().None()))
    }
}

/// What `Client.stream` returns: `async with` it, or await it and close the response yourself.
#[pyclass(module = "entreat.aio", frozen)]
pub(crate) struct Opening {
    sending: Mutex<Option<Box<Sending>>>,
    response: Mutex<Option<Py<Response>>>,
}

impl Opening {
    pub(super) fn new(sending: Box<Sending>) -> Opening {
        Opening { sending: Mutex::new(Some(sending)), response: Mutex::default() }
    }

    pub(super) fn opened(&self, response: &Bound<'_, Response>) {
        *self.response.lock().unwrap_or_else(PoisonError::into_inner) = Some(response.clone().unbind());
    }

    fn sending(&self) -> MutexGuard<'_, Option<Box<Sending>>> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Opening {
    fn __await__(slf: &Bound<'_, Self>) -> PyResult<Call> {
        Opening::__aenter__(slf)
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Call> {
        let sending = slf.get().sending().take();
        let mut sending =
            sending.ok_or_else(|| PyRuntimeError::new_err("it was opened before: call stream() again"))?;
        sending.opening = Some(slf.clone().unbind());
        Ok(Call::new(Work::Send(sending)))
    }

    fn __aexit__(
        &self,
        py: Python<'_>,
        _class: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> Call {
        let response = self.response.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(response) = response {
            Response::close_now(response.bind(py));
        }
        Call::new(Work::Give("Client.stream", py.None()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(sending) = self.sending.try_lock() {
            sending.as_ref().map_or(Ok(()), |sending| sending.traverse(&visit))?;
        }
        match self.response.try_lock() {
            Ok(response) => response.as_ref().map_or(Ok(()), |response| visit.call(response)),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let sending = self.sending().take();
        let response = self.response.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop((sending, response));
    }
}
