//! One exchange for the open lane: a request exactly as given, and the response's body as it comes in.
//!
//! Called by the seam below urllib3's connection pool, which decides fields, framing and time-outs. Content codings,
//! redirects, cookies and retries are decided above.

use crate::body;
use crate::errors::raise;
use crate::session::PerProcess;
use crate::state::{self, Limits, NetworkRules};
use crate::way::{self, Trust};
use entreat::engine::Outgoing;
use entreat::incoming::Incoming;
use entreat::net::blocking::{Blocking, block};
use entreat::{Body, Error, Headers, Identity, Roots, Timeout, Url, Version};
use entreat_core::exchange::{BodyFraming, BodyLength};
use entreat_core::policy::proxy::{Credentials, Server};
use entreat_core::route::Proxy;
use entreat_core::{Deadlines, ResponseHead, Settings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Connections that requests share.
#[pyclass(module = "entreat._native", frozen)]
pub(crate) struct Engine {
    connections: PerProcess,
    /// How connections are made, where a session's options say so.
    network: Option<Py<NetworkRules>>,
}

#[pymethods]
impl Engine {
    /// Without arguments, connections are made and kept as for every session; else for so many seconds, and by `network`.
    #[new]
    #[pyo3(signature = (rules=None, network=None))]
    fn new(
        py: Python<'_>,
        rules: Option<(Option<f64>, Option<f64>)>,
        network: Option<Py<NetworkRules>>,
    ) -> Engine {
        let engine = Engine { connections: PerProcess::default(), network };
        if let Some((idle_timeout, max_age)) = rules {
            engine.connections.set_rules(py, idle_timeout, max_age);
        }
        engine
    }

    /// Sends a request exactly as given and returns once the head of the response is there.
    ///
    /// `headers` are pairs of bytes, all that is to be sent, Host included; `body` is `None`, bytes or an iterable of
    /// bytes; time-outs are in seconds, `None` for no limit; `verify` is a bool or the path of a CA file or directory;
    /// `cert` are the paths of the client's certificate and of its key, `None` where both are in one file, and the key's
    /// passphrase or `None`. `limits`, where given, are an `entreat.Timeout`'s parts, and go before the two time-outs.
    /// `proxy` is its URL, pairs of bytes that it is told, and a pair of user and password; where it forwards, `target` is
    /// the whole URL.
    /// Raises `EngineError`, or what the body's iterator raised.
    #[pyo3(signature = (method, scheme, host, port, target, headers, body, chunked, connect_timeout, read_timeout,
                        verify, cert=None, limits=None, proxy=None))]
    #[expect(clippy::too_many_arguments, reason = "the seam passes what a request consists of")]
    fn exchange(
        &self,
        py: Python<'_>,
        method: &str,
        scheme: &str,
        host: &str,
        port: u16,
        target: &str,
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        body: &Bound<'_, PyAny>,
        chunked: bool,
        connect_timeout: Option<f64>,
        read_timeout: Option<f64>,
        verify: &Bound<'_, PyAny>,
        cert: Option<Certificate>,
        limits: Option<Limits>,
        proxy: Option<Told>,
    ) -> PyResult<Raw> {
        let raised = |error: Error| raise(py, &error);
        let bracketed =
            if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.into() };
        // To a proxy that forwards, the target is the URL.
        let url = match target.starts_with('/') || target == "*" {
            true => format!("{scheme}://{bracketed}:{port}{target}"),
            false => target.to_owned(),
        };
        let url = Url::from_prepared(&url).map_err(raised)?;
        let mut fields = Headers::with_capacity(headers.len(), 512);
        for (name, value) in &headers {
            fields.append_lenient(name, value).map_err(raised)?;
        }
        let announced = fields.get_str("Content-Length").and_then(|text| text.trim().parse().ok());
        let body = body::from_python(body, announced)?;
        let framing = framing(&body, chunked, announced)?;
        let timeout = match limits.and_then(state::limits) {
            Some(timeout) => timeout,
            None => timeout(connect_timeout, read_timeout).map_err(raised)?,
        };
        let network = self.network.as_ref().map(|network| network.get());
        let settings = settings(verify, cert, network)?;
        let proxy = proxy.map(|told| told_proxy(told, &settings)).transpose().map_err(raised)?;
        let outgoing = Outgoing {
            method,
            url: &url,
            proxy: proxy.as_ref(),
            headers: &fields,
            framing,
            body: &body,
            settings: &settings,
            deadlines: Deadlines::start(timeout, Instant::now()),
            keep_alive: true,
            authority_form: false,
        };
        let connections = self.connections.connections();
        let outcome = py.detach(|| block(connections.exchange(&outgoing)));
        let (head, incoming) = outcome.map_err(raised)?;
        Ok(Raw::new(head, incoming))
    }

    /// Closes idle connections. The engine can be used again afterwards.
    fn close(&self, py: Python<'_>) {
        self.connections.close(py);
    }

    /// Whether a session's options say where connections may go.
    #[getter]
    fn has_network(&self) -> bool {
        self.network.as_ref().is_some_and(|network| network.get().leads_elsewhere())
    }

    /// How many connections are idle.
    #[getter]
    fn idle(&self) -> usize {
        self.connections.connections().idle()
    }
}

