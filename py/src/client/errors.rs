//! The engine's errors as the classes of `entreat.errors`, with request and response.
//!
//! Which class a kind has stands in the package, beside the classes; here an error is taken apart, and nothing decided.

use crate::client::request::Request;
use crate::client::response::Response;
use crate::errors::raised_by_python;
use entreat::{Blame, Error, Kind};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::io;

/// The exception for an error before there was a request.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    raise_with(py, error, None, None)
}

/// The exception for what happened to a request. What a signal handler or the source of a body raised comes as it is.
pub(crate) fn raise_with(
    py: Python<'_>,
    error: &Error,
    request: Option<Bound<'_, Request>>,
    response: Option<&Bound<'_, Response>>,
) -> PyErr {
    raised_by_python(py, error)
        .unwrap_or_else(|| describe(py, error, request, response).unwrap_or_else(|failure| failure))
}

fn describe(
    py: Python<'_>,
    error: &Error,
    request: Option<Bound<'_, Request>>,
    response: Option<&Bound<'_, Response>>,
) -> PyResult<PyErr> {
    let facts = PyDict::new(py);
    facts.set_item("kind", format!("{:?}", error.kind()))?;
    facts.set_item("blame", blame(error.blame()))?;
    facts.set_item("url", error.url())?;
    facts.set_item("hint", error.hint_text())?;
    facts.set_item("expected", error.expected_text())?;
    facts.set_item("seen", error.seen_text())?;
    facts.set_item("os_errno", error.errno())?;
    facts.set_item("attempts", error.attempts())?;
    facts.set_item("proxy", error.proxy())?;
    facts.set_item("request", request)?;
    facts.set_item("response", response)?;
    let make = py.import("entreat.errors")?.getattr("_make")?;
    Ok(PyErr::from_value(make.call((error.to_string(),), Some(&facts))?))
}

fn blame(blame: Blame) -> &'static str {
    match blame {
        Blame::Caller => "caller",
        Blame::Network => "network",
        Blame::Peer => "peer",
        Blame::Limit => "limit",
    }
}

/// What the program's own code raised in the middle of an exchange, to come out of the call as it is.
pub(super) fn carried(raised: PyErr) -> Error {
    Error::new(Kind::Interrupted).with_source(io::Error::other(raised))
}

/// Two arguments that exclude each other, or one that lacks another.
pub(super) fn contradiction(py: Python<'_>, expected: &'static str, seen: impl Into<String>) -> PyErr {
    raise(py, &Error::new(Kind::InvalidConfig).expected(expected).seen(seen.into()))
}

/// An argument of a type that it cannot have.
pub(super) fn wrong_type(name: &str, expected: &str, seen: &Bound<'_, PyAny>) -> PyErr {
    let class = seen.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{name} must be {expected}, not {class}"))
}
