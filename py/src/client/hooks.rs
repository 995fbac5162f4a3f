//! What a program wants to see, or to have a say in: hooks on requests and responses, and the logger `entreat`.
//!
//! Nobody who has neither pays: without hooks there is nothing to call, and `logging` is not imported by us.

use crate::aio::question;
use crate::client::config::text;
use crate::client::errors::{carried, contradiction, raise, wrong_type};
use crate::client::headers::Headers;
use crate::client::request::{Request, without_credentials};
use crate::client::response::Response;
use crate::watch;
use entreat::{Config, Error, Redirecting, ResponseHead, Retrying};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is called, in the order given. The engine shares those that it calls itself: so that the garbage collector finds one
/// reference to each, where its client is.
#[derive(Default)]
pub(crate) struct Hooks {
    request: Vec<Py<PyAny>>,
    response: Vec<Py<PyAny>>,
    redirect: Arc<Vec<Py<PyAny>>>,
    retry: Arc<Vec<Py<PyAny>>>,
    early_hints: Arc<Vec<Py<PyAny>>>,
}

impl Hooks {
    /// A dictionary from an event to a callable or several.
    pub(crate) fn read(value: &Bound<'_, PyAny>) -> PyResult<Hooks> {
        let mut hooks = Hooks::default();
        let expected = "a dictionary from \"request\", \"response\", \"redirect\", \"retry\" or \"early_hints\" to callables";
        for (event, given) in value.cast::<PyDict>().map_err(|_| wrong_type("hooks", expected, value))? {
            match text("an event of hooks", &event)?.as_str() {
                "request" => hooks.request = callables(&given)?,
                "response" => hooks.response = callables(&given)?,
                "redirect" => hooks.redirect = Arc::new(callables(&given)?),
                "retry" => hooks.retry = Arc::new(callables(&given)?),
                "early_hints" => hooks.early_hints = Arc::new(callables(&given)?),
                other => return Err(contradiction(value.py(), expected, other)),
            }
        }
        Ok(hooks)
    }

    /// Those that the engine calls in the middle of an exchange, without the GIL; for a client that awaits, or one that does
    /// not.
    pub(crate) fn configure(&self, mut config: Config, awaits: bool) -> Config {
        if !self.redirect.is_empty() {
            let hooks = Arc::clone(&self.redirect);
            config = match awaits {
                true => config.on_redirect_async(move |next| {
                    let event = Python::attach(|py| redirecting(py, next).map(Bound::unbind));
                    ask_awaited(Arc::clone(&hooks), event)
                }),
                false => config
                    .on_redirect(move |next| Python::attach(|py| ask(py, &hooks, redirecting(py, next)))),
            };
        }
        if !self.retry.is_empty() {
            let hooks = Arc::clone(&self.retry);
            config = match awaits {
                true => config.on_retry_async(move |next| {
                    let event = Python::attach(|py| retrying(py, next).map(Bound::unbind));
                    ask_awaited(Arc::clone(&hooks), event)
                }),
                false => {
                    config.on_retry(move |next| Python::attach(|py| ask(py, &hooks, retrying(py, next))))
                }
            };
        }
        if !self.early_hints.is_empty() {
            let hooks = Arc::clone(&self.early_hints);
            config = config.on_informational(move |head| {
                if head.status == 103 {
                    Python::attach(|py| hint(py, &hooks, head));
                }
            });
        }
        config
    }

    /// Shows a request to its hooks: each may change its headers, or return another one.
    pub(crate) fn on_request(&self, py: Python<'_>, request: entreat::Request) -> PyResult<entreat::Request> {
        if self.request.is_empty() {
            return Ok(request);
        }
        let mut shown = Bound::new(py, Request::of(request))?;
        for hook in &self.request {
            let returned = blocking(hook.bind(py).call1((&shown,))?)?;
            if let Ok(other) = returned.cast_into::<Request>() {
                shown = other;
            }
        }
        Ok(shown.get().to_send(py))
    }

    /// Those that are shown a request.
    pub(crate) fn of_request(&self) -> &[Py<PyAny>] {
        &self.request
    }

    /// Those that are shown a response.
    pub(crate) fn of_response(&self) -> &[Py<PyAny>] {
        &self.response
    }