/// A proxy: its URL, the fields that it is told, and user and password for SOCKS.
type Told = (String, Vec<(Vec<u8>, Vec<u8>)>, Option<(String, String)>);

fn told_proxy((url, fields, user): Told, settings: &Settings) -> Result<Proxy, Error> {
    let mut server = Server::parse(&url)?;
    server.credentials = user.map(|(user, password)| Credentials::new(user, password));
    let mut told = Headers::new();
    fields.iter().try_for_each(|(name, value)| told.append_lenient(name, value))?;
    let settings = Settings { proxy_headers: Some(Arc::new(told)), ..settings.clone() };
    Proxy::new(server, &Headers::new(), &settings)
}

fn framing(body: &Body, chunked: bool, announced: Option<u64>) -> PyResult<BodyFraming> {
    match (chunked, body.length(), announced) {
        (true, _, _) => Ok(BodyFraming::Chunked),
        (false, BodyLength::Known(length), _) => Ok(BodyFraming::Length(length)),
        (false, BodyLength::None, _) => Ok(BodyFraming::Length(0)),
        (false, BodyLength::Unknown, Some(length)) => Ok(BodyFraming::Length(length)),
        (false, BodyLength::Unknown, None) => {
            Err(PyValueError::new_err("a body of unknown length needs chunked=True or a Content-Length"))
        }
    }
}

fn timeout(connect: Option<f64>, read: Option<f64>) -> Result<Timeout, Error> {
    let limit = |part, seconds: Option<f64>| -> Result<Option<Duration>, Error> {
        seconds.map(|number| entreat_core::deadline::seconds(part, number)).transpose()
    };
    // requests' read time-out also bounds each write.
    let read = limit("read", read)?;
    Ok(Timeout { connect: limit("connect", connect)?, read, write: read, ..Timeout::NONE })
}

fn settings(
    verify: &Bound<'_, PyAny>,
    cert: Option<Certificate>,
    network: Option<&NetworkRules>,
) -> PyResult<Arc<Settings>> {
    let identity = cert.map(|(certificate, key, passphrase)| {
        let identity = Identity::files(certificate, key);
        passphrase.into_iter().fold(identity, Identity::passphrase)
    });
    let (roots, accept_any_certificate) = match verify.extract::<bool>() {
        // Without a path: the operating system's store.
        Ok(verify) => (Roots::System, !verify),
        Err(_) => (Roots::Path(verify.extract()?), false),
    };
    let mut settings = way::settings(Trust { roots, accept_any_certificate, identity });
    if let Some(network) = network {
        Arc::make_mut(&mut settings).network = Arc::clone(&network.0);
    }
    Ok(settings)
}

/// The paths of a client's certificate and of its key, `None` where both are in one file, and the key's passphrase.
type Certificate = (PathBuf, Option<PathBuf>, Option<String>);

/// A response whose head has arrived: what http.client's response is to urllib3, already dechunked.
#[pyclass(module = "entreat._native", frozen)]
pub(crate) struct Raw {
    head: ResponseHead,
    /// Absent where the body was read before this was made.
    incoming: Mutex<Option<Box<Incoming<Blocking>>>>,
}

impl Raw {
    pub(crate) fn new(head: ResponseHead, incoming: Box<Incoming<Blocking>>) -> Raw {
        Raw { head, incoming: Mutex::new(Some(incoming)) }
    }

    /// A response whose body was read already.
    pub(crate) fn read_before(head: ResponseHead) -> Raw {
        Raw { head, incoming: Mutex::new(None) }
    }
}

