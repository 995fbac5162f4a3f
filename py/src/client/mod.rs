//! `entreat.Client`: the modern client. Everything is done here and in the engine; the GIL is given up once a request.
//!
//! A client is a session of the engine, made anew in a forked child, and what it says once for all its requests
//! (`arguments`). A call becomes a request as a value, the engine delivers it with its redirects, retries and cookies, and
//! the answer is a `response`. Nothing of requests' rules is in here; `entreat.Session` is another face.

pub(crate) mod arguments;
mod auth;
mod blueprint;
mod config;
mod content;
mod cookies;
pub(crate) mod download;
mod errors;
mod flow;
mod headers;
pub(crate) mod hooks;
mod pickled;
pub(crate) mod pieces;
mod request;
mod response;
mod times;
mod transport;
pub(crate) mod upgraded;

pub(crate) use auth::Auth;
pub(crate) use blueprint::{Blueprint, put_cookies};
pub(crate) use cookies::Cookies;
pub(crate) use errors::{raise, raise_with};
pub(crate) use headers::Headers;
pub(crate) use request::{Request, without_credentials};
use response::Known;
pub(crate) use response::Response;
pub(crate) use transport::InPython;
pub(crate) use upgraded::Upgraded;

use crate::interrupt;
use crate::session::current_generation;
use arguments::Defaults;
use entreat::incoming::Incoming;
use entreat::net::Net;
use entreat::net::blocking::{Blocking, block};
use entreat::session::Session;
use entreat::{Config, Error, Kind, Url};
use hooks::Hooks;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};
use std::borrow::Cow;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Sends requests, keeps connections and cookies. Threads may share one.
#[pyclass(module = "entreat.client", frozen, subclass)]
pub(crate) struct Client {
    /// And the fork generation in which it was made. Locked only with the GIL held, so never across a fork.
    session: Mutex<(u64, Session<Blocking>)>,
    config: Config,
    defaults: Defaults,
    hooks: Hooks,
    transport: Option<InPython>,
    closed: AtomicBool,
}

