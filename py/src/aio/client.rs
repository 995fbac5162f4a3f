//! `entreat.aio.Client`: the modern client, awaited.
//!
//! It is told what `entreat.Client` is told, reads the same arguments, and gives the same answers. It works in any number
//! of event loops: each has connections of its own, and all share settings and cookies. After a fork it begins anew.

use crate::aio::call::Call;
use crate::aio::connections::Connections;
use crate::aio::events::{self, Loop};
use crate::aio::response::Opening;
use crate::aio::sending::{Downloading, Sending};
use crate::aio::work::{Next, Work};
use crate::client::arguments::{self, Defaults};
use crate::client::download;
use crate::client::hooks::Hooks;
use crate::client::{Blueprint, Cookies, InPython, Request, closed, put_cookies, raise, without_credentials};
use crate::session::current_generation;
use entreat::{Config, PoolRules, SharedJar, Url};
use entreat_core::Scheme;
use entreat_core::policy::cookies::Facts;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Sends requests, keeps connections and cookies. Any number of tasks, event loops and threads may share one.
#[pyclass(module = "entreat.aio", frozen, subclass)]
pub(crate) struct Client {
    config: Config,
    keeps_cookies: bool,
    defaults: Defaults,
    /// A coroutine function that signs requests.
    auth: Option<Py<PyAny>>,
    hooks: Hooks,
    transport: Option<InPython>,
    closed: AtomicBool,
    /// Locked only with the GIL held, so never across a fork, and never across a call into Python.
    kept: Mutex<Kept>,
}

/// What is kept from request to request.
struct Kept {
    /// The process, by forks, that it belongs to.
    generation: u64,
    jar: SharedJar,
    lanes: Vec<Lane>,
}

