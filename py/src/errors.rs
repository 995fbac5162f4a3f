//! The engine's errors as one Python exception, `EngineError`, that says which kind it is.
//!
//! The package turns it into requests' or urllib3's classes, by `kind` alone; nobody parses the message.

use crate::exchange::latin1;
use crate::interrupt;
use entreat::{Error, Kind};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

pyo3::create_exception!(
    entreat._native,
    EngineError,
    PyException,
    "An error of the engine.\n\n\
     `kind` names it (a variant of the crate's `Kind`), `message` is for people, `errno` is the operating system's \
     number or None, `timeout` is true for every kind of time-out, `proxy` is the proxy at which it happened or None, \
     `status` and `reason` are those of the answer that is the error, or None, `received` is what was refused, as bytes, or None."
);

/// The exception for an error of the engine: the signal handler's or the body's own where one of them raised.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    raised_by_python(py, error).unwrap_or_else(|| describe(py, error).unwrap_or_else(|failure| failure))
}

/// What a signal handler or the source of a body raised, where that is the cause.
pub(crate) fn raised_by_python(py: Python<'_>, error: &Error) -> Option<PyErr> {
    let interrupted = || (error.kind() == Kind::Interrupted).then(interrupt::take).flatten();
    interrupted().or_else(|| raised_by_source(py, error))
}

fn describe(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let message = error.message();
    let exception = py.get_type::<EngineError>().call1((&message,))?;
    exception.setattr("kind", format!("{:?}", error.kind()))?;
    exception.setattr("message", message)?;
    exception.setattr("errno", error.errno())?;
    exception.setattr("timeout", error.is_timeout())?;
    exception.setattr("proxy", error.proxy())?;
    exception.setattr("status", error.status())?;
    exception.setattr("reason", error.answer().map(|answer| latin1(&answer.head.reason)))?;
    exception.setattr("received", error.received().map(|bytes| PyBytes::new(py, bytes)))?;
    Ok(PyErr::from_value(exception))
}

/// What a Python source of an upload raised, carried through the engine inside an `io::Error`.
fn raised_by_source(py: Python<'_>, error: &Error) -> Option<PyErr> {
    let source = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    Some(source.get_ref()?.downcast_ref::<PyErr>()?.clone_ref(py))
}
