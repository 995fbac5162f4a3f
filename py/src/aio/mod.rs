//! `entreat.aio`: the modern client for programs that await.
//!
//! `client` makes a request of its arguments and a [`Call`](call::Call), a coroutine, of the request. What that does step
//! by step is `work`; what the engine does meanwhile is a `task`, polled on the thread of the event loop, which `events`
//! meets. `sending` is one request, `response` its answer. The engine is the one that `entreat.Client` has, over sockets of its own.

mod call;
mod client;
mod connections;
mod events;
mod pieces;
pub(crate) mod question;
mod response;
mod sending;
mod task;
mod waiter;
mod work;

pub(crate) use client::Client;

use pyo3::prelude::*;

/// What Python sees as `entreat._native.aio`.
#[pymodule(name = "aio")]
pub(crate) mod exported {
    #[pymodule_export]
    use super::{call::Call, client::Client, events::step, response::Response};
}
