//! `Headers`: an ordered multimap of header fields as Python's mappings are.
//!
//! Names compare without case; `[]` joins the values of one name by a comma (RFC 9110 section 5.3), `get_list` has them
//! one by one. Text goes out as UTF-8; what comes in and is not UTF-8 is read as latin-1. `repr` shows no secrets.

use crate::client::errors::{raise, wrong_type};
use crate::exchange::latin1;
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyString};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Fields of a request or a response.
#[pyclass(module = "entreat.client", frozen, mapping)]
pub(crate) struct Headers(Mutex<entreat::Headers>);

impl Headers {
    pub(crate) fn of(fields: entreat::Headers) -> Headers {
        Headers(Mutex::new(fields))
    }

    pub(crate) fn fields(&self) -> MutexGuard<'_, entreat::Headers> {
        // Locked with the GIL held and never across a call into Python: nobody waits for it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each name once, as it was first written.
    fn names(&self) -> Vec<String> {
        let fields = self.fields();
        let mut names: Vec<String> = Vec::with_capacity(fields.len());
        for (name, _) in fields.iter() {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn joined(&self, name: &str) -> Option<String> {
        let fields = self.fields();
        let mut values = fields.get_all(name).map(text);
        let first = values.next()?;
        Some(values.fold(first, |joined, value| joined + ", " + &value))
    }
}

#[pymethods]
impl Headers {
    /// From a mapping, pairs, or other headers.
    #[new]
    #[pyo3(signature = (fields=None, /))]
    fn new(fields: Option<&Bound<'_, PyAny>>) -> PyResult<Headers> {
        let mut made = entreat::Headers::new();
        if let Some(fields) = fields {
            each(fields, |name, value| {
                let value = value.ok_or_else(|| PyTypeError::new_err("a header's value must not be None"))?;
                made.append(name, value).map_err(|error| raise(fields.py(), &error))
            })?;
        }
        Ok(Headers::of(made))
    }

    fn __getitem__(&self, name: &str) -> PyResult<String> {
        self.joined(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __setitem__(&self, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = name.py();
        let (name, value) = (bytes("a header's name", name)?, bytes("a header's value", value)?);
        let outcome = self.fields().set(name, value);
        outcome.map_err(|error| raise(py, &error))
    }

    fn __delitem__(&self, name: &str) -> PyResult<()> {
        let removed = self.fields().remove(name);
        removed.then_some(()).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        name.cast::<PyString>().is_ok_and(|name| name.to_str().is_ok_and(|name| self.fields().contains(name)))
    }

    fn __len__(&self) -> usize {
        self.names().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.names())?.try_iter()
    }

    /// The value of a name, or the default.
    #[pyo3(signature = (name, default=None, /))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> Option<Bound<'py, PyAny>> {
        self.joined(name).map(|value| PyString::new(py, &value).into_any()).or(default)
    }

    /// The values of a name, one by one.
    fn get_list(&self, name: &str) -> Vec<String> {
        self.fields().get_all(name).map(text).collect()
    }

    /// Adds a field beside those of the same name.
    fn append(&self, py: Python<'_>, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (name, value) = (bytes("a header's name", name)?, bytes("a header's value", value)?);
        let outcome = self.fields().append(name, value);
        outcome.map_err(|error| raise(py, &error))
    }

    /// Each name once.
    fn keys(&self) -> Vec<String> {
        self.names()
    }

    /// The value of each name.
    fn values(&self) -> Vec<String> {
        self.items().into_iter().map(|(_, value)| value).collect()
    }

    /// Each name once, with its value.
    fn items(&self) -> Vec<(String, String)> {
        self.names().into_iter().filter_map(|name| self.joined(&name).map(|value| (name, value))).collect()
    }

    /// All fields in their order, those of one name apart.
    fn multi_items(&self) -> Vec<(String, String)> {
        self.fields().iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
    }

    /// The same fields, to be changed without changing these.
    fn copy(&self) -> Headers {
        Headers::of(self.fields().clone())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let folded = |headers: &Headers| -> Vec<(String, String)> {
            let items = headers.multi_items().into_iter();
            let mut all: Vec<_> = items.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
            all.sort();
            all
        };
        match other.cast::<Headers>() {
            Ok(other) => folded(self) == folded(other.get()),
            Err(_) => other.cast::<PyDict>().is_ok_and(|dict| {
                Headers::new(Some(dict.as_any())).is_ok_and(|other| folded(self) == folded(&other))
            }),
        }
    }

    fn __repr__(&self) -> String {
        format!("Headers({:?})", *self.fields())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Fields<'py>,))> {
        let py = slf.py();
        let fields = slf.get().fields();
        let pairs = fields.iter().map(|(name, value)| (name.to_owned(), PyBytes::new(py, value))).collect();
        Ok((slf.get_type().into_any(), (pairs,)))
    }
}

type Fields<'py> = Vec<(String, Bound<'py, PyBytes>)>;

/// A field's value as text.
pub(super) fn text(value: &[u8]) -> String {
    std::str::from_utf8(value).map_or_else(|_| latin1(value), str::to_owned)
}

/// Calls `act` with each name and value of a mapping, of pairs, or of `Headers`; without a value where it is None.
pub(super) fn each(
    fields: &Bound<'_, PyAny>,
    mut act: impl FnMut(&[u8], Option<&[u8]>) -> PyResult<()>,
) -> PyResult<()> {
    if let Ok(headers) = fields.cast::<Headers>() {
        let fields = headers.get().fields().clone();
        return fields.iter().try_for_each(|(name, value)| act(name.as_bytes(), Some(value)));
    }
    let pairs = if fields.hasattr("items")? { fields.call_method0("items")? } else { fields.clone() };
    for pair in pairs.try_iter().map_err(|_| wrong_type("headers", "a mapping or pairs", fields))? {
        let pair = pair?;
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
            pair.extract().map_err(|_| wrong_type("headers", "a mapping or pairs", fields))?;
        let name = bytes("a header's name", &name)?;
        let value = if value.is_none() { None } else { Some(bytes("a header's value", &value)?) };
        act(&name, value.as_deref())?;
    }
    Ok(())
}

/// Text as UTF-8, or bytes.
pub(super) fn bytes(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.as_bytes().to_vec());
    }
    let bytes = value.cast::<PyBytes>().map_err(|_| wrong_type(what, "str or bytes", value))?;
    Ok(bytes.as_bytes().to_vec())
}
