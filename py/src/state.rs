//! A session's settings as the express lane reads them, and the options of one call.
//!
//! [`State::read`] looks into the instance's real dictionary. Any key that `Session.__init__` does not set, such as a
//! method that a mock put over the class's, and any setting that is not as plain as nearly every program leaves it,
//! sends the request to Python.

use crate::environment::Environment;
use crate::errors::raise;
use crate::express::is_empty;
use crate::support::Support;
use crate::way::{self, Said, Way};
use entreat::{Guard, Network, Timeout, Url};
use entreat_core::Settings;
use entreat_core::route::Proxy;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use std::sync::Arc;
use std::time::Duration;

/// What `Session.__init__` sets, but for what is made later: `cookies` and `adapters`.
const SETTINGS: usize = 10;

/// An instance's real dictionary, behind the property `__dict__` that its class puts in front of it.
#[pyfunction]
pub(crate) fn state<'py>(instance: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: `instance` is a valid object; the call gives a new reference to its dictionary, or null with an exception
    // set where it has none.
    let state = unsafe {
        let state = ffi::PyObject_GenericGetDict(instance.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(instance.py(), state)?
    };
    Ok(state.cast_into::<PyDict>()?)
}

/// Puts another dictionary in its place.
#[pyfunction]
pub(crate) fn replace_state(instance: &Bound<'_, PyAny>, state: &Bound<'_, PyDict>) -> PyResult<()> {
    // SAFETY: both are valid objects; the call takes a reference of its own and gives -1 with an exception set where
    // the instance has no dictionary.
    let outcome =
        unsafe { ffi::PyObject_GenericSetDict(instance.as_ptr(), state.as_ptr(), std::ptr::null_mut()) };
    if outcome == 0 { Ok(()) } else { Err(PyErr::fetch(instance.py())) }
}

/// The session's part of a request.
pub(crate) struct State<'py> {
    header_store: Bound<'py, PyAny>,
    auth: Bound<'py, PyAny>,
    stream: Bound<'py, PyAny>,
    verify: Bound<'py, PyAny>,
    cert: Bound<'py, PyAny>,
    proxies: Bound<'py, PyAny>,
    cookies: Option<Bound<'py, PyAny>>,
    /// Empty where the session does not trust it.
    environment: Environment,
    /// An adapter of the session tries again where a request fails.
    retries: bool,
    /// What was set in `session.options`: nearly always nothing.
    pub(crate) options: Option<Bound<'py, PyAny>>,
}

impl<'py> State<'py> {
    /// `None` where anything is out of the ordinary.
    pub(crate) fn read(session: &Bound<'py, PyAny>, support: &Support) -> PyResult<Option<State<'py>>> {
        let py = session.py();
        let state = state(session)?;
        let (cookies, adapters) =
            (state.get_item(intern!(py, "cookies"))?, state.get_item(intern!(py, "adapters"))?);
        let known = SETTINGS + usize::from(cookies.is_some()) + usize::from(adapters.is_some());
        let mut options = None;
        if state.len() != known {
            options = state.get_item(intern!(py, "_options"))?;
            if options.is_none() || state.len() != known + 1 {
                return Ok(None);
            }
        }
        let get = |name: &Bound<'py, PyString>| state.get_item(name).ok().flatten();
        let plain = |name: &Bound<'py, PyString>| get(name).is_some_and(|value| is_empty(&value));
        let hooks = get(intern!(py, "hooks")).is_some_and(|hooks| has_no_hook(&hooks));
        if !hooks || !plain(intern!(py, "params")) {
            return Ok(None);
        }
        let mut retries = false;
        if let Some(adapters) = adapters {
            let plain = support.call(py, "adapters_are_plain", (adapters,))?;
            retries = plain.is_none();
            if !retries && !plain.is_truthy()? {
                return Ok(None);
            }
        }
        let trust_environment =
            get(intern!(py, "trust_env")).is_some_and(|trust| trust.is_truthy().unwrap_or(true));
        let environment = trust_environment.then(Environment::read).unwrap_or_default();
        let (Some(headers), Some(auth), Some(stream), Some(verify), Some(cert), Some(proxies)) = (
            get(intern!(py, "headers")),
            get(intern!(py, "auth")),
            get(intern!(py, "stream")),
            get(intern!(py, "verify")),
            get(intern!(py, "cert")),
            get(intern!(py, "proxies")),
        ) else {
            return Ok(None);
        };
        if !headers.get_type().is(&support.headers_class) {
            return Ok(None);
        }
        let header_store = headers.getattr(intern!(py, "_store"))?;
        let session = State {
            header_store,
            auth,
            stream,
            verify,
            cert,
            proxies,
            cookies,
            environment,
            retries,
            options,
        };
        Ok(Some(session))
    }

    /// Folded name to (name, value): a dictionary, or a subclass that keeps order as one.
    pub(crate) fn header_store(&self) -> Option<&Bound<'py, PyDict>> {
        self.header_store.cast::<PyDict>().ok()
    }

