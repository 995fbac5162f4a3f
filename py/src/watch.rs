//! Whether anything has been replaced that a program could expect to be called: the identity guard of the express lane.
//!
//! The package registers what it calls, once, as (dictionary, name, object): the dictionary of a module or a class. A
//! request compares them all by identity, at some 8 ns each. A patch, by `mock` or by hand, changes one of them, and the
//! request takes another lane, which calls whatever stands there now.

use crate::support::Support;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

struct Watched {
    dictionary: Py<PyDict>,
    name: Py<PyString>,
    /// `None` where the name must be absent.
    expected: Option<Py<PyAny>>,
}

/// From now on, `dictionary[name]` must be `expected`; with `None`, absent. Replaces what was said of it before.
#[pyfunction]
pub(crate) fn watch(dictionary: &Bound<'_, PyDict>, name: &Bound<'_, PyString>, expected: &Bound<'_, PyAny>) {
    let entry = Watched {
        dictionary: dictionary.clone().unbind(),
        name: name.clone().unbind(),
        expected: (!expected.is_none()).then(|| expected.clone().unbind()),
    };
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |other: &Watched| {
        other.dictionary.is(dictionary) && other.name.bind(name.py()).as_any().eq(name).unwrap_or(false)
    };
    match watched.iter().position(same) {
        Some(at) => watched[at] = entry,
        None => watched.push(entry),
    }
}

/// The first name that has been replaced, or `None`.
#[pyfunction]
pub(crate) fn replaced(py: Python<'_>) -> Option<Py<PyString>> {
    let watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    watched.iter().find(|entry| entry.has_changed(py)).map(|entry| entry.name.clone_ref(py))
}

/// True while everything is as it was. Modules loaded since the last look are taken in first.
pub(crate) fn is_untouched(py: Python<'_>, support: &Support) -> PyResult<bool> {
    static LOADED: AtomicUsize = AtomicUsize::new(0);
    let loaded = support.modules.bind(py).len();
    if LOADED.swap(loaded, Ordering::Relaxed) != loaded {
        support.call(py, "look_at_modules", ())?;
    }
    let watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(!watched.iter().any(|entry| entry.has_changed(py)))
}

impl Watched {
    fn has_changed(&self, _py: Python<'_>) -> bool {
        // SAFETY: the GIL is held (`_py`); both pointers are owned by `self`, so alive; the dictionary is one and the
        // key is a string. The result is borrowed and only compared. A lookup of a string key in a dictionary of
        // string keys runs no Python code that could change it.
        let found = unsafe { ffi::PyDict_GetItemWithError(self.dictionary.as_ptr(), self.name.as_ptr()) };
        found != self.expected.as_ref().map_or(std::ptr::null_mut(), Py::as_ptr)
    }
}