#[pymethods]
impl Raw {
    #[getter]
    fn status(&self) -> u16 {
        self.head.status
    }

    /// 10 or 11.
    #[getter]
    fn version(&self) -> u8 {
        match self.head.version {
            Version::Http10 => 10,
            Version::Http11 => 11,
        }
    }

    #[getter]
    fn reason(&self) -> String {
        latin1(&self.head.reason)
    }

    /// The fields as pairs of text, each byte a character.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.head.headers.iter().map(|(name, value)| (name, latin1(value))))
    }

    /// True once the body was read to its end, or given up.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        py.detach(|| self.incoming().as_ref().is_none_or(|incoming| incoming.is_done()))
    }

    /// The trailer fields of a chunked body that was read to its end.
    #[getter]
    fn trailers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let trailers =
            py.detach(|| self.incoming().as_ref().and_then(|incoming| incoming.trailers().cloned()));
        let trailers = trailers.unwrap_or_default();
        PyList::new(py, trailers.iter().map(|(name, value)| (name, latin1(value))))
    }

    /// Of the chunk whose data is coming in: how many bytes have come.
    #[getter]
    fn chunk_taken(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.incoming().as_ref().map_or(0, |incoming| incoming.chunk().0))
    }

    /// And how many are missing.
    #[getter]
    fn chunk_left(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.incoming().as_ref().map_or(0, |incoming| incoming.chunk().1))
    }

    /// Reads up to `amount` bytes, fewer only at the end; all that is left where `amount` is negative or `None`.
    #[pyo3(signature = (amount=None))]
    fn read<'py>(&self, py: Python<'py>, amount: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let outcome = py.detach(|| match amount.and_then(|amount| usize::try_from(amount).ok()) {
            None => self.incoming().as_mut().map_or(Ok(Vec::new()), |incoming| block(incoming.read_to_end())),
            Some(amount) => self.read_amount(amount),
        });
        outcome.map(|bytes| PyBytes::new(py, &bytes)).map_err(|error| raise(py, &error))
    }

    /// Reads what is there, at most `amount` bytes; waits only where nothing is.
    fn read1<'py>(&self, py: Python<'py>, amount: usize) -> PyResult<Bound<'py, PyBytes>> {
        let outcome = py.detach(|| {
            let mut bytes = vec![0; amount.min(READ_AHEAD)];
            let count = match &mut *self.incoming() {
                Some(incoming) => block(incoming.read(&mut bytes))?,
                None => 0,
            };
            bytes.truncate(count);
            Ok(bytes)
        });
        outcome.map(|bytes| PyBytes::new(py, &bytes)).map_err(|error: Error| raise(py, &error))
    }

    /// Reads into a writable buffer and returns how many bytes were put there; 0 at the end.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let length = buffer.len()?;
        let bytes = self.read(py, Some(isize::try_from(length)?))?;
        let view = py.import("builtins")?.getattr("memoryview")?.call1((buffer,))?;
        let view =
            if buffer.is_instance_of::<PyByteArray>() { view } else { view.call_method1("cast", ("B",))? };
        let count = bytes.as_bytes().len();
        view.set_item(pyo3::types::PySlice::new(py, 0, count as isize, 1), bytes)?;
        Ok(count)
    }

    /// Gives the body up. The connection is closed unless all of it has arrived.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.incoming().as_mut().map(|incoming| incoming.abandon()));
    }
}

/// Memory taken ahead of the bytes that may never come.
const READ_AHEAD: usize = 1 << 20;

impl Raw {
    fn read_amount(&self, amount: usize) -> Result<Vec<u8>, Error> {
        let mut incoming = self.incoming();
        let Some(incoming) = &mut *incoming else { return Ok(Vec::new()) };
        let mut bytes = Vec::new();
        while bytes.len() < amount {
            let filled = bytes.len();
            bytes.resize(amount.min(filled + READ_AHEAD), 0);
            let count = block(incoming.read(&mut bytes[filled..]))?;
            bytes.truncate(filled + count);
            if count == 0 {
                break;
            }
        }
        Ok(bytes)
    }

    fn incoming(&self) -> MutexGuard<'_, Option<Box<Incoming<Blocking>>>> {
        // A panic in a reader leaves a body that gives errors, not wrong bytes.
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes as text the way http.client reads heads: each byte is the character of that number.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
