//! What the express lane needs from the Python package: three classes, and functions for what is rare or made lazily.
//!
//! The package hands them over once, when it is imported.

use crate::answer::{HeaderNames, ResponseBase, ResponseNames};
use crate::state::SessionNames;
use crate::watch;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyMappingProxy, PyModule, PyString, PyTuple, PyType};
use std::sync::{Mutex, PoisonError};

static SUPPORT: PyOnceLock<Support> = PyOnceLock::new();

/// The package's side of the express lane.
pub(crate) struct Support {
    pub(crate) session_class: Py<PyType>,
    pub(crate) response_class: Py<PyType>,
    pub(crate) headers_class: Py<PyType>,
    /// What `Response.__new__` calls.
    new_response: ffi::newfunc,
    no_arguments: Py<PyTuple>,
    pub(crate) response_names: ResponseNames,
    /// What `Response` has of its own, in a view.
    response_attributes: Py<PyMappingProxy>,
    /// `collections.OrderedDict`.
    pub(crate) ordered_dict: Py<PyAny>,
    header_names: Mutex<HeaderNames>,
    /// Whether an unchanged dictionary can be told by its version.
    pub(crate) dictionaries_have_versions: bool,
    /// `sys.modules`.
    pub(crate) modules: Py<PyDict>,
    /// What `os.environ` keeps the variables in, where its version tells whether it has changed. That nobody puts another
    /// object in the place of `os.environ` is watched.
    pub(crate) variables: Option<Py<PyDict>>,
    /// What a session's dictionary may hold.
    pub(crate) session_names: SessionNames,
    module: Py<PyModule>,
    shared_session: PyOnceLock<Py<PyAny>>,
}

/// Hands over the classes and the module `_express`.
#[pyfunction]
pub(crate) fn set_up(
    py: Python<'_>,
    module: Bound<'_, PyModule>,
    session_class: Bound<'_, PyType>,
    response_class: Bound<'_, PyType>,
    headers_class: Bound<'_, PyType>,
) -> PyResult<()> {
    let versions = watch::dictionaries_have_versions(py)?;
    let support = Support {
        new_response: new_function(&response_class)?,
        no_arguments: PyTuple::empty(py).unbind(),
        response_names: ResponseNames::new(py),
        response_attributes: response_class.getattr("__dict__")?.cast_into::<PyMappingProxy>()?.unbind(),
        header_names: Mutex::default(),
        session_class: session_class.unbind(),
        response_class: response_class.unbind(),
        headers_class: headers_class.unbind(),
        ordered_dict: py.import("collections")?.getattr("OrderedDict")?.unbind(),
        dictionaries_have_versions: versions,
        variables: variables(py)?.filter(|_| versions),
        session_names: SessionNames::new(py),
        modules: py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.unbind(),
        module: module.unbind(),
        shared_session: PyOnceLock::new(),
    };
    SUPPORT.set(py, support).map_err(|_| PyRuntimeError::new_err("the express lane has been set up before"))
}

fn variables(py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
    let environ = py.import("os")?.getattr("environ")?;
    let data = environ.getattr("_data").ok().and_then(|data| data.cast_into_exact::<PyDict>().ok());
    Ok(data.map(Bound::unbind))
}

/// What makes instances of a class that `class` statements made, without the checks of `__new__` as a method.
fn new_function(class: &Bound<'_, PyType>) -> PyResult<ffi::newfunc> {
    // SAFETY: the class is a valid type, made on the heap; what its slot `tp_new` holds is a `newfunc` or null.
    let slot: Option<ffi::newfunc> =
        unsafe { std::mem::transmute(ffi::PyType_GetSlot(class.as_type_ptr(), ffi::Py_tp_new)) };
    slot.ok_or_else(|| PyRuntimeError::new_err("the class of responses cannot be made"))
}

impl Support {
    /// Whether a program has put an attribute of that name into `Response`, such as a mock of a property.
    pub(crate) fn response_has(&self, name: &Bound<'_, PyString>) -> PyResult<bool> {
        self.response_attributes.bind(name.py()).as_any().contains(name)
    }

    /// `None` as long as the package has not handed it over.
    pub(crate) fn known(py: Python<'_>) -> Option<&Support> {
        SUPPORT.get(py)
    }

    pub(crate) fn get(py: Python<'_>) -> PyResult<&Support> {
        SUPPORT.get(py).ok_or_else(|| PyRuntimeError::new_err("the express lane has not been set up"))
    }

    /// A session as its class makes it, that nobody else sees: the settings of calls without a session.
    pub(crate) fn shared_session<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let make = || self.session_class.bind(py).call0().map(Bound::unbind);
        Ok(self.shared_session.get_or_try_init(py, make)?.bind(py).clone())
    }

    /// A response without an answer, and without the attributes that `__init__` sets.
    pub(crate) fn new_response<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, ResponseBase>> {
        let class = self.response_class.bind(py).as_type_ptr();
        // SAFETY: the function is the class's own, and is given what it is promised: the class, a tuple, and no keywords. It
        // gives a new reference, or null with an exception set.
        let response = unsafe {
            let made = (self.new_response)(class, self.no_arguments.as_ptr(), std::ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, made)?
        };
        Ok(response.cast_into::<ResponseBase>()?)
    }

    /// A `CaseInsensitiveDict` that keeps its fields in `store`.
    pub(crate) fn new_headers<'py>(
        &self,
        py: Python<'py>,
        store: Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let class = self.headers_class.bind(py).as_type_ptr();
        // SAFETY: the class is one that a `class` statement made, without a native base, so its instances are whole once
        // they are allocated. Each call gives what it says, or null or -1 with an exception set.
        unsafe {
            let headers = Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class, 0))?;
            let name = pyo3::intern!(py, "_store");
            match ffi::PyObject_GenericSetAttr(headers.as_ptr(), name.as_ptr(), store.as_ptr()) {
                0 => Ok(headers),
                _ => Err(PyErr::fetch(py)),
            }
        }
    }

    /// The name of a field as it came, and in lower case.
    pub(crate) fn header_name<'py>(
        &self,
        py: Python<'py>,
        name: &str,
    ) -> (Bound<'py, PyString>, Bound<'py, PyString>) {
        // Locked only with the GIL held, so never across a fork; and only while strings are made, which runs no code of a
        // program's.
        self.header_names.lock().unwrap_or_else(PoisonError::into_inner).both(py, name)
    }

    /// Calls a function of `_express`.
    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        arguments: impl PyCallArgs<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.module.bind(py).getattr(name)?.call1(arguments)
    }

    /// True where the jar is one of ours, or of the standard library, and holds no cookie.
    pub(crate) fn is_empty_jar(&self, jar: &Bound<'_, PyAny>) -> PyResult<bool> {
        let cookies = jar.getattr(pyo3::intern!(jar.py(), "_cookies"));
        Ok(cookies
            .is_ok_and(|cookies| cookies.cast_exact::<PyDict>().is_ok_and(|cookies| cookies.is_empty())))
    }
}