    pub(crate) fn auth(&self) -> &Bound<'py, PyAny> {
        &self.auth
    }

    /// The jar, once somebody has looked at it.
    pub(crate) fn cookies(&self) -> Option<&Bound<'py, PyAny>> {
        self.cookies.as_ref()
    }

    pub(crate) fn stream(&self) -> &Bound<'py, PyAny> {
        &self.stream
    }

    pub(crate) fn verify(&self) -> &Bound<'py, PyAny> {
        &self.verify
    }

    /// Leaves out of the environment what the session's options put behind what the program says.
    pub(crate) fn ignore(&mut self, netrc: bool, bundle: bool) {
        if bundle {
            self.environment.forget_bundle();
        }
        if netrc {
            self.environment.forget_netrc();
        }
    }

    pub(crate) fn may_have_proxies(&self) -> bool {
        self.environment.proxy || !is_empty(&self.proxies)
    }

    pub(crate) fn may_have_netrc(&self) -> bool {
        self.environment.has_netrc()
    }
}

fn has_no_hook(hooks: &Bound<'_, PyAny>) -> bool {
    hooks.cast_exact::<PyDict>().is_ok_and(|hooks| {
        hooks.iter().all(|(_, list)| list.cast_exact::<PyList>().is_ok_and(|list| list.is_empty()))
    })
}

/// How one call is sent.
pub(crate) struct Options {
    pub(crate) timeout: Timeout,
    pub(crate) stream: bool,
    pub(crate) settings: Arc<Settings>,
    pub(crate) proxy: Option<Box<Proxy>>,
    /// Failures, and answers with a Retry-After, go to the session's `Retry`.
    pub(crate) retries: bool,
    /// What Python goes by for redirects, retries and messages: timeout, verify, stream, cert and proxies, as given.
    pub(crate) given: Given,
}

/// The settings of a call, as its objects.
pub(crate) type Given = (Py<PyAny>, Py<PyAny>, bool, Py<PyAny>, Py<PyAny>);

impl Options {
    /// `None` where an argument is not plain: Python says what is wrong with it.
    pub(crate) fn read(
        state: &State<'_>,
        support: &Support,
        url: &Url,
        timeout: &Bound<'_, PyAny>,
        stream: &Bound<'_, PyAny>,
        said: &Said<'_, '_>,
    ) -> PyResult<Option<Options>> {
        let stream = if stream.is_none() { &state.stream } else { stream }.is_truthy()?;
        let session = Said { verify: &state.verify, cert: &state.cert, proxies: &state.proxies };
        let way = Way::of(support, url, said, &session, &state.environment)?;
        Options::new(support, timeout, stream, said, way, state.retries)
    }

    /// Connects as the session's options say.
    pub(crate) fn through(mut self, network: Option<&NetworkRules>) -> Options {
        if let Some(network) = network {
            Arc::make_mut(&mut self.settings).network = Arc::clone(&network.0);
        }
        self
    }

    /// The options of a request that Python prepared, and whose settings it has merged.
    pub(crate) fn of(
        py: Python<'_>,
        url: &Url,
        timeout: &Bound<'_, PyAny>,
        stream: bool,
        said: &Said<'_, '_>,
        retries: bool,
    ) -> PyResult<Option<Options>> {
        let (support, none) = (Support::get(py)?, py.None().into_bound(py));
        let nothing = Said { verify: &none, cert: &none, proxies: &none };
        let way = Way::of(support, url, said, &nothing, &Environment::default())?;
        Options::new(support, timeout, stream, said, way, retries)
    }

    /// The same, to be handed to Python.
    pub(crate) fn given(&self, py: Python<'_>) -> Given {
        let (timeout, verify, stream, cert, proxies) = &self.given;
        (timeout.clone_ref(py), verify.clone_ref(py), *stream, cert.clone_ref(py), proxies.clone_ref(py))
    }

