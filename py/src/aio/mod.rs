//! `entreat.aio`: the modern client for programs that await.
//!
//! `client` makes a request of its arguments and a [`Call`](call::Call), a coroutine, of the request. What that does step
//! by step is `work`; what the engine does meanwhile is a `task`, polled on the thread of the event loop, which `events`
//! meets. `sending` is one request, `response` its answer. The engine is the one that `entreat.Client` has, over sockets of its own.

mod call;
mod client;
mod connections;
mod events;
mod operation;
mod pieces;
pub(crate) mod question;
mod response;
mod sending;
mod task;
mod upgraded;
mod waiter;
mod work;

pub(crate) use client::Client;

use pyo3::prelude::*;

/// Adds what Python sees as `entreat._native.aio`. A module that pyo3 declares would be made before its parent has looked
/// which interpreter this is, and then be of that one for ever.
pub(crate) fn add_to(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "aio")?;
    module.add_class::<call::Call>()?;
    module.add_class::<Client>()?;
    module.add_class::<response::Response>()?;
    module.add_class::<upgraded::Upgraded>()?;
    module.add_function(wrap_pyfunction!(events::step, &module)?)?;
    parent.add_submodule(&module)
}
