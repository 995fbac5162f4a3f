//! `entreat._native`: the engine as Python sees it.
//!
//! A thin crate: it turns Python objects into values, releases the GIL once, runs the blocking engine, and turns the
//! outcome back. [`exchange`] serves the open lane, one request at a time below urllib3; [`express`] serves the
//! express lane, a whole call of `requests.get`; [`client`] is the modern `entreat.Client`. What requests' rules are is decided in the Python package and in
//! core; who is to blame for an error is decided in core, and its Python class in the package.

mod aio;
mod answer;
mod body;
mod client;
mod debugging;
mod environment;
mod errors;
mod exchange;
mod express;
mod interrupt;
mod prepare;
mod send;
mod session;
mod shared;
mod state;
mod support;
mod watch;
mod way;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use super::*;

    #[pymodule_export]
    use crate::answer::{ResponseBase, fill, is_express};
    #[pymodule_export]
    use crate::client::{Auth, Client, Cookies, Headers, Request, Response, Upgraded};
    #[pymodule_export]
    use crate::exchange::{Engine, Raw};
    #[pymodule_export]
    use crate::express::{express, express_get, express_once};
    #[pymodule_export]
    use crate::send::send_prepared;
    #[pymodule_export]
    use crate::session::{SessionBase, close, idle_connections, set_pool_rules};
    #[pymodule_export]
    use crate::state::{NetworkRules, replace_state, state};
    #[pymodule_export]
    use crate::support::set_up;
    #[pymodule_export]
    use crate::watch::{replaced, watch};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        refuse_subinterpreters()?;
        aio::add_to(module)?;
        module.add("EngineError", module.py().get_type::<errors::EngineError>())
    }
}

/// The guard of the express lane, signal handlers and shared connections belong to a process, so to one interpreter.
fn refuse_subinterpreters() -> PyResult<()> {
    // SAFETY: both calls need the GIL, which whoever initialises a module holds; the state is that of this thread.
    let number = unsafe { pyo3::ffi::PyInterpreterState_GetID(pyo3::ffi::PyInterpreterState_Get()) };
    if number == 0 {
        return Ok(());
    }
    Err(pyo3::exceptions::PyImportError::new_err(format!(
        "entreat works in a process's main interpreter only, and this is subinterpreter {number}: import it in the main \
         one, or use requests here"
    )))
}