    fn new(
        support: &Support,
        timeout: &Bound<'_, PyAny>,
        stream: bool,
        said: &Said<'_, '_>,
        way: Option<Way>,
        retries: bool,
    ) -> PyResult<Option<Options>> {
        let Some(Way { settings, proxy }) = way else { return Ok(None) };
        let Some((timeout, timeout_object)) = read_timeout(timeout, support)? else { return Ok(None) };
        let object = |value: &Bound<'_, PyAny>| value.clone().unbind();
        let given = (timeout_object, object(said.verify), stream, object(said.cert), object(said.proxies));
        Ok(Some(Options { timeout, stream, settings, proxy, retries, given }))
    }
}

/// Seconds, a pair (connect, read), or an `entreat.Timeout`, whose clock starts here; and the object that goes on to
/// redirects, retries and messages.
fn read_timeout(timeout: &Bound<'_, PyAny>, support: &Support) -> PyResult<Option<(Timeout, Py<PyAny>)>> {
    if let Some(read) = read_seconds(timeout) {
        return Ok(Some((read, timeout.clone().unbind())));
    }
    let py = timeout.py();
    let started = support.call(py, "started", (timeout,))?;
    let parts: Option<Limits> = support.call(py, "limits", (&started,))?.extract()?;
    Ok(parts.and_then(limits).map(|limits| (limits, started.unbind())))
}

/// The parts of an `entreat.Timeout`: connect, read, write, pool, and what is left of the total.
pub(crate) type Limits = (Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>);

/// Of seconds that Python has checked.
pub(crate) fn limits((connect, read, write, pool, total): Limits) -> Option<Timeout> {
    let limit = |part, seconds: Option<f64>| {
        seconds.map(|seconds| entreat_core::deadline::seconds(part, seconds)).transpose().ok()
    };
    Some(Timeout {
        connect: limit("connect", connect)?,
        read: limit("read", read)?,
        write: limit("write", write)?,
        pool: limit("pool", pool)?,
        total: limit("total", total)?,
    })
}

/// Seconds, or a pair (connect, read); `None` inside is no limit. requests' read time-out bounds writes as well.
fn read_seconds(timeout: &Bound<'_, PyAny>) -> Option<Timeout> {
    let (connect, read) = match timeout.cast_exact::<PyTuple>() {
        Ok(pair) if pair.len() == 2 => (limit(&pair.get_item(0).ok()?)?, limit(&pair.get_item(1).ok()?)?),
        Ok(_) => return None,
        Err(_) => {
            let both = limit(timeout)?;
            (both, both)
        }
    };
    Some(Timeout { connect, read, write: read, ..Timeout::NONE })
}

fn limit(seconds: &Bound<'_, PyAny>) -> Option<Option<Duration>> {
    if seconds.is_none() {
        return Some(None);
    }
    if !seconds.is_exact_instance_of::<PyFloat>() && !seconds.is_exact_instance_of::<PyInt>() {
        return None;
    }
    // What is more than a socket takes, Python refuses in the socket's words.
    let seconds: f64 = seconds.extract().ok().filter(|seconds| *seconds < 1e9)?;
    entreat_core::deadline::seconds("timeout", seconds).ok().map(Some)
}

/// How `session.options` has connections made; what it leaves open is requests' way.
#[pyclass(module = "entreat._native", frozen)]
pub(crate) struct NetworkRules(pub(crate) Arc<Network>);

impl NetworkRules {
    /// True where connections go to other places than a plain socket's would.
    pub(crate) fn leads_elsewhere(&self) -> bool {
        !self.0.overrides.is_empty() || self.0.guard.guard != Guard::Off
    }
}

#[pymethods]
impl NetworkRules {
    /// `resolve` are pairs of a host and addresses, `cache` is in seconds, `public` lets only public addresses through,
    /// and those in `allow`. Raises `EngineError` where one of them cannot be read.
    #[new]
    fn new(
        py: Python<'_>,
        resolve: Vec<(String, String)>,
        cache: f64,
        public: bool,
        allow: Vec<String>,
    ) -> PyResult<NetworkRules> {
        let mut config = way::plain().dns_cache(Duration::try_from_secs_f64(cache).unwrap_or_default());
        for (host, addresses) in &resolve {
            config = config.resolve_to(host, addresses);
        }
        if public {
            config = config.guard(Guard::Public);
        }
        for block in &allow {
            config = config.guard_allow(block);
        }
        let settings = config.resolve().map_err(|error| raise(py, &error))?;
        Ok(NetworkRules(settings.network))
    }
}
