//! What the express lane needs from the Python package: three classes, and functions for what is rare or made lazily.
//!
//! The package hands them over once, when it is imported.

use crate::watch;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule, PyType};

static SUPPORT: PyOnceLock<Support> = PyOnceLock::new();

/// The package's side of the express lane.
pub(crate) struct Support {
    pub(crate) session_class: Py<PyType>,
    pub(crate) response_class: Py<PyType>,
    pub(crate) headers_class: Py<PyType>,
    /// `Response.__new__`.
    pub(crate) new_response: Py<PyAny>,
    /// `object.__new__`.
    pub(crate) new_object: Py<PyAny>,
    /// `collections.OrderedDict`, in which `CaseInsensitiveDict` keeps its fields.
    pub(crate) ordered_dict: Py<PyAny>,
    /// Whether an unchanged dictionary can be told by its version.
    pub(crate) dictionaries_have_versions: bool,
    /// `sys.modules`.
    pub(crate) modules: Py<PyDict>,
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
    let support = Support {
        new_response: response_class.getattr("__new__")?.unbind(),
        new_object: headers_class.getattr("__new__")?.unbind(),
        session_class: session_class.unbind(),
        response_class: response_class.unbind(),
        headers_class: headers_class.unbind(),
        ordered_dict: py.import("collections")?.getattr("OrderedDict")?.unbind(),
        dictionaries_have_versions: watch::dictionaries_have_versions(py)?,
        modules: py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.unbind(),
        module: module.unbind(),
        shared_session: PyOnceLock::new(),
    };
    SUPPORT.set(py, support).map_err(|_| PyRuntimeError::new_err("the express lane has been set up before"))
}

impl Support {
    pub(crate) fn get(py: Python<'_>) -> PyResult<&Support> {
        SUPPORT.get(py).ok_or_else(|| PyRuntimeError::new_err("the express lane has not been set up"))
    }

    /// A session as its class makes it, that nobody else sees: the settings of calls without a session.
    pub(crate) fn shared_session<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let make = || self.session_class.bind(py).call0().map(Bound::unbind);
        Ok(self.shared_session.get_or_try_init(py, make)?.bind(py).clone())
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
