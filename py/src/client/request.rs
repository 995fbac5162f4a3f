//! `Request`: what a client was asked to send, as a value that can be looked at, changed in its headers, and sent.
//!
//! Its headers are those of the client and of the call. What an exchange adds (Host, cookies, framing) is seen in the
//! request of a response, which is the request as it went out. Bodies stay with the engine.

use crate::client::arguments::{self, Defaults};
use crate::client::headers::Headers;
use entreat::{Body, RequestHead, Url};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use std::borrow::Cow;

/// A request.
#[pyclass(module = "entreat.client", frozen)]
pub(crate) struct Request {
    request: entreat::Request,
    /// Made when they are first looked at: from then on they count.
    headers: PyOnceLock<Py<Headers>>,
}

impl Request {
    pub(crate) fn of(request: entreat::Request) -> Request {
        Request { request, headers: PyOnceLock::new() }
    }

    /// As it went out, all its fields among those that can be looked at.
    pub(super) fn sent(request: &entreat::Request, head: &RequestHead, url: &Url) -> Request {
        Request::of(request.as_sent(head, url))
    }

    /// One that is under way, to be looked at by the program's own code; `body` where it is in memory.
    pub(super) fn seen(method: &str, url: &Url, headers: &entreat::Headers, body: Option<&[u8]>) -> Request {
        let mut request = entreat::Request::new(method.to_owned(), url.as_str());
        request.headers_mut().clone_from(headers);
        Request::of(match body {
            Some([]) => request,
            Some(bytes) => request.body(bytes.to_vec()),
            None => request.body(Body::reader(std::io::empty())),
        })
    }

    /// As the engine takes it.
    pub(crate) fn to_send(&self, py: Python<'_>) -> entreat::Request {
        let mut request = self.request.clone();
        if let Some(headers) = self.headers.get(py) {
            *request.headers_mut() = headers.get().fields().clone();
        }
        request
    }
}

#[pymethods]
impl Request {
    /// A request of no client: takes what the methods of a client take.
    #[new]
    #[pyo3(signature = (method, url, **options))]
    fn new(
        py: Python<'_>,
        method: String,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Request> {
        let defaults = Defaults::default();
        arguments::request(py, &defaults, Cow::Owned(method), url, options, |_| None).map(Request::of)
    }

    #[getter]
    fn method(&self) -> &str {
        self.request.method()
    }

    #[getter]
    fn url(&self) -> &str {
        self.request.url().map_or("", entreat::Url::as_str)
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Headers>> {
        let make = || Py::new(py, Headers::of(self.request.headers().clone()));
        Ok(self.headers.get_or_try_init(py, make)?.bind(py).clone())
    }

    /// The body; None where it is read only while it is sent.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.request.body_in_memory().map(|body| PyBytes::new(py, body))
    }

    fn __repr__(&self) -> String {
        format!("<Request {} {}>", self.method(), without_credentials(self.url()))
    }

    /// Without its body.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Pickled<'py>> {
        let py = slf.py();
        let options = PyDict::new(py);
        options.set_item("headers", slf.get().headers(py)?)?;
        let partial = py.import("functools")?.getattr("partial")?.call((slf.get_type(),), Some(&options))?;
        Ok((partial, (slf.get().method().to_owned(), PyString::new(py, slf.get().url()).unbind())))
    }
}

type Pickled<'py> = (Bound<'py, PyAny>, (String, Py<PyString>));

/// The URL without user name and password.
pub(crate) fn without_credentials(url: &str) -> Cow<'_, str> {
    match entreat::Url::parse(url) {
        Ok(parsed) if parsed.credentials().is_some() => {
            let origin = parsed.origin().into_owned();
            let rest = &url[url.find("://").map_or(0, |at| at + 3)..];
            let rest = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
            Cow::Owned(format!("{origin}{rest}"))
        }
        Ok(_) | Err(_) => Cow::Borrowed(url),
    }
}
