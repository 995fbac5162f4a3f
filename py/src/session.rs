//! `SessionBase`: the connections of one session, forked children included.

use crate::interrupt;
use entreat::engine::Engine as Connections;
use entreat::net::blocking::Blocking;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The base class of `SessionRedirectMixin`: holds a session's connections. Takes any arguments.
#[pyclass(subclass, module = "entreat._native", frozen)]
pub(crate) struct SessionBase {
    /// Beside it, the fork generation in which it was made. Locked only with the GIL held, so never across a fork.
    connections: Mutex<Option<(u64, Arc<Connections<Blocking>>)>>,
}

#[pymethods]
impl SessionBase {
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> SessionBase {
        SessionBase { connections: Mutex::new(None) }
    }
}

/// Drops the idle connections of a session; it can be used again.
#[pyfunction]
pub(crate) fn close(session: &Bound<'_, SessionBase>) {
    let taken = session.get().connections.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((_, connections)) = taken {
        session.py().detach(|| connections.close_idle());
    }
}

/// How many connections of a session are idle.
#[pyfunction]
pub(crate) fn idle_connections(session: &Bound<'_, SessionBase>) -> usize {
    session.get().connections().idle()
}

impl SessionBase {
    /// This session's connections; new ones in a forked child, where the old ones belong to the parent.
    pub(crate) fn connections(&self) -> Arc<Connections<Blocking>> {
        let generation = current_generation();
        let mut slot = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some((made_in, connections)) if *made_in == generation => return Arc::clone(connections),
            // Another thread of the parent may have held a lock inside: dropping could wait for it for ever.
            Some(_) => std::mem::forget(slot.take()),
            None => {}
        }
        let connections = Connections::new(interrupt::NET, entreat::PoolRules::default());
        *slot = Some((generation, Arc::clone(&connections)));
        connections
    }
}

/// Counts the forks between the start of the first process and this one.
static GENERATION: AtomicU64 = AtomicU64::new(0);

pub(crate) fn current_generation() -> u64 {
    static REGISTERED: LazyLock<()> = LazyLock::new(|| {
        unsafe extern "C" fn in_child() {
            GENERATION.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the handler only changes an atomic, which is safe after a fork.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
    LazyLock::force(&REGISTERED);
    GENERATION.load(Ordering::Relaxed)
}