    /// Shows a response to its hooks: what they raise is what the call raises.
    pub(crate) fn on_response(&self, py: Python<'_>, response: &Bound<'_, Response>) -> PyResult<()> {
        self.response.iter().try_for_each(|hook| blocking(hook.bind(py).call1((response,))?).map(drop))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let shared = [&self.redirect, &self.retry, &self.early_hints];
        let all = self
            .request
            .iter()
            .chain(&self.response)
            .chain(shared.into_iter().flat_map(|hooks| hooks.iter()));
        all.into_iter().try_for_each(|hook| visit.call(hook))
    }
}

/// A callable, or a list of them.
fn callables(given: &Bound<'_, PyAny>) -> PyResult<Vec<Py<PyAny>>> {
    if given.is_none() {
        return Ok(Vec::new());
    }
    if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        return given.try_iter()?.map(|each| callable(each?)).collect();
    }
    Ok(vec![callable(given.clone())?])
}

fn callable(hook: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    match hook.is_callable() {
        true => Ok(hook.unbind()),
        false => Err(wrong_type("a hook", "callable", &hook)),
    }
}

/// Shows what is about to be done. What a hook raises is what the call raises.
fn ask(py: Python<'_>, hooks: &[Py<PyAny>], event: PyResult<Bound<'_, PyAny>>) -> Result<(), Error> {
    let asked = event.and_then(|event| {
        hooks.iter().try_for_each(|hook| blocking(hook.bind(py).call1((&event,))?).map(drop))
    });
    asked.map_err(carried)
}

/// What a hook of a client that does not await has returned. One that is to refuse must not be passed over.
fn blocking(returned: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = returned.py();
    if !returned.hasattr(pyo3::intern!(py, "__await__"))? {
        return Ok(returned);
    }
    if let Some(close) = returned.getattr_opt(pyo3::intern!(py, "close"))? {
        close.call0()?;
    }
    Err(PyTypeError::new_err("this hook has to be awaited: give it to entreat.aio.Client"))
}

/// The same of hooks that may be coroutine functions: what one returns is awaited before the next is called.
async fn ask_awaited(hooks: Arc<Vec<Py<PyAny>>>, event: PyResult<Py<PyAny>>) -> Result<(), Error> {
    let event = event.map_err(carried)?;
    for hook in hooks.iter() {
        let awaitable = Python::attach(|py| {
            let returned = hook.bind(py).call1((event.bind(py),))?;
            let is_awaitable = returned.hasattr(pyo3::intern!(py, "__await__"))?;
            Ok(is_awaitable.then(|| returned.unbind()))
        });
        if let Some(awaitable) = awaitable.map_err(carried)? {
            question::outcome(awaitable).await.map_err(carried)?;
        }
    }
    Ok(())
}

/// What a hook raises then goes to `sys.unraisablehook`: a hint must not cost the answer.
fn hint(py: Python<'_>, hooks: &[Py<PyAny>], head: &ResponseHead) {
    for hook in hooks {
        let told = Bound::new(py, Headers::of(head.headers.clone()));
        if let Err(error) = told.and_then(|headers| hook.bind(py).call1((headers,))) {
            error.write_unraisable(py, Some(hook.bind(py)));
        }
    }
}

fn redirecting<'py>(py: Python<'py>, next: &Redirecting<'_>) -> PyResult<Bound<'py, PyAny>> {
    let Redirecting { head, from, to, method } = next;
    let headers = Bound::new(py, Headers::of(head.headers.clone()))?;
    let (from, to) = (without_credentials(from.as_str()), without_credentials(to.as_str()));
    event(py, "Redirecting", (head.status, headers, from, *method, to))
}

fn retrying<'py>(py: Python<'py>, next: &Retrying<'_>) -> PyResult<Bound<'py, PyAny>> {
    let Retrying { attempt, wait, method, url, status, error } = next;
    let error = error.map(|error| raise(py, error).into_value(py));
    event(
        py,
        "Retrying",
        (*attempt, wait.as_secs_f64(), *method, without_credentials(url.as_str()), *status, error),
    )
}

fn event<'py>(
    py: Python<'py>,
    class: &str,
    parts: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("entreat.client")?.getattr(class)?.call1(parts)
}

