//! One request of a client, from its hooks to the answer, or to a file that it is downloaded into.

use crate::aio::client::Client;
use crate::aio::events::Loop;
use crate::aio::response::{Opening, Response};
use crate::aio::work::{Next, Received};
use crate::client::hooks::log;
use crate::client::{Request, closed, download, failed, raise_with, refused};
use entreat::{Download, Downloaded, Error};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

/// One request, and its answer.
pub(super) struct Sending {
    pub(super) name: &'static str,
    client: Py<Client>,
    pub(super) request: entreat::Request,
    stream: bool,
    /// A coroutine function that signs the request, behind the hooks.
    pub(super) auth: Option<Py<PyAny>>,
    /// Who closes the answer.
    pub(super) opening: Option<Py<Opening>>,
    /// Into which file the answer goes, where it does.
    pub(super) downloading: Option<Box<Downloading>>,
    stage: Stage,
}

/// Which hooks are being called: the number is that of the next one.
enum Stage {
    Request(usize, Option<Py<Request>>),
    Response(usize, Py<Response>),
}

impl Sending {
    pub(super) fn new(
        name: &'static str,
        client: Py<Client>,
        request: entreat::Request,
        stream: bool,
    ) -> Sending {
        let stage = Stage::Request(0, None);
        Sending { name, client, request, stream, auth: None, opening: None, downloading: None, stage }
    }

    pub(super) fn begin<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        if self.client.get().hooks().of_request().is_empty() && self.auth.is_none() {
            return self.exchange(py);
        }
        let shown = Py::new(py, Request::of(self.request.clone()))?;
        self.stage = Stage::Request(0, Some(shown));
        self.ask_hooks(py)
    }

    /// Calls the hooks that are left. One may be a coroutine function: what it returns is awaited first.
    fn ask_hooks<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        while let Some(returned) = self.call_next_hook(py)? {
            if returned.hasattr(pyo3::intern!(py, "__await__"))? {
                return Ok(Next::Await(returned));
            }
            self.note(returned);
        }
        match &self.stage {
            Stage::Request(_, shown) => {
                if let Some(shown) = shown {
                    self.request = shown.get().to_send(py);
                }
                self.exchange(py)
            }
            Stage::Response(_, response) => Ok(Next::Return(response.clone_ref(py).into_any())),
        }
    }

    fn call_next_hook<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let hooks = self.client.get().hooks();
        let (hook, shown) = match &mut self.stage {
            Stage::Request(at, shown) => {
                *at += 1;
                let shown = shown.as_ref().map(|shown| shown.clone_ref(py).into_any());
                let signs = self.auth.as_ref().filter(|_| *at - 1 == hooks.of_request().len());
                (hooks.of_request().get(*at - 1).or(signs), shown)
            }
            Stage::Response(at, response) => {
                *at += 1;
                (hooks.of_response().get(*at - 1), Some(response.clone_ref(py).into_any()))
            }
        };
        match (hook, shown) {
            (Some(hook), Some(shown)) => hook.bind(py).call1((shown,)).map(Some),
            (None, _) | (_, None) => Ok(None),
        }
    }

    pub(super) fn answer<'py>(&mut self, py: Python<'py>, value: Bound<'py, PyAny>) -> PyResult<Next<'py>> {
        self.note(value);
        self.ask_hooks(py)
    }

    /// A hook on requests may return another one.
    fn note(&mut self, returned: Bound<'_, PyAny>) {
        if let Stage::Request(_, shown) = &mut self.stage
            && let Ok(other) = returned.cast_into::<Request>()
        {
            *shown = Some(other.unbind());
        }
    }

    fn exchange<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        let client = self.client.get();
        if client.is_closed() {
            return Err(failed(py, &closed(), self.request.clone()));
        }
        let (home, connections) = client.lane(py)?;
        if let Some(download) = self.downloading.as_mut().and_then(|downloading| downloading.download.take())
        {
            let download = download.with_request(self.request.clone());
            return Ok(Next::Operate(home, connections.download(download)));
        }
        Ok(Next::Operate(home, connections.exchange(self.request.clone(), self.stream)))
    }

    pub(super) fn receive<'py>(
        &mut self,
        home: &Bound<'py, Loop>,
        outcome: Result<Box<Received>, Error>,
    ) -> PyResult<Next<'py>> {
        let py = home.py();
        let told = outcome.as_ref().map(|received| received.response.told());
        log(py, &self.request, told)?;
        let received = outcome.map_err(|error| failed(py, &error, self.request.clone()))?;
        let Received { response, body } = *received;
        match body {
            Ok(body) => {
                let response = Response::make(home, response, body)?;
                if let Some(opening) = &self.opening {
                    opening.get().opened(&response);
                }
                if self.client.get().hooks().of_response().is_empty() {
                    return Ok(Next::Return(response.into_any().unbind()));
                }
                self.stage = Stage::Response(0, response.unbind());
                self.ask_hooks(py)
            }
            Err(error) => {
                // What there is of the response goes with the error.
                let response = Response::broken(py, response)?;
                let request = response.as_super().get().request(py)?;
                Err(raise_with(py, &error, Some(request), Some(response.as_super())))
            }
        }
    }

    /// A download is over.
    pub(super) fn end(&self, py: Python<'_>, outcome: Result<Downloaded, Error>) -> PyResult<Py<PyAny>> {
        self.bar().map_or(Ok(()), |bar| bar.bind(py).call_method0("close").map(drop))?;
        match outcome {
            Ok(done) => Ok(download::done(py, done)?.unbind()),
            Err(error) => Err(refused(py, &error, self.request.clone())),
        }
    }

    fn bar(&self) -> Option<&Py<PyAny>> {
        self.downloading.as_ref().and_then(|downloading| downloading.bar.as_ref())
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.client)?;
        self.bar().map_or(Ok(()), |bar| visit.call(bar))?;
        self.auth.as_ref().map_or(Ok(()), |auth| visit.call(auth))?;
        self.opening.as_ref().map_or(Ok(()), |opening| visit.call(opening))?;
        match &self.stage {
            Stage::Request(_, shown) => shown.as_ref().map_or(Ok(()), |shown| visit.call(shown)),
            Stage::Response(_, response) => visit.call(response),
        }
    }
}

/// A download, once its request has been shown to the hooks.
pub(super) struct Downloading {
    /// Taken when it begins.
    pub(super) download: Option<Download>,
    /// What shows how far it is, to be closed behind it.
    pub(super) bar: Option<Py<PyAny>>,
}
