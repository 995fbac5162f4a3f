//! Whether anything has been replaced that a program could expect to be called: the identity guard of the express lane.
//!
//! The package registers what it calls, once, as (dictionary, name, object): the dictionary of a module or a class. A
//! patch, by `mock` or by hand, changes one of them, and the request takes another lane, which calls whatever stands
//! there now. Names are compared by identity; a dictionary that has not changed since they were last found right is
//! passed over, as its version tells (PEP 509). Where a version cannot be had, each name is looked up, at some 8 ns.

use crate::support::Support;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

/// One dictionary, and what is watched in it.
struct Watched {
    dictionary: Py<PyDict>,
    names: Vec<Name>,
    /// The dictionary's version when all names were last found right.
    right_at: Option<u64>,
}

struct Name {
    name: Py<PyString>,
    /// `None` where it must be absent.
    expected: Option<Py<PyAny>>,
}

/// From now on, `dictionary[name]` must be `expected`; with `None`, absent. Replaces what was said of it before.
#[pyfunction]
pub(crate) fn watch(dictionary: &Bound<'_, PyDict>, name: &Bound<'_, PyString>, expected: &Bound<'_, PyAny>) {
    let new = Name {
        name: name.clone().unbind(),
        expected: (!expected.is_none()).then(|| expected.clone().unbind()),
    };
    let mut all = watched();
    let at = all.iter().position(|watched| watched.dictionary.is(dictionary)).unwrap_or_else(|| {
        all.push(Watched { dictionary: dictionary.clone().unbind(), names: Vec::new(), right_at: None });
        all.len() - 1
    });
    let entry = &mut all[at];
    entry.right_at = None;
    let same = |old: &Name| old.name.bind(name.py()).as_any().eq(name).unwrap_or(false);
    match entry.names.iter().position(same) {
        Some(at) => entry.names[at] = new,
        None => entry.names.push(new),
    }
}

/// The first name that has been replaced, or `None`.
#[pyfunction]
pub(crate) fn replaced(py: Python<'_>) -> Option<Py<PyString>> {
    let all = watched();
    let changed = all.iter().find_map(|watched| watched.changed(py));
    changed.map(|name| name.name.clone_ref(py))
}

/// True while everything is as it was. Modules loaded since the last look are taken in first.
pub(crate) fn is_untouched(py: Python<'_>, support: &Support) -> PyResult<bool> {
    static LOADED: AtomicUsize = AtomicUsize::new(0);
    let loaded = support.modules.bind(py).len();
    if LOADED.swap(loaded, Ordering::Relaxed) != loaded {
        support.call(py, "look_at_modules", ())?;
    }
    Ok(watched().iter_mut().all(|watched| watched.is_right(py, support.dictionaries_have_versions)))
}

fn watched() -> MutexGuard<'static, Vec<Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watched {
    fn is_right(&mut self, py: Python<'_>, versions: bool) -> bool {
        let version = versions.then(|| version(self.dictionary.bind(py)));
        if version.is_some() && version == self.right_at {
            return true;
        }
        let right = self.changed(py).is_none();
        self.right_at = version.filter(|_| right);
        right
    }

    fn changed(&self, _py: Python<'_>) -> Option<&Name> {
        self.names.iter().find(|name| {
            // SAFETY: the GIL is held (`_py`); both pointers are owned by `self`, so alive; the dictionary is one and the
            // key is a string. The result is borrowed and only compared. A lookup of a string key in a dictionary of
            // string keys runs no Python code that could change it.
            let found = unsafe { ffi::PyDict_GetItemWithError(self.dictionary.as_ptr(), name.name.as_ptr()) };
            found != name.expected.as_ref().map_or(std::ptr::null_mut(), Py::as_ptr)
        })
    }
}

/// What stands where CPython has kept the number of a dictionary's latest change since PEP 509: behind reference count,
/// type and length: no two states of dictionaries have the same one. Only to be trusted where [`dictionaries_have_versions`] says so.
pub(crate) fn version(dictionary: &Bound<'_, PyDict>) -> u64 {
    let words = dictionary.as_ptr().cast::<u64>();
    // SAFETY: a dictionary is an object of at least six words on a 64-bit machine, the only kind where this is called
    // (`dictionaries_have_versions`), and the GIL is held, so nobody writes to it meanwhile. Any bits are a valid u64.
    unsafe { words.add(3).read() }
}

/// Tries out whether [`version`] tells every kind of change of a dictionary, and no look at it, on this interpreter.
pub(crate) fn dictionaries_have_versions(py: Python<'_>) -> PyResult<bool> {
    if cfg!(not(target_pointer_width = "64")) {
        return Ok(false);
    }
    let (tried, other) = (PyDict::new(py), PyDict::new(py));
    let mut seen = vec![version(&tried)];
    tried.set_item("name", py.None())?;
    seen.push(version(&tried));
    tried.set_item("name", &other)?;
    seen.push(version(&tried));
    other.set_item("name", py.None())?;
    seen.push(version(&other));
    tried.del_item("name")?;
    seen.push(version(&tried));
    tried.update(other.as_mapping())?;
    let last = version(&tried);
    seen.push(last);
    tried.get_item("name")?;
    let looked_at = version(&tried) == last;
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    Ok(looked_at && seen.len() == count)
}