/// The connections of one event loop.
struct Lane {
    /// Where the loop's object is, as long as `home` is there.
    address: usize,
    home: Py<PyWeakrefReference>,
    connections: Connections,
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (base_url=None, **knobs))]
    fn new(py: Python<'_>, base_url: Option<&str>, knobs: Option<&Bound<'_, PyDict>>) -> PyResult<Client> {
        let auth = knobs.map(|knobs| knobs.get_item("auth")).transpose()?.flatten();
        let auth = auth.filter(is_coroutine_function);
        let others = match (knobs, &auth) {
            (Some(knobs), Some(_)) => {
                let others = knobs.copy()?;
                others.del_item("auth")?;
                Some(others)
            }
            (knobs, _) => knobs.cloned(),
        };
        let knobs = others.as_ref();
        let auth = auth.map(Bound::unbind);
        let Blueprint { config, defaults, hooks, transport, cookies } =
            Blueprint::read(py, base_url, knobs, true)?;
        let config = config.or(&Config::new().pool(PoolRules::for_tasks()));
        let keeps_cookies = config.clone().resolve().map_err(|error| raise(py, &error))?.cookies;
        let jar = SharedJar::default();
        if let Some(cookies) = cookies {
            put_cookies(&jar, defaults.base.as_ref(), &cookies)?;
        }
        let kept = Mutex::new(Kept { generation: current_generation(), jar, lanes: Vec::new() });
        Ok(Client {
            config,
            keeps_cookies,
            defaults,
            auth,
            hooks,
            transport,
            closed: AtomicBool::new(false),
            kept,
        })
    }

    /// Sends ``GET url``.
    #[pyo3(signature = (url, **options))]
    fn get(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Client::call(slf, "Client.get", Cow::Borrowed("GET"), url, options)
    }

    /// Sends ``OPTIONS url``.
    #[pyo3(signature = (url, **options))]
    fn options(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Client::call(slf, "Client.options", Cow::Borrowed("OPTIONS"), url, options)
    }

    /// Sends ``HEAD url``.
    #[pyo3(signature = (url, **options))]
    fn head(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Client::call(slf, "Client.head", Cow::Borrowed("HEAD"), url, options)
    }

    /// Sends ``POST url``.
    #[pyo3(signature = (url, **options))]
    fn post(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Client::call(slf, "Client.post", Cow::Borrowed("POST"), url, options)
    }

    /// Sends ``PUT url``.
    #[pyo3(signature = (url, **options))]
    fn put(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Client::call(slf, "Client.put", Cow::Borrowed("PUT"), url, options)
    }

    /// Sends ``PATCH url``.
    #[pyo3(signature = (url, **options))]
    fn patch(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Client::call(slf, "Client.patch", Cow::Borrowed("PATCH"), url, options)
    }

    /// Sends ``DELETE url``.
    #[pyo3(signature = (url, **options))]
    fn delete(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Client::call(slf, "Client.delete", Cow::Borrowed("DELETE"), url, options)
    }

    /// Sends a request with any method, and reads its answer.
    #[pyo3(signature = (method, url, **options))]
    fn request(
        slf: &Bound<'_, Self>,
        method: String,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Client::call(slf, "Client.request", Cow::Owned(method), url, options)
    }

    /// The same, but leaves the body to be read as it comes: ``async with client.stream("GET", url) as response``.
    #[pyo3(signature = (method, url, **options))]
    fn stream(
        slf: &Bound<'_, Self>,
        method: String,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Opening> {
        let sending = Client::asked(slf, "Client.stream", Cow::Owned(method), url, options, true)?;
        Ok(Opening::new(sending))
    }

    /// A request as this client would send it, to be looked at, changed in its headers, and sent by `send`.
    #[pyo3(signature = (method, url, **options))]
    fn build_request(
        slf: &Bound<'_, Self>,
        method: String,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Request> {
        slf.get().build(slf.py(), Cow::Owned(method), url, options).map(Request::of)
    }

    /// Sends a request as it is; nothing of the client's headers or credentials is added.
    #[pyo3(signature = (request, *, stream=false))]
    fn send(slf: &Bound<'_, Self>, request: &Bound<'_, Request>, stream: bool) -> Call {
        let request = request.get().to_send(slf.py());
        Call::new(Work::Send(Client::sending(slf, "Client.send", request, stream)))
    }

    /// Fetches a URL into a file: whole or not at all, and on from where an earlier attempt stopped. The file is written
    /// on the loop's own thread.
    #[pyo3(signature = (url, path, *, resume=true, progress=None, checksum=None, **options))]
    fn download(
        slf: &Bound<'_, Self>,
        url: &Bound<'_, PyAny>,
        path: &Bound<'_, PyAny>,
        resume: bool,
        progress: Option<&Bound<'_, PyAny>>,
        checksum: Option<&Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        let mut sending = Client::asked(slf, "Client.download", Cow::Borrowed("GET"), url, options, false)?;
        let (download, bar) = download::of(sending.request.clone(), path, resume, progress, checksum)?;
        let downloading = Downloading { download: Some(download), bar: bar.map(Bound::unbind) };
        sending.downloading = Some(Box::new(downloading));
        Ok(Call::new(Work::Send(sending)))
    }

    /// The cookies that it keeps.
    #[getter]
    fn cookies(slf: &Bound<'_, Self>) -> Cookies {
        Cookies::of_async(slf.clone().unbind())
    }

    /// The URL below which relative ones go.
    #[getter]
    fn base_url(&self) -> Option<&str> {
        self.defaults.base.as_ref().map(Url::as_str)
    }

    /// What its connections are doing, in all loops, at this moment.
    #[getter]
    fn pool_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (mut idle, mut in_use, mut waiting, mut opened, mut reused) = (0, 0, 0, 0, 0);
        for lane in &self.kept().lanes {
            let stats = lane.connections.stats();
            idle += stats.idle;
            in_use += stats.in_use;
            waiting += stats.waiting;
            opened += stats.opened;
            reused += stats.reused;
        }
        let class = py.import("entreat.client")?.getattr("PoolStats")?;
        class.call1((idle, in_use, waiting, opened, reused))
    }

    #[getter]
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Closes its connections. Streams that are open can be read to their end; new requests raise `ClientClosed`.
    fn aclose(slf: &Bound<'_, Self>) -> Call {
        Call::new(Work::Close(slf.clone().unbind()))
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Call> {
        match slf.get().is_closed() {
            true => Err(raise(slf.py(), &closed())),
            false => Ok(Call::new(Work::Give("Client.__aenter__", slf.clone().into_any().unbind()))),
        }
    }

    fn __aexit__(
        slf: &Bound<'_, Self>,
        _class: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> Call {
        Client::aclose(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.auth.as_ref().map_or(Ok(()), |auth| visit.call(auth))?;
        self.transport.as_ref().map_or(Ok(()), |transport| visit.call(transport.object()))?;
        self.defaults.traverse(&visit)?;
        self.hooks.traverse(&visit)
    }

    fn __repr__(&self) -> String {
        let base = self.base_url().map(|base| format!(" {}", without_credentials(base)));
        format!("<Client{}{}>", base.unwrap_or_default(), if self.is_closed() { " (closed)" } else { "" })
    }
}

impl Client {
    fn call(
        slf: &Bound<'_, Self>,
        name: &'static str,
        method: Cow<'static, str>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Call> {
        Ok(Call::new(Work::Send(Client::asked(slf, name, method, url, options, false)?)))
    }

    /// What a call asks for. Its `auth`, or the client's, may be a coroutine function, which the engine cannot call.
    fn asked(
        slf: &Bound<'_, Self>,
        name: &'static str,
        method: Cow<'static, str>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
        stream: bool,
    ) -> PyResult<Box<Sending>> {
        let (py, this) = (slf.py(), slf.get());
        let own = options.map(|options| options.get_item(pyo3::intern!(py, "auth"))).transpose()?.flatten();
        let signs = own.as_ref().filter(|own| is_coroutine_function(own));
        let request = match (options, signs) {
            (Some(options), Some(_)) => {
                let others = options.copy()?;
                others.del_item("auth")?;
                this.build(py, method, url, Some(&others))?
            }
            (options, _) => this.build(py, method, url, options)?,
        };
        let auth = match (own.is_some(), signs) {
            (true, signs) => signs.map(|signs| signs.clone().unbind()),
            (false, _) => {
                this.auth.as_ref().filter(|_| this.is_meant(&request)).map(|auth| auth.clone_ref(py))
            }
        };
        let mut sending = Client::sending(slf, name, request, stream);
        sending.auth = auth;
        Ok(sending)
    }

    /// The client's credentials are for the origin of its base URL, where it has one, and never over a header.
    fn is_meant(&self, request: &entreat::Request) -> bool {
        let is_ours = match (&self.defaults.base, request.url()) {
            (Some(base), Some(url)) => base.same_origin(url),
            (None, _) | (_, None) => true,
        };
        is_ours && !request.headers().contains("Authorization")
    }

    fn sending(
        slf: &Bound<'_, Self>,
        name: &'static str,
        request: entreat::Request,
        stream: bool,
    ) -> Box<Sending> {
        Box::new(Sending::new(name, slf.clone().unbind(), request, stream))
    }

    fn build(
        &self,
        py: Python<'_>,
        method: Cow<'static, str>,
        url: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<entreat::Request> {
        arguments::request(py, &self.defaults, method, url, options, |url| self.cookie_for(py, url))
    }

    fn cookie_for(&self, py: Python<'_>, url: &Url) -> Option<Vec<u8>> {
        if !self.keeps_cookies {
            return None;
        }
        let jar = self.jar(py);
        let facts = Facts { secure: url.scheme() == Scheme::Https, host: url.host(), path: url.path() };
        // Another thread may hold the jar for a moment.
        py.detach(|| jar.lock().header_for(&facts, SystemTime::now()))
    }

    /// The cookies that all its loops share.
    pub(crate) fn jar(&self, _locked: Python<'_>) -> SharedJar {
        self.kept().jar.clone()
    }

    pub(super) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// The loop that the caller runs in, and this client's connections there.
    pub(super) fn lane<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, Loop>, Connections)> {
        let object = events::running(py)?;
        match self.known_lane(&object)? {
            Some(lane) => Ok(lane),
            None => self.make_lane(&object),
        }
    }

    fn known_lane<'py>(
        &self,
        object: &Bound<'py, PyAny>,
    ) -> PyResult<Option<(Bound<'py, Loop>, Connections)>> {
        let kept = self.kept();
        for lane in kept.lanes.iter().filter(|lane| lane.address == object.as_ptr() as usize) {
            if let Some(home) = lane.home.bind(object.py()).upgrade() {
                return Ok(Some((home.cast_into::<Loop>()?, lane.connections.clone())));
            }
        }
        Ok(None)
    }

    fn make_lane<'py>(&self, object: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, Loop>, Connections)> {
        let py = object.py();
        let home = Loop::of(object)?;
        let config = self.config.clone().cookie_jar(self.jar(py));
        let driver = home.get().driver();
        let connections = driver.way().open(py, &config, self.transport.as_ref())?;
        driver.serve(connections.left());
        let lane = Lane {
            address: object.as_ptr() as usize,
            home: PyWeakrefReference::new(home.as_any())?.unbind(),
            connections: connections.clone(),
        };
        let before = std::mem::take(&mut self.kept().lanes);
        // What belongs to loops that are gone, or closed, goes with this.
        let mut lanes: Vec<Lane> = before.into_iter().filter(|lane| lane.is_alive(py)).collect();
        lanes.push(lane);
        self.kept().lanes.append(&mut lanes);
        Ok((home, connections))
    }

    /// Refuses requests from now on, and closes the connections: those of the running loop with a good-bye.
    pub(super) fn begin_close<'py>(slf: &Bound<'py, Self>) -> PyResult<Next<'py>> {
        let (py, this) = (slf.py(), slf.get());
        this.closed.store(true, Ordering::Relaxed);
        let running = events::running(py).ok();
        let mine = running.map_or(Ok(None), |object| this.known_lane(&object))?;
        let others: Vec<Connections> = {
            let here = mine.as_ref().map(|(home, _)| home.get().address());
            let kept = this.kept();
            let others = kept.lanes.iter().filter(|lane| Some(lane.address) != here);
            others.map(|lane| lane.connections.clone()).collect()
        };
        others.iter().for_each(Connections::close_now);
        match mine {
            None => Ok(Next::Return(py.None())),
            Some((home, connections)) => Ok(Next::Operate(home, connections.close())),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.generation != current_generation() {
            kept.begin_anew();
        }
        kept
    }
}

/// True for what is made by ``async def``, and for objects whose class is called so.
fn is_coroutine_function(value: &Bound<'_, PyAny>) -> bool {
    const CO_COROUTINE: u32 = 0x80;
    let flags = |function: &Bound<'_, PyAny>| -> PyResult<u32> {
        function.getattr("__code__")?.getattr("co_flags")?.extract()
    };
    let own = flags(value).or_else(|_| flags(&value.get_type().getattr("__call__")?));
    own.is_ok_and(|flags| flags & CO_COROUTINE != 0)
}

impl Lane {
    fn is_alive(&self, py: Python<'_>) -> bool {
        let home = self.home.bind(py).upgrade_as::<Loop>().ok().flatten();
        home.is_some_and(|home| home.get().is_open(py))
    }
}

impl Kept {
    /// In a forked child: the parent's connections are left alone, since dropping them could wait for a lock that a
    /// thread of the parent holds for ever.
    fn begin_anew(&mut self) {
        let jar = self.jar.try_lock().map(|jar| jar.clone()).unwrap_or_default();
        let jar = std::mem::replace(&mut self.jar, SharedJar::new(jar));
        std::mem::forget((jar, std::mem::take(&mut self.lanes)));
        self.generation = current_generation();
    }
}
