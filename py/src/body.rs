//! Bodies of requests that live in Python: bytes without a copy, and iterables that are asked while the engine sends.

use entreat::{Body, Source};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyIterator, PyMemoryView, PyString};
use std::io;

/// `None`, bytes, or an iterable of bytes-like pieces.
pub(crate) fn from_python(body: &Bound<'_, PyAny>, length: Option<u64>) -> PyResult<Body> {
    if body.is_none() {
        return Ok(Body::empty());
    }
    if let Ok(bytes) = body.cast::<PyBytes>() {
        return Ok(Body::from_owner(PyBackedBytes::from(bytes.clone())));
    }
    let iterator = body.try_iter()?.unbind();
    Ok(Body::source(Pieces::new(iterator), length))
}

/// Text (sent as UTF-8) or bytes, sent without a copy.
pub(crate) fn whole(body: &Bound<'_, PyAny>) -> Option<Body> {
    if let Ok(bytes) = body.cast_exact::<PyBytes>() {
        return Some(Body::from_owner(PyBackedBytes::from(bytes.clone())));
    }
    let text = body.cast_exact::<PyString>().ok()?;
    text.to_str().ok()?;
    Some(Body::from_owner(Text(PyBackedStr::try_from(text.clone()).ok()?)))
}

/// Python's text as bytes.
struct Text(PyBackedStr);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// An iterable of `length` bytes in all, that can be asked more than once.
pub(crate) fn rewindable(iterable: &Bound<'_, PyAny>, length: u64) -> PyResult<Body> {
    let pieces = Pieces::new(iterable.try_iter()?.unbind());
    Ok(Body::source(Rewindable { iterable: iterable.clone().unbind(), pieces }, Some(length)))
}

/// Pieces that can be had again.
struct Rewindable {
    iterable: Py<PyAny>,
    pieces: Pieces,
}

impl Source for Rewindable {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.pieces.read(into)
    }

    fn rewind(&mut self) -> io::Result<bool> {
        let again = Python::attach(|py| self.iterable.bind(py).try_iter().map(Bound::unbind));
        self.pieces = Pieces::new(again.map_err(io::Error::other)?);
        Ok(true)
    }
}

/// An iterator of pieces. Empty pieces are passed over: in chunked coding they would end the body.
pub(crate) struct Pieces {
    iterator: Py<PyIterator>,
    rest: Vec<u8>,
    given: usize,
}

impl Pieces {
    pub(crate) fn new(iterator: Py<PyIterator>) -> Pieces {
        Pieces { iterator, rest: Vec::new(), given: 0 }
    }
}

impl Source for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.rest.len() {
            match Python::attach(|py| next_piece(self.iterator.bind(py))).map_err(io::Error::other)? {
                Some(piece) => (self.rest, self.given) = (piece, 0),
                None => return Ok(0),
            }
        }
        let ready = &self.rest[self.given..];
        let count = ready.len().min(into.len());
        into[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        Ok(count)
    }
}

fn next_piece(iterator: &Bound<'_, PyIterator>) -> PyResult<Option<Vec<u8>>> {
    match iterator.clone().next() {
        None => Ok(None),
        Some(piece) => as_bytes(&piece?).map(Some),
    }
}

/// Text goes out as UTF-8, as in urllib3; anything else must be bytes-like.
pub(crate) fn as_bytes(piece: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = piece.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    if let Ok(text) = piece.cast::<PyString>() {
        return Ok(text.to_cow()?.into_owned().into_bytes());
    }
    // Not by `bytes` alone: of a number that makes so many zeros.
    let view = PyMemoryView::from(piece)?;
    Ok(piece.py().get_type::<PyBytes>().call1((view,))?.cast_into::<PyBytes>()?.as_bytes().to_vec())
}
