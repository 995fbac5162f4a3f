//! `entreat.client.Upgraded`: a connection that speaks HTTP no more, for another protocol's bytes in both directions.
//!
//! `Response.upgrade` gives it, after 101 or a CONNECT that succeeded. One thread uses it at a time, as waiting blocks:
//! for both directions at once there is `entreat.aio`. The GIL is given up while bytes are waited for.

use crate::client::errors::raise;
use crate::client::response::Response;
use crate::session::current_generation;
use entreat::net::blocking::block;
use entreat::{Error, Kind, Result};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyMemoryView};
use pyo3::{PyTraverseError, PyVisit};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most that one read brings.
pub(crate) const MOST: usize = 64 * 1024;

/// A connection for both directions.
#[pyclass(module = "entreat.client", frozen)]
pub(crate) struct Upgraded {
    response: Py<Response>,
    place: Mutex<Place>,
    /// The process, by forks, that it belongs to.
    generation: u64,
}

enum Place {
    Here(Box<Line>),
    /// A thread reads or writes.
    Busy,
    Closed,
}

struct Line {
    connection: entreat::Upgraded,
    /// A write failed when some of it may have been sent: what comes next would be taken for the rest.
    is_torn: bool,
    is_finished: bool,
}

impl Upgraded {
    pub(super) fn new(response: &Bound<'_, Response>, connection: entreat::Upgraded) -> Upgraded {
        let line = Line { connection, is_torn: false, is_finished: false };
        Upgraded {
            response: response.clone().unbind(),
            place: Mutex::new(Place::Here(Box::new(line))),
            generation: current_generation(),
        }
    }

    /// Does something with the connection, without the GIL and without its lock.
    fn with<T: Send>(&self, py: Python<'_>, act: impl FnOnce(&mut Line) -> Result<T> + Send) -> PyResult<T> {
        let mut line = self.take().map_err(|refused| match refused {
            Refused::Busy => PyRuntimeError::new_err("another thread is using it"),
            Refused::Foreign => {
                PyRuntimeError::new_err("the connection is that of the process before the fork")
            }
            Refused::Closed => self.raise(py, closed()),
        })?;
        let outcome = py.detach(|| act(&mut line));
        let mut place = self.place();
        let left = match &*place {
            // Closed meanwhile: it goes with this.
            Place::Closed => Some(line),
            Place::Busy | Place::Here(_) => {
                *place = Place::Here(line);
                None
            }
        };
        drop(place);
        drop(left);
        outcome.map_err(|error| self.raise(py, error))
    }

    fn take(&self) -> std::result::Result<Box<Line>, Refused> {
        if self.generation != current_generation() {
            return Err(Refused::Foreign);
        }
        let mut place = self.place();
        match std::mem::replace(&mut *place, Place::Busy) {
            Place::Here(line) => Ok(line),
            Place::Busy => Err(Refused::Busy),
            Place::Closed => {
                *place = Place::Closed;
                Err(Refused::Closed)
            }
        }
    }

    fn raise(&self, py: Python<'_>, error: Error) -> PyErr {
        Response::raise(self.response.bind(py), error)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        // Never held while anything is waited for.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the connection cannot be had.
enum Refused {
    Busy,
    Foreign,
    Closed,
}

#[pymethods]
impl Upgraded {
    /// What is there, at least one byte and at most `size`; nothing at the end.
    #[pyo3(signature = (size=65536))]
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        if size == 0 {
            return Err(PyValueError::new_err("size must be above 0"));
        }
        let mut piece = vec![0; size.min(MOST)];
        let (piece, count) = self.with(py, move |line| {
            let count = block(line.connection.receive(&mut piece))?;
            Ok((piece, count))
        })?;
        Ok(PyBytes::new(py, &piece[..count]))
    }

    /// Sends all of it.
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let bytes = bytes(data)?;
        self.with(py, |line| match (line.is_finished, line.is_torn) {
            (true, _) => Err(finished()),
            (false, true) => Err(torn()),
            (false, false) => {
                let sent = block(line.connection.send(&bytes));
                line.is_torn = sent.is_err();
                sent
            }
        })
    }

    /// Says that nothing more will be sent. Reading goes on.
    fn write_eof(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |line| match std::mem::replace(&mut line.is_finished, true) {
            true => Ok(()),
            false => block(line.connection.finish()),
        })
    }

    /// How many seconds a read, and a write, may take; None for ever, as at first, since many protocols are silent for long.
    #[pyo3(signature = (read=None, write=None))]
    fn set_timeouts(&self, py: Python<'_>, read: Option<f64>, write: Option<f64>) -> PyResult<()> {
        let limit = |name, limit: Option<f64>| {
            let seconds = limit.map(|limit| entreat_core::deadline::seconds(name, limit));
            seconds.transpose().map_err(|error| raise(py, &error))
        };
        let (read, write) = (limit("read", read)?, limit("write", write)?);
        self.with(py, |line| {
            line.connection.set_timeouts(read, write);
            Ok(())
        })
    }

    /// Closes it, in both directions; once another thread that uses it is done.
    fn close(&self, py: Python<'_>) {
        let left = std::mem::replace(&mut *self.place(), Place::Closed);
        // A child leaves its parent's connection as it is.
        if let Place::Here(mut line) = left
            && self.generation == current_generation()
        {
            py.detach(|| {
                // Nobody can be told of a failure to say good-bye.
                line.connection.set_timeouts(None, Some(GOODBYE));
                let _ = block(line.connection.finish());
            });
        }
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let piece = self.read(py, MOST)?;
        Ok((!piece.as_bytes().is_empty()).then_some(piece))
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _class: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) {
        self.close(py);
    }

    /// The answer that changed the protocol.
    #[getter]
    fn response(&self, py: Python<'_>) -> Py<Response> {
        self.response.clone_ref(py)
    }

    /// What is spoken now, as the answer's field ``Upgrade`` says; None behind CONNECT.
    #[getter]
    fn protocol(&self, py: Python<'_>) -> Option<String> {
        self.response.bind(py).get().protocol()
    }

    #[getter]
    fn is_closed(&self) -> bool {
        matches!(*self.place(), Place::Closed)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let url = self.response.bind(py).get().url_shown();
        format!("<Upgraded {url}{}>", if self.is_closed() { " (closed)" } else { "" })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.response)
    }
}

/// How long a peer that takes nothing may keep us from closing.
const GOODBYE: std::time::Duration = std::time::Duration::from_millis(250);

/// What is to be sent, without a copy where it cannot change.
pub(crate) fn bytes(data: &Bound<'_, PyAny>) -> PyResult<PyBackedBytes> {
    if data.is_instance_of::<PyMemoryView>() {
        return data.py().get_type::<PyBytes>().call1((data,))?.extract().map_err(PyErr::from);
    }
    let expected = "what is written must be bytes, a bytearray or a memoryview";
    data.extract().map_err(|_| PyTypeError::new_err(expected))
}

pub(crate) fn closed() -> Error {
    Error::new(Kind::Io).expected("an open connection").seen("one that the program has closed")
}

pub(crate) fn finished() -> Error {
    Error::new(Kind::Io).expected("no write behind write_eof").seen("one")
}

pub(crate) fn torn() -> Error {
    Error::new(Kind::Io)
        .expected("a connection to which all was sent")
        .seen("one of whose last write a part may have been sent")
        .hint("close it: the peer would take what comes next for the rest")
}
