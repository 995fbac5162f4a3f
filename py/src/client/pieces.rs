//! A body piece by piece: bytes, text, or lines, as they come in; or out of a body that is here already.

use crate::client::response::Response;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use std::sync::{Mutex, PoisonError};

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    begun: bool,
    ended: bool,
    /// So much of a body that is here was given.
    given: usize,
    /// `codecs.getincrementaldecoder`, made for the response's encoding.
    decoder: Option<Py<PyAny>>,
    /// Text in which no line has ended yet, and lines that have.
    open: String,
    lines: std::collections::VecDeque<String>,
}

impl Pieces {
    pub(super) fn new(response: Py<Response>, unit: Unit, size: usize) -> Pieces {
        Pieces { response, unit, size, state: Mutex::default() }
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

    /// The next text; `None` at the end.
    fn text(&self, py: Python<'_>, state: &mut State) -> PyResult<Option<String>> {
        while !state.ended {
            let bytes = self.bytes(py, state)?;
            state.ended = bytes.is_empty();
            if state.decoder.is_none() {
                state.decoder = Some(decoder(self.response.bind(py))?);
            }
            let decoder = state.decoder.as_ref().map(|decoder| decoder.bind(py));
            let Some(decoder) = decoder else { continue };
            let text = decoder.call_method1("decode", (PyBytes::new(py, &bytes), state.ended))?;
            let text: String = text.extract()?;
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    fn line(&self, py: Python<'_>, state: &mut State) -> PyResult<Option<String>> {
        loop {
            if let Some(line) = state.lines.pop_front() {
                return Ok(Some(line));
            }
            let Some(text) = self.text(py, state)? else {
                let last = std::mem::take(&mut state.open);
                return Ok((!last.is_empty()).then_some(last));
            };
            let mut ends = text.split('\n');
            state.open.push_str(ends.next().unwrap_or_default());
            for next in ends {
                let mut line = std::mem::replace(&mut state.open, next.to_owned());
                if line.ends_with('\r') {
                    line.pop();
                }
                state.lines.push_back(line);
            }
        }
    }
}

#[pymethods]
impl Pieces {
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut state = std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner));
        let piece = match self.unit {
            Unit::Bytes if state.ended => Ok(None),
            Unit::Bytes => self.bytes(py, &mut state).map(|bytes| {
                state.ended = bytes.is_empty();
                (!bytes.is_empty()).then(|| PyBytes::new(py, &bytes).into_any())
            }),
            Unit::Text => {
                self.text(py, &mut state).map(|text| text.map(|text| PyString::new(py, &text).into_any()))
            }
            Unit::Lines => {
                self.line(py, &mut state).map(|line| line.map(|line| PyString::new(py, &line).into_any()))
            }
        };
        // After an error there is no more.
        state.ended |= piece.is_err();
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        piece
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
