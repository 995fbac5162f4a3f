//! Ctrl-C while the engine waits without the GIL.
//!
//! The blocking net asks [`interrupted`] after every signal and at least once a slice (250 ms): signal handlers run
//! then, on the main thread, and the exception that one raises ends the wait. It is kept for the thread that waited
//! until [`take`] raises it.

use entreat::net::blocking::Blocking;
use pyo3::prelude::*;
use std::cell::Cell;

thread_local! {
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// The net of every Python session.
pub(crate) const NET: Blocking = Blocking { interrupt: Some(interrupted) };

fn interrupted() -> bool {
    match Python::attach(|py| py.check_signals()) {
        Ok(()) => false,
        Err(error) => {
            RAISED.set(Some(error));
            true
        }
    }
}

/// The exception of the signal handler that ended a wait of this thread.
pub(crate) fn take() -> Option<PyErr> {
    RAISED.take()
}