/// What came back, before it meets Python.
struct Received {
    known: Box<Known>,
    incoming: Box<Incoming<Blocking>>,
    /// The body, where it was to be read.
    content: Option<Result<Vec<u8>, Error>>,
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (base_url=None, **knobs))]
    fn new(py: Python<'_>, base_url: Option<&str>, knobs: Option<&Bound<'_, PyDict>>) -> PyResult<Client> {
        let Blueprint { config, defaults, hooks, transport, cookies } =
            Blueprint::read(py, base_url, knobs, false)?;
        let session = open(py, interrupt::NET, &config, transport.as_ref())?;
        if let Some(cookies) = cookies {
            put_cookies(session.jar(), defaults.base.as_ref(), &cookies)?;
        }
        let session = Mutex::new((current_generation(), session));
        Ok(Client { session, config, defaults, hooks, transport, closed: AtomicBool::new(false) })
    }

    /// Sends ``GET url``.
    #[pyo3(signature = (url, **options))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Borrowed("GET"), url, options, false)
    }

    /// Sends ``OPTIONS url``.
    #[pyo3(signature = (url, **options))]
    fn options<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Borrowed("OPTIONS"), url, options, false)
    }

    /// Sends ``HEAD url``.
    #[pyo3(signature = (url, **options))]
    fn head<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Borrowed("HEAD"), url, options, false)
    }

    /// Sends ``POST url``.
    #[pyo3(signature = (url, **options))]
    fn post<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Borrowed("POST"), url, options, false)
    }

    /// Sends ``PUT url``.
    #[pyo3(signature = (url, **options))]
    fn put<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Borrowed("PUT"), url, options, false)
    }

    /// Sends ``PATCH url``.
    #[pyo3(signature = (url, **options))]
    fn patch<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Borrowed("PATCH"), url, options, false)
    }

    /// Sends ``DELETE url``.
    #[pyo3(signature = (url, **options))]
    fn delete<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Borrowed("DELETE"), url, options, false)
    }

    /// Sends a request with any method, and reads its answer.
    #[pyo3(signature = (method, url, **options))]
    fn request<'py>(
        slf: &Bound<'py, Self>,
        method: String,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Owned(method), url, options, false)
    }

    /// The same, but leaves the body to be read as it comes: ``with client.stream("GET", url) as response``.
    #[pyo3(signature = (method, url, **options))]
    fn stream<'py>(
        slf: &Bound<'py, Self>,
        method: String,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Answer<'py> {
        Client::call(slf, Cow::Owned(method), url, options, true)
    }

    /// A request as this client would send it, to be looked at, changed in its headers, and sent by `send`.
    #[pyo3(signature = (method, url, **options))]
    fn build_request(
        slf: &Bound<'_, Self>,
        method: String,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Request> {
        slf.get().build(slf.py(), Cow::Owned(method), url, options).map(Request::of)
    }

    /// Sends a request as it is; nothing of the client's headers or credentials is added.
    #[pyo3(signature = (request, *, stream=false))]
    fn send<'py>(slf: &Bound<'py, Self>, request: &Bound<'py, Request>, stream: bool) -> Answer<'py> {
        let request = request.get().to_send(slf.py());
        slf.get().deliver(slf.py(), request, stream)
    }

    /// Fetches a URL into a file: whole or not at all, and on from where an earlier attempt stopped.
    #[pyo3(signature = (url, path, *, resume=true, progress=None, checksum=None, **options))]
    fn download<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        path: &Bound<'py, PyAny>,
        resume: bool,
        progress: Option<&Bound<'py, PyAny>>,
        checksum: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let request = this.build(py, Cow::Borrowed("GET"), url, options)?;
        let request = this.hooks.on_request(py, request)?;
        let (download, bar) = download::of(request.clone(), path, resume, progress, checksum)?;
        let session = this.open_session(py, &request)?;
        let outcome = py.detach(|| block(download.run(&session)));
        bar.map_or(Ok(()), |bar| bar.call_method0("close").map(drop))?;
        match outcome {
            Ok(done) => download::done(py, done),
            Err(error) => Err(refused(py, &error, request)),
        }
    }

    /// The cookies that it keeps.
    #[getter]
    fn cookies(slf: &Bound<'_, Self>) -> Cookies {
        Cookies::of(slf.clone().unbind())
    }

    /// The URL below which relative ones go.
    #[getter]
    fn base_url(&self) -> Option<&str> {
        self.defaults.base.as_ref().map(Url::as_str)
    }

    /// What its connections are doing, at this moment.
    #[getter]
    fn pool_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stats = self.session(py)?.engine().stats();
        let class = py.import("entreat.client")?.getattr("PoolStats")?;
        class.call1((stats.idle, stats.in_use, stats.waiting, stats.opened, stats.reused))
    }

    #[getter]
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Closes its connections. Streams that are open can be read to their end; new requests raise `ClientClosed`.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.closed.store(true, Ordering::Relaxed);
        let session = self.session(py)?;
        py.detach(|| block(session.engine().close()));
        Ok(())
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        match slf.get().is_closed() {
            true => Err(raise(slf.py(), &closed())),
            false => Ok(slf.clone()),
        }
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _class: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.close(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.transport.as_ref().map_or(Ok(()), |transport| visit.call(transport.object()))?;
        self.defaults.traverse(&visit)?;
        self.hooks.traverse(&visit)
    }

    fn __repr__(&self) -> String {
        let base = self.base_url().map(|base| format!(" {}", request::without_credentials(base)));
        format!("<Client{}{}>", base.unwrap_or_default(), if self.is_closed() { " (closed)" } else { "" })
    }
}

type Answer<'py> = PyResult<Bound<'py, Response>>;

