//! What a program wants to see, or to have a say in: hooks on requests and responses, and the logger `entreat`.
//!
//! Nobody who has neither pays: without hooks there is nothing to call, and `logging` is not imported by us.

use crate::client::config::text;
use crate::client::errors::{contradiction, wrong_type};
use crate::client::headers::Headers;
use crate::client::request::{Request, without_credentials};
use crate::client::response::Response;
use entreat::{Config, Error};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::time::Duration;

/// What is called, in the order given.
#[derive(Default)]
pub(crate) struct Hooks {
    request: Vec<Py<PyAny>>,
    response: Vec<Py<PyAny>>,
    early_hints: Vec<Py<PyAny>>,
}

impl Hooks {
    /// A dictionary from an event to a callable or several.
    pub(crate) fn read(value: &Bound<'_, PyAny>) -> PyResult<Hooks> {
        let mut hooks = Hooks::default();
        let expected = "a dictionary from \"request\", \"response\" or \"early_hints\" to callables";
        for (event, callables) in value.cast::<PyDict>().map_err(|_| wrong_type("hooks", expected, value))? {
            let slot = match text("an event of hooks", &event)?.as_str() {
                "request" => &mut hooks.request,
                "response" => &mut hooks.response,
                "early_hints" => &mut hooks.early_hints,
                other => return Err(contradiction(value.py(), expected, other)),
            };
            if callables.is_instance_of::<PyList>() || callables.is_instance_of::<PyTuple>() {
                for each in callables.try_iter()? {
                    slot.push(callable(each?)?);
                }
            } else if !callables.is_none() {
                slot.push(callable(callables)?);
            }
        }
        Ok(hooks)
    }

    /// Early hints are told in the middle of an exchange, without the GIL. What a hook raises then goes to
    /// `sys.unraisablehook`, since there is no call from which it could come.
    pub(crate) fn configure(&self, py: Python<'_>, config: Config) -> Config {
        if self.early_hints.is_empty() {
            return config;
        }
        let hooks: Vec<Py<PyAny>> = self.early_hints.iter().map(|hook| hook.clone_ref(py)).collect();
        config.on_informational(move |head| {
            if head.status != 103 {
                return;
            }
            Python::attach(|py| {
                for hook in &hooks {
                    let told = Bound::new(py, Headers::of(head.headers.clone()));
                    if let Err(error) = told.and_then(|headers| hook.bind(py).call1((headers,))) {
                        error.write_unraisable(py, Some(hook.bind(py)));
                    }
                }
            });
        })
    }

    /// Shows a request to its hooks: each may change its headers, or return another one.
    pub(crate) fn on_request(&self, py: Python<'_>, request: entreat::Request) -> PyResult<entreat::Request> {
        if self.request.is_empty() {
            return Ok(request);
        }
        let mut shown = Bound::new(py, Request::of(request))?;
        for hook in &self.request {
            let returned = hook.bind(py).call1((&shown,))?;
            if let Ok(other) = returned.cast_into::<Request>() {
                shown = other;
            }
        }
        Ok(shown.get().to_send(py))
    }

    /// Shows a response to its hooks: what they raise is what the call raises.
    pub(crate) fn on_response(&self, py: Python<'_>, response: &Bound<'_, Response>) -> PyResult<()> {
        self.response.iter().try_for_each(|hook| hook.bind(py).call1((response,)).map(drop))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let all = self.request.iter().chain(&self.response).chain(&self.early_hints);
        all.into_iter().try_for_each(|hook| visit.call(hook))
    }
}

fn callable(hook: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    match hook.is_callable() {
        true => Ok(hook.unbind()),
        false => Err(wrong_type("a hook", "callable", &hook)),
    }
}

/// Tells the logger `entreat` about an exchange, at the level DEBUG, where somebody listens.
pub(crate) fn log(
    py: Python<'_>,
    request: &entreat::Request,
    outcome: Result<(u16, Duration), &Error>,
) -> PyResult<()> {
    const DEBUG: u8 = 10;
    let Some(logger) = logger(py)? else { return Ok(()) };
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

/// `None` as long as nobody has imported `logging`: then nobody listens.
fn logger(py: Python<'_>) -> PyResult<Option<&Bound<'_, PyAny>>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    if let Some(logger) = LOGGER.get(py) {
        return Ok(Some(logger.bind(py)));
    }
    let modules = MODULES.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("sys")?.getattr("modules")?.cast_into()?.unbind())
    })?;
    let Some(logging) = modules.bind(py).get_item(pyo3::intern!(py, "logging"))? else { return Ok(None) };
    // While the module is being imported it may lack its names.
    let Ok(made) = logging.call_method1("getLogger", ("entreat",)) else { return Ok(None) };
    Ok(Some(LOGGER.get_or_init(py, || made.unbind()).bind(py)))
}