/// Tells the logger `entreat` about an exchange, at the level DEBUG, where somebody listens.
pub(crate) fn log(
    py: Python<'_>,
    request: &entreat::Request,
    outcome: Result<(u16, Duration), &Error>,
) -> PyResult<()> {
    let Some(listener) = Listener::find(py)? else { return Ok(()) };
    if listener.is_known_to_be_off(py)? {
        return Ok(());
    }
    let logger = listener.logger.bind(py);
    if !logger.call_method1(pyo3::intern!(py, "isEnabledFor"), (DEBUG,))?.is_truthy()? {
        return Ok(());
    }
    let url = request.url().map_or("", entreat::Url::as_str);
    let url = without_credentials(url);
    match outcome {
        Ok((status, elapsed)) => {
            let seconds = elapsed.as_secs_f64();
            let arguments = ("%s %s: %d after %.3f s", request.method(), url, status, seconds);
            logger.call_method1("debug", arguments)?;
        }
        Err(error) => {
            logger.call_method1("debug", ("%s %s: %s", request.method(), url, error.message()))?;
        }
    }
    Ok(())
}

/// `logging.DEBUG`.
const DEBUG: u8 = 10;

/// The logger `entreat`.
struct Listener {
    logger: Py<PyAny>,
    /// Its memory of which levels are on, where it has one.
    known: Option<Py<PyDict>>,
    /// The version of that memory when it last said that nobody listens; 0 where dictionaries have none.
    off_at: AtomicU64,
    has_versions: bool,
}

impl Listener {
    /// `None` as long as nobody has imported `logging`: then nobody listens.
    fn find(py: Python<'_>) -> PyResult<Option<&Listener>> {
        static FOUND: PyOnceLock<Listener> = PyOnceLock::new();
        static MODULES: PyOnceLock<Modules> = PyOnceLock::new();
        if let Some(found) = FOUND.get(py) {
            return Ok(Some(found));
        }
        let modules = MODULES.get_or_try_init(py, || Modules::new(py))?;
        let Some(logging) = modules.logging(py)? else { return Ok(None) };
        // While the module is being imported it may lack its names.
        let Ok(logger) = logging.call_method1("getLogger", ("entreat",)) else { return Ok(None) };
        let known = logger.getattr("_cache").ok().and_then(|known| known.cast_into::<PyDict>().ok());
        let (logger, known, off_at) = (logger.unbind(), known.map(Bound::unbind), AtomicU64::new(0));
        let made = Listener { logger, known, off_at, has_versions: modules.has_versions };
        Ok(Some(FOUND.get_or_init(py, || made)))
    }

    /// True where it was asked before, and nobody listened. `logging` forgets it whenever a level is set; to ask takes a
    /// frame of Python's for each request.
    fn is_known_to_be_off(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(known) = self.known.as_ref().map(|known| known.bind(py)) else { return Ok(false) };
        let version = if self.has_versions { watch::version(known) } else { 0 };
        if version != 0 && version == self.off_at.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let is_off = known.get_item(DEBUG)?.is_some_and(|on| on.is(PyBool::new(py, false)));
        if is_off {
            self.off_at.store(version, Ordering::Relaxed);
        }
        Ok(is_off)
    }
}

/// `sys.modules`, and its version when `logging` was last not among them; 0 where dictionaries have none.
struct Modules {
    modules: Py<PyDict>,
    absent_at: AtomicU64,
    has_versions: bool,
}

impl Modules {
    fn new(py: Python<'_>) -> PyResult<Modules> {
        let modules = py.import("sys")?.getattr("modules")?.cast_into()?.unbind();
        let has_versions = watch::dictionaries_have_versions(py)?;
        Ok(Modules { modules, absent_at: AtomicU64::new(0), has_versions })
    }

    fn logging<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let modules = self.modules.bind(py);
        let version = if self.has_versions { watch::version(modules) } else { 0 };
        if version != 0 && version == self.absent_at.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let logging = modules.get_item(pyo3::intern!(py, "logging"))?;
        if logging.is_none() {
            self.absent_at.store(version, Ordering::Relaxed);
        }
        Ok(logging)
    }
}
