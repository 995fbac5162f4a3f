//! Connections that belong to one process: those of a session (`SessionBase`), and of a pool of the open lane.
//!
//! After a fork, a child must not touch the parent's: both would read from one socket, and a lock inside may be held by a
//! thread that the child does not have.

use crate::interrupt;
use entreat::engine::Engine as Connections;
use entreat::net::blocking::Blocking;
use entreat::{Headers, PoolRules, Url};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Connections, made when they are first asked for, and anew in a forked child.
#[derive(Default)]
pub(crate) struct PerProcess {
    /// Beside them, the fork generation in which they were made. Locked only with the GIL held, so never across a fork.
    slot: Mutex<Option<(u64, Arc<Connections<Blocking>>)>>,
    /// What they are made by, where that is not the default. Locked as above.
    rules: Mutex<Option<PoolRules>>,
}

impl PerProcess {
    /// Those of this process.
    pub(crate) fn connections(&self) -> Arc<Connections<Blocking>> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = mine(&mut slot) {
            return connections;
        }
        let rules = *self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = Connections::new(interrupt::NET, rules.unwrap_or_default());
        *slot = Some((current_generation(), Arc::clone(&connections)));
        connections
    }

    /// Connections made from now on are kept idle, and in all, for so many seconds. Those that are there are given up.
    pub(crate) fn set_rules(&self, py: Python<'_>, idle_timeout: Option<f64>, max_age: Option<f64>) {
        let limit =
            |seconds: Option<f64>| seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let rules =
            PoolRules { idle_timeout: limit(idle_timeout), max_age: limit(max_age), ..PoolRules::default() };
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = Some(rules);
        self.close(py);
    }

    /// Takes some that were made in this process in place of its own.
    fn adopt(&self, connections: Arc<Connections<Blocking>>) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some((current_generation(), connections));
    }

    /// Closes the idle ones, and lets those in use end with their responses. New ones are made when they are needed.
    pub(crate) fn close(&self, py: Python<'_>) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = mine(&mut slot);
        *slot = None;
        drop(slot);
        if let Some(connections) = connections {
            py.detach(|| connections.close_idle());
        }
    }
}

/// Leaves the parent's alone: dropping them could wait for ever for a lock that a thread of the parent held.
fn mine(slot: &mut Option<(u64, Arc<Connections<Blocking>>)>) -> Option<Arc<Connections<Blocking>>> {
    match slot {
        Some((made_in, connections)) if *made_in == current_generation() => Some(Arc::clone(connections)),
        Some(_) => {
            std::mem::forget(slot.take());
            None
        }
        None => None,
    }
}

/// The base class of `SessionRedirectMixin`: holds a session's connections. Takes any arguments.
#[pyclass(subclass, module = "entreat._native", frozen)]
pub(crate) struct SessionBase {
    connections: PerProcess,
    /// Locked only with the GIL held, so never across a fork.
    before: Mutex<Before>,
}

/// What the request before was made of: the next one is likely to be made of the same.
#[derive(Default)]
pub(crate) struct Before {
    /// The very object that was given, and what was made of it.
    url: Option<(Py<PyString>, Url)>,
    /// The session's own fields, all of which the express lane can send, and the version of their dictionary.
    fields: Option<(u64, Arc<Headers>)>,
    /// Such fields behind the Host of such a URL.
    with_host: Option<(Arc<Headers>, Url, Arc<Headers>)>,
}

impl Before {
    /// The URL that was made of this object.
    pub(crate) fn url(&self, object: &Bound<'_, PyString>) -> Option<Url> {
        self.url.as_ref().filter(|(known, _)| known.is(object)).map(|(_, url)| url.clone())
    }

    pub(crate) fn keep_url(&mut self, object: &Bound<'_, PyString>, url: &Url) {
        self.url = Some((object.clone().unbind(), url.clone()));
    }

    /// The fields of a dictionary that has this version.
    pub(crate) fn fields(&self, version: u64) -> Option<Arc<Headers>> {
        self.fields.as_ref().filter(|(known, _)| *known == version).map(|(_, fields)| Arc::clone(fields))
    }

    pub(crate) fn keep_fields(&mut self, version: u64, fields: &Arc<Headers>) {
        self.fields = Some((version, Arc::clone(fields)));
    }

    /// True of the fields that [`fields`](Self::fields) would give.
    pub(crate) fn has_kept(&self, fields: &Arc<Headers>) -> bool {
        self.fields.as_ref().is_some_and(|(_, known)| Arc::ptr_eq(known, fields))
    }

    /// These fields with the Host in front, where nothing has been added to what [`fields`](Self::fields) gave, and the
    /// URL has the host of the one before.
    pub(crate) fn with_host(&self, fields: &Arc<Headers>, url: &Url) -> Option<Arc<Headers>> {
        let (known, other, whole) = self.with_host.as_ref()?;
        (Arc::ptr_eq(known, fields) && other.host_field() == url.host_field()).then(|| Arc::clone(whole))
    }

    pub(crate) fn keep_with_host(&mut self, fields: &Arc<Headers>, url: &Url, whole: &Arc<Headers>) {
        self.with_host = Some((Arc::clone(fields), url.clone(), Arc::clone(whole)));
    }
}

#[pymethods]
impl SessionBase {
    #[new]
    #[pyo3(signature = (*_arguments, **_keywords))]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> SessionBase {
        SessionBase { connections: PerProcess::default(), before: Mutex::default() }
    }
}

impl SessionBase {
    /// What its request before was made of.
    pub(crate) fn before(&self) -> MutexGuard<'_, Before> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This session's connections.
    pub(crate) fn connections(&self) -> Arc<Connections<Blocking>> {
        self.connections.connections()
    }

    /// Lets a session that has sent nothing yet go on with the connections of a call.
    pub(crate) fn adopt(&self, connections: Arc<Connections<Blocking>>) {
        self.connections.adopt(connections);
    }
}

/// Drops the idle connections of a session; it can be used again.
#[pyfunction]
pub(crate) fn close(session: &Bound<'_, SessionBase>) {
    session.get().connections.close(session.py());
}

/// For how many seconds a session keeps connections: idle, and in all; `None` for no limit.
#[pyfunction]
#[pyo3(signature = (session, idle_timeout, max_age))]
pub(crate) fn set_pool_rules(
    session: &Bound<'_, SessionBase>,
    idle_timeout: Option<f64>,
    max_age: Option<f64>,
) {
    session.get().connections.set_rules(session.py(), idle_timeout, max_age);
}

/// How many connections of a session are idle.
#[pyfunction]
pub(crate) fn idle_connections(session: &Bound<'_, SessionBase>) -> usize {
    session.get().connections().idle()
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
