//! `transport=`: a program's own object that answers in the place of a network, asked by the engine as `entreat::mock` is.
//!
//! It is a callable from `Request` to a reply, or has a method `handle_request` that is one; for `entreat.aio.Client` also
//! `handle_async_request`, or a callable whose reply is awaited. What may be returned for a
//! reply, and what an exception of its means, is decided in `entreat/mock.py`; here a `Reply` is taken apart. What the
//! program raises comes out of the call as it is.

use crate::aio::question;
use crate::body::Pieces;
use crate::client::errors::wrong_type;
use crate::client::headers;
use crate::client::request::Request;
use entreat::mock::{Reply, Sent, Transport};
use entreat::{Body, Error, Kind, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A transport, held by its client and by the client's session: one reference for the garbage collector to see.
#[derive(Clone)]
pub(crate) struct InPython {
    object: Arc<Py<PyAny>>,
    /// Under a client that awaits.
    awaits: bool,
}

impl InPython {
    pub(crate) fn read(value: &Bound<'_, PyAny>) -> PyResult<InPython> {
        let known = value.hasattr(HANDLE)? || value.hasattr(HANDLE_ASYNC)? || value.is_callable();
        match known {
            true => Ok(InPython { object: Arc::new(value.clone().unbind()), awaits: false }),
            false => {
                Err(wrong_type("transport", "a callable, or an object with a method handle_request", value))
            }
        }
    }

    /// As the engine takes it, under a client that awaits or one that does not.
    pub(crate) fn boxed(&self, py: Python<'_>, awaits: bool) -> PyResult<Box<dyn Transport>> {
        let object = self.object.bind(py);
        if !awaits && !object.hasattr(HANDLE)? && !object.is_callable() {
            return Err(PyTypeError::new_err(
                "this transport has to be awaited: give it to entreat.aio.Client",
            ));
        }
        Ok(Box::new(InPython { object: Arc::clone(&self.object), awaits }))
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    /// What the program gives back: a reply, or what has to be awaited for one.
    fn call<'py>(&self, py: Python<'py>, sent: &Sent) -> PyResult<Bound<'py, PyAny>> {
        let request = Request::seen(sent.method(), sent.url(), sent.headers(), Some(sent.body()));
        let (request, transport) = (Bound::new(py, request)?, self.object.bind(py));
        if self.awaits && transport.hasattr(HANDLE_ASYNC)? {
            return transport.call_method1(HANDLE_ASYNC, (request,));
        }
        match transport.hasattr(HANDLE)? {
            true => transport.call_method1(HANDLE, (request,)),
            false => transport.call1((request,)),
        }
    }

    async fn wait(&self, sent: &Sent) -> PyResult<Reply> {
        let (answer, is_awaitable) = Python::attach(|py| {
            let answer = self.call(py, sent)?;
            let is_awaitable = answer.hasattr("__await__")?;
            Ok::<_, PyErr>((answer.unbind(), is_awaitable))
        })?;
        let answer = if is_awaitable { question::outcome(answer).await? } else { answer };
        Python::attach(|py| reply(answer.bind(py)))
    }
}

const HANDLE: &str = "handle_request";
const HANDLE_ASYNC: &str = "handle_async_request";

impl Transport for InPython {
    fn exchange(&self, sent: &Sent) -> Reply {
        Python::attach(|py| {
            let outcome = self.call(py, sent).and_then(|answer| reply(&answer));
            outcome.unwrap_or_else(|raised| Reply::error(failure(py, raised)))
        })
    }

    fn answer<'a>(&'a self, sent: &'a Sent) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        if !self.awaits {
            return Box::pin(ready(self.exchange(sent)));
        }
        Box::pin(async move {
            let outcome = self.wait(sent).await;
            outcome.unwrap_or_else(|raised| Python::attach(|py| Reply::error(failure(py, raised))))
        })
    }
}

/// The engine's reply for one of the program's.
fn reply(answer: &Bound<'_, PyAny>) -> PyResult<Reply> {
    let given = answer.py().import("entreat.mock")?.call_method1("as_reply", (answer,))?;
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
        Err(_) if question::is_asynchronous(&content)? => reply.stream(question::body(&content)?),
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
