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

/// What `Session.__init__` sets, in its order.
const SETTINGS: [&str; 10] = [
    "headers",
    "auth",
    "proxies",
    "hooks",
    "params",
    "stream",
    "verify",
    "cert",
    "max_redirects",
    "trust_env",
];

/// What is put beside them later, by those who look at the first two, or set an option.
const LATER: [&str; 3] = ["cookies", "adapters", "_options"];

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
    environment: Arc<Environment>,
    /// An adapter of the session tries again where a request fails.
    retries: bool,
    /// What was set in `session.options`: nearly always nothing.
    pub(crate) options: Option<Bound<'py, PyAny>>,
}

impl<'py> State<'py> {
    /// `None` where anything is out of the ordinary.
    pub(crate) fn read(session: &Bound<'py, PyAny>, support: &Support) -> PyResult<Option<State<'py>>> {
        let py = session.py();
        let Some(found) = support.session_names.settings(&state(session)?) else { return Ok(None) };
        let ([Some(headers), Some(auth), Some(proxies), Some(hooks), Some(params), rest @ ..], later) = found
        else {
            return Ok(None);
        };
        let ([Some(stream), Some(verify), Some(cert), Some(_), Some(trust)], [cookies, adapters, options]) =
            (rest, later)
        else {
            return Ok(None);
        };
        if !has_no_hook(&hooks)
            || !is_empty(&params)
            || options.as_ref().is_some_and(|options| options.is_none())
            || !headers.get_type().is(&support.headers_class)
        {
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
        let environment = match trust.is_truthy().unwrap_or(true) {
            true => Environment::current(py, support),
            false => Environment::nothing(),
        };
        let header_store = own_attribute(&headers, intern!(py, "_store"))?;
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
            Arc::make_mut(&mut self.environment).forget_bundle();
        }
        if netrc {
            Arc::make_mut(&mut self.environment).forget_netrc();
        }
    }

    pub(crate) fn may_have_proxies(&self) -> bool {
        self.environment.proxy || !is_empty(&self.proxies)
    }

    pub(crate) fn may_have_netrc(&self) -> bool {
        self.environment.has_netrc()
    }
}

/// The keys of a session's dictionary, as the one objects that attributes are kept under.
pub(crate) struct SessionNames([Py<PyString>; SETTINGS.len() + LATER.len()]);

/// The values of [`SETTINGS`], and those of [`LATER`].
type SettingsOf<'py> =
    ([Option<Bound<'py, PyAny>>; SETTINGS.len()], [Option<Bound<'py, PyAny>>; LATER.len()]);

impl SessionNames {
    pub(crate) fn new(py: Python<'_>) -> SessionNames {
        let name = |at: usize| SETTINGS.get(at).copied().unwrap_or_else(|| LATER[at - SETTINGS.len()]);
        SessionNames(std::array::from_fn(|at| PyString::intern(py, name(at)).unbind()))
    }

    /// What a session's dictionary holds; `None` where any other key is in there. One pass over it: the keys nearly
    /// always stand in the order in which they are set.
    fn settings<'py>(&self, state: &Bound<'py, PyDict>) -> Option<SettingsOf<'py>> {
        let py = state.py();
        let (mut settings, mut later): SettingsOf<'py> = Default::default();
        let (mut at, mut expected) = (0, 0);
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the dictionary is alive, and nobody changes it meanwhile: the GIL is held, and no Python code is run. Key
        // and value are borrowed from it as long as that is so; references of our own are taken at once.
        while unsafe { ffi::PyDict_Next(state.as_ptr(), &mut at, &mut key, &mut value) } != 0 {
            let is = |name: &Py<PyString>| name.as_ptr() == key;
            let index = match self.0.get(expected) {
                Some(name) if is(name) => expected,
                Some(_) | None => self.0.iter().position(is)?,
            };
            expected = index + 1;
            // SAFETY: as above.
            let value = Some(unsafe { Bound::from_borrowed_ptr(py, value) });
            match index.checked_sub(SETTINGS.len()) {
                None => settings[index] = value,
                Some(index) => later[index] = value,
            }
        }
        Some((settings, later))
    }
}

/// An attribute that is surely the instance's own: its class has no say.
fn own_attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are valid objects; the call gives a new reference, or null with an exception set.
    unsafe {
        let value = ffi::PyObject_GenericGetAttr(object.as_ptr(), name.as_ptr());
        Bound::from_owned_ptr_or_err(object.py(), value)
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
