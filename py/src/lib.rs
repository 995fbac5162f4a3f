//! `entreat._native`: the engine as Python sees it.
//!
//! A thin crate: it turns Python objects into values, releases the GIL once, runs the blocking engine, and turns the
//! outcome back. [`exchange`] serves the open lane, one request at a time below urllib3; [`express`] serves the
//! express lane, a whole call of `requests.get`. What requests' rules are is decided in the Python package and in
//! core; who is to blame for an error is decided in core, and its Python class in the package.

mod body;
mod errors;
mod exchange;
mod interrupt;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use super::*;

    #[pymodule_export]
    use crate::exchange::{Engine, Raw};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("EngineError", module.py().get_type::<errors::EngineError>())
    }
}