impl Client {
    fn call<'py>(
        slf: &Bound<'py, Self>,
        method: Cow<'static, str>,
        url: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
        stream: bool,
    ) -> Answer<'py> {
        let this = slf.get();
        let request = this.build(slf.py(), method, url, options)?;
        this.deliver(slf.py(), request, stream)
    }

    fn build(
        &self,
        py: Python<'_>,
        method: Cow<'static, str>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<entreat::Request> {
        arguments::request(py, &self.defaults, method, url, options, |url| {
            let session = self.session(py).ok()?;
            py.detach(|| session.cookie_for_url(url))
        })
    }

    /// Sends a request without the GIL, and makes the response.
    fn deliver<'py>(&self, py: Python<'py>, request: entreat::Request, stream: bool) -> Answer<'py> {
        let request = self.hooks.on_request(py, request)?;
        let session = self.open_session(py, &request)?;
        let outcome = py.detach(move || transfer(&session, request, stream));
        let Received { known, incoming, content } = match outcome {
            Ok(received) => received,
            Err(unanswered) => {
                let (error, request) = *unanswered;
                hooks::log(py, &request, Err(&error))?;
                return Err(failed(py, &error, request));
            }
        };
        hooks::log(py, known.request(), Ok(known.told()))?;
        match content.transpose() {
            Ok(content) => {
                let response = Bound::new(py, Response::new(py, known, incoming, content.as_deref()))?;
                self.hooks.on_response(py, &response)?;
                Ok(response)
            }
            Err(error) => {
                // The body broke off. What there is of the response goes with the error.
                let request = Bound::new(py, Request::of(known.request().clone()))?;
                let response = Bound::new(py, Response::new(py, known, incoming, None))?;
                response.get().close_now();
                Err(raise_with(py, &error, Some(request), Some(&response)))
            }
        }
    }

    /// The session for a request, unless the client was closed.
    fn open_session(&self, py: Python<'_>, request: &entreat::Request) -> PyResult<Session<Blocking>> {
        match self.is_closed() {
            true => Err(failed(py, &closed(), request.clone())),
            false => self.session(py),
        }
    }

    /// The session of this process.
    fn session(&self, py: Python<'_>) -> PyResult<Session<Blocking>> {
        let mut slot = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = current_generation();
        if slot.0 == generation {
            return Ok(slot.1.clone());
        }
        let session = open(py, interrupt::NET, &self.config, self.transport.as_ref())?;
        if let Some(cookies) = slot.1.try_cookies() {
            session.with_cookies(|jar| *jar = cookies);
        }
        // The parent's is left alone: dropping it could wait for a lock that a thread of the parent holds for ever.
        std::mem::forget(std::mem::replace(&mut *slot, (generation, session.clone())));
        Ok(session)
    }
}

/// A session of this process.
pub(crate) fn open<N: Net>(
    py: Python<'_>,
    net: N,
    config: &Config,
    transport: Option<&InPython>,
) -> PyResult<Session<N>> {
    let transport = transport.map(|transport| transport.boxed(py, N::SUSPENDS)).transpose()?;
    Session::over(net, config.clone(), transport).map_err(|error| raise(py, &error))
}

/// One exchange, with its body unless it is to be streamed. An error has the request beside it.
fn transfer(
    session: &Session<Blocking>,
    request: entreat::Request,
    stream: bool,
) -> Result<Received, Box<(Error, entreat::Request)>> {
    let mut parts = match block(pin!(session.deliver(request.clone()))) {
        Ok(response) => response.into_parts(),
        Err(error) => return Err(Box::new((error, request))),
    };
    let content = (!stream).then(|| block(pin!(parts.incoming.read_to_end())));
    let (known, incoming) = Known::of(request, parts);
    Ok(Received { known, incoming, content })
}

/// The exception for a request that got no answer.
pub(crate) fn failed(py: Python<'_>, error: &Error, request: entreat::Request) -> PyErr {
    match Bound::new(py, Request::of(request)) {
        Ok(request) => raise_with(py, error, Some(request), None),
        Err(failure) => failure,
    }
}

/// The same, with the response that is the error, where there is one.
pub(crate) fn refused(py: Python<'_>, error: &Error, request: entreat::Request) -> PyErr {
    let Some(response) = Response::of_error(py, error, &request) else { return failed(py, error, request) };
    match response.and_then(|response| Ok((response, Bound::new(py, Request::of(request))?))) {
        Ok((response, request)) => raise_with(py, error, Some(request), Some(&response)),
        Err(failure) => failure,
    }
}

/// The error of a request that comes behind `close`.
pub(crate) fn closed() -> Error {
    Error::new(Kind::Closed).hint("make a new client, or close this one later")
}
