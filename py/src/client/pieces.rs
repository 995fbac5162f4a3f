//! A body piece by piece: bytes, text, or lines, as they come in; or out of a body that is here already.
//!
//! [`Cutter`] makes pieces of bytes, wherever those come from: `aio` has one as well.

use crate::client::response::Response;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Text,
    Lines,
}

/// An iterator over a body.
#[pyclass(module = "entreat.client", frozen)]
pub(crate) struct Pieces {
    response: Py<Response>,
    unit: Unit,
    size: usize,
    /// Taken out by the thread that asks: two at once get an error from the response.
    state: Mutex<Option<State>>,
}

struct State {
    cutter: Cutter,
    begun: bool,
    /// So much of a body that is here was given.
    given: usize,
}

impl Pieces {
    pub(super) fn new(response: Py<Response>, unit: Unit, size: usize) -> Pieces {
        Pieces { response, unit, size, state: Mutex::new(Some(State::new(unit))) }
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        // Held for one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next bytes; empty at the end.
    fn bytes(&self, py: Python<'_>, state: &mut State) -> PyResult<Vec<u8>> {
        let response = self.response.bind(py);
        // A body that was read while this was at work would be given from its start.
        let buffered = if state.begun && state.given == 0 { None } else { response.get().buffered(py) };
        let Some(buffered) = buffered else {
            let first = !std::mem::replace(&mut state.begun, true);
            return Response::next_piece(response, self.size, first);
        };
        let rest = &buffered.as_bytes(py)[state.given..];
        let piece = &rest[..rest.len().min(self.size)];
        (state.begun, state.given) = (true, state.given + piece.len());
        Ok(piece.to_vec())
    }

    /// The next piece; `None` at the end.
    fn piece<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut ready = state.cutter.ready(py);
        while ready.is_none() && !state.cutter.is_ended() {
            let bytes = self.bytes(py, state)?;
            ready = state.cutter.feed(self.response.bind(py), &bytes)?;
        }
        Ok(ready)
    }
}

impl State {
    fn new(unit: Unit) -> State {
        State { cutter: Cutter::new(unit), begun: false, given: 0 }
    }
}

#[pymethods]
impl Pieces {
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let taken = self.state().take();
        let mut state = taken.unwrap_or_else(|| State::new(self.unit));
        let piece = self.piece(py, &mut state);
        if piece.is_err() {
            state.cutter.end();
        }
        *self.state() = Some(state);
        piece
    }
}

/// Makes pieces of the bytes of a body.
pub(crate) struct Cutter {
    unit: Unit,
    ended: bool,
    /// `codecs.getincrementaldecoder`, made for the response's encoding.
    decoder: Option<Py<PyAny>>,
    /// Text in which no line has ended yet, and lines that have.
    open: String,
    lines: VecDeque<String>,
}

impl Cutter {
    pub(crate) fn new(unit: Unit) -> Cutter {
        Cutter { unit, ended: false, decoder: None, open: String::new(), lines: VecDeque::new() }
    }

    /// No bytes will come any more.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// After an error there is no more.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.lines.clear();
    }

    /// A piece for which no bytes are needed.
    pub(crate) fn ready<'py>(&mut self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.lines.pop_front().map(|line| PyString::new(py, &line).into_any())
    }

    /// Takes the next bytes, or none, which is the end; gives a piece where they make one.
    pub(crate) fn feed<'py>(
        &mut self,
        response: &Bound<'py, Response>,
        bytes: &[u8],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = response.py();
        self.ended = bytes.is_empty();
        match self.unit {
            Unit::Bytes => Ok((!self.ended).then(|| PyBytes::new(py, bytes).into_any())),
            Unit::Text => {
                let text = self.decode(response, bytes)?;
                Ok((!text.is_empty()).then(|| PyString::new(py, &text).into_any()))
            }
            Unit::Lines => {
                let text = self.decode(response, bytes)?;
                self.cut(&text);
                Ok(self.ready(py))
            }
        }
    }

    fn decode(&mut self, response: &Bound<'_, Response>, bytes: &[u8]) -> PyResult<String> {
        let py = response.py();
        let decoder = match &self.decoder {
            Some(decoder) => decoder,
            None => self.decoder.insert(decoder(response)?),
        };
        decoder.bind(py).call_method1("decode", (PyBytes::new(py, bytes), self.ended))?.extract()
    }

    fn cut(&mut self, text: &str) {
        let mut ends = text.split('\n');
        self.open.push_str(ends.next().unwrap_or_default());
        for next in ends {
            let mut line = std::mem::replace(&mut self.open, next.to_owned());
            if line.ends_with('\r') {
                line.pop();
            }
            self.lines.push_back(line);
        }
        if self.ended && !self.open.is_empty() {
            self.lines.push_back(std::mem::take(&mut self.open));
        }
    }
}

/// For the response's encoding, or UTF-8 where nobody knows it.
fn decoder(response: &Bound<'_, Response>) -> PyResult<Py<PyAny>> {
    let codecs = response.py().import("codecs")?;
    let make = |name: &str| codecs.call_method1("getincrementaldecoder", (name,))?.call1(("replace",));
    let encoding: String = response.getattr("encoding")?.extract()?;
    let plain = encoding.eq_ignore_ascii_case("utf-8") || encoding.eq_ignore_ascii_case("utf8");
    // Without the byte order mark.
    let encoding = if plain { "utf-8-sig" } else { &encoding };
    Ok(make(encoding).or_else(|_| make("utf-8-sig"))?.unbind())
}
