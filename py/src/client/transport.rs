//! `transport=`: a program's own object that answers in the place of a network, asked by the engine as `entreat::mock` is.
//!
//! It is a callable from `Request` to a reply, or has a method `handle_request` that is one. What may be returned for a
//! reply, and what an exception of its means, is decided in `entreat/mock.py`; here a `Reply` is taken apart. What the
//! program raises comes out of the call as it is.

use crate::body::Pieces;
use crate::client::errors::wrong_type;
use crate::client::headers;
use crate::client::request::Request;
use entreat::mock::{Reply, Sent, Transport};
use entreat::{Body, Error, Kind, Source};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A transport, held by its client and by the client's session: one reference for the garbage collector to see.
#[derive(Clone)]
pub(crate) struct InPython(Arc<Py<PyAny>>);

impl InPython {
    pub(crate) fn read(value: &Bound<'_, PyAny>) -> PyResult<InPython> {
        match value.hasattr("handle_request")? || value.is_callable() {
            true => Ok(InPython(Arc::new(value.clone().unbind()))),
            false => {
                Err(wrong_type("transport", "a callable, or an object with a method handle_request", value))
            }
        }
    }

    /// As the engine takes it.
    pub(crate) fn boxed(&self) -> Box<dyn Transport> {
        Box::new(self.clone())
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        &self.0
    }

    fn ask(&self, py: Python<'_>, sent: &Sent) -> PyResult<Reply> {
        let request = Request::seen(sent.method(), sent.url(), sent.headers(), Some(sent.body()));
        let (request, transport) = (Bound::new(py, request)?, self.0.bind(py));
        let answer = match transport.hasattr("handle_request")? {
            true => transport.call_method1("handle_request", (request,))?,
            false => transport.call1((request,))?,
        };
        reply(&py.import("entreat.mock")?.call_method1("as_reply", (answer,))?)
    }
}

impl Transport for InPython {
    fn exchange(&self, sent: &Sent) -> Reply {
        Python::attach(|py| self.ask(py, sent).unwrap_or_else(|raised| Reply::error(failure(py, raised))))
    }
}

/// The engine's reply for one of Python's.
fn reply(given: &Bound<'_, PyAny>) -> PyResult<Reply> {
    let part = |name: &str| given.getattr(name);
    let error: Option<String> = part("error")?.extract()?;
    if let Some(error) = error {
        return Ok(Reply::fail(kind(&error).unwrap_or(Kind::Io)));
    }
    let mut reply = Reply::status(part("status_code")?.extract()?);
    headers::each(&part("headers")?, |name, value| {
        reply = std::mem::replace(&mut reply, Reply::status(200)).header(name, value.unwrap_or_default());
        Ok(())
    })?;
    let reason: Option<String> = part("reason")?.extract()?;
    if let Some(reason) = reason {
        reply = reply.reason(reason);
    }
    let content = part("content")?;
    reply = match content.cast::<PyBytes>() {
        Ok(bytes) => reply.body(bytes.as_bytes()),
        Err(_) => reply.stream(Body::source(Iterated::new(&content)?, None)),
    };
    let delay: f64 = part("delay")?.extract()?;
    reply = reply.delay(Duration::try_from_secs_f64(delay).unwrap_or_default());
    Ok(if part("cut_short")?.is_truthy()? { reply.cut_short() } else { reply })
}

/// What a transport raised: of the kind that its class stands for, so that retries see what they would see.
fn failure(py: Python<'_>, raised: PyErr) -> Error {
    let name = py
        .import("entreat.mock")
        .and_then(|mock| mock.call_method1("kind_of", (raised.value(py),))?.extract::<Option<String>>());
    let kind = name.ok().flatten().and_then(|name| kind(&name)).unwrap_or(Kind::InvalidConfig);
    Error::new(kind).expected("an answer of the transport").with_source(io::Error::other(raised))
}

/// The kind of that name.
fn kind(name: &str) -> Option<Kind> {
    KINDS.into_iter().find(|kind| format!("{kind:?}") == name)
}

/// Those that `entreat.errors` has a class for.
const KINDS: [Kind; 34] = [
    Kind::InvalidUrl,
    Kind::MissingScheme,
    Kind::UnsupportedScheme,
    Kind::InvalidMethod,
    Kind::InvalidHeader,
    Kind::InvalidTimeout,
    Kind::InvalidBody,
    Kind::InvalidConfig,
    Kind::UnrewindableBody,
    Kind::BodyConsumed,
    Kind::Closed,
    Kind::Resolve,
    Kind::Connect,
    Kind::Io,
    Kind::Tls,
    Kind::InvalidCertificate,
    Kind::ClosedWithoutResponse,
    Kind::ClosedEarly,
    Kind::MalformedResponse,
    Kind::MalformedChunk,
    Kind::ContentDecoding,
    Kind::InvalidRedirect,
    Kind::Proxy,
    Kind::InvalidContent,
    Kind::Status,
    Kind::ConnectTimeout,
    Kind::ReadTimeout,
    Kind::WriteTimeout,
    Kind::PoolTimeout,
    Kind::TotalTimeout,
    Kind::HeadTooLarge,
    Kind::BodyTooLarge,
    Kind::TooManyRedirects,
    Kind::BlockedAddress,
];

/// The body of a reply that is iterated over while it is read, and closed behind that, or where nobody wants the rest.
struct Iterated {
    pieces: Pieces,
    /// Absent once it was closed.
    iterable: Option<Py<PyAny>>,
}

impl Iterated {
    fn new(iterable: &Bound<'_, PyAny>) -> PyResult<Iterated> {
        let pieces = Pieces::new(iterable.try_iter()?.unbind());
        Ok(Iterated { pieces, iterable: Some(iterable.clone().unbind()) })
    }

    fn close(&mut self, py: Python<'_>) -> PyResult<()> {
        let Some(iterable) = self.iterable.take() else { return Ok(()) };
        match iterable.bind(py).getattr_opt("close")? {
            Some(close) => close.call0().map(drop),
            None => Ok(()),
        }
    }
}

impl Source for Iterated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A body of announced length is asked for nothing more behind it.
        let count = if into.is_empty() { 0 } else { self.pieces.read(into)? };
        if count == 0 {
            Python::attach(|py| self.close(py)).map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

impl Drop for Iterated {
    fn drop(&mut self) {
        if self.iterable.is_none() {
            return;
        }
        Python::try_attach(|py| {
            if let Err(error) = self.close(py) {
                error.write_unraisable(py, None);
            }
        });
    }
}
