//! What a client is told once, when it is made: its keywords, read and checked. `entreat.aio.Client` is made of the same.

use crate::client::arguments::{self, Defaults};
use crate::client::errors::{contradiction, raise, wrong_type};
use crate::client::hooks::Hooks;
use crate::client::transport::InPython;
use entreat::{Config, SharedJar, Url};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use std::time::SystemTime;

/// All of it.
pub(crate) struct Blueprint<'py> {
    pub(crate) config: Config,
    pub(crate) defaults: Defaults,
    pub(crate) hooks: Hooks,
    /// What answers in the place of a network.
    pub(crate) transport: Option<InPython>,
    /// To be put into the jar.
    pub(crate) cookies: Option<Bound<'py, PyAny>>,
}

impl<'py> Blueprint<'py> {
    /// `awaits` says that it is for a client that does.
    pub(crate) fn read(
        py: Python<'py>,
        base_url: Option<&str>,
        knobs: Option<&Bound<'py, PyDict>>,
        awaits: bool,
    ) -> PyResult<Blueprint<'py>> {
        let base = match base_url {
            None | Some("") => None,
            Some(text) => Some(Url::parse(text).map_err(|error| raise(py, &error))?),
        };
        let mut defaults = Defaults { base, ..Defaults::default() };
        let (mut cookies, mut hooks, mut transport) = (None, Hooks::default(), None);
        for (name, value) in knobs.into_iter().flatten() {
            let name = name.cast::<PyString>()?.to_str()?.to_owned();
            if name == "cookies" && !value.is_instance_of::<PyBool>() && !value.is_none() {
                cookies = Some(value.clone());
            }
            match name.as_str() {
                "hooks" if value.is_none() => {}
                "hooks" => hooks = Hooks::read(&value)?,
                "transport" if value.is_none() => {}
                "transport" => transport = Some(InPython::read(&value)?),
                _ => read_knob(&mut defaults, &name, &value)?,
            }
        }
        check(py, &defaults, knobs)?;
        let config = hooks.configure(defaults.knobs.config(py)?, awaits);
        Ok(Blueprint { config, defaults, hooks, transport, cookies })
    }
}

fn read_knob(defaults: &mut Defaults, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match name {
        "headers" if value.is_none() => {}
        "headers" => arguments::merge_headers(&mut defaults.headers, value)?,
        "params" if value.is_none() => {}
        "params" => defaults.params = arguments::pairs("params", value)?,
        "auth" if value.is_none() => {}
        "auth" => defaults.credential = Some(arguments::credential(value)?),
        _ => {
            if !defaults.knobs.set_for_client(name, value)? {
                return Err(arguments::unknown(name));
            }
        }
    }
    Ok(())
}

/// Refuses what contradicts itself.
fn check(py: Python<'_>, defaults: &Defaults, knobs: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    let given = |name: &str| -> PyResult<bool> {
        let value = knobs.map(|knobs| knobs.get_item(name)).transpose()?.flatten();
        Ok(value.is_some_and(|value| !value.is_none()))
    };
    let both = |expected: &'static str, seen: &'static str| Err(contradiction(py, expected, seen));
    if given("auth")? && defaults.headers.contains("Authorization") {
        return both("either auth or a header Authorization", "both auth and headers[\"Authorization\"]");
    }
    if given("auth")? && defaults.base.as_ref().is_some_and(|base| base.credentials().is_some()) {
        return both("either auth or credentials in base_url", "both auth and base_url with credentials");
    }
    if given("user_agent")? && defaults.headers.contains("User-Agent") {
        return both(
            "either user_agent or a header User-Agent",
            "both user_agent and headers[\"User-Agent\"]",
        );
    }
    Ok(())
}

/// Cookies that a program gives as a dictionary are for the host of its base URL.
pub(crate) fn put_cookies(jar: &SharedJar, base: Option<&Url>, cookies: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = cookies.py();
    if !cookies.is_instance_of::<PyDict>() {
        return Err(wrong_type("cookies", "True, False or a dictionary", cookies));
    }
    let Some(base) = base else {
        let expected = "base_url together with cookies as a dictionary, since a cookie belongs to a host";
        return Err(contradiction(py, expected, "cookies without base_url"));
    };
    for (name, value) in arguments::pairs("cookies", cookies)? {
        let outcome = jar.lock().set(&name, &value, base.host(), "/", SystemTime::now());
        outcome.map_err(|error| raise(py, &error))?;
    }
    Ok(())
}
